//! The state of all sessions at one moment, from which observers are answered.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::history::SessionDay;
use super::{IncidentView, RecentEvent, SessionEntry, SessionSums};
use crate::config::{ApiBase, SessionName, Shard};
use crate::keeper::{Intent, SessionView};
use crate::metrics::Counters;
use crate::status::phrases::Pickup;
use crate::time::Instant;
use crate::token::Source;

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
