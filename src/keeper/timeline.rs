//! Timelines: a keeper, a server of a few lines, and a clock that is moved by hand.
//!
//! What comes out is a column of text: `413 touch_head` is a request at second 413,
//! `413 at risk` an event. Seconds are cut, not rounded.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    Command, EventKind, Failure, HostId, Instant, Keeper, Limits, OnShutdown, Operation, Outcome,
    Policy, Refusal, ServerTime, SessionId, SessionView, Ticket, TimeoutReport, TokenReport, Touch,
    Verdict,
};
use crate::token::Fingerprint;

/// A server with one idle window for each token.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch that a test turns"
)]
pub(super) struct Server {
    pub(super) idle_timeout: Duration,
    pub(super) tells_idles_at: bool,
    pub(super) head_excluded: bool,
    pub(super) get_excluded: bool,
    pub(super) timeout_is: Verdict,
    /// Answers everything else with this.
    pub(super) always: Option<Verdict>,
    /// Answers nothing.
    pub(super) is_silent: bool,
    /// How far `Date` is behind.
    pub(super) date_behind: Duration,
    reset_at: BTreeMap<u32, Instant>,
    dead: Vec<u32>,
}

pub(super) struct Timeline {
    pub(super) keeper: Keeper,
    pub(super) server: Server,
    pub(super) now: Instant,
    pub(super) sessions: Vec<SessionId>,
    pub(super) unanswered: Vec<Command>,
    log: Vec<String>,
    tokens: BTreeMap<(SessionId, u32), u32>,
}

pub(super) fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

pub(super) fn unreachable() -> Verdict {
    Verdict::Unreachable(Failure::NotConnected)
}

pub(super) fn dead() -> Verdict {
    Verdict::Refused(Refusal::BadCredentials)
}

pub(super) fn outcome(verdict: Verdict, date: Option<ServerTime>) -> Outcome {
    Outcome {
        verdict,
        status: None,
        date,
        correlation_id: None,
    }
}

fn server_time(at: Instant) -> ServerTime {
    let milliseconds = i64::try_from(at.since_boot().as_millis()).unwrap();
    ServerTime::from_unix_milliseconds(1_764_000_000_000 + milliseconds)
}

impl Server {
    fn new() -> Self {
        let idle_timeout = seconds(900.0);
        Self {
            idle_timeout,
            tells_idles_at: true,
            head_excluded: false,
            get_excluded: false,
            timeout_is: Verdict::Timeout(TimeoutReport {
                organisation: Some(idle_timeout),
                groups: Vec::new(),
            }),
            always: None,
            is_silent: false,
            date_behind: Duration::ZERO,
            reset_at: BTreeMap::new(),
            dead: Vec::new(),
        }
    }

    fn lives(&self, token: u32, now: Instant) -> bool {
        !self.dead.contains(&token) && now < self.reset_at[&token] + self.idle_timeout
    }

    fn answer(&mut self, operation: Operation, token: u32, now: Instant) -> Verdict {
        if let Some(verdict) = &self.always {
            return verdict.clone();
        }
        if !self.lives(token, now) {
            return match operation {
                Operation::Touch(Touch::Head) => Verdict::Refused(Refusal::Unread),
                Operation::Revoke => Verdict::Accepted,
                Operation::Peek | Operation::Touch(Touch::Get) | Operation::ReadTimeout => dead(),
            };
        }
        match operation {
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
                self.dead.push(token);
                return Verdict::Accepted;
            }
            Operation::Peek => {}
        }
        if operation == Operation::Touch(Touch::Head) {
            return Verdict::Accepted;
        }
        let idles_at = server_time(self.reset_at[&token] + self.idle_timeout);
        Verdict::Alive(TokenReport {
            organisation: Some("o".into()),
            organisation_name: None,
            idles_at: self.tells_idles_at.then_some(idles_at),
        })
    }
}

impl Timeline {
    /// One kept session without a token.
    pub(super) fn new() -> Self {
        Self::with(Policy::default())
    }

    pub(super) fn with(policy: Policy) -> Self {
        let mut timeline = Self {
            keeper: Keeper::new(Limits::default(), 1),
            server: Server::new(),
            now: Instant::BOOT + seconds(1000.0),
            sessions: Vec::new(),
            unanswered: Vec::new(),
            log: Vec::new(),
            tokens: BTreeMap::new(),
        };
        timeline.add(policy);
        timeline
    }

    pub(super) fn add(&mut self, policy: Policy) -> SessionId {
        let id = self.keeper.handle_added(HostId(0), policy);
        self.sessions.push(id);
        id
    }

    /// The first session gets a token that was active just now.
    pub(super) fn token(self, token: u32) -> Self {
        let (session, now) = (self.sessions[0], self.now);
        self.token_of(session, token, now)
    }

