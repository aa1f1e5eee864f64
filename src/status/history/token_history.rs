//! Records the life of one token: its beginning, touches, failures and end.

use std::time::Duration;

use super::{Growth, text_weight};
use crate::keeper::{
    BlockReason, Death, Event, EventKind, FailedRequests, FailureReason, Generation,
    IssuerMismatch, Operation, Reset, SessionView, TokenId, Touch, Verdict,
};
use crate::time::Instant;

/// The history of one token of a session.
#[derive(Clone, PartialEq, Debug)]
pub struct TokenHistory {
    /// The token.
    pub token: TokenId,
    /// The time at which the token was first seen.
    pub found_at: Instant,
    /// The time at which the token was proven alive.
    pub proven_at: Option<Instant>,
    /// The number of accepted touches by HEAD.
    pub heads: u32,
    /// The number of accepted touches by GET.
    pub gets: u32,
    /// The last accepted touch, and the time at which it was sent.
    pub touched: Option<(Touch, Instant)>,
    /// The number of peeks that showed that a touch had moved the deadline.
    pub proofs: u32,
    /// The time of the last such peek.
    pub reset_proven_at: Option<Instant>,
    /// The number of failed requests, not counting refusals.
    pub failures: u32,
    /// The time of the last failure.
    pub failed_at: Option<Instant>,
    /// The number of touches that were answered with 401 and not confirmed by the token's end.
    pub refusals: u32,
    /// The time of the last of them.
    pub refused_at: Option<Instant>,
    /// The touch that came closest to the idle deadline.
    pub nearest: Option<Nearest>,
    /// The longest outage that the token survived.
    pub outage: Option<Outage>,
    /// The end of the token and its time, if it has ended.
    pub end: Option<(TokenEnd, Instant)>,
    deadline: Option<Instant>,
    /// The time at which the first of the present failures was sent, and their number.
    failing: Option<(Instant, u32)>,
    is_touch_unproven: bool,
    /// The nearest of the touches up to the last that was shown to count.
    nearest_counted: Option<Nearest>,
}

/// The touch of a token that came closest to its idle deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nearest {
    /// The remainder of the idle timeout; zero if the deadline had passed.
    pub left: Duration,
    /// The time at which the touch was sent.
    pub at: Instant,
}

/// A period in which all requests failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outage {
    /// The time at which the first failed request was sent.
    pub from: Instant,
    /// The time of the next successful answer.
    pub until: Instant,
    /// The number of failed requests.
    pub failures: u32,
}

/// The end of a token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TokenEnd {
    /// A newer token took its place while it lived.
    Replaced,
    /// A newer token was found before the API had answered about it.
    Overtaken,
    /// It was refused as a replacement of an earlier token, which stays in use.
    NewerRefused(Box<Death>),
    /// It lives and is of another issuer than the earlier token, which stays in use.
    NewerMismatched(Box<IssuerMismatch>),
    /// It was refused although it was to be kept.
    Lost(Box<Death>),
    /// It idled out as intended.
    Lapsed(Box<Death>),
    /// The daemon revoked it, or found that the API did not know it any more.
    Revoked {
        /// True if the API did not know it any more.
        was_gone: bool,
    },
    /// The daemon tried to revoke it and failed.
    NotRevoked(Box<FailureReason>),
    /// The daemon left it as it was.
    Left,
}

impl TokenEnd {
    /// Returns the machine-readable name.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Replaced => "replaced",
            Self::Overtaken => "overtaken",
            Self::NewerRefused(_) => "newer_refused",
            Self::NewerMismatched(_) => "newer_mismatched",
            Self::Lost(_) => "lost",
            Self::Lapsed(_) => "lapsed",
            Self::Revoked { .. } => "revoked",
            Self::NotRevoked(_) => "not_revoked",
            Self::Left => "left",
        }
    }

    /// Returns the details of the refusal, if the token ended with one.
    #[must_use]
    pub fn death(&self) -> Option<&Death> {
        match self {
            Self::NewerRefused(death) | Self::Lost(death) | Self::Lapsed(death) => Some(death),
            Self::Replaced
            | Self::Overtaken
            | Self::NewerMismatched(_)
            | Self::Revoked { .. }
            | Self::NotRevoked(_)
            | Self::Left => None,
        }
    }
}

impl TokenHistory {
    pub(super) fn new(token: TokenId, found_at: Instant) -> Self {
        Self {
            token,
            found_at,
            proven_at: None,
            heads: 0,
            gets: 0,
            touched: None,
            proofs: 0,
            reset_proven_at: None,
            failures: 0,
            failed_at: None,
            refusals: 0,
            refused_at: None,
            nearest: None,
            nearest_counted: None,
            outage: None,
            end: None,
            deadline: None,
            failing: None,
            is_touch_unproven: false,
        }
    }

    /// Returns the time at which the first of the present failures was sent, and their number, or
    /// `None` if the last request succeeded.
    #[must_use]
    pub fn failing(&self) -> Option<(Instant, u32)> {
        self.failing
    }

    /// Records that a newer token was found. The keeper drops an earlier token about which the API
    /// has not answered yet.
    pub(super) fn handle_newer_found(&mut self, at: Instant) {
        if self.proven_at.is_none() && self.end.is_none() {
            self.end = Some((TokenEnd::Overtaken, at));
        }
    }

    /// Records that a newer token took the place of this one, unless it had ended before.
    pub(super) fn handle_newer_alive(&mut self, newer: Generation, at: Instant) {
        if self.token.generation < newer && self.end.is_none() {
            self.end = Some((TokenEnd::Replaced, at));
        }
    }

