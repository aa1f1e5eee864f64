//! The knowledge about a living token that answers provide: its deadline, its idle timeout and the
//! effect of touches.

use std::time::Duration;

use super::super::proof::{
    Evidence, KnownTouches, OWN_PROOFS_MAX, Reset, ShownEffect, TimeoutBounds, Verification,
    has_moved,
};
use super::super::schedule::{DATE_PRECISION, IDLE_TIMEOUT_FALLBACK};
use super::super::{Intent, Operation, Outcome, TokenReport, Touch, Verdict, schedule};
use super::{Context, Dated, LiveToken, SeenDeadline};
use crate::time::{Instant, ServerTime};

/// The time within which two answers may have the same `Date`, which is in whole seconds.
const DATE_REPEATED_AFTER: Duration = Duration::from_secs(2);

/// The change that a verification of a touch revealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::keeper) enum Verified {
    /// The touch counts.
    Proven { touch: Touch, was_excluded: bool },
    /// This touch does not count; the other is tried at once.
    TryOther(Touch),
    /// Neither touch counts.
    Excluded,
}

impl LiveToken {
    /// Records an answer, which a cache may repeat later. Returns true if it does not come from a
    /// cache itself and is therefore evidence. The answer of a cache has an `Age`, or repeats the
    /// `Date` and the deadline of an earlier answer to the same request.
    pub(in crate::keeper) fn record_answer(
        &mut self,
        operation: Operation,
        outcome: &Outcome,
        sent_at: Instant,
    ) -> bool {
        let last = match operation {
            Operation::Peek => &mut self.last_answers[0],
            Operation::Touch(Touch::Get) => &mut self.last_answers[1],
            Operation::Touch(Touch::Head) | Operation::ReadTimeout | Operation::Revoke => {
                return !outcome.is_cached;
            }
        };
        let (Some(date), Verdict::Alive(report)) = (outcome.date, &outcome.verdict) else {
            return !outcome.is_cached;
        };
        let idles_at = report.idles_at;
        if let Some(last) = last
            && (last.date, last.idles_at) == (date, idles_at)
        {
            return !outcome.is_cached && sent_at.since(last.sent_at) <= DATE_REPEATED_AFTER;
        }
        *last = Some(Dated {
            date,
            idles_at,
            sent_at,
        });
        !outcome.is_cached
    }

    /// Records a peek that a cache answered and that therefore provides no knowledge.
    pub(in crate::keeper) fn record_cached_peek(&mut self, sent_at: Instant) {
        self.peeked_at = sent_at;
        self.is_peek_requested = false;
        self.peek_at = None;
        if self.verification.take().is_some() {
            // Touches that do not count stay postponed: nothing was learnt about them.
            let postponed_at = self.postponed_at;
            self.doubt_reset();
            self.postponed_at = postponed_at;
        }
    }

    /// Records the deadline that an answer reports.
    pub(in crate::keeper) fn learn(
        &mut self,
        report: &TokenReport,
        date: Option<ServerTime>,
        sent_at: Instant,
        now: Instant,
        context: &Context<'_>,
    ) {
        self.peeked_at = sent_at;
        self.reported_at = now;
        self.is_peek_requested = false;
        self.is_peek_first = false;
        self.peek_at = None;
        self.is_report_stale = false;
        self.proofs_blocked = 0;
        let Some(idles_at) = usable(report, date) else {
            self.seen = None;
            if self.never_idles_out(context) {
                self.deadline = None;
            }
            return;
        };
        let deadline = date.and_then(|date| schedule::deadline(idles_at, date, sent_at));
        if deadline.is_none() && date.is_some() {
            // By the server's own clock the token should have ended and is alive: such a deadline
            // proves nothing.
            return;
        }
        let seen = SeenDeadline {
            idles_at,
            deadline,
            sent_at,
        };
        self.seen = Some(seen);
        if let Some(deadline) = self.plausible_deadline(seen, context) {
            self.seen_left_max = self.seen_left_max.max(Some(deadline.since(sent_at)));
            self.deadline = Some(deadline);
        }
    }

