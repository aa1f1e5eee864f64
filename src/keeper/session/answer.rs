//! What an answer does to a session.

use super::super::backoff::Doubted;
use super::super::candidate::obstacle;
use super::super::event::{EventKind, Obstacle, TokenId};
use super::super::held::{Held, Risk, Step, Verified};
use super::super::{
    Blockage, Failure, Instant, Intent, NotTheApi, Operation, Outcome, Refusal, TimeoutReport,
    TokenReport, Touch, Verdict,
};
use super::{Change, End, Ended, InFlight, LastAnswer, News, Present, Purpose, Session, Shared};
use crate::keeper::Ticket;

impl Session {
    /// Takes in an outcome; one whose ticket is stale is dropped.
    pub(in crate::keeper) fn receive(
        &mut self,
        ticket: Ticket,
        outcome: &Outcome,
        now: Instant,
        shared: &mut Shared,
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
        let token = self.token_of(ticket);
        self.tell(
            token,
            EventKind::Answered {
                operation: in_flight.operation,
                sent_at: in_flight.sent_at,
                outcome: outcome.clone(),
            },
            now,
            shared,
        );
        match in_flight.purpose {
            Purpose::Revoke => self.receive_revocation(outcome, now, shared),
            Purpose::Prove => self.receive_for_candidate(&in_flight, outcome, now, shared),
            Purpose::Step(step) => self.receive_for_held(step, &in_flight, outcome, now, shared),
        }
    }

    /// The token that a request was made with.
    fn token_of(&self, ticket: Ticket) -> Option<TokenId> {
        let held = match &self.present {
            Present::Held(held) => Some(held.token),
            Present::Absent | Present::Ended(_) => None,
        };
        let candidate = self.candidate.as_ref().map(|candidate| candidate.token);
        let mut tokens = held.into_iter().chain(candidate);
        tokens.find(|token| token.generation == ticket.generation)
    }

