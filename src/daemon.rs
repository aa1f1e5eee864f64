//! Carries out the keeper's decisions: one task that owns all state and waits for the next event.
//!
//! The loop must never wait for a file, a program, an observer or the network.
//!
//! # Invariants
//!
//! *One loop.* There are no locks and no second owner. Requests, readings and hooks are tasks in
//! the loop's own sets; they return their results and share nothing. Observers read slices of the
//! state through [`QuerySender`](crate::status::QuerySender); a slow observer cannot delay the loop.
//!
//! *No polling.* The loop wakes for a deadline, a finished request or hook, a changed or read
//! token, a command, a query, a changed network or a clock that jumped, and for nothing else.
//! A service manager's watchdog adds one deadline, and each pool one a minute.
//!
//! *Time* is read in `sys::clock` and passed to everything else.
//!
//! # State
//!
//! Each part of the state is in one type, whose file holds everything that changes it: the sessions
//! and the keeper in `session_table`, the places of their tokens in `sources`, the requests in
//! flight in `requests`, the clocks and the network in `machine`, everything that is reported in
//! `reporter`, the observers in `listeners`. What concerns several parts is a method of [`Daemon`]:
//! the start, the loop and the stop, `tokens` that were read, sessions that `hand_over` their
//! tokens, the `reload` of the configuration, and the commands and queries of observers, `control`.

mod connections;
mod control;
mod hand_over;
mod hooks;
mod incidents;
mod listeners;
mod machine;
mod minting;
mod other_daemons;
mod ownership;
mod pools;
mod reload;
mod reporter;
mod requests;
mod revocations;
mod rotation_signals;
mod session_table;
pub mod signals;
mod sinks;
mod sources;
mod start;
pub mod systemd;
mod tokens;

use std::future::pending;
use std::panic::resume_unwind;
use std::sync::Arc;

use futures_util::{Stream, StreamExt};
use jiff::Timestamp;
pub use other_daemons::{DaemonIdentity, OtherDaemonPolicy, StartRefusal};
pub(crate) use pools::sessions_now;
pub use revocations::Revocations;
pub use start::StartError;
pub(crate) use start::{client, limits};
use tokio::task::{JoinError, JoinSet};

use self::listeners::{ListenerEvent, Listeners};
use self::machine::Machine;
use self::minting::Minting;
use self::other_daemons::OtherDaemons;
use self::reload::Reloads;
use self::reporter::Reporter;
use self::requests::Requests;
use self::revocations::Reason;
use self::rotation_signals::RotationSignals;
use self::session_table::SessionTable;
use self::sinks::Sinks;
use self::sources::Sources;
use self::systemd::Systemd;
use crate::config::{Config, Errors};
pub use crate::http::SocketPlaces;
use crate::keeper::{
    Command, EarlierEnding, Event, EventKind, Failure, OnShutdown, Operation, Outcome, Severity,
    Verdict,
};
use crate::log::{LogEvent, LogHandle, log_event};
use crate::status::Snapshot;
use crate::status::phrases::{Pickup, mint_failure};
use crate::sys::clock::{Clock, ClockReading};
use crate::time::Instant;

/// A command for the running daemon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DaemonCommand {
    /// Stops the daemon; tokens are revoked as configured, or all are left.
    Stop {
        /// [`OnShutdown::Leave`] if no token is to be revoked, whatever is configured.
        on_shutdown: OnShutdown,
        /// The signal or request that caused the stop, for the log.
        why: &'static str,
    },
    /// Reads the configuration again.
    Reload,
}

/// The result of the daemon's run.
#[derive(Clone, PartialEq, Debug)]
pub struct Stopped {
    /// The number of tokens whose revocation failed.
    pub not_revoked: usize,
    /// The final state of the sessions.
    pub snapshot: Snapshot,
}

/// A function that reads the configuration again. It runs on a thread that may block.
pub type LoadConfig = Arc<dyn Fn() -> Result<Config, Errors> + Send + Sync>;

/// The dependencies of the daemon beside its configuration.
pub struct Setup {
    /// The function that reads the configuration again.
    pub load: LoadConfig,
    /// The log, whose level and format follow the configuration; `None` if this process does not
    /// own the log.
    pub log: Option<LogHandle>,
    /// The seed of the keeper's jitter.
    pub seed: u64,
    /// The function that reads the clocks.
    pub clock: Clock,
    /// The service manager that is notified of the daemon's state.
    pub systemd: Systemd,
    /// The directories in which the Unix socket may be created.
    pub places: SocketPlaces,
    /// The tokens that this and earlier processes revoked.
    pub revocations: Revocations,
    /// The policy for other daemons that hold the same tokens.
    pub other_daemons: OtherDaemonPolicy,
}

