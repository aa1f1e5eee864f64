//! The harness of the rule tests: a keeper, a small server, and a clock that the test moves.
//!
//! The requests and events are lines of text: `413 touch_head` is a request at second 413,
//! `413 at risk` an event. Seconds are truncated, not rounded.

use std::collections::BTreeMap;
use std::time::Duration;

use session_keepalive::keeper::{
    ClientEnd, Command, EarlierEnding, EventKind, Expiry, ExpirySource, Failure, HostId, Keeper,
    Limits, MintCommand, MintFailure, MintOutcome, Offer, OnShutdown, Operation, Outcome, Policy,
    Refusal, SessionId, SessionView, Ticket, TimeoutReport, TokenReport, Touch, TouchPreference,
    Verdict,
};
use session_keepalive::time::{Instant, ServerTime};
use session_keepalive::token::Fingerprint;

/// A server with one idle window for each token.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch that a test turns"
)]
pub(super) struct TimelineServer {
    pub(super) idle_timeout: Duration,
    pub(super) reports_idles_at: bool,
    pub(super) head_excluded: bool,
    pub(super) get_excluded: bool,
    pub(super) get_shows: GetShows,
    /// True if HEAD is answered with 401 even for a living token.
    pub(super) head_refused: bool,
    /// The answer to HEAD, if it differs from the regular one.
    pub(super) head_is: Option<Verdict>,
    /// The answer to every peek, if it differs from the regular one.
    pub(super) peek_is: Option<Verdict>,
    /// True if every answer to a peek comes from a cache.
    pub(super) is_cached: bool,
    /// True if every peek gets the first peek's answer from a cache that does not say so.
    pub(super) repeats_peek: bool,
    /// The answer to the first peek.
    first_peek: Option<Outcome>,
    /// The time by which `dateTokenIdles` is too late.
    pub(super) idles_later: Duration,
    /// True if no answer has a correlation id, as if from a proxy.
    pub(super) is_a_proxy: bool,
    /// True if DELETE is accepted and has no effect.
    pub(super) keeps_revoked: bool,
    pub(super) timeout_is: Verdict,
    /// The answer to every other request, if it differs from the regular one.
    pub(super) always: Option<Verdict>,
    /// True if requests get no answer, and the keeper no outcome.
    pub(super) is_silent: bool,
    /// True if every request lasts until its time limit, and has the outcome of a timeout.
    pub(super) hangs: bool,
    /// The time by which `Date` is too early.
    pub(super) date_behind: Duration,
    /// The organisations and the clients of tokens, where they differ from `o` and `c`.
    pub(super) organisation_of: BTreeMap<u32, &'static str>,
    pub(super) client_of: BTreeMap<u32, &'static str>,
    /// The announced end of every OAuth client.
    pub(super) client_end: Option<ClientEnd>,
    reset_at: BTreeMap<u32, Instant>,
    dead: Vec<u32>,
    /// The ends of the lifetimes of issued tokens.
    dies_at: BTreeMap<u32, Instant>,
}

pub(super) struct Timeline {
    pub(super) keeper: Keeper,
    pub(super) server: TimelineServer,
    pub(super) now: Instant,
    pub(super) sessions: Vec<SessionId>,
    pub(super) unanswered: Vec<Command>,
    /// The requests that end without an answer, with the instant of that.
    hanging: Vec<(Instant, Ticket)>,
    log: Vec<String>,
    tokens: BTreeMap<(SessionId, u32), u32>,
    /// The answer of the login host: the lifetime of the token that it issues, or its failure.
    pub(super) login: Result<Duration, MintFailure>,
    /// The number of the last token that the login host issued.
    pub(super) minted: u32,
}

/// The deadline in the answer to a touch by GET.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum GetShows {
    /// The deadline after the touch.
    After,
    /// The deadline before the touch.
    Before,
    /// The deadline after a touch that counts, whether the touch counts or not.
    Wish,
}

/// Returns the default policy with HEAD as the preferred touch.
pub(super) fn head() -> Policy {
    Policy {
        touch: TouchPreference::Head,
        ..Policy::default()
    }
}

pub(super) fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

pub(super) fn unreachable() -> Verdict {
    Verdict::Unreachable(Failure::NotConnected)
}

/// Returns the answer of an API that asks to wait for this number of seconds.
pub(super) fn throttled(retry_after: f64) -> Verdict {
    Verdict::Throttled {
        retry_after: Some(seconds(retry_after)),
    }
}

pub(super) fn dead() -> Verdict {
    Verdict::Refused(Refusal::BadCredentials)
}

pub(super) fn outcome(verdict: Verdict, date: Option<ServerTime>) -> Outcome {
    Outcome {
        verdict,
        status: None,
        date,
        is_cached: false,
        correlation_id: Some("c".into()),
    }
}

