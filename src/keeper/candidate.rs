//! A new token, which is peeked at until it is proven alive or refused.

use std::time::Duration;

use super::TokenReport;
use super::backoff::{REFUSALS_APART_MAX, Tries};
use super::event::{Death, Idleness, TokenId};
use super::event::{IssuerMismatch, IssuerPart};
use super::schedule::IDLE_TIMEOUT_FALLBACK;
use super::{Expiry, Intent, Operation, Outcome, Policy, Touch};
use crate::time::Instant;
use std::sync::Arc;

/// A token that is neither proven alive nor refused yet.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) token: TokenId,
    pub(super) seen_at: Instant,
    /// The end of its lifetime, if the source reported it.
    pub(super) expiry: Option<Expiry>,
    /// True if the token comes from another place than the next one will.
    pub(super) is_from_elsewhere: bool,
    pub(super) tries: Tries,
    /// True if the current sequence of failures was reported.
    pub(super) is_reported: bool,
    /// The number of consecutive refusals.
    refusals: u32,
    /// The instant of the first of these refusals.
    refused_at: Instant,
    /// The instant of the last of these refusals.
    refused_last_at: Instant,
    /// The earliest instant of the next peek.
    pub(super) peek_at: Instant,
    /// The number of answers since the last change of the network that did not concern the token.
    pub(super) blocked_answers: u32,
    /// True if the last request was a touch.
    pub(super) was_touched_last: bool,
    /// The touch that failed last.
    pub(super) failed_touch: Option<Touch>,
    /// The instant at which the last accepted touch was sent, although the token is not proven
    /// alive.
    pub(super) touched_at: Option<Instant>,
}

/// The number of answers that do not concern the token after which it is touched without proof: a
/// proxy that blocks one method may let the other pass.
const BLOCKED_ANSWERS_MAX: u32 = 2;

impl Candidate {
    pub(super) fn new(token: TokenId, now: Instant) -> Self {
        Self {
            token,
            seen_at: now,
            expiry: None,
            is_from_elsewhere: false,
            tries: Tries::default(),
            is_reported: false,
            refusals: 0,
            refused_at: now,
            refused_last_at: now,
            peek_at: now,
            blocked_answers: 0,
            was_touched_last: false,
            failed_touch: None,
            touched_at: None,
        }
    }

    /// Returns the next request and the instant at which it is due, which is not before `floor_at`.
    pub(super) fn next(
        &self,
        policy: &Policy,
        floor_at: Instant,
        now: Instant,
    ) -> (Instant, Operation) {
        let earliest = self.tries.retry_at(None).max(floor_at).max(now);
        let peek_at = self.peek_at.max(earliest);
        match self.touch_at(policy) {
            Some(at) if !self.was_touched_last && at.max(earliest) <= peek_at => {
                let first = policy.touch.first();
                let touch = match self.failed_touch {
                    Some(failed) if failed == first => failed.other(),
                    Some(_) | None => first,
                };
                (at.max(earliest), Operation::Touch(touch))
            }
            Some(_) | None => (peek_at, Operation::Peek),
        }
    }

    /// Returns the instant at which the token is touched although it is not proven alive.
    fn touch_at(&self, policy: &Policy) -> Option<Instant> {
        let is_needed =
            policy.intent == Intent::Keep && self.blocked_answers >= BLOCKED_ANSWERS_MAX;
        let idle_timeout = policy.idle_timeout.unwrap_or(IDLE_TIMEOUT_FALLBACK);
        is_needed.then(|| match self.touched_at {
            Some(touched_at) => touched_at + idle_timeout.min(IDLE_TIMEOUT_FALLBACK) / 2,
            None => self.seen_at,
        })
    }

    /// Records a refusal. Returns true if the token has ended: it was refused at the first peek and
    /// at each one `again_after` the first refusal.
    pub(super) fn refuse(&mut self, again_after: &[Duration], now: Instant) -> bool {
        if self.refusals == 0 || now.since(self.refused_last_at) > REFUSALS_APART_MAX {
            self.refusals = 0;
            self.refused_at = now;
        }
        self.refused_last_at = now;
        match again_after.get(self.refusals as usize) {
            Some(&after) => {
                self.refusals += 1;
                self.peek_at = self.refused_at + after;
                self.tries.retry_now();
                false
            }
            None => true,
        }
    }

    /// Returns the circumstances of the token's refusal.
    pub(super) fn death(&self, outcome: &Outcome, now: Instant) -> Death {
        Death {
            correlation_id: outcome.correlation_id.clone(),
            idle: Idleness::Unknown,
            basis: None,
            failed: None,
            absence: None,
            since_touch: None,
            age: now.since(self.seen_at),
            was_alive: false,
            was_proven: false,
            excluded: false,
            expired: self.expiry.filter(|expiry| expiry.explains(now)),
        }
    }
}

/// The issuer of a token, as far as the API reported it.
#[derive(Clone, Debug, Default)]
pub(super) struct Issuer {
    /// The sessions of an organisation share this text.
    pub(super) organisation: Option<Arc<str>>,
    client: Option<Arc<str>>,
}

impl Issuer {
    pub(super) fn of(report: &TokenReport) -> Self {
        Self {
            organisation: report.organisation.clone(),
            client: report.client.clone(),
        }
    }

    /// Returns the difference to the issuer of a newer token. A part that one of the answers lacks
    /// counts as equal.
    pub(super) fn mismatch(&self, newer: &Self) -> Option<IssuerMismatch> {
        let parts = [
            (
                IssuerPart::Organisation,
                &self.organisation,
                &newer.organisation,
            ),
            (IssuerPart::Client, &self.client, &newer.client),
        ];
        parts.into_iter().find_map(|(part, present, newer)| {
            let (present, newer) = (present.as_ref()?, newer.as_ref()?);
            (present != newer).then(|| IssuerMismatch {
                part,
                present: Arc::clone(present),
                newer: Arc::clone(newer),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::Generation;
    use crate::token::Fingerprint;

    #[test]
    fn refusals_more_than_a_minute_apart_do_not_add_up() {
        let token = TokenId {
            generation: Generation(1),
            fingerprint: Fingerprint::of(b"1"),
        };
        let again_after = [Duration::from_secs(2)];
        for (apart, is_dead) in [(2, true), (60, true), (61, false)] {
            let mut candidate = Candidate::new(token, Instant::BOOT);
            assert!(!candidate.refuse(&again_after, Instant::BOOT));
            let second = Instant::BOOT + Duration::from_secs(apart);
            assert_eq!(candidate.refuse(&again_after, second), is_dead, "{apart}");
        }
    }
}
