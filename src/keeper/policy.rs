//! The settings of the keeper: the policy of one session with its intent, and the limits of all sessions.

use std::time::Duration;

use super::{Margin, Renewal, Touch};

/// The settings of one session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Policy {
    /// The intent to keep the token alive or to let it lapse.
    pub intent: Intent,
    /// The time before the idle deadline that is kept for outages. A touch is due a little before
    /// it begins.
    pub margin: Margin,
    /// The configured idle timeout, which takes precedence over the organisation's unless all of
    /// these are shorter.
    pub idle_timeout: Option<Duration>,
    /// The touch that is preferred while nothing is known against it.
    pub touch: TouchPreference,
    /// The number of touches after which the reset of the idle timer is verified again. Touches
    /// that their own answer verifies do not count.
    pub verify_every: u32,
    /// The treatment of the token when the session ends.
    pub on_shutdown: OnShutdown,
    /// The configured lifetime of the tokens, from which the expiry is estimated where the source
    /// reports none.
    pub lifetime: Option<Duration>,
    /// The way in which new tokens are obtained before the expiry and after a loss.
    pub renewal: Option<Renewal>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            intent: Intent::Keep,
            margin: Margin::default(),
            idle_timeout: None,
            touch: TouchPreference::Auto,
            verify_every: 1,
            on_shutdown: OnShutdown::Revoke,
            lifetime: None,
            renewal: None,
        }
    }
}

/// The touch that a session prefers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum TouchPreference {
    /// `HEAD`, or `GET` where its answers are known to report the moved deadline: such a touch
    /// needs no peek.
    #[default]
    Auto,
    /// `HEAD`.
    Head,
    /// `GET`.
    Get,
}

impl TouchPreference {
    /// All preferences.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Head, Self::Get];

    /// Returns the touch to use while nothing is known about either.
    #[must_use]
    pub fn first(self) -> Touch {
        match self {
            Self::Auto | Self::Head => Touch::Head,
            Self::Get => Touch::Get,
        }
    }

    /// Returns the word for configuration and status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Head => "head",
            Self::Get => "get",
        }
    }
}

/// The limits that hold for every session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The shortest time between two requests of one session.
    pub floor: Duration,
    /// The first and the longest retry delay after a failure.
    pub backoff: TimeRange,
    /// The first and the longest retry delay while answers do not concern the token.
    pub blocked_backoff: TimeRange,
    /// The limit to which `Retry-After` is cut.
    pub retry_after_max: Duration,
    /// The time limit of a whole request.
    pub request_timeout: Duration,
    /// The interval at which an organisation's idle timeout is read.
    pub timeout_refresh: Duration,
    /// The longest interval between peeks at a token that is not touched.
    pub peek_every: Duration,
    /// The time from the first to the second confirmation of a refusal, for a token that was
    /// proven alive.
    pub confirm_after: Duration,
    /// The times after the first refusal at which a token that was never proven alive is peeked at
    /// again: a new token takes time to reach all servers of the API.
    pub prove_again_after: [Duration; 3],
    /// The largest number of requests in flight at one host.
    pub in_flight_max: usize,
}

/// A shortest and a longest time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeRange {
    /// The shortest time, which is used first.
    pub first: Duration,
    /// The longest time.
    pub cap: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // This is 60 of the 300 requests a minute that the API grants to a token, for the
            // daemon and the application together.
            floor: Duration::from_secs(1),
            backoff: TimeRange {
                first: Duration::from_secs(1),
                cap: Duration::from_secs(30),
            },
            blocked_backoff: TimeRange {
                first: Duration::from_secs(5),
                cap: Duration::from_secs(60),
            },
            retry_after_max: Duration::from_secs(3600),
            request_timeout: Duration::from_secs(15),
            timeout_refresh: Duration::from_secs(3600),
            peek_every: Duration::from_secs(900),
            confirm_after: Duration::from_secs(5),
            prove_again_after: [2, 5, 15].map(Duration::from_secs),
            in_flight_max: 64,
        }
    }
}

/// The intent for a session's token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Intent {
    /// Keep the token alive.
    #[default]
    Keep,
    /// Let the token lapse, and only observe it.
    Lapse,
}

/// The treatment of a session's token when the session ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum OnShutdown {
    /// The token is revoked with `DELETE /tokens/me`.
    Revoke,
    /// The token is left as it is.
    Leave,
}

impl Intent {
    /// Both intents.
    pub const ALL: [Self; 2] = [Self::Keep, Self::Lapse];

    /// Returns the word for configuration, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Lapse => "lapse",
        }
    }

    /// Returns the default treatment of the token at the end of its session.
    #[must_use]
    pub fn on_shutdown(self) -> OnShutdown {
        match self {
            Self::Keep => OnShutdown::Revoke,
            Self::Lapse => OnShutdown::Leave,
        }
    }
}

impl OnShutdown {
    /// Both treatments.
    pub const ALL: [Self; 2] = [Self::Revoke, Self::Leave];

    /// Returns the word for configuration, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Revoke => "revoke",
            Self::Leave => "leave",
        }
    }
}
