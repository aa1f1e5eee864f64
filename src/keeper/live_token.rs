//! A living token: its idle deadline and the next step with it.

mod learn;

use std::time::Duration;

pub(super) use learn::Verified;

use super::backoff::{Fit, Tries};
use super::candidate::Issuer;
use super::circumstances::{Absence, DeadlineBasis, FailedRequests, Sleep};
use super::event::{Death, FailureReason, Idleness, TokenId};
use super::organisation::{Organisation, OrganisationId};
use super::policy::Limits;
use super::proof::{CONCLUSIVE_AFTER, Reset, Verification};
use super::schedule::{
    DATE_PRECISION, IDLE_TIMEOUT_FALLBACK, IdleTimeout, Schedule, TimeoutSource,
};
use super::{Expiry, Failure, Intent, Outcome, Policy, Touch, Verdict};
use crate::time::{Instant, ServerTime};

/// The idle timeout below which there is no time for a second proof of a touch.
const IDLE_TIMEOUT_SHORT: Duration = Duration::from_secs(30);

/// The time after the idle deadline at which a lapsing token is peeked at.
pub(super) const LAPSED_AFTER: Duration = Duration::from_secs(2);

/// The shortest interval between peeks at a lapsing token that outlives its reported deadline.
const PEEK_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// Returns the instant of the next peek at a lapsing token after the one at `peeked_at`: at the
/// slow interval, or when it should have lapsed if that is sooner.
pub(super) fn lapse_peek_at(deadline: Instant, peeked_at: Instant, limits: &Limits) -> Instant {
    (peeked_at + limits.peek_every).min(deadline + LAPSED_AFTER)
}

/// A token that is alive, as far as is known.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a wish that another event raises and an answer fulfils"
)]
pub(super) struct LiveToken {
    pub(super) token: TokenId,
    pub(super) organisation: OrganisationId,
    /// The instant at which its source first gave it.
    pub(super) seen_at: Instant,
    /// The instant at which it was first proven alive.
    pub(super) proven_at: Instant,
    /// The end of its lifetime, if it is known.
    pub(super) expiry: Option<Expiry>,
    /// The issuer, which a newer token of the same source must have as well.
    pub(super) issuer: Issuer,
    /// The number of announcements of the expiry that are over.
    pub(super) announced: u8,
    pub(super) tries: Tries,
    /// The instant at which the server ends the token without a touch, as far as is known.
    pub(super) deadline: Option<Instant>,
    /// The instant at which the last accepted touch was sent.
    pub(super) touched_at: Option<Instant>,
    pub(super) reset: Reset,
    /// An accepted touch whose effect is not verified yet.
    pub(super) verification: Option<Box<Verification>>,
    pub(super) risk: Risk,
    /// The touch that `reset` refers to.
    proven_touch: Option<Touch>,
    /// The touches that failed since the last accepted one.
    pub(super) failed_touches: FailedTouches,
    /// The instant at which the last touch was sent, accepted or not.
    pub(super) touch_tried_at: Option<Instant>,
    /// True if a peek comes before the next touch, since a failed touch may have counted.
    pub(super) is_peek_first: bool,
    /// The last reported `dateTokenIdles`.
    seen: Option<SeenDeadline>,
    /// The last answers to a peek and to a touch by `GET`, in this order.
    last_answers: [Option<Dated>; 2],
    /// The instant at which the last answer with a report arrived.
    reported_at: Instant,
    /// True if a request of ours other than a peek was answered since then.
    is_report_stale: bool,
    /// The longest remaining time ever reported: the idle timeout is at least that.
    seen_left_max: Option<Duration>,
    /// The idle timeout that a moved deadline proved.
    proven_timeout: Option<Duration>,
    touches_unproven: u32,
    /// The number of touches that their own answers proved since a peek confirmed one.
    own_proofs: u32,
    /// The number of consecutive peeks for a proof that something other than the API answered.
    proofs_blocked: u32,
    /// The instant at which the last request that reported the token's state was sent.
    peeked_at: Instant,
    is_peek_requested: bool,
    /// True if a touch was requested and is not sent yet.
    pub(super) is_touch_requested: bool,
    /// The instant of a peek that comes before any other step: the token may have ended while the
    /// machine was suspended, or by a revocation without an answer.
    peek_at: Option<Instant>,
    /// The instant from which touches are postponed, if they are excluded.
    postponed_at: Option<Instant>,
    /// The requests that failed since the last accepted touch.
    failed: Option<Box<FailedRequests>>,
    /// The instant at which the last request was sent.
    last_sent_at: Instant,
    /// True if a setting changed since then on which the deadline or the touches depend.
    is_setting_new: bool,
    /// The suspension of the machine that ended last.
    sleep: Option<Box<Sleep>>,
    /// The absence that let the present deadline pass.
    absence: Option<Box<Absence>>,
    /// The position of the next touch within the jitter, 0 to 1.
    pub(super) jitter: f64,
}

