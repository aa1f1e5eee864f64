//! What a session asks next, and how long it waits for the answer.

use std::time::Duration;

use super::super::backoff::TIME_LIMIT_MIN;
use super::super::event::TokenId;
use super::super::held::Step;
use super::super::{Instant, Operation};
use super::{Present, Purpose, Session, Shared};

/// What is to be asked, with which token, and when.
pub(super) struct Choice {
    pub(super) at: Instant,
    pub(super) token: TokenId,
    pub(super) operation: Operation,
    pub(super) purpose: Purpose,
}

impl Session {
    /// What is asked next, whatever the time; the earlier of what the two tokens need.
    pub(super) fn choose(&self, now: Instant, shared: &Shared) -> Option<Choice> {
        if let Some(stopping) = &self.stopping {
            return self.choose_revocation(stopping, now, shared);
        }
        let floor_at = self.floor_at(shared);
        let candidate = self.candidate.as_ref().map(|candidate| Choice {
            at: candidate.tries.retry_at.max(floor_at).max(now),
            token: candidate.token,
            operation: Operation::Peek,
            purpose: Purpose::Prove,
        });
        let held = self.choose_held(floor_at, now, shared);
        match (held, candidate) {
            // Where both are due, they take turns.
            (Some(held), Some(candidate)) if held.at == candidate.at && self.was_proving => {
                Some(held)
            }
            (Some(held), Some(candidate)) if held.at < candidate.at => Some(held),
            (held, None) => held,
            (_, candidate) => candidate,
        }
    }

    fn choose_held(&self, floor_at: Instant, now: Instant, shared: &Shared) -> Option<Choice> {
        let Present::Held(held) = &self.present else {
            return None;
        };
        let outlook = self.outlook(held.organisation, shared);
        let gate = held.tries.retry_at.max(floor_at).max(now);
        let (due_at, _) = held.agenda(&outlook, now);
        let at = due_at.max(gate);
        // What is due first may have to wait, and something weightier be due by then.
        let (_, step) = held.agenda(&outlook, at);
        Some(Choice {
            at,
            token: held.token,
            operation: match step {
                Step::Confirm | Step::Verify | Step::Watch => Operation::Peek,
                Step::Touch => Operation::Touch(self.touch()),
                Step::ReadTimeout => Operation::ReadTimeout,
            },
            purpose: Purpose::Step(step),
        })
    }

    /// The floor under everything.
    pub(super) fn floor_at(&self, shared: &Shared) -> Instant {
        self.last_sent_at
            .map_or(Instant::BOOT, |sent_at| sent_at + shared.limits.floor)
    }

    /// How long the answer is waited for.
    pub(super) fn time_limit(&self, choice: &Choice, now: Instant, shared: &Shared) -> Duration {
        let longest = shared.limits.request_timeout;
        if let (Purpose::Revoke, Some(stopping)) = (choice.purpose, &self.stopping) {
            return stopping.until.until(now).min(longest).max(TIME_LIMIT_MIN);
        }
        let fit = match &self.present {
            Present::Held(held) => held.fit(&self.outlook(held.organisation, shared)),
            Present::Absent | Present::Ended(_) => None,
        };
        fit.map_or(longest, |fit| fit.time_limit(now, longest))
    }
}