    fn receive_for_held(
        &mut self,
        step: Step,
        in_flight: &InFlight,
        outcome: &Outcome,
        now: Instant,
        shared: &mut Shared,
    ) {
        let Present::Held(mut held) = std::mem::replace(&mut self.present, Present::Absent) else {
            return;
        };
        if step == Step::ReadTimeout {
            held.read();
        }
        let verdict = &outcome.verdict;
        match verdict {
            Verdict::Refused(refusal) => match (step, refusal) {
                (Step::Confirm, Refusal::BadCredentials) => {
                    return self.bury_held(&held, outcome, now, shared);
                }
                (Step::Confirm, Refusal::Unread) => {
                    self.hinder_held(&mut held, &unread(), now, shared);
                }
                _ => held.tries.doubt(doubted(in_flight.operation), now),
            },
            Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) => {
                self.advance(&mut held, step, in_flight, outcome, now, shared);
            }
            Verdict::Blocked(_) | Verdict::Throttled { .. } | Verdict::Unreachable(_) => {
                if step == Step::ReadTimeout {
                    self.defer_reading(&mut held, verdict, now, shared);
                } else {
                    self.hinder_held(&mut held, verdict, now, shared);
                }
            }
        }
        self.present = Present::Held(held);
    }

    /// The server did what it was asked.
    fn advance(
        &mut self,
        held: &mut Held,
        step: Step,
        in_flight: &InFlight,
        outcome: &Outcome,
        now: Instant,
        shared: &mut Shared,
    ) {
        let sent_at = in_flight.sent_at;
        let outlook = self.outlook(held.organisation, shared);
        match (in_flight.operation, &outcome.verdict) {
            (Operation::Touch(touch), Verdict::Accepted | Verdict::Alive(_)) => {
                held.touched(touch, outcome.date, sent_at, &outlook);
                self.refused_touch.take_if(|refused| *refused == touch);
                held.jitter = shared.rng.f64();
            }
            (Operation::Peek, Verdict::Alive(report)) => {
                held.learn(report, outcome.date, sent_at, now, &outlook);
                if step == Step::Verify {
                    self.verify(held, report, outcome, sent_at, now, shared);
                }
            }
            (Operation::ReadTimeout, Verdict::Timeout(report)) => {
                self.read_timeout(held, report, now, shared);
            }
            // A success, but of another operation: not the API.
            _ => {
                let verdict = Verdict::Blocked(Blockage::NotTheApi(NotTheApi::UnexpectedBody));
                return self.hinder_held(held, &verdict, now, shared);
            }
        }
        match held.tries.doubt {
            Some(Doubted::Touch(touch)) if step == Step::Confirm => {
                self.refuse_touch(held, touch, now, shared);
            }
            Some(Doubted::Reading) if step == Step::Confirm => {
                let read_at = now + shared.limits.timeout_refresh;
                shared.organisations.read_again(held.organisation, read_at);
                let kind = EventKind::TimeoutNotPermitted("401".into());
                self.tell(Some(held.token), kind, now, shared);
                self.recover(held, now, shared);
            }
            Some(_) | None => self.recover(held, now, shared),
        }
    }

    /// A touch is refused though the token lives: it has failed, and the other one is tried next.
    fn refuse_touch(&mut self, held: &mut Held, touch: Touch, now: Instant, shared: &mut Shared) {
        held.tries.doubt = None;
        let was_other_refused = self.refused_touch == Some(touch.other());
        self.refused_touch = Some(touch);
        self.tell(Some(held.token), EventKind::Unconfirmed, now, shared);
        let failure = Verdict::Unreachable(Failure::TouchRefused(touch));
        self.hinder_held(held, &failure, now, shared);
        if self.touch() == touch.other() && !was_other_refused {
            // The refusal may be long ago by now, and the deadline near.
            held.tries.retry_at = now;
        }
    }

    fn read_timeout(&self, held: &Held, report: &TimeoutReport, now: Instant, shared: &mut Shared) {
        let read_at = now + shared.limits.timeout_refresh;
        shared.organisations.read_again(held.organisation, read_at);
        let organisation = shared.organisations.of_mut(held.organisation);
        if organisation.report.as_ref() == Some(report) {
            return;
        }
        let news = match organisation.report.replace(report.clone()) {
            None => News::Known,
            Some(_) => News::Changed,
        };
        shared.changed.push(Change {
            organisation: held.organisation,
            news,
        });
        self.tell(
            Some(held.token),
            EventKind::TimeoutRead(report.clone()),
            now,
            shared,
        );
    }

    fn verify(
        &mut self,
        held: &mut Held,
        report: &TokenReport,
        outcome: &Outcome,
        sent_at: Instant,
        now: Instant,
        shared: &mut Shared,
    ) {
        let mut exclusions = self.exclusions;
        let outlook = self.outlook(held.organisation, shared);
        let verified = held.verify(report, outcome.date, &outlook, &mut exclusions, sent_at);
        self.exclusions = exclusions;
        let kind = match verified {
            Some(Verified::Proven {
                touch,
                was_excluded,
            }) => EventKind::ResetProven {
                touch,
                was_excluded,
            },
            Some(Verified::TryOther(touch)) => EventKind::TouchExcluded(touch),
            Some(Verified::Excluded) => EventKind::Excluded,
            None => return,
        };
        self.tell(Some(held.token), kind, now, shared);
    }

    /// Something was in the way and is not any more.
    fn recover(&self, held: &mut Held, now: Instant, shared: &mut Shared) {
        let tries = held.tries.succeed();
        let risk = std::mem::take(&mut held.risk);
        if risk != Risk::None || tries.blocked.is_some() {
            let kind = EventKind::Recovered {
                failures: tries.failures,
            };
            self.tell(Some(held.token), kind, now, shared);
        } else if tries.doubt.is_some() {
            self.tell(Some(held.token), EventKind::Unconfirmed, now, shared);
        }
    }

    fn bury_held(&mut self, held: &Held, outcome: &Outcome, now: Instant, shared: &mut Shared) {
        shared.organisations.leave(self.id, held.organisation);
        self.refused = Some(held.token.fingerprint);
        let death = held.death(outcome, now);
        let (end, kind) = match self.policy.intent {
            Intent::Keep => (End::Lost(death.clone()), EventKind::Lost(death)),
            Intent::Lapse => (End::Lapsed(death.clone()), EventKind::Lapsed(death)),
        };
        self.present = Present::Ended(Ended {
            token: held.token,
            end,
        });
        self.tell(Some(held.token), kind, now, shared);
    }

    fn hinder_held(&self, held: &mut Held, verdict: &Verdict, now: Instant, shared: &mut Shared) {
        let was_blocked = held.tries.blocked.clone();
        let fit = held.fit(&self.outlook(held.organisation, shared));
        held.tries
            .fail(verdict, fit, now, &shared.limits, &mut shared.rng);
        if let Some(blockage) = &held.tries.blocked
            && was_blocked.as_ref() != Some(blockage)
        {
            let kind = EventKind::Blocked(blockage.clone());
            self.tell(Some(held.token), kind, now, shared);
        }
        let Some(deadline) = held.deadline.filter(|_| self.policy.intent == Intent::Keep) else {
            return;
        };
        let margin_at = held
            .schedule(&self.outlook(held.organisation, shared))
            .margin_at(deadline);
        let is_repeated = held.tries.failures >= 2;
        let (risk, kind) = if now >= deadline {
            (Risk::Past, EventKind::PastDeadline(hindrance(verdict)))
        } else if is_repeated && now >= margin_at {
            (Risk::Near, EventKind::AtRisk(hindrance(verdict)))
        } else {
            return;
        };
        if risk > held.risk {
            held.risk = risk;
            self.tell(Some(held.token), kind, now, shared);
        }
    }

    /// Reading the organisation's timeout failed: by itself no failure of the session's.
    fn defer_reading(&self, held: &mut Held, verdict: &Verdict, now: Instant, shared: &mut Shared) {
        if let Verdict::Blocked(Blockage::Forbidden(code) | Blockage::Rejected(_, code)) = verdict {
            shared
                .organisations
                .forbid_reading(self.id, held.organisation);
            let kind = EventKind::TimeoutNotPermitted(code.clone());
            return self.tell(Some(held.token), kind, now, shared);
        }
        let read_at = now + shared.limits.blocked_backoff.cap;
        shared.organisations.read_again(held.organisation, read_at);
        if let Verdict::Throttled { .. } = verdict {
            // The limit is the token's, whatever was asked.
            self.hinder_held(held, verdict, now, shared);
        }
    }
}

/// What a 401 to this makes doubtful.
fn doubted(operation: Operation) -> Doubted {
    match operation {
        Operation::Touch(touch) => Doubted::Touch(touch),
        Operation::ReadTimeout => Doubted::Reading,
        Operation::Peek | Operation::Revoke => Doubted::Look,
    }
}

/// A 401 to a peek without a code that could be read.
pub(super) fn unread() -> Verdict {
    Verdict::Blocked(Blockage::Rejected(401, "no code could be read".into()))
}

pub(super) fn hindrance(verdict: &Verdict) -> Obstacle {
    obstacle(verdict).unwrap_or(Obstacle::OutOfTime)
}
