//! Which sessions an observer wants to see, in which order, and how many: the query of `/status`.
//!
//! Nothing that is asked for here changes what the other parts of a report say: they are about
//! all sessions.

use thiserror::Error;

use super::urgency::Urgency;
use super::{NamedView, Snapshot};
use crate::keeper::{Instant, Intent, State};

/// A choice of sessions. By default all of them, by name.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Selection {
    /// The session of this name.
    session: Option<String>,
    /// What its name, organisation or fingerprint contains, in lower case.
    find: String,
    only: Only,
    order: Order,
    /// How many are passed over.
    from: usize,
    /// How many there are at the most.
    limit: Option<usize>,
}

/// What is not understood of a query.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum SelectionError {
    /// There is no such key.
    #[error("there is no {0:?}, but session, find, only, sort, from and limit")]
    Key(String),
    /// Not a word for `only`.
    #[error("only={0} is not trouble, keep, lapse or a state: {states}", states = states())]
    Only(String),
    /// Not a word for `sort`.
    #[error("sort={0} is not name, trouble, deadline, touch or organisation")]
    Sort(String),
    /// Not a number.
    #[error("{key}={value} is not a number")]
    Number {
        /// `from` or `limit`.
        key: String,
        /// What was found.
        value: String,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Only {
    #[default]
    All,
    /// Those at which a person should look.
    Trouble,
    Intent(Intent),
    State(State),
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Order {
    #[default]
    Name,
    /// The most urgent first.
    Trouble,
    /// The next to idle out first.
    Deadline,
    /// The next to be touched first.
    Touch,
    Organisation,
}

impl Selection {
    /// Reads a query: `find=kiosk&only=trouble&sort=deadline&from=100&limit=50`, or `session=NAME`.
    ///
    /// # Errors
    ///
    /// What is not understood, with what is allowed.
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

    /// Whether this session is meant where one is named.
    pub(super) fn is_about(&self, name: &str) -> bool {
        self.session.as_deref().is_none_or(|it| it == name)
    }

    /// Those that are wanted, and how many there would be without a limit.
    pub(super) fn choose<'a>(&self, snapshot: &'a Snapshot) -> (usize, Vec<&'a NamedView>) {
        let sessions = snapshot.sessions.iter();
        let mut chosen: Vec<_> = sessions.filter(|it| self.wants(it, snapshot.at)).collect();
        let matching = chosen.len();
        // By name already: those that are equal stay in that order.
        match self.order {
            Order::Name => {}
            Order::Trouble => chosen.sort_by_key(|it| urgency(it, snapshot.at)),
            Order::Deadline => chosen.sort_by_key(|it| {
                last_if_none(it.view.held.as_ref().and_then(|held| held.deadline))
            }),
            Order::Touch => chosen.sort_by_key(|it| {
                last_if_none(it.view.held.as_ref().and_then(|held| held.touch_at))
            }),
            Order::Organisation => chosen.sort_by_key(|it| last_if_none(organisation(it))),
        }
        let limit = self.limit.unwrap_or(matching);
        let wanted = chosen.into_iter().skip(self.from).take(limit);
        (matching, wanted.collect())
    }

    fn wants(&self, session: &NamedView, now: Instant) -> bool {
        let view = &session.view;
        let is_meant = match self.only {
            Only::All => true,
            Only::Trouble => urgency(session, now).is_warning(),
            Only::Intent(intent) => view.policy.intent == intent,
            Only::State(state) => view.state == state,
        };
        is_meant && self.is_about(session.name.as_str()) && self.finds(session)
    }

    fn finds(&self, session: &NamedView) -> bool {
        let find = self.find.as_str();
        find.is_empty()
            // Names and fingerprints are in lower case.
            || session.name.as_str().contains(find)
            || organisation(session).is_some_and(|it| it.to_lowercase().contains(find))
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
    session.view.held.as_ref()?.organisation.as_deref()
}

/// A key after which what is not known comes last.
fn last_if_none<T: Ord>(known: Option<T>) -> (bool, Option<T>) {
    (known.is_none(), known)
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

fn order(word: &str) -> Result<Order, SelectionError> {
    match word {
        "" | "name" => Ok(Order::Name),
        "trouble" => Ok(Order::Trouble),
        "deadline" => Ok(Order::Deadline),
        "touch" => Ok(Order::Touch),
        "organisation" => Ok(Order::Organisation),
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
    use super::super::fixture::{held, lost, named_view, snapshot, view};
    use super::*;

    /// The names that are chosen of four sessions, and how many match.
    fn chosen(query: &str) -> (usize, Vec<String>) {
        let mut unknown = view(State::Unproven);
        unknown.token = None;
        let snapshot = snapshot(vec![
            named_view("alpha", held()),
            named_view("beta", view(State::Absent)),
            named_view("gamma", lost()),
            named_view("kiosk-1", unknown),
        ]);
        let selection = Selection::read(Some(query)).unwrap();
        let (matching, sessions) = selection.choose(&snapshot);
        let names = sessions.iter().map(|it| it.name.to_string()).collect();
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
        for (query, said) in [
            (
                "state=lost",
                "there is no \"state\", but session, find, only, sort, from and limit",
            ),
            (
                "only=dead",
                "only=dead is not trouble, keep, lapse or a state: absent, unproven, held, at risk, blocked, lost, lapsed, revoked, not revoked, left",
            ),
            (
                "sort=size",
                "sort=size is not name, trouble, deadline, touch or organisation",
            ),
            ("limit=-1", "limit=-1 is not a number"),
        ] {
            let error = Selection::read(Some(query)).unwrap_err();
            assert_eq!(error.to_string(), said);
        }
        assert_eq!(Selection::read(None), Ok(Selection::default()));
    }
}
