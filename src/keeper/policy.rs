//! The numbers the keeper works with: what a session is to get, and the limits that hold for all.

use std::time::Duration;

use super::{Intent, Margin, OnShutdown, Touch};

/// What a session is to get.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Policy {
    /// Keep the token alive or let it lapse.
    pub intent: Intent,
    /// How long before the idle deadline we act.
    pub margin: Margin,
    /// The idle timeout, if the operator knows better than the server says.
    pub idle_timeout: Option<Duration>,
    /// The touch that is tried first.
    pub touch: Touch,
    /// A proof of reset is asked for again after this many touches.
    pub verify_every: u32,
    /// What becomes of the token when the session stops.
    pub on_shutdown: OnShutdown,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            intent: Intent::Keep,
            margin: Margin::default(),
            idle_timeout: None,
            touch: Touch::Head,
            verify_every: 1,
            on_shutdown: OnShutdown::Revoke,
        }
    }
}

/// The limits that hold for every session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The least time between two requests of one session.
    pub floor: Duration,
    /// The first and the longest wait after a failure.
    pub backoff: Span,
    /// The first and the longest wait while something other than the token is in the way.
    pub blocked_backoff: Span,
    /// The longest `Retry-After` that is believed.
    pub retry_after_max: Duration,
    /// How long a whole request may take.
    pub request_timeout: Duration,
    /// How often an organisation's idle timeout is read again.
    pub timeout_refresh: Duration,
    /// The longest time without a look at a token that nobody touches.
    pub watch_every: Duration,
}

/// A shortest and a longest time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// The shortest.
    pub first: Duration,
    /// The longest.
    pub cap: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // 60 of the 300 requests a minute that the API grants a token and
            // its application together.
            floor: Duration::from_secs(1),
            backoff: Span {
                first: Duration::from_secs(1),
                cap: Duration::from_secs(30),
            },
            blocked_backoff: Span {
                first: Duration::from_secs(5),
                cap: Duration::from_secs(60),
            },
            retry_after_max: Duration::from_secs(3600),
            request_timeout: Duration::from_secs(15),
            timeout_refresh: Duration::from_secs(3600),
            watch_every: Duration::from_secs(900),
        }
    }
}
