//! The prediction of the requests that the keeper makes for a session with a given idle timeout,
//! and of the longest outage that its token survives; and of the load of all sessions on the API, on
//! average and at its peaks.
//!
//! The plan has no rules of its own: it calls the functions with which the keeper decides. It
//! assumes that answers arrive at once and that a token of the organisation may read its timeout; a
//! slow answer delays the next request by as long as it takes.

mod flaw;

use std::time::Duration;

pub use flaw::{Bound, Flaw, Grade, Remedy, Setting, SettingValue};

use super::backoff::{retry_at, wait};
use super::live_token::{LAPSED_AFTER, lapse_peek_at};
use super::policy::Limits;
use super::proof::OWN_PROOFS_MAX;
use super::renewal::{renew_at, tokens_apart};
use super::schedule::{DATE_PRECISION, IDLE_TIMEOUT_MAX, Schedule};
use super::{Expiry, ExpirySource, Intent, Policy, TouchPreference};
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
            refused_tries: before_deadline(&schedule, lead, limits, FailureMode::Refused),
            hung_tries: before_deadline(&schedule, lead, limits, FailureMode::Hung),
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

/// The mean number of requests an hour by purpose; for lapsing sessions the largest number.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Hourly {
    /// The touches.
    pub touches: f64,
    /// The proofs of reset, and the peeks at lapsing tokens.
    pub peeks: f64,
    /// The readings of the organisation's timeout.
    pub reads: f64,
}

/// The sessions with the same plan.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// The plan of each session.
    pub plan: Plan,
    /// The number of sessions.
    pub sessions: u32,
}

/// The load of all sessions on the API.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Load {
    /// The number of sessions.
    pub sessions: u64,
    /// The number of requests an hour.
    pub hourly: Hourly,
    /// The number of requests within the first second, which are the first peeks at all tokens.
    pub start_burst: u64,
    /// The approximate number of requests a second as long as sessions that started together still
    /// send at about the same time.
    pub in_step_a_second: f64,
}

impl Hourly {
    /// Returns the requests of one session, without the readings of the organisation's timeout.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        match plan.course {
            PlannedRequests::Kept(touches) => {
                let a_touch = an_hour(touches.interval_mean());
                Self {
                    touches: a_touch,
                    peeks: match plan.policy.touch {
                        TouchPreference::Get => a_touch / f64::from(OWN_PROOFS_MAX),
                        // The most: it is not known whether the answer to a GET shows its effect.
                        TouchPreference::Head | TouchPreference::Auto => {
                            a_touch / f64::from(plan.policy.verify_every.max(1))
                        }
                    },
                    reads: 0.0,
                }
            }
            PlannedRequests::Lapsing(peeks) => Self {
                peeks: peeks.an_hour.most,
                ..Self::default()
            },
        }
    }

    /// Returns the sum of all requests.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.touches + self.peeks + self.reads
    }
}

impl Load {
    /// Returns the load of these sessions, whose kept ones belong to `organisations` organisations.
    #[must_use]
    pub fn new(shares: &[Share], organisations: u32, limits: &Limits) -> Self {
        let mut hourly = Hourly {
            reads: f64::from(organisations) * an_hour(limits.timeout_refresh),
            ..Hourly::default()
        };
        for share in shares {
            let each = Hourly::of(&share.plan);
            let sessions = f64::from(share.sessions);
            hourly.touches += sessions * each.touches;
            hourly.peeks += sessions * each.peeks;
        }
        let sessions = shares.iter().map(|share| u64::from(share.sessions)).sum();
        Self {
            sessions,
            hourly,
            start_burst: sessions,
            in_step_a_second: shares.iter().map(in_step_a_second).sum(),
        }
    }

    /// Returns the mean number of requests a second.
    #[must_use]
    pub fn mean_a_second(&self) -> f64 {
        self.hourly.sum() / 3600.0
    }
}

/// Returns the approximate number of requests a second of sessions that started together. The
/// jitter spreads their touches and first proofs; nothing spreads the peeks at lapsing tokens. A
/// session sends at most one request a second.
fn in_step_a_second(share: &Share) -> f64 {
    let sessions = f64::from(share.sessions);
    match share.plan.course {
        PlannedRequests::Kept(touches) => {
            let width = touches
                .interval
                .most
                .saturating_sub(touches.interval.least)
                .max(Duration::from_secs(1));
            sessions.min(2.0 * sessions / width.as_secs_f64())
        }
        PlannedRequests::Lapsing(_) => sessions,
    }
}

/// The limit of counted attempts; the longest idle timeout has about a thousand.
const TRIES_MAX: u32 = 100_000;

/// The way in which attempts fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FailureMode {
    /// Each attempt fails at once.
    Refused,
    /// Each attempt fails at its time limit.
    Hung,
}

/// Returns the number of attempts before the deadline, the first of which is made `lead` before it.
pub(super) fn before_deadline(
    schedule: &Schedule,
    lead: Bounds<Duration>,
    limits: &Limits,
    mode: FailureMode,
) -> Bounds<u32> {
    Bounds {
        least: count(schedule, lead.least, limits, mode, 1.0),
        most: count(schedule, lead.most, limits, mode, 0.0),
    }
}

fn count(
    schedule: &Schedule,
    lead: Duration,
    limits: &Limits,
    mode: FailureMode,
    draw: f64,
) -> u32 {
    let deadline = Instant::BOOT + lead;
    let fit = schedule.fit(deadline);
    let mut sent_at = Instant::BOOT;
    let mut tries = 0;
    while sent_at < deadline && tries < TRIES_MAX {
        tries += 1;
        let failed_at = match mode {
            FailureMode::Refused => sent_at,
            FailureMode::Hung => sent_at + fit.time_limit(sent_at, limits.request_timeout),
        };
        let backoff = wait(limits.backoff, tries, draw);
        sent_at = retry_at(fit, sent_at, failed_at, backoff)
            .max(sent_at + limits.floor.max(Duration::from_millis(1)));
    }
    tries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::Margin;

    fn tries(mode: FailureMode, lead: u64) -> Bounds<u32> {
        let schedule = Schedule::new(Duration::from_secs(900), Margin::default());
        let lead = Duration::from_secs(lead);
        let lead = Bounds {
            least: lead,
            most: lead,
        };
        before_deadline(&schedule, lead, &Limits::default(), mode)
    }

    #[test]
    fn tries_that_hang_are_fewer_and_the_last_four_fit_into_twelve_seconds() {
        let (refused, hung) = (
            tries(FailureMode::Refused, 460),
            tries(FailureMode::Hung, 460),
        );
        assert!(refused.least < refused.most);
        assert!(hung.most < refused.least);
        assert_eq!(tries(FailureMode::Hung, 12).least, 4);
        assert_eq!(tries(FailureMode::Refused, 0).most, 0);
    }
}
