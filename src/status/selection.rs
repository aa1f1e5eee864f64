//! Selects, sorts and limits the sessions of a report: the query of `/status`. Ranks sessions by
//! their need for a person's attention.
//!
//! A selection must never change the other parts of a report, which are about all sessions.
//!
//! A report is a page: it has at most `limit` sessions, and refers to the next page. By name, the
//! next page begins after the last name of this one, so that sessions that come and go hide no
//! others. In any other order it begins at a number, because times and urgencies change.

use std::collections::BTreeSet;
use std::sync::Arc;

use thiserror::Error;

use super::SessionEntry;
use crate::config::SessionName;
use crate::keeper::{Intent, SessionView, State};
use crate::time::Instant;

/// The number of sessions on a page whose query has no limit.
pub const PAGE_SIZE: usize = 1000;

/// A selection of sessions. The default is all sessions, sorted by name.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Selection {
    /// The name of the only session to select.
    session: Option<String>,
    /// The text that the name, organisation or fingerprint contains, in lower case.
    find: String,
    only: Only,
    order: SortOrder,
    /// The name after which the page begins.
    after: Option<String>,
    /// The number of sessions to skip.
    from: usize,
    /// The maximum number of sessions; [`PAGE_SIZE`] if the query has none.
    limit: Option<usize>,
}

/// The sessions of a page, found among sessions that are added one by one.
#[derive(Debug)]
pub(crate) struct PageSelector {
    selection: Selection,
    matching: usize,
    /// The number of matching sessions that the pages before this one do not show.
    ahead: usize,
    /// The first sessions: those to skip and those of the page.
    first: BTreeSet<(SortKey, SessionName)>,
}

/// The sessions of a page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Page {
    /// The number of matching sessions on all pages.
    pub(crate) matching: usize,
    /// The names of the sessions, in the order of the page.
    pub(crate) names: Vec<SessionName>,
    /// The query of the next page, if there is one.
    pub(crate) next: Option<String>,
}

/// An error in a query.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum SelectionError {
    /// The key is unknown.
    #[error(
        "unknown parameter {0:?}: the parameters are session, find, only, sort, after, from and limit"
    )]
    Key(String),
    /// The value of `only` is unknown.
    #[error("only={0} is not trouble, keep, lapse or a state: {states}", states = states())]
    Only(String),
    /// The value of `sort` is unknown.
    #[error("sort={0} is not name, trouble, deadline, touch or organisation")]
    Sort(String),
    /// The order does not allow `after`.
    #[error("after={0} is for sort=name only: use from with any other order")]
    After(String),
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

/// The urgency of a session. The most urgent value is the least.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Urgency {
    /// Requests fail and the idle deadline is near. The token can still be saved.
    AtRisk,
    /// The token was refused.
    Lost,
    /// The token should have been revoked but was not.
    NotRevoked,
    /// The API answers, but not about the token, whose state is unknown.
    Blocked,
    /// Touches do not move the idle deadline.
    Excluded,
    /// The session is past its margin.
    Slipping,
    /// The session has no token.
    Absent,
    /// The API has not answered about the token yet.
    Unproven,
    /// Requests fail, or the source of the token has a problem.
    Ailing,
    /// The session is in its intended state.
    Well,
    /// The daemon has nothing to do for the session.
    Over,
}

/// The value by which sessions are sorted. Sessions without a value come last; those with the same
/// value are sorted by name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum SortKey {
    Urgency(Urgency),
    At(Instant),
    Organisation(Arc<str>),
    None,
}

impl Selection {
    /// Parses a query: `find=kiosk&only=trouble&sort=deadline&from=100&limit=50`, `after=NAME`, or
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
                "after" => selection.after = Some(value.into_owned()),
                "from" => selection.from = number(&key, &value)?,
                "limit" => selection.limit = Some(number(&key, &value)?),
                _ => return Err(SelectionError::Key(key.into_owned())),
            }
        }
        match selection.after {
            Some(after) if selection.order != SortOrder::Name => Err(SelectionError::After(after)),
            after => Ok(Self { after, ..selection }),
        }
    }

    /// Returns true unless the query names another session.
    pub(crate) fn is_about(&self, name: &str) -> bool {
        self.session
            .as_deref()
            .is_none_or(|session| session == name)
    }

    fn limit(&self) -> usize {
        self.limit.unwrap_or(PAGE_SIZE)
    }

    fn matches(&self, session: &SessionEntry<'_>, now: Instant) -> bool {
        let view = session.view;
        let matches_only = match self.only {
            Only::All => true,
            Only::Trouble => session.urgency(now).is_warning(),
            Only::Intent(intent) => view.policy.intent == intent,
            Only::State(state) => view.state == state,
        };
        matches_only && self.is_about(session.name.as_str()) && self.finds(session)
    }

    fn finds(&self, session: &SessionEntry<'_>) -> bool {
        let find = self.find.as_str();
        find.is_empty()
            // Names and fingerprints are always in lower case.
            || session.name.as_str().contains(find)
            || organisation(session.view)
                .is_some_and(|name| name.to_lowercase().contains(find))
            || session
                .view
                .token
                .is_some_and(|token| token.fingerprint.to_string().contains(find))
    }

    fn is_before(&self, session: &SessionEntry<'_>) -> bool {
        let after = self.after.as_deref();
        after.is_some_and(|after| session.name.as_str() <= after)
    }

    /// Returns the query of the page after the one that ends with the session `last`.
    fn next(&self, last: &SessionName) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let only = match self.only {
            Only::All => "",
            Only::Trouble => "trouble",
            Only::Intent(intent) => intent.as_str(),
            Only::State(state) => state.as_str(),
        };
        for (key, value) in [
            ("session", self.session.as_deref().unwrap_or_default()),
            ("find", &self.find),
            ("only", only),
            ("sort", self.order.as_str()),
        ] {
            if !value.is_empty() {
                query.append_pair(key, value);
            }
        }
        if let Some(limit) = self.limit {
            query.append_pair("limit", &limit.to_string());
        }
        if self.order == SortOrder::Name {
            query.append_pair("after", last.as_str());
        } else {
            let from = self.from.saturating_add(self.limit());
            query.append_pair("from", &from.to_string());
        }
        query.finish()
    }
}

