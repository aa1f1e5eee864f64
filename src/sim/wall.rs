//! The server's wall clock, and the formats of its times in answers.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use crate::time::{Instant, ServerTime};

/// The latest time that [`http_date`] and [`iso`] can both write, late in the year 9999, in Unix
/// milliseconds.
const LAST_MILLISECOND: i64 = 253_402_207_199_999;

/// Returns the wall-clock time at `now`; saturates at the latest [`ServerTime`].
pub(super) fn at(boot: ServerTime, now: Instant) -> ServerTime {
    later(boot, now.since_boot())
}

fn later(time: ServerTime, duration: Duration) -> ServerTime {
    let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    shifted(time, milliseconds)
}

/// Returns the time `milliseconds` later, or earlier if the number is negative; saturates.
pub(super) fn shifted(time: ServerTime, milliseconds: i64) -> ServerTime {
    ServerTime::from_unix_milliseconds(time.unix_milliseconds().saturating_add(milliseconds))
}

/// Formats a time for the `Date` header: `Tue, 24 Nov 2026 08:00:00 GMT`.
pub(super) fn http_date(time: ServerTime) -> String {
    DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&timestamp(time))
        .unwrap_or_default()
}

/// Formats a time for `dateTokenIdles`: `2026-11-24T08:00:00.000Z`.
pub(super) fn iso(time: ServerTime) -> String {
    format!("{:.3}", timestamp(time))
}

/// Converts a time for writing; clamps times before 1970 or after [`LAST_MILLISECOND`].
fn timestamp(time: ServerTime) -> Timestamp {
    let milliseconds = time.unix_milliseconds().clamp(0, LAST_MILLISECOND);
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: ServerTime = ServerTime::from_unix_milliseconds(1_795_507_200_123);

    #[test]
    fn moments_are_written_as_the_api_writes_them() {
        assert_eq!(http_date(BOOT), "Tue, 24 Nov 2026 08:00:00 GMT");
        assert_eq!(iso(BOOT), "2026-11-24T08:00:00.123Z");
        assert_eq!(
            iso(at(BOOT, Instant::from_boot(Duration::from_secs(900)))),
            "2026-11-24T08:15:00.123Z"
        );
    }

    #[test]
    fn absurd_moments_are_moved_to_the_nearest_that_can_be_written() {
        let last = at(BOOT, Instant::from_boot(Duration::MAX));
        assert_eq!(iso(shifted(last, i64::MAX)), "9999-12-30T21:59:59.999Z");
        assert_eq!(
            http_date(shifted(BOOT, i64::MIN)),
            "Thu, 01 Jan 1970 00:00:00 GMT"
        );
    }
}
