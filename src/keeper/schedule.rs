//! When a touch is due: arithmetic on the idle timeout, the margin, and the jitter that draws a touch earlier.

use std::time::Duration;

use super::backoff::Fit;
use super::{Instant, ServerTime};

/// Idle timeouts beyond the documented longest of 8 hours are treated as 8 hours.
pub(super) const IDLE_TIMEOUT_MAX: Duration = Duration::from_secs(28_800);
/// The shortest documented idle timeout: assumed when nothing is known.
pub(super) const IDLE_TIMEOUT_FALLBACK: Duration = Duration::from_secs(300);
/// `Date` is cut to whole seconds, so what it says may be this much too early.
pub(super) const DATE_PRECISION: Duration = Duration::from_secs(1);

/// How long before the idle deadline we act.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Margin {
    /// A share of the idle timeout in percent, 1 to 90.
    Percent(u8),
    /// A fixed time, shorter than the idle timeout.
    Time(Duration),
}

impl Default for Margin {
    fn default() -> Self {
        Self::Percent(50)
    }
}

impl Margin {
    /// The margin for an idle timeout: never more than 90 percent of it.
    #[must_use]
    pub fn of(self, idle_timeout: Duration) -> Duration {
        let longest = share(idle_timeout, 90);
        match self {
            Self::Percent(percent) => share(idle_timeout, u32::from(percent)).min(longest),
            Self::Time(time) => time.min(longest),
        }
    }
}

/// Where a session's idle timeout is known from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeoutSource {
    /// The configuration says so.
    Configured,
    /// `dateTokenIdles` proves it.
    Proven,
    /// The least of the enabled values of `GET /tokens/timeout`.
    Organisation,
    /// Nothing is known: the shortest documented timeout is assumed.
    Assumed,
}

impl TimeoutSource {
    /// Every one, the strongest first.
    pub const ALL: [Self; 4] = [
        Self::Configured,
        Self::Proven,
        Self::Organisation,
        Self::Assumed,
    ];

    /// The word for logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::Proven => "proven",
            Self::Organisation => "organisation",
            Self::Assumed => "assumed",
        }
    }
}

/// The effective idle timeout of a session, and where it is known from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IdleTimeout {
    /// How long the token may idle.
    pub duration: Duration,
    /// Where this is known from.
    pub source: TimeoutSource,
}

/// When a session is touched, for one idle timeout and margin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// The idle timeout.
    pub idle_timeout: Duration,
    /// How long before the deadline we act.
    pub margin: Duration,
    /// What the last try before the deadline needs.
    pub reserve: Duration,
}

impl Schedule {
    /// The schedule of an idle timeout and a margin.
    #[must_use]
    pub fn new(idle_timeout: Duration, margin: Margin) -> Self {
        Self {
            idle_timeout,
            margin: margin.of(idle_timeout),
            reserve: (idle_timeout / 20).clamp(Duration::from_millis(50), Duration::from_secs(5)),
        }
    }

    /// When the touch is due, for a jitter of `jitter` (0 to 1) of what there is.
    ///
    /// An outage as long as the margin is survived whenever it begins: the touch
    /// comes earlier by twice the reserve, so that a last try still finds the
    /// server back.
    #[must_use]
    pub fn touch_at(&self, deadline: Instant, jitter: f64) -> Instant {
        let spare = self.idle_timeout.saturating_sub(self.margin);
        let guard = (self.reserve * 2).min(spare / 2);
        deadline - self.margin - guard - (spare / 10).mul_f64(jitter.clamp(0.0, 1.0))
    }

    /// When the deadline is nearer than the margin allows.
    #[must_use]
    pub fn margin_at(&self, deadline: Instant) -> Instant {
        deadline - self.margin
    }

    /// The frame for tries before `deadline`.
    pub(super) fn fit(&self, deadline: Instant) -> Fit {
        Fit {
            deadline,
            reserve: self.reserve,
        }
    }
}

/// The earliest moment at which a token idles out that was reported in the answer
/// to a request sent at `sent_at`. `None` if the report makes no sense.
pub(super) fn deadline(
    idles_at: ServerTime,
    date: ServerTime,
    sent_at: Instant,
) -> Option<Instant> {
    let remaining = idles_at.since(date)?.min(IDLE_TIMEOUT_MAX);
    Some(sent_at + remaining.saturating_sub(DATE_PRECISION.min(remaining / 2)))
}

/// `percent` of `time`.
fn share(time: Duration, percent: u32) -> Duration {
    time.saturating_mul(percent) / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn jitter_draws_a_touch_earlier_and_never_later() {
        let schedule = Schedule::new(seconds(900), Margin::default());
        let deadline = Instant::BOOT + seconds(900);
        assert_eq!(
            schedule.touch_at(deadline, 0.0),
            Instant::BOOT + seconds(440)
        );
        assert_eq!(
            schedule.touch_at(deadline, 1.0),
            Instant::BOOT + seconds(395)
        );
        assert_eq!(
            schedule.touch_at(deadline, 77.0),
            Instant::BOOT + seconds(395)
        );
    }

    #[test]
    fn a_margin_longer_than_the_timeout_is_cut() {
        assert_eq!(Margin::Time(seconds(600)).of(seconds(300)), seconds(270));
        assert_eq!(Margin::Percent(255).of(seconds(300)), seconds(270));
        assert_eq!(Margin::Percent(50).of(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn absurd_reports_are_cut_or_dropped() {
        let at = ServerTime::from_unix_milliseconds;
        let now = Instant::BOOT + seconds(10);
        assert_eq!(deadline(at(900_000), at(0), now), Some(now + seconds(899)));
        assert_eq!(
            deadline(at(i64::MAX), at(0), now),
            Some(now + seconds(28_799))
        );
        assert_eq!(deadline(at(0), at(1), now), None);
        assert_eq!(deadline(at(0), at(0), now), Some(now));
    }
}
