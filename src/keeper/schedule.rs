//! The schedule of touches, computed from the idle timeout, the margin, and the jitter that makes a
//! touch earlier.

use std::time::Duration;

use super::backoff::Fit;
use crate::time::{Instant, ServerTime};

/// The longest documented idle timeout. A longer value of the organisation is cut to it; a
/// reported deadline further away proves nothing.
pub(crate) const IDLE_TIMEOUT_MAX: Duration = Duration::from_secs(28_800);
/// The shortest documented idle timeout, which is assumed if none is known.
pub(super) const IDLE_TIMEOUT_FALLBACK: Duration = Duration::from_secs(300);
/// The longest time by which `Date` may be too early, since it is truncated to whole seconds.
pub(super) const DATE_PRECISION: Duration = Duration::from_secs(1);

/// The time before the idle deadline that is kept for outages.
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
    /// Returns the margin for an idle timeout, at most 90 percent of it.
    #[must_use]
    pub fn of(self, idle_timeout: Duration) -> Duration {
        let longest = share(idle_timeout, 90);
        match self {
            Self::Percent(percent) => share(idle_timeout, u32::from(percent)).min(longest),
            Self::Time(time) => time.min(longest),
        }
    }
}

/// The source of a session's idle timeout.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeoutSource {
    /// The configuration.
    Configured,
    /// A proof by `dateTokenIdles`.
    Proven,
    /// The shortest of the enabled values of `GET /tokens/timeout`.
    Organisation,
    /// An assumption of the shortest documented timeout, since none is known.
    Assumed,
}

impl TimeoutSource {
    /// All sources, in descending order of precedence.
    pub const ALL: [Self; 4] = [
        Self::Configured,
        Self::Proven,
        Self::Organisation,
        Self::Assumed,
    ];

    /// Returns the word for logs and metrics.
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

/// The effective idle timeout of a session, with its source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IdleTimeout {
    /// The longest time for which the token may idle.
    pub duration: Duration,
    /// The source of the duration.
    pub source: TimeoutSource,
}

/// The schedule of a session's touches for one idle timeout and margin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// The idle timeout.
    pub idle_timeout: Duration,
    /// The time before the deadline that is kept for outages.
    pub margin: Duration,
    /// The time that the last attempt before the deadline needs.
    pub reserve: Duration,
}

impl Schedule {
    /// Creates the schedule for an idle timeout and a margin.
    #[must_use]
    pub fn new(idle_timeout: Duration, margin: Margin) -> Self {
        Self {
            idle_timeout,
            margin: margin.of(idle_timeout),
            reserve: (idle_timeout / 20).clamp(Duration::from_millis(50), Duration::from_secs(5)),
        }
    }

    /// Returns the instant at which the touch is due. `jitter` is the used part of the available
    /// jitter, 0 to 1.
    ///
    /// The token survives an outage as long as the margin, whenever it begins: the touch comes
    /// earlier by twice the reserve, so that the last attempt is made after such an outage.
    #[must_use]
    pub fn touch_at(&self, deadline: Instant, jitter: f64) -> Instant {
        let spare = self.idle_timeout.saturating_sub(self.margin);
        let guard = (self.reserve * 2).min(spare / 2);
        deadline - self.margin - guard - (spare / 10).mul_f64(jitter.clamp(0.0, 1.0))
    }

    /// Returns the instant from which the deadline is nearer than the margin allows.
    #[must_use]
    pub fn margin_at(&self, deadline: Instant) -> Instant {
        deadline - self.margin
    }

    /// Returns the deadline and the reserve into which attempts are fitted.
    pub(super) fn fit(&self, deadline: Instant) -> Fit {
        Fit {
            deadline,
            reserve: self.reserve,
        }
    }
}

/// Returns the earliest instant at which a token idles out, by the answer to a request that was
/// sent at `sent_at`. `None` if the deadline has passed by the server's own clock.
pub(super) fn deadline(
    idles_at: ServerTime,
    date: ServerTime,
    sent_at: Instant,
) -> Option<Instant> {
    let remaining = idles_at.since(date)?;
    Some(sent_at + remaining.saturating_sub(DATE_PRECISION.min(remaining / 2)))
}

/// Returns true if `idles_at` can be an idle deadline: no idle timeout is longer than 8 hours, so
/// that a later instant is something else, perhaps the token's expiry.
pub(super) fn is_idle_deadline(idles_at: ServerTime, date: Option<ServerTime>) -> bool {
    let remaining = date.and_then(|date| idles_at.since(date));
    remaining.is_none_or(|remaining| remaining <= IDLE_TIMEOUT_MAX + DATE_PRECISION)
}

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
    fn absurd_reports_prove_nothing() {
        let at = ServerTime::from_unix_milliseconds;
        let now = Instant::BOOT + seconds(10);
        assert_eq!(deadline(at(900_000), at(0), now), Some(now + seconds(899)));
        assert!(is_idle_deadline(at(28_800_999), Some(at(0))));
        assert!(!is_idle_deadline(at(28_802_000), Some(at(0))));
        assert!(!is_idle_deadline(at(i64::MAX), Some(at(0))));
        assert_eq!(deadline(at(0), at(1), now), None);
        assert_eq!(deadline(at(0), at(0), now), Some(now));
    }

    #[test]
    fn a_date_that_is_cut_takes_no_more_than_half_of_the_time_left() {
        let at = ServerTime::from_unix_milliseconds;
        let left = |milliseconds| deadline(at(milliseconds), at(0), Instant::BOOT);
        let after = |milliseconds| Some(Instant::BOOT + Duration::from_millis(milliseconds));
        assert_eq!(left(1000), after(500));
        assert_eq!(left(2000), after(1000));
        assert_eq!(left(3000), after(2000));
    }
}
