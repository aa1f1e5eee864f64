//! The simulation of sessions that obtain their tokens from login hosts with faults, and of the
//! applications that read them from sinks, in virtual time.
//!
//! The requests with the tokens are answered, apart from some 503, so that only the login hosts decide
//! if a session has a living token.
//!
//! # Invariants
//!
//! 1. The attempts stay within the limits, whatever the answers are: one in flight at a login
//!    host, a burst of 5 and then one every 2 s; for a session 60 s between a token and the next
//!    attempt, and 60 attempts in an hour.
//! 2. A token was alive when it was published.
//! 3. A published token is dead only if its login host gave none from a tenth of the lifetime before the
//!    expiry on, and for at most [`RECOVERY`] after that.
//! 4. A replaced token is revoked only after it stood still for the overlap, and one that no
//!    application uses is revoked within the overlap and one peek.
//! 5. An application that follows its sink, even late, never gets a 401 with a token that was
//!    replaced. One that never follows gets it at the expiry of its token, not before.
//! 6. A fleet that starts together gets its tokens as soon as the rate of its login host allows: five at once,
//!    and then one every 2 s. If the host is quick, this limit and not the one attempt in flight
//!    spreads them.
//! 7. The stop revokes every token that the keeper was given and that is alive.

mod application;
mod login;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::time::Duration;

use application::{Application, Habit};
use fastrand::Rng;
use login::{BURST, INTERVAL, LoginFault, LoginHost};
use session_keepalive::keeper::{
    Command, Event, EventKind, Expiry, ExpirySource, Failure, Generation, HostId, Keeper, Limits,
    LoginId, MintCommand, MintFailure, MintOutcome, Offer, OnShutdown, Operation, Outcome, Policy,
    Renewal, SessionId, Ticket, Touch,
};
use session_keepalive::sim::{Fate, Request};
use session_keepalive::time::Instant;
use session_keepalive::token::Fingerprint;

use super::answers::{failed, understood};
use super::history::{History, HistoryEntry, Memory};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// The number of sessions of a world, its length and its network.
#[derive(Clone, Copy, Debug)]
pub(super) struct MintingScenario {
    sessions: usize,
    days: u32,
    /// The longest time in which a message passes the network, in milliseconds.
    latency_max: u64,
    has_faults: bool,
}

/// Fifty sessions, whose login hosts have faults.
pub(super) const THIRTY_DAYS: MintingScenario = MintingScenario {
    sessions: 50,
    days: 30,
    latency_max: 2000,
    has_faults: true,
};

/// Sessions that start together and whose login hosts answer at once.
pub(super) const FLEET: MintingScenario = MintingScenario {
    sessions: 120,
    days: 3,
    latency_max: 20,
    has_faults: false,
};

/// The time by which the tokens of a fleet may be later than the rate of the login host allows.
const FLEET_SLACK: Duration = Duration::from_secs(2);

const OVERLAP: Duration = Duration::from_secs(1800);

/// The longest time for which a session is without a living token although its login host gives
/// tokens: attempts with refused credentials are a quarter of an hour and its jitter apart, and
/// many sessions share the rate of one host.
const RECOVERY: Duration = Duration::from_secs(25 * 60);

/// Returns the instant at which every world begins.
fn began_at() -> Instant {
    Instant::BOOT + Duration::from_secs(1000)
}

/// The longest time in which a request and its answer pass the network.
const ROUND_TRIP: Duration = Duration::from_secs(5);

/// The time limit of a request for a token.
const MINT_LIMIT: Duration = Duration::from_secs(15);

/// The number of steps at one instant above which the world counts as stuck.
const STEPS_MAX: u32 = 5000;

/// The figures of a world.
#[derive(Debug, Default)]
pub(super) struct MintingSummary {
    pub(super) attempts: u32,
    pub(super) minted: u32,
    /// The attempts of each kind of failure.
    pub(super) failures: BTreeMap<&'static str, u32>,
    /// The largest number of attempts of a session in an hour.
    pub(super) attempts_in_hour: usize,
    /// The largest number of attempts at a login host in a second, and in a minute.
    pub(super) busiest_second: usize,
    pub(super) busiest_minute: usize,
    /// The number of sessions and of days.
    pub(super) sessions: usize,
    days: u32,
    /// The longest time for which a session had no living token while its login host gave tokens.
    pub(super) recovered_after: Duration,
    /// The number of readings of a sink, and of those that found a dead token.
    pub(super) readings: u32,
    pub(super) dead_readings: u32,
    /// The times from the publication of a new token to the revocation of the earlier one, by the
    /// habit of the application.
    pub(super) released_after: BTreeMap<Habit, Vec<Duration>>,
    /// The number of 401 that applications got, by habit.
    pub(super) refused: BTreeMap<Habit, u32>,
}