impl SortOrder {
    /// Returns the value of `sort`; empty for the default.
    fn as_str(self) -> &'static str {
        match self {
            Self::Name => "",
            Self::Trouble => "trouble",
            Self::Deadline => "deadline",
            Self::Touch => "touch",
            Self::Organisation => "organisation",
        }
    }

    fn key(self, session: &SessionEntry<'_>, now: Instant) -> SortKey {
        let live = session.view.live.as_ref();
        let key = match self {
            Self::Name => None,
            Self::Trouble => Some(SortKey::Urgency(session.urgency(now))),
            Self::Deadline => live.and_then(|live| live.deadline).map(SortKey::At),
            Self::Touch => live.and_then(|live| live.touch_at).map(SortKey::At),
            Self::Organisation => live
                .and_then(|live| live.organisation.clone())
                .map(SortKey::Organisation),
        };
        key.unwrap_or(SortKey::None)
    }
}

impl PageSelector {
    pub(crate) fn new(selection: Selection) -> Self {
        Self {
            selection,
            matching: 0,
            ahead: 0,
            first: BTreeSet::new(),
        }
    }

    /// Adds a session, and keeps it if it may be on the page.
    pub(crate) fn add(&mut self, session: &SessionEntry<'_>, now: Instant) {
        let selection = &self.selection;
        if !selection.matches(session, now) {
            return;
        }
        self.matching += 1;
        if selection.is_before(session) {
            return;
        }
        self.ahead += 1;
        let kept_max = selection.from.saturating_add(selection.limit());
        let place = (selection.order.key(session, now), session.name.clone());
        if self.first.len() < kept_max || self.first.last().is_some_and(|last| place < *last) {
            self.first.insert(place);
        }
        if self.first.len() > kept_max {
            self.first.pop_last();
        }
    }

    /// Returns the page, after all sessions have been added.
    pub(crate) fn page(self) -> Page {
        let Self {
            selection, ahead, ..
        } = self;
        let is_last = ahead <= selection.from.saturating_add(selection.limit());
        let shown = self.first.into_iter().skip(selection.from);
        let names: Vec<_> = shown.map(|(_, name)| name).collect();
        let last = names.last().filter(|_| !is_last);
        Page {
            matching: self.matching,
            next: last.map(|last| selection.next(last)),
            names,
        }
    }
}

impl SessionEntry<'_> {
    /// Returns the need of the session for a person's attention.
    pub(crate) fn urgency(&self, now: Instant) -> Urgency {
        Urgency::of(self.view, self.trouble, now)
    }
}

impl Urgency {
    fn of(view: &SessionView, trouble: Option<&str>, now: Instant) -> Self {
        let is_kept = view.policy.intent == Intent::Keep;
        match view.state {
            State::Lost => Self::Lost,
            State::AtRisk => Self::AtRisk,
            State::NotRevoked => Self::NotRevoked,
            State::Blocked => Self::Blocked,
            State::Excluded => Self::Excluded,
            State::Alive if is_kept && !view.is_ready(now) => Self::Slipping,
            State::Absent if is_kept => Self::Absent,
            State::Unproven if is_kept => Self::Unproven,
            State::Absent | State::Unproven | State::Alive
                if view.failures > 0 || trouble.is_some() =>
            {
                Self::Ailing
            }
            State::Unproven | State::Alive => Self::Well,
            State::Absent | State::Lapsed | State::Revoked | State::Left => Self::Over,
        }
    }

    /// Returns true if a person should look.
    pub(crate) fn is_warning(self) -> bool {
        self < Self::Well
    }
}

