//! The state of all sessions at one moment, from which observers are answered, with the incidents
//! and the latest events.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::history::SessionDay;
use super::{SessionEntry, SessionSums};
use crate::config::{ApiBase, SessionName, Shard};
use crate::keeper::{IncidentCause, IncidentClass, Intent, SessionView};
use crate::metrics::Counters;
use crate::status::phrases::Pickup;
use crate::time::Instant;
use crate::token::{Fingerprint, Source};

/// The maximum number of sessions that a sentence about an incident names.
pub const NAMED_MAX: usize = 5;

/// The maximum number of remembered events.
const REMEMBERED_MAX: usize = 100;

/// The state of the daemon and of all its sessions at one moment.
#[derive(Clone, PartialEq, Debug)]
pub struct Snapshot {
    /// The moment of the snapshot.
    pub at: Instant,
    /// The same moment on the wall clock, for people.
    pub wall: Timestamp,
    /// The start of the daemon.
    pub started_at: Instant,
    /// True if the daemon is stopping.
    pub is_stopping: bool,
    /// The sessions, sorted by name.
    pub sessions: Vec<NamedView>,
    /// The open incidents.
    pub incidents: Vec<IncidentView>,
    /// The incident that ended last.
    pub last_incident: Option<IncidentView>,
    /// The latest events, the oldest first.
    pub recent_events: Vec<Arc<RecentEvent>>,
    /// The time of the last event that a person should look at.
    pub last_warning_at: Option<Instant>,
    /// The counters since the daemon's start.
    pub counters: Counters,
    /// The maximum number of sessions for which each session has its own metrics.
    pub per_session_max: usize,
    /// The part of the sessions that the daemon manages; `None` if it manages all.
    pub shard: Option<Shard>,
}

/// A session with its name and the state that observers see.
#[derive(Clone, PartialEq, Debug)]
pub struct NamedView {
    /// The name of the session.
    pub name: SessionName,
    /// The API that the token belongs to.
    pub api: ApiBase,
    /// The configured intent, if a user has ordered another one.
    pub overridden: Option<Intent>,
    /// The source of the token.
    pub source: Source,
    /// The delay until a new token is noticed at its source.
    pub pickup: Pickup,
    /// The problem with the source of the token, if there is one.
    pub trouble: Option<Arc<str>>,
    /// The time, in words, at which this daemon revoked the token earlier, if it did.
    pub revoked: Option<Arc<str>>,
    /// The number of the open incident that affects the session.
    pub incident: Option<u32>,
    /// True if no token was alive at the API yet.
    pub is_region_doubtful: bool,
    /// The last 24 hours of the session.
    pub day: SessionDay,
    /// The session's state in the keeper.
    pub view: SessionView,
}

/// An incident at one moment.
#[derive(Clone, PartialEq, Debug)]
pub struct IncidentView {
    /// The number of the incident since the start of the daemon.
    pub id: u32,
    /// The class of the first failure.
    pub class: IncidentClass,
    /// The API.
    pub api: ApiBase,
    /// The organisation, if the incident concerns only that.
    pub organisation: Option<Arc<str>>,
    /// The cause, that of the latest failure.
    pub cause: IncidentCause,
    /// The correlation id of the latest failed answer that had one.
    pub correlation_id: Option<Arc<str>>,
    /// The instant at which the first failed request was sent.
    pub began_at: Instant,
    /// The same moment on the wall clock.
    pub began: Timestamp,
    /// The first successful answer after the last failure.
    pub answered_at: Option<Instant>,
    /// The end, once the incident is over.
    pub ended_at: Option<Instant>,
    /// The number of sessions of the API or organisation.
    pub sessions: usize,
    /// Their names, if there are at most [`NAMED_MAX`].
    pub names: Vec<SessionName>,
    /// The number of sessions whose last request failed.
    pub failing: usize,
    /// The number of sessions that are at risk.
    pub at_risk: usize,
    /// The number of sessions that were at risk at any time.
    pub ever_at_risk: usize,
    /// The names of the sessions at risk, if there are at most [`NAMED_MAX`].
    pub at_risk_names: Vec<SessionName>,
    /// The number of tokens that were lost.
    pub lost: usize,
    /// The names of their sessions, if there are at most [`NAMED_MAX`].
    pub lost_names: Vec<SessionName>,
    /// True if the only session reported the failure before the incident opened.
    pub is_reported_by_session: bool,
    /// The first idle deadline of the kept sessions, while requests fail.
    pub first_loss_at: Option<Instant>,
    /// The session of that deadline.
    pub first_loss: Option<SessionName>,
}

