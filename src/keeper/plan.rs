//! Foretells what the keeper does with a session, for one idle timeout: when it asks, how often, what an outage may last.
//!
//! It reckons with the very functions that the keeper decides by and holds no rule of its own.
//! It assumes that answers come at once and that a token of the organisation may read its
//! timeout; slow answers put requests off by as long as they take.

mod flaw;
mod load;
mod remedy;
mod tries;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use flaw::{Flaw, Grade};
pub use load::{Hourly, Load, Share};
pub use remedy::Remedy;

use super::backoff::wait;
use super::held::{LAPSED_AFTER, look_at};
use super::policy::Limits;
use super::schedule::{DATE_PRECISION, IDLE_TIMEOUT_MAX, Schedule};
use super::{Instant, Intent, Policy};

/// The least and the most that something is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bounds<T> {
    /// The least.
    pub least: T,
    /// The most.
    pub most: T,
}

/// What the keeper does with a session whose token idles out after `idle_timeout`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Plan {
    /// What the session is to get.
    pub policy: Policy,
    /// The idle timeout that is followed: the organisation's, or the configured one if that is shorter.
    pub idle_timeout: Duration,
    /// What is done.
    pub course: Course,
}

/// What is done with a token, by the intent.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Course {
    /// It is kept alive.
    Kept(Touches),
    /// It is watched.
    Lapsing(Looks),
}

/// When a token that is kept is touched.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Touches {
    /// How long before the deadline we act: the configured margin, cut to what the keeper honours.
    pub margin: Duration,
    /// From one touch to the next.
    pub interval: Bounds<Duration>,
    /// From a touch to the peek that proves it, where one does.
    pub proof_after: Duration,
    /// From a touch that was refused the connection to the next try.
    pub retry_after: Bounds<Duration>,
    /// How long before the deadline the last try is made.
    pub last_try: Duration,
    /// Tries before the deadline, the first included, if each is refused at once.
    pub refused_tries: Bounds<u32>,
    /// The same if each hangs for as long as it may.
    pub hung_tries: Bounds<u32>,
    /// How long an outage may last that loses nothing, whenever it begins.
    pub outage_budget: Duration,
    /// How long after its beginning an exclusion of the touch is found out at the latest.
    pub exclusion_found_after: Duration,
}

/// When a token that is to lapse is looked at.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Looks {
    /// From one peek to the next at the most.
    pub every: Duration,
    /// How long after the idle deadline it is looked at.
    pub lapse_seen_after: Duration,
    /// From the first refusal to the peek that confirms it.
    pub confirmed_after: Duration,
    /// Peeks an hour while its application is active.
    pub an_hour: Bounds<f64>,
}

impl Plan {
    /// The plan for what a session is to get where tokens idle out after `idle_timeout`.
    #[must_use]
    pub fn new(policy: Policy, limits: &Limits, idle_timeout: Duration) -> Self {
        let configured = policy.idle_timeout.unwrap_or(IDLE_TIMEOUT_MAX);
        let idle_timeout = idle_timeout.min(configured).min(IDLE_TIMEOUT_MAX);
        let course = match policy.intent {
            Intent::Keep => Course::Kept(Touches::new(&policy, limits, idle_timeout)),
            Intent::Lapse => Course::Lapsing(Looks::new(limits, idle_timeout)),
        };
        Self {
            policy,
            idle_timeout,
            course,
        }
    }
}

impl Touches {
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
            refused_tries: tries::before_deadline(&schedule, lead, limits, tries::Way::Refused),
            hung_tries: tries::before_deadline(&schedule, lead, limits, tries::Way::Hung),
            outage_budget: schedule
                .margin
                .min(lead.least.saturating_sub(schedule.reserve)),
            exclusion_found_after: interval.most.saturating_mul(policy.verify_every) + limits.floor,
        }
    }

    /// From one touch to the next, on average.
    #[must_use]
    pub fn interval_mean(&self) -> Duration {
        (self.interval.least + self.interval.most) / 2
    }
}

impl Looks {
    fn new(limits: &Limits, idle_timeout: Duration) -> Self {
        let every = look_at(Instant::BOOT + idle_timeout, Instant::BOOT, limits);
        let every = every.since(Instant::BOOT);
        // Each idle timeout sees two looks at the deadline at the most, and the slow ones between.
        let slow = if every < limits.watch_every {
            0.0
        } else {
            an_hour(limits.watch_every)
        };
        Self {
            every,
            lapse_seen_after: LAPSED_AFTER,
            confirmed_after: limits.floor,
            an_hour: Bounds {
                least: an_hour(every),
                most: slow + 2.0 * an_hour(idle_timeout.max(limits.floor * 2)),
            },
        }
    }
}

/// The earliest follows a proof, whose answer may show the deadline too early; the latest
/// waits for a reading of the organisation's timeout in the second before. A touch that is
/// due goes before a proof.
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

/// How often something happens in an hour that happens every `interval`.
fn an_hour(interval: Duration) -> f64 {
    3600.0 / interval.as_secs_f64().max(f64::MIN_POSITIVE)
}
