//! What the daemon does when the world around it changed: clocks that jumped, another network, a manager to tell.

use super::Daemon;
use super::clock::Reading;
use crate::keeper::Instant;
use crate::observe::story::Change;
use crate::observe::{Notice, tell_notice};

impl Daemon {
    /// The moment it is.
    pub(super) fn now(&self) -> Instant {
        (self.clock)().boot
    }

    /// Reads the clocks, and deals with what they did meanwhile before anything else is done.
    pub(super) fn look_at_clock(&mut self) -> Reading {
        let reading = (self.clock)();
        let jump = self.jumps.look(&reading);
        if let Some(slept) = jump.slept {
            tell_notice(&Notice::Slept(slept));
            self.tallies.handle_slept(slept);
            self.stories
                .handle_change(Change::Slept(slept), reading.boot);
            // What is in flight waits for an answer to a connection that is gone.
            self.requests.drop_all();
            self.drop_connections();
            self.keeper.handle_resume(slept, reading.boot);
            self.pools.handle_resume(slept, reading.boot);
            self.systemd.handle_jump();
        }
        if let Some(by) = jump.stepped {
            tell_notice(&Notice::ClockStepped(by));
            self.tallies.handle_clock_stepped();
            self.stories
                .handle_change(Change::ClockStepped(by), reading.boot);
            self.systemd.handle_jump();
        }
        reading
    }

    /// The network is not what it was.
    pub(super) fn handle_network_changed(&mut self, now: Instant) {
        let sooner = self.keeper.handle_network_changed(now);
        if sooner > 0 {
            tell_notice(&Notice::NetworkChanged { sooner });
            self.stories
                .handle_change(Change::NetworkChanged(sooner), now);
            self.drop_connections();
        }
    }

    /// Closes every connection; requests in flight keep theirs until they are done.
    pub(super) fn drop_connections(&mut self) {
        if let Err(error) = self.client.drop_connections() {
            tell_notice(&Notice::ConnectionsKept(&error));
        }
    }

    /// Tells the service manager what is new.
    pub(super) fn tell_systemd(&mut self, reading: &Reading) {
        self.systemd.turn(reading);
        if let Some(error) = self.systemd.poll_trouble() {
            tell_notice(&Notice::ManagerNotTold(&error));
        }
    }

    /// Tells the service manager's account of the sessions anew.
    pub(super) fn account_for_sessions(&mut self, now: Instant) {
        if !self.systemd.is_present() {
            return;
        }
        self.systemd.forget_sessions();
        for (name, id) in &self.cares.by_name {
            if let Some(view) = self.keeper.view(*id, now) {
                self.systemd.handle_session(name, &view);
            }
        }
    }
}
