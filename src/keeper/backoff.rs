//! The retries after failures: their delays grow, have jitter, and leave one attempt before the
//! deadline.

use std::time::Duration;

use fastrand::Rng;

use super::policy::{Limits, TimeRange};
use super::{BlockReason, FailureReason, Touch, Verdict};
use crate::time::Instant;

/// The shortest time limit of a request, since an answer takes time to arrive.
pub(super) const TIME_LIMIT_MIN: Duration = Duration::from_millis(500);

/// The time within which a request is sent that is due soon.
const SOON: Duration = Duration::from_secs(1);

/// The divisor of the time left that gives the longest delay before the deadline: no delay may
/// outlast the only minute in which a server works.
const PARTS_OF_TIME_LEFT: u32 = 4;

/// The consecutive failed attempts. The boxes are there only after a failure, which most sessions
/// do not have.
#[derive(Clone, Debug, Default)]
pub(super) struct Tries {
    /// The number of failures since the last success.
    pub(super) failures: u32,
    /// The number of failures that determines the next delay; zero after a change of the network.
    steps: u32,
    /// The last failure whose delay applies.
    last: Option<Box<LastFailure>>,
    /// The reason of the last failure.
    pub(super) reason: Option<Box<FailureReason>>,
    /// The reason for which answers do not concern the token.
    pub(super) blocked: Option<Box<BlockReason>>,
    /// A 401 whose code must be read by a peek.
    pub(super) doubt: Option<Box<UnconfirmedRefusal>>,
}

/// The last failed attempt, and the delays that follow from it.
#[derive(Clone, Copy, Debug)]
struct LastFailure {
    sent_at: Instant,
    failed_at: Instant,
    /// The end of the keeper's own delay.
    backoff_until: Instant,
    /// The end of the keeper's longest own delay.
    capped_until: Instant,
    /// The end of the delay that the server asked for.
    retry_after_until: Option<Instant>,
    /// True if the failure may be due to the network, so that a change of it may end it.
    is_network_suspect: bool,
}

/// A 401 that is not confirmed yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct UnconfirmedRefusal {
    /// The request that was answered with the 401.
    pub(super) request: RefusedRequest,
    /// The earliest instant of the next confirmation.
    pub(super) confirm_at: Instant,
    /// The instant at which a peek was first answered with `bad.credentials`.
    confirmed_at: Option<Instant>,
}

/// The longest time between two refusals that confirm each other. Refusals further apart are
/// separate errors of the API and do not end a token.
pub(super) const REFUSALS_APART_MAX: Duration = Duration::from_secs(60);

impl UnconfirmedRefusal {
    /// Records that a peek was answered with `bad.credentials`. Returns true if that confirms an
    /// earlier such answer; otherwise the next confirmation is due after `confirm_after`.
    pub(super) fn confirm(&mut self, now: Instant, confirm_after: Duration) -> bool {
        let is_second = self
            .confirmed_at
            .is_some_and(|at| now.since(at) <= REFUSALS_APART_MAX);
        if !is_second {
            self.confirmed_at = Some(now);
            self.confirm_at = now + confirm_after;
        }
        is_second
    }
}

/// The request that was answered with a 401.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RefusedRequest {
    /// A peek.
    Peek,
    /// A touch.
    Touch(Touch),
    /// The reading of the organisation's timeout.
    ReadTimeout,
}

/// The deadline that attempts are fitted into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fit {
    /// The idle deadline.
    pub(super) deadline: Instant,
    /// The time that the last attempt before the deadline needs.
    pub(super) reserve: Duration,
}

impl Fit {
    /// Returns the instant of the last attempt before the deadline.
    pub(super) fn last_try_at(self) -> Instant {
        self.deadline - self.reserve
    }

