//! The instants of two clocks: ours, which is monotonic, and the server's wall clock.

use std::fmt;
use std::num::NonZeroU64;
use std::ops::{Add, Sub};
use std::time::Duration;

/// An instant of `CLOCK_BOOTTIME`: nanoseconds since boot, suspension included.
///
/// Arithmetic saturates: no answer of a server can move an instant before boot or past the largest
/// value.
///
/// It holds one more than the nanoseconds, so that an `Option<Instant>` takes no more memory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(NonZeroU64);

/// Rounds to milliseconds, the precision of all durations in reports and metrics.
pub(crate) fn rounded_seconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

impl Instant {
    /// The instant of boot.
    pub const BOOT: Self = Self(NonZeroU64::MIN);

    /// Returns the instant `since_boot` after boot.
    #[must_use]
    pub fn from_boot(since_boot: Duration) -> Self {
        Self(NonZeroU64::MIN.saturating_add(nanoseconds(since_boot)))
    }

    /// Returns the time since boot.
    #[must_use]
    pub fn since_boot(self) -> Duration {
        Duration::from_nanos(self.0.get() - 1)
    }

    /// Returns the time since `earlier`; zero if `self` is not later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }

    /// Returns the time from `now` to `self`; zero if `self` has passed.
    #[must_use]
    pub fn until(self, now: Self) -> Duration {
        self.since(now)
    }
}

impl Default for Instant {
    fn default() -> Self {
        Self::BOOT
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanoseconds(duration)))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        let earlier = self.0.get().saturating_sub(nanoseconds(duration));
        Self(NonZeroU64::new(earlier).unwrap_or(NonZeroU64::MIN))
    }
}

/// Returns the length in nanoseconds, or the largest number if it is longer.
fn nanoseconds(duration: Duration) -> u64 {
    let seconds = duration.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(duration.subsec_nanos().into())
}

impl fmt::Debug for Instant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.since_boot())
    }
}

/// An instant of the server's wall clock: milliseconds since 1970.
///
/// An answer has two of them: `dateTokenIdles` and the `Date` header. They are compared with each
/// other and never with a clock of ours.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ServerTime(i64);

impl ServerTime {
    /// Returns the instant `milliseconds` after the start of 1970.
    #[must_use]
    pub const fn from_unix_milliseconds(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    /// Returns the milliseconds since the start of 1970.
    #[must_use]
    pub const fn unix_milliseconds(self) -> i64 {
        self.0
    }

    /// Returns the time since `earlier`; `None` if `self` is earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Option<Duration> {
        let milliseconds = i128::from(self.0) - i128::from(earlier.0);
        u64::try_from(milliseconds).ok().map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_saturate_at_both_ends() {
        let late = Instant::BOOT + Duration::MAX;
        assert_eq!(late + Duration::MAX, late);
        assert_eq!(Instant::BOOT - Duration::from_secs(1), Instant::BOOT);
        assert_eq!(Instant::BOOT.since(late), Duration::ZERO);
    }

    #[test]
    fn the_servers_clock_has_no_overflow() {
        let first = ServerTime::from_unix_milliseconds(i64::MIN);
        let last = ServerTime::from_unix_milliseconds(i64::MAX);
        assert_eq!(last.since(first), Some(Duration::from_millis(u64::MAX)));
        assert_eq!(first.since(last), None);
    }
    #[test]
    fn an_instant_is_written_as_the_time_since_boot() {
        let instant = Instant::BOOT + Duration::from_millis(1500);
        assert_eq!(format!("{instant:?}"), "1.5s");
    }
}
