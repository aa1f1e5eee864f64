//! What an answer does to a token that is to prove itself.

use super::super::candidate::Candidate;
use super::super::event::EventKind;
use super::super::held::Held;
use super::super::{Instant, Intent, Outcome, Refusal, TokenReport, Verdict};
use super::answer::{hindrance, unread};
use super::{End, Ended, InFlight, Present, Session, Shared};

impl Session {
    pub(super) fn receive_for_candidate(
        &mut self,
        in_flight: &InFlight,
        outcome: &Outcome,
        now: Instant,
        shared: &mut Shared,
    ) {
        let Some(mut candidate) = self.candidate.take() else {
            return;
        };
        match &outcome.verdict {
            Verdict::Alive(report) => {
                return self.promote(&candidate, report, in_flight, outcome, now, shared);
            }
            Verdict::Refused(refusal) => match (candidate.tries.doubt, refusal) {
                (false, _) => candidate.tries.doubt(now),
                (true, Refusal::BadCredentials) => {
                    return self.bury_candidate(&candidate, outcome, now, shared);
                }
                (true, Refusal::Unread) => {
                    self.hinder_candidate(&mut candidate, &unread(), now, shared);
                }
            },
            verdict @ (Verdict::Accepted
            | Verdict::Timeout(_)
            | Verdict::Blocked(_)
            | Verdict::Throttled { .. }
            | Verdict::Unreachable(_)) => {
                self.hinder_candidate(&mut candidate, verdict, now, shared);
            }
        }
        self.candidate = Some(candidate);
    }

    /// The newer token lives: it is the session's token from now on.
    fn promote(
        &mut self,
        candidate: &Candidate,
        report: &TokenReport,
        in_flight: &InFlight,
        outcome: &Outcome,
        now: Instant,
        shared: &mut Shared,
    ) {
        let replaces = self.leave_organisation(shared);
        let organisation = shared.organisations.enter(
            self.id,
            self.policy.intent == Intent::Keep,
            self.host,
            report.organisation.as_ref(),
            now,
        );
        if report.organisation_name.is_some() {
            let found = shared.organisations.of_mut(organisation);
            found.name.clone_from(&report.organisation_name);
        }
        let jitter = shared.rng.f64();
        let mut held = Held::new(
            candidate.token,
            organisation,
            candidate.seen_at,
            now,
            jitter,
        );
        held.learn(
            report,
            outcome.date,
            in_flight.sent_at,
            now,
            &self.outlook(organisation, shared),
        );
        self.present = Present::Held(Box::new(held));
        self.tell(
            Some(candidate.token),
            EventKind::Held { replaces },
            now,
            shared,
        );
    }

    fn bury_candidate(
        &mut self,
        candidate: &Candidate,
        outcome: &Outcome,
        now: Instant,
        shared: &mut Shared,
    ) {
        let death = candidate.death(outcome, now);
        self.refused = Some(candidate.token.fingerprint);
        let kind = match (&self.present, self.policy.intent) {
            (Present::Held(_), _) => EventKind::NewerRefused(death),
            (Present::Absent | Present::Ended(_), Intent::Keep) => {
                let end = End::Lost(death.clone());
                self.present = Present::Ended(Ended {
                    token: candidate.token,
                    end,
                });
                EventKind::Lost(death)
            }
            (Present::Absent | Present::Ended(_), Intent::Lapse) => {
                let end = End::Lapsed(death.clone());
                self.present = Present::Ended(Ended {
                    token: candidate.token,
                    end,
                });
                EventKind::Lapsed(death)
            }
        };
        self.tell(Some(candidate.token), kind, now, shared);
    }

    fn hinder_candidate(
        &self,
        candidate: &mut Candidate,
        verdict: &Verdict,
        now: Instant,
        shared: &mut Shared,
    ) {
        let was_blocked = candidate.tries.blocked.take();
        candidate
            .tries
            .fail(verdict, None, now, &shared.limits, &mut shared.rng);
        let kind = match &candidate.tries.blocked {
            Some(blockage) if was_blocked.as_ref() != Some(blockage) => {
                EventKind::Blocked(blockage.clone())
            }
            None if !candidate.is_told => EventKind::Unanswered(hindrance(verdict)),
            Some(_) | None => return,
        };
        candidate.is_told = true;
        self.tell(Some(candidate.token), kind, now, shared);
    }

    /// Leaves the organisation of the token that lives, if one does.
    pub(super) fn leave_organisation(&self, shared: &mut Shared) -> bool {
        if let Present::Held(held) = &self.present {
            shared.organisations.leave(self.id, held.organisation);
            return true;
        }
        false
    }
}