/// The daemon.
pub struct Daemon {
    /// The active configuration, as it was read.
    config: Config,
    sessions: SessionTable,
    sources: Sources,
    requests: Requests,
    minting: Minting,
    machine: Machine,
    reporter: Reporter,
    sinks: Sinks,
    rotation_signals: RotationSignals,
    listeners: Listeners,
    reloads: Reloads,
    others: OtherDaemons,
    started_at: Instant,
    /// The progress of the stop, once it has begun.
    stop: Option<StopProgress>,
}

/// The numbers of tokens that ended since the stop began, by the way in which they ended.
#[derive(Clone, Copy, Default)]
struct StopProgress {
    revoked: usize,
    left: usize,
    not_revoked: usize,
}

impl Daemon {
    /// Runs the daemon until a command stops it.
    pub async fn run(mut self, mut commands: impl Stream<Item = DaemonCommand> + Unpin) -> Stopped {
        self.others.handle_started();
        self.log_started();
        let ended = loop {
            let reading = self.read_clock();
            self.turn(reading.boot);
            if let Some(ended) = self.stop
                && self.sessions.keeper.is_stopped()
                && self.reporter.hooks.is_idle()
                && self.minting.is_idle()
            {
                break ended;
            }
            self.reporter.systemd.turn(&reading);
            let wake_at = self.wake_at();
            self.reporter.systemd.handle_wait(wake_at);
            tokio::select! {
                biased;
                Some(command) = commands.next() => self.handle_command(command),
                (ticket, outcome) = self.requests.next() => {
                    let now = self.machine.now();
                    self.sessions.keeper.handle_outcome(ticket, &outcome, now);
                }
                () = self.reporter.next() => {}
                event = self.minting.next() => self.handle_minting(event),
                done = self.sinks.next() => {
                    let outcome = self.sinks.handle_done(done, self.machine.now());
                    self.reporter.counters.handle_sink(outcome);
                }
                () = self.rotation_signals.next() => {}
                event = self.sources.next() => self.handle_source_event(event),
                event = self.others.next() => {
                    self.others.handle(event, &mut self.sessions, self.machine.now());
                }
                gathered = next_result(&mut self.reloads.reading) => self.handle_gathered(gathered),
                event = self.listeners.next() => self.handle_listener_event(event),
                () = self.machine.wait(wake_at) => {}
            }
        };
        self.listeners.finish().await;
        self.reporter.revocations.finish().await;
        self.sinks.finish(self.machine.now()).await;
        self.rotation_signals.finish().await;
        let StopProgress {
            revoked,
            left,
            not_revoked,
        } = ended;
        log_event(&LogEvent::Stopped {
            revoked,
            left,
            not_revoked,
        });
        Stopped {
            not_revoked,
            snapshot: self.snapshot(&self.machine.read_clock()),
        }
    }

    fn log_started(&self) {
        let (kept, lapsing) = self.sessions.count_intents();
        log_event(&LogEvent::Started {
            version: env!("CARGO_PKG_VERSION"),
            kept,
            lapsing,
            shard: self.config.shard,
        });
    }

    /// Refuses the start if another running daemon holds a token of this one and one of the two
    /// would revoke it. Waits for a daemon that is about to end, and logs that it waits.
    ///
    /// # Errors
    ///
    /// [`StartError::HeldElsewhere`] if the other daemon does not end in time.
    pub async fn respect_other_daemons(&mut self) -> Result<(), StartError> {
        self.others.respect(&self.sessions, &self.machine).await
    }

    /// Reads the clocks, and handles their jumps before anything else is done.
    fn read_clock(&mut self) -> ClockReading {
        let reading = self.machine.read_clock();
        let now = reading.boot;
        let jump = self.machine.jumps.compare(&reading);
        if let Some(slept) = jump.slept {
            self.reporter.handle_slept(slept, now);
            // The connections of requests in flight did not survive the sleep.
            self.requests.drop_all();
            self.requests.connections.replace_all();
            self.sessions.keeper.handle_resume(slept, now);
            self.sources.pools.handle_resume(slept, now);
        }
        if let Some(by) = jump.stepped {
            self.machine.wall_settings.handle_step(&reading);
            self.reporter.handle_clock_stepped(by, now);
        }
        reading
    }

