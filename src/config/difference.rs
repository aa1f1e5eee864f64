//! Finds the changes of a reload: the difference between two sets of sessions, and nothing else.

use std::collections::BTreeMap;

use super::model::{SessionConfig, SessionName};

/// The differences between the sessions before and after a reload; unchanged sessions are not
/// listed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Difference {
    /// The sessions that were added.
    pub added: Vec<SessionName>,
    /// The sessions that were removed.
    pub removed: Vec<SessionName>,
    /// The sessions that keep their token and have another setting changed.
    pub changed: Vec<SessionName>,
    /// The sessions whose token source or API changed: they restart.
    pub token_moved: Vec<SessionName>,
}

impl Difference {
    /// Returns the changes from the old sessions to the new ones.
    #[must_use]
    pub fn between(
        old: &BTreeMap<SessionName, SessionConfig>,
        new: &BTreeMap<SessionName, SessionConfig>,
    ) -> Self {
        let mut difference = Self::default();
        for (name, session) in new {
            let list = match old.get(name) {
                None => &mut difference.added,
                Some(before) if before == session => continue,
                Some(before) if token_moved(before, session) => &mut difference.token_moved,
                Some(_) => &mut difference.changed,
            };
            list.push(name.clone());
        }
        let is_removed = |name: &&SessionName| !new.contains_key(*name);
        difference.removed = old.keys().filter(is_removed).cloned().collect();
        difference
    }
}

fn token_moved(before: &SessionConfig, after: &SessionConfig) -> bool {
    before.token != after.token || before.api != after.api
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Config, Layers};

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
        assert_eq!(
            Difference::between(&config.sessions, &config.sessions),
            Difference::default()
        );
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
        };
        assert_eq!(Difference::between(&old.sessions, &new.sessions), expected);
    }

    #[test]
    fn another_api_is_another_token() {
        let old = config(&[("a", "/a")], &[]);
        let new = config(&[("a", "/a")], &[("SESSIONS__A__REGION", "us-east-1")]);
        assert_eq!(
            Difference::between(&old.sessions, &new.sessions).token_moved,
            names(&["a"])
        );
    }
}
