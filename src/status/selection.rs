//! Selects, sorts and limits the sessions of a report: the query of `/status`.
//!
//! A selection must never change the other parts of a report, which are about all sessions.

use thiserror::Error;

use super::urgency::Urgency;
use super::{NamedView, Snapshot};
use crate::keeper::{Intent, State};
use crate::time::Instant;

/// A selection of sessions. The default is all sessions, sorted by name.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Selection {
    /// The name of the only session to select.
    session: Option<String>,
    /// The text that the name, organisation or fingerprint contains, in lower case.
    find: String,
    only: Only,
    order: SortOrder,
    /// The number of sessions to skip.
    from: usize,
    /// The maximum number of sessions.
    limit: Option<usize>,
}

/// An error in a query.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum SelectionError {
    /// The key is unknown.
    #[error("there is no {0:?}, but session, find, only, sort, from and limit")]
    Key(String),
    /// The value of `only` is unknown.
    #[error("only={0} is not trouble, keep, lapse or a state: {states}", states = states())]
    Only(String),
    /// The value of `sort` is unknown.
    #[error("sort={0} is not name, trouble, deadline, touch or organisation")]
    Sort(String),
    /// The value is not a number.
    #[error("{key}={value} is not a number")]
    Number {
        /// The key: `from` or `limit`.
        key: String,
        /// The value.
        value: String,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Only {
    #[default]
    All,
    /// Sessions that need a person's attention.
    Trouble,
    Intent(Intent),
    State(State),
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum SortOrder {
    #[default]
    Name,
    /// By urgency, the most urgent first.
    Trouble,
    /// By idle deadline, the earliest first.
    Deadline,
    /// By the next touch, the earliest first.
    Touch,
    Organisation,
}

impl Selection {
    /// Parses a query: `find=kiosk&only=trouble&sort=deadline&from=100&limit=50`, or
    /// `session=NAME`.
    ///
    /// # Errors
    ///
    /// If a key or a value is not allowed. The message names the allowed keys or words.
    pub fn read(query: Option<&str>) -> Result<Self, SelectionError> {
        let mut selection = Self::default();
        for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match key.as_ref() {
                "session" => selection.session = Some(value.into_owned()),
                "find" => selection.find = value.trim().to_lowercase(),
                "only" => selection.only = only(&value)?,
                "sort" => selection.order = order(&value)?,
                "from" => selection.from = number(&key, &value)?,
                "limit" => selection.limit = Some(number(&key, &value)?),
                _ => return Err(SelectionError::Key(key.into_owned())),
            }
        }
        Ok(selection)
    }

    /// Returns true unless the query names another session.
    pub(crate) fn is_about(&self, name: &str) -> bool {
        self.session
            .as_deref()
            .is_none_or(|session| session == name)
    }

    /// Returns the number of matching sessions, and those of them that `from` and `limit` select.
    pub(crate) fn choose<'a>(&self, snapshot: &'a Snapshot) -> (usize, Vec<&'a NamedView>) {
        let sessions = snapshot.sessions.iter();
        let mut chosen: Vec<_> = sessions
            .filter(|session| self.matches(session, snapshot.at))
            .collect();
        let matching = chosen.len();
        // The sessions are sorted by name already, and sorting is stable: sessions with equal keys
        // stay in that order.
        match self.order {
            SortOrder::Name => {}
            SortOrder::Trouble => chosen.sort_by_key(|session| urgency(session, snapshot.at)),
            SortOrder::Deadline => chosen.sort_by_key(|session| {
                last_if_none(session.view.live.as_ref().and_then(|live| live.deadline))
            }),
            SortOrder::Touch => chosen.sort_by_key(|session| {
                last_if_none(session.view.live.as_ref().and_then(|live| live.touch_at))
            }),
            SortOrder::Organisation => {
                chosen.sort_by_key(|session| last_if_none(organisation(session)));
            }
        }
        let limit = self.limit.unwrap_or(matching);
        let selected = chosen.into_iter().skip(self.from).take(limit);
        (matching, selected.collect())
    }

    fn matches(&self, session: &NamedView, now: Instant) -> bool {
        let view = &session.view;
        let matches_only = match self.only {
            Only::All => true,
            Only::Trouble => urgency(session, now).is_warning(),
            Only::Intent(intent) => view.policy.intent == intent,
            Only::State(state) => view.state == state,
        };
        matches_only && self.is_about(session.name.as_str()) && self.finds(session)
    }

    fn finds(&self, session: &NamedView) -> bool {
        let find = self.find.as_str();
        find.is_empty()
            // Names and fingerprints are always in lower case.
            || session.name.as_str().contains(find)
            || organisation(session).is_some_and(|name| name.to_lowercase().contains(find))
            || session
                .view
                .token
                .is_some_and(|token| token.fingerprint.to_string().contains(find))
    }
}

