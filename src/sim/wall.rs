//! The server's wall clock, and how its moments are written in answers.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use crate::keeper::{Instant, ServerTime};

/// The last whole second that every writer here can write: late in the year 9999.
const LAST_MILLISECOND: i64 = 253_402_207_199_999;

/// What the server's wall clock shows at `now`; saturates at the end of time.
pub(super) fn at(boot: ServerTime, now: Instant) -> ServerTime {
    later(boot, now.since_boot())
}

fn later(time: ServerTime, duration: Duration) -> ServerTime {
    let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    shifted(time, milliseconds)
}

/// The moment `milliseconds` later, or earlier if they are negative.
pub(super) fn shifted(time: ServerTime, milliseconds: i64) -> ServerTime {
    ServerTime::from_unix_milliseconds(time.unix_milliseconds().saturating_add(milliseconds))
}

/// For the `Date` header: `Tue, 24 Nov 2026 08:00:00 GMT`.
pub(super) fn http_date(time: ServerTime) -> String {
    DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&timestamp(time))
        .unwrap_or_default()
}

/// For `dateTokenIdles`: `2026-11-24T08:00:00.000Z`.
pub(super) fn iso(time: ServerTime) -> String {
    format!("{:.3}", timestamp(time))
}

/// Moments before 1970 and after 9999 are moved to the nearest that can be written.
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
