//! Who is due next: an ordered set, so that 100,000 sessions cost a logarithm each.

use std::collections::BTreeSet;

use super::{Instant, SessionId};

/// Sessions by the moment at which they want attention. A session has one place at the most.
#[derive(Default, Debug)]
pub(super) struct Due {
    by_time: BTreeSet<(Instant, SessionId)>,
}

impl Due {
    /// Moves a session from its place to another.
    pub(super) fn set(&mut self, session: SessionId, from: Option<Instant>, to: Option<Instant>) {
        if from == to {
            return;
        }
        if let Some(at) = from {
            self.by_time.remove(&(at, session));
        }
        if let Some(at) = to {
            self.by_time.insert((at, session));
        }
    }

    /// The moment at which somebody is due.
    pub(super) fn first_at(&self) -> Option<Instant> {
        self.by_time.first().map(|&(at, _)| at)
    }

    /// Somebody who is due at `now`; keeps its place.
    pub(super) fn first_until(&self, now: Instant) -> Option<SessionId> {
        let &(at, session) = self.by_time.first()?;
        (at <= now).then_some(session)
    }
}
