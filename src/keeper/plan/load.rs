//! Sums up what many sessions ask of the API, on average and at worst.

use std::time::Duration;

use super::super::policy::Limits;
use super::{Course, Plan, an_hour};

/// Requests an hour by what they are for, on average; of lapsing sessions at most.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Hourly {
    /// Touches.
    pub touches: f64,
    /// Proofs of reset, and looks at lapsing tokens.
    pub peeks: f64,
    /// Readings of the organisation's timeout.
    pub reads: f64,
}

/// Sessions with one and the same plan.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// What is done with each.
    pub plan: Plan,
    /// How many they are.
    pub sessions: u32,
}

/// What sessions ask of the API together.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Load {
    /// How many sessions there are.
    pub sessions: u64,
    /// Requests an hour.
    pub hourly: Hourly,
    /// Requests within the first second: every token's first peek.
    pub start_burst: u64,
    /// About how many requests a second come while those that began together are in step.
    pub in_step_a_second: f64,
}

impl Hourly {
    /// What one session asks; the reading of the timeout is the organisation's.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        match plan.course {
            Course::Kept(touches) => {
                let a_touch = an_hour(touches.interval_mean());
                Self {
                    touches: a_touch,
                    peeks: a_touch / f64::from(plan.policy.verify_every.max(1)),
                    reads: 0.0,
                }
            }
            Course::Lapsing(looks) => Self {
                peeks: looks.an_hour.most,
                ..Self::default()
            },
        }
    }

    /// All of them.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.touches + self.peeks + self.reads
    }
}

impl Load {
    /// The load of all these sessions, whose kept ones belong to so many organisations.
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

    /// Requests a second, on average.
    #[must_use]
    pub fn mean_a_second(&self) -> f64 {
        self.hourly.sum() / 3600.0
    }
}

/// Sessions that began together touch within the jitter of one another, and prove their first
/// touch; nothing spreads the looks at lapsing tokens. A session asks once a second at the most.
fn in_step_a_second(share: &Share) -> f64 {
    let sessions = f64::from(share.sessions);
    match share.plan.course {
        Course::Kept(touches) => {
            let width = touches
                .interval
                .most
                .saturating_sub(touches.interval.least)
                .max(Duration::from_secs(1));
            sessions.min(2.0 * sessions / width.as_secs_f64())
        }
        Course::Lapsing(_) => sessions,
    }
}
