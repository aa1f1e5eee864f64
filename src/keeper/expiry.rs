//! The end of a token's absolute lifetime, which no request extends, and its announcements.

use std::time::Duration;

use crate::time::Instant;

/// The shares of the lifetime, in percent, at which the expiry is announced, each with the least
/// time before the expiry.
const ANNOUNCEMENTS: [(u32, Duration); 3] = [
    (25, Duration::ZERO),
    (10, Duration::from_secs(30 * 60)),
    (2, Duration::from_secs(5 * 60)),
];

/// The time before a known expiry from which a refusal counts as the expiry: the clocks of the
/// servers and the rounding of the lifetime differ by that much.
const EXPIRED_FROM: Duration = Duration::from_secs(60);

/// The end of a token's lifetime.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expiry {
    /// The instant of the end.
    pub at: Instant,
    /// The whole lifetime.
    pub lifetime: Duration,
    /// The origin of this knowledge.
    pub source: ExpirySource,
}

/// The origin of the knowledge about an expiry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ExpirySource {
    /// The login host or the source of the token reported it.
    Reported,
    /// It is computed from the configured lifetime and from when the token was first seen.
    Estimated,
}

impl ExpirySource {
    /// Returns the word for status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Estimated => "estimated",
        }
    }
}

impl Expiry {
    /// Returns the instants of the announcements, in order. Those of a lifetime of minutes, as in
    /// demonstrations, keep their order and do not come before half of the lifetime.
    pub(super) fn announcements(self) -> [Instant; 3] {
        let mut latest = self.lifetime / 2;
        ANNOUNCEMENTS.map(|(percent, least)| {
            let share = self.lifetime.saturating_mul(percent) / 100;
            let before = share.max(least).min(latest);
            latest = before / 2;
            self.at - before
        })
    }

    /// Returns true if a refusal at `at` is explained by the expiry.
    pub(super) fn explains(self, at: Instant) -> bool {
        at + EXPIRED_FROM.min(self.lifetime / 10) >= self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before(hours: f64) -> [u64; 3] {
        let lifetime = Duration::from_secs_f64(hours * 3600.0);
        let expiry = Expiry {
            at: Instant::BOOT + lifetime,
            lifetime,
            source: ExpirySource::Reported,
        };
        expiry
            .announcements()
            .map(|at| expiry.at.since(at).as_secs())
    }

    #[test]
    fn the_expiry_is_announced_three_times_and_not_too_late_to_act() {
        assert_eq!(before(24.0), [6 * 3600, 8640, 1728]);
        assert_eq!(before(2.0), [1800, 900, 300]);
        assert_eq!(before(40.0 / 3600.0), [10, 5, 2]);
    }
}