impl fmt::Display for MintingSummary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = f64::from(self.days) * f64::from(u32::try_from(self.sessions).unwrap_or(1));
        let minted = f64::from(self.minted) / days;
        writeln!(
            formatter,
            "{} tokens, {minted:.2} a session and day; {} attempts, at most {} of a session in an hour, {} at a login host in a second and {} in a minute; failures {:?}",
            self.minted,
            self.attempts,
            self.attempts_in_hour,
            self.busiest_second,
            self.busiest_minute,
            self.failures
        )?;
        writeln!(
            formatter,
            "{} of {} readings of a sink found a dead token, none after {:?} of a login host that gives tokens; 401 {:?}",
            self.dead_readings, self.readings, self.recovered_after, self.refused
        )?;
        for (habit, after) in &self.released_after {
            let shortest = after.iter().min().copied().unwrap_or_default();
            let longest = after.iter().max().copied().unwrap_or_default();
            let released = after.len();
            writeln!(
                formatter,
                "{habit:?}: {released} earlier tokens released {shortest:?} to {longest:?} after their replacement"
            )?;
        }
        Ok(())
    }
}

enum ScheduledEvent {
    /// A request with a token reaches the API.
    Arrive(Ticket, Operation),
    /// The answer comes back.
    Reply(Ticket, Box<Outcome>),
    /// A request for a token reaches the login host.
    MintArrive(MintCommand),
    /// The answer comes back: the token and its lifetime, or the failure.
    MintReply(
        MintCommand,
        Instant,
        Result<(String, Option<Duration>), MintFailure>,
    ),
    /// The application of a session reads the sink.
    Follow(usize),
    /// The application calls the API.
    Use(usize),
    /// A login host gets a fault, or loses it.
    ChangeFault(usize),
    /// The fault of a login host that was planned begins.
    Begin(usize, LoginFault, Duration),
    /// The fault that was planned ends.
    End(usize),
    /// The worst moment for an outage is awaited from now on.
    Await(usize),
    Stop,
}

struct MintingSession {
    id: SessionId,
    host: usize,
    application: Application,
    tokens: Vec<MintedToken>,
    by_generation: BTreeMap<Generation, usize>,
    /// The number of the token in the sink.
    published: Option<usize>,
    minted_at: Option<Instant>,
    attempts: VecDeque<Instant>,
}

struct MintedToken {
    value: String,
    published_at: Option<Instant>,
    replaced_at: Option<Instant>,
    /// The last two peeks at the token after it was replaced: the instant of the arrival, and of the
    /// last reset of the idle timer.
    peeks: [Option<(Instant, Instant)>; 2],
    is_released: bool,
}

/// One keeper, two organisations with their login hosts, and the applications.
pub(super) struct MintingWorld {
    seed: u64,
    scenario: MintingScenario,
    random: Rng,
    now: Instant,
    keeper: Keeper,
    hosts: Vec<LoginHost>,
    sessions: Vec<MintingSession>,
    by_id: BTreeMap<SessionId, usize>,
    queue: BTreeMap<(Instant, u64), ScheduledEvent>,
    scheduled: u64,
    /// The login hosts whose outage begins at the next moment that is the worst.
    outages: BTreeSet<usize>,
    is_stopping: bool,
    history: History,
    summary: MintingSummary,
}

impl MintingWorld {
    pub(super) fn new(seed: u64, scenario: MintingScenario) -> Self {
        let mut random = Rng::with_seed(seed);
        let hosts = vec![
            LoginHost::new(24 * HOUR, HOUR, random.u64(..)),
            LoginHost::new(48 * HOUR, HOUR / 2, random.u64(..)),
        ];
        let mut world = Self {
            seed,
            scenario,
            now: began_at(),
            keeper: Keeper::new(Limits::default(), seed),
            hosts,
            sessions: Vec::new(),
            by_id: BTreeMap::new(),
            queue: BTreeMap::new(),
            scheduled: 0,
            outages: BTreeSet::new(),
            is_stopping: false,
            history: History::new(Memory::Short),
            summary: MintingSummary {
                sessions: scenario.sessions,
                days: scenario.days,
                ..MintingSummary::default()
            },
            random,
        };
        world.populate();
        world
    }

