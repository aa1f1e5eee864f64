//! The end of a session: its tokens are revoked or left, and no other request is made.

use std::time::Duration;

use super::super::backoff::{Fit, TIME_LIMIT_MIN, Tries};
use super::super::candidate::Candidate;
use super::super::event::{EventKind, FailureReason, TokenId};
use super::super::overlap::EarlierToken;
use super::super::{BlockReason, Intent, OnShutdown, Operation, Outcome, Refusal, Verdict};
use super::Choice;
use super::{EndedToken, InFlight, KeeperState, RequestPurpose, Session, TokenEnding, TokenState};
use crate::time::Instant;

/// The divisor of the remaining time that gives the time limit of one attempt: three attempts
/// fit, with the delays between them.
const ATTEMPTS: u32 = 4;

/// The tokens of a session that are still to be revoked, and the time limit of that.
#[derive(Debug)]
pub(in crate::keeper) struct PendingRevocations {
    /// The instant after which no attempt is made.
    pub(in crate::keeper) until: Instant,
    /// The time limit of one attempt.
    pub(super) attempt: Duration,
    /// The living tokens; the last one is revoked next.
    targets: Vec<Target>,
    pub(super) tries: Tries,
    /// The reason for which the last attempt failed.
    failure_reason: FailureReason,
}

/// A token that is to be revoked.
#[derive(Clone, Copy, Debug)]
struct Target {
    token: TokenId,
    /// The reason for a peek that shows if the token is alive, before another revocation.
    check: Option<RevocationCheck>,
}

/// The reason for which the answer to a revocation is checked with a peek.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum RevocationCheck {
    /// The revocation was accepted, perhaps not by the API.
    Accepted,
    /// The revocation was refused with a 401, which may be transient.
    Refused {
        at: Instant,
        is_confirmed_once: bool,
    },
    /// The revocation is not permitted: another attempt would fail as well.
    NotPermitted,
}

impl PendingRevocations {
    /// Creates the revocations of these tokens, the last one first.
    pub(super) fn new(tokens: Vec<TokenId>, until: Instant, now: Instant) -> Self {
        let to_target = |token| Target { token, check: None };
        Self {
            until,
            attempt: attempt_limit(until, now),
            targets: tokens.into_iter().map(to_target).collect(),
            tries: Tries::default(),
            failure_reason: FailureReason::OutOfTime,
        }
    }

    /// Returns the tokens whose revocation is pending.
    pub(super) fn tokens(&self) -> impl Iterator<Item = TokenId> {
        self.targets.iter().map(|target| target.token)
    }

    /// Returns the reason for which the last attempt failed.
    pub(super) fn failure_reason(&self) -> &FailureReason {
        &self.failure_reason
    }

    /// Handles the answer to a revocation or to the peek that checks it. Returns the token that
    /// ended by it, if one did.
    pub(super) fn handle_answer(
        &mut self,
        in_flight: &InFlight,
        outcome: &Outcome,
        now: Instant,
        shared: &mut KeeperState,
    ) -> Option<(TokenId, TokenEnding, EventKind)> {
        let confirm_after = shared.limits.confirm_after;
        let target = self.targets.last_mut()?;
        let has_failed_before = self.tries.failures > 0;
        let step = match in_flight.operation {
            Operation::Revoke => evaluate_revocation(outcome, now),
            Operation::Peek | Operation::Touch(_) | Operation::ReadTimeout => {
                evaluate_check(target.check, outcome, has_failed_before, now, confirm_after)
            }
        };
        match step {
            RevocationStep::Revoked { was_gone } => {
                self.tries = Tries::default();
                let target = self.targets.pop()?;
                let kind = EventKind::Revoked { was_gone };
                return Some((target.token, TokenEnding::Revoked, kind));
            }
            RevocationStep::NotRevoked => {
                let kind = EventKind::NotRevoked(self.failure_reason.clone());
                self.tries = Tries::default();
                let target = self.targets.pop()?;
                return Some((target.token, TokenEnding::NotRevoked, kind));
            }
            RevocationStep::Check(check) => {
                target.check = Some(check);
                if let Some(failure_reason) = FailureReason::of(&outcome.verdict) {
                    self.failure_reason = failure_reason;
                }
            }
            RevocationStep::Lives => {
                target.check = None;
                self.failure_reason = FailureReason::StillAlive;
                let sent_at = in_flight.sent_at;
                // A stand-in for a failure that is neither blocked nor due to the network: it gets
                // the ordinary growing delay, which a change of the network does not cut short.
                let failure = Verdict::Throttled { retry_after: None };
                self.tries
                    .fail(&failure, sent_at, now, &shared.limits, &mut shared.rng);
            }
            RevocationStep::Failed => {
                target.check = None;
                self.failure_reason = FailureReason::of_missing(&outcome.verdict);
                let (verdict, sent_at) = (&outcome.verdict, in_flight.sent_at);
                self.tries
                    .fail(verdict, sent_at, now, &shared.limits, &mut shared.rng);
            }
        }
        None
    }
}

