//! The prediction of the requests that the keeper makes for a session with a given idle timeout,
//! and of the longest outage that its token survives.
//!
//! The plan has no rules of its own: it calls the functions with which the keeper decides. It
//! assumes that answers arrive at once and that a token of the organisation may read its timeout; a
//! slow answer delays the next request by as long as it takes.

mod flaw;
mod load;
mod remedy;
mod tries;

use std::time::Duration;

pub use flaw::{Flaw, Grade};
pub use load::{Hourly, Load, Share};
pub use remedy::{Bound, Remedy, Setting, SettingValue};

use super::backoff::wait;
use super::live_token::{LAPSED_AFTER, lapse_peek_at};
use super::policy::Limits;
use super::renewal::{renew_at, tokens_apart};
use super::schedule::{DATE_PRECISION, IDLE_TIMEOUT_MAX, Schedule};
use super::{Expiry, ExpirySource, Intent, Policy};
use crate::time::Instant;

/// The lifetime of tokens unless the OAuth client has another one.
const LIFETIME_DEFAULT: Duration = Duration::from_secs(24 * 3600);

/// The bounds of a value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bounds<T> {
    /// The lower bound.
    pub least: T,
    /// The upper bound.
    pub most: T,
}

impl Bounds<f64> {
    /// Returns the narrowest bounds that include both.
    #[must_use]
    pub fn including(self, other: Self) -> Self {
        Self {
            least: self.least.min(other.least),
            most: self.most.max(other.most),
        }
    }
}

/// The requests of a session whose token idles out after `idle_timeout`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Plan {
    /// The policy of the session.
    pub policy: Policy,
    /// The effective idle timeout: the organisation's, or the configured one if that is shorter.
    pub idle_timeout: Duration,
    /// The requests, by the intent.
    pub course: PlannedRequests,
}

/// The requests with a token, by the intent.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum PlannedRequests {
    /// The token is kept alive.
    Kept(TouchSchedule),
    /// The token is to lapse and only peeked at.
    Lapsing(PeekSchedule),
}

/// The touches of a kept token, and its prospects in an outage.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TouchSchedule {
    /// The time before the deadline from which a touch is due: the configured margin, cut to 90
    /// percent of the idle timeout.
    pub margin: Duration,
    /// The time from one touch to the next.
    pub interval: Bounds<Duration>,
    /// The time from a touch to the peek that verifies it, if there is one.
    pub proof_after: Duration,
    /// The time from a touch whose connection was refused to the next attempt.
    pub retry_after: Bounds<Duration>,
    /// The time from the last attempt to the deadline.
    pub last_try: Duration,
    /// The number of attempts before the deadline, including the first, if each connection is
    /// refused at once.
    pub refused_tries: Bounds<u32>,
    /// The number of attempts before the deadline if each one lasts until its time limit.
    pub hung_tries: Bounds<u32>,
    /// The longest outage that the token survives, whenever it begins.
    pub outage_budget: Duration,
    /// The longest time from the beginning of an exclusion of the touch to its detection.
    pub exclusion_found_after: Duration,
}

/// The peeks at a lapsing token.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PeekSchedule {
    /// The longest time from one peek to the next.
    pub every: Duration,
    /// The time from the idle deadline to the peek that detects the lapse.
    pub lapse_seen_after: Duration,
    /// The time from the first refusal to the peek that confirms it for the second time.
    pub confirmed_after: Duration,
    /// The number of peeks an hour while the application is active.
    pub an_hour: Bounds<f64>,
}

impl Plan {
    /// Creates the plan of a session with this policy, in an organisation whose tokens idle out
    /// after `idle_timeout`.
    #[must_use]
    pub fn new(policy: Policy, limits: &Limits, idle_timeout: Duration) -> Self {
        let configured = policy.idle_timeout.unwrap_or(IDLE_TIMEOUT_MAX);
        let idle_timeout = idle_timeout.min(configured).min(IDLE_TIMEOUT_MAX);
        let course = match policy.intent {
            Intent::Keep => {
                PlannedRequests::Kept(TouchSchedule::new(&policy, limits, idle_timeout))
            }
            Intent::Lapse => PlannedRequests::Lapsing(PeekSchedule::new(limits, idle_timeout)),
        };
        Self {
            policy,
            idle_timeout,
            course,
        }
    }

    /// Returns the lifetime of the tokens that the session obtains: the configured one, or the
    /// default of OAuth clients. A program reports its own.
    #[must_use]
    pub fn lifetime(&self) -> Option<Duration> {
        let renewal = self.policy.renewal?;
        let default = renewal.login.map(|_| LIFETIME_DEFAULT);
        self.policy.lifetime.or(default)
    }

