//! Waits: for a moment, and for somebody to set the wall clock.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;

use super::now;
use crate::keeper::Instant;

/// Without a timer that counts suspension, the clock is looked at this often.
const FALLBACK_EVERY: Duration = Duration::from_secs(30);

/// The year 2200: a timer that is only there to be cancelled.
const NEVER: Duration = Duration::from_secs(7_258_118_400);

/// Waits for a moment, suspension included.
#[derive(Debug)]
pub(in crate::daemon) struct Timer {
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
    pub(in crate::daemon) fn new() -> io::Result<Self> {
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
    pub(in crate::daemon) async fn reached(&mut self, at: Option<Instant>) {
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

/// Tells when the wall clock was set, and on kernels since 5.15 when the machine woke up.
///
/// A timer on the wall clock that the kernel cancels then: it costs no wake-up of its own.
#[derive(Debug)]
pub(in crate::daemon) struct Alarm(Option<AsyncFd<OwnedFd>>);

impl Alarm {
    /// Where the kernel has no such timer, jumps are found at the next wake-up.
    pub(in crate::daemon) fn new() -> Self {
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

    /// Comes back when a clock jumped; for ever if none does. Cancel-safe.
    pub(in crate::daemon) async fn rung(&mut self) {
        let Some(timer) = &self.0 else {
            return std::future::pending().await;
        };
        match timer.readable().await {
            Ok(mut ready) => {
                // Reading is refused once for each jump; the timer stays armed.
                let _cancelled = rustix::io::read(timer, &mut [0; 8]);
                ready.clear_ready();
            }
            Err(_) => self.0 = None,
        }
    }
}

/// What the runtime waits for.
#[expect(
    deprecated,
    reason = "its successor is unsafe and asks that the descriptor stays the same, as an OwnedFd's does"
)]
pub(in crate::daemon) fn asynchronous(timer: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
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
        // A past moment comes at once.
        timer.reached(Some(Instant::BOOT)).await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_alarm_is_silent_while_no_clock_jumps() {
        let mut alarm = Alarm::new();
        let mut timer = Timer::new().unwrap();
        let at = now() + Duration::from_millis(20);
        tokio::select! {
            () = alarm.rung() => panic!("no clock was set"),
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
