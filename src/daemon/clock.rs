//! The one file through which time enters: `CLOCK_BOOTTIME` for deadlines, the wall clock for people.
//!
//! A suspended machine's tokens go on idling, so its time counts.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;

use crate::keeper::Instant;

/// Without a timer that counts suspension, the clock is looked at this often.
const FALLBACK_EVERY: Duration = Duration::from_secs(30);

/// The moment it is.
#[must_use]
pub fn now() -> Instant {
    Instant::from_boot(duration(clock_gettime(ClockId::Boottime)))
}

/// The wall clock, for people.
#[must_use]
pub fn wall() -> jiff::Timestamp {
    let since_1970 = duration(clock_gettime(ClockId::Realtime));
    let since_1970 = jiff::SignedDuration::try_from(since_1970).unwrap_or_default();
    jiff::Timestamp::from_duration(since_1970).unwrap_or_default()
}

/// Waits for a moment, suspension included.
#[derive(Debug)]
pub(super) struct Timer {
    /// Some kernels of rented machines have no such timer.
    timer: Option<AsyncFd<OwnedFd>>,
    armed_for: Option<Instant>,
}

impl Timer {
    /// A timer that waits for nothing yet.
    ///
    /// # Errors
    ///
    /// If the runtime cannot wait for it.
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = match timerfd_create(TimerfdClockId::Boottime, flags) {
            Ok(timer) => Some(asynchronous(timer)?),
            Err(_) => None,
        };
        Ok(Self {
            timer,
            armed_for: None,
        })
    }

    /// Waits until `at`, or for ever if there is nothing to wait for. Cancel-safe.
    ///
    /// May come back early; the caller looks at the clock.
    pub(super) async fn reached(&mut self, at: Option<Instant>) {
        let Some(at) = at else {
            return std::future::pending().await;
        };
        if self.timer.is_some() && self.arm(at).is_err() {
            self.timer = None;
        }
        let Some(timer) = &self.timer else {
            let left = at.until(now()).min(FALLBACK_EVERY);
            let _elapsed = tokio::time::timeout(left, std::future::pending::<()>()).await;
            return;
        };
        if let Ok(mut ready) = timer.readable().await {
            let mut expirations = [0; 8];
            let _count = rustix::io::read(timer, &mut expirations);
            ready.clear_ready();
        }
        self.armed_for = None;
    }

    fn arm(&mut self, at: Instant) -> rustix::io::Result<()> {
        if self.armed_for == Some(at) {
            return Ok(());
        }
        if let Some(timer) = &self.timer {
            // A value of zero would disarm the timer.
            let at = at.since_boot().max(Duration::from_nanos(1));
            let spec = Itimerspec {
                it_interval: timespec(Duration::ZERO),
                it_value: timespec(at),
            };
            timerfd_settime(timer, TimerfdTimerFlags::ABSTIME, &spec)?;
        }
        self.armed_for = Some(at);
        Ok(())
    }
}

#[expect(
    deprecated,
    reason = "its successor is unsafe and asks that the descriptor stays the same, as an OwnedFd's does"
)]
fn asynchronous(timer: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(timer)
}

fn duration(time: Timespec) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_timer_comes_when_its_moment_has_come_and_can_be_set_again() {
        let mut timer = Timer::new().unwrap();
        for wait in [0, 20, 10] {
            let at = now() + Duration::from_millis(wait);
            timer.reached(Some(at)).await;
            assert!(now() >= at);
        }
        // A past moment comes at once.
        timer.reached(Some(Instant::BOOT)).await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_fallback_waits_as_well() {
        let mut timer = Timer {
            timer: None,
            armed_for: None,
        };
        let at = now() + Duration::from_millis(20);
        timer.reached(Some(at)).await;
        assert!(now() >= at);
    }
}