    /// Records an accepted touch: idle time counts from the instant at which it was sent.
    pub(in crate::keeper) fn record_touch(
        &mut self,
        touch: Touch,
        date: Option<ServerTime>,
        sent_at: Instant,
        context: &Context<'_>,
    ) {
        let timeout = self.idle_timeout(context).duration;
        // A touch that is known not to count is made when the other one fails as well.
        // It moves no deadline, unless none is known.
        let is_excluded =
            self.deadline.is_some() && context.organisation.touches.is_excluded(touch, sent_at);
        if self.reset == Reset::Excluded || is_excluded {
            self.postponed_at = Some(sent_at);
        } else {
            self.deadline = Some(sent_at + timeout);
            self.postponed_at = None;
        }
        self.touched_at = Some(sent_at);
        self.failed = None;
        self.absence = None;
        if self.reset == Reset::Proven && self.proven_touch != Some(touch) {
            self.doubt_reset();
        }
        self.touches_unproven = self.touches_unproven.saturating_add(1);
        // The answer to a GET may verify it, whether that is due or not.
        if touch == Touch::Get || self.is_verification_due(context) {
            self.verification = Some(Box::new(Verification {
                touch,
                before: self.seen.map(|seen| seen.idles_at),
                before_age: sent_at.since(self.reported_at),
                date,
                is_confounded: self.is_report_stale,
                attempts: 0,
                attempted_at: None,
                shown: None,
            }));
        }
        self.is_report_stale = true;
    }

    fn is_verification_due(&self, context: &Context<'_>) -> bool {
        match self.reset {
            Reset::Unproven | Reset::Excluded => true,
            Reset::Proven | Reset::Unprovable => {
                self.touches_unproven >= context.policy.verify_every
            }
        }
    }

    /// Returns true if the answer to a `GET` touch itself shows that the deadline moved.
    pub(in crate::keeper) fn shows_movement(
        &self,
        report: &TokenReport,
        date: Option<ServerTime>,
    ) -> bool {
        let before = self.seen.map(|seen| seen.idles_at);
        usable(report, date)
            .zip(before)
            .is_some_and(|(idles_at, before)| has_moved(before, idles_at))
    }

    /// Evaluates the answer to a `GET` touch itself, which was recorded just before. Returns the
    /// verification that a peek may confirm, if the answer proves that the touch moved the deadline.
    pub(in crate::keeper) fn evaluate_own_answer(
        &mut self,
        report: &TokenReport,
        date: Option<ServerTime>,
        context: &Context<'_>,
        touches: &mut KnownTouches,
        sent_at: Instant,
    ) -> Option<Verification> {
        let timeout = self.idle_timeout(context).duration;
        let is_due = self.is_verification_due(context);
        let verification = self.verification.as_mut()?;
        let contradicts = match verification.shown_by(usable(report, date), date, timeout) {
            // If neither touch is known to work, a moved deadline is no proof: the application may
            // have moved it just before.
            Some(ShownEffect::Moved) if !touches.neither_works(sent_at) => {
                return Some(Verification {
                    shown: Some(ShownEffect::Moved),
                    ..**verification
                });
            }
            Some(ShownEffect::Stayed) => {
                verification.shown = Some(ShownEffect::Stayed);
                touches.trusts_own_answer()
            }
            Some(ShownEffect::Moved) | None => false,
        };
        if contradicts {
            touches.distrust_own_answer(sent_at);
        } else if !is_due {
            self.verification = None;
        }
        None
    }

    /// Schedules a peek that confirms what the answer to a `GET` touch showed: while such answers
    /// are not trusted in the organisation, and after every tenth of this token.
    pub(in crate::keeper) fn confirm_own_answer(
        &mut self,
        verification: Verification,
        is_trusted: bool,
    ) {
        self.own_proofs += 1;
        if !is_trusted || self.own_proofs >= OWN_PROOFS_MAX {
            self.own_proofs = 0;
            self.verification = Some(Box::new(verification));
        }
    }

