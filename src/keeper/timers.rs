//! Schedules sessions: one instant at most for each.

use std::collections::{BTreeMap, BTreeSet};

use super::SessionId;
use crate::time::Instant;

/// Sessions, each with an instant. All operations take logarithmic time.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    by_session: BTreeMap<SessionId, Instant>,
    by_instant: BTreeSet<(Instant, SessionId)>,
}

impl Timers {
    /// Sets the instant of a session, in place of an earlier one.
    pub(crate) fn set(&mut self, id: SessionId, at: Instant) {
        self.cancel(id);
        self.by_session.insert(id, at);
        self.by_instant.insert((at, id));
    }

    /// Sets the instant of a session, unless it has an earlier one.
    pub(crate) fn limit(&mut self, id: SessionId, at: Instant) {
        if self.by_session.get(&id).is_none_or(|earlier| at < *earlier) {
            self.set(id, at);
        }
    }

    /// Removes a session.
    pub(crate) fn cancel(&mut self, id: SessionId) {
        if let Some(at) = self.by_session.remove(&id) {
            self.by_instant.remove(&(at, id));
        }
    }

    /// Removes and returns the first session whose instant has come.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<SessionId> {
        let &(_, id) = self.by_instant.first().filter(|(at, _)| *at <= now)?;
        self.cancel(id);
        Some(id)
    }

    /// Returns the earliest instant.
    pub(crate) fn first_at(&self) -> Option<Instant> {
        self.by_instant.first().map(|&(at, _)| at)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_session.is_empty()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = SessionId> {
        self.by_session.keys().copied()
    }
}