fn server_time(at: Instant) -> ServerTime {
    let milliseconds = i64::try_from(at.since_boot().as_millis()).unwrap();
    ServerTime::from_unix_milliseconds(1_764_000_000_000 + milliseconds)
}

impl TimelineServer {
    fn new() -> Self {
        let idle_timeout = seconds(900.0);
        Self {
            idle_timeout,
            reports_idles_at: true,
            head_excluded: false,
            get_excluded: false,
            get_shows: GetShows::After,
            head_refused: false,
            head_is: None,
            peek_is: None,
            is_cached: false,
            repeats_peek: false,
            first_peek: None,
            idles_later: Duration::ZERO,
            is_a_proxy: false,
            keeps_revoked: false,
            timeout_is: Verdict::Timeout(TimeoutReport {
                organisation: Some(idle_timeout),
                groups: Vec::new(),
            }),
            always: None,
            is_silent: false,
            hangs: false,
            date_behind: Duration::ZERO,
            organisation_of: BTreeMap::new(),
            client_of: BTreeMap::new(),
            client_end: None,
            reset_at: BTreeMap::new(),
            dead: Vec::new(),
            dies_at: BTreeMap::new(),
        }
    }

    fn lives(&self, token: u32, now: Instant) -> bool {
        !self.dead.contains(&token)
            && now < self.reset_at[&token] + self.idle_timeout
            && self.dies_at.get(&token).is_none_or(|at| now < *at)
    }

    fn answer(&mut self, operation: Operation, token: u32, now: Instant) -> Verdict {
        if let (Operation::Touch(Touch::Head), Some(verdict)) = (operation, &self.head_is) {
            return verdict.clone();
        }
        if let Some(verdict) = &self.always {
            return verdict.clone();
        }
        if let (Operation::Peek, Some(verdict)) = (operation, &self.peek_is) {
            return verdict.clone();
        }
        if !self.lives(token, now) {
            return match operation {
                Operation::Touch(Touch::Head) => Verdict::Refused(Refusal::Unread),
                Operation::Revoke => Verdict::Accepted,
                Operation::Peek | Operation::Touch(Touch::Get) | Operation::ReadTimeout => dead(),
            };
        }
        let reset_at = self.reset_at[&token];
        match operation {
            Operation::Touch(Touch::Head) if self.head_refused => {
                return Verdict::Refused(Refusal::Unread);
            }
            Operation::Touch(Touch::Head) if self.head_excluded => return Verdict::Accepted,
            Operation::Touch(Touch::Get) if self.get_excluded => {}
            Operation::Touch(_) => {
                self.reset_at.insert(token, now);
            }
            Operation::ReadTimeout => {
                self.reset_at.insert(token, now);
                return self.timeout_is.clone();
            }
            Operation::Revoke => {
                if !self.keeps_revoked {
                    self.dead.push(token);
                }
                return Verdict::Accepted;
            }
            Operation::Peek => {}
        }
        if operation == Operation::Touch(Touch::Head) {
            return Verdict::Accepted;
        }
        let reset_at = match (operation, self.get_shows) {
            (Operation::Touch(_), GetShows::Before) => reset_at,
            (Operation::Touch(_), GetShows::Wish) => now,
            _ => self.reset_at[&token],
        };
        let idles_at = server_time(reset_at + self.idle_timeout + self.idles_later);
        Verdict::Alive(TokenReport {
            organisation: Some(self.organisation_of.get(&token).map_or("o", |id| id).into()),
            organisation_name: None,
            client: Some(self.client_of.get(&token).map_or("c", |id| id).into()),
            client_end: self.client_end,
            idles_at: self.reports_idles_at.then_some(idles_at),
        })
    }
}

impl Timeline {
    /// Creates a timeline with one kept session without a token.
    pub(super) fn new() -> Self {
        Self::with(head())
    }

    pub(super) fn with(policy: Policy) -> Self {
        let mut timeline = Self {
            keeper: Keeper::new(Limits::default(), 1),
            server: TimelineServer::new(),
            now: Instant::BOOT + seconds(1000.0),
            sessions: Vec::new(),
            unanswered: Vec::new(),
            hanging: Vec::new(),
            log: Vec::new(),
            tokens: BTreeMap::new(),
            login: Ok(seconds(86_400.0)),
            minted: 1000,
        };
        timeline.add(policy);
        timeline
    }

    pub(super) fn add(&mut self, policy: Policy) -> SessionId {
        self.add_at(HostId(0), policy)
    }

    /// Adds a session at the given host.
    pub(super) fn add_at(&mut self, host: HostId, policy: Policy) -> SessionId {
        let id = self.keeper.handle_added(host, policy);
        self.sessions.push(id);
        id
    }