    /// Records a reading of the organisation's timeout. It may reset the idle timer as well, so
    /// that the next touch cannot be verified against the last reported deadline.
    pub(in crate::keeper) fn record_reading(&mut self) {
        self.is_report_stale = true;
    }

    /// Evaluates the pending verification by a report. Returns the change, if there is one.
    pub(in crate::keeper) fn verify(
        &mut self,
        report: &TokenReport,
        date: Option<ServerTime>,
        context: &Context<'_>,
        touches: &mut KnownTouches,
        sent_at: Instant,
    ) -> Option<Verified> {
        let verification = self.verification.take()?;
        let idles_at = usable(report, date);
        let timeout = self.idle_timeout(context).duration;
        let matches_touch = verification.matches_touch(idles_at, timeout);
        let mut evidence = verification.evaluate(idles_at, date);
        if matches!(evidence, Evidence::Moved(_)) && !matches_touch {
            // The application that shares the token and other requests of ours move the deadline
            // as well. If neither touch worked before, the application is the likelier cause.
            if touches.neither_works(sent_at) {
                evidence = Evidence::Stayed;
            } else if verification.is_confounded {
                evidence = Evidence::Inconclusive;
            }
        }
        match evidence {
            Evidence::Moved(bounds) => {
                match verification.shown {
                    Some(ShownEffect::Moved) if matches_touch => touches.trust_own_answer(),
                    Some(ShownEffect::Stayed) => touches.distrust_own_answer(sent_at),
                    Some(ShownEffect::Moved) | None => {}
                }
                touches.include(verification.touch);
                self.prove_touch(verification.touch, bounds, context)
            }
            Evidence::Stayed => {
                touches.exclude(verification.touch, sent_at);
                if verification.shown == Some(ShownEffect::Moved) {
                    touches.distrust_own_answer(sent_at);
                }
                self.exclude_touch(verification.touch, touches, sent_at)
            }
            Evidence::Shortened => {
                self.proven_timeout = None;
                self.seen_left_max = None;
                self.doubt_reset();
                None
            }
            Evidence::Inconclusive => {
                self.doubt_reset();
                None
            }
            Evidence::NotReported => {
                self.touches_unproven = 0;
                self.proven_touch = Some(verification.touch);
                self.reset = Reset::Unprovable;
                None
            }
        }
    }

    /// Records that a touch moved the deadline, and the idle timeout that follows from the bounds.
    fn prove_touch(
        &mut self,
        touch: Touch,
        bounds: Option<TimeoutBounds>,
        context: &Context<'_>,
    ) -> Option<Verified> {
        self.touches_unproven = 0;
        self.postponed_at = None;
        if let Some(bounds) = bounds {
            let proven = bounds.resolve(context.organisation.values());
            let longest = context.organisation.values().max().unwrap_or(proven);
            self.proven_timeout = Some(proven.min(longest).min(schedule::IDLE_TIMEOUT_MAX));
        }
        // The limit of a plausible deadline follows from the proven timeout, which is set first.
        if let Some(deadline) = self
            .seen
            .and_then(|seen| self.plausible_deadline(seen, context))
        {
            self.deadline = Some(deadline);
        }
        self.proven_touch = Some(touch);
        let previous = std::mem::replace(&mut self.reset, Reset::Proven);
        (previous != Reset::Proven).then_some(Verified::Proven {
            touch,
            was_excluded: previous == Reset::Excluded,
        })
    }

    /// Records that a touch did not move the deadline, which `touches` knows already.
    fn exclude_touch(
        &mut self,
        touch: Touch,
        touches: &KnownTouches,
        sent_at: Instant,
    ) -> Option<Verified> {
        if !touches.neither_works(sent_at) {
            self.reset = Reset::Unproven;
            return Some(Verified::TryOther(touch));
        }
        let previous = std::mem::replace(&mut self.reset, Reset::Excluded);
        self.postponed_at = Some(sent_at);
        (previous != Reset::Excluded).then_some(Verified::Excluded)
    }