    fn populate(&mut self) {
        for number in 0..self.scenario.sessions {
            let host = number % self.hosts.len();
            let index = u32::try_from(host).unwrap_or(0);
            let policy = Policy {
                renewal: Some(Renewal {
                    login: Some(LoginId(index)),
                    every: None,
                    overlap: OVERLAP,
                }),
                ..Policy::default()
            };
            let id = self.keeper.handle_added(HostId(index), policy);
            self.by_id.insert(id, number);
            self.sessions.push(MintingSession {
                id,
                host,
                application: Application::new(Habit::of(number / self.hosts.len())),
                tokens: Vec::new(),
                by_generation: BTreeMap::new(),
                published: None,
                minted_at: None,
                attempts: VecDeque::new(),
            });
            self.keeper.handle_source_known(id, self.now);
            self.schedule(MINUTE, ScheduledEvent::Use(number));
        }
        self.schedule(DAY * self.scenario.days, ScheduledEvent::Stop);
        if !self.scenario.has_faults {
            return;
        }
        for host in 0..self.hosts.len() {
            let after = HOUR.mul_f64(6.0 * self.random.f64());
            self.schedule(after, ScheduledEvent::ChangeFault(host));
            let wrong_at = DAY * 8 + DAY.mul_f64(3.0 * self.random.f64());
            let wrong = ScheduledEvent::Begin(host, LoginFault::WrongSecret, DAY);
            self.schedule(wrong_at, wrong);
        }
    }

    /// Runs the world until the keeper has stopped; panics if an invariant is broken.
    pub(super) fn run(mut self) -> MintingSummary {
        let mut steps = 0;
        loop {
            self.run_keeper();
            if self.is_stopping && self.keeper.is_stopped() {
                break;
            }
            let event_at = self.queue.first_key_value().map(|(&(at, _), _)| at);
            let next_at = event_at.into_iter().chain(self.keeper.poll_timeout()).min();
            let next_at = next_at.expect("a world that is not stopped has something to come");
            steps = if next_at <= self.now { steps + 1 } else { 0 };
            assert!(steps < STEPS_MAX, "seed {}: no progress", self.seed);
            self.now = next_at.max(self.now);
            if let Some(entry) = self.queue.first_entry()
                && entry.key().0 <= self.now
            {
                let event = entry.remove();
                self.handle_event(event);
            }
        }
        self.check_end();
        if !self.scenario.has_faults {
            self.check_fleet();
        }
        self.summary
    }

    fn run_keeper(&mut self) {
        if !self.is_stopping {
            while let Some(command) = self.keeper.poll_mint(self.now) {
                self.send_mint(command);
            }
        }
        while let Some(command) = self.keeper.poll_command(self.now) {
            self.drain_events();
            self.send(&command);
        }
        self.drain_events();
    }

    fn drain_events(&mut self) {
        while let Some(event) = self.keeper.poll_event() {
            let entry = HistoryEntry::Keeper(event.clone());
            self.history.record(self.now, entry);
            self.check_event(&event);
        }
    }

    fn handle_event(&mut self, event: ScheduledEvent) {
        match event {
            ScheduledEvent::Arrive(ticket, operation) => self.arrive(ticket, operation),
            ScheduledEvent::Reply(ticket, outcome) => {
                self.keeper.handle_outcome(ticket, &outcome, self.now);
            }
            ScheduledEvent::MintArrive(command) => self.mint(command),
            ScheduledEvent::MintReply(command, sent_at, result) => {
                self.handle_minted(command, sent_at, result);
            }
            ScheduledEvent::Follow(number) => self.follow(number),
            ScheduledEvent::Use(number) => {
                self.use_token(number);
                let after = Duration::from_secs(self.random.u64(60..300));
                self.schedule(after, ScheduledEvent::Use(number));
            }
            ScheduledEvent::ChangeFault(host) => self.change_fault(host),
            ScheduledEvent::Begin(host, fault, length) => {
                self.begin_planned(host, fault, length);
            }
            ScheduledEvent::End(host) => {
                self.note(
                    None,
                    format!("login host {host}: the planned fault is over"),
                );
                if self.hosts[host].end_planned(self.now) == Some(LoginFault::WrongSecret) {
                    // Some days later an outage begins at the worst moment.
                    self.schedule(DAY * 5, ScheduledEvent::Await(host));
                }
            }
            ScheduledEvent::Await(host) => {
                self.outages.insert(host);
            }
            ScheduledEvent::Stop => {
                self.is_stopping = true;
                let until = self.now + MINUTE;
                self.keeper
                    .handle_shutdown(OnShutdown::Revoke, until, self.now);
            }
        }
    }

