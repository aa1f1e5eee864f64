//! When to try again after a failure: later and later, never in step with others, and once more before the deadline.

use std::time::Duration;

use fastrand::Rng;

use super::policy::{Limits, Span};
use super::{Blockage, Instant, Touch, Verdict};

/// No time limit is shorter: an answer needs a chance.
pub(super) const TIME_LIMIT_MIN: Duration = Duration::from_millis(500);

/// Those who are to ask soon do so within this.
const SOON: Duration = Duration::from_secs(1);

/// The tries that failed one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Tries {
    /// How many failed since the last success.
    pub(super) failures: u32,
    /// How many of them the next wait reckons with: none after the network changed.
    steps: u32,
    /// Whether the last one heard nothing of the API, so that another network may mend it.
    is_unheard: bool,
    /// No try before this.
    pub(super) retry_at: Instant,
    /// What is in the way, if the API answers but not about the token.
    pub(super) blocked: Option<Blockage>,
    /// A 401 was seen, and a peek must read its code before any verdict.
    pub(super) doubt: Option<Doubted>,
}

/// The request that was answered with a 401.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Doubted {
    /// A peek.
    Look,
    /// A touch.
    Touch(Touch),
    /// The reading of the organisation's timeout.
    Reading,
}

/// The deadline that tries are fitted into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fit {
    /// The idle deadline.
    pub(super) deadline: Instant,
    /// What the last try before it needs.
    pub(super) reserve: Duration,
}

impl Fit {
    /// When the last try before the deadline is made.
    pub(super) fn last_try_at(self) -> Instant {
        self.deadline - self.reserve
    }

    /// `wanted`, or the last try before the deadline if `wanted` would miss it.
    pub(super) fn retry_at(self, wanted: Instant, now: Instant) -> Instant {
        if now < self.last_try_at() {
            wanted.min(self.last_try_at())
        } else {
            wanted
        }
    }

    /// How long a request may take that is sent at `now`: it is over before the last try is
    /// due, and the last try before the deadline.
    pub(super) fn time_limit(self, now: Instant, longest: Duration) -> Duration {
        let ends_at = if now < self.last_try_at() {
            self.last_try_at()
        } else if now < self.deadline {
            self.deadline
        } else {
            return longest;
        };
        ends_at.until(now).min(longest).max(TIME_LIMIT_MIN)
    }
}

impl Tries {
    /// Notes a failure and says when to try again.
    pub(super) fn fail(
        &mut self,
        verdict: &Verdict,
        fit: Option<Fit>,
        now: Instant,
        limits: &Limits,
        rng: &mut Rng,
    ) {
        self.failures = self.failures.saturating_add(1);
        self.steps = self.steps.saturating_add(1);
        self.is_unheard = is_unheard(verdict);
        let span = if let Verdict::Blocked(blockage) = verdict {
            self.blocked = Some(blockage.clone());
            limits.blocked_backoff
        } else {
            limits.backoff
        };
        let mut delay = wait(span, self.steps, rng.f64());
        if let Verdict::Throttled {
            retry_after: Some(wanted),
        } = verdict
        {
            // The server's wish is a least wait: jitter only adds to it, so that
            // sessions throttled together do not come back together.
            let wanted = (*wanted).min(limits.retry_after_max);
            delay = delay.max(wanted + part(wanted / 10, rng.f64()));
        }
        let wanted = now + delay;
        self.retry_at = fit.map_or(wanted, |fit| fit.retry_at(wanted, now));
    }

