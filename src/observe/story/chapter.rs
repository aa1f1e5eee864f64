//! One token of a session: since when, how often it was touched, how near it came to its end, and how it ended.

use std::time::Duration;

use super::{Growth, text_weight};
use crate::keeper::{
    Blockage, Death, Event, EventKind, Generation, Instant, Obstacle, Operation, Reset,
    SessionView, TokenId, Touch, Verdict,
};

/// One token of a session.
#[derive(Clone, PartialEq, Debug)]
pub struct Chapter {
    /// The token.
    pub token: TokenId,
    /// When it was first seen.
    pub found_at: Instant,
    /// When it was first proven alive.
    pub proven_at: Option<Instant>,
    /// How many touches by HEAD were accepted.
    pub heads: u32,
    /// How many touches by GET were accepted.
    pub gets: u32,
    /// The last accepted touch, and when it was sent.
    pub touched: Option<(Touch, Instant)>,
    /// How often a peek showed that a touch had moved the deadline.
    pub proofs: u32,
    /// When that was shown last.
    pub reset_proven_at: Option<Instant>,
    /// How many requests failed, refusals aside.
    pub failures: u32,
    /// When the last of them failed.
    pub failed_at: Option<Instant>,
    /// How near it came to its idle deadline and was touched after all.
    pub nearest: Option<Nearest>,
    /// The longest outage that it survived.
    pub outage: Option<Outage>,
    /// How it ended, if it did, and when.
    pub end: Option<(End, Instant)>,
    deadline: Option<Instant>,
    /// Since when requests fail, and how many did.
    failing: Option<(Instant, u32)>,
    is_touch_unproven: bool,
}

/// How near a token came to its idle deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nearest {
    /// What was left of the idle timeout; zero if the deadline had passed.
    pub left: Duration,
    /// When the touch was sent.
    pub at: Instant,
}

/// A time without success.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outage {
    /// When the first request that failed was sent.
    pub from: Instant,
    /// When an answer came again.
    pub until: Instant,
    /// How many requests failed.
    pub failures: u32,
}

/// How a token ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// A newer one took its place while it lived.
    Replaced,
    /// A newer one came before anything was heard about it.
    Overtaken,
    /// Refused when it was to take the place of another, which stayed.
    NewerRefused(Box<Death>),
    /// Refused while it was to be kept.
    Lost(Box<Death>),
    /// Idled out as intended.
    Lapsed(Box<Death>),
    /// Revoked by us.
    Revoked,
    /// To be revoked by us, and not.
    NotRevoked(Box<Obstacle>),
    /// Left as it was.
    Left,
}

impl End {
    /// The word for machines.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Replaced => "replaced",
            Self::Overtaken => "overtaken",
            Self::NewerRefused(_) => "newer_refused",
            Self::Lost(_) => "lost",
            Self::Lapsed(_) => "lapsed",
            Self::Revoked => "revoked",
            Self::NotRevoked(_) => "not_revoked",
            Self::Left => "left",
        }
    }

    /// What is known about the refusal, if it ended with one.
    #[must_use]
    pub fn death(&self) -> Option<&Death> {
        match self {
            Self::NewerRefused(death) | Self::Lost(death) | Self::Lapsed(death) => Some(death),
            Self::Replaced | Self::Overtaken | Self::Revoked | Self::NotRevoked(_) | Self::Left => {
                None
            }
        }
    }
}

impl Chapter {
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
            nearest: None,
            outage: None,
            end: None,
            deadline: None,
            failing: None,
            is_touch_unproven: false,
        }
    }

    /// Since when requests fail and how many did, if the last one failed.
    #[must_use]
    pub fn failing(&self) -> Option<(Instant, u32)> {
        self.failing
    }

    /// A newer token was found: one of which nothing was heard yet is not asked about again.
    pub(super) fn handle_newer_found(&mut self, at: Instant) {
        if self.proven_at.is_none() && self.end.is_none() {
            self.end = Some((End::Overtaken, at));
        }
    }

    /// Another token took the place of this one, if it was there.
    pub(super) fn handle_newer_held(&mut self, newer: Generation, at: Instant) {
        if self.token.generation < newer && self.end.is_none() {
            self.end = Some((End::Replaced, at));
        }
    }

    pub(super) fn handle_event(&mut self, event: &Event, view: Option<&SessionView>) -> Growth {
        let end = match &event.kind {
            EventKind::Answered {
                operation,
                sent_at,
                outcome,
            } => {
                self.handle_answer(*operation, *sent_at, &outcome.verdict, event.at, view);
                return Growth::Counted;
            }
            EventKind::Held { .. } => {
                self.proven_at = Some(event.at);
                return Growth::Counted;
            }
            EventKind::NewerRefused(death) => End::NewerRefused(Box::new(death.clone())),
            EventKind::Lost(death) => End::Lost(Box::new(death.clone())),
            EventKind::Lapsed(death) => End::Lapsed(Box::new(death.clone())),
            EventKind::Revoked => End::Revoked,
            EventKind::NotRevoked(obstacle) => End::NotRevoked(Box::new(obstacle.clone())),
            EventKind::Left => End::Left,
            EventKind::Found
            | EventKind::Unanswered(_)
            | EventKind::AtRisk(_)
            | EventKind::PastDeadline(_)
            | EventKind::Blocked(_)
            | EventKind::Recovered { .. }
            | EventKind::Unconfirmed
            | EventKind::TouchExcluded(_)
            | EventKind::Excluded
            | EventKind::ResetProven { .. }
            | EventKind::TimeoutRead(_)
            | EventKind::TimeoutNotPermitted(_) => return Growth::Counted,
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
        let held = view.and_then(|view| view.held.as_ref());
        let reset = held.map(|held| held.reset);
        match verdict {
            Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) => {
                self.handle_success(at);
                match operation {
                    Operation::Touch(touch) => self.handle_touch(touch, sent_at, reset),
                    Operation::Peek => self.handle_peek(reset, at),
                    Operation::ReadTimeout | Operation::Revoke => {}
                }
            }
            // A 401 is either confirmed or says nothing.
            Verdict::Refused(_) => {}
            // A token that may not read the timeout fails by nothing.
            Verdict::Blocked(Blockage::Forbidden(_)) if operation == Operation::ReadTimeout => {}
            Verdict::Blocked(_) | Verdict::Throttled { .. } | Verdict::Unreachable(_) => {
                self.failures = self.failures.saturating_add(1);
                self.failed_at = Some(at);
                let (_, failures) = self.failing.get_or_insert((sent_at, 0));
                *failures = failures.saturating_add(1);
            }
        }
        self.deadline = held.and_then(|held| held.deadline);
    }

    fn handle_success(&mut self, at: Instant) {
        let Some((from, failures)) = self.failing.take() else {
            return;
        };
        let lasted = |it: &Outage| it.until.since(it.from);
        let outage = Outage {
            from,
            until: at,
            failures,
        };
        if self
            .outage
            .as_ref()
            .is_none_or(|longest| lasted(longest) < lasted(&outage))
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
        // A touch that does not count comes no nearer than any other moment.
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
            self.proofs = self.proofs.saturating_add(1);
            self.reset_proven_at = Some(at);
        }
    }

    /// How many bytes it takes, but for what the allocator adds.
    pub(super) fn weight(&self) -> usize {
        let death = self.end.as_ref().and_then(|(end, _)| end.death());
        let death = death.map_or(0, |death| {
            size_of::<Death>() + death.correlation_id.as_deref().map_or(0, text_weight)
        });
        size_of::<Self>() + death
    }
}