    fn change_fault(&mut self, host: usize) {
        let length = if self.hosts[host].has_fault() {
            self.hosts[host].set_fault(LoginFault::None, self.now);
            HOUR.mul_f64(0.2 + 8.0 * self.random.f64())
        } else {
            let fault = LoginFault::random(&mut self.random);
            self.hosts[host].set_fault(fault, self.now);
            MINUTE.mul_f64(1.0 + 90.0 * self.random.f64())
        };
        let fault = self.hosts[host].fault();
        self.note(None, format!("login host {host}: {fault:?}"));
        self.schedule(length, ScheduledEvent::ChangeFault(host));
    }

    fn begin_planned(&mut self, host: usize, fault: LoginFault, length: Duration) {
        self.hosts[host].begin_planned(fault, self.now);
        self.note(None, format!("login host {host}: {fault:?} for {length:?}"));
        self.schedule(length, ScheduledEvent::End(host));
    }

    /// Sends a request for a token, within the limits.
    fn send_mint(&mut self, command: MintCommand) {
        let number = self.by_id[&command.session];
        let host = self.sessions[number].host;
        self.check_limits(number, command);
        self.summary.attempts += 1;
        self.note(Some(number), "asks for a token".to_owned());
        let session = &self.sessions[number];
        // The worst moment for an outage: the first attempt of a session that has the least time left.
        let lifetime = self.hosts[host].lifetime();
        let published_at = session
            .published
            .and_then(|token| session.tokens[token].published_at);
        let is_late = published_at.is_some_and(|at| self.now.since(at) > lifetime.mul_f64(0.89));
        if is_late && !self.hosts[host].has_fault() && self.outages.remove(&host) {
            self.begin_planned(host, LoginFault::Outage, HOUR * 3);
        }
        let after = self.latency();
        self.schedule(after, ScheduledEvent::MintArrive(command));
    }

    fn mint(&mut self, command: MintCommand) {
        let host = self.sessions[self.by_id[&command.session]].host;
        let sent_at = self.now;
        let result = self.hosts[host].mint(self.now, &mut self.random);
        let after = match &result {
            Err(MintFailure::Unreachable(Failure::TimedOut)) => MINT_LIMIT,
            Ok(_) | Err(_) => self.latency(),
        };
        self.schedule(after, ScheduledEvent::MintReply(command, sent_at, result));
    }

    /// Passes the answer of a login host to the keeper, in the order of the daemon.
    fn handle_minted(
        &mut self,
        command: MintCommand,
        sent_at: Instant,
        result: Result<(String, Option<Duration>), MintFailure>,
    ) {
        let number = self.by_id[&command.session];
        let host = self.sessions[number].host;
        self.hosts[host].in_flight = None;
        if self.is_stopping {
            return;
        }
        let outcome = match result {
            Ok((value, lifetime)) => {
                self.summary.minted += 1;
                self.sessions[number].minted_at = Some(self.now);
                self.offer(number, value, sent_at, lifetime);
                MintOutcome::Minted
            }
            Err(failure) => {
                *self.summary.failures.entry(failure.as_str()).or_default() += 1;
                MintOutcome::Failed(failure)
            }
        };
        self.keeper.handle_minted(command, &outcome, self.now);
    }

