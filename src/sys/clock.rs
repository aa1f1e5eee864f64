//! Reads the clocks, as the only module that may, and waits for their instants and jumps:
//! `CLOCK_BOOTTIME` for deadlines, the wall clock for people.
//!
//! Tokens go on idling while the machine is suspended, so that time counts. A suspension shows in
//! `CLOCK_MONOTONIC`, which stands still meanwhile. A change of the wall clock shows in its
//! distance from the other two, and changes no deadline.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use jiff::SignedDuration;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;

use crate::time::Instant;

/// The shortest suspension that counts: the clocks are read one after the other, so they differ.
const SLEPT_MIN: Duration = Duration::from_secs(1);

/// The smallest step that counts: time services correct smaller errors by making the clock run
/// faster.
const STEP_MIN: SignedDuration = SignedDuration::from_millis(500);

/// The inaccuracy of a file's time, which is that of the last tick.
const ROUNDING: Duration = Duration::from_millis(20);

/// The longest wait without a timer that counts suspensions, after which the clock is read again.
const FALLBACK_EVERY: Duration = Duration::from_secs(30);

/// The year 2200, in seconds since 1970: the expiry of a timer that exists only to be cancelled.
const NEVER: Duration = Duration::from_secs(7_258_118_400);

/// The readings of all clocks at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClockReading {
    /// The instant by which everything is scheduled.
    pub boot: Instant,
    /// The time since boot without suspensions.
    pub monotonic: Duration,
    /// The time since the start of 1970.
    pub wall: Duration,
}

/// A function that reads all clocks: [`read`], unless a test simulates a suspension.
pub type Clock = fn() -> ClockReading;

/// Reads all clocks.
#[must_use]
pub fn read() -> ClockReading {
    ClockReading {
        boot: now(),
        monotonic: duration(clock_gettime(ClockId::Monotonic)),
        wall: duration(clock_gettime(ClockId::Realtime)),
    }
}

/// Returns the present instant of `CLOCK_BOOTTIME`.
#[must_use]
pub fn now() -> Instant {
    Instant::from_boot(duration(clock_gettime(ClockId::Boottime)))
}

/// Returns the time of the wall clock, for people.
#[must_use]
pub fn wall() -> jiff::Timestamp {
    timestamp(duration(clock_gettime(ClockId::Realtime)))
}

impl ClockReading {
    /// Returns the wall clock's time at an instant, as long as the wall clock is not set meanwhile.
    pub(crate) fn wall_at(&self, at: Instant) -> jiff::Timestamp {
        timestamp((self.wall + at.until(self.boot)).saturating_sub(self.boot.since(at)))
    }
}

/// The differences between the clocks at the last reported jump.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jumps {
    suspended: Duration,
    wall_at_boot: SignedDuration,
}

/// The jumps of the clocks between two readings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Jump {
    /// The time for which the machine was suspended, if it was.
    pub(crate) slept: Option<Duration>,
    /// The step of the wall clock, forward or back, if it was set.
    pub(crate) stepped: Option<SignedDuration>,
}

/// The settings of the wall clock that are remembered.
const SETTINGS_MAX: usize = 16;

/// The settings of the wall clock since this process began, which tell when a file with a time of the
/// wall clock may have been written.
#[derive(Clone, Debug)]
pub(crate) struct WallSettings {
    /// Each with the instant from which it was in effect. The first one is taken for that of the
    /// time before, which is not known.
    settings: Vec<(Instant, SignedDuration)>,
}

impl WallSettings {
    pub(crate) fn new(reading: &ClockReading) -> Self {
        Self {
            settings: vec![(Instant::BOOT, wall_at_boot(reading))],
        }
    }

    /// Records that the wall clock was set before this reading.
    pub(crate) fn handle_step(&mut self, reading: &ClockReading) {
        if self.settings.len() >= SETTINGS_MAX {
            // What came before counts as of the setting that followed it.
            self.settings.remove(0);
            self.settings[0].0 = Instant::BOOT;
        }
        self.settings.push((reading.boot, wall_at_boot(reading)));
    }

    /// Returns the earliest instant at which the wall clock may have had this time; `None` if it had
    /// not in any known setting. After the clock was set back, there may be several.
    pub(crate) fn earliest(
        &self,
        wall: jiff::Timestamp,
        reading: &ClockReading,
    ) -> Option<Instant> {
        let mut ends = self.settings.iter().skip(1).map(|&(from, _)| from);
        for &(from, recorded) in &self.settings {
            let end = ends.next();
            // The last setting is the present one, which time services correct in small steps.
            let at_boot = match end {
                Some(_) => recorded,
                None => wall_at_boot(reading),
            };
            let since_boot = wall.as_duration().saturating_sub(at_boot);
            let at = Instant::from_boot(Duration::try_from(since_boot).unwrap_or_default());
            if at + ROUNDING >= from && at <= end.unwrap_or(reading.boot) + ROUNDING {
                return Some(at);
            }
        }
        None
    }
}

impl Jumps {
    pub(crate) fn new(reading: &ClockReading) -> Self {
        Self {
            suspended: suspended(reading),
            wall_at_boot: wall_at_boot(reading),
        }
    }

