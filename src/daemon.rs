//! Does what the keeper decides: one task that owns everything and waits for the next thing to happen.
//!
//! # Invariants
//!
//! *One loop.* There are no locks and no second owner. Requests, readings and hooks are tasks of
//! the loop's own sets, they bring their result back and share nothing. Observers ask for
//! a snapshot through [`Looks`](crate::observe::Looks); nobody who is slow can hold the loop up.
//!
//! *No polling.* The loop wakes for a deadline, a finished request or hook, a changed or read
//! token, an order, a look, a changed network or a clock that jumped, and for nothing else.
//! A service manager that wants pings costs one deadline more, and a pool one a minute.
//!
//! *Time* is read in [`clock`] and handed on.

mod care;
pub mod clock;
mod control;
mod doors;
mod hand_over;
pub mod harden;
mod hooks;
mod network;
mod pools;
mod reload;
mod requests;
mod residue;
pub mod signals;
mod sources;
mod start;
mod stop;
pub mod systemd;
mod tasks;
mod tokens;
mod wake;

use std::collections::BTreeSet;

use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;

use self::care::Cares;
use self::clock::{Alarm, Clock, Jumps, Reading, Timer};
use self::control::Waiters;
use self::doors::Doors;
use self::hooks::Hooks;
use self::network::Network;
use self::pools::Pools;
use self::requests::Requests;
use self::residue::Residue;
use self::sources::{Happening, Sources};
use self::systemd::Systemd;
use crate::api::Client;
use crate::config::{ApiBase, Config, Errors, SessionName};
use crate::keeper::{Command, Event, EventKind, Instant, Keeper, OnShutdown, Operation, SessionId};
use crate::observe::{
    Handle, Log, Look, NamedStory, NamedView, Notice, Snapshot, Stories, Tallies, tell_notice,
};

pub use crate::observe::endpoints::Places;
pub(crate) use pools::sessions_now;
pub use start::StartError;
pub(crate) use start::{limits, policy};

/// What the daemon is told to do while it runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Stop; tokens are revoked as configured, or all are left.
    Stop {
        /// Whether anything is revoked at all.
        wanted: OnShutdown,
        /// Who asked.
        why: &'static str,
    },
    /// Read the configuration again.
    Reload,
}

/// What came of the daemon when it stopped.
#[derive(Clone, PartialEq, Debug)]
pub struct Stopped {
    /// How many tokens were to be revoked and were not.
    pub not_revoked: usize,
    /// The sessions as they were left.
    pub snapshot: Snapshot,
}

/// Reads the configuration again.
pub type Load = Box<dyn FnMut() -> Result<Config, Errors>>;

/// What the daemon is given beside its configuration.
pub struct Setup {
    /// Reads the configuration again.
    pub load: Load,
    /// The log, whose level and format follow the configuration; `None` if it is not ours.
    pub log: Option<Handle>,
    /// Draws the jitter.
    pub seed: u64,
    /// Reads the clocks.
    pub clock: Clock,
    /// The service manager, which is told how the daemon does.
    pub systemd: Systemd,
    /// Where the Unix socket may be.
    pub places: Places,
}

/// The daemon.
pub struct Daemon {
    /// The configuration with the sessions of all pools.
    config: Config,
    load: Load,
    log: Log,
    stories: Stories,
    log_handle: Option<Handle>,
    keeper: Keeper,
    cares: Cares,
    hosts: Vec<ApiBase>,
    client: Client,
    requests: Requests,
    residue: Residue,
    sources: Sources,
    pools: Pools,
    clock: Clock,
    jumps: Jumps,
    alarm: Alarm,
    timer: Timer,
    network: Network,
    systemd: Systemd,
    looks: mpsc::Receiver<Look>,
    doors: Doors,
    tallies: Tallies,
    started_at: Instant,
    hooks: Hooks,
    /// Sessions that a reload took away and whose tokens are not yet dealt with.
    leaving: Vec<SessionId>,
    /// Sessions whose token another one holds.
    waiting_for_token: BTreeSet<SessionId>,
    /// Who waits for the answer to a touch.
    touch_waiters: Waiters,
    ended: Ended,
    is_stopping: bool,
    /// Whether who ordered the stop waits for an answer.
    is_answer_awaited: bool,
}