    fn offer(
        &mut self,
        number: usize,
        value: String,
        sent_at: Instant,
        lifetime: Option<Duration>,
    ) {
        let session = &mut self.sessions[number];
        let fingerprint = Fingerprint::of(value.as_bytes());
        let generation = self
            .keeper
            .handle_token(session.id, fingerprint, Offer::Seen, self.now);
        let generation = generation.expect("a token that was just issued is new");
        session
            .by_generation
            .insert(generation, session.tokens.len());
        session.tokens.push(MintedToken {
            value,
            published_at: None,
            replaced_at: None,
            peeks: [None; 2],
            is_released: false,
        });
        if let Some(lifetime) = lifetime {
            let expiry = Expiry {
                at: sent_at + lifetime,
                lifetime,
                source: ExpirySource::Reported,
            };
            self.keeper
                .handle_expiry(session.id, fingerprint, expiry, self.now);
        }
    }

    fn send(&mut self, command: &Command) {
        let number = self.by_id[&command.ticket.session];
        self.history.record(self.now, HistoryEntry::Sent(*command));
        let session = &self.sessions[number];
        let token = session.by_generation[&command.ticket.generation];
        if command.operation == Operation::Revoke && !self.is_stopping {
            self.check_release(number, token);
        }
        let after = self.latency();
        let event = ScheduledEvent::Arrive(command.ticket, command.operation);
        self.schedule(after, event);
    }

    fn arrive(&mut self, ticket: Ticket, operation: Operation) {
        let number = self.by_id[&ticket.session];
        let session = &mut self.sessions[number];
        let token = &mut session.tokens[session.by_generation[&ticket.generation]];
        let server = &mut self.hosts[session.host].server;
        let has_faults = self.scenario.has_faults && !self.is_stopping;
        let outcome = if has_faults && self.random.u8(0..100) == 0 {
            failed(Failure::ServerError(503))
        } else {
            let request = match operation {
                Operation::Peek => Request::peek_me(&token.value),
                Operation::Touch(Touch::Head) => Request::head_me(&token.value),
                Operation::Touch(Touch::Get) => Request::get_me(&token.value),
                Operation::ReadTimeout => Request::get_timeout(&token.value),
                Operation::Revoke => Request::delete_me(&token.value),
            };
            let answer = server.answer(&request, self.now);
            let record = server.record(&token.value, self.now);
            if let (Some(record), Operation::Peek) = (record, operation)
                && token.replaced_at.is_some()
                && record.fate.is_living()
            {
                token.peeks = [token.peeks[1], Some((self.now, record.last_reset_at))];
            }
            if operation == Operation::Revoke && !self.is_stopping {
                token.is_released = true;
            }
            understood(operation, &answer.response)
        };
        let after = self.latency();
        self.schedule(after, ScheduledEvent::Reply(ticket, Box::new(outcome)));
    }

    /// Writes the session's token to its sink once it is proven alive.
    fn check_event(&mut self, event: &Event) {
        let number = self.by_id[&event.session];
        let EventKind::Alive { .. } = event.kind else {
            return;
        };
        let generation = event.token.expect("a living token").generation;
        let token = self.sessions[number].by_generation[&generation];
        let fate = self.fate(number, token);
        if !fate.is_living() {
            self.fail(number, &format!("publishes a dead token ({fate:?})"));
        }
        let now = self.now;
        let session = &mut self.sessions[number];
        session.tokens[token].published_at = Some(now);
        if let Some(earlier) = session.published.replace(token) {
            session.tokens[earlier].replaced_at = Some(now);
        }
        let is_first = session.application.token.is_none();
        let after = session
            .application
            .habit
            .follows_after(is_first, &mut self.random);
        if let Some(after) = after {
            self.schedule(after, ScheduledEvent::Follow(number));
        }
    }

    fn fate(&self, number: usize, token: usize) -> Fate {
        let session = &self.sessions[number];
        let value = &session.tokens[token].value;
        let record = self.hosts[session.host].server.record(value, self.now);
        record.expect("the login host issued the token").fate
    }

