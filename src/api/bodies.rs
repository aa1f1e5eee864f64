//! The bodies of the API, read in a way that an invalid field never affects the others.
//!
//! Each is the JSON object as received, with methods for the known fields; unknown fields are
//! kept.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::field::{self, Fields};
use super::time;
use crate::keeper::{ClientEnd, TimeoutReport, TokenReport};
use crate::time::ServerTime;

const ID_LENGTH_MAX: usize = 64;
const NAME_LENGTH_MAX: usize = 128;

/// The values of `state` of a client that issues no tokens.
const INACTIVE: [&str; 2] = ["inactive", "disabled"];

// The fields of an `IdleTokenTimeout`.
const SECONDS: &str = "idleTokenTimeoutSeconds";
const ENABLED: &str = "enableIdleTokenTimeout";
const UNIT: &str = "inactivityTimeoutUnit";
const GROUPS_ENABLED: &str = "inactivityTimeoutGroupsEnabled";
const GROUPS: &str = "inactivityTimeoutGroupBundles";

/// The API's information about a token: the answer of `GET /tokens/me`. Every field may be absent.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(transparent)]
pub struct TokenInfo(Fields);

/// An object with an id and a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NamedEntity<'a> {
    /// `id`.
    pub id: Option<&'a str>,
    /// `name`.
    pub name: Option<&'a str>,
}

/// The OAuth client that a token was issued to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OAuthClient<'a> {
    /// `id` and `name`.
    pub named: NamedEntity<'a>,
    /// `authorizedGrantType`: `CLIENT_CREDENTIALS`, `CODE`, …
    pub grant_type: Option<&'a str>,
    /// The end of the client that the API announces: `state` and `dateToDelete`.
    pub end: Option<ClientEnd>,
}

impl TokenInfo {
    /// Reads the fields of the body that the keeper needs; returns `None` if it is no `TokenInfo`.
    #[must_use]
    pub fn read_report(body: &[u8]) -> Option<TokenReport> {
        // Every touch and peek comes here, and the other fields are most of the body.
        let fields = field::object_with(body, &["organization", "OAuthClient", "dateTokenIdles"]);
        let is_known = |fields: &Fields| fields.get("organization").is_some_and(Value::is_object);
        match fields.filter(is_known) {
            Some(fields) => Some(Self(fields).report()),
            None => Self::read(body).map(|info| info.report()),
        }
    }

    /// Reads the body as a `TokenInfo`; returns `None` if it is not a JSON object, or has none of
    /// the known fields.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        let is_known = |name: &str, value: &Value| match (name, value) {
            (
                "organization" | "homeOrganization" | "OAuthClient" | "clonedUser",
                Value::Object(_),
            )
            | ("authorizedScope", Value::Array(_))
            | ("dateTokenIdles", Value::String(_) | Value::Number(_)) => true,
            (_, _) => false,
        };
        known_fields(body, is_known).map(Self)
    }

    /// Returns `organization`: the one in which the token is used.
    #[must_use]
    pub fn organisation(&self) -> Option<NamedEntity<'_>> {
        self.named("organization")
    }

    /// Returns `homeOrganization`: the one that the token's user belongs to.
    #[must_use]
    pub fn home_organisation(&self) -> Option<NamedEntity<'_>> {
        self.named("homeOrganization")
    }

    /// Returns `OAuthClient`: the client that the token was issued to.
    #[must_use]
    pub fn client(&self) -> Option<OAuthClient<'_>> {
        let client = self.0.get("OAuthClient")?.as_object()?;
        Some(OAuthClient {
            named: named(client),
            grant_type: field::text(client, "authorizedGrantType"),
            end: client_end(client),
        })
    }

    /// Returns `authorizedScope`: the scopes of the token.
    #[must_use]
    pub fn scopes(&self) -> Vec<&str> {
        let scopes = field::elements(&self.0, "authorizedScope");
        scopes.iter().filter_map(Value::as_str).collect()
    }

    /// Returns `dateTokenIdles`: the idle deadline of the token.
    #[must_use]
    pub fn idles_at(&self) -> Option<ServerTime> {
        self.0.get("dateTokenIdles").and_then(time::instant)
    }

    /// Returns true if there is a `dateTokenIdles`, whether it can be read or not.
    #[must_use]
    pub fn has_idle_date(&self) -> bool {
        let date = self.0.get("dateTokenIdles");
        date.is_some_and(|date| !date.is_null())
    }

    /// Returns the whole object, as received.
    #[must_use]
    pub fn fields(&self) -> &serde_json::Map<String, Value> {
        &self.0
    }

    /// Returns the fields that the keeper needs.
    #[must_use]
    pub fn report(&self) -> TokenReport {
        let organisation = self.organisation();
        let id = organisation.and_then(|named| named.id);
        let name = organisation.and_then(|named| named.name);
        let client = self.client();
        let client_id = client.and_then(|client| client.named.id);
        TokenReport {
            organisation: id.and_then(|id| field::printable_ascii(id, ID_LENGTH_MAX)),
            client: client_id.and_then(|id| field::printable_ascii(id, ID_LENGTH_MAX)),
            client_end: client.and_then(|client| client.end),
            organisation_name: name.and_then(|name| field::printable(name, NAME_LENGTH_MAX)),
            idles_at: self.idles_at(),
        }
    }

    fn named(&self, name: &str) -> Option<NamedEntity<'_>> {
        self.0.get(name)?.as_object().map(named)
    }
}

