//! A token of which nothing was heard yet: it is peeked at until it proves alive or is refused.

use super::backoff::Tries;
use super::event::{Death, Idleness, Obstacle, TokenId};
use super::{Instant, Outcome, Verdict};

/// A token that is to prove itself.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) token: TokenId,
    pub(super) seen_at: Instant,
    pub(super) tries: Tries,
    /// Whether the present episode of failures was told.
    pub(super) is_told: bool,
}

impl Candidate {
    pub(super) fn new(token: TokenId, now: Instant) -> Self {
        Self {
            token,
            seen_at: now,
            tries: Tries::default(),
            is_told: false,
        }
    }

    /// What is known of its death.
    pub(super) fn death(&self, outcome: &Outcome, now: Instant) -> Death {
        Death {
            correlation_id: outcome.correlation_id.clone(),
            idle: Idleness::Unknown,
            since_touch: None,
            age: now.since(self.seen_at),
            was_held: false,
            was_proven: false,
            excluded: false,
        }
    }
}

/// What an outcome that says nothing about the token says instead.
pub(super) fn obstacle(verdict: &Verdict) -> Option<Obstacle> {
    match verdict {
        Verdict::Unreachable(failure) => Some(Obstacle::Unreachable(failure.clone())),
        Verdict::Throttled { retry_after } => Some(Obstacle::Throttled {
            retry_after: *retry_after,
        }),
        Verdict::Blocked(blockage) => Some(Obstacle::Blocked(blockage.clone())),
        Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) | Verdict::Refused(_) => None,
    }
}
