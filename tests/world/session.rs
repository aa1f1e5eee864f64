//! The simulated session: its policies, its tokens and its recent requests.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use session_keepalive::keeper::{Generation, Intent, Operation, Policy, SessionId};
use session_keepalive::time::Instant;

use super::value_history::ValueHistory;

/// The maximum number of recorded attempts.
const ATTEMPTS_MAX: usize = 4096;

pub(super) struct SimSession {
    pub(super) id: SessionId,
    pub(super) site: usize,
    pub(super) user: String,
    pub(super) groups: Vec<String>,
    pub(super) policies: ValueHistory<Policy>,
    pub(super) tokens: Vec<WorldToken>,
    pub(super) generations: BTreeMap<Generation, usize>,
    /// The generations that were refused for good, with which no further request may be sent.
    pub(super) refused: BTreeSet<Generation>,
    /// The token refused last. It may be offered again, and no request with it may follow.
    pub(super) refused_last: Option<usize>,
    pub(super) in_flight: Option<SimRequest>,
    pub(super) last_sent_at: Option<Instant>,
    pub(super) attempts: VecDeque<SimAttempt>,
    pub(super) requests: u64,
    pub(super) hour: Hour,
    /// The instant until which the application is active.
    pub(super) busy_until: Instant,
    pub(super) stop: Option<SimStop>,
    /// The idle deadline that the keeper last reported, and the instant of its first report.
    pub(super) deadline: Option<(Instant, Instant)>,
    /// The token that the keeper reports as alive, and the instant of that report.
    pub(super) live: Option<(usize, Instant)>,
}

pub(super) struct WorldToken {
    pub(super) value: String,
    /// The instant from which the keeper must keep the token.
    pub(super) kept_since: Option<Instant>,
    /// The number of consecutive peeks that were answered with `bad.credentials`, each less than a
    /// minute after the previous one.
    pub(super) refusals: u32,
    pub(super) refused_at: Instant,
    /// True if the token was ever proven alive.
    pub(super) was_alive: bool,
    /// True if a request was sent with the token.
    pub(super) was_used: bool,
    pub(super) revoke_attempts: u32,
    pub(super) is_revoked: bool,
}

/// The request that is in flight.
#[derive(Clone, Copy)]
pub(super) struct SimRequest {
    pub(super) number: u64,
    pub(super) overdue_at: Instant,
}

/// A request that was sent, and its result.
#[derive(Clone, Copy, Debug)]
pub(super) struct SimAttempt {
    pub(super) number: u64,
    pub(super) token: usize,
    pub(super) operation: Operation,
    pub(super) sent_at: Instant,
    pub(super) result: SimAttemptResult,
}

/// The result of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SimAttemptResult {
    /// There is no result yet.
    Pending,
    /// The result contains no information about the token.
    Failed,
    /// The server asked for no request before this instant.
    Throttled(Instant),
    /// The server executed the request, and the keeper received the answer at this instant.
    Good(Instant),
}

/// The number of requests in the current hour.
#[derive(Clone, Copy)]
pub(super) struct Hour {
    pub(super) began_at: Instant,
    pub(super) requests: u32,
    /// The number of offered tokens, policy changes and requested touches, each of which allows
    /// a few additional requests.
    pub(super) disturbances: u32,
}

/// The deadline of a session's stop, and its effect on the token.
#[derive(Clone, Copy)]
pub(super) struct SimStop {
    pub(super) until: Instant,
    pub(super) revokes: bool,
}

impl SimSession {
    pub(super) fn new(
        id: SessionId,
        site: usize,
        number: usize,
        groups: Vec<String>,
        policy: Policy,
        now: Instant,
    ) -> Self {
        Self {
            id,
            site,
            user: format!("user-{number}"),
            groups,
            policies: ValueHistory::new(policy),
            tokens: Vec::new(),
            generations: BTreeMap::new(),
            refused: BTreeSet::new(),
            refused_last: None,
            in_flight: None,
            last_sent_at: None,
            attempts: VecDeque::new(),
            requests: 0,
            hour: Hour::new(now),
            busy_until: Instant::BOOT,
            stop: None,
            deadline: None,
            live: None,
        }
    }

    pub(super) fn policy(&self) -> Policy {
        *self.policies.last()
    }

    pub(super) fn keeps(&self) -> bool {
        self.policy().intent == Intent::Keep
    }

    pub(super) fn record_attempt(&mut self, attempt: SimAttempt) {
        if self.attempts.len() >= ATTEMPTS_MAX {
            self.attempts.pop_front();
        }
        self.attempts.push_back(attempt);
    }

    pub(super) fn record_result(&mut self, number: u64, result: SimAttemptResult) {
        let mut attempts = self.attempts.iter_mut().rev();
        if let Some(attempt) = attempts.find(|attempt| attempt.number == number) {
            attempt.result = result;
        }
    }

    /// Returns the attempts with a token that were sent from `from` until just before `until`.
    pub(super) fn attempts_between(
        &self,
        token: usize,
        from: Instant,
        until: Instant,
    ) -> impl Iterator<Item = &SimAttempt> {
        let attempts = self.attempts.iter();
        attempts.filter(move |attempt| {
            attempt.token == token && from <= attempt.sent_at && attempt.sent_at < until
        })
    }
}

impl WorldToken {
    pub(super) fn new(value: String) -> Self {
        Self {
            value,
            kept_since: None,
            refusals: 0,
            refused_at: Instant::BOOT,
            was_alive: false,
            was_used: false,
            revoke_attempts: 0,
            is_revoked: false,
        }
    }
}

impl Hour {
    pub(super) const LENGTH: Duration = Duration::from_secs(3600);

    pub(super) fn new(began_at: Instant) -> Self {
        Self {
            began_at,
            requests: 0,
            disturbances: 0,
        }
    }
}

impl SimAttempt {
    /// Returns the instant at which the keeper received a good answer; `None` if it did not.
    pub(super) fn good_at(&self) -> Option<Instant> {
        match self.result {
            SimAttemptResult::Good(at) => Some(at),
            SimAttemptResult::Pending
            | SimAttemptResult::Failed
            | SimAttemptResult::Throttled(_) => None,
        }
    }
}