    /// Returns the jumps since the last call. Jumps that are too short to be reported add up.
    pub(crate) fn compare(&mut self, reading: &ClockReading) -> Jump {
        let slept = suspended(reading).saturating_sub(self.suspended);
        let slept = Some(slept).filter(|slept| *slept > SLEPT_MIN);
        if slept.is_some() {
            self.suspended = suspended(reading);
        }
        let stepped = wall_at_boot(reading).saturating_sub(self.wall_at_boot);
        let stepped = Some(stepped).filter(|stepped| stepped.abs() > STEP_MIN);
        if stepped.is_some() {
            self.wall_at_boot = wall_at_boot(reading);
        }
        Jump { slept, stepped }
    }
}

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

/// Returns the time since boot for which the machine was suspended.
fn suspended(reading: &ClockReading) -> Duration {
    reading.boot.since_boot().saturating_sub(reading.monotonic)
}

fn wall_at_boot(reading: &ClockReading) -> SignedDuration {
    let signed = |duration| SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    signed(reading.wall).saturating_sub(signed(reading.boot.since_boot()))
}

fn timestamp(since_1970: Duration) -> jiff::Timestamp {
    let since_1970 = SignedDuration::try_from(since_1970).unwrap_or_default();
    jiff::Timestamp::from_duration(since_1970).unwrap_or_default()
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

    fn reading(boot: u64, monotonic: u64, wall: u64) -> ClockReading {
        ClockReading {
            boot: Instant::from_boot(Duration::from_millis(boot)),
            monotonic: Duration::from_millis(monotonic),
            wall: Duration::from_millis(wall),
        }
    }

    #[test]
    fn time_that_passes_is_no_jump() {
        let mut jumps = Jumps::new(&reading(5_000, 3_000, 90_000));
        let jump = jumps.compare(&reading(605_000, 603_000, 690_000));
        assert_eq!((jump.slept, jump.stepped), (None, None));
    }

    #[test]
    fn a_sleep_is_told_once_and_is_no_step() {
        let mut jumps = Jumps::new(&reading(5_000, 5_000, 90_000));
        let woken = reading(65_000, 6_000, 150_000);
        let jump = jumps.compare(&woken);
        assert_eq!(jump.slept, Some(Duration::from_secs(59)));
        assert_eq!(jump.stepped, None);
        assert_eq!(jumps.compare(&woken).slept, None);
    }

    #[test]
    fn short_sleeps_add_up() {
        let mut jumps = Jumps::new(&reading(0, 0, 0));
        assert_eq!(jumps.compare(&reading(10_900, 10_000, 10_900)).slept, None);
        let slept = jumps.compare(&reading(21_800, 20_000, 21_800)).slept;
        assert_eq!(slept, Some(Duration::from_millis(1_800)));
    }

    #[test]
    fn a_time_may_be_of_every_setting_of_the_wall_clock_in_effect_then() {
        let at = |seconds| Some(Instant::from_boot(Duration::from_secs(seconds)));
        let wall = |milliseconds| jiff::Timestamp::from_millisecond(milliseconds).unwrap();
        let mut settings = WallSettings::new(&reading(10_000, 10_000, 1_010_000));
        let now = reading(100_000, 100_000, 1_100_000);
        assert_eq!(settings.earliest(wall(1_040_000), &now), at(40));
        assert_eq!(settings.earliest(wall(900_000), &now), at(0));
        assert_eq!(settings.earliest(wall(1_101_000), &now), None);
        // The clock is set back by 50s at second 100: the times 1050 to 1100 come twice.
        settings.handle_step(&reading(100_000, 100_000, 1_050_000));
        let now = reading(160_000, 160_000, 1_110_000);
        assert_eq!(settings.earliest(wall(1_040_000), &now), at(40));
        assert_eq!(settings.earliest(wall(1_090_000), &now), at(90));
        assert_eq!(settings.earliest(wall(1_105_000), &now), at(155));
        assert_eq!(settings.earliest(wall(1_111_000), &now), None);
        for step in 0..40 {
            let boot = 200_000 + step * 1000;
            settings.handle_step(&reading(boot, boot, 1_110_000));
        }
        assert_eq!(settings.settings.len(), SETTINGS_MAX);
    }

    #[test]
    fn a_step_forward_or_back_is_told_once_and_is_no_sleep() {
        for (to, by) in [(150_000, 50_000), (40_000, -60_000), (99_000, -1_000)] {
            let mut jumps = Jumps::new(&reading(10_000, 10_000, 99_000));
            let stepped = reading(11_000, 11_000, to);
            let jump = jumps.compare(&stepped);
            assert_eq!(jump.stepped, Some(SignedDuration::from_millis(by)));
            assert_eq!(jump.slept, None);
            assert_eq!(jumps.compare(&stepped).stepped, None);
        }
        let mut jumps = Jumps::new(&reading(10_000, 10_000, 99_000));
        assert_eq!(
            jumps.compare(&reading(10_000, 10_000, 99_400)).stepped,
            None
        );
    }

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
