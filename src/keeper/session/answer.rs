//! The effect of an answer on a session and on its living token.

use std::time::Duration;

use super::super::backoff::RefusedRequest;
use super::super::event::{Death, EventKind, FailureReason, TokenId};
use super::super::live_token::{FailedTouch, FailedTouches, LiveToken, NextStep, Risk, Verified};
use super::super::organisation::OrganisationId;
use super::super::proof::Reset;
use super::super::{
    BlockReason, Failure, Intent, NotTheApi, Operation, Outcome, Refusal, TimeoutReport,
    TokenReport, Touch, Verdict,
};
use super::{
    InFlight, KeeperState, LastAnswer, RequestPurpose, Session, TimeoutChange, TimeoutUpdate,
    TokenEnding, TokenState,
};
use crate::keeper::Ticket;
use crate::time::Instant;

/// The longest interval between readings of the timeout of an organisation that has none: an
/// enabled timeout of 5 minutes, the shortest, is detected with time for two attempts.
const WATCH_FOR_ENABLED: Duration = Duration::from_secs(140);

impl Session {
    /// Handles an outcome; one with a stale ticket is dropped.
    pub(in crate::keeper) fn receive(
        &mut self,
        ticket: Ticket,
        outcome: &Outcome,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        let Some(in_flight) = self
            .in_flight
            .take_if(|in_flight| in_flight.ticket == ticket)
        else {
            return;
        };
        self.last_answer = Some(LastAnswer {
            operation: in_flight.operation,
            verdict: outcome.verdict.as_str(),
            status: outcome.status,
            at: now,
        });
        let of_ticket = |token: &TokenId| token.generation == ticket.generation;
        let token = self.tokens().find(of_ticket);
        self.emit(
            token,
            EventKind::Answered {
                operation: in_flight.operation,
                sent_at: in_flight.sent_at,
                queued: in_flight.queued,
                outcome: outcome.clone(),
            },
            now,
            shared,
        );
        match in_flight.purpose {
            RequestPurpose::Revoke => self.receive_revocation(&in_flight, outcome, now, shared),
            RequestPurpose::Prove => self.receive_for_candidate(&in_flight, outcome, now, shared),
            RequestPurpose::Overlap => self.receive_for_earlier(&in_flight, outcome, now, shared),
            RequestPurpose::Release => self.receive_release(&in_flight, outcome, now, shared),
            RequestPurpose::Step(step) => {
                self.receive_for_live_token(step, &in_flight, outcome, now, shared);
            }
        }
    }

