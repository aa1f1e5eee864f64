//! What to change so that a plan works.

use std::time::Duration;

/// What to change, and to what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Remedy {
    /// `margin`, to this or shorter.
    MarginAtMost(Duration),
    /// `margin`, to this or longer.
    MarginAtLeast(Duration),
    /// `http.request_timeout`, to this or shorter.
    RequestTimeoutAtMost(Duration),
    /// `http.in_flight_max`, to this or more.
    InFlightAtLeast(u32),
    /// `verify_every`, to this or less.
    VerifyEveryAtMost(u32),
    /// `idle_timeout`, to this or shorter, or away with it.
    IdleTimeoutAtMost(Duration),
    /// The organisation's own timeout, to this or longer.
    OrganisationAtLeast(Duration),
    /// `shutdown.grace`, to this or longer.
    GraceAtLeast(Duration),
}

impl Remedy {
    /// What does for both; `None` if they are about different keys.
    #[must_use]
    pub fn and(self, other: Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::MarginAtMost(one), Self::MarginAtMost(two)) => Self::MarginAtMost(one.min(two)),
            (Self::MarginAtLeast(one), Self::MarginAtLeast(two)) => {
                Self::MarginAtLeast(one.max(two))
            }
            (Self::RequestTimeoutAtMost(one), Self::RequestTimeoutAtMost(two)) => {
                Self::RequestTimeoutAtMost(one.min(two))
            }
            (Self::InFlightAtLeast(one), Self::InFlightAtLeast(two)) => {
                Self::InFlightAtLeast(one.max(two))
            }
            (Self::VerifyEveryAtMost(one), Self::VerifyEveryAtMost(two)) => {
                Self::VerifyEveryAtMost(one.min(two))
            }
            (Self::IdleTimeoutAtMost(one), Self::IdleTimeoutAtMost(two)) => {
                Self::IdleTimeoutAtMost(one.min(two))
            }
            (Self::OrganisationAtLeast(one), Self::OrganisationAtLeast(two)) => {
                Self::OrganisationAtLeast(one.max(two))
            }
            (Self::GraceAtLeast(one), Self::GraceAtLeast(two)) => Self::GraceAtLeast(one.max(two)),
            (
                Self::MarginAtMost(_)
                | Self::MarginAtLeast(_)
                | Self::RequestTimeoutAtMost(_)
                | Self::InFlightAtLeast(_)
                | Self::VerifyEveryAtMost(_)
                | Self::IdleTimeoutAtMost(_)
                | Self::OrganisationAtLeast(_)
                | Self::GraceAtLeast(_),
                _,
            ) => return None,
        })
    }
}