impl Session {
    /// Ends the session. A request in flight is dropped, since its answer does not matter, unless
    /// it is a revocation.
    pub(in crate::keeper) fn stop(
        &mut self,
        on_shutdown: OnShutdown,
        until: Instant,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        if let Some(stopping) = &mut self.stopping {
            // The removal of a session may have more time than the stop of the daemon, which
            // does not wait for it.
            stopping.until = stopping.until.min(until);
            stopping.attempt = attempt_limit(stopping.until, now);
            self.in_flight
                .take_if(|in_flight| in_flight.operation != Operation::Revoke);
            if let Some(in_flight) = &mut self.in_flight {
                let give_up_at = now + stopping.attempt;
                in_flight.give_up_at = in_flight.give_up_at.min(give_up_at);
            }
            if on_shutdown == OnShutdown::Leave {
                self.in_flight = None;
                for target in std::mem::take(&mut stopping.targets) {
                    self.end(
                        target.token,
                        TokenEnding::Left,
                        EventKind::Left,
                        now,
                        shared,
                    );
                }
            }
            return;
        }
        self.in_flight = None;
        self.leave_organisation(shared);
        let newer = self.candidate.take().map(|candidate| candidate.token);
        let mut tokens: Vec<_> = newer.into_iter().collect();
        if let TokenState::Alive(live) = &self.present {
            tokens.push(live.token);
        }
        let earlier = self.earlier.take().map(|earlier| earlier.token);
        let released = self.release.take();
        tokens.extend(earlier);
        tokens.extend(released.iter().flat_map(|release| release.tokens()));
        if on_shutdown == OnShutdown::Leave {
            for &token in tokens.iter().rev() {
                self.end(token, TokenEnding::Left, EventKind::Left, now, shared);
            }
            tokens.clear();
        }
        self.stopping = Some(Box::new(PendingRevocations::new(tokens, until, now)));
    }

    /// Cancels the end of the session: tokens that are not revoked yet continue as before.
    pub(in crate::keeper) fn cancel_stop(&mut self, now: Instant, shared: &mut KeeperState) {
        let Some(stopping) = self.stopping.take() else {
            return;
        };
        self.in_flight = None;
        let may_read = self.policy.intent == Intent::Keep;
        for Target { token, .. } in stopping.targets {
            match &mut self.present {
                TokenState::Alive(live) if live.token == token => {
                    let organisation = live.organisation;
                    shared
                        .organisations
                        .add_member(self.id, may_read, organisation);
                    // The API may have carried out a revocation whose answer did not arrive.
                    live.peek_first(now);
                }
                TokenState::Alive(live) if token.generation < live.token.generation => {
                    self.earlier = Some(Box::new(EarlierToken::new(token, None, now)));
                }
                TokenState::Absent | TokenState::Alive(_) | TokenState::Ended(_) => {
                    self.candidate = Some(Box::new(Candidate::new(token, now)));
                }
            }
        }
    }

    /// Returns true if the session has ended and no revocation is pending.
    pub(in crate::keeper) fn is_stopped(&self) -> bool {
        self.stopping
            .as_ref()
            .is_some_and(|stopping| stopping.targets.is_empty())
    }

    /// Gives up the pending revocations.
    pub(in crate::keeper) fn give_up(&mut self, now: Instant, shared: &mut KeeperState) {
        let Some(stopping) = &mut self.stopping else {
            return;
        };
        let failure_reason = stopping.failure_reason.clone();
        for target in std::mem::take(&mut stopping.targets) {
            let kind = EventKind::NotRevoked(failure_reason.clone());
            self.end(target.token, TokenEnding::NotRevoked, kind, now, shared);
        }
        self.in_flight = None;
    }