/// The parts of an answer by which a repetition from a cache is recognised.
#[derive(Clone, Copy, Debug)]
struct Dated {
    date: ServerTime,
    idles_at: Option<ServerTime>,
    sent_at: Instant,
}

/// A reported idle deadline.
#[derive(Clone, Copy, Debug)]
struct SeenDeadline {
    idles_at: ServerTime,
    /// The same deadline on our clock, computed from the `Date` of the answer.
    deadline: Option<Instant>,
    sent_at: Instant,
}

/// The touches that failed since the last accepted one.
#[derive(Clone, Debug, Default)]
pub(super) struct FailedTouches {
    head: bool,
    get: bool,
    last: Option<Box<FailedTouch>>,
}

/// A touch that failed.
#[derive(Clone, Debug)]
pub(super) struct FailedTouch {
    pub(super) touch: Touch,
    pub(super) reason: FailureReason,
    /// True if the answer concerned the request and not the state of the server.
    pub(super) is_refused: bool,
}

impl FailedTouches {
    /// Records a failed touch. A failure before a server was reached does not depend on the method
    /// and is not recorded.
    pub(super) fn record(&mut self, touch: Touch, verdict: &Verdict) {
        let Some(reason) = FailureReason::of(verdict) else {
            return;
        };
        let is_refused = match verdict {
            Verdict::Unreachable(
                Failure::NameNotResolved
                | Failure::NotConnected
                | Failure::Tls
                | Failure::NotSent(_),
            ) => return,
            Verdict::Blocked(_) | Verdict::Unreachable(Failure::TouchRefused(_)) => true,
            Verdict::Accepted
            | Verdict::Alive(_)
            | Verdict::Timeout(_)
            | Verdict::Refused(_)
            | Verdict::Throttled { .. }
            | Verdict::Unreachable(_) => false,
        };
        match touch {
            Touch::Head => self.head = true,
            Touch::Get => self.get = true,
        }
        self.last = Some(Box::new(FailedTouch {
            touch,
            reason,
            is_refused,
        }));
    }

    /// Returns true if this touch failed.
    pub(super) fn has(&self, touch: Touch) -> bool {
        match touch {
            Touch::Head => self.head,
            Touch::Get => self.get,
        }
    }

    /// Returns the touch that failed last.
    pub(super) fn last(&self) -> Option<&FailedTouch> {
        self.last.as_deref()
    }
}

/// The last reported risk of losing the token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) enum Risk {
    /// The token is not at risk.
    #[default]
    None,
    /// Attempts fail and the deadline is nearer than the margin allows.
    Near,
    /// Attempts fail and the deadline has passed.
    Past,
}

/// The number of consecutive blocked proofs after which further ones are made slowly.
const PROOFS_BLOCKED_MAX: u32 = 3;
/// The number of such slow proofs in one idle timeout.
const PROOFS_AN_IDLE_TIMEOUT: u32 = 20;

/// The next step with a living token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NextStep {
    /// A peek that reads the code behind a 401.
    Confirm,
    /// A touch.
    Touch,
    /// A peek that shows if a touch counted.
    Verify,
    /// `GET /tokens/timeout` for the whole organisation.
    ReadTimeout,
    /// A peek that observes the token.
    Peek,
}

/// The state beside the token on which the next step depends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) policy: &'a Policy,
    pub(super) limits: &'a Limits,
    pub(super) organisation: &'a Organisation,
    /// True if this session reads the timeout for its organisation.
    pub(super) is_reader: bool,
}