    fn receive_for_live_token(
        &mut self,
        step: NextStep,
        in_flight: &InFlight,
        outcome: &Outcome,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        let TokenState::Alive(mut live) = std::mem::replace(&mut self.present, TokenState::Absent)
        else {
            return;
        };
        if step == NextStep::ReadTimeout {
            live.record_reading();
        }
        let verdict = &outcome.verdict;
        match verdict {
            Verdict::Refused(refusal) => match (step, refusal) {
                (NextStep::Confirm, Refusal::BadCredentials) => {
                    // A transient error of the API must not end a token. The first
                    // `bad.credentials` is therefore confirmed by another one seconds later.
                    let confirm_after = shared.limits.confirm_after;
                    let doubt = live.tries.doubt.as_mut();
                    if doubt.is_none_or(|doubt| doubt.confirm(now, confirm_after)) {
                        return self.end_token(&live, outcome, now, shared);
                    }
                }
                (NextStep::Confirm, Refusal::Unread) => {
                    let verdict = unread();
                    self.record_failure(&mut live, step, in_flight, &verdict, now, shared);
                }
                // The last attempt before the deadline is a touch even while a 401 is to be
                // confirmed. Its own 401 must not restart the confirmation.
                _ if live.tries.doubt.is_some() => {}
                _ => live.tries.doubt(refused_request(in_flight.operation), now),
            },
            Verdict::Accepted | Verdict::Alive(_)
                if matches!(in_flight.operation, Operation::Touch(_))
                    && !live.record_answer(in_flight.operation, outcome, in_flight.sent_at) =>
            {
                let verdict = Verdict::Blocked(BlockReason::NotTheApi(NotTheApi::Cached));
                self.record_failure(&mut live, step, in_flight, &verdict, now, shared);
            }
            Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) => {
                self.advance(&mut live, step, in_flight, outcome, now, shared);
            }
            Verdict::Blocked(_) | Verdict::Throttled { .. } | Verdict::Unreachable(_) => {
                if step == NextStep::ReadTimeout {
                    self.defer_reading(&mut live, in_flight, verdict, now, shared);
                } else {
                    self.record_failure(&mut live, step, in_flight, verdict, now, shared);
                }
            }
        }
        self.present = TokenState::Alive(live);
    }

    /// Handles a successful answer about the living token.
    fn advance(
        &mut self,
        live: &mut LiveToken,
        step: NextStep,
        in_flight: &InFlight,
        outcome: &Outcome,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        let sent_at = in_flight.sent_at;
        let context = self.context(live.organisation, shared);
        match (in_flight.operation, &outcome.verdict) {
            (Operation::Touch(touch), Verdict::Accepted | Verdict::Alive(_)) => {
                live.record_touch(touch, outcome.date, sent_at, &context);
                live.jitter = shared.rng.f64();
                self.accept_touch(live, touch, now, shared);
                if let Verdict::Alive(report) = &outcome.verdict {
                    self.announce_client_end(live.token, report.client_end, now, shared);
                    self.verify_by_own_answer(live, report, outcome, sent_at, now, shared);
                }
            }
            (Operation::Peek, Verdict::Alive(_))
                if !live.record_answer(Operation::Peek, outcome, sent_at) =>
            {
                live.record_cached_peek(sent_at);
            }
            (Operation::Peek, Verdict::Alive(report)) => {
                live.learn(report, outcome.date, sent_at, now, &context);
                self.announce_client_end(live.token, report.client_end, now, shared);
                if step == NextStep::Verify {
                    self.verify(live, report, outcome, sent_at, now, shared);
                }
                self.evaluate_failed_touch(live, now, shared);
            }
            (Operation::ReadTimeout, Verdict::Timeout(report)) => {
                self.read_timeout(live, report, now, shared);
            }
            // The answer does not match the operation, so that it cannot be the API's.
            _ => {
                let verdict = Verdict::Blocked(BlockReason::NotTheApi(NotTheApi::UnexpectedBody));
                return self.record_failure(live, step, in_flight, &verdict, now, shared);
            }
        }
        match live.tries.doubt.as_ref().map(|doubt| doubt.request) {
            Some(RefusedRequest::Touch(touch)) if step == NextStep::Confirm => {
                self.refuse_touch(live, touch, in_flight, now, shared);
            }
            Some(RefusedRequest::ReadTimeout) if step == NextStep::Confirm => {
                let read_at = now + shared.limits.timeout_refresh;
                shared.organisations.read_again(live.organisation, read_at);
                note_unreadable(live.organisation, shared);
                let kind = EventKind::TimeoutNotPermitted("401".into());
                self.emit(Some(live.token), kind, now, shared);
                self.recover(live, now, shared);
            }
            Some(_) | None => self.recover_unless_touches_fail(live, step, now, shared),
        }
    }

    /// Records the recovery after a successful request, unless it proves nothing about touches:
    /// while touches fail and one is due, or are accepted and do not count, their retry delays and
    /// the risk remain.
    fn recover_unless_touches_fail(
        &self,
        live: &mut LiveToken,
        step: NextStep,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        let context = self.context(live.organisation, shared);
        let is_due = live.is_touch_due(&context, now);
        let proves_nothing = match step {
            NextStep::Touch => live.reset == Reset::Excluded,
            NextStep::Confirm | NextStep::Verify | NextStep::ReadTimeout | NextStep::Peek => {
                is_due && live.failed_touches.last().is_some()
            }
        };
        if proves_nothing {
            live.tries.doubt = None;
            return;
        }
        if step == NextStep::Touch && live.is_proof_blocked() {
            // The obstacle to the proof remains. The blocked state is kept, so that not every
            // touch emits a recovery and then a block again.
            live.risk = Risk::None;
            live.tries.doubt = None;
            live.tries.retry_now();
            return;
        }
        live.failed_touches = FailedTouches::default();
        self.recover(live, now, shared);
    }

    /// Records that a touch was refused although the token is alive; the other one is tried next.
    fn refuse_touch(
        &self,
        live: &mut LiveToken,
        touch: Touch,
        in_flight: &InFlight,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        live.tries.doubt = None;
        self.emit(Some(live.token), EventKind::Unconfirmed, now, shared);
        let failure = Verdict::Unreachable(Failure::TouchRefused(touch));
        live.failed_touches.record(touch, &failure);
        let organisation = shared.organisations.of_mut(live.organisation);
        organisation.touches.refuse(touch, now);
        let has_other = !live.failed_touches.has(touch.other())
            && !organisation.touches.is_excluded(touch.other(), now);
        self.record_failure(live, NextStep::Confirm, in_flight, &failure, now, shared);
        if has_other {
            // The refusal may be long ago and the deadline near, so the other touch does not wait.
            live.tries.retry_now();
        }
    }

    /// Records an accepted touch. If the other one failed just before, this one is used from then
    /// on, provided that the failure was a refusal or happened twice.
    fn accept_touch(
        &self,
        live: &mut LiveToken,
        touch: Touch,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        let failed = std::mem::take(&mut live.failed_touches);
        let known = &mut shared.organisations.of_mut(live.organisation).touches;
        known.accept(touch);
        let Some(last) = failed.last() else {
            return;
        };
        // If both touches failed, the cause was the server or the network, not the method.
        let is_method_at_fault = failed.has(touch.other()) && !failed.has(touch);
        if is_method_at_fault && (last.is_refused || known.suspect(last.touch)) {
            self.note_refused(live, last, now, shared);
        }
    }

    /// Records a refused touch once a peek shows that the token is alive: the refusal then
    /// concerns the method and not the token.
    fn evaluate_failed_touch(&self, live: &mut LiveToken, now: Instant, shared: &mut KeeperState) {
        if let Some(last) = live.failed_touches.last().cloned()
            && last.is_refused
            && !live.failed_touches.has(last.touch.other())
        {
            self.note_refused(live, &last, now, shared);
        }
    }

    fn note_refused(
        &self,
        live: &LiveToken,
        failed: &FailedTouch,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        let known = &mut shared.organisations.of_mut(live.organisation).touches;
        let was_known = known.is_refused(failed.touch, now);
        known.refuse(failed.touch, now);
        if !was_known {
            let kind = EventKind::TouchRefused(failed.touch, failed.reason.clone());
            self.emit(Some(live.token), kind, now, shared);
        }
    }

    fn read_timeout(
        &self,
        live: &LiveToken,
        report: &TimeoutReport,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        let organisation = shared.organisations.of_mut(live.organisation);
        organisation.is_unreadable = false;
        let is_new = organisation.report.as_ref() != Some(report);
        let earlier = is_new.then(|| organisation.report.replace(report.clone()));
        let refresh = if organisation.is_disabled() {
            // A timeout that is enabled later may be shorter than the refresh.
            shared.limits.timeout_refresh.min(WATCH_FOR_ENABLED)
        } else {
            shared.limits.timeout_refresh
        };
        shared
            .organisations
            .read_again(live.organisation, now + refresh);
        let Some(earlier) = earlier else {
            return;
        };
        let update = match earlier {
            None => TimeoutUpdate::Known,
            Some(_) => TimeoutUpdate::Changed,
        };
        shared.changed.push(TimeoutChange {
            organisation: live.organisation,
            update,
        });
        self.emit(
            Some(live.token),
            EventKind::TimeoutRead(report.clone()),
            now,
            shared,
        );
    }

    /// Verifies a `GET` touch by its own answer, if that shows a moved deadline. An answer with the
    /// old deadline is no evidence against the touch, since the server may have written it before it
    /// reset the timer; it only shows that such answers prove nothing.
    fn verify_by_own_answer(
        &mut self,
        live: &mut LiveToken,
        report: &TokenReport,
        outcome: &Outcome,
        sent_at: Instant,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        let context = self.context(live.organisation, shared);
        let mut touches = context.organisation.touches;
        let is_trusted = touches.trusts_own_answer();
        let proof = live.evaluate_own_answer(report, outcome.date, &context, &mut touches, sent_at);
        if live.shows_movement(report, outcome.date) {
            live.learn(report, outcome.date, sent_at, now, &context);
        }
        shared.organisations.of_mut(live.organisation).touches = touches;
        if let Some(verification) = proof {
            self.verify(live, report, outcome, sent_at, now, shared);
            live.confirm_own_answer(verification, is_trusted);
        }
    }

    fn verify(
        &mut self,
        live: &mut LiveToken,
        report: &TokenReport,
        outcome: &Outcome,
        sent_at: Instant,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        let context = self.context(live.organisation, shared);
        let mut touches = context.organisation.touches;
        let verified = live.verify(report, outcome.date, &context, &mut touches, sent_at);
        shared.organisations.of_mut(live.organisation).touches = touches;
        let kind = match verified {
            Some(Verified::Proven {
                touch,
                was_excluded,
            }) => EventKind::ResetProven {
                touch,
                was_excluded,
            },
            Some(Verified::TryOther(touch)) => EventKind::TouchExcluded(touch),
            Some(Verified::Excluded) if self.exclusion_reported == Some(live.organisation) => {
                return;
            }
            Some(Verified::Excluded) => EventKind::Excluded,
            None => return,
        };
        if kind == EventKind::Excluded {
            self.exclusion_reported = Some(live.organisation);
        } else if let EventKind::ResetProven { .. } = kind {
            self.exclusion_reported = None;
        }
        self.emit(Some(live.token), kind, now, shared);
    }

    /// Resets the failures and the risk, and emits an event if there were any.
    fn recover(&self, live: &mut LiveToken, now: Instant, shared: &mut KeeperState) {
        let tries = live.tries.succeed();
        let risk = std::mem::take(&mut live.risk);
        if risk != Risk::None || tries.blocked.is_some() {
            let kind = EventKind::Recovered {
                failures: tries.failures,
            };
            self.emit(Some(live.token), kind, now, shared);
        } else if tries.doubt.is_some() {
            self.emit(Some(live.token), EventKind::Unconfirmed, now, shared);
        }
    }

    fn end_token(
        &mut self,
        live: &LiveToken,
        outcome: &Outcome,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        self.refused = Some(live.token.fingerprint);
        let death = live.death(outcome, &self.context(live.organisation, shared), now);
        shared.organisations.leave(self.id, live.organisation);
        self.end_refused(live.token, death, now, shared);
    }

    /// Ends the session's token, which was refused: it is lost, or lapsed as intended.
    pub(super) fn end_refused(
        &mut self,
        token: TokenId,
        death: Death,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        let (end, kind) = match self.policy.intent {
            Intent::Keep => (TokenEnding::Lost(death.clone()), EventKind::Lost(death)),
            Intent::Lapse => (TokenEnding::Lapsed(death.clone()), EventKind::Lapsed(death)),
        };
        self.end(token, end, kind, now, shared);
    }

    fn record_failure(
        &self,
        live: &mut LiveToken,
        step: NextStep,
        in_flight: &InFlight,
        verdict: &Verdict,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        let was_blocked = live.tries.blocked.clone();
        live.record_failed(FailureReason::of_missing(verdict), in_flight.sent_at, now);
        let fails_over = match (step, in_flight.operation) {
            (NextStep::Touch, Operation::Touch(touch)) => {
                record_failed_touch(live, touch, verdict, now, shared)
            }
            (NextStep::Verify, _) if matches!(verdict, Verdict::Blocked(_)) => {
                live.proof_blocked();
                false
            }
            _ => false,
        };
        if fails_over {
            live.tries.fail_over(verdict);
        } else {
            let sent_at = in_flight.sent_at;
            live.tries
                .fail(verdict, sent_at, now, &shared.limits, &mut shared.rng);
        }
        if let Some(block_reason) = &live.tries.blocked
            && was_blocked.as_ref() != Some(block_reason)
        {
            let kind = EventKind::Blocked(block_reason.as_ref().clone());
            self.emit(Some(live.token), kind, now, shared);
        }
        self.record_risk(live, verdict, now, shared);
    }

    fn record_risk(
        &self,
        live: &mut LiveToken,
        verdict: &Verdict,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        let Some(deadline) = live.deadline.filter(|_| self.policy.intent == Intent::Keep) else {
            return;
        };
        let margin_at = live
            .schedule(&self.context(live.organisation, shared))
            .margin_at(deadline);
        let is_repeated = live.tries.failures >= 2;
        let (risk, kind) = if now >= deadline {
            (
                Risk::Past,
                EventKind::PastDeadline(FailureReason::of_missing(verdict)),
            )
        } else if is_repeated && now >= margin_at {
            (
                Risk::Near,
                EventKind::AtRisk(FailureReason::of_missing(verdict)),
            )
        } else {
            return;
        };
        if risk > live.risk {
            live.risk = risk;
            self.emit(Some(live.token), kind, now, shared);
        }
    }

    /// Schedules the next reading of the organisation's timeout after one that failed. Such a
    /// failure is not one of the session, except for throttling.
    fn defer_reading(
        &self,
        live: &mut LiveToken,
        in_flight: &InFlight,
        verdict: &Verdict,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        note_unreadable(live.organisation, shared);
        if let Verdict::Blocked(BlockReason::Forbidden(code) | BlockReason::Rejected(_, code)) =
            verdict
        {
            shared
                .organisations
                .forbid_reading(self.id, live.organisation);
            let kind = EventKind::TimeoutNotPermitted(code.clone());
            return self.emit(Some(live.token), kind, now, shared);
        }
        let read_at = now + shared.limits.blocked_backoff.cap;
        shared.organisations.read_again(live.organisation, read_at);
        if let Verdict::Throttled { .. } = verdict {
            // The rate limit belongs to the token, so that it applies to touches as well.
            self.record_failure(live, NextStep::ReadTimeout, in_flight, verdict, now, shared);
        }
    }
}

