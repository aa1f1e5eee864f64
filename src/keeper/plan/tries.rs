//! The number of attempts that fit before the deadline if every one of them fails.

use std::time::Duration;

use super::super::backoff::{retry_at, wait};
use super::super::policy::Limits;
use super::super::schedule::Schedule;
use super::Bounds;
use crate::time::Instant;

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