    /// Returns the number of tokens that the session obtains in a day, if it does and their number
    /// can be predicted.
    #[must_use]
    pub fn tokens_a_day(&self) -> Option<Bounds<f64>> {
        let margin = self.touches()?.margin;
        let every = self.policy.renewal?.every;
        let lifetime = self.lifetime();
        let after = |jitter| {
            let before_expiry = lifetime.map(|lifetime| {
                let expiry = Expiry {
                    at: Instant::BOOT + lifetime,
                    lifetime,
                    source: ExpirySource::Estimated,
                };
                renew_at(expiry, margin, jitter).since(Instant::BOOT)
            });
            let after = before_expiry.into_iter().chain(every).min()?;
            Some(24.0 * an_hour(after.max(tokens_apart(lifetime))))
        };
        Some(Bounds {
            least: after(0.0)?,
            most: after(1.0)?,
        })
    }

    /// Returns the schedule of touches, if the token is kept alive.
    #[must_use]
    pub fn touches(&self) -> Option<TouchSchedule> {
        match self.course {
            PlannedRequests::Kept(touches) => Some(touches),
            PlannedRequests::Lapsing(_) => None,
        }
    }
}

impl TouchSchedule {
    fn new(policy: &Policy, limits: &Limits, idle_timeout: Duration) -> Self {
        let schedule = Schedule::new(idle_timeout, policy.margin);
        let interval = interval(&schedule, limits);
        let lead = Bounds {
            least: idle_timeout.saturating_sub(interval.most),
            most: idle_timeout.saturating_sub(interval.least),
        };
        let retry_after = |draw| wait(limits.backoff, 1, draw).max(limits.floor);
        Self {
            margin: schedule.margin,
            interval,
            proof_after: limits.floor,
            retry_after: Bounds {
                least: retry_after(0.0),
                most: retry_after(1.0),
            },
            last_try: schedule.reserve,
            refused_tries: tries::before_deadline(
                &schedule,
                lead,
                limits,
                tries::FailureMode::Refused,
            ),
            hung_tries: tries::before_deadline(&schedule, lead, limits, tries::FailureMode::Hung),
            outage_budget: schedule
                .margin
                .min(lead.least.saturating_sub(schedule.reserve)),
            exclusion_found_after: interval.most.saturating_mul(policy.verify_every) + limits.floor,
        }
    }

    /// Returns the mean time from one touch to the next.
    #[must_use]
    pub fn interval_mean(&self) -> Duration {
        (self.interval.least + self.interval.most) / 2
    }
}

impl PeekSchedule {
    fn new(limits: &Limits, idle_timeout: Duration) -> Self {
        let every = lapse_peek_at(Instant::BOOT + idle_timeout, Instant::BOOT, limits);
        let every = every.since(Instant::BOOT);
        // In each idle timeout there are at most two peeks at the deadline, and the slow ones
        // before.
        let slow = if every < limits.peek_every {
            0.0
        } else {
            an_hour(limits.peek_every)
        };
        Self {
            every,
            lapse_seen_after: LAPSED_AFTER,
            confirmed_after: limits.floor + limits.confirm_after,
            an_hour: Bounds {
                least: an_hour(every),
                most: slow + 2.0 * an_hour(idle_timeout.max(limits.floor * 2)),
            },
        }
    }
}

/// Returns the bounds of the time from one touch to the next. The shortest time follows a proof,
/// whose answer may show the deadline too early; the longest includes the floor after a reading of
/// the organisation's timeout just before. A due touch goes before a proof.
fn interval(schedule: &Schedule, limits: &Limits) -> Bounds<Duration> {
    let deadline = Instant::BOOT + schedule.idle_timeout;
    let early = deadline - DATE_PRECISION.min(schedule.idle_timeout / 2);
    let after = |deadline, jitter| schedule.touch_at(deadline, jitter).since(Instant::BOOT);
    let latest = after(deadline, 0.0);
    Bounds {
        least: after(early, 1.0).max(limits.floor),
        most: if latest <= limits.floor {
            limits.floor
        } else {
            latest.max(limits.floor * 2) + limits.floor
        },
    }
}

/// Returns the number of events an hour that occur every `interval`.
fn an_hour(interval: Duration) -> f64 {
    3600.0 / interval.as_secs_f64().max(f64::MIN_POSITIVE)
}
