//! The idle timeouts an organisation has had, so that a change needs no walk over its tokens.
//!
//! A token remembers the era in which it was last looked at. Whether it has
//! idled out since is found by walking the eras after that one.

use super::{IdleTimeout, Precedence};
use crate::keeper::Instant;

/// How many are remembered.
const ERAS_MAX: usize = 256;

pub(super) struct Eras(Vec<Era>);

struct Era {
    since: Instant,
    timeout: IdleTimeout,
    precedence: Precedence,
}

impl Eras {
    pub(super) fn new(timeout: IdleTimeout, precedence: Precedence) -> Self {
        Self(vec![Era {
            since: Instant::BOOT,
            timeout,
            precedence,
        }])
    }

    /// The number of the era that lasts.
    pub(super) fn present(&self) -> usize {
        self.0.len() - 1
    }

    /// Nothing begins if nothing changes.
    pub(super) fn begin(&mut self, timeout: IdleTimeout, precedence: Precedence, since: Instant) {
        let same = |era: &Era| era.timeout == timeout && era.precedence == precedence;
        if self.0.last().is_some_and(same) {
            return;
        }
        self.0.push(Era {
            since,
            timeout,
            precedence,
        });
    }

    /// Whether it is time to settle all tokens and forget the past.
    pub(super) fn are_many(&self) -> bool {
        self.0.len() >= ERAS_MAX
    }

    /// Leaves the present era alone, as number zero.
    pub(super) fn forget_past(&mut self) {
        self.0.drain(..self.present());
    }

    /// When a token that was last active at `reset_at` idles out if nothing changes.
    pub(super) fn idles_at(&self, reset_at: Instant, groups: &[String]) -> Option<Instant> {
        self.0.last().and_then(|era| era.idles_at(reset_at, groups))
    }

    /// When a token idled out that was alive in era `seen` and active at `reset_at` last.
    pub(super) fn lapsed_at(
        &self,
        seen: usize,
        reset_at: Instant,
        groups: &[String],
        now: Instant,
    ) -> Option<Instant> {
        let eras = self.0.get(seen..).unwrap_or_default();
        eras.iter().enumerate().find_map(|(number, era)| {
            let until = eras.get(number + 1).map_or(now, |next| next.since);
            let idles_at = era.idles_at(reset_at, groups)?.max(era.since);
            (idles_at <= until).then_some(idles_at)
        })
    }
}

impl Era {
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

    fn eras(changes: &[(u64, u64)]) -> Eras {
        let timeout = |seconds| IdleTimeout::of_organisation(Duration::from_secs(seconds));
        let mut eras = Eras::new(timeout(300), Precedence::default());
        for (since, seconds) in changes {
            eras.begin(timeout(*seconds), Precedence::default(), at(*since));
        }
        eras
    }

    #[test]
    fn a_deadline_that_passed_is_not_undone_by_a_longer_timeout() {
        let eras = eras(&[(400, 3600)]);
        assert_eq!(eras.lapsed_at(0, at(0), &[], at(500)), Some(at(300)));
        assert_eq!(eras.lapsed_at(0, at(200), &[], at(3799)), None);
        assert_eq!(eras.lapsed_at(0, at(200), &[], at(3800)), Some(at(3800)));
    }

    #[test]
    fn a_shorter_timeout_ends_at_once_what_has_idled_longer() {
        let eras = eras(&[(250, 100), (260, 3600)]);
        assert_eq!(eras.lapsed_at(0, at(0), &[], at(255)), Some(at(250)));
        assert_eq!(eras.lapsed_at(0, at(200), &[], at(300)), None);
    }
}
