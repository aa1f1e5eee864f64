//! Finds out from two readings that the machine slept, or that somebody set the wall clock.

use std::time::Duration;

use jiff::SignedDuration;

use super::Reading;

/// Less is no sleep: the clocks are read one after the other.
const SLEPT_MIN: Duration = Duration::from_secs(1);

/// Less is no step: time services correct as much by making the clock run faster.
const STEP_MIN: SignedDuration = SignedDuration::from_millis(500);

/// How the clocks stood to each other when that was last told.
#[derive(Clone, Copy, Debug)]
pub(in crate::daemon) struct Jumps {
    suspended: Duration,
    wall_at_boot: SignedDuration,
}

/// What the clocks did since the last look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::daemon) struct Jump {
    /// For how long the machine slept, if it did.
    pub(in crate::daemon) slept: Option<Duration>,
    /// By how much the wall clock was set, forward or back, if it was.
    pub(in crate::daemon) stepped: Option<SignedDuration>,
}

impl Jumps {
    pub(in crate::daemon) fn new(reading: &Reading) -> Self {
        Self {
            suspended: suspended(reading),
            wall_at_boot: wall_at_boot(reading),
        }
    }

    /// Looks what happened since the last look. What is too short to be told adds up.
    pub(in crate::daemon) fn look(&mut self, reading: &Reading) -> Jump {
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

/// The time since boot that the machine was suspended.
fn suspended(reading: &Reading) -> Duration {
    reading.boot.since_boot().saturating_sub(reading.monotonic)
}

fn wall_at_boot(reading: &Reading) -> SignedDuration {
    let signed = |duration| SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    signed(reading.wall).saturating_sub(signed(reading.boot.since_boot()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::Instant;

    fn reading(boot: u64, monotonic: u64, wall: u64) -> Reading {
        Reading {
            boot: Instant::from_boot(Duration::from_millis(boot)),
            monotonic: Duration::from_millis(monotonic),
            wall: Duration::from_millis(wall),
        }
    }

    #[test]
    fn time_that_passes_is_no_jump() {
        let mut jumps = Jumps::new(&reading(5_000, 3_000, 90_000));
        let jump = jumps.look(&reading(605_000, 603_000, 690_000));
        assert_eq!((jump.slept, jump.stepped), (None, None));
    }

    #[test]
    fn a_sleep_is_told_once_and_is_no_step() {
        let mut jumps = Jumps::new(&reading(5_000, 5_000, 90_000));
        let woken = reading(65_000, 6_000, 150_000);
        let jump = jumps.look(&woken);
        assert_eq!(jump.slept, Some(Duration::from_secs(59)));
        assert_eq!(jump.stepped, None);
        assert_eq!(jumps.look(&woken).slept, None);
    }

    #[test]
    fn short_sleeps_add_up() {
        let mut jumps = Jumps::new(&reading(0, 0, 0));
        assert_eq!(jumps.look(&reading(10_900, 10_000, 10_900)).slept, None);
        let slept = jumps.look(&reading(21_800, 20_000, 21_800)).slept;
        assert_eq!(slept, Some(Duration::from_millis(1_800)));
    }

    #[test]
    fn a_step_forward_or_back_is_told_once_and_is_no_sleep() {
        for (to, by) in [(150_000, 50_000), (40_000, -60_000), (99_000, -1_000)] {
            let mut jumps = Jumps::new(&reading(10_000, 10_000, 99_000));
            let stepped = reading(11_000, 11_000, to);
            let jump = jumps.look(&stepped);
            assert_eq!(jump.stepped, Some(SignedDuration::from_millis(by)));
            assert_eq!(jump.slept, None);
            assert_eq!(jumps.look(&stepped).stepped, None);
        }
        let mut jumps = Jumps::new(&reading(10_000, 10_000, 99_000));
        assert_eq!(jumps.look(&reading(10_000, 10_000, 99_400)).stepped, None);
    }
}
