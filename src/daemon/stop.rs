//! How the daemon stops: what is to be revoked is, and everything else is dropped.

use super::{Daemon, Ended};
use crate::keeper::OnShutdown;
use crate::observe::{Notice, tell_notice};

impl Daemon {
    pub(super) fn stop(&mut self, wanted: OnShutdown, why: &'static str) {
        let now = self.now();
        let grace = self.config.shutdown.grace;
        let (revoke, leave) = self.count_living(wanted);
        tell_notice(&Notice::Stopping {
            signal: why,
            revoke,
            leave,
            grace,
        });
        let is_quick = revoke == 0 && self.hooks.is_idle();
        self.systemd.handle_stop(revoke, leave, grace, is_quick);
        self.hooks.handle_stop(grace, now);
        self.is_stopping = true;
        // What is told at the end is about this stop.
        self.ended = Ended::default();
        self.requests.drop_all();
        self.keeper.handle_shutdown(wanted, now + grace, now);
    }

    /// How many sessions have a token that is to be revoked, and how many one that is to be left.
    fn count_living(&self, wanted: OnShutdown) -> (usize, usize) {
        let living = self.cares.by_id.values().filter(|care| care.has_token());
        let (revoke, leave): (Vec<_>, Vec<_>) = living.partition(|care| {
            wanted == OnShutdown::Revoke && care.config.on_shutdown == OnShutdown::Revoke
        });
        (revoke.len(), leave.len())
    }
}
