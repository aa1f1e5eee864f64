//! The requests that the keeper commands, and the ticket that ties an outcome to its request.

use std::time::Duration;

use crate::time::Instant;

/// The number of a session, unique as long as the process runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionId(pub u32);

/// The number of a token among the tokens of its session; it grows with every new one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Generation(pub u32);

impl Generation {
    /// The first token of a session.
    pub const FIRST: Self = Self(1);
}

/// The identity of a request, which ties an outcome to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ticket {
    /// The session of the request.
    pub session: SessionId,
    /// The token of the request.
    pub generation: Generation,
    /// The number of the request, unique in the process.
    pub number: u64,
}

/// The request that resets a token's idle timer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Touch {
    /// `HEAD /tokens/me`: the smallest request there is.
    #[default]
    Head,
    /// `GET /tokens/me`: for organisations that exclude HEAD.
    Get,
}

impl Touch {
    /// Returns the word for configuration and status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Get => "get",
        }
    }

    /// Returns the other one of the two touches.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Head => Self::Get,
            Self::Get => Self::Head,
        }
    }
}

/// A request that a session makes with its token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Operation {
    /// `GET /tokens/me?preserveIdleTTL=true`: reads the token without resetting its idle timer.
    Peek,
    /// `HEAD` or `GET /tokens/me`: resets the idle timer.
    Touch(Touch),
    /// `GET /tokens/timeout`: may reset the idle timer, so never for a lapsing token.
    ReadTimeout,
    /// `DELETE /tokens/me`.
    Revoke,
}

impl Operation {
    /// All operations.
    pub const ALL: [Self; 5] = [
        Self::Peek,
        Self::Touch(Touch::Head),
        Self::Touch(Touch::Get),
        Self::ReadTimeout,
        Self::Revoke,
    ];

    /// Returns the word for logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Peek => "peek",
            Self::Touch(Touch::Head) => "touch_head",
            Self::Touch(Touch::Get) => "touch_get",
            Self::ReadTimeout => "read_timeout",
            Self::Revoke => "revoke",
        }
    }
}

/// A request to be sent at once.
///
/// A command for a session whose earlier request is still in flight replaces that request: the
/// daemon drops it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Command {
    /// The ticket that is returned with the outcome.
    pub ticket: Ticket,
    /// The request to send.
    pub operation: Operation,
    /// The instant at which the request counts as sent, and from which idle time counts.
    pub sent_at: Instant,
    /// The longest time to wait for the whole answer.
    pub time_limit: Duration,
}
