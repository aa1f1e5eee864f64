//! What the keeper asks the daemon to do, and the ticket that ties the answer to it.

use std::time::Duration;

use super::Instant;

/// Names one session for as long as the process runs; never used again for another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionId(pub u32);

/// Grows with every new token of a session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Generation(pub u32);

/// Ties an outcome to the request and the generation it belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ticket {
    /// The session that asks.
    pub session: SessionId,
    /// The token that is used.
    pub generation: Generation,
    /// Unlike for any other request of the process.
    pub number: u64,
}

/// How a session's idle timer is reset.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Touch {
    /// `HEAD /tokens/me`: the smallest request there is.
    #[default]
    Head,
    /// `GET /tokens/me`: for organisations that exclude HEAD.
    Get,
}

impl Touch {
    /// The word for configuration and status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Get => "get",
        }
    }

    /// The one of the two that this is not.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Head => Self::Get,
            Self::Get => Self::Head,
        }
    }
}

/// The requests that a session makes with its token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Operation {
    /// `GET /tokens/me?preserveIdleTTL=true`: looks and disturbs nothing.
    Peek,
    /// Resets the idle timer.
    Touch(Touch),
    /// `GET /tokens/timeout`: may reset the idle timer, so never for a lapsing token.
    ReadTimeout,
    /// `DELETE /tokens/me`.
    Revoke,
}

impl Operation {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Peek,
        Self::Touch(Touch::Head),
        Self::Touch(Touch::Get),
        Self::ReadTimeout,
        Self::Revoke,
    ];

    /// The word for logs and metrics.
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

/// One request to be sent at once.
///
/// A command for a session whose earlier request is still in flight replaces
/// it: the daemon drops the earlier one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Command {
    /// Comes back with the outcome.
    pub ticket: Ticket,
    /// What to ask.
    pub operation: Operation,
    /// When it counts as sent: idle time is counted from here.
    pub sent_at: Instant,
    /// How long to wait for the whole answer at the most.
    pub time_limit: Duration,
}
