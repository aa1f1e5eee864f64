//! Counts the tries that fit before the deadline if every one of them fails.

use std::time::Duration;

use super::super::Instant;
use super::super::backoff::wait;
use super::super::policy::Limits;
use super::super::schedule::Schedule;
use super::Bounds;

/// More are not counted: the longest idle timeout has a thousand.
const TRIES_MAX: u32 = 100_000;

/// How tries fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// At once.
    Refused,
    /// After as long as a request may take.
    Hung,
}

/// Tries before the deadline, the first of which is made `lead` before it.
pub(super) fn before_deadline(
    schedule: &Schedule,
    lead: Bounds<Duration>,
    limits: &Limits,
    way: Way,
) -> Bounds<u32> {
    Bounds {
        least: count(schedule, lead.least, limits, way, 1.0),
        most: count(schedule, lead.most, limits, way, 0.0),
    }
}

fn count(schedule: &Schedule, lead: Duration, limits: &Limits, way: Way, draw: f64) -> u32 {
    let deadline = Instant::BOOT + lead;
    let fit = schedule.fit(deadline);
    let mut sent_at = Instant::BOOT;
    let mut tries = 0;
    while sent_at < deadline && tries < TRIES_MAX {
        tries += 1;
        let failed_at = match way {
            Way::Refused => sent_at,
            Way::Hung => sent_at + fit.time_limit(sent_at, limits.request_timeout),
        };
        let wanted = failed_at + wait(limits.backoff, tries, draw);
        sent_at = fit
            .retry_at(wanted, failed_at)
            .max(sent_at + limits.floor.max(Duration::from_millis(1)));
    }
    tries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::Margin;

    fn tries(way: Way, lead: u64) -> Bounds<u32> {
        let schedule = Schedule::new(Duration::from_secs(900), Margin::default());
        let lead = Duration::from_secs(lead);
        let lead = Bounds {
            least: lead,
            most: lead,
        };
        before_deadline(&schedule, lead, &Limits::default(), way)
    }

    #[test]
    fn tries_that_hang_are_fewer_and_the_last_two_fit_into_twelve_seconds() {
        let (refused, hung) = (tries(Way::Refused, 460), tries(Way::Hung, 460));
        assert!(refused.least < refused.most);
        assert!(hung.most < refused.least);
        assert_eq!(tries(Way::Hung, 12).least, 2);
        assert_eq!(tries(Way::Refused, 0).most, 0);
    }
}
