//! How a session ends: its tokens are revoked or left, and nothing else is asked any more.

use super::super::backoff::Tries;
use super::super::candidate::obstacle;
use super::super::event::{EventKind, Obstacle, TokenId};
use super::super::{Blockage, Instant, OnShutdown, Operation, Outcome, Verdict};
use super::choose::Choice;
use super::{End, Ended, Present, Purpose, Session, Shared};

/// The revocations that are still to be made.
#[derive(Debug)]
pub(in crate::keeper) struct Stopping {
    /// No try after this.
    pub(in crate::keeper) until: Instant,
    /// Living tokens, the one to be revoked next at the end.
    targets: Vec<TokenId>,
    pub(super) tries: Tries,
    /// What kept the last try from its purpose.
    obstacle: Obstacle,
}

impl Session {
    /// Ends the session. A request in flight is dropped: its answer matters no more.
    pub(in crate::keeper) fn stop(
        &mut self,
        wanted: OnShutdown,
        until: Instant,
        now: Instant,
        shared: &mut Shared,
    ) {
        if let Some(stopping) = &mut self.stopping {
            // A stop of everything does not wait for a removal that has more time.
            stopping.until = stopping.until.min(until);
            return;
        }
        self.in_flight = None;
        self.leave_organisation(shared);
        let newer = self.candidate.take().map(|candidate| candidate.token);
        let mut targets: Vec<_> = newer.into_iter().collect();
        if let Present::Held(held) = &self.present {
            targets.push(held.token);
        }
        if wanted == OnShutdown::Leave {
            for &token in targets.iter().rev() {
                self.end(token, End::Left, EventKind::Left, now, shared);
            }
            targets.clear();
        }
        self.stopping = Some(Stopping {
            until,
            targets,
            tries: Tries::default(),
            obstacle: Obstacle::OutOfTime,
        });
    }

    /// Whether there is nothing more to do for the session.
    pub(in crate::keeper) fn is_stopped(&self) -> bool {
        self.stopping
            .as_ref()
            .is_some_and(|stopping| stopping.targets.is_empty())
    }

    /// Gives up what was not revoked in time.
    pub(in crate::keeper) fn give_up(&mut self, now: Instant, shared: &mut Shared) {
        let Some(stopping) = &mut self.stopping else {
            return;
        };
        let obstacle = stopping.obstacle.clone();
        for token in std::mem::take(&mut stopping.targets) {
            let kind = EventKind::NotRevoked(obstacle.clone());
            self.end(token, End::NotRevoked, kind, now, shared);
        }
        self.in_flight = None;
    }

    pub(super) fn choose_revocation(
        &self,
        stopping: &Stopping,
        now: Instant,
        shared: &Shared,
    ) -> Option<Choice> {
        let &token = stopping.targets.last()?;
        // The first try does not wait for the floor: it is the last request with
        // the token, and somebody waits for the process to end.
        let floor_at = match stopping.tries.failures {
            0 => now,
            _ => self.floor_at(shared),
        };
        Some(Choice {
            at: stopping.tries.retry_at.max(floor_at).max(now),
            token,
            operation: Operation::Revoke,
            purpose: Purpose::Revoke,
        })
    }

    pub(super) fn receive_revocation(
        &mut self,
        outcome: &Outcome,
        now: Instant,
        shared: &mut Shared,
    ) {
        let Some(stopping) = &mut self.stopping else {
            return;
        };
        let verdict = &outcome.verdict;
        let is_final = match verdict {
            Verdict::Accepted | Verdict::Refused(_) => {
                stopping.tries = Tries::default();
                if let Some(token) = stopping.targets.pop() {
                    self.end(token, End::Revoked, EventKind::Revoked, now, shared);
                }
                return;
            }
            Verdict::Blocked(Blockage::Forbidden(_) | Blockage::Rejected(..)) => true,
            Verdict::Blocked(_)
            | Verdict::Unreachable(_)
            | Verdict::Throttled { .. }
            | Verdict::Alive(_)
            | Verdict::Timeout(_) => false,
        };
        stopping.obstacle = obstacle(verdict).unwrap_or(Obstacle::OutOfTime);
        stopping
            .tries
            .fail(verdict, None, now, &shared.limits, &mut shared.rng);
        if is_final && let Some(token) = stopping.targets.pop() {
            let kind = EventKind::NotRevoked(stopping.obstacle.clone());
            stopping.tries = Tries::default();
            self.end(token, End::NotRevoked, kind, now, shared);
        }
    }

    fn end(
        &mut self,
        token: TokenId,
        end: End,
        kind: EventKind,
        now: Instant,
        shared: &mut Shared,
    ) {
        self.present = Present::Ended(Ended { token, end });
        self.tell(Some(token), kind, now, shared);
    }
}
