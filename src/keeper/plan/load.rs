//! The load of all sessions on the API, on average and at its peaks.

use std::time::Duration;

use super::super::TouchPreference;
use super::super::policy::Limits;
use super::super::proof::OWN_PROOFS_MAX;
use super::{Plan, PlannedRequests, an_hour};

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
