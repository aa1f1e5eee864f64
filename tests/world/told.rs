//! Compares what is told about each death with what happened in the world.
//!
//! A told cause is *true* if it is the one that happened, *open* if it is one of several that are named,
//! and *false* if a told fact did not happen or the true cause is not among those named.

use std::time::Duration;

use session_keepalive::keeper::{Absence, DeadlineBasis, Death, Idleness, Intent};
use session_keepalive::sim::{ApiOperation, Fate};
use session_keepalive::time::Instant;

use super::World;
use super::session::SimAttemptResult;

/// The time for which a wrong `Date` may have an effect: until the next verification.
const SKEW_EFFECT_MAX: Duration = Duration::from_secs(8 * 3600);

/// The precision of the server's dates, to which a claimed deadline is true.
const LATE_MAX: Duration = Duration::from_secs(1);

/// The grade of what is told about a death.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum CauseGrade {
    True,
    Open,
}

impl World {
    /// Grades what is told about the death of a token, and counts it; fails if it is false.
    pub(super) fn check_told(&mut self, number: usize, token: usize, death: &Death) {
        let session = &self.sessions[number];
        let site = &self.sites[session.site];
        let value = &session.tokens[token].value;
        let fate = site
            .server
            .record(value, self.now)
            .map(|record| record.fate);
        match self.grade(number, token, death, fate) {
            Ok(told) => *self.summary.told.entry(told).or_default() += 1,
            Err(why) => self.fail(
                number,
                &format!("tells something false ({why}) of {fate:?}: {death:?}"),
            ),
        }
    }

    fn grade(
        &mut self,
        number: usize,
        token: usize,
        death: &Death,
        fate: Option<Fate>,
    ) -> Result<CauseGrade, &'static str> {
        let ended_at = match fate {
            // A token of nobody was never alive.
            None => None,
            Some(Fate::Living) => return Err("it lives"),
            Some(Fate::Lapsed(at) | Fate::Expired(at) | Fate::Revoked(at) | Fate::Evicted(at)) => {
                Some(at)
            }
        };
        if !death.was_alive {
            // It is said to have been dead when it came, to have died unseen, or to be of another
            // region: one of these is always the case.
            return Ok(CauseGrade::Open);
        }
        let idled_out = matches!(fate, Some(Fate::Lapsed(_)));
        match death.idle {
            Idleness::Unknown => Ok(CauseGrade::Open),
            Idleness::Before(_) if !idled_out => Ok(CauseGrade::Open),
            Idleness::Before(_) if self.could_idle_before(number, death) => Ok(CauseGrade::Open),
            Idleness::Before(_) => Err("idleness was excluded"),
            Idleness::After(passed) => {
                let claimed_at = self.now - passed;
                let late = ended_at
                    .map(|at| claimed_at.since(at))
                    .filter(|_| idled_out);
                if let Some(late) = late {
                    self.check_late(number, token, death, late)?;
                }
                let is_explained = match self.sessions[number].policy().intent {
                    Intent::Lapse => true,
                    Intent::Keep => self.check_passed(number, token, death)?,
                };
                let is_true = idled_out && is_explained;
                Ok(if is_true {
                    CauseGrade::True
                } else {
                    CauseGrade::Open
                })
            }
        }
    }

    /// Checks that a claimed deadline is not later than the real one without a reason, and remembers
    /// the longest time by which one was.
    fn check_late(
        &mut self,
        number: usize,
        token: usize,
        death: &Death,
        late: Duration,
    ) -> Result<(), &'static str> {
        let basis = match death.basis {
            Some(DeadlineBasis::Reported(_)) => "reported",
            Some(DeadlineBasis::Computed(timeout)) => timeout.source.as_str(),
            None => "none",
        };
        let longest = self.summary.claimed_late.entry(basis).or_default();
        *longest = late.max(*longest);
        if late <= LATE_MAX || self.is_lateness_excused(number, token, late) {
            Ok(())
        } else {
            Err("the claimed idle deadline is later than the real one")
        }
    }

    /// Returns true if the conditions that are told for an earlier idleness held.
    fn could_idle_before(&self, number: usize, death: &Death) -> bool {
        let session = &self.sessions[number];
        let site = &self.sites[session.site];
        let precedence = site.server.settings().precedence;
        let effective = |timeout: &session_keepalive::sim::IdleSettings| {
            timeout.effective(&session.groups, precedence)
        };
        let mut changes = site.timeouts.changes(Instant::BOOT, self.now);
        let was_shortened = changes.any(|(_, before, after)| {
            effective(after)
                .is_some_and(|after| effective(before).is_none_or(|before| after < before))
        });
        let since = self.now - SKEW_EFFECT_MAX;
        let was_skewed = site.skewed_at.iter().any(|at| *at >= since);
        let may_not_count = death.since_touch.is_some() && !death.was_proven;
        match death.basis {
            Some(DeadlineBasis::Reported(_)) => was_shortened || was_skewed || may_not_count,
            // That the touch did not count is named, or that the report was wrong where there was
            // no touch: one of them is the case if the timeout is right.
            Some(DeadlineBasis::Computed(_)) | None => true,
        }
    }

    /// Checks the reasons that are told for a deadline that passed. Returns true if there is one.
    fn check_passed(
        &self,
        number: usize,
        token: usize,
        death: &Death,
    ) -> Result<bool, &'static str> {
        let session = &self.sessions[number];
        let site = &self.sites[session.site];
        let since = death.since_touch.unwrap_or(death.age);
        let from = self.now - since;
        if death.excluded {
            let mut exclusions = site.exclusions.between(Instant::BOOT, self.now);
            let were_excluded = exclusions.any(|operations| {
                operations.contains(&ApiOperation::HeadMe)
                    || operations.contains(&ApiOperation::GetMe)
            });
            return if were_excluded {
                Ok(true)
            } else {
                Err("touches counted")
            };
        }
        if let Some(absence) = death.absence {
            let mut sleeps = self.sleeps.iter().filter(|(_, until)| *until > from);
            let has_happened = match absence {
                Absence::Slept(slept) => sleeps.any(|(from, until)| until.since(*from) == slept),
                Absence::NotRunning(_) => sleeps.next().is_some(),
            };
            if !has_happened {
                return Err("the machine did not sleep, and the daemon ran");
            }
        }
        if let Some(failed) = &death.failed {
            let attempts = session.attempts_between(token, failed.from, self.now);
            let in_vain = attempts.filter(|attempt| match attempt.result {
                SimAttemptResult::Pending
                | SimAttemptResult::Failed
                | SimAttemptResult::Throttled(_) => true,
                SimAttemptResult::Good(_) => false,
            });
            if in_vain.count() < failed.count as usize {
                return Err("fewer requests failed");
            }
        }
        Ok(death.absence.is_some() || death.failed.is_some())
    }
}