fn urgency(session: &NamedView, now: Instant) -> Urgency {
    Urgency::of(&session.view, session.trouble.as_deref(), now)
}

fn organisation(session: &NamedView) -> Option<&str> {
    session.view.live.as_ref()?.organisation.as_deref()
}

/// Returns a sort key that places `None` last.
fn last_if_none<T: Ord>(value: Option<T>) -> (bool, Option<T>) {
    (value.is_none(), value)
}

fn only(word: &str) -> Result<Only, SelectionError> {
    let state = || State::ALL.into_iter().find(|state| state.as_str() == word);
    match word {
        "" => Ok(Only::All),
        "trouble" => Ok(Only::Trouble),
        "keep" => Ok(Only::Intent(Intent::Keep)),
        "lapse" => Ok(Only::Intent(Intent::Lapse)),
        _ => state()
            .map(Only::State)
            .ok_or_else(|| SelectionError::Only(word.to_owned())),
    }
}

fn order(word: &str) -> Result<SortOrder, SelectionError> {
    match word {
        "" | "name" => Ok(SortOrder::Name),
        "trouble" => Ok(SortOrder::Trouble),
        "deadline" => Ok(SortOrder::Deadline),
        "touch" => Ok(SortOrder::Touch),
        "organisation" => Ok(SortOrder::Organisation),
        _ => Err(SelectionError::Sort(word.to_owned())),
    }
}

fn number(key: &str, value: &str) -> Result<usize, SelectionError> {
    value.parse().map_err(|_| SelectionError::Number {
        key: key.to_owned(),
        value: value.to_owned(),
    })
}

fn states() -> String {
    State::ALL.map(State::as_str).join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{alive_view, lost, named_view, snapshot, view};
    use super::*;

    /// Returns the number of matching sessions out of four, and the names of the selected ones.
    fn chosen(query: &str) -> (usize, Vec<String>) {
        let mut unknown = view(State::Unproven);
        unknown.token = None;
        let snapshot = snapshot(vec![
            named_view("alpha", alive_view()),
            named_view("beta", view(State::Absent)),
            named_view("gamma", lost()),
            named_view("kiosk-1", unknown),
        ]);
        let selection = Selection::read(Some(query)).unwrap();
        let (matching, sessions) = selection.choose(&snapshot);
        let names = sessions
            .iter()
            .map(|session| session.name.to_string())
            .collect();
        (matching, names)
    }

    #[test]
    fn a_query_says_which_sessions_in_which_order_and_how_many() {
        for (query, matching, names) in [
            ("", 4, "alpha beta gamma kiosk-1"),
            ("sort=trouble", 4, "gamma beta kiosk-1 alpha"),
            ("sort=trouble&limit=2", 4, "gamma beta"),
            ("sort=trouble&from=3&limit=2", 4, "alpha"),
            ("from=9", 4, ""),
            ("limit=0", 4, ""),
            ("sort=deadline", 4, "alpha beta gamma kiosk-1"),
            ("only=trouble", 3, "beta gamma kiosk-1"),
            ("only=lost", 1, "gamma"),
            ("only=at+risk", 0, ""),
            ("only=lapse", 0, ""),
            ("session=beta", 1, "beta"),
            ("session=bet", 0, ""),
            ("find=+KIOSK", 1, "kiosk-1"),
            ("find=example", 1, "alpha"),
            ("find=ba7816bf&only=lost", 1, "gamma"),
        ] {
            let names: Vec<_> = names.split_whitespace().map(str::to_owned).collect();
            assert_eq!(chosen(query), (matching, names), "{query}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said_with_what_is_allowed() {
        for (query, message) in [
            (
                "state=lost",
                "there is no \"state\", but session, find, only, sort, from and limit",
            ),
            (
                "only=dead",
                "only=dead is not trouble, keep, lapse or a state: absent, unproven, alive, excluded, at risk, blocked, lost, lapsed, revoked, not revoked, left",
            ),
            (
                "sort=size",
                "sort=size is not name, trouble, deadline, touch or organisation",
            ),
            ("limit=-1", "limit=-1 is not a number"),
        ] {
            let error = Selection::read(Some(query)).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
        assert_eq!(Selection::read(None), Ok(Selection::default()));
    }
}
