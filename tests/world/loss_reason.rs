//! The reasons for which a kept token may idle out although the keeper made no mistake.
//!
//! A reason must never depend on the state of the keeper, only on the server, the network and
//! the attempts. A lapse without a reason is an error, and so is any lapse in a healthy world.

use std::time::Duration;

use session_keepalive::keeper::{Operation, Policy, Touch};
use session_keepalive::sim::{ApiOperation, IdleDate};
use session_keepalive::time::Instant;

use super::World;
use super::session::{SimAttempt, SimAttemptResult, SimSession};
use super::site::Site;

/// The time for two requests: two floors and two round trips of up to 4s.
const REACTION: Duration = Duration::from_secs(10);
/// The longest wait between two failing attempts, plus the time of a request.
const RETRY_INTERVAL_MAX: Duration = Duration::from_secs(80);
/// The time within which the next request follows a good answer: the floor and a tolerance.
const NEXT_ATTEMPT_AFTER: Duration = Duration::from_millis(2500);

/// The time for which a wrong `Date` may have an effect: until the next verification.
const SKEW_EFFECT_MAX: Duration = Duration::from_secs(8 * 3600);

/// The reason for which a kept token idled out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum LossReason {
    /// The keeper got the token, or the intent to keep it, too late to act.
    NoTime,
    /// The machine was suspended until it was too late.
    Asleep,
    /// Every attempt since the margin began, or since the last good answer, failed.
    Network,
    /// The timeout became shorter, and no answer revealed that in time.
    Shortened,
    /// Neither HEAD nor GET resets the idle timer.
    Excluded,
    /// Touches did not reset the idle timer, and the policy or a missing `dateTokenIdles` prevented
    /// the keeper from detecting that.
    Unverified,
    /// The configured idle timeout is too long, and a missing `dateTokenIdles` prevented the keeper
    /// from detecting that.
    Misconfigured,
    /// An answer had a wrong `Date`, and the organisation's timeouts could not reveal that.
    Skewed,
}

/// The time within which an excluded touch is found not to count: the floor between two requests,
/// the waits before a second proof, and their round trips.
const PROVEN_WITHIN: Duration = Duration::from_secs(60);

/// The facts of one lapse, from which its reason is determined.
struct Lapse<'a> {
    session: &'a SimSession,
    site: &'a Site,
    policy: Policy,
    token: usize,
    /// The instant of the last activity that reset the idle timer.
    reset_at: Instant,
    lapsed_at: Instant,
    /// The instant from which the last policy requires touches.
    margin_at: Instant,
    sleeps: &'a [(Instant, Instant)],
}

impl World {
    /// Returns the first reason that holds for the lapse of a token; `None` for an error of the
    /// keeper.
    pub(super) fn loss_reason(&self, number: usize, token: usize) -> Option<LossReason> {
        let lapse = self.lapse(number, token)?;
        let reasons = [
            (LossReason::NoTime, lapse.had_no_time()),
            (LossReason::Asleep, lapse.was_asleep()),
            (LossReason::Shortened, lapse.was_shortened()),
            (LossReason::Excluded, lapse.was_excluded()),
            (LossReason::Network, lapse.was_network_down()),
            (LossReason::Unverified, lapse.was_unverified()),
            (LossReason::Misconfigured, lapse.was_misconfigured()),
            (LossReason::Skewed, lapse.was_skewed()),
        ];
        let mut reasons = reasons.into_iter();
        reasons
            .find(|(_, holds)| *holds)
            .map(|(loss_reason, _)| loss_reason)
    }

    /// Returns true if the keeper could not know that a token idles out by this much earlier than
    /// it claims: nobody could see a shortening, the configured timeout is too long, an answer had a
    /// wrong `Date` or came from a cache, or an excluded touch was not yet proven to have had no
    /// effect.
    pub(super) fn is_lateness_excused(&self, number: usize, token: usize, late: Duration) -> bool {
        let Some(lapse) = self.lapse(number, token) else {
            return false;
        };
        // What an answer says of a token that has idled out already is part of the claim.
        let since = lapse.reset_at - SKEW_EFFECT_MAX;
        let mut misleading = lapse.site.skewed_at.iter().chain(&lapse.site.cached_at);
        lapse.was_shortened()
            || lapse.was_misconfigured()
            || lapse.was_unverified()
            || misleading.any(|at| (since..=self.now).contains(at))
            || lapse.was_touch_excluded() && (late <= PROVEN_WITHIN || lapse.was_proof_prevented())
    }