    /// A session gets a token that was last active at `active_at`.
    pub(super) fn token_of(mut self, session: SessionId, token: u32, active_at: Instant) -> Self {
        self.server.reset_at.entry(token).or_insert(active_at);
        let fingerprint = Fingerprint::of(&token.to_be_bytes());
        if let Some(generation) = self.keeper.handle_token(session, fingerprint, self.now) {
            self.tokens.insert((session, generation.0), token);
        }
        self.drain();
        self
    }

    /// The application uses the token.
    pub(super) fn application(mut self, token: u32) -> Self {
        self.server.reset_at.insert(token, self.now);
        self
    }

    /// The token is revoked, evicted or expired.
    pub(super) fn kill(mut self, token: u32) -> Self {
        self.server.dead.push(token);
        self
    }

    pub(super) fn server(mut self, change: impl FnOnce(&mut Server)) -> Self {
        change(&mut self.server);
        self
    }

    pub(super) fn act(mut self, act: impl FnOnce(&mut Keeper, SessionId, Instant)) -> Self {
        act(&mut self.keeper, self.sessions[0], self.now);
        self.drain();
        self
    }

    pub(super) fn shutdown(self, wanted: OnShutdown, grace: f64) -> Self {
        self.act(|keeper, _, now| keeper.handle_shutdown(wanted, now + seconds(grace), now))
    }

    /// The machine sleeps and wakes up.
    pub(super) fn sleep(mut self, time: f64) -> Self {
        self.now = self.now + seconds(time);
        let now = self.now;
        self.act(|keeper, _, _| keeper.handle_resume(seconds(time), now))
    }

    /// Lets time pass; requests are answered at once.
    pub(super) fn pass(mut self, time: f64) -> Self {
        let end = self.now + seconds(time);
        loop {
            while let Some(command) = self.keeper.poll_command(self.now) {
                self.note(command.operation.as_str());
                if self.server.is_silent {
                    self.unanswered.push(command);
                } else {
                    self.answer(command.ticket, command.operation);
                }
                self.drain();
            }
            self.drain();
            match self.keeper.poll_timeout() {
                Some(at) if at <= end => self.now = at,
                _ => break,
            }
        }
        self.now = end;
        self
    }

    fn answer(&mut self, ticket: Ticket, operation: Operation) {
        let token = self.tokens[&(ticket.session, ticket.generation.0)];
        let verdict = self.server.answer(operation, token, self.now);
        let date = server_time(self.now - self.server.date_behind);
        let outcome = outcome(verdict, Some(date));
        self.keeper.handle_outcome(ticket, &outcome, self.now);
    }

    /// The first unanswered request is answered late.
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

    /// What came out since the last time.
    pub(super) fn gives(mut self, expected: &[&str]) -> Self {
        assert_eq!(std::mem::take(&mut self.log), expected);
        self
    }

    /// Forgets what came out.
    pub(super) fn skip(mut self) -> Self {
        self.log.clear();
        self
    }

    /// How many of these lines came out since the last time, whatever the second.
    pub(super) fn count(&self, what: &str) -> usize {
        self.log
            .iter()
            .filter(|line| line.split_once(' ').unwrap().1 == what)
            .count()
    }

    fn note(&mut self, what: &str) {
        let seconds = self.now.since_boot().as_secs() - 1000;
        self.log.push(format!("{seconds} {what}"));
    }

    fn drain(&mut self) {
        while let Some(event) = self.keeper.poll_event() {
            let what = match event.kind {
                EventKind::Answered { .. } | EventKind::Found => continue,
                EventKind::Unanswered(_) => "unanswered",
                EventKind::Held { replaces: false } => "held",
                EventKind::Held { replaces: true } => "held, replaced",
                EventKind::NewerRefused(_) => "newer refused",
                EventKind::AtRisk(_) => "at risk",
                EventKind::PastDeadline(_) => "past deadline",
                EventKind::Blocked(_) => "blocked",
                EventKind::Recovered { .. } => "recovered",
                EventKind::Unconfirmed => "unconfirmed",
                EventKind::TouchExcluded(Touch::Head) => "head excluded",
                EventKind::TouchExcluded(Touch::Get) => "get excluded",
                EventKind::Excluded => "excluded",
                EventKind::ResetProven { .. } => "proven",
                EventKind::TimeoutRead(_) => "timeout read",
                EventKind::TimeoutNotPermitted(_) => "timeout not permitted",
                EventKind::Lost(_) => "lost",
                EventKind::Lapsed(_) => "lapsed",
                EventKind::Revoked => "revoked",
                EventKind::NotRevoked(_) => "not revoked",
                EventKind::Left => "left",
            };
            self.note(what);
        }
    }
}
