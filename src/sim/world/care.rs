//! One session as the world knows it: what was meant for it, its tokens, and every request it made lately.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::keeper::{Generation, Instant, Intent, Operation, Policy, SessionId};

use super::chronicle::Chronicle;

/// How many tries are remembered.
const TRIES_MAX: usize = 4096;

/// One session.
pub(super) struct Care {
    pub(super) id: SessionId,
    pub(super) site: usize,
    pub(super) user: String,
    pub(super) groups: Vec<String>,
    pub(super) policies: Chronicle<Policy>,
    pub(super) tokens: Vec<Token>,
    pub(super) generations: BTreeMap<Generation, usize>,
    /// Tokens that were refused for good: no more requests with them.
    pub(super) refused: BTreeSet<Generation>,
    /// The last of them: it may be shown again, and is not to be asked about.
    pub(super) refused_last: Option<usize>,
    pub(super) in_flight: Option<InFlight>,
    pub(super) last_sent_at: Option<Instant>,
    pub(super) tries: VecDeque<Try>,
    pub(super) requests: u64,
    pub(super) hour: Hour,
    /// Until when the application is active.
    pub(super) busy_until: Instant,
    pub(super) stop: Option<Stop>,
    /// The token that the keeper says is held, and since when.
    pub(super) held: Option<(usize, Instant)>,
}

/// One token.
pub(super) struct Token {
    pub(super) value: String,
    /// Since when the keeper is to keep it.
    pub(super) cared_since: Option<Instant>,
    /// Whether the last answer about it was a 401.
    pub(super) is_doubted: bool,
    pub(super) revoke_tries: u32,
    pub(super) is_revoked: bool,
}

/// The request that is under way.
#[derive(Clone, Copy)]
pub(super) struct InFlight {
    pub(super) number: u64,
    pub(super) overdue_at: Instant,
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Try {
    pub(super) number: u64,
    pub(super) token: usize,
    pub(super) operation: Operation,
    pub(super) sent_at: Instant,
    pub(super) result: TryResult,
}

/// What became of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TryResult {
    /// Nothing yet.
    Pending,
    /// It told nothing of the token.
    Failed,
    /// It was to be made again no earlier than this.
    Throttled(Instant),
    /// The server did what it was asked, and the keeper heard so then.
    Good(Instant),
}

/// How many requests were made in the present hour.
#[derive(Clone, Copy)]
pub(super) struct Hour {
    pub(super) began_at: Instant,
    pub(super) requests: u32,
    /// Tokens that were offered, policies that changed: each allows a few more.
    pub(super) disturbances: u32,
}

/// How a session is to end.
#[derive(Clone, Copy)]
pub(super) struct Stop {
    pub(super) until: Instant,
    pub(super) revokes: bool,
}

impl Care {
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
            policies: Chronicle::new(policy),
            tokens: Vec::new(),
            generations: BTreeMap::new(),
            refused: BTreeSet::new(),
            refused_last: None,
            in_flight: None,
            last_sent_at: None,
            tries: VecDeque::new(),
            requests: 0,
            hour: Hour::new(now),
            busy_until: Instant::BOOT,
            stop: None,
            held: None,
        }
    }

    pub(super) fn policy(&self) -> Policy {
        *self.policies.last()
    }

    pub(super) fn keeps(&self) -> bool {
        self.policy().intent == Intent::Keep
    }

    pub(super) fn note_try(&mut self, made: Try) {
        if self.tries.len() >= TRIES_MAX {
            self.tries.pop_front();
        }
        self.tries.push_back(made);
    }

    pub(super) fn note_result(&mut self, number: u64, result: TryResult) {
        let mut tries = self.tries.iter_mut().rev();
        if let Some(made) = tries.find(|made| made.number == number) {
            made.result = result;
        }
    }

    /// Tries with a token that were sent from `from` until just before `until`.
    pub(super) fn tries_between(
        &self,
        token: usize,
        from: Instant,
        until: Instant,
    ) -> impl Iterator<Item = &Try> {
        let tries = self.tries.iter();
        tries
            .filter(move |made| made.token == token && from <= made.sent_at && made.sent_at < until)
    }
}

impl Token {
    pub(super) fn new(value: String) -> Self {
        Self {
            value,
            cared_since: None,
            is_doubted: false,
            revoke_tries: 0,
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

impl Try {
    /// When the keeper heard that the server did it.
    pub(super) fn good_at(&self) -> Option<Instant> {
        match self.result {
            TryResult::Good(at) => Some(at),
            TryResult::Pending | TryResult::Failed | TryResult::Throttled(_) => None,
        }
    }
}
