//! What a reload changes: the difference between two configurations, and nothing else.

use super::meant::{Config, SessionConfig, SessionName};

/// What is unlike in two configurations; sessions by name, unchanged ones are not listed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says of one part whether it changed, and all may"
)]
pub struct Difference {
    /// Sessions that come.
    pub added: Vec<SessionName>,
    /// Sessions that go.
    pub removed: Vec<SessionName>,
    /// Sessions that keep their token and are cared for in another way.
    pub changed: Vec<SessionName>,
    /// Sessions whose token is elsewhere, or belongs to another API: they start anew.
    pub token_moved: Vec<SessionName>,
    /// Some pool is new, gone, elsewhere or another.
    pub pools_changed: bool,
    /// `timeout_refresh` changed.
    pub timeout_refresh_changed: bool,
    /// `ready_after` changed.
    pub ready_after_changed: bool,
    /// Something in `[http]` changed.
    pub http_changed: bool,
    /// Something in `[shutdown]` changed.
    pub shutdown_changed: bool,
    /// Something in `[log]` changed.
    pub log_changed: bool,
    /// Something in `[status]` changed.
    pub status_changed: bool,
    /// Something in `[metrics]` changed.
    pub metrics_changed: bool,
    /// A hook came, went or changed.
    pub hooks_changed: bool,
}

impl Difference {
    /// What changes on the way from one configuration to the next.
    #[must_use]
    pub fn between(old: &Config, new: &Config) -> Self {
        let mut difference = Self {
            pools_changed: old.pools != new.pools,
            timeout_refresh_changed: old.timeout_refresh != new.timeout_refresh,
            ready_after_changed: old.ready_after != new.ready_after,
            http_changed: old.http != new.http,
            shutdown_changed: old.shutdown != new.shutdown,
            log_changed: old.log != new.log,
            status_changed: old.status != new.status,
            metrics_changed: old.metrics != new.metrics,
            hooks_changed: old.hooks != new.hooks,
            ..Self::default()
        };
        for (name, session) in &new.sessions {
            let list = match old.sessions.get(name) {
                None => &mut difference.added,
                Some(before) if before == session => continue,
                Some(before) if token_moved(before, session) => &mut difference.token_moved,
                Some(_) => &mut difference.changed,
            };
            list.push(name.clone());
        }
        let gone = |name: &&SessionName| !new.sessions.contains_key(*name);
        difference.removed = old.sessions.keys().filter(gone).cloned().collect();
        difference
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn token_moved(before: &SessionConfig, after: &SessionConfig) -> bool {
    before.token != after.token || before.api != after.api
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Layers};

    fn config(sessions: &[(&str, &str)], rest: &[(&str, &str)]) -> Config {
        let sessions = sessions.iter().map(|(name, source)| {
            let name = name.to_uppercase();
            (format!("SESSIONS__{name}__TOKEN__FILE"), *source)
        });
        let rest = rest
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value));
        let environment = sessions
            .chain(rest)
            .chain([("REGION".to_owned(), "eu-west-1")])
            .map(|(name, value)| (format!("SESSION_KEEPALIVE_{name}").into(), value.into()));
        let layers = Layers {
            environment: environment.collect(),
            ..Layers::default()
        };
        config::load(layers).unwrap().config
    }

    fn names(names: &[&str]) -> Vec<SessionName> {
        names
            .iter()
            .map(|name| SessionName::new(name).unwrap())
            .collect()
    }

    #[test]
    fn nothing_differs_from_itself() {
        let config = config(&[("a", "/a"), ("b", "/b")], &[]);
        assert!(Difference::between(&config, &config).is_empty());
    }

    #[test]
    fn sessions_come_go_move_and_change() {
        let old = config(&[("d", "/d"), ("c", "/c"), ("b", "/b"), ("a", "/a")], &[]);
        let new = config(
            &[("e", "/e"), ("d", "/elsewhere"), ("c", "/c"), ("b", "/b")],
            &[("SESSIONS__C__INTENT", "lapse")],
        );
        let expected = Difference {
            added: names(&["e"]),
            removed: names(&["a"]),
            changed: names(&["c"]),
            token_moved: names(&["d"]),
            ..Difference::default()
        };
        assert_eq!(Difference::between(&old, &new), expected);
    }

    #[test]
    fn another_api_is_another_token() {
        let old = config(&[("a", "/a")], &[]);
        let new = config(&[("a", "/a")], &[("SESSIONS__A__REGION", "us-east-1")]);
        assert_eq!(Difference::between(&old, &new).token_moved, names(&["a"]));
    }

    #[test]
    fn each_part_is_compared_by_itself() {
        let old = config(&[("a", "/a")], &[]);
        let changes = |name, value| {
            let new = config(&[("a", "/a")], &[(name, value)]);
            let difference = Difference::between(&old, &new);
            [
                difference.timeout_refresh_changed,
                difference.ready_after_changed,
                difference.http_changed,
                difference.shutdown_changed,
                difference.log_changed,
            ]
        };
        assert_eq!(
            changes("TIMEOUT_REFRESH", "2h"),
            [true, false, false, false, false]
        );
        assert_eq!(
            changes("READY_AFTER", "0s"),
            [false, true, false, false, false]
        );
        assert_eq!(
            changes("HTTP__PROXY", "none"),
            [false, false, true, false, false]
        );
        assert_eq!(
            changes("SHUTDOWN__GRACE", "20s"),
            [false, false, false, true, false]
        );
        assert_eq!(
            changes("LOG__LEVEL", "debug"),
            [false, false, false, false, true]
        );
    }
}