impl Context<'_> {
    /// Returns true if the shortest documented idle timeout is assumed until a touch proves
    /// another: the token is to be kept, and the organisation's timeout cannot be read.
    fn assumes_shortest(&self) -> bool {
        self.policy.intent == Intent::Keep
            && self.policy.idle_timeout.is_none()
            && self.organisation.is_unreadable
    }
}

impl LiveToken {
    pub(super) fn new(
        token: TokenId,
        organisation: OrganisationId,
        seen_at: Instant,
        now: Instant,
        jitter: f64,
    ) -> Self {
        Self {
            token,
            organisation,
            seen_at,
            proven_at: now,
            expiry: None,
            issuer: Issuer::default(),
            announced: 0,
            tries: Tries::default(),
            deadline: None,
            touched_at: None,
            reset: Reset::Unproven,
            verification: None,
            risk: Risk::None,
            proven_touch: None,
            failed_touches: FailedTouches::default(),
            touch_tried_at: None,
            is_peek_first: false,
            seen: None,
            last_answers: [None; 2],
            reported_at: now,
            is_report_stale: false,
            seen_left_max: None,
            proven_timeout: None,
            touches_unproven: 0,
            own_proofs: 0,
            proofs_blocked: 0,
            peeked_at: now,
            is_peek_requested: false,
            is_touch_requested: false,
            peek_at: None,
            postponed_at: None,
            failed: None,
            last_sent_at: now,
            is_setting_new: false,
            sleep: None,
            absence: None,
            jitter,
        }
    }

    /// Returns the effective idle timeout: the configured one, unless a shorter one is proven or
    /// all of the organisation's are shorter; else the one that `dateTokenIdles` proves, that of
    /// the organisation, or the shortest documented one.
    pub(super) fn idle_timeout(&self, context: &Context<'_>) -> IdleTimeout {
        let proven = self.proven_timeout;
        let (duration, source) = if let Some(configured) = context.policy.idle_timeout
            && proven
                .or(context.organisation.values().max())
                .is_none_or(|longest| configured <= longest)
        {
            (configured, TimeoutSource::Configured)
        } else if let Some(proven) = proven {
            (proven, TimeoutSource::Proven)
        } else if let Some(bound) = self.lower_bound(context) {
            (bound, TimeoutSource::Proven)
        } else if let Some(organisation) = context.organisation.idle_timeout() {
            (organisation, TimeoutSource::Organisation)
        } else {
            (IDLE_TIMEOUT_FALLBACK, TimeoutSource::Assumed)
        };
        IdleTimeout { duration, source }
    }

    /// Returns the longest remaining time ever reported, a lower bound of the idle timeout, if that
    /// is more than is known otherwise.
    fn lower_bound(&self, context: &Context<'_>) -> Option<Duration> {
        let left = self.seen_left_max?;
        match context.organisation.idle_timeout() {
            Some(least) => (left > least).then_some(left),
            // Without a second source a wrong `Date` could make the bound too long.
            None if context.assumes_shortest() => Some(left.min(IDLE_TIMEOUT_FALLBACK)),
            None => Some(left),
        }
    }

    /// Returns the schedule for the effective idle timeout.
    pub(super) fn schedule(&self, context: &Context<'_>) -> Schedule {
        Schedule::new(self.idle_timeout(context).duration, context.policy.margin)
    }

    /// Returns the deadline into which attempts are fitted, if the token is to be kept.
    pub(super) fn fit(&self, context: &Context<'_>) -> Option<Fit> {
        match context.policy.intent {
            Intent::Keep => self
                .deadline
                .map(|deadline| self.schedule(context).fit(deadline)),
            Intent::Lapse => None,
        }
    }

    /// Returns the instant at which the touch is due; `None` if the token is not touched at all,
    /// because it is to lapse or does not idle out.
    pub(super) fn touch_at(&self, context: &Context<'_>, now: Instant) -> Option<Instant> {
        if context.policy.intent == Intent::Lapse {
            return None;
        }
        if self.is_touch_requested {
            return Some(now);
        }
        match self.deadline {
            Some(deadline) => {
                let due_at = self.due_at(deadline, context);
                Some(due_at.max(self.conclusive_at(deadline, now).unwrap_or_default()))
            }
            None if self.never_idles_out(context) => None,
            // The last activity of the application is unknown, so the touch is due at once.
            None => Some(now),
        }
    }