/// The idle timeout of an organisation, which is read, modified and written whole. Every field may
/// be absent, and unknown ones are kept.
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
        let is_known = |name: &str, value: &Value| match (name, value) {
            (SECONDS, Value::Number(_) | Value::String(_))
            | (ENABLED | GROUPS_ENABLED, Value::Bool(_) | Value::String(_))
            | (UNIT, Value::String(_))
            | (GROUPS, Value::Array(_)) => true,
            (_, _) => false,
        };
        known_fields(body, is_known).map(Self)
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

/// The body of an error of the API, as received: it must be cut before it is logged.
#[derive(Clone, PartialEq, Debug)]
pub struct ErrorBody(Fields);

impl ErrorBody {
    /// Reads the body as an `ErrorBody`; returns `None` if it is not a JSON object.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        field::object(body).map(Self)
    }

    /// Returns `code`, or the first one among the nested `errors`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        first(&self.0, "code")
    }

    /// Returns `message`, or the first one among the nested `errors`.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        first(&self.0, "message")
    }

    /// Returns `contextId`, which the vendor's support needs.
    #[must_use]
    pub fn context_id(&self) -> Option<&str> {
        first(&self.0, "contextId")
    }

    /// Returns the whole object, as received.
    #[must_use]
    pub fn fields(&self) -> &serde_json::Map<String, Value> {
        &self.0
    }
}

/// Returns the end that the API announces for a client. An unknown `state` counts as healthy.
fn client_end(client: &Fields) -> Option<ClientEnd> {
    let state = field::text(client, "state").unwrap_or_default();
    let end = ClientEnd {
        is_inactive: INACTIVE.iter().any(|word| state.eq_ignore_ascii_case(word)),
        deleted_at: client.get("dateToDelete").and_then(time::instant),
    };
    (end.is_inactive || end.deleted_at.is_some()).then_some(end)
}

fn named(fields: &Fields) -> NamedEntity<'_> {
    NamedEntity {
        id: field::text(fields, "id"),
        name: field::text(fields, "name"),
    }
}

/// Returns the first non-empty text of that name, from the outside inwards.
///
/// The parser's own limit on nesting bounds the depth.
fn first<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    field::text(fields, name)
        .filter(|text| !text.is_empty())
        .or_else(|| {
            let nested = field::elements(fields, "errors");
            nested
                .iter()
                .filter_map(Value::as_object)
                .find_map(|fields| first(fields, name))
        })
}