    /// Returns the time limit of a request that is sent at `now`. It ends before the last attempt
    /// is due; the limit of the last attempt leaves time for another one, since its connection may
    /// have died unnoticed.
    pub(super) fn time_limit(self, now: Instant, longest: Duration) -> Duration {
        let limit = if now < self.last_try_at() {
            self.last_try_at().until(now)
        } else if now < self.deadline {
            self.deadline.until(now) * 3 / 5
        } else {
            return longest;
        };
        limit.min(longest).max(TIME_LIMIT_MIN)
    }
}

impl LastFailure {
    /// Returns the instant of the next attempt.
    ///
    /// It depends on the deadline at the time of the call and not on the one at the time of the
    /// failure: a deadline that moved meanwhile moves the next attempt as well.
    fn retry_at(&self, fit: Option<Fit>) -> Instant {
        let Some(fit) = fit else {
            let retry_after_until = self.retry_after_until.unwrap_or_default();
            return self.backoff_until.max(retry_after_until);
        };
        let left = fit.deadline.until(self.failed_at);
        let soonest = if left.is_zero() {
            self.backoff_until
        } else {
            let part = self.failed_at + left / PARTS_OF_TIME_LEFT;
            self.backoff_until.min(part)
        };
        let is_last_pending = self.sent_at < fit.last_try_at();
        match self.retry_after_until {
            None if is_last_pending => soonest.min(fit.last_try_at()),
            None => soonest,
            Some(until) if is_last_pending => until.max(soonest).min(fit.last_try_at()),
            Some(until) if until < fit.deadline => until.max(soonest),
            // The last attempt was made. A delay as long as the server asks for would leave the
            // token without a request past its deadline.
            Some(until) => until.min(self.capped_until).max(self.backoff_until),
        }
    }
}

impl Tries {
    /// Records that the request which was sent at `sent_at` failed.
    pub(super) fn fail(
        &mut self,
        verdict: &Verdict,
        sent_at: Instant,
        now: Instant,
        limits: &Limits,
        rng: &mut Rng,
    ) {
        self.failures = self.failures.saturating_add(1);
        self.steps = self.steps.saturating_add(1);
        self.reason = FailureReason::of(verdict).map(Box::new);
        let range = if let Verdict::Blocked(reason) = verdict {
            self.block(reason);
            limits.blocked_backoff
        } else {
            limits.backoff
        };
        let backoff_until = now + wait(range, self.steps, rng.f64());
        let mut capped_until = backoff_until;
        let mut retry_after_until = None;
        if let Verdict::Throttled {
            retry_after: Some(retry_after),
        } = verdict
        {
            // The jitter only adds to the delay that the server asks for, so that sessions which
            // were throttled together do not retry together.
            let retry_after = (*retry_after).min(limits.retry_after_max);
            retry_after_until = Some(now + retry_after + part(retry_after / 10, rng.f64()));
            capped_until = now + part(range.cap, rng.f64());
        }
        self.last = Some(Box::new(LastFailure {
            sent_at,
            failed_at: now,
            backoff_until,
            capped_until,
            retry_after_until,
            is_network_suspect: is_network_suspect(verdict),
        }));
    }

    /// Records the reason for which an answer does not concern the token.
    fn block(&mut self, reason: &BlockReason) {
        let known = self.blocked.as_deref();
        if !known.is_some_and(|known| known.includes(reason)) {
            self.blocked = Some(Box::new(reason.clone()));
        }
    }

    /// Records a failure after which the other touch is tried without a delay.
    pub(super) fn fail_over(&mut self, verdict: &Verdict) {
        self.failures = self.failures.saturating_add(1);
        self.reason = FailureReason::of(verdict).map(Box::new);
        self.last = None;
    }

    /// Returns the earliest instant of the next attempt.
    pub(super) fn retry_at(&self, fit: Option<Fit>) -> Instant {
        let retry_at = self.last.as_ref().map(|last| last.retry_at(fit));
        let confirm_at = self.doubt.as_ref().map(|doubt| doubt.confirm_at);
        retry_at.max(confirm_at).unwrap_or_default()
    }

