//! The virtual world: one keeper, several organisations and a lossy road between them, in virtual time.
//!
//! It jumps from event to event, without a clock, task or socket, and holds the
//! keeper to its promises after each: see [`watch`] for the invariants and
//! [`excuse`] for the losses that nobody could have prevented. Equal seeds make
//! equal worlds.
//!
//! *Invariant*: answers are judged by [`crate::api::verdict`], the very lines that
//! judge a real server's.

mod care;
mod chronicle;
mod excuse;
mod happening;
mod history;
mod quiet;
mod road;
mod scenario;
mod site;
mod supply;
mod tally;
mod traffic;
mod watch;

mod tests;

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;

use crate::keeper::{Instant, Keeper, Limits, SessionId};

pub(crate) use road::{failed, understood};

use care::Care;
use happening::Happening;
use history::{Entry, History};
use scenario::{Climate, Scenario};
use site::Site;
use tally::Tally;

/// More steps than this at one instant are no progress.
const STEPS_MAX: u32 = 5000;

/// One keeper and all it has to do with.
struct World {
    scenario: Scenario,
    random: Rng,
    now: Instant,
    keeper: Keeper,
    limits: Limits,
    sites: Vec<Site>,
    cares: Vec<Care>,
    by_id: BTreeMap<SessionId, usize>,
    agenda: BTreeMap<(Instant, u64), Happening>,
    arranged: u64,
    /// Requests that are neither answered nor given up.
    open: BTreeSet<u64>,
    /// Spans in which the machine was suspended.
    sleeps: Vec<(Instant, Instant)>,
    /// By when everything is to be stopped, once it is.
    stop_until: Option<Instant>,
    values: u64,
    looks: u64,
    history: History,
    tally: Tally,
}

impl World {
    /// A world in which nothing has happened yet.
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
            cares: Vec::new(),
            by_id: BTreeMap::new(),
            agenda: BTreeMap::new(),
            arranged: 0,
            open: BTreeSet::new(),
            sleeps: Vec::new(),
            stop_until: None,
            values: 0,
            looks: 0,
            history: History::new(scenario.memory),
            tally: Tally::default(),
            random,
        };
        world.populate();
        world
    }

    /// Lets everything happen that is to happen.
    fn run(mut self) -> (Tally, History) {
        let mut steps = 0;
        loop {
            if !self.is_asleep() {
                self.attend();
            }
            if self.stop_until.is_some() && self.keeper.is_stopped() {
                break;
            }
            let next = self.next_at();
            assert!(next >= self.now, "{} time went back", self.place());
            steps = if next == self.now { steps + 1 } else { 0 };
            assert!(steps < STEPS_MAX, "{} no progress", self.place());
            self.now = next;
            self.check_stop();
            if let Some(entry) = self.agenda.first_entry()
                && entry.key().0 <= self.now
            {
                let happening = entry.remove();
                self.happen(happening);
            }
        }
        self.check_end();
        (self.tally, self.history)
    }

    /// Everything that the keeper wants at this instant.
    fn attend(&mut self) {
        let mut commands = 0;
        while let Some(command) = self.keeper.poll_command(self.now) {
            commands += 1;
            assert!(commands < STEPS_MAX, "{} endless commands", self.place());
            self.listen();
            self.send(command);
        }
        self.listen();
        let timeout = self.keeper.poll_timeout();
        assert!(
            timeout.is_none_or(|at| at > self.now),
            "{} the keeper wants to be asked again at {timeout:?}",
            self.place()
        );
        self.looks += 1;
        if self.looks.is_multiple_of(self.scenario.look_every) {
            self.look();
        }
    }

    /// Takes out what the keeper tells.
    fn listen(&mut self) {
        while let Some(event) = self.keeper.poll_event() {
            self.history.note(self.now, Entry::Told(event.clone()));
            self.check_event(&event);
        }
    }

    fn is_asleep(&self) -> bool {
        self.sleeps
            .last()
            .is_some_and(|&(_, wakes)| self.now < wakes)
    }

    fn next_at(&self) -> Instant {
        let next = self.agenda.first_key_value().map(|(&(at, _), _)| at);
        let wakes_or_wants = match self.sleeps.last() {
            Some(&(_, wakes)) if self.now < wakes => Some(wakes),
            _ => self.keeper.poll_timeout(),
        };
        let stops = self.stop_until.filter(|at| *at >= self.now);
        let soonest = next.into_iter().chain(wakes_or_wants).chain(stops).min();
        soonest
            .expect("a world that is not stopped has something to come")
            .max(self.now)
    }

    fn arrange(&mut self, at: Instant, happening: Happening) {
        self.arranged += 1;
        self.agenda
            .insert((at.max(self.now), self.arranged), happening);
    }

    fn is_chaotic(&self) -> bool {
        self.scenario.climate == Climate::Chaotic
    }

    /// Where and when we are, and how to come here again.
    fn place(&self) -> String {
        format!(
            "seed {} ({:?}) at {:?}, replay with SESSION_KEEPALIVE_SEED={}:",
            self.scenario.seed, self.scenario.climate, self.now, self.scenario.seed
        )
    }

    /// An invariant is broken.
    fn fail(&self, care: usize, what: &str) -> ! {
        self.fail_at(care, what, self.now)
    }

    /// An invariant was broken at `at`.
    fn fail_at(&self, care: usize, what: &str, at: Instant) -> ! {
        let care = &self.cares[care];
        panic!(
            "{} {:?} {what} at {at:?}\npolicy {:?}\ntokens {:?}\n{}",
            self.place(),
            care.id,
            care.policy(),
            care.generations,
            self.history.of(care.id, at)
        );
    }
}
