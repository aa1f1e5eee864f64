//! The past idle timeouts of an organisation, so that a change does not visit every token.
//!
//! Each token stores the number of the timeout period in which its fate was last
//! updated. The periods from that one on determine whether it has idled out since.

use super::{IdleSettings, Precedence};
use crate::time::Instant;

/// The number of periods above which the server updates all tokens and drops the past periods.
const PERIODS_MAX: usize = 256;

pub(super) struct TimeoutHistory(Vec<TimeoutPeriod>);

struct TimeoutPeriod {
    since: Instant,
    timeout: IdleSettings,
    precedence: Precedence,
}

impl TimeoutHistory {
    pub(super) fn new(timeout: IdleSettings, precedence: Precedence) -> Self {
        Self(vec![TimeoutPeriod {
            since: Instant::BOOT,
            timeout,
            precedence,
        }])
    }

    /// Returns the number of the current period.
    pub(super) fn current(&self) -> usize {
        self.0.len() - 1
    }

    /// Begins a period at `since`, unless the timeout and the precedence are those of the current
    /// period.
    pub(super) fn begin(&mut self, timeout: IdleSettings, precedence: Precedence, since: Instant) {
        let same =
            |period: &TimeoutPeriod| period.timeout == timeout && period.precedence == precedence;
        if self.0.last().is_some_and(same) {
            return;
        }
        self.0.push(TimeoutPeriod {
            since,
            timeout,
            precedence,
        });
    }

    /// Returns true if the past periods are due to be dropped, which requires that the fates of all
    /// tokens are updated first.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= PERIODS_MAX
    }

    /// Drops all periods but the current one, which gets the number zero.
    pub(super) fn drop_past(&mut self) {
        self.0.drain(..self.current());
    }

    /// Returns the idle deadline of a token that was last active at `reset_at`, under the current
    /// timeout.
    pub(super) fn idles_at(&self, reset_at: Instant, groups: &[String]) -> Option<Instant> {
        self.0
            .last()
            .and_then(|period| period.idles_at(reset_at, groups))
    }

    /// Returns the instant by `now` at which a token idled out that was alive in period
    /// `first_period` and last active at `reset_at`; `None` if it did not.
    pub(super) fn lapsed_at(
        &self,
        first_period: usize,
        reset_at: Instant,
        groups: &[String],
        now: Instant,
    ) -> Option<Instant> {
        let periods = self.0.get(first_period..).unwrap_or_default();
        periods.iter().enumerate().find_map(|(number, period)| {
            let until = periods.get(number + 1).map_or(now, |next| next.since);
            // A token whose deadline lies before a shorter timeout began ends when it begins.
            let idles_at = period.idles_at(reset_at, groups)?.max(period.since);
            (idles_at <= until).then_some(idles_at)
        })
    }
}

impl TimeoutPeriod {
    fn idles_at(&self, reset_at: Instant, groups: &[String]) -> Option<Instant> {
        let timeout = self.timeout.effective(groups, self.precedence)?;
        Some(reset_at + timeout)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_boot(Duration::from_secs(seconds))
    }

    fn timeout_history(changes: &[(u64, u64)]) -> TimeoutHistory {
        let timeout = |seconds| IdleSettings::of_organisation(Duration::from_secs(seconds));
        let mut timeout_history = TimeoutHistory::new(timeout(300), Precedence::default());
        for (since, seconds) in changes {
            timeout_history.begin(timeout(*seconds), Precedence::default(), at(*since));
        }
        timeout_history
    }

    #[test]
    fn a_deadline_that_passed_is_not_undone_by_a_longer_timeout() {
        let timeout_history = timeout_history(&[(400, 3600)]);
        assert_eq!(
            timeout_history.lapsed_at(0, at(0), &[], at(500)),
            Some(at(300))
        );
        assert_eq!(timeout_history.lapsed_at(0, at(200), &[], at(3799)), None);
        assert_eq!(
            timeout_history.lapsed_at(0, at(200), &[], at(3800)),
            Some(at(3800))
        );
    }

    #[test]
    fn a_shorter_timeout_ends_at_once_what_has_idled_longer() {
        let timeout_history = timeout_history(&[(250, 100), (260, 3600)]);
        assert_eq!(
            timeout_history.lapsed_at(0, at(0), &[], at(255)),
            Some(at(250))
        );
        assert_eq!(timeout_history.lapsed_at(0, at(200), &[], at(300)), None);
    }
}