    /// Cancels the delay after the last failure.
    pub(super) fn retry_now(&mut self) {
        self.last = None;
    }

    /// Records a success; returns the state before it.
    pub(super) fn succeed(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Records a change of the network: if the last failure may be due to the network, the next
    /// attempt is made within a second and the delays start from the shortest. Returns true in that
    /// case.
    pub(super) fn network_changed(&mut self, now: Instant, rng: &mut Rng) -> bool {
        let Some(last) = &mut self.last else {
            return false;
        };
        if !last.is_network_suspect {
            return false;
        }
        self.steps = 0;
        last.backoff_until = last.backoff_until.min(soon(now, rng));
        true
    }

    /// Records a 401 whose code is still to be read, no earlier than at `confirm_at`.
    pub(super) fn doubt(&mut self, request: RefusedRequest, confirm_at: Instant) {
        self.last = None;
        self.doubt = Some(Box::new(UnconfirmedRefusal {
            request,
            confirm_at,
            confirmed_at: None,
        }));
    }
}

/// Returns an instant within a second from `now`, so that sessions that are due together do not
/// send at once.
pub(super) fn soon(now: Instant, rng: &mut Rng) -> Instant {
    now + SOON.mul_f64(rng.f64())
}

fn is_network_suspect(verdict: &Verdict) -> bool {
    matches!(
        verdict,
        Verdict::Unreachable(_) | Verdict::Blocked(BlockReason::NotTheApi(_))
    )
}

/// Returns `first`, doubled with every failure after the first, up to `cap`.
fn exponential(range: TimeRange, failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(30);
    range.first.saturating_mul(1 << doublings).min(range.cap)
}

/// Returns the delay after `failures` failures. `draw` is the random part of it, from 0 for the
/// shortest delay to 1 for the longest.
pub(super) fn wait(range: TimeRange, failures: u32, draw: f64) -> Duration {
    part(exponential(range, failures), draw)
}

/// Returns the instant of the next attempt after one that was sent at `sent_at` and failed at
/// `failed_at`, for a delay of `backoff`.
pub(super) fn retry_at(
    fit: Fit,
    sent_at: Instant,
    failed_at: Instant,
    backoff: Duration,
) -> Instant {
    let last = LastFailure {
        sent_at,
        failed_at,
        backoff_until: failed_at + backoff,
        capped_until: failed_at + backoff,
        retry_after_until: None,
        is_network_suspect: false,
    };
    last.retry_at(Some(fit))
}

/// Returns a part of `delay`: half of it for a `draw` of 0, and all of it for 1.
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

    fn now() -> Instant {
        Instant::BOOT + seconds(1000)
    }

    /// Returns the delay after `failures` failures, the last of which was sent at `sent_at`.
    fn wait_after(
        failures: u32,
        verdict: &Verdict,
        sent_at: Instant,
        fit: impl Into<Option<Fit>>,
    ) -> Duration {
        let mut tries = Tries {
            failures: failures - 1,
            steps: failures - 1,
            ..Tries::default()
        };
        let mut rng = Rng::with_seed(7);
        tries.fail(verdict, sent_at, now(), &Limits::default(), &mut rng);
        tries.retry_at(fit.into()).since(now())
    }

    fn fit(left: u64, reserve: u64) -> Fit {
        Fit {
            deadline: now() + seconds(left),
            reserve: seconds(reserve),
        }
    }

    fn unreachable() -> Verdict {
        Verdict::Unreachable(Failure::NotConnected)
    }

    fn throttled(wait: u64) -> Verdict {
        Verdict::Throttled {
            retry_after: Some(seconds(wait)),
        }
    }