    /// Does everything that is due.
    fn turn(&mut self, now: Instant) {
        if self.machine.network.poll_settled(now) {
            let sooner = self.sessions.keeper.handle_network_changed(now);
            if sooner > 0 {
                self.reporter.handle_network_changed(sooner, now);
                self.requests.connections.replace_all();
            }
        }
        let is_stopping = self.stop.is_some();
        if !is_stopping {
            self.sources.turn(&mut self.sessions, now);
        }
        if !is_stopping {
            self.begin_minting(now);
        }
        self.minting.turn(now);
        while let Some(command) = self.sessions.keeper.poll_command(now) {
            self.send(command, now);
        }
        loop {
            while let Some(event) = self.sessions.keeper.poll_event() {
                self.handle_event(&event, now);
            }
            // Carrying out a decision can produce events, which can lead to decisions.
            if is_stopping || !self.carry_out_decisions(now) {
                break;
            }
        }
        for ended in self.sessions.remove_ended() {
            self.reporter.forget(ended, now);
            self.sinks.forget(ended);
            self.forget_minting(ended);
        }
        if self.sessions.take_dropped() {
            self.requests.handle_token_dropped(now);
            self.sources.reread_waiting(&self.sessions);
        }
        self.requests.turn(now);
        self.announce_rotations(now);
        self.report_incidents(now);
        self.reporter.turn(now);
        self.sinks.turn(now);
        self.reporter.counters.sinks_waiting = self.sinks.waiting();
        if !is_stopping {
            self.listeners.turn(now);
        }
        self.others.turn(&self.sessions);
    }

    fn wake_at(&self) -> Option<Instant> {
        let until_stop = [
            self.sources.poll_timeout(),
            self.sessions.ownership.poll_timeout(),
            self.listeners.poll_timeout(),
        ];
        let until_stop = until_stop.into_iter().filter(|_| self.stop.is_none());
        let others = [
            self.sessions.keeper.poll_timeout(),
            self.machine.network.poll_timeout(),
            self.requests.poll_timeout(),
            self.reporter.poll_timeout(),
            self.sinks.poll_timeout(),
            self.minting.poll_timeout(),
        ];
        until_stop.chain(others).flatten().min()
    }

    fn send(&mut self, command: Command, now: Instant) {
        let id = command.ticket.session;
        let is_configured = self.sessions.is_configured(id);
        let Some(managed) = self.sessions.by_id.get_mut(&id) else {
            return;
        };
        if command.operation != Operation::Revoke && self.stop.is_none() && is_configured {
            self.sources.read_with_request(id, managed);
        }
        if let Some(token) = managed.token(command.ticket.generation) {
            let api = managed.config.api.clone();
            self.requests.start(command, api, token);
        } else {
            debug_assert!(false, "a generation that is asked with has a token");
            let why = "the daemon does not have the token of this generation";
            let outcome =
                Outcome::without_answer(Verdict::Unreachable(Failure::NotSent(why.into())));
            let keeper = &mut self.sessions.keeper;
            keeper.handle_outcome(command.ticket, &outcome, now);
        }
    }

    fn handle_command(&mut self, command: DaemonCommand) {
        match command {
            _ if self.stop.is_some() => {}
            DaemonCommand::Reload => {
                self.listeners.check_soon(self.machine.now());
                self.reload(None);
            }
            DaemonCommand::Stop { on_shutdown, why } => self.begin_stop(on_shutdown, why),
        }
    }

    fn handle_listener_event(&mut self, event: ListenerEvent) {
        match event {
            ListenerEvent::Query(query) => self.handle_query(query),
            ListenerEvent::Closed => {}
            ListenerEvent::SocketChanged => self.listeners.check_soon(self.machine.now()),
            ListenerEvent::SocketGone => self.listeners.bind_again(self.machine.now()),
        }
    }

    /// Begins the stop: revokes the tokens that are configured to be revoked, and drops the rest.
    fn begin_stop(&mut self, on_shutdown: OnShutdown, why: &'static str) {
        let now = self.machine.now();
        let grace = self.config.shutdown.grace;
        self.sessions.decide_at_stop(now);
        let revoke = match on_shutdown {
            OnShutdown::Revoke => self.sessions.tokens_to_revoke(),
            OnShutdown::Leave => Vec::new(),
        };
        let leave = self.sessions.count_tokens() - revoke.len();
        // A second signal ends the process without another line.
        log_event(&LogEvent::Stopping {
            signal: why,
            revoke: &revoke,
            leave,
            grace,
        });
        let revoke = revoke.len();
        let is_quick = revoke == 0 && self.reporter.hooks.is_idle() && self.minting.is_idle();
        self.reporter
            .systemd
            .handle_stop(revoke, leave, grace, is_quick);
        self.reporter.hooks.handle_stop(grace, now);
        self.others.handle_stop(on_shutdown);
        self.sinks.handle_stop();
        self.rotation_signals.handle_stop();
        self.requests.drop_all_but_revocations();
        self.minting.handle_stop(now + grace);
        self.reloads.stop();
        self.sessions
            .keeper
            .handle_shutdown(on_shutdown, now + grace, now);
        self.stop = Some(StopProgress::default());
    }

