//! Decides when the service manager is told that the loop still does what is due in time.
//!
//! What a ping proves: the loop turned within the last half of the interval, the timer it
//! waits for fired, and what was due was done no later than a quarter of the interval after
//! its time. What it does not prove: that the API answers, or that a token lives; restarting
//! the process would help neither.

use std::time::Duration;

use crate::keeper::Instant;

/// No ping is due oftener.
const EVERY_MIN: Duration = Duration::from_millis(100);

/// After being late the loop is to be on time for so long before it is vouched for again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// When the next ping is due, and whether the loop deserves it.
#[derive(Debug)]
pub(super) struct Watchdog {
    every: Duration,
    late_after: Duration,
    ping_at: Instant,
    /// When the loop was to turn again at the latest.
    promised_at: Option<Instant>,
}

impl Watchdog {
    /// Pings at half of the interval within which the service manager wants one.
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            every: (interval / 2).max(EVERY_MIN),
            late_after: interval / 4,
            ping_at: Instant::BOOT,
            promised_at: None,
        }
    }

    /// Takes in that the loop goes to wait until `wake_at` at the latest.
    pub(super) fn handle_wait(&mut self, wake_at: Option<Instant>) {
        self.promised_at = wake_at;
    }

    /// Takes in that the machine slept: whoever is late now is not to blame.
    pub(super) fn handle_resume(&mut self) {
        self.promised_at = None;
    }

    /// Whether a ping is due and deserved, after all that was due was done.
    pub(super) fn poll_ping(&mut self, now: Instant) -> bool {
        let promised_at = self.promised_at.take();
        if promised_at.is_some_and(|at| now.since(at) > self.late_after) {
            self.ping_at = now + self.every.min(AGAIN_AFTER);
            return false;
        }
        let is_due = self.ping_at <= now;
        if is_due {
            self.ping_at = now + self.every;
        }
        is_due
    }

    /// When [`Self::poll_ping`] is to be called again.
    pub(super) fn poll_timeout(&self) -> Instant {
        self.ping_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::BOOT + Duration::from_secs(seconds)
    }

    #[test]
    fn a_loop_that_is_on_time_pings_at_half_of_the_interval() {
        let mut watchdog = Watchdog::new(Duration::from_secs(60));
        let pings: Vec<_> = (0..200)
            .filter(|&second| {
                let is_ping = watchdog.poll_ping(at(second));
                watchdog.handle_wait(Some(watchdog.poll_timeout().min(at(second + 1))));
                is_ping
            })
            .collect();
        assert_eq!(pings, [0, 30, 60, 90, 120, 150, 180]);
    }

    #[test]
    fn a_loop_that_misses_its_deadline_is_not_vouched_for_until_it_is_on_time_again() {
        let mut watchdog = Watchdog::new(Duration::from_secs(60));
        assert!(watchdog.poll_ping(at(0)));
        watchdog.handle_wait(Some(at(10)));
        // Woken by something else, long after it was to act.
        assert!(!watchdog.poll_ping(at(40)));
        watchdog.handle_wait(Some(at(41)));
        assert!(watchdog.poll_ping(at(41)));
        watchdog.handle_wait(Some(at(42)));
        assert!(!watchdog.poll_ping(at(42)));
    }

    #[test]
    fn a_loop_that_is_always_late_never_pings() {
        let mut watchdog = Watchdog::new(Duration::from_secs(8));
        assert!(watchdog.poll_ping(at(0)));
        for second in (0..100).step_by(4) {
            watchdog.handle_wait(Some(at(second + 1)));
            assert!(!watchdog.poll_ping(at(second + 4)), "{second}");
        }
    }

    #[test]
    fn a_machine_that_slept_is_not_late() {
        let mut watchdog = Watchdog::new(Duration::from_secs(8));
        assert!(watchdog.poll_ping(at(0)));
        watchdog.handle_wait(Some(at(4)));
        watchdog.handle_resume();
        assert!(watchdog.poll_ping(at(3600)));
    }

    #[test]
    fn an_absurd_interval_does_not_make_the_loop_spin() {
        let mut watchdog = Watchdog::new(Duration::from_micros(1));
        assert!(watchdog.poll_ping(at(1)));
        assert_eq!(watchdog.poll_timeout(), at(1) + EVERY_MIN);
    }
}
