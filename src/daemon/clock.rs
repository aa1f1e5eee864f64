//! The one place through which time enters: `CLOCK_BOOTTIME` for deadlines, the wall clock for people.
//!
//! A suspended machine's tokens go on idling, so its time counts. That it was suspended
//! shows in `CLOCK_MONOTONIC`, which stood still meanwhile; that somebody set the wall clock
//! shows in its distance from the other two, and changes no deadline.

mod jumps;
mod timer;

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::keeper::Instant;

pub(super) use jumps::Jumps;
pub(super) use timer::{Alarm, Timer, asynchronous};

/// All clocks at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// The moment by which everything is scheduled.
    pub boot: Instant,
    /// The time since boot without that in suspension.
    pub monotonic: Duration,
    /// The time since the start of 1970.
    pub wall: Duration,
}

/// Reads all clocks: [`read`], unless a test has the machine sleep.
pub type Clock = fn() -> Reading;

/// Reads all clocks.
#[must_use]
pub fn read() -> Reading {
    Reading {
        boot: now(),
        monotonic: duration(clock_gettime(ClockId::Monotonic)),
        wall: duration(clock_gettime(ClockId::Realtime)),
    }
}

/// The moment it is.
#[must_use]
pub fn now() -> Instant {
    Instant::from_boot(duration(clock_gettime(ClockId::Boottime)))
}

/// The wall clock, for people.
#[must_use]
pub fn wall() -> jiff::Timestamp {
    timestamp(duration(clock_gettime(ClockId::Realtime)))
}

impl Reading {
    /// What the wall clock will show at a moment, as far as is known.
    pub(super) fn wall_at(&self, at: Instant) -> jiff::Timestamp {
        timestamp((self.wall + at.until(self.boot)).saturating_sub(self.boot.since(at)))
    }
}

fn timestamp(since_1970: Duration) -> jiff::Timestamp {
    let since_1970 = jiff::SignedDuration::try_from(since_1970).unwrap_or_default();
    jiff::Timestamp::from_duration(since_1970).unwrap_or_default()
}

fn duration(time: Timespec) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}