    /// Offers the first session a token whose last activity is the current instant.
    pub(super) fn token(self, token: u32) -> Self {
        let (session, now) = (self.sessions[0], self.now);
        self.token_of(session, token, now)
    }

    /// Offers the first session the same token again, as if its source was written again.
    pub(super) fn token_again(self, token: u32) -> Self {
        let (session, now) = (self.sessions[0], self.now);
        self.offer(session, token, now, Offer::Again)
    }

    /// Offers a session a token whose last activity was at `active_at`.
    pub(super) fn token_of(self, session: SessionId, token: u32, active_at: Instant) -> Self {
        self.offer(session, token, active_at, Offer::Seen)
    }

    fn offer(mut self, session: SessionId, token: u32, active_at: Instant, offer: Offer) -> Self {
        self.server.reset_at.entry(token).or_insert(active_at);
        let fingerprint = Fingerprint::of(&token.to_be_bytes());
        if let Some(generation) = self
            .keeper
            .handle_token(session, fingerprint, offer, self.now)
        {
            self.tokens.insert((session, generation.0), token);
        }
        self.drain();
        self
    }

    /// Resets the token's idle timer, as a request of the application does.
    pub(super) fn application(mut self, token: u32) -> Self {
        self.server.reset_at.insert(token, self.now);
        self
    }

    /// Ends the token, as a revocation, an eviction or its expiry does.
    pub(super) fn kill(mut self, token: u32) -> Self {
        self.server.dead.push(token);
        self
    }

    pub(super) fn server(mut self, change: impl FnOnce(&mut TimelineServer)) -> Self {
        change(&mut self.server);
        self
    }

    pub(super) fn act(mut self, act: impl FnOnce(&mut Keeper, SessionId, Instant)) -> Self {
        act(&mut self.keeper, self.sessions[0], self.now);
        self.drain();
        self
    }

    pub(super) fn shutdown(self, on_shutdown: OnShutdown, grace: f64) -> Self {
        self.act(|keeper, _, now| keeper.handle_shutdown(on_shutdown, now + seconds(grace), now))
    }

    /// Suspends the machine for `time` seconds.
    pub(super) fn sleep(mut self, time: f64) -> Self {
        self.now = self.now + seconds(time);
        let now = self.now;
        self.act(|keeper, _, _| keeper.handle_resume(seconds(time), now))
    }

    /// Moves the clock by `time` seconds; requests are answered at once.
    pub(super) fn pass(mut self, time: f64) -> Self {
        let end = self.now + seconds(time);
        loop {
            while let Some(command) = self.keeper.poll_mint(self.now) {
                self.push_line("mint");
                self.mint(command);
            }
            while let Some(command) = self.keeper.poll_command(self.now) {
                self.push_line(command.operation.as_str());
                if self.server.is_silent {
                    self.unanswered.push(command);
                } else if self.server.hangs {
                    let ends_at = self.now + command.time_limit;
                    self.hanging.push((ends_at, command.ticket));
                } else {
                    self.answer(command.ticket, command.operation);
                }
                self.drain();
            }
            self.drain();
            let timeout = self.keeper.poll_timeout();
            let hanging = self.hanging.iter().map(|&(at, _)| at).min();
            match timeout.into_iter().chain(hanging).min() {
                Some(at) if at <= end => self.now = self.now.max(at),
                _ => break,
            }
            self.end_hanging();
        }
        self.now = end;
        self
    }

    /// Lets time pass in tenths of a second until this came out.
    pub(super) fn pass_until(mut self, what: &str) -> Self {
        for _ in 0..100_000 {
            if self.count(what) > 0 {
                return self;
            }
            self = self.pass(0.1);
        }
        panic!("{what} never came out");
    }

    fn mint(&mut self, command: MintCommand) {
        let outcome = match self.login.clone() {
            Ok(lifetime) => {
                self.minted += 1;
                let token = self.minted;
                self.server.reset_at.insert(token, self.now);
                self.server.dies_at.insert(token, self.now + lifetime);
                let fingerprint = Fingerprint::of(&token.to_be_bytes());
                let (session, now) = (command.session, self.now);
                let keeper = &mut self.keeper;
                let generation = keeper.handle_token(session, fingerprint, Offer::Seen, now);
                self.tokens.insert((session, generation.unwrap().0), token);
                let expiry = Expiry {
                    at: now + lifetime,
                    lifetime,
                    source: ExpirySource::Reported,
                };
                keeper.handle_expiry(session, fingerprint, expiry, now);
                MintOutcome::Minted
            }
            Err(failure) => MintOutcome::Failed(failure),
        };
        self.keeper.handle_minted(command, &outcome, self.now);
        self.drain();
    }

