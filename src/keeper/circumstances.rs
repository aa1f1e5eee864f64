//! The circumstances of a death: how the idle deadline was known, and why it passed.
//!
//! They are facts of this daemon alone. The API never tells why it refuses a token.

use std::time::Duration;

use super::FailureReason;
use super::schedule::IdleTimeout;
use crate::time::Instant;

/// The shortest time without a request that counts as an absence: two floors and a request.
const ABSENCE_MIN: Duration = Duration::from_secs(4);

/// The way in which an idle deadline was known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeadlineBasis {
    /// The API reported it this long before the refusal.
    Reported(Duration),
    /// It was computed from the last activity and an idle timeout.
    Computed(IdleTimeout),
}

/// Requests that failed after the last accepted touch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FailedRequests {
    /// The number of requests.
    pub count: u32,
    /// The instant at which the first of them was sent.
    pub from: Instant,
    /// The instant at which the last of them failed.
    pub until: Instant,
    /// The reason for which the last of them failed.
    pub reason: FailureReason,
}

/// A time in which no request was made although one was due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Absence {
    /// The machine was suspended for this long.
    Slept(Duration),
    /// The daemon did not run for this long: it was stopped, or the machine was suspended unnoticed.
    NotRunning(Duration),
}

/// The suspension of the machine that ended last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sleep {
    pub(super) length: Duration,
    pub(super) woken_at: Instant,
}

impl FailedRequests {
    /// Adds a request that failed.
    pub(super) fn add(
        failed: &mut Option<Box<Self>>,
        reason: FailureReason,
        sent_at: Instant,
        now: Instant,
    ) {
        match failed {
            Some(failed) => {
                failed.count = failed.count.saturating_add(1);
                failed.until = now;
                failed.reason = reason;
            }
            None => {
                *failed = Some(Box::new(Self {
                    count: 1,
                    from: sent_at,
                    until: now,
                    reason,
                }));
            }
        }
    }
}

impl Absence {
    /// Returns the absence from an instant at which a request was due, or from the last request if
    /// that was later, until the next request; `None` if that is too short to be one.
    pub(super) fn of(due_at: Instant, now: Instant, sleep: Option<Sleep>) -> Option<Self> {
        let absent = now.since(due_at);
        if absent < ABSENCE_MIN {
            return None;
        }
        let sleep = sleep.filter(|sleep| sleep.woken_at > due_at);
        Some(match sleep {
            Some(sleep) => Self::Slept(sleep.length),
            None => Self::NotRunning(absent),
        })
    }
}