    /// Returns true if the deadline is so near that a touch is due.
    pub(super) fn is_touch_due(&self, context: &Context<'_>, now: Instant) -> bool {
        context.policy.intent == Intent::Keep
            && match self.deadline {
                Some(deadline) => self.due_at(deadline, context) <= now,
                None => !self.never_idles_out(context),
            }
    }

    fn due_at(&self, deadline: Instant, context: &Context<'_>) -> Instant {
        let due_at = self.schedule(context).touch_at(deadline, self.jitter);
        let postponed_until = self.postponed_until(deadline, context);
        due_at.max(postponed_until.unwrap_or_default())
    }

    /// Returns the instant until which touches that do not count are postponed: half of the time
    /// that was left, but at least the longest retry delay.
    fn postponed_until(&self, deadline: Instant, context: &Context<'_>) -> Option<Instant> {
        let at = self.postponed_at?;
        Some(at + (deadline.until(at) / 2).max(context.limits.backoff.cap))
    }

    /// Returns the earliest instant at which an unproven touch moves the deadline far enough for a
    /// proof, unless the deadline is too near to wait for that.
    fn conclusive_at(&self, deadline: Instant, now: Instant) -> Option<Instant> {
        let conclusive_at = self.reported_at + CONCLUSIVE_AFTER;
        let is_awaited = self.reset == Reset::Unproven && conclusive_at > now;
        (is_awaited && deadline > conclusive_at + CONCLUSIVE_AFTER).then_some(conclusive_at)
    }

    /// Returns the next step and the instant at which it is due, which is not before `floor_at`.
    pub(super) fn next_step(
        &self,
        context: &Context<'_>,
        floor_at: Instant,
        now: Instant,
    ) -> (Instant, NextStep) {
        let fit = self.fit(context);
        let soonest = floor_at.max(now);
        let (at, step) = self.regular_step(context, self.tries.retry_at(fit).max(soonest));
        // A touch takes precedence over all other steps at the last instant at which it can still
        // be answered before the deadline.
        match self.last_try_at(context, soonest) {
            Some(last_try_at) if last_try_at <= at => (last_try_at, NextStep::Touch),
            Some(_) | None => (at, step),
        }
    }

    /// Returns the instant of the last attempt before the deadline, unless that was made already.
    pub(super) fn last_try_at(&self, context: &Context<'_>, soonest: Instant) -> Option<Instant> {
        let fit = self.fit(context)?;
        let is_made = self.touch_tried_at >= Some(fit.last_try_at());
        let at = fit.last_try_at().max(soonest);
        (!is_made && at < fit.deadline).then_some(at)
    }

    /// Returns the step that is due first, not before `earliest`. Of several that are due at the
    /// same instant it is the most important one.
    fn regular_step(&self, context: &Context<'_>, earliest: Instant) -> (Instant, NextStep) {
        if self.tries.doubt.is_some() {
            return (earliest, NextStep::Confirm);
        }
        if let Some(peek_at) = self.peek_at {
            return (peek_at.max(earliest), NextStep::Peek);
        }
        if self.is_peek_first {
            return (earliest, NextStep::Peek);
        }
        let touch_at = self.touch_at(context, earliest);
        if let Some(verification) = &self.verification {
            // The first peek for a proof comes before a touch that is due, unless there is too
            // little time. Further ones must neither prevent a touch nor delay it: each may fail,
            // for example at a proxy.
            let has_time = self
                .fit(context)
                .is_none_or(|fit| earliest + context.limits.floor <= fit.last_try_at());
            let is_first =
                verification.attempts == 0 && (self.proven_timeout.is_none() || has_time);
            let proof_at = self.proof_at(verification, context).max(earliest);
            if is_first || touch_at.is_none_or(|at| proof_at < at) {
                return (proof_at, NextStep::Verify);
            }
        }
        let touch = touch_at.map(|at| (at, NextStep::Touch));
        let read_at = context.organisation.read_at.max(earliest);
        let may_read = context.is_reader && !self.would_obscure_proof(context, touch, read_at);
        let read = may_read.then_some((read_at, NextStep::ReadTimeout));
        let watch = self
            .watch_at(context, earliest)
            .map(|at| (at, NextStep::Peek));
        // Without a known deadline the timeout is read before the first touch, since it may be
        // disabled.
        let steps = if self.deadline.is_none() {
            [read, touch, watch]
        } else {
            [touch, read, watch]
        };
        let steps = steps
            .into_iter()
            .flatten()
            .map(|(at, step)| (at.max(earliest), step));
        // `min_by_key` returns the first of several minima, which is the most important step.
        steps
            .min_by_key(|&(at, _)| at)
            .unwrap_or((earliest + context.limits.peek_every, NextStep::Peek))
    }