/// How many tokens ended how.
#[derive(Clone, Copy, Default)]
struct Ended {
    revoked: usize,
    left: usize,
    not_revoked: usize,
}

impl Ended {
    fn count(&mut self, kind: &EventKind) {
        if let EventKind::Revoked = kind {
            self.revoked += 1;
        } else if let EventKind::NotRevoked(_) = kind {
            self.not_revoked += 1;
        } else if let EventKind::Left = kind {
            self.left += 1;
        }
    }
}

impl Daemon {
    /// Runs until an order stops it.
    pub async fn run(mut self, mut orders: impl Stream<Item = Order> + Unpin) -> Stopped {
        loop {
            let reading = self.look_at_clock();
            self.turn(reading.boot);
            if self.is_stopping && self.keeper.is_stopped() && self.hooks.is_idle() {
                break;
            }
            self.tell_systemd(&reading);
            let wake_at = self.wake_at();
            self.systemd.handle_wait(wake_at);
            tokio::select! {
                biased;
                Some(order) = orders.next() => self.handle_order(order),
                answered = self.requests.next() => if let Some((ticket, outcome)) = answered {
                    self.keeper.handle_outcome(ticket, &outcome, self.now());
                },
                ended = self.hooks.next() => if let Some((name, report)) = ended {
                    self.hooks.handle_end(&name, &report);
                },
                happening = self.sources.next() => self.handle_happening(happening),
                Some(look) = self.looks.recv() => self.handle_look(look),
                () = self.doors.serve() => {}
                () = self.network.changed() => self.network.handle_change(self.now()),
                // Looking at the clock, which comes next, is all there is to do.
                () = self.alarm.rung() => {}
                () = self.timer.reached(wake_at) => {}
            }
        }
        if self.is_answer_awaited {
            self.doors.last_words().await;
        }
        let snapshot = self.snapshot(&(self.clock)());
        let Ended {
            revoked,
            left,
            not_revoked,
        } = self.ended;
        tell_notice(&Notice::Stopped {
            revoked,
            left,
            not_revoked,
        });
        Stopped {
            not_revoked,
            snapshot,
        }
    }

    /// Does all that is due.
    fn turn(&mut self, now: Instant) {
        if self.network.poll_settled(now) {
            self.handle_network_changed(now);
        }
        if !self.is_stopping {
            self.sources.turn(&mut self.cares, now);
            self.look_at_pools(now);
            while let Some(trouble) = self.sources.poll_trouble() {
                tell_notice(&Notice::WatchTrouble(&trouble));
            }
        }
        while !self.is_full() {
            let Some(command) = self.keeper.poll_command(now) else {
                break;
            };
            self.send(command, now);
        }
        while let Some(event) = self.keeper.poll_event() {
            self.handle_event(&event, now);
        }
        self.forget_those_who_left();
        self.hooks.turn(now);
        self.wipe_residue(now);
    }

    /// Whether no further request may be sent before one comes back.
    fn is_full(&self) -> bool {
        self.requests.len() >= self.config.http.in_flight_max.get() as usize
    }

    fn wake_at(&self) -> Option<Instant> {
        let keeper = self.keeper.poll_timeout().filter(|_| !self.is_full());
        let sources = [self.sources.poll_timeout(), self.pools.poll_timeout()];
        let sources = sources.into_iter().flatten().filter(|_| !self.is_stopping);
        let others = [
            self.network.poll_timeout(),
            self.systemd.poll_timeout(),
            self.residue.poll_timeout(),
            self.hooks.poll_timeout(),
        ];
        let others = others.into_iter().flatten();
        keeper.into_iter().chain(sources).chain(others).min()
    }

    fn send(&mut self, command: Command, now: Instant) {
        let id = command.ticket.session;
        let Some(care) = self.cares.by_id.get(&id) else {
            return;
        };
        if command.operation != Operation::Revoke {
            self.sources.read_if_changed(id, care);
        }
        if let Some(token) = care.token(command.ticket.generation) {
            let api = care.config.api.clone();
            self.requests
                .start(command, self.client.clone(), api, token);
        } else {
            debug_assert!(
                false,
                "a generation that is asked with has a token at {now:?}"
            );
        }
    }