    /// Handles a change of the configured idle timeout: a deadline that was computed from a longer
    /// one is brought forward, and the next touch is verified.
    pub(in crate::keeper) fn timeout_configured(&mut self, context: &Context<'_>) {
        self.doubt_reset();
        let timeout = self.idle_timeout(context).duration;
        if let Some(deadline) = self.deadline {
            self.deadline = Some(deadline.min(self.active_at() + timeout));
        }
    }

    /// Handles the first reading of the organisation's timeouts.
    pub(in crate::keeper) fn timeout_known(&mut self, context: &Context<'_>) {
        let Some(longest) = context.organisation.values().max() else {
            return;
        };
        self.seen_left_max = self.seen_left_max.map(|left| left.min(longest));
        if let Some(seen) = self.seen
            && self.touched_at.is_none_or(|at| at < seen.sent_at)
        {
            self.deadline = self.plausible_deadline(seen, context);
        } else if let (Some(deadline), Some(touched_at)) = (self.deadline, self.touched_at) {
            self.deadline = Some(deadline.min(touched_at + longest));
        }
    }

    /// Handles the failure to read the organisation's timeouts.
    pub(in crate::keeper) fn timeout_unreadable(&mut self, context: &Context<'_>) {
        if let Some(seen) = self.seen {
            self.deadline = self.plausible_deadline(seen, context).min(self.deadline);
        }
    }

    /// Handles a change of the organisation's timeouts.
    pub(in crate::keeper) fn timeout_changed(&mut self, context: &Context<'_>) {
        self.proven_timeout = None;
        self.seen_left_max = None;
        self.is_peek_requested = true;
        self.doubt_reset();
        let shortest = context.organisation.idle_timeout();
        if let (Some(deadline), Some(timeout)) = (self.deadline, shortest) {
            self.deadline = Some(deadline.min(self.active_at() + timeout));
        }
    }

    /// Returns the deadline that follows from a report, limited to what is plausible.
    ///
    /// No token has more time left than the proven timeout, or than the longest timeout of the
    /// organisation: a report of more has a wrong `Date`, and following it once would lose the
    /// token. If neither is known, the shortest documented timeout is assumed until a touch proves
    /// another.
    fn plausible_deadline(&self, seen: SeenDeadline, context: &Context<'_>) -> Option<Instant> {
        let reported = seen.deadline?;
        let sent_at = seen.sent_at;
        let longest = context.organisation.values().max();
        let keeps = context.policy.intent == Intent::Keep;
        let assumed_until = self.active_at() + IDLE_TIMEOUT_FALLBACK;
        let most = match self.proven_timeout.or(longest) {
            // With a wrong `Date` the last activity of the application is unknown, so that the
            // time left counts from the last touch of our own.
            Some(longest) if keeps && reported > sent_at + longest + DATE_PRECISION => {
                Some(self.touched_at? + longest)
            }
            Some(longest) => Some(sent_at + longest),
            // A token that outlives the assumed deadline proves the assumption wrong.
            None if context.assumes_shortest() && sent_at < assumed_until => Some(assumed_until),
            None => None,
        };
        // A lapsing token is left to its application, which may have used it just before the peek.
        let active_at = if keeps { self.active_at() } else { sent_at };
        let configured = context
            .policy
            .idle_timeout
            .map(|timeout| active_at + timeout);
        let limits = most.into_iter().chain(configured);
        Some(limits.fold(reported, Instant::min))
    }

    /// Returns the instant of the last accepted touch, or of the first proof of life.
    fn active_at(&self) -> Instant {
        self.touched_at.unwrap_or(self.proven_at)
    }

    /// Discards the proof that touches count, so that the next touch is verified.
    fn doubt_reset(&mut self) {
        self.touches_unproven = 0;
        self.postponed_at = None;
        self.reset = Reset::Unproven;
    }
}

/// Returns `dateTokenIdles` if it can be an idle deadline.
fn usable(report: &TokenReport, date: Option<ServerTime>) -> Option<ServerTime> {
    report
        .idles_at
        .filter(|&idles_at| schedule::is_idle_deadline(idles_at, date))
}