/// An event that changed a session's state or needs a person's attention.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecentEvent {
    /// The time of the event.
    pub at: Instant,
    /// The session; `None` for an incident.
    pub session: Option<SessionName>,
    /// The fingerprint of the token that the event is about.
    pub fingerprint: Option<Fingerprint>,
    /// The event's machine-readable name.
    pub event: &'static str,
    /// True if a person should look.
    pub is_warning: bool,
    /// The sentence of the log.
    pub text: Box<str>,
}

/// The latest log events of sessions: the oldest is dropped for the newest.
#[derive(Debug, Default)]
pub(crate) struct RecentEvents {
    events: VecDeque<Arc<RecentEvent>>,
    last_warning_at: Option<Instant>,
}

impl Snapshot {
    /// Adds all sessions to the sums.
    #[must_use]
    pub fn sums<S: SessionSums>(&self, mut sums: S) -> S {
        for session in &self.sessions {
            sums.add(&session.entry(), self.at);
        }
        sums
    }

    /// Returns the session with this name.
    #[must_use]
    pub fn session(&self, name: &str) -> Option<&NamedView> {
        let position = self
            .sessions
            .binary_search_by(|session| session.name.as_str().cmp(name));
        self.sessions.get(position.ok()?)
    }

    /// Returns the wall-clock time of an instant, by the wall clock's setting at the snapshot.
    #[must_use]
    pub fn wall_at(&self, at: Instant) -> Timestamp {
        let signed = |duration| SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        let moved = if at >= self.at {
            self.wall.checked_add(signed(at.since(self.at)))
        } else {
            self.wall.checked_sub(signed(self.at.since(at)))
        };
        moved.unwrap_or(self.wall)
    }
}

impl NamedView {
    /// Returns the parts by which sessions are counted, selected and sorted.
    #[must_use]
    pub fn entry(&self) -> SessionEntry<'_> {
        SessionEntry {
            name: &self.name,
            trouble: self.trouble.as_deref(),
            view: &self.view,
        }
    }
}

impl IncidentView {
    /// Returns true if requests fail at present.
    #[must_use]
    pub fn is_acute(&self) -> bool {
        self.ended_at.is_none() && self.failing > 0
    }
}

impl RecentEvents {
    /// Adds an event, and drops the oldest one if there are too many.
    pub(crate) fn remember(&mut self, event: RecentEvent) {
        if event.is_warning {
            self.last_warning_at = Some(event.at);
        }
        if self.events.len() == REMEMBERED_MAX {
            self.events.pop_front();
        }
        self.events.push_back(Arc::new(event));
    }

    /// Returns all remembered events, the oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<RecentEvent>> {
        self.events.iter().map(Arc::clone).collect()
    }

    /// Returns the time of the last warning, even if its event was dropped.
    pub(crate) fn last_warning_at(&self) -> Option<Instant> {
        self.last_warning_at
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{now, seconds};
    use super::*;

    fn event(second: u64, is_warning: bool) -> RecentEvent {
        RecentEvent {
            at: now() + seconds(second),
            session: SessionName::new("wallboard").ok(),
            fingerprint: None,
            event: "lost",
            is_warning,
            text: "lost".into(),
        }
    }

    #[test]
    fn the_last_warning_is_remembered_longer_than_its_event() {
        let mut recent_events = RecentEvents::default();
        assert_eq!(recent_events.last_warning_at(), None);
        recent_events.remember(event(7, true));
        for second in 8..250 {
            recent_events.remember(event(second, false));
        }
        assert!(recent_events.all().iter().all(|event| !event.is_warning));
        assert_eq!(recent_events.last_warning_at(), Some(now() + seconds(7)));
    }

    #[test]
    fn only_the_last_are_remembered() {
        let mut recent_events = RecentEvents::default();
        for second in 0..250 {
            recent_events.remember(event(second, true));
        }
        let all = recent_events.all();
        assert_eq!(all.len(), REMEMBERED_MAX);
        assert_eq!(all.first().unwrap().at, now() + seconds(150));
        assert_eq!(all.last().unwrap().at, now() + seconds(249));
    }
}
