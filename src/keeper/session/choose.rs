//! The choice of a session's next request and of its time limit.

use std::time::Duration;

use super::super::Operation;
use super::super::backoff::TIME_LIMIT_MIN;
use super::super::event::TokenId;
use super::super::live_token::NextStep;
use super::{KeeperState, RequestPurpose, Session, TokenState};
use crate::time::Instant;

/// The next request of a session, its token and its instant.
pub(super) struct Choice {
    pub(super) at: Instant,
    pub(super) token: TokenId,
    pub(super) operation: Operation,
    pub(super) purpose: RequestPurpose,
}

impl Session {
    /// Returns the next request, due or not: the earlier one of the two tokens' next requests.
    pub(super) fn choose(&self, now: Instant, shared: &KeeperState) -> Option<Choice> {
        if let Some(stopping) = &self.stopping {
            return self.choose_revocation(stopping, now, shared);
        }
        let floor_at = self.floor_at(shared);
        let candidate = self.candidate.as_ref().map(|candidate| {
            let (at, operation) = candidate.next(&self.policy, floor_at, now);
            Choice {
                at,
                token: candidate.token,
                operation,
                purpose: RequestPurpose::Prove,
            }
        });
        let live = self.choose_for_live_token(floor_at, now, shared);
        match (live, candidate) {
            // If both are due, the tokens take turns.
            (Some(live), Some(candidate)) if live.at == candidate.at && self.was_proving => {
                Some(live)
            }
            (Some(live), Some(candidate)) if live.at < candidate.at => Some(live),
            (live, None) => live,
            (_, candidate) => candidate,
        }
    }

    fn choose_for_live_token(
        &self,
        floor_at: Instant,
        now: Instant,
        shared: &KeeperState,
    ) -> Option<Choice> {
        let TokenState::Alive(live) = &self.present else {
            return None;
        };
        let context = self.context(live.organisation, shared);
        let (at, step) = live.next_step(&context, floor_at, now);
        Some(Choice {
            at,
            token: live.token,
            operation: match step {
                NextStep::Confirm | NextStep::Verify | NextStep::Watch => Operation::Peek,
                NextStep::Touch => Operation::Touch(self.touch(live, shared, at)),
                NextStep::ReadTimeout => Operation::ReadTimeout,
            },
            purpose: RequestPurpose::Step(step),
        })
    }

    /// Returns the earliest instant at which the session may send its next request.
    pub(super) fn floor_at(&self, shared: &KeeperState) -> Instant {
        self.last_sent_at
            .map_or(Instant::BOOT, |sent_at| sent_at + shared.limits.floor)
    }

    /// Returns the time limit of the request.
    pub(super) fn time_limit(
        &self,
        choice: &Choice,
        now: Instant,
        shared: &KeeperState,
    ) -> Duration {
        let longest = shared.limits.request_timeout;
        if let (RequestPurpose::Revoke, Some(stopping)) = (choice.purpose, &self.stopping) {
            let left = stopping.until.until(now);
            return left.min(stopping.attempt).min(longest).max(TIME_LIMIT_MIN);
        }
        let fit = match &self.present {
            TokenState::Alive(live) => live.fit(&self.context(live.organisation, shared)),
            TokenState::Absent | TokenState::Ended(_) => None,
        };
        fit.map_or(longest, |fit| fit.time_limit(now, longest))
    }
}
