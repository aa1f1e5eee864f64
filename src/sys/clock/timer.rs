//! Waits for instants, and for jumps of the clocks.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;

use super::now;
use crate::time::Instant;

/// The longest wait without a timer that counts suspensions, after which the clock is read again.
const FALLBACK_EVERY: Duration = Duration::from_secs(30);

/// The year 2200, in seconds since 1970: the expiry of a timer that exists only to be cancelled.
const NEVER: Duration = Duration::from_secs(7_258_118_400);

/// A timer that counts suspensions.
#[derive(Debug)]
pub(crate) struct Timer {
    /// The timer of the system, which kernels of some virtual machines do not have.
    timer: Option<AsyncFd<OwnedFd>>,
    armed_for: Option<Instant>,
}

impl Timer {
    /// Creates a timer that is not set.
    ///
    /// # Errors
    ///
    /// If the runtime cannot wait for the timer.
    pub(crate) fn new() -> io::Result<Self> {
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

    /// Waits until `at`, or for ever if that is `None`. Cancel-safe.
    ///
    /// May return early; the caller reads the clock.
    pub(crate) async fn reached(&mut self, at: Option<Instant>) {
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

/// A detector of steps of the wall clock, and on kernels since 5.15 of the end of a suspension.
///
/// It is a timer on the wall clock, which the kernel cancels in these cases, so it causes no other
/// wake-ups.
#[derive(Debug)]
pub(crate) struct Alarm(Option<AsyncFd<OwnedFd>>);

impl Alarm {
    /// Creates an alarm. If the kernel has no such timer, jumps are found at the next wake-up.
    pub(crate) fn new() -> Self {
        Self(Self::timer().ok())
    }

    fn timer() -> io::Result<AsyncFd<OwnedFd>> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Realtime, flags)?;
        let spec = Itimerspec {
            it_interval: timespec(Duration::ZERO),
            it_value: timespec(NEVER),
        };
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        timerfd_settime(&timer, flags, &spec)?;
        asynchronous(timer)
    }

    /// Waits for a jump of a clock. Cancel-safe.
    pub(crate) async fn jumped(&mut self) {
        let Some(timer) = &self.0 else {
            return std::future::pending().await;
        };
        match timer.readable().await {
            Ok(mut ready) => {
                // Reading fails once for each jump, and the timer stays armed.
                let _cancelled = rustix::io::read(timer, &mut [0; 8]);
                ready.clear_ready();
            }
            Err(_) => self.0 = None,
        }
    }
}

/// Registers a file descriptor with the runtime.
#[expect(
    deprecated,
    reason = "its successor is unsafe and asks that the descriptor stays the same, as an OwnedFd's does"
)]
pub(crate) fn asynchronous(timer: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(timer)
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
        // An instant in the past is reached at once.
        timer.reached(Some(Instant::BOOT)).await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_alarm_is_silent_while_no_clock_jumps() {
        let mut alarm = Alarm::new();
        let mut timer = Timer::new().unwrap();
        let at = now() + Duration::from_millis(20);
        tokio::select! {
            () = alarm.jumped() => panic!("no clock was set"),
            () = timer.reached(Some(at)) => {}
        }
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