    /// Returns the next request of pending revocations.
    pub(super) fn choose_revocation(
        &self,
        stopping: &PendingRevocations,
        now: Instant,
        shared: &KeeperState,
    ) -> Option<Choice> {
        let target = stopping.targets.last()?;
        // The first attempt does not wait for the floor: it is the last request with the token,
        // and the service manager or an operator waits for the process to end.
        let is_first = stopping.tries.failures == 0 && target.check.is_none();
        let floor_at = if is_first { now } else { self.floor_at(shared) };
        let fit = Fit {
            deadline: stopping.until,
            reserve: stopping.attempt,
        };
        let check_at = match target.check {
            Some(RevocationCheck::Refused {
                at,
                is_confirmed_once: true,
            }) => at,
            Some(_) | None => now,
        };
        let retry_at = stopping.tries.retry_at(Some(fit));
        Some(Choice {
            at: retry_at.max(check_at).max(floor_at).max(now),
            token: target.token,
            operation: match target.check {
                None => Operation::Revoke,
                Some(_) => Operation::Peek,
            },
            purpose: RequestPurpose::Revoke,
        })
    }

    /// Handles the answer to a revocation at the end of the session.
    pub(super) fn receive_revocation(
        &mut self,
        in_flight: &InFlight,
        outcome: &Outcome,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        let ended = self
            .stopping
            .as_mut()
            .and_then(|stopping| stopping.handle_answer(in_flight, outcome, now, shared));
        if let Some((token, end, kind)) = ended {
            self.end(token, end, kind, now, shared);
        }
    }

    pub(super) fn end(
        &mut self,
        token: TokenId,
        end: TokenEnding,
        kind: EventKind,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        self.present = TokenState::Ended(Box::new(EndedToken { token, end }));
        self.emit(Some(token), kind, now, shared);
    }
}

/// Returns the time limit of one of several attempts.
fn attempt_limit(until: Instant, now: Instant) -> Duration {
    (until.until(now) / ATTEMPTS).max(TIME_LIMIT_MIN)
}

/// The state of a revocation after an answer.
enum RevocationStep {
    Revoked {
        /// True if the API did not know the token before the revocation.
        was_gone: bool,
    },
    NotRevoked,
    /// A peek must show if the token is alive.
    Check(RevocationCheck),
    /// The token is alive and must be revoked again.
    Lives,
    /// The attempt failed; the state of the token is unknown.
    Failed,
}

/// Evaluates the answer to a revocation. Only a success of the API itself counts without a check:
/// a proxy may answer anything, and a 401 may be transient.
fn evaluate_revocation(outcome: &Outcome, now: Instant) -> RevocationStep {
    match &outcome.verdict {
        // Every answer of the API has a correlation id; the answer of a proxy has none.
        Verdict::Accepted if outcome.correlation_id.is_some() && !outcome.is_cached => {
            RevocationStep::Revoked { was_gone: false }
        }
        Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) => {
            RevocationStep::Check(RevocationCheck::Accepted)
        }
        Verdict::Refused(_) => RevocationStep::Check(RevocationCheck::Refused {
            at: now,
            is_confirmed_once: false,
        }),
        Verdict::Blocked(BlockReason::Forbidden(_) | BlockReason::Rejected(..)) => {
            RevocationStep::Check(RevocationCheck::NotPermitted)
        }
        Verdict::Blocked(_) | Verdict::Unreachable(_) | Verdict::Throttled { .. } => {
            RevocationStep::Failed
        }
    }
}

/// Evaluates the answer to the peek that checks a revocation.
fn evaluate_check(
    check: Option<RevocationCheck>,
    outcome: &Outcome,
    has_failed_before: bool,
    now: Instant,
    confirm_after: Duration,
) -> RevocationStep {
    match (&outcome.verdict, check) {
        (Verdict::Refused(Refusal::BadCredentials), Some(RevocationCheck::Refused { at, is_confirmed_once }))
            // One confirmation is enough after a failed attempt: an attempt without an answer may
            // have revoked the token, which explains the 401.
            if !is_confirmed_once && !has_failed_before =>
        {
            RevocationStep::Check(RevocationCheck::Refused {
                at: at.max(now) + confirm_after / 2,
                is_confirmed_once: true,
            })
        }
        (Verdict::Refused(Refusal::BadCredentials), check) => RevocationStep::Revoked {
            // An attempt without an answer may have revoked the token.
            was_gone: matches!(check, Some(RevocationCheck::Refused { .. })) && !has_failed_before,
        },
        (_, Some(RevocationCheck::NotPermitted)) => RevocationStep::NotRevoked,
        (Verdict::Alive(_), _) if !outcome.is_cached => RevocationStep::Lives,
        _ => RevocationStep::Failed,
    }
}