/// Reads a body that is a JSON object; returns `None` if it is not, or has none of the known fields.
fn known_fields(body: &[u8], is_known: impl Fn(&str, &Value) -> bool) -> Option<Fields> {
    let fields = field::object(body)?;
    let has_known = fields.iter().any(|(name, value)| is_known(name, value));
    has_known.then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_documentation_is_read() {
        let info = TokenInfo::read(
            br#"{"organization":{"id":"o-1","name":"Acme"},"homeOrganization":{"id":"o-2"},
                "authorizedScope":["users","user-basic-info:readonly"],
                "dateTokenIdles":"2026-11-24T08:00:00.000Z",
                "OAuthClient":{"id":"c-1","name":"Wallboard","authorizedGrantType":"CODE"}}"#,
        )
        .unwrap();
        let organisation = info.organisation().unwrap();
        assert_eq!(organisation.id, Some("o-1"));
        assert_eq!(organisation.name, Some("Acme"));
        assert_eq!(info.home_organisation().unwrap().id, Some("o-2"));
        assert_eq!(info.scopes(), ["users", "user-basic-info:readonly"]);
        let client = info.client().unwrap();
        assert_eq!(client.named.name, Some("Wallboard"));
        assert_eq!(client.grant_type, Some("CODE"));
        assert_eq!(
            info.idles_at(),
            Some(ServerTime::from_unix_milliseconds(1_795_507_200_000))
        );
    }

    #[test]
    fn the_report_is_the_same_whether_the_other_fields_are_kept_or_not() {
        for body in [
            r#"{"organization":{"id":"o-1","name":"Acme"},"dateTokenIdles":"2026-11-24T08:00:00.000Z","future":[{}]}"#,
            r#"{"dateTokenIdles":1795507200000,"organization":{"id":7}}"#,
            r#"{"organization":{},"organization":{"id":"the last"}}"#,
            r#"{"organization":"o-1","authorizedScope":[]}"#,
            r#"{"OAuthClient":{}}"#,
            r#"{"organization":{"id":"o-1"},"OAuthClient":{"id":"c-1","state":"active"}}"#,
            r#"{"organization":{},"OAuthClient":{"state":"inactive","dateToDelete":"2026-12-05T00:00:00Z"}}"#,
            r#"{"organization":{}} and more"#,
            r#"{"message":"of something else"}"#,
            "[]",
            "",
        ] {
            let whole = TokenInfo::read(body.as_bytes()).map(|info| info.report());
            assert_eq!(TokenInfo::read_report(body.as_bytes()), whole, "{body}");
        }
    }

    #[test]
    fn the_end_of_a_client_is_its_state_and_the_date_of_its_deletion() {
        let end = |client: &str| {
            let body = format!(r#"{{"OAuthClient":{{"id":"c-1"{client}}}}}"#);
            let report = TokenInfo::read_report(body.as_bytes()).unwrap();
            report.client_end
        };
        let date = Some(ServerTime::from_unix_milliseconds(1_795_507_200_000));
        for (client, is_inactive, deleted_at) in [
            (r#","state":"inactive""#, true, None),
            (r#","state":"Disabled","dateToDelete":null"#, true, None),
            (
                r#","state":"active","dateToDelete":"2026-11-24T08:00:00.000Z""#,
                false,
                date,
            ),
            (
                r#","state":"inactive","dateToDelete":1795507200000"#,
                true,
                date,
            ),
        ] {
            let expected = ClientEnd {
                is_inactive,
                deleted_at,
            };
            assert_eq!(end(client), Some(expected), "{client}");
        }
        for healthy in [
            "",
            r#","state":"active""#,
            r#","state":"of the future""#,
            r#","state":7,"dateToDelete":"soon""#,
        ] {
            assert_eq!(end(healthy), None, "{healthy}");
        }
    }

    #[test]
    fn a_field_of_a_wrong_type_is_absent_and_spoils_no_other() {
        let info = TokenInfo::read(
            br#"{"organization":{"id":7,"name":"Acme"},"homeOrganization":"o-2","OAuthClient":null,
                "authorizedScope":[1,"users"],"dateTokenIdles":"soon","future":[{}]}"#,
        )
        .unwrap();
        assert_eq!(
            info.report(),
            TokenReport {
                organisation_name: Some("Acme".into()),
                ..TokenReport::default()
            }
        );
        assert_eq!(info.home_organisation(), None);
        assert_eq!(info.client(), None);
        assert_eq!(info.scopes(), ["users"]);
        assert!(info.fields().contains_key("future"));
    }

    #[test]
    fn what_has_no_field_of_a_token_info_is_none() {
        for body in [
            "",
            "{}",
            "[]",
            "null",
            "<html>",
            r#"{"status":"ok"}"#,
            r#"{"organization":"Hotel"}"#,
            r#"{"organization":null,"dateTokenIdles":null}"#,
        ] {
            assert_eq!(TokenInfo::read(body.as_bytes()), None, "{body}");
        }
    }

    fn read_timeout(body: &str) -> IdleTokenTimeout {
        IdleTokenTimeout::read(body.as_bytes()).unwrap()
    }

    fn report_of_timeout(body: &str) -> (Option<u64>, Vec<u64>) {
        let report = read_timeout(body).report();
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
            assert_eq!(report_of_timeout(&body), expected, "{body}");
        }
    }

    #[test]
    fn disabling_leaves_the_seconds_out_and_keeps_what_we_do_not_know() {
        let mut timeout = read_timeout(
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
        let mut timeout = read_timeout(r#"{"enableIdleTokenTimeout":false}"#);
        timeout.set(600);
        assert_eq!(
            serde_json::to_string(&timeout).unwrap(),
            r#"{"enableIdleTokenTimeout":true,"idleTokenTimeoutSeconds":600}"#
        );
    }

    #[test]
    fn groups_are_listed_with_their_priority() {
        let timeout = read_timeout(
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

    #[test]
    fn the_outermost_code_counts() {
        let code = |body: &str| {
            let error = ErrorBody::read(body.as_bytes())?;
            error.code().map(str::to_owned)
        };
        for (body, expected) in [
            (r#"{"code":"a","errors":[{"code":"b"}]}"#, Some("a")),
            (r#"{"errors":[{},{"errors":[{"code":"b"}]}]}"#, Some("b")),
            (r#"{"code":"","errors":[{"code":"b"}]}"#, Some("b")),
            (r#"{"code":401,"errors":"none"}"#, None),
            (r#"{"message":"m"}"#, None),
            ("[]", None),
        ] {
            assert_eq!(code(body).as_deref(), expected, "{body}");
        }
    }
}