    fn handle_event(&mut self, event: &Event, now: Instant) {
        let at = self.machine.wall_at(event.at);
        self.count_ended(event, at);
        self.revoke_mismatched(event, now);
        self.sessions.handle_event(event);
        self.publish_after(event);
        let mut view = self.sessions.keeper.view(event.session, now);
        self.handle_incident_event(event, view.as_ref(), now);
        let is_configured = self.sessions.is_configured(event.session);
        let Some(managed) = self.sessions.by_id.get_mut(&event.session) else {
            return;
        };
        if let EventKind::Alive { .. } = event.kind {
            managed.reading.attempts = 0;
            self.sources.cancel_retry(event.session);
            if managed.forget_held_elsewhere() {
                let policy = managed.policy();
                self.sessions
                    .keeper
                    .handle_policy(event.session, policy, now);
                view = self.sessions.keeper.view(event.session, now);
            }
        } else if let EventKind::MintFailed(failure) = &event.kind {
            let trouble = mint_failure(failure, &managed.config.token);
            managed.reading.trouble = Some(trouble.into());
        } else if let EventKind::Minted = event.kind {
            managed.reading.trouble = None;
        } else if let EventKind::Lost(_) | EventKind::Lapsed(_) = event.kind
            && is_configured
        {
            self.sources.schedule_retry(event.session, managed, now);
        }
        let live = view.as_ref().and_then(|view| view.live.as_ref());
        if let Some(touch_at) = live.and_then(|live| live.touch_at)
            && is_configured
        {
            self.sources
                .read_ahead(event.session, managed, touch_at, now);
        }
        let cause = self.cause_of(event);
        let Some(managed) = self.sessions.by_id.get(&event.session) else {
            return;
        };
        let names = if event.kind.severity() == Severity::Detail {
            // No text about a detail tells when a new token is noticed.
            managed.names(Pickup::AtOnce)
        } else {
            self.sources.names(managed)
        };
        self.reporter
            .handle_event(event, &names, view.as_ref(), cause.as_ref(), now, at);
        // Readiness does not depend on a session that a reload removed.
        if let Some(view) = view
            && is_configured
        {
            self.reporter.systemd.handle_session(names.name, &view);
        }
    }

    /// Counts a token that ended, and remembers it if it was revoked.
    fn count_ended(&mut self, event: &Event, at: Timestamp) {
        let is_revoked = matches!(
            event.kind,
            EventKind::Revoked { was_gone: false }
                | EventKind::EarlierEnded(EarlierEnding::Revoked)
        );
        if let (true, Some(token)) = (is_revoked, event.token) {
            let why = match (self.stop, &event.kind) {
                (Some(_), _) => Reason::Stopped,
                (None, EventKind::EarlierEnded(_)) => Reason::Replaced,
                (None, _) => Reason::Removed,
            };
            let revocations = &mut self.reporter.revocations;
            revocations.handle_revoked(token.fingerprint, why, at);
        }
        let Some(ended) = &mut self.stop else {
            return;
        };
        if let EventKind::Revoked { was_gone: false } = event.kind {
            ended.revoked += 1;
        } else if let EventKind::NotRevoked(_) = event.kind {
            ended.not_revoked += 1;
        } else if let EventKind::Left = event.kind {
            ended.left += 1;
        }
    }
}

/// Returns the result of the next task that ends, and ignores aborted ones. Waits for ever if there
/// is no task. Cancel-safe.
///
/// # Panics
///
/// If the task panicked, which is a bug that `main` reports.
async fn next_result<T: 'static>(tasks: &mut JoinSet<T>) -> T {
    while let Some(ended) = tasks.join_next().await {
        match ended.map_err(JoinError::try_into_panic) {
            Ok(result) => return result,
            Err(Ok(panic)) => resume_unwind(panic),
            Err(Err(_aborted)) => {}
        }
    }
    pending().await
}