    /// Records that a setting changed on which the deadline or the touches depend.
    pub(super) fn record_setting(&mut self) {
        self.is_setting_new = true;
    }

    /// Records that a request failed.
    pub(super) fn record_failed(&mut self, reason: FailureReason, sent_at: Instant, now: Instant) {
        FailedRequests::add(&mut self.failed, reason, sent_at, now);
    }

    /// Records an absence if the request that is about to be sent is the first since the deadline
    /// passed, and the last attempt before the deadline was not made.
    pub(super) fn record_absence(&mut self, context: &Context<'_>, now: Instant) {
        let (Some(fit), Some(deadline)) = (self.fit(context), self.deadline) else {
            return;
        };
        let is_first_after = self.last_sent_at < deadline && now >= deadline;
        let is_made = self.touch_tried_at >= Some(fit.last_try_at());
        // A new setting can bring the deadline forward into the past.
        if !is_first_after || is_made || self.is_setting_new {
            return;
        }
        let due_at = self.due_at(deadline, context);
        let idle_since = due_at.max(self.last_sent_at).max(self.reported_at);
        let sleep = self.sleep.as_deref().copied();
        self.absence = Absence::of(idle_since, now, sleep).map(Box::new);
    }

    /// Records that the request for this step was sent.
    pub(super) fn record_sent(&mut self, step: NextStep, now: Instant) {
        self.last_sent_at = now;
        self.is_setting_new = false;
        match step {
            NextStep::Touch => {
                self.is_touch_requested = false;
                self.touch_tried_at = Some(now);
            }
            NextStep::Verify => {
                if let Some(verification) = &mut self.verification {
                    verification.attempts = verification.attempts.saturating_add(1);
                    verification.attempted_at = Some(now);
                }
            }
            NextStep::Peek => self.is_peek_first = false,
            NextStep::Confirm | NextStep::ReadTimeout => {}
        }
    }

    /// Records that something other than the API answered the peek for a proof.
    pub(super) fn proof_blocked(&mut self) {
        self.proofs_blocked = self.proofs_blocked.saturating_add(1);
    }

    /// Returns true if something other than the API answers the peeks for a proof.
    pub(super) fn is_proof_blocked(&self) -> bool {
        self.proofs_blocked > 0
    }

    /// Returns true if the other touch is to be made because the proofs for this one are blocked:
    /// the touch that was proven before is used, or both in turn.
    pub(super) fn wants_other_than(&self, touch: Touch) -> bool {
        let is_unprovable = self.reset == Reset::Unproven && self.proofs_blocked > 0;
        is_unprovable
            && match self.proven_touch {
                Some(proven) => proven != touch,
                None => self.touches_unproven % 2 == 1,
            }
    }

    /// Returns the earliest instant of the next peek for a proof.
    fn proof_at(&self, verification: &Verification, context: &Context<'_>) -> Instant {
        match verification.attempted_at {
            Some(at) if self.proofs_blocked >= PROOFS_BLOCKED_MAX => {
                at + self.idle_timeout(context).duration / PROOFS_AN_IDLE_TIMEOUT
            }
            Some(_) | None => Instant::BOOT,
        }
    }

    /// Handles the end of a suspension of the machine. If a step was due meanwhile, the token is
    /// peeked at before it is touched.
    pub(super) fn handle_resume(
        &mut self,
        slept: Duration,
        context: &Context<'_>,
        peek_at: Instant,
        now: Instant,
    ) {
        self.sleep = Some(Box::new(Sleep {
            length: slept,
            woken_at: now,
        }));
        let due_at = self.deadline.map(|deadline| match context.policy.intent {
            Intent::Keep => self.schedule(context).margin_at(deadline),
            Intent::Lapse => deadline + LAPSED_AFTER,
        });
        if due_at.is_some_and(|at| at <= now && now < at + slept) {
            self.peek_at = Some(peek_at);
        }
    }