    #[test]
    fn waits_grow_to_the_cap_and_stay_there() {
        for (failures, longest) in [(1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (u32::MAX, 30)] {
            let wait = wait_after(failures, &unreachable(), now(), None);
            assert!(
                wait <= seconds(longest) && wait >= seconds(longest) / 2,
                "{failures}: {wait:?}"
            );
        }
    }

    #[test]
    fn a_network_that_changed_restarts_the_waits_of_those_who_heard_nothing() {
        let mut rng = Rng::with_seed(7);
        let mut tries = Tries::default();
        let mut fail = |tries: &mut Tries, verdict| {
            tries.fail(&verdict, now(), now(), &Limits::default(), &mut rng);
        };
        for _ in 0..9 {
            fail(&mut tries, unreachable());
        }
        assert!(tries.network_changed(now(), &mut Rng::with_seed(7)));
        assert!(tries.retry_at(None).since(now()) < SOON);
        fail(&mut tries, unreachable());
        assert!(tries.retry_at(None).since(now()) <= seconds(1));
        assert_eq!(tries.failures, 10);
        fail(&mut tries, Verdict::Throttled { retry_after: None });
        assert!(!tries.network_changed(now(), &mut Rng::with_seed(7)));
    }

    #[test]
    fn no_wait_is_longer_than_a_quarter_of_the_time_left() {
        for left in [1, 5, 10, 40, 60] {
            let wait = wait_after(9, &unreachable(), now(), fit(left, 1));
            assert!(wait <= seconds(left) / 4, "{left}: {wait:?}");
        }
        assert!(wait_after(9, &unreachable(), now(), fit(200, 1)) >= seconds(15));
    }

    #[test]
    fn an_attempt_that_was_sent_before_the_moment_of_the_last_one_is_followed_by_it() {
        let sent_at = now() - seconds(15);
        let at_the_last_moment = wait_after(9, &unreachable(), sent_at, fit(5, 5));
        assert_eq!(at_the_last_moment, Duration::ZERO);
        assert_eq!(
            wait_after(9, &throttled(60), sent_at, fit(4, 5)),
            Duration::ZERO
        );
        assert_eq!(
            wait_after(9, &throttled(60), sent_at, fit(20, 5)),
            seconds(15)
        );
    }

    #[test]
    fn past_the_deadline_the_cap_holds_whatever_the_server_asks_for() {
        for verdict in [unreachable(), throttled(3600)] {
            let wait = wait_after(9, &verdict, now(), fit(0, 5));
            assert!(
                wait >= seconds(15) && wait <= seconds(30),
                "{verdict:?}: {wait:?}"
            );
        }
    }

    #[test]
    fn a_deadline_that_moves_while_a_retry_waits_moves_the_retry() {
        let mut tries = Tries::default();
        let mut rng = Rng::with_seed(7);
        tries.fail(&throttled(3600), now(), now(), &Limits::default(), &mut rng);
        assert!(tries.retry_at(None).since(now()) >= seconds(3600));
        assert_eq!(tries.retry_at(Some(fit(300, 5))).since(now()), seconds(295));
        assert_eq!(tries.retry_at(Some(fit(100, 5))).since(now()), seconds(95));
    }

    #[test]
    fn retry_after_is_honoured_but_for_the_last_attempt_and_never_for_days() {
        assert!(wait_after(1, &throttled(42), now(), None) >= seconds(42));
        assert!(wait_after(1, &throttled(10 * 86_400), now(), None) <= seconds(3960));
        assert_eq!(
            wait_after(1, &throttled(600), now(), fit(20, 5)),
            seconds(15)
        );
        assert!(wait_after(1, &throttled(4), now(), fit(20, 5)) >= seconds(4));
    }

    #[test]
    fn after_the_last_attempt_a_wait_that_ends_before_the_deadline_is_kept() {
        let wait = wait_after(1, &throttled(40), now(), fit(60, 70));
        assert!(wait >= seconds(40), "{wait:?}");
        // A wait past the deadline is cut to the longest one after any other failure.
        let wait = wait_after(1, &throttled(400), now(), fit(60, 70));
        assert!(wait <= seconds(30), "{wait:?}");
    }
}