    fn handle_order(&mut self, order: Order) {
        match order {
            _ if self.is_stopping => {}
            // It was logged.
            Order::Reload => drop(self.reload()),
            Order::Stop { wanted, why } => self.stop(wanted, why),
        }
    }

    fn handle_happening(&mut self, happening: Happening) {
        let now = self.now();
        match happening {
            Happening::Changed(change) => self.sources.handle_change(change, now),
            Happening::Read(reading) => self.handle_reading(reading, now),
        }
    }

    fn handle_event(&mut self, event: &Event, now: Instant) {
        self.ended.count(&event.kind);
        self.tallies.handle_event(event);
        self.cares.handle_event(event);
        let Some(care) = self.cares.by_id.get_mut(&event.session) else {
            return;
        };
        if let EventKind::Held { .. } = event.kind {
            care.reading.attempts = 0;
            self.sources.do_not_read_again(event.session, care);
        } else if let EventKind::Lost(_) | EventKind::Lapsed(_) = event.kind {
            self.sources.read_again(event.session, care, now);
        }
        let view = self.keeper.view(event.session, now);
        self.touch_waiters.handle_event(event, view.as_ref(), now);
        self.log.tell(event, &care.named(), view.as_ref(), now);
        self.tell_hooks(event, view.as_ref(), now);
        self.stories.handle_event(event, view.as_ref());
        // A session that a reload took away is not waited for.
        if let Some(view) = view
            && let Some(care) = self.cares.by_id.get(&event.session)
            && self.cares.by_name.get(&care.name) == Some(&event.session)
        {
            self.systemd.handle_session(&care.name, &view);
        }
    }

    fn forget_those_who_left(&mut self) {
        let (keeper, cares, hooks) = (&self.keeper, &mut self.cares, &mut self.hooks);
        let stories = &mut self.stories;
        self.leaving.retain(|&id| {
            let is_there = keeper.knows(id);
            if !is_there {
                cares.forget(id);
                hooks.forget(id);
                stories.forget(id);
            }
            is_there
        });
    }

    fn handle_look(&mut self, look: Look) {
        // Whoever asked may be gone.
        match look {
            Look::Pulse(answer) => drop(answer.send(())),
            Look::Snapshot(answer) => drop(answer.send(self.snapshot(&(self.clock)()))),
            Look::Control(control, by, answer) => self.control(control, by, answer),
            Look::Story(name, answer) => drop(answer.send(self.story(&name).map(Box::new))),
        }
    }

    fn snapshot(&self, reading: &Reading) -> Snapshot {
        let named = |(name, id): (&_, &_)| self.named(name, *id, reading.boot);
        let sessions = self.cares.by_name.iter().filter_map(named).collect();
        self.snapshot_of(sessions, reading)
    }

    fn snapshot_of(&self, sessions: Vec<NamedView>, reading: &Reading) -> Snapshot {
        let at = reading.boot;
        Snapshot {
            at,
            wall: reading.wall_at(at),
            started_at: self.started_at,
            is_stopping: self.is_stopping,
            sessions,
            happenings: self.log.happenings(),
            tallies: self.tallies.clone(),
            per_session_max: self.config.metrics.per_session_max,
        }
    }

    fn named(&self, name: &SessionName, id: SessionId, at: Instant) -> Option<NamedView> {
        let care = self.cares.by_id.get(&id)?;
        Some(NamedView {
            name: name.clone(),
            api: care.config.api.clone(),
            overridden: care.intent.map(|_| care.config.intent),
            source: care.config.token.clone(),
            trouble: care.reading.told.clone(),
            view: self.keeper.view(id, at)?,
        })
    }

    /// What the session of this name went through.
    fn story(&self, name: &SessionName) -> Option<NamedStory> {
        let reading = (self.clock)();
        let id = *self.cares.by_name.get(name)?;
        Some(NamedStory {
            session: self.named(name, id, reading.boot)?,
            snapshot: self.snapshot_of(Vec::new(), &reading),
            story: self.stories.of(id),
            surroundings: self.stories.surroundings(),
        })
    }
}
