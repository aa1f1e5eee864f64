//! `IdleTokenTimeout`: the organisation's configuration, which is read, modified and written whole.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::api::field::{self, Fields};
use crate::keeper::TimeoutReport;

const SECONDS: &str = "idleTokenTimeoutSeconds";
const ENABLED: &str = "enableIdleTokenTimeout";
const UNIT: &str = "inactivityTimeoutUnit";
const GROUPS_ENABLED: &str = "inactivityTimeoutGroupsEnabled";
const GROUPS: &str = "inactivityTimeoutGroupBundles";

/// The idle timeout of an organisation. Every field may be absent, and unknown ones are kept.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(transparent)]
pub struct IdleTokenTimeout(Fields);

/// A bundle of groups with a timeout of their own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group<'a> {
    /// `priority`: 1 to 5.
    pub priority: Option<u64>,
    /// `timeoutSeconds`.
    pub timeout: Option<Duration>,
    /// `groups`: their ids.
    pub groups: Vec<&'a str>,
}

impl IdleTokenTimeout {
    /// Reads the body as an `IdleTokenTimeout`; returns `None` if it is not a JSON object, or has
    /// none of the known fields.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        let fields = field::object(body)?;
        let known = fields
            .iter()
            .any(|(name, value)| match (name.as_str(), value) {
                (SECONDS, Value::Number(_) | Value::String(_))
                | (ENABLED | GROUPS_ENABLED, Value::Bool(_) | Value::String(_))
                | (UNIT, Value::String(_))
                | (GROUPS, Value::Array(_)) => true,
                (_, _) => false,
            });
        known.then_some(Self(fields))
    }

    /// Returns `idleTokenTimeoutSeconds`, enabled or not.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        field::seconds(&self.0, SECONDS)
    }

    /// Returns `enableIdleTokenTimeout`.
    #[must_use]
    pub fn is_enabled(&self) -> Option<bool> {
        field::boolean(&self.0, ENABLED)
    }

    /// Returns `inactivityTimeoutGroupsEnabled`; if it is absent, true if there are bundles.
    #[must_use]
    pub fn groups_are_enabled(&self) -> bool {
        field::boolean(&self.0, GROUPS_ENABLED)
            .unwrap_or_else(|| !field::elements(&self.0, GROUPS).is_empty())
    }

    /// Returns `inactivityTimeoutGroupBundles`, enabled or not.
    #[must_use]
    pub fn groups(&self) -> Vec<Group<'_>> {
        let bundles = field::elements(&self.0, GROUPS);
        let bundles = bundles.iter().filter_map(Value::as_object);
        bundles
            .map(|bundle| Group {
                priority: field::whole(bundle, "priority"),
                timeout: field::seconds(bundle, "timeoutSeconds"),
                groups: field::elements(bundle, "groups")
                    .iter()
                    .filter_map(Value::as_str)
                    .collect(),
            })
            .collect()
    }

    /// Enables the timeout with this many seconds, of which the API allows 300 to 28800.
    pub fn set(&mut self, seconds: u32) {
        self.0.insert(ENABLED.to_owned(), Value::Bool(true));
        self.0.insert(SECONDS.to_owned(), Value::from(seconds));
    }

    /// Disables the timeout of the organisation; the timeouts of its groups stay as they are.
    pub fn disable(&mut self) {
        self.0.insert(ENABLED.to_owned(), Value::Bool(false));
        // The API requires that the seconds are absent when the timeout is disabled.
        self.0.remove(SECONDS);
    }

    /// Returns the whole object, as received or as modified.
    #[must_use]
    pub fn fields(&self) -> &serde_json::Map<String, Value> {
        &self.0
    }

    /// Returns the enabled timeouts for the keeper.
    #[must_use]
    pub fn report(&self) -> TimeoutReport {
        let enabled = self.is_enabled() != Some(false);
        let groups = if self.groups_are_enabled() {
            self.groups()
        } else {
            Vec::new()
        };
        TimeoutReport {
            organisation: self.timeout().filter(|_| enabled),
            groups: groups.iter().filter_map(|group| group.timeout).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> IdleTokenTimeout {
        IdleTokenTimeout::read(body.as_bytes()).unwrap()
    }

    fn report(body: &str) -> (Option<u64>, Vec<u64>) {
        let report = read(body).report();
        let groups = report.groups.iter().map(Duration::as_secs).collect();
        (report.organisation.map(|timeout| timeout.as_secs()), groups)
    }

    #[test]
    fn only_enabled_timeouts_are_reported() {
        let bundles = r#""inactivityTimeoutGroupBundles":[{"timeoutSeconds":600},{"timeoutSeconds":"300"},{"timeoutSeconds":0},7]"#;
        for (body, expected) in [
            (
                r#"{"idleTokenTimeoutSeconds":900,"enableIdleTokenTimeout":true}"#.to_owned(),
                (Some(900), vec![]),
            ),
            (
                r#"{"idleTokenTimeoutSeconds":900}"#.to_owned(),
                (Some(900), vec![]),
            ),
            (
                r#"{"idleTokenTimeoutSeconds":900,"enableIdleTokenTimeout":false}"#.to_owned(),
                (None, vec![]),
            ),
            (
                format!(r#"{{"enableIdleTokenTimeout":false,{bundles}}}"#),
                (None, vec![600, 300]),
            ),
            (
                format!(r#"{{"inactivityTimeoutGroupsEnabled":true,{bundles}}}"#),
                (None, vec![600, 300]),
            ),
            (
                format!(r#"{{"inactivityTimeoutGroupsEnabled":false,{bundles}}}"#),
                (None, vec![]),
            ),
            (
                r#"{"idleTokenTimeoutSeconds":-1}"#.to_owned(),
                (None, vec![]),
            ),
        ] {
            assert_eq!(report(&body), expected, "{body}");
        }
    }

    #[test]
    fn disabling_leaves_the_seconds_out_and_keeps_what_we_do_not_know() {
        let mut timeout = read(
            r#"{"idleTokenTimeoutSeconds":900,"enableIdleTokenTimeout":true,"inactivityTimeoutUnit":"Fortnights",
                "inactivityTimeoutGroupBundles":[{"priority":1,"new":1.5}],"future":{"a":[null]}}"#,
        );
        timeout.disable();
        assert_eq!(
            serde_json::to_string(&timeout).unwrap(),
            r#"{"enableIdleTokenTimeout":false,"future":{"a":[null]},"inactivityTimeoutGroupBundles":[{"new":1.5,"priority":1}],"inactivityTimeoutUnit":"Fortnights"}"#
        );
    }

    #[test]
    fn setting_enables_the_timeout() {
        let mut timeout = read(r#"{"enableIdleTokenTimeout":false}"#);
        timeout.set(600);
        assert_eq!(
            serde_json::to_string(&timeout).unwrap(),
            r#"{"enableIdleTokenTimeout":true,"idleTokenTimeoutSeconds":600}"#
        );
    }

    #[test]
    fn groups_are_listed_with_their_priority() {
        let timeout = read(
            r#"{"inactivityTimeoutGroupBundles":[{"priority":2,"timeoutSeconds":300,"groups":["g-1","g-2"]}]}"#,
        );
        assert_eq!(
            timeout.groups(),
            [Group {
                priority: Some(2),
                timeout: Some(Duration::from_secs(300)),
                groups: vec!["g-1", "g-2"]
            }]
        );
    }
}