    fn lapse(&self, number: usize, token: usize) -> Option<Lapse<'_>> {
        let session = &self.sessions[number];
        let site = &self.sites[session.site];
        let record = site.server.record(&session.tokens[token].value, self.now)?;
        let lapsed_at = record.lapsed_at()?;
        let reset_at = record.last_reset_at;
        let policies = session.policies.between(lapsed_at, lapsed_at);
        let policy = *policies.last()?;
        let idle_timeout = lapsed_at.since(reset_at);
        let configured = policy.idle_timeout.unwrap_or(idle_timeout);
        let margin = policy.margin.of(idle_timeout.min(configured));
        // The keeper cannot act by a policy before it is in force.
        let changes = session.policies.changes(Instant::BOOT, lapsed_at);
        let policy_since = changes.map(|(at, ..)| at).last().unwrap_or_default();
        Some(Lapse {
            session,
            site,
            policy,
            token,
            reset_at,
            lapsed_at,
            margin_at: (lapsed_at - margin).max(policy_since),
            sleeps: &self.sleeps,
        })
    }
}

impl Lapse<'_> {
    fn had_no_time(&self) -> bool {
        let since = self.session.tokens[self.token].kept_since;
        since.is_some_and(|since| self.lapsed_at.since(since) < REACTION)
    }

    fn was_asleep(&self) -> bool {
        let too_late_at = self.lapsed_at - REACTION;
        let mut sleeps = self.sleeps.iter().rev();
        sleeps.any(|&(from, until)| from < self.lapsed_at && until > too_late_at)
    }

    fn was_network_down(&self) -> bool {
        let too_late_at = self.lapsed_at - REACTION / 2;
        let attempts = self.attempts(self.margin_at - RETRY_INTERVAL_MAX);
        let last_good_at = attempts
            .filter_map(SimAttempt::good_at)
            .filter(|at| (self.margin_at..too_late_at).contains(at))
            .max();
        let has_continued = last_good_at.is_none_or(|at| {
            self.attempts(at)
                .any(|attempt| attempt.sent_at <= at + NEXT_ATTEMPT_AFTER)
        });
        // The keeper must have made an attempt shortly before the lapse. A throttled attempt counts
        // if its Retry-After reaches as far, because the keeper has to wait until then.
        let late_from = self.lapsed_at - RETRY_INTERVAL_MAX;
        let since = last_good_at.unwrap_or_default();
        let has_attempted_late = self.attempts(since).any(|attempt| match attempt.result {
            SimAttemptResult::Throttled(until) => until >= late_from,
            SimAttemptResult::Pending | SimAttemptResult::Failed | SimAttemptResult::Good(_) => {
                attempt.sent_at >= late_from
            }
        });
        has_continued && has_attempted_late
    }

    /// Returns true if the timeout became shorter, at any time, and no answer could reveal that
    /// change to the keeper.
    fn was_shortened(&self) -> bool {
        let groups = &self.session.groups;
        let precedence = self.site.server.settings().precedence;
        let changes = self.site.timeouts.changes(Instant::BOOT, self.lapsed_at);
        let shorter = changes.filter(|(_, before, after)| {
            let effective = |timeout: &session_keepalive::sim::IdleSettings| {
                timeout.effective(groups, precedence)
            };
            effective(after)
                .is_some_and(|after| effective(before).is_none_or(|before| after < before))
        });
        shorter
            .map(|(at, ..)| at)
            .any(|at| !self.could_detect_change(at))
    }

    /// Returns true if an answer that arrived in time reveals a change that was made at `since`.
    fn could_detect_change(&self, since: Instant) -> bool {
        self.attempts(since).any(|attempt| {
            let reveals_change = match attempt.operation {
                Operation::Peek => !self.was_date_absent(),
                Operation::ReadTimeout => true,
                Operation::Touch(_) | Operation::Revoke => false,
            };
            reveals_change
                && attempt
                    .good_at()
                    .is_some_and(|at| at + REACTION <= self.lapsed_at)
        })
    }

    /// Returns true if neither kind of touch could reset the idle timer: each was excluded, or
    /// something before the API answered in its place.
    fn was_excluded(&self) -> bool {
        self.was_without_effect(Operation::Touch(Touch::Head), ApiOperation::HeadMe)
            && self.was_without_effect(Operation::Touch(Touch::Get), ApiOperation::GetMe)
    }

    fn was_without_effect(&self, operation: Operation, excluded: ApiOperation) -> bool {
        let from = self.reset_at.min(self.margin_at - RETRY_INTERVAL_MAX);
        let mut exclusions = self.site.exclusions.between(from, self.lapsed_at);
        if exclusions.any(|operations| operations.contains(&excluded)) {
            return true;
        }
        let mut cached_at = self.site.cached_at.iter();
        let period = from..=self.lapsed_at;
        if excluded == ApiOperation::GetMe && cached_at.any(|at| period.contains(at)) {
            return true;
        }
        let mut attempts = self
            .attempts(from)
            .filter(|attempt| attempt.operation == operation);
        let mut was_attempted = false;
        let all_failed = attempts.all(|attempt| {
            was_attempted = true;
            attempt.good_at().is_none()
        });
        was_attempted && all_failed
    }

    fn was_touch_excluded(&self) -> bool {
        let mut excluded = self.site.exclusions.between(self.reset_at, self.lapsed_at);
        excluded.any(|operations| {
            operations.contains(&ApiOperation::HeadMe) || operations.contains(&ApiOperation::GetMe)
        })
    }

    /// Returns true if no answer could show that the last accepted touch had no effect.
    fn was_proof_prevented(&self) -> bool {
        let attempts = self.attempts(self.reset_at);
        let touches = attempts.filter(|attempt| matches!(attempt.operation, Operation::Touch(_)));
        let touched_at = touches.filter_map(SimAttempt::good_at).max();
        let touched_at = touched_at.unwrap_or(self.reset_at);
        let mut peeks = self.attempts(touched_at);
        !peeks.any(|attempt| attempt.operation == Operation::Peek && attempt.good_at().is_some())
    }

    fn was_unverified(&self) -> bool {
        self.was_touch_excluded() && (self.policy.verify_every > 1 || self.was_date_absent())
    }

    fn was_misconfigured(&self) -> bool {
        let true_timeout = self.lapsed_at.since(self.reset_at);
        let configured = self.policy.idle_timeout;
        // An idle date that the answer to one touch omitted stays unknown until the next touch, so
        // the period begins one configured timeout before the last reset.
        configured.is_some_and(|configured| {
            configured > true_timeout && self.was_date_absent_since(self.reset_at - configured)
        })
    }

    /// Returns true if a wrong `Date` could mislead the keeper, which it cannot if the organisation
    /// has only one timeout and the keeper has read it.
    fn was_skewed(&self) -> bool {
        let from = self.reset_at - SKEW_EFFECT_MAX;
        let mut timeouts = self.site.timeouts.between(from, self.lapsed_at);
        let has_single_timeout = timeouts.all(|timeout| !timeout.groups_enabled);
        let changes = self.site.timeouts.changes(Instant::BOOT, self.lapsed_at);
        let changed_at = changes.map(|(at, ..)| at).last().unwrap_or_default();
        let mut attempts = self.session.attempts.iter();
        let is_read = attempts.any(|attempt| {
            attempt.operation == Operation::ReadTimeout
                && attempt.sent_at >= changed_at
                && attempt.good_at().is_some_and(|at| at <= self.lapsed_at)
        });
        let mut skewed_at = self.site.skewed_at.iter().rev();
        let is_skewed = skewed_at.any(|at| (from..=self.lapsed_at).contains(at));
        is_skewed && !(has_single_timeout && is_read)
    }

    /// Returns true if `dateTokenIdles` was absent at any time since the last reset.
    fn was_date_absent(&self) -> bool {
        self.was_date_absent_since(self.reset_at)
    }

    fn was_date_absent_since(&self, since: Instant) -> bool {
        let mut dates = self.site.idle_dates.between(since, self.lapsed_at);
        dates.any(|date| *date == IdleDate::Absent)
    }

    fn attempts(&self, from: Instant) -> impl Iterator<Item = &SimAttempt> {
        self.session
            .attempts_between(self.token, from, self.lapsed_at)
    }
}