/// Records a failed touch. Returns true if the other one is to be tried at once.
fn record_failed_touch(
    live: &mut LiveToken,
    touch: Touch,
    verdict: &Verdict,
    now: Instant,
    shared: &KeeperState,
) -> bool {
    let is_first = !live.failed_touches.has(touch);
    live.failed_touches.record(touch, verdict);
    let organisation = shared.organisations.of(live.organisation);
    let has_other = !organisation.touches.is_excluded(touch.other(), now);
    let is_blocked = matches!(verdict, Verdict::Blocked(_));
    // A touch without an answer may have counted all the same, which a peek shows. A blocked touch
    // without an alternative is followed by a peek as well, which may get through.
    let may_have_counted = matches!(
        verdict,
        Verdict::Unreachable(Failure::TimedOut | Failure::Broken)
    );
    live.is_peek_first = is_first && (may_have_counted || (is_blocked && !has_other));
    is_blocked && has_other && !live.failed_touches.has(touch.other())
}

/// Records that the organisation's timeouts could not be read.
fn note_unreadable(organisation: OrganisationId, shared: &mut KeeperState) {
    let entry = shared.organisations.of_mut(organisation);
    if entry.report.is_none() && !entry.is_unreadable {
        entry.is_unreadable = true;
        shared.changed.push(TimeoutChange {
            organisation,
            update: TimeoutUpdate::Unreadable,
        });
    }
}

fn refused_request(operation: Operation) -> RefusedRequest {
    match operation {
        Operation::Touch(touch) => RefusedRequest::Touch(touch),
        Operation::ReadTimeout => RefusedRequest::ReadTimeout,
        Operation::Peek | Operation::Revoke => RefusedRequest::Peek,
    }
}

/// Returns the verdict for a 401 to a peek without a readable code.
pub(super) fn unread() -> Verdict {
    Verdict::Blocked(BlockReason::Rejected(401, "no code could be read".into()))
}
