//! The reaction of a session to a change of the network and to the end of a suspension.

use std::time::Duration;

use super::super::backoff::soon;
use super::{KeeperState, Session, TokenState};
use crate::time::Instant;

impl Session {
    /// Handles a change of the network. Returns true if a retry is made sooner.
    ///
    /// A request in flight continues: it may be the one that gets through, and its connection
    /// attempt has a time limit of its own.
    pub(in crate::keeper) fn network_changed(
        &mut self,
        now: Instant,
        shared: &mut KeeperState,
    ) -> bool {
        let live = match &mut self.present {
            TokenState::Alive(live) => Some(&mut live.tries),
            TokenState::Absent | TokenState::Ended(_) => None,
        };
        let candidate = self.candidate.as_mut().map(|candidate| {
            // The proxy that answered before may not be on the new network, so that a peek can
            // prove the token alive.
            candidate.blocked_answers = 0;
            &mut candidate.tries
        });
        let stopping = self.stopping.as_mut().map(|stopping| &mut stopping.tries);
        let mut is_sooner = false;
        for tries in [live, candidate, stopping].into_iter().flatten() {
            is_sooner |= tries.network_changed(now, &mut shared.rng);
        }
        is_sooner
    }

    /// Handles the end of a suspension of the machine. A request in flight is dropped: its
    /// connection is dead, and waiting for its timeout would use up the time that is left.
    pub(in crate::keeper) fn resumed(
        &mut self,
        slept: Duration,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        self.in_flight = None;
        self.network_changed(now, shared);
        let peek_at = soon(now, &mut shared.rng);
        self.with_live_token(shared, |live, context| {
            live.handle_resume(slept, context, peek_at, now);
        });
    }
}
