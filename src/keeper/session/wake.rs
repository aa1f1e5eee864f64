//! What a session does when the network changed or the machine woke up.

use std::time::Duration;

use super::super::Instant;
use super::super::backoff::soon;
use super::{Present, Session, Shared};

impl Session {
    /// Takes in that the network is not what it was. Says whether a try is made sooner.
    ///
    /// A request in flight goes on: it may be the one that gets through, and its
    /// connection attempt has a limit of its own.
    pub(in crate::keeper) fn network_changed(&mut self, now: Instant, shared: &mut Shared) -> bool {
        let held = match &mut self.present {
            Present::Held(held) => Some(&mut held.tries),
            Present::Absent | Present::Ended(_) => None,
        };
        let candidate = self.candidate.as_mut().map(|it| &mut it.tries);
        let stopping = self.stopping.as_mut().map(|it| &mut it.tries);
        let mut is_sooner = false;
        for tries in [held, candidate, stopping].into_iter().flatten() {
            is_sooner |= tries.network_changed(now, &mut shared.rng);
        }
        is_sooner
    }

    /// Takes in that the machine slept. A request in flight is dropped: its connection is
    /// dead, and waiting for that to be found out would cost the time that is left.
    pub(in crate::keeper) fn resumed(
        &mut self,
        slept: Duration,
        now: Instant,
        shared: &mut Shared,
    ) {
        self.in_flight = None;
        self.network_changed(now, shared);
        let look_at = soon(now, &mut shared.rng);
        self.with_held(shared, |held, outlook| {
            held.slept(slept, outlook, look_at, now);
        });
    }
}