    pub(super) fn handle_event(&mut self, event: &Event, view: Option<&SessionView>) -> Growth {
        let end = match &event.kind {
            EventKind::Answered {
                operation,
                sent_at,
                outcome,
                ..
            } => {
                self.handle_answer(*operation, *sent_at, &outcome.verdict, event.at, view);
                return Growth::Counted;
            }
            EventKind::Alive { .. } => {
                self.proven_at = Some(event.at);
                return Growth::Counted;
            }
            EventKind::TouchExcluded(_) | EventKind::Excluded => {
                // Touches that did not count came close to nothing.
                self.nearest = self.nearest_counted;
                return Growth::Counted;
            }
            EventKind::NewerRefused(death) => TokenEnd::NewerRefused(Box::new(death.clone())),
            EventKind::NewerMismatched(mismatch) => TokenEnd::NewerMismatched(mismatch.clone()),
            EventKind::Lost(death) => TokenEnd::Lost(Box::new(death.clone())),
            EventKind::Lapsed(death) => TokenEnd::Lapsed(Box::new(death.clone())),
            EventKind::Revoked { was_gone } => TokenEnd::Revoked {
                was_gone: *was_gone,
            },
            EventKind::NotRevoked(reason) => TokenEnd::NotRevoked(Box::new(reason.clone())),
            EventKind::Left => TokenEnd::Left,
            EventKind::Found
            | EventKind::Unanswered(_)
            | EventKind::AtRisk(_)
            | EventKind::PastDeadline(_)
            | EventKind::Blocked(_)
            | EventKind::Recovered { .. }
            | EventKind::Unconfirmed
            | EventKind::TouchRefused(..)
            | EventKind::ResetProven { .. }
            | EventKind::TimeoutRead(_)
            | EventKind::TimeoutNotPermitted(_)
            | EventKind::Expiring(_)
            | EventKind::ClientEnding(_)
            | EventKind::Minted
            | EventKind::MintFailed(_)
            | EventKind::EarlierInUse
            | EventKind::EarlierEnded(_) => return Growth::Counted,
        };
        self.end = Some((end, event.at));
        Growth::Grown
    }

    fn handle_answer(
        &mut self,
        operation: Operation,
        sent_at: Instant,
        verdict: &Verdict,
        at: Instant,
        view: Option<&SessionView>,
    ) {
        let live = view.and_then(|view| view.live.as_ref());
        let reset = live.map(|live| live.reset);
        match verdict {
            Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) => {
                self.handle_success(at);
                match operation {
                    Operation::Touch(touch) => self.handle_touch(touch, sent_at, reset),
                    Operation::Peek => self.handle_peek(reset, at),
                    Operation::ReadTimeout | Operation::Revoke => {}
                }
            }
            // A 401 is no failure: it is confirmed, which ends the token, or it is disregarded.
            Verdict::Refused(_) => {
                if let Operation::Touch(_) = operation {
                    self.refusals = self.refusals.saturating_add(1);
                    self.refused_at = Some(at);
                }
            }
            // A missing permission to read the timeout is no failure of the token.
            Verdict::Blocked(BlockReason::Forbidden(_)) if operation == Operation::ReadTimeout => {}
            Verdict::Blocked(_) | Verdict::Throttled { .. } | Verdict::Unreachable(_) => {
                self.failures = self.failures.saturating_add(1);
                self.failed_at = Some(at);
                let (_, failures) = self.failing.get_or_insert((sent_at, 0));
                *failures = failures.saturating_add(1);
            }
        }
        self.deadline = live.and_then(|live| live.deadline);
    }

    fn handle_success(&mut self, at: Instant) {
        let Some((from, failures)) = self.failing.take() else {
            return;
        };
        let length = |outage: &Outage| outage.until.since(outage.from);
        let outage = Outage {
            from,
            until: at,
            failures,
        };
        if self
            .outage
            .as_ref()
            .is_none_or(|longest| length(longest) < length(&outage))
        {
            self.outage = Some(outage);
        }
    }

    fn handle_touch(&mut self, touch: Touch, sent_at: Instant, reset: Option<Reset>) {
        let count = match touch {
            Touch::Head => &mut self.heads,
            Touch::Get => &mut self.gets,
        };
        *count = count.saturating_add(1);
        self.touched = Some((touch, sent_at));
        self.is_touch_unproven = true;
        // If touches do not move the deadline, their distance to it means nothing.
        let deadline = self.deadline.filter(|_| reset != Some(Reset::Excluded));
        let left = deadline.map(|deadline| deadline.until(sent_at));
        if let Some(left) = left
            && self.nearest.is_none_or(|nearest| left < nearest.left)
        {
            self.nearest = Some(Nearest { left, at: sent_at });
        }
    }

    fn handle_peek(&mut self, reset: Option<Reset>, at: Instant) {
        if self.is_touch_unproven && reset == Some(Reset::Proven) {
            self.is_touch_unproven = false;
            self.nearest_counted = self.nearest;
            self.proofs = self.proofs.saturating_add(1);
            self.reset_proven_at = Some(at);
        }
    }

    /// Returns the memory of the token history in bytes, without the overhead of the allocator.
    pub(super) fn weight(&self) -> usize {
        let death = self.end.as_ref().and_then(|(end, _)| end.death());
        let death = death.map_or(0, |death| {
            let failed = death
                .failed
                .as_ref()
                .map_or(0, |_| size_of::<FailedRequests>());
            size_of::<Death>() + failed + death.correlation_id.as_deref().map_or(0, text_weight)
        });
        size_of::<Self>() + death
    }
}
