//! The effect of an answer on a new token that is not proven alive yet.

use super::super::backoff::RefusedRequest;
use super::super::candidate::{Candidate, Issuer};
use super::super::event::{EventKind, FailureReason};

use super::super::live_token::LiveToken;
use super::super::{
    BlockReason, Intent, NotTheApi, Operation, Outcome, Refusal, TokenReport, Verdict,
};
use super::answer::unread;
use super::{InFlight, KeeperState, Session, TokenState};
use crate::time::Instant;

impl Session {
    pub(super) fn receive_for_candidate(
        &mut self,
        in_flight: &InFlight,
        outcome: &Outcome,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        let Some(mut candidate) = self.candidate.take() else {
            return;
        };
        let touch = match in_flight.operation {
            Operation::Touch(touch) => Some(touch),
            Operation::Peek | Operation::ReadTimeout | Operation::Revoke => None,
        };
        match &outcome.verdict {
            Verdict::Accepted | Verdict::Alive(_) if outcome.is_cached => {
                let verdict = Verdict::Blocked(BlockReason::NotTheApi(NotTheApi::Cached));
                self.record_candidate_failure(&mut candidate, in_flight, &verdict, now, shared);
            }
            Verdict::Alive(report) => {
                return self.promote(&candidate, report, in_flight, outcome, now, shared);
            }
            // The touch probably reset the idle timer; a peek must still prove the token alive.
            Verdict::Accepted if touch.is_some() => {
                candidate.touched_at = Some(in_flight.sent_at);
                candidate.failed_touch = None;
            }
            // The answer to a refused touch has no code: the next peek reads it.
            Verdict::Refused(_) if touch.is_some() => candidate.failed_touch = touch,
            Verdict::Refused(Refusal::BadCredentials) => {
                if candidate.refuse(&shared.limits.prove_again_after, now) {
                    return self.end_candidate(&candidate, outcome, now, shared);
                }
            }
            Verdict::Refused(Refusal::Unread) if candidate.tries.doubt.is_none() => {
                candidate.tries.doubt(RefusedRequest::Peek, now);
            }
            Verdict::Refused(Refusal::Unread) => {
                self.record_candidate_failure(&mut candidate, in_flight, &unread(), now, shared);
            }
            verdict @ (Verdict::Accepted
            | Verdict::Timeout(_)
            | Verdict::Blocked(_)
            | Verdict::Throttled { .. }
            | Verdict::Unreachable(_)) => {
                candidate.failed_touch = touch.or(candidate.failed_touch);
                self.record_candidate_failure(&mut candidate, in_flight, verdict, now, shared);
            }
        }
        self.candidate = Some(candidate);
    }

    /// Makes the newer token, which is proven alive, the session's token, unless its issuer is
    /// another one than that of the living token.
    fn promote(
        &mut self,
        candidate: &Candidate,
        report: &TokenReport,
        in_flight: &InFlight,
        outcome: &Outcome,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        let mut issuer = Issuer::of(report);
        let mismatch = self
            .mismatch(&issuer)
            .filter(|_| !candidate.is_from_elsewhere);
        if let Some(mismatch) = mismatch {
            self.mismatched = Some(Box::new((candidate.token.fingerprint, now)));
            let kind = EventKind::NewerMismatched(Box::new(mismatch));
            return self.emit(Some(candidate.token), kind, now, shared);
        }
        self.mismatched = None;
        let replaces = self.leave_organisation(shared);
        self.begin_overlap(now, shared);
        let organisation = shared.organisations.enter(
            self.id,
            self.policy.intent == Intent::Keep,
            self.host,
            report.organisation.as_ref(),
            now,
        );
        let entry = shared.organisations.of_mut(organisation);
        if report.organisation_name.is_some() && report.organisation_name != entry.name {
            entry.name.clone_from(&report.organisation_name);
        }
        issuer.organisation.clone_from(&entry.id);
        let jitter = shared.rng.f64();
        let mut live = LiveToken::new(
            candidate.token,
            organisation,
            candidate.seen_at,
            now,
            jitter,
        );
        live.expiry = candidate.expiry;
        if !candidate.is_from_elsewhere {
            live.issuer = issuer;
        }
        // A cache may repeat this answer later.
        live.record_answer(in_flight.operation, outcome, in_flight.sent_at);
        live.learn(
            report,
            outcome.date,
            in_flight.sent_at,
            now,
            &self.context(organisation, shared),
        );
        self.present = TokenState::Alive(Box::new(live));
        self.estimate_expiry();
        self.emit(
            Some(candidate.token),
            EventKind::Alive { replaces },
            now,
            shared,
        );
        self.announce_client_end(candidate.token, report.client_end, now, shared);
    }

    fn end_candidate(
        &mut self,
        candidate: &Candidate,
        outcome: &Outcome,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        let death = candidate.death(outcome, now);
        self.refused = Some(candidate.token.fingerprint);
        match &self.present {
            TokenState::Alive(_) => {
                let kind = EventKind::NewerRefused(death);
                self.emit(Some(candidate.token), kind, now, shared);
            }
            TokenState::Absent | TokenState::Ended(_) => {
                self.end_refused(candidate.token, death, now, shared);
            }
        }
    }

    fn record_candidate_failure(
        &self,
        candidate: &mut Candidate,
        in_flight: &InFlight,
        verdict: &Verdict,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        match verdict {
            Verdict::Blocked(_) => {
                candidate.blocked_answers = candidate.blocked_answers.saturating_add(1);
            }
            Verdict::Accepted
            | Verdict::Alive(_)
            | Verdict::Timeout(_)
            | Verdict::Refused(_)
            | Verdict::Throttled { .. }
            | Verdict::Unreachable(_) => {}
        }
        let was_blocked = candidate.tries.blocked.clone();
        let sent_at = in_flight.sent_at;
        candidate
            .tries
            .fail(verdict, sent_at, now, &shared.limits, &mut shared.rng);
        let kind = match &candidate.tries.blocked {
            Some(block_reason) if was_blocked.as_ref() != Some(block_reason) => {
                EventKind::Blocked(block_reason.as_ref().clone())
            }
            None if !candidate.is_reported => {
                EventKind::Unanswered(FailureReason::of_missing(verdict))
            }
            Some(_) | None => return,
        };
        candidate.is_reported = true;
        self.emit(Some(candidate.token), kind, now, shared);
    }

    /// Removes the session from the organisation of its living token. Returns true if it has one.
    pub(super) fn leave_organisation(&self, shared: &mut KeeperState) -> bool {
        if let TokenState::Alive(live) = &self.present {
            shared.organisations.leave(self.id, live.organisation);
            return true;
        }
        false
    }
}
