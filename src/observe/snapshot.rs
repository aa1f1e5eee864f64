//! What observers see: all sessions at one moment.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Happening, Tallies};
use crate::config::{ApiBase, SessionName};
use crate::keeper::{Instant, Intent, SessionView};
use crate::token::Source;

/// All sessions at one moment.
#[derive(Clone, PartialEq, Debug)]
pub struct Snapshot {
    /// The moment.
    pub at: Instant,
    /// The same moment on the wall clock, for people.
    pub wall: Timestamp,
    /// When the daemon began.
    pub started_at: Instant,
    /// Whether it is stopping.
    pub is_stopping: bool,
    /// The sessions, by name.
    pub sessions: Vec<NamedView>,
    /// What happened last, the oldest first.
    pub happenings: Vec<Arc<Happening>>,
    /// What was counted since the daemon began.
    pub tallies: Tallies,
    /// With more sessions than this there are no metrics of each.
    pub per_session_max: usize,
}

/// A session and what is seen of it.
#[derive(Clone, PartialEq, Debug)]
pub struct NamedView {
    /// Its name.
    pub name: SessionName,
    /// Where its token belongs.
    pub api: ApiBase,
    /// What the configuration says that it is to get, if somebody wants something else.
    pub overridden: Option<Intent>,
    /// Where its token comes from.
    pub source: Source,
    /// What is wrong with the source of its token, if something is.
    pub trouble: Option<Arc<str>>,
    /// What is seen of it.
    pub view: SessionView,
}

impl Snapshot {
    /// Whether every session that is to be kept is proven alive and within its margin,
    /// and nobody has told us to stop.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.is_stopping && self.sessions.iter().all(|it| it.view.is_ready(self.at))
    }

    /// How many sessions are to be kept alive.
    #[must_use]
    pub fn kept(&self) -> usize {
        let kept = |it: &&NamedView| it.view.policy.intent == Intent::Keep;
        self.sessions.iter().filter(kept).count()
    }

    /// The session of this name.
    #[must_use]
    pub fn session(&self, name: &str) -> Option<&NamedView> {
        let position = self
            .sessions
            .binary_search_by(|it| it.name.as_str().cmp(name));
        self.sessions.get(position.ok()?)
    }

    /// A moment on the wall clock as it is set.
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