    fn check_limits(&mut self, number: usize, command: MintCommand) {
        let now = self.now;
        let session = &mut self.sessions[number];
        session.attempts.retain(|&at| now.since(at) < HOUR);
        session.attempts.push_back(now);
        let in_hour = session.attempts.len();
        let is_soon = session
            .minted_at
            .is_some_and(|minted_at| now < minted_at + MINUTE);
        let host = &mut self.hosts[session.host];
        let is_second = host.in_flight.replace(command.session).is_some();
        let is_within_rate = host.admits(now);
        let (of_second, of_minute) = host.attempts();
        self.summary.busiest_second = self.summary.busiest_second.max(of_second);
        self.summary.busiest_minute = self.summary.busiest_minute.max(of_minute);
        self.summary.attempts_in_hour = self.summary.attempts_in_hour.max(in_hour);
        let violation = if is_second {
            Some("asks a login host while another attempt is in flight there")
        } else if !is_within_rate {
            Some("asks a login host more often than its rate allows")
        } else if is_soon {
            Some("asks for a token within a minute of the last one")
        } else if in_hour > 60 {
            Some("makes more than 60 attempts in an hour")
        } else {
            None
        };
        if let Some(violation) = violation {
            self.fail(number, violation);
        }
    }

    /// Checks that a replaced token stood still for the overlap, and how soon it is released.
    fn check_release(&mut self, number: usize, token: usize) {
        let session = &self.sessions[number];
        let (habit, replaced) = (session.application.habit, &session.tokens[token]);
        if replaced.is_released {
            return;
        }
        let Some(replaced_at) = replaced.replaced_at else {
            self.fail(number, "revokes the token that is published");
        };
        let [Some((first_at, _)), Some((last_at, reset_at))] = replaced.peeks else {
            self.fail(number, "revokes a token after fewer than two peeks");
        };
        if reset_at > first_at + Duration::from_secs(2) || last_at.since(first_at) < OVERLAP {
            let violation = format!(
                "revokes a token that was used at {reset_at:?}, with peeks at {first_at:?} and {last_at:?}"
            );
            self.fail(number, &violation);
        }
        let after = self.now.since(replaced_at);
        if habit == Habit::Absent && after > OVERLAP + ROUND_TRIP * 4 {
            self.fail(number, &format!("releases an unused token after {after:?}"));
        }
        let released = self.summary.released_after.entry(habit).or_default();
        released.push(after);
    }

    /// Checks that the tokens of a fleet came as soon as the rate of its login host allowed, and no
    /// sooner.
    fn check_fleet(&self) {
        for host in 0..self.hosts.len() {
            let of_host = self.sessions.iter().enumerate();
            let of_host = of_host.filter(|(_, session)| session.host == host);
            let first = of_host.map(|(number, session)| {
                let first = session.tokens.first().and_then(|token| token.published_at);
                let Some(at) = first else {
                    self.fail(number, "never had a token");
                };
                (at, number)
            });
            let mut first: Vec<_> = first.collect();
            first.sort_unstable();
            for (place, (at, number)) in (0..).zip(first) {
                let allowed_at = began_at() + INTERVAL * (place + 1_u32).saturating_sub(BURST);
                if at < allowed_at || at > allowed_at + FLEET_SLACK {
                    let violation = format!(
                        "is number {place} of its fleet and has its first token at {at:?}, allowed at {allowed_at:?}"
                    );
                    self.fail(number, &violation);
                }
            }
        }
        assert_eq!(
            self.summary.busiest_second, BURST as usize,
            "seed {}",
            self.seed
        );
        assert!(self.summary.failures.is_empty(), "seed {}", self.seed);
    }

    /// Checks the state in which the stop leaves the tokens.
    fn check_end(&self) {
        for (number, session) in self.sessions.iter().enumerate() {
            for token in 0..session.tokens.len() {
                if self.fate(number, token).is_living() {
                    self.fail(number, "leaves a living token behind");
                }
            }
        }
    }

    fn latency(&mut self) -> Duration {
        let latency_max = self.scenario.latency_max;
        Duration::from_millis(self.random.u64(5..latency_max))
    }

    fn schedule(&mut self, after: Duration, event: ScheduledEvent) {
        self.scheduled += 1;
        self.queue.insert((self.now + after, self.scheduled), event);
    }

    fn note(&mut self, number: Option<usize>, description: String) {
        let session = number.map(|number| self.sessions[number].id);
        self.history
            .record(self.now, HistoryEntry::World(session, description));
    }

    /// Panics because a session breaks an invariant.
    fn fail(&self, number: usize, violation: &str) -> ! {
        let session = &self.sessions[number];
        panic!(
            "seed {} at {:?}, replay with SESSION_KEEPALIVE_SEED={}: {:?} {violation}\n{}",
            self.seed,
            self.now,
            self.seed,
            session.id,
            self.history.for_session(session.id, self.now)
        );
    }
}