    fn end_hanging(&mut self) {
        let now = self.now;
        let (ended, hanging) = self.hanging.drain(..).partition(|&(at, _)| at <= now);
        self.hanging = hanging;
        let ended: Vec<(Instant, Ticket)> = ended;
        for (_, ticket) in ended {
            let outcome = outcome(Verdict::Unreachable(Failure::TimedOut), None);
            self.keeper.handle_outcome(ticket, &outcome, now);
        }
        self.drain();
    }

    fn answer(&mut self, ticket: Ticket, operation: Operation) {
        let token = self.tokens[&(ticket.session, ticket.generation.0)];
        let verdict = self.server.answer(operation, token, self.now);
        let date = server_time(self.now - self.server.date_behind);
        let mut outcome = outcome(verdict, Some(date));
        outcome.is_cached = self.server.is_cached && operation == Operation::Peek;
        if self.server.is_a_proxy {
            outcome.correlation_id = None;
        }
        if self.server.repeats_peek && operation == Operation::Peek {
            outcome = self.server.first_peek.get_or_insert(outcome).clone();
        }
        self.keeper.handle_outcome(ticket, &outcome, self.now);
    }

    /// Passes a late answer to the first unanswered request to the keeper.
    pub(super) fn late_answer(mut self, verdict: Verdict) -> Self {
        let command = self.unanswered.remove(0);
        let outcome = outcome(verdict, None);
        self.keeper
            .handle_outcome(command.ticket, &outcome, self.now);
        self.drain();
        self
    }

    pub(super) fn view(&self) -> SessionView {
        self.keeper.view(self.sessions[0], self.now).unwrap()
    }

    /// Asserts the lines since the last call of this or of [`Self::skip`].
    pub(super) fn gives(mut self, expected: &[&str]) -> Self {
        assert_eq!(std::mem::take(&mut self.log), expected);
        self
    }

    /// Drops the lines up to here.
    pub(super) fn skip(mut self) -> Self {
        self.log.clear();
        self
    }

    /// Returns the number of lines with this text since the last call of [`Self::gives`] or
    /// [`Self::skip`], at any second.
    pub(super) fn count(&self, text: &str) -> usize {
        self.log
            .iter()
            .filter(|line| line.split_once(' ').unwrap().1 == text)
            .count()
    }

    fn push_line(&mut self, text: &str) {
        let seconds = self.now.since_boot().as_secs() - 1000;
        self.log.push(format!("{seconds} {text}"));
    }

    fn drain(&mut self) {
        while let Some(event) = self.keeper.poll_event() {
            let text = match event.kind {
                EventKind::Answered { .. } | EventKind::Found => continue,
                EventKind::Unanswered(_) => "unanswered",
                EventKind::Alive { replaces: false } => "alive",
                EventKind::Alive { replaces: true } => "alive, replaced",
                EventKind::NewerRefused(_) => "newer refused",
                EventKind::NewerMismatched(_) => "newer mismatched",
                EventKind::AtRisk(_) => "at risk",
                EventKind::PastDeadline(_) => "past deadline",
                EventKind::Blocked(_) => "blocked",
                EventKind::Recovered { .. } => "recovered",
                EventKind::Unconfirmed => "unconfirmed",
                EventKind::TouchRefused(Touch::Head, _) => "head refused",
                EventKind::TouchRefused(Touch::Get, _) => "get refused",
                EventKind::TouchExcluded(Touch::Head) => "head excluded",
                EventKind::TouchExcluded(Touch::Get) => "get excluded",
                EventKind::Excluded => "excluded",
                EventKind::ResetProven {
                    was_excluded: false,
                    ..
                } => "proven",
                EventKind::ResetProven {
                    was_excluded: true, ..
                } => "no more excluded",
                EventKind::TimeoutRead(_) => "timeout read",
                EventKind::TimeoutNotPermitted(_) => "timeout not permitted",
                EventKind::Lost(_) => "lost",
                EventKind::Lapsed(_) => "lapsed",
                EventKind::Revoked { was_gone: false } => "revoked",
                EventKind::Revoked { was_gone: true } => "revoked_before",
                EventKind::NotRevoked(_) => "not revoked",
                EventKind::Left => "left",
                EventKind::Expiring(_) => "expiring",
                EventKind::ClientEnding(_) => "client ending",
                EventKind::Minted => "minted",
                EventKind::MintFailed(_) => "mint failed",
                EventKind::EarlierInUse => "earlier in use",
                EventKind::EarlierEnded(EarlierEnding::Revoked) => "earlier revoked",
                EventKind::EarlierEnded(EarlierEnding::NotRevoked(_)) => "earlier not revoked",
                EventKind::EarlierEnded(EarlierEnding::Left) => "earlier left",
                EventKind::EarlierEnded(EarlierEnding::Ended) => "earlier ended",
            };
            self.push_line(text);
        }
    }
}