    /// Schedules a peek before any other step, since the token may have ended.
    pub(super) fn peek_first(&mut self, now: Instant) {
        self.peek_at = Some(now);
    }

    /// Returns true if a reading of the timeout, which may reset the idle timer, comes so shortly
    /// before an unproven touch that their effects could not be distinguished: the server reports
    /// times in whole seconds. This matters only if the token idles out within seconds, as in a
    /// test organisation, because otherwise there is time for another proof.
    fn would_obscure_proof(
        &self,
        context: &Context<'_>,
        touch: Option<(Instant, NextStep)>,
        read_at: Instant,
    ) -> bool {
        let apart = context.limits.floor * 3;
        self.reset == Reset::Unproven
            && self
                .seen_left_max
                .is_some_and(|left| left < IDLE_TIMEOUT_SHORT)
            && touch.is_some_and(|(touch_at, _)| touch_at < read_at + apart)
    }

    /// Returns the circumstances of the token's refusal.
    pub(super) fn death(&self, outcome: &Outcome, context: &Context<'_>, now: Instant) -> Death {
        Death {
            correlation_id: outcome.correlation_id.clone(),
            idle: Idleness::of(self.deadline, now),
            basis: self.basis(context, now),
            failed: self.failed.clone(),
            absence: self.absence.as_deref().copied(),
            since_touch: self.touched_at.map(|touched_at| now.since(touched_at)),
            age: now.since(self.seen_at),
            was_alive: true,
            was_proven: self.reset == Reset::Proven && self.touches_unproven == 0,
            excluded: self.reset == Reset::Excluded,
            expired: self.expiry.filter(|expiry| expiry.explains(now)),
        }
    }

    /// Returns the way in which the deadline is known.
    fn basis(&self, context: &Context<'_>, now: Instant) -> Option<DeadlineBasis> {
        let deadline = self.deadline?;
        // A report later than the proven timeout allows is cut, by less than a second where only
        // the precision of `Date` is the cause.
        let is_reported = |seen: &SeenDeadline| {
            self.touched_at.is_none_or(|at| at <= seen.sent_at)
                && seen.deadline.is_some_and(|reported| {
                    deadline <= reported && reported <= deadline + DATE_PRECISION
                })
        };
        Some(match self.seen.filter(is_reported) {
            Some(seen) => DeadlineBasis::Reported(now.since(seen.sent_at)),
            None => DeadlineBasis::Computed(self.idle_timeout(context)),
        })
    }

    fn never_idles_out(&self, context: &Context<'_>) -> bool {
        self.seen.is_none()
            && context.policy.idle_timeout.is_none()
            && context.organisation.is_disabled()
    }

    fn watch_at(&self, context: &Context<'_>, now: Instant) -> Option<Instant> {
        if self.is_peek_requested {
            return Some(now);
        }
        let slow = self.peeked_at + context.limits.peek_every;
        match context.policy.intent {
            Intent::Keep => match self.deadline {
                Some(deadline) if self.is_end_awaited(deadline) => Some(deadline + LAPSED_AFTER),
                _ => self.touch_at(context, now).is_none().then_some(slow),
            },
            Intent::Lapse => Some(match self.deadline {
                // The token outlived its reported deadline, which was wrong.
                Some(deadline) if self.peeked_at >= deadline + LAPSED_AFTER => {
                    slow.min(self.half_timeout_after_peek(context))
                }
                Some(deadline) => lapse_peek_at(deadline, self.peeked_at, context.limits),
                None => slow.min(self.half_timeout_after_peek(context)),
            }),
        }
    }

    /// Returns true if a token that no touch keeps alive is to be peeked at when it idles out.
    fn is_end_awaited(&self, deadline: Instant) -> bool {
        self.reset == Reset::Excluded && self.peeked_at < deadline + LAPSED_AFTER
    }

    fn half_timeout_after_peek(&self, context: &Context<'_>) -> Instant {
        let half = self.idle_timeout(context).duration / 2;
        self.peeked_at + half.max(PEEK_AGAIN_AFTER)
    }
}
