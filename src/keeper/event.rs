//! What happened to a session, for people and metrics: each is told once.

use std::sync::Arc;
use std::time::Duration;

use super::command::Operation;
use super::{Blockage, Failure, Generation, Instant, Outcome, SessionId, TimeoutReport, Touch};
use crate::token::Fingerprint;

/// Something that happened to a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// The session.
    pub session: SessionId,
    /// The token it is about, if there is one.
    pub token: Option<TokenId>,
    /// When.
    pub at: Instant,
    /// What.
    pub kind: EventKind,
}

/// One token of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TokenId {
    /// Its place among the session's tokens.
    pub generation: Generation,
    /// Its only visible form.
    pub fingerprint: Fingerprint,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EventKind {
    /// A request was answered, or was not: told for each.
    Answered {
        /// What was asked.
        operation: Operation,
        /// When.
        sent_at: Instant,
        /// What came of it.
        outcome: Outcome,
    },
    /// A token was found and is to be proven alive.
    Found,
    /// A token that is not yet proven got no answer about it.
    Unanswered(Obstacle),
    /// The token was proven alive.
    Held {
        /// Whether it takes the place of another.
        replaces: bool,
    },
    /// A newer token was refused; the earlier one stays.
    NewerRefused(Death),
    /// Tries are failing and the deadline is nearer than the margin allows.
    AtRisk(Obstacle),
    /// The idle deadline has passed without an accepted touch; the server has not refused the token.
    PastDeadline(Obstacle),
    /// The API answers, but not about the token.
    Blocked(Blockage),
    /// The token was at risk or blocked and is well again.
    Recovered {
        /// How many tries had failed.
        failures: u32,
    },
    /// A 401 was not confirmed: the token lives.
    Unconfirmed,
    /// A touch was accepted and did not move the deadline; the other one is tried.
    TouchExcluded(Touch),
    /// Neither touch moves the deadline: the organisation excludes these calls.
    Excluded,
    /// Touches move the deadline.
    ResetProven {
        /// The touch that does.
        touch: Touch,
        /// Whether the organisation was thought to exclude these calls.
        was_excluded: bool,
    },
    /// The organisation's idle timeout was read and is not what it was.
    TimeoutRead(TimeoutReport),
    /// The token is not permitted to read the organisation's idle timeout: no failure.
    TimeoutNotPermitted(Arc<str>),
    /// The token was refused while it was to be kept.
    Lost(Death),
    /// The token idled out as intended.
    Lapsed(Death),
    /// The token was revoked by us.
    Revoked,
    /// The token was to be revoked and was not.
    NotRevoked(Obstacle),
    /// The token was left as it is.
    Left,
}

/// What kept a request from its purpose.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Obstacle {
    /// Nothing was heard about the token.
    Unreachable(Failure),
    /// Too many requests.
    Throttled {
        /// How long the API asks to wait, if it says so.
        retry_after: Option<Duration>,
    },
    /// Something else answered, or about something else.
    Blocked(Blockage),
    /// The time for it was over.
    OutOfTime,
}

/// What is known about why a token was refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Death {
    /// Support asks for it.
    pub correlation_id: Option<Arc<str>>,
    /// How the refusal stands to the idle deadline.
    pub idle: Idleness,
    /// How long before it the last touch was accepted.
    pub since_touch: Option<Duration>,
    /// How long before it the token was first seen.
    pub age: Duration,
    /// Whether the token was ever proven alive.
    pub was_held: bool,
    /// Whether touches were proven to move the idle deadline, and that was not in doubt since.
    pub was_proven: bool,
    /// Whether the organisation was found to exclude these calls.
    pub excluded: bool,
}

/// How a refusal stands to the idle deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Idleness {
    /// The deadline was this far off: not idleness.
    Before(Duration),
    /// The deadline had passed this long ago.
    After(Duration),
    /// No deadline was known.
    Unknown,
}

impl Idleness {
    /// Compares a refusal with the deadline.
    pub(super) fn of(deadline: Option<Instant>, refused_at: Instant) -> Self {
        match deadline {
            Some(deadline) if refused_at < deadline => Self::Before(deadline.since(refused_at)),
            Some(deadline) => Self::After(refused_at.since(deadline)),
            None => Self::Unknown,
        }
    }
}
