//! Passes the events of sessions and of the machine to everything that reports them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::control::TouchWaiters;
use super::hooks::Hooks;
use super::revocations::Revocations;
use super::session_table::SessionTable;
use super::systemd::Systemd;
use crate::keeper::{Event, Incidents, SessionId, SessionView};
use crate::log::{Log, LogEvent, LogHandle, Reporting, SessionNames, log_event};
use crate::metrics::Counters;
use crate::status::history::HostChange;
use crate::status::{IncidentView, SessionHistories};
use crate::sys::clock::ClockReading;
use crate::time::Instant;

/// The consumers of events: the incidents, the log, the metrics, the histories, the hooks, the service manager,
/// the record of revoked tokens and the requesters that wait for a touch.
pub(super) struct Reporter {
    pub(super) incidents: Incidents,
    pub(super) log: Log,
    pub(super) log_handle: Option<LogHandle>,
    pub(super) counters: Counters,
    pub(super) histories: SessionHistories,
    pub(super) hooks: Hooks,
    pub(super) systemd: Systemd,
    pub(super) revocations: Revocations,
    pub(super) touch_waiters: TouchWaiters,
}

impl Reporter {
    /// Creates a reporter that starts at the time of this reading.
    pub(super) fn new(
        log_handle: Option<LogHandle>,
        systemd: Systemd,
        revocations: Revocations,
        began: &ClockReading,
    ) -> Self {
        Self {
            incidents: Incidents::default(),
            log: Log::new(),
            log_handle,
            counters: Counters::new(began.wall_at(began.boot)),
            histories: SessionHistories::default(),
            hooks: Hooks::default(),
            systemd,
            revocations,
            touch_waiters: TouchWaiters::default(),
        }
    }

    /// Handles an event of a session. `view` is the state of the session after it; `at` is its time
    /// on the wall clock; `cause` is the incident from which it follows, if that affects several
    /// sessions.
    pub(super) fn handle_event(
        &mut self,
        event: &Event,
        session: &SessionNames<'_>,
        view: Option<&SessionView>,
        cause: Option<&IncidentView>,
        now: Instant,
        at: Timestamp,
    ) {
        self.counters.handle_event(event);
        self.touch_waiters.handle_event(event, view, now);
        let reporting = match cause {
            Some(_) => Reporting::WithIncident,
            None => Reporting::ByItself,
        };
        self.log.handle_event(event, session, view, reporting, now);
        let text = || self.log.text(event, session, view, now);
        self.hooks
            .handle_event(event, session, view, text, cause, now, at);
        self.histories.handle_event(event, view);
    }

    /// Handles a suspension of the machine.
    pub(super) fn handle_slept(&mut self, slept: Duration, now: Instant) {
        log_event(&LogEvent::Slept(slept));
        self.counters.handle_slept(slept);
        self.histories.handle_change(HostChange::Slept(slept), now);
        self.systemd.handle_jump();
    }

    /// Handles a step of the wall clock.
    pub(super) fn handle_clock_stepped(&mut self, by: SignedDuration, now: Instant) {
        log_event(&LogEvent::ClockStepped(by));
        self.counters.handle_clock_stepped();
        self.histories
            .handle_change(HostChange::ClockStepped(by), now);
        self.systemd.handle_jump();
    }

    /// Handles a change of the network, after which the next requests of `sooner` sessions were
    /// moved forward.
    pub(super) fn handle_network_changed(&mut self, sooner: usize, now: Instant) {
        log_event(&LogEvent::NetworkChanged { sooner });
        self.histories
            .handle_change(HostChange::NetworkChanged(sooner), now);
    }

    /// Rebuilds the service manager's status from all sessions, after a change of their names.
    pub(super) fn report_sessions(&mut self, sessions: &SessionTable, now: Instant) {
        if self.systemd.is_present() {
            self.systemd.forget_sessions();
            for (name, view) in sessions.views(now) {
                self.systemd.handle_session(name, &view);
            }
        }
    }

    /// Removes a session that has ended.
    pub(super) fn forget(&mut self, session: SessionId, now: Instant) {
        self.incidents.forget(session, now);
        self.hooks.forget(session);
        self.histories.forget(session);
    }

    /// Starts the hooks and writes that are due.
    pub(super) fn turn(&mut self, now: Instant) {
        self.hooks.turn(now);
        self.revocations.turn();
    }

    /// Returns the instant at which [`Self::turn`] or [`Systemd::turn`] is to be called
    /// again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let timeouts = [
            self.hooks.poll_timeout(),
            self.systemd.poll_timeout(),
            self.incidents.poll_timeout(),
        ];
        timeouts.into_iter().flatten().min()
    }

    /// Waits for the end of a hook or of a write. Cancel-safe.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            biased;
            () = self.hooks.next() => {}
            () = self.revocations.next() => {}
        }
    }
}