    /// Notes a success; says what was in the way and how many tries had failed.
    pub(super) fn succeed(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Notes that the network is not what it was: who heard nothing of the API tries again
    /// within a second, and waits from the beginning if that is in vain. Says whether it does.
    pub(super) fn network_changed(&mut self, now: Instant, rng: &mut Rng) -> bool {
        if !self.is_unheard {
            return false;
        }
        self.steps = 0;
        self.retry_at = self.retry_at.min(soon(now, rng));
        true
    }

    /// Notes a 401 whose code is still to be read.
    pub(super) fn doubt(&mut self, doubted: Doubted, now: Instant) {
        self.doubt = Some(doubted);
        self.retry_at = now;
    }
}

/// Within a second, so that many who are due at once are not.
pub(super) fn soon(now: Instant, rng: &mut Rng) -> Instant {
    now + SOON.mul_f64(rng.f64())
}

fn is_unheard(verdict: &Verdict) -> bool {
    matches!(
        verdict,
        Verdict::Unreachable(_) | Verdict::Blocked(Blockage::NotTheApi(_))
    )
}

/// `first`, doubled with every failure after the first, up to `cap`.
fn exponential(span: Span, failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(30);
    span.first.saturating_mul(1 << doublings).min(span.cap)
}

/// The wait after so many failures, for a draw from 0, the shortest, to 1.
pub(super) fn wait(span: Span, failures: u32, draw: f64) -> Duration {
    part(exponential(span, failures), draw)
}

/// Between half of `delay` and the whole of it.
fn part(delay: Duration, draw: f64) -> Duration {
    delay.mul_f64(0.5 + draw / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::Failure;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn after(failures: u32, verdict: &Verdict, fit: Option<Fit>) -> Duration {
        let mut tries = Tries {
            failures: failures - 1,
            steps: failures - 1,
            ..Tries::default()
        };
        let now = Instant::BOOT + seconds(1000);
        tries.fail(
            verdict,
            fit,
            now,
            &Limits::default(),
            &mut Rng::with_seed(7),
        );
        tries.retry_at.since(now)
    }

    #[test]
    fn waits_grow_to_the_cap_and_stay_there() {
        let unreachable = Verdict::Unreachable(Failure::NotConnected);
        for (failures, longest) in [(1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (u32::MAX, 30)] {
            let wait = after(failures, &unreachable, None);
            assert!(
                wait <= seconds(longest) && wait >= seconds(longest) / 2,
                "{failures}: {wait:?}"
            );
        }
    }

    #[test]
    fn a_network_that_changed_restarts_the_waits_of_those_who_heard_nothing() {
        let now = Instant::BOOT + seconds(1000);
        let mut rng = Rng::with_seed(7);
        let mut tries = Tries::default();
        let mut fail = |tries: &mut Tries, verdict| {
            tries.fail(&verdict, None, now, &Limits::default(), &mut rng);
        };
        for _ in 0..9 {
            fail(&mut tries, Verdict::Unreachable(Failure::NotConnected));
        }
        assert!(tries.network_changed(now, &mut Rng::with_seed(7)));
        assert!(tries.retry_at.since(now) < SOON);
        fail(&mut tries, Verdict::Unreachable(Failure::NotConnected));
        assert!(tries.retry_at.since(now) <= seconds(1));
        assert_eq!(tries.failures, 10);
        fail(&mut tries, Verdict::Throttled { retry_after: None });
        assert!(!tries.network_changed(now, &mut Rng::with_seed(7)));
    }

    #[test]
    fn a_last_try_is_made_before_the_deadline() {
        let fit = Fit {
            deadline: Instant::BOOT + seconds(1010),
            reserve: seconds(2),
        };
        let unreachable = Verdict::Unreachable(Failure::TimedOut);
        assert_eq!(after(9, &unreachable, Some(fit)), seconds(8));
    }

    #[test]
    fn past_the_last_try_the_cap_holds() {
        let fit = Fit {
            deadline: Instant::BOOT + seconds(1001),
            reserve: seconds(2),
        };
        assert!(after(9, &Verdict::Unreachable(Failure::TimedOut), Some(fit)) >= seconds(15));
    }

    #[test]
    fn retry_after_is_honoured_but_for_the_last_try_and_never_for_days() {
        let throttled = |wait| Verdict::Throttled {
            retry_after: Some(seconds(wait)),
        };
        assert!(after(1, &throttled(42), None) >= seconds(42));
        assert!(after(1, &throttled(10 * 86_400), None) <= seconds(3960));
        let fit = Fit {
            deadline: Instant::BOOT + seconds(1020),
            reserve: seconds(5),
        };
        assert_eq!(after(1, &throttled(600), Some(fit)), seconds(15));
    }
}
