//! The overlap after a renewal: the earlier token is only peeked at, until it is known that the
//! application does not use it any more.

use std::time::Duration;

use fastrand::Rng;

use super::backoff::Tries;
use super::event::TokenId;
use super::policy::Limits;
use super::{Expiry, Outcome, Refusal, Verdict};
use crate::time::{Instant, ServerTime};

/// The difference between two reports of an idle deadline from which the token was used meanwhile:
/// the server reports some times in whole seconds.
const MOVED: Duration = Duration::from_millis(1500);

/// The earlier token of a session whose new token is proven alive.
#[derive(Clone, Debug)]
pub(super) struct EarlierToken {
    pub(super) token: TokenId,
    pub(super) tries: Tries,
    /// The idle deadline in the last answer.
    idles_at: Option<ServerTime>,
    /// The instant from which that deadline has stood still.
    still_since: Instant,
    /// The instant of the next peek.
    peek_at: Instant,
    /// True if the application was seen to use the token after the renewal.
    pub(super) is_in_use: bool,
    /// True if the last answer refused the token.
    is_refused: bool,
    expiry: Option<Expiry>,
}

/// The result of a peek at the earlier token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum EarlierUse {
    /// It is not known yet if the application uses the token.
    Unknown,
    /// The application used the token; this is the first time that it is seen.
    InUse,
    /// The application does not use the token any more.
    Unused,
    /// The token has ended.
    Ended,
}

impl EarlierToken {
    /// Creates the state of a token that was just replaced.
    pub(super) fn new(token: TokenId, expiry: Option<Expiry>, now: Instant) -> Self {
        Self {
            token,
            tries: Tries::default(),
            idles_at: None,
            still_since: now,
            peek_at: now,
            is_in_use: false,
            is_refused: false,
            expiry,
        }
    }

    /// Returns the instant of the next peek.
    pub(super) fn next_at(&self) -> Instant {
        self.peek_at.max(self.tries.retry_at(None))
    }

    /// Handles the answer to a peek.
    pub(super) fn handle_answer(
        &mut self,
        outcome: &Outcome,
        overlap: Duration,
        now: Instant,
        limits: &Limits,
        rng: &mut Rng,
        sent_at: Instant,
    ) -> EarlierUse {
        match &outcome.verdict {
            Verdict::Alive(report) if !outcome.is_cached => {
                self.tries.succeed();
                self.is_refused = false;
                let is_moved = |earlier: ServerTime, later: ServerTime| {
                    later.since(earlier).is_some_and(|moved| moved > MOVED)
                };
                let earlier = std::mem::replace(&mut self.idles_at, report.idles_at);
                let peek_at = now + overlap;
                self.peek_at = match self.expiry {
                    // An application that never changes over may use the token up to its end.
                    Some(expiry) => peek_at.min(expiry.at.max(now + limits.confirm_after)),
                    None => peek_at,
                };
                let has_moved = match (earlier, report.idles_at) {
                    (Some(earlier), Some(later)) => {
                        is_moved(earlier, later) || is_moved(later, earlier)
                    }
                    (None | Some(_), None | Some(_)) => true,
                };
                if has_moved {
                    self.still_since = now;
                }
                match (earlier, report.idles_at) {
                    (Some(earlier), Some(later)) if is_moved(earlier, later) => {
                        if std::mem::replace(&mut self.is_in_use, true) {
                            EarlierUse::Unknown
                        } else {
                            EarlierUse::InUse
                        }
                    }
                    (Some(_), Some(_)) if now.since(self.still_since) >= overlap => {
                        EarlierUse::Unused
                    }
                    // A shorter idle timeout moves the deadline back, whether the token is used or
                    // not; and a peek at the expiry may come before the end of the overlap.
                    (None | Some(_), None | Some(_)) => EarlierUse::Unknown,
                }
            }
            Verdict::Refused(Refusal::BadCredentials) if self.is_refused => EarlierUse::Ended,
            Verdict::Refused(Refusal::BadCredentials) => {
                self.is_refused = true;
                self.peek_at = now + limits.confirm_after;
                EarlierUse::Unknown
            }
            verdict @ (Verdict::Unreachable(_)
            | Verdict::Throttled { .. }
            | Verdict::Blocked(_)) => {
                self.tries.fail(verdict, sent_at, now, limits, rng);
                EarlierUse::Unknown
            }
            Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) | Verdict::Refused(_) => {
                // The answer says nothing about the token: the ordinary growing delay applies.
                let failure = Verdict::Throttled { retry_after: None };
                self.tries.fail(&failure, sent_at, now, limits, rng);
                EarlierUse::Unknown
            }
        }
    }
}