fn organisation(view: &SessionView) -> Option<&str> {
    view.live.as_ref()?.organisation.as_deref()
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
    use super::super::fixture::{
        alive_view, excluded_view, lost, named_view, now, seconds, snapshot, view,
    };
    use super::*;
    use crate::keeper::Policy;

    /// Returns the number of matching sessions out of four, and the names of the selected ones.
    fn chosen(query: &str) -> (usize, Vec<String>) {
        let page = page(query);
        let names = page.names.iter().map(ToString::to_string);
        (page.matching, names.collect())
    }

    fn page(query: &str) -> Page {
        let mut unknown = view(State::Unproven);
        unknown.token = None;
        let snapshot = snapshot(vec![
            named_view("alpha", alive_view()),
            named_view("beta", view(State::Absent)),
            named_view("gamma", lost()),
            named_view("kiosk-1", unknown),
        ]);
        let selection = Selection::read(Some(query)).unwrap();
        let mut selector = PageSelector::new(selection);
        for session in &snapshot.sessions {
            selector.add(&session.entry(), snapshot.at);
        }
        selector.page()
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
            ("after=beta", 4, "gamma kiosk-1"),
            ("after=bet&limit=1", 4, "beta"),
            ("after=zeta", 4, ""),
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
    fn pages_follow_each_other_until_every_matching_session_was_shown() {
        for (query, pages) in [
            ("", "alpha beta gamma kiosk-1"),
            ("limit=4", "alpha beta gamma kiosk-1"),
            ("limit=3", "alpha beta gamma; kiosk-1"),
            ("from=1&limit=2", "beta gamma; kiosk-1"),
            ("sort=trouble&limit=2", "gamma beta; kiosk-1 alpha"),
            ("only=trouble&sort=deadline&limit=1", "beta; gamma; kiosk-1"),
            ("only=trouble&find=a&limit=1", "beta; gamma"),
            ("only=at+risk&limit=1", ""),
            ("limit=0", ""),
        ] {
            let mut shown = Vec::new();
            let mut next = Some(query.to_owned());
            while let Some(query) = next {
                let page = page(&query);
                let names = page.names.iter().map(ToString::to_string);
                shown.push(names.collect::<Vec<_>>().join(" "));
                next = page.next;
            }
            assert_eq!(shown.join("; "), pages, "{query}");
        }
    }

    #[test]
    fn the_next_page_by_name_begins_after_a_name_and_not_at_a_number() {
        let next = |query| page(query).next;
        let by_name = next("find=A&only=trouble&limit=1");
        assert_eq!(by_name.unwrap(), "find=a&only=trouble&limit=1&after=beta");
        let by_touch = next("sort=touch&from=1&limit=2");
        assert_eq!(by_touch.unwrap(), "sort=touch&limit=2&from=3");
        assert_eq!(next("from=2"), None);
    }

    #[test]
    fn what_is_not_understood_is_said_with_what_is_allowed() {
        for (query, message) in [
            (
                "state=lost",
                "unknown parameter \"state\": the parameters are session, find, only, sort, after, from and limit",
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
            (
                "sort=touch&after=a",
                "after=a is for sort=name only: use from with any other order",
            ),
        ] {
            let error = Selection::read(Some(query)).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
        assert_eq!(Selection::read(None), Ok(Selection::default()));
    }

    fn urgency(view: &SessionView) -> Urgency {
        Urgency::of(view, None, now())
    }

    fn lapsing(state: State) -> SessionView {
        let kept = view(state);
        SessionView {
            policy: Policy {
                intent: Intent::Lapse,
                ..kept.policy
            },
            ..kept
        }
    }

    #[test]
    fn what_can_still_be_saved_comes_before_what_is_lost() {
        assert!(urgency(&view(State::AtRisk)) < urgency(&lost()));
    }

    #[test]
    fn what_is_to_lapse_worries_nobody_unless_something_is_wrong() {
        for state in [State::Absent, State::Lapsed, State::Left] {
            assert_eq!(urgency(&lapsing(state)), Urgency::Over);
        }
        assert_eq!(urgency(&lapsing(State::Unproven)), Urgency::Well);
        assert_eq!(urgency(&lapsing(State::Blocked)), Urgency::Blocked);
        let exposed = Urgency::of(&lapsing(State::Alive), Some("readable for all"), now());
        assert_eq!(exposed, Urgency::Ailing);
    }

    #[test]
    fn what_is_to_be_kept_is_looked_at_when_it_is_not() {
        assert!(urgency(&lost()).is_warning());
        assert!(urgency(&view(State::Absent)).is_warning());
        assert!(!urgency(&alive_view()).is_warning());
        let late = now() + seconds(899);
        assert_eq!(Urgency::of(&alive_view(), None, late), Urgency::Slipping);
        assert_eq!(urgency(&excluded_view()), Urgency::Excluded);
    }
}
