//! The simulation of one keeper, several organisations and a lossy network in virtual time.
//!
//! It must never use a clock, a task or a socket: virtual time jumps from event to event.
//! After each step it checks the invariants of [`watch`]; [`loss_reason`] lists the losses
//! that no keeper could have prevented. Equal seeds produce equal worlds.
//!
//! *Invariant*: [`session_keepalive::api::verdict`] evaluates the answers, as it does those of a real
//! server.

mod answers;
mod event;
mod history;
mod loss_reason;
mod minting;
mod network;
mod quiet;
mod scenario;
mod session;
mod site;
mod summary;
mod supply;
mod told;
mod traffic;
mod value_history;
mod watch;

mod tests;

use std::collections::{BTreeMap, BTreeSet};

use event::SimEvent;
use fastrand::Rng;
use history::{History, HistoryEntry};
use scenario::{Climate, Scenario};
use session::SimSession;
use site::Site;
use summary::WorldSummary;

use session_keepalive::keeper::{Keeper, Limits, SessionId};
use session_keepalive::time::Instant;

/// The number of steps at one instant above which the world counts as stuck.
const STEPS_MAX: u32 = 5000;

/// One keeper and its simulated environment.
struct World {
    scenario: Scenario,
    random: Rng,
    now: Instant,
    keeper: Keeper,
    limits: Limits,
    sites: Vec<Site>,
    sessions: Vec<SimSession>,
    by_id: BTreeMap<SessionId, usize>,
    event_queue: BTreeMap<(Instant, u64), SimEvent>,
    scheduled: u64,
    /// The numbers of the requests that are neither answered nor given up.
    open_requests: BTreeSet<u64>,
    /// The starts and ends of the periods in which the machine was suspended.
    sleeps: Vec<(Instant, Instant)>,
    /// The deadline of the shutdown; `None` until it begins.
    stop_until: Option<Instant>,
    token_values: u64,
    keeper_runs: u64,
    history: History,
    summary: WorldSummary,
}

impl World {
    /// Returns a world with its sessions added and its first events scheduled.
    fn new(scenario: Scenario) -> Self {
        let mut random = Rng::with_seed(scenario.seed);
        let limits = Limits::default();
        let sites = (0..scenario.sites)
            .map(|number| Site::new(number, &scenario, &mut random))
            .collect();
        let mut world = Self {
            scenario,
            now: Instant::BOOT + std::time::Duration::from_secs(1000),
            keeper: Keeper::new(limits, scenario.seed),
            limits,
            sites,
            sessions: Vec::new(),
            by_id: BTreeMap::new(),
            event_queue: BTreeMap::new(),
            scheduled: 0,
            open_requests: BTreeSet::new(),
            sleeps: Vec::new(),
            stop_until: None,
            token_values: 0,
            keeper_runs: 0,
            history: History::new(scenario.memory),
            summary: WorldSummary::default(),
            random,
        };
        world.populate();
        world
    }

    /// Runs the world until the keeper has stopped; panics if an invariant is broken.
    fn run(mut self) -> (WorldSummary, History) {
        let mut steps = 0;
        loop {
            if !self.is_asleep() {
                self.run_keeper();
            }
            if self.stop_until.is_some() && self.keeper.is_stopped() {
                break;
            }
            let next_at = self.next_at();
            assert!(next_at >= self.now, "{} time went back", self.location());
            steps = if next_at == self.now { steps + 1 } else { 0 };
            assert!(steps < STEPS_MAX, "{} no progress", self.location());
            let was_asleep = self.is_asleep();
            self.now = next_at;
            if was_asleep && !self.is_asleep() {
                self.wake();
            }
            self.check_stop();
            if let Some(entry) = self.event_queue.first_entry()
                && entry.key().0 <= self.now
            {
                let event = entry.remove();
                self.handle_event(event);
            }
        }
        self.check_end();
        (self.summary, self.history)
    }

    /// Carries out all commands of the keeper at this instant.
    fn run_keeper(&mut self) {
        let mut commands = 0;
        while let Some(command) = self.keeper.poll_command(self.now) {
            commands += 1;
            assert!(commands < STEPS_MAX, "{} endless commands", self.location());
            self.drain_events();
            self.send(command);
        }
        self.drain_events();
        let timeout = self.keeper.poll_timeout();
        assert!(
            timeout.is_none_or(|at| at > self.now),
            "{} the keeper wants to be asked again at {timeout:?}",
            self.location()
        );
        self.keeper_runs += 1;
        if self.keeper_runs.is_multiple_of(self.scenario.check_every) {
            self.check_views();
        }
    }

    /// Records and checks all pending events of the keeper.
    fn drain_events(&mut self) {
        while let Some(event) = self.keeper.poll_event() {
            self.history
                .record(self.now, HistoryEntry::Keeper(event.clone()));
            self.check_event(&event);
        }
    }

    fn is_asleep(&self) -> bool {
        self.sleeps
            .last()
            .is_some_and(|&(_, wakes_at)| self.now < wakes_at)
    }

    fn next_at(&self) -> Instant {
        let event_at = self.event_queue.first_key_value().map(|(&(at, _), _)| at);
        let keeper_at = match self.sleeps.last() {
            Some(&(_, wakes_at)) if self.now < wakes_at => Some(wakes_at),
            _ => self.keeper.poll_timeout(),
        };
        let stop_at = self.stop_until.filter(|at| *at >= self.now);
        let earliest = event_at.into_iter().chain(keeper_at).chain(stop_at).min();
        earliest
            .expect("a world that is not stopped has something to come")
            .max(self.now)
    }

    fn schedule(&mut self, at: Instant, event: SimEvent) {
        self.scheduled += 1;
        self.event_queue
            .insert((at.max(self.now), self.scheduled), event);
    }

    fn is_chaotic(&self) -> bool {
        self.scenario.climate == Climate::Chaotic
    }

    /// Returns the seed and the instant, and the way to replay the world, for messages.
    fn location(&self) -> String {
        format!(
            "seed {} ({:?}) at {:?}, replay with SESSION_KEEPALIVE_SEED={}:",
            self.scenario.seed, self.scenario.climate, self.now, self.scenario.seed
        )
    }

    /// Panics because a session breaks an invariant.
    fn fail(&self, session: usize, violation: &str) -> ! {
        self.fail_at(session, violation, self.now)
    }

    /// Panics because a session broke an invariant at `at`.
    fn fail_at(&self, session: usize, violation: &str, at: Instant) -> ! {
        let session = &self.sessions[session];
        panic!(
            "{} {:?} {violation} at {at:?}\npolicy {:?}\ntokens {:?}\n{}",
            self.location(),
            session.id,
            session.policy(),
            session.generations,
            self.history.for_session(session.id, at)
        );
    }
}
