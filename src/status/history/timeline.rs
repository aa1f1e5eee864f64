//! Records the events of tokens between their beginning and end.
//!
//! Answers that are alike share an entry.

use std::sync::Arc;
use std::time::Duration;

use super::{Growth, grow, text_weight};
use crate::keeper::{
    BlockReason, ClientEnd, Event, EventKind, Failure, FailureReason, Generation, MintFailure,
    Operation, Outcome, Touch, Verdict,
};
use crate::time::Instant;

/// A list of events, in the order in which they began.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct EventTimeline {
    entries: Vec<TimelineEntry>,
    /// The number of earlier entries that were dropped.
    pub forgotten: u32,
}

/// An event that occurred once or several times in a row.
#[derive(Clone, PartialEq, Debug)]
pub struct TimelineEntry {
    /// The generation of the token that the event is about.
    pub generation: Generation,
    /// The time of the first occurrence.
    pub from: Instant,
    /// The time of the last occurrence.
    pub until: Instant,
    /// The number of occurrences.
    pub count: u32,
    /// The event.
    pub timeline_event: TimelineEvent,
    /// The correlation id of the last answer, for which Genesys support asks.
    pub correlation_id: Option<Arc<str>>,
}

/// The kind of a timeline entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TimelineEvent {
    /// Requests succeeded.
    Answered(Answers),
    /// A request failed.
    Failed(Operation, FailureReason),
    /// A request was answered with 401.
    Refused(Operation),
    /// A token that is not yet proven alive got no answer about it.
    Unanswered,
    /// Requests failed, and the deadline is nearer than the margin allows.
    AtRisk,
    /// The idle deadline passed.
    PastDeadline,
    /// The API answered, but not about the token.
    Blocked,
    /// The session recovered after this many failures.
    Recovered(u32),
    /// A 401 was not confirmed: the token lives.
    Unconfirmed,
    /// A touch of this kind does not move the deadline.
    TouchExcluded(Touch),
    /// A touch of this kind is refused although the token lives.
    TouchRefused(Touch),
    /// Neither kind of touch moves the deadline.
    Excluded,
    /// A touch of this kind moves the deadline.
    ResetProven(Touch),
    /// The organisation's idle timeout was read: its own, and the shortest of its groups.
    TimeoutRead(Option<Duration>, Option<Duration>),
    /// The token may not read the organisation's idle timeout.
    TimeoutNotPermitted,
    /// The expiry of the token comes nearer.
    Expiring,
    /// The OAuth client is inactive or is to be deleted.
    ClientEnding(ClientEnd),
    /// A new token was issued.
    Minted,
    /// No new token is issued.
    MintFailed(MintFailure),
    /// The application uses the earlier token after the renewal.
    EarlierInUse,
}

/// The number of successful requests by kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Answers {
    /// The number of touches by HEAD.
    pub heads: u32,
    /// The number of touches by GET.
    pub gets: u32,
    /// The number of peeks.
    pub peeks: u32,
    /// The number of reads of the organisation's idle timeout.
    pub reads: u32,
}

impl Answers {
    fn count(&mut self, operation: Operation) {
        let count = match operation {
            Operation::Touch(Touch::Head) => &mut self.heads,
            Operation::Touch(Touch::Get) => &mut self.gets,
            Operation::Peek => &mut self.peeks,
            Operation::ReadTimeout => &mut self.reads,
            // A revocation is the end of the token, which the token history records.
            Operation::Revoke => return,
        };
        *count = count.saturating_add(1);
    }
}

impl EventTimeline {
    /// Returns the entries, in the order in which they began.
    #[must_use]
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &TimelineEntry> {
        self.entries.iter()
    }

    /// Returns the reason of the failure, if the last request for this token failed.
    #[must_use]
    pub fn last_failure(&self, generation: Generation) -> Option<&FailureReason> {
        if let TimelineEvent::Failed(_, reason) = &self.last_answer(generation)?.timeline_event {
            Some(reason)
        } else {
            None
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn handle_event(&mut self, event: &Event, generation: Generation) -> Growth {
        let timeline_event = match &event.kind {
            EventKind::Answered {
                operation, outcome, ..
            } => return self.handle_answer(*operation, outcome, event.at, generation),
            EventKind::Unanswered(_) => TimelineEvent::Unanswered,
            EventKind::AtRisk(_) => TimelineEvent::AtRisk,
            EventKind::PastDeadline(_) => TimelineEvent::PastDeadline,
            EventKind::Blocked(_) => TimelineEvent::Blocked,
            EventKind::Recovered { failures } => TimelineEvent::Recovered(*failures),
            EventKind::Unconfirmed => TimelineEvent::Unconfirmed,
            EventKind::TouchRefused(touch, _) => TimelineEvent::TouchRefused(*touch),
            EventKind::TouchExcluded(touch) => TimelineEvent::TouchExcluded(*touch),
            EventKind::Excluded => TimelineEvent::Excluded,
            EventKind::ResetProven { touch, .. } => TimelineEvent::ResetProven(*touch),
            EventKind::TimeoutRead(report) => {
                TimelineEvent::TimeoutRead(report.organisation, report.groups.iter().min().copied())
            }
            EventKind::TimeoutNotPermitted(_) => TimelineEvent::TimeoutNotPermitted,
            EventKind::Expiring(_) => TimelineEvent::Expiring,
            EventKind::ClientEnding(end) => TimelineEvent::ClientEnding(*end),
            EventKind::Minted => TimelineEvent::Minted,
            EventKind::MintFailed(failure) => TimelineEvent::MintFailed(failure.clone()),
            EventKind::EarlierInUse => TimelineEvent::EarlierInUse,
            // The token history records a token's beginning and end.
            EventKind::Found
            | EventKind::Alive { .. }
            | EventKind::NewerRefused(_)
            | EventKind::NewerMismatched(_)
            | EventKind::Lost(_)
            | EventKind::Lapsed(_)
            | EventKind::Revoked { .. }
            | EventKind::NotRevoked(_)
            | EventKind::Left
            | EventKind::EarlierEnded(_) => return Growth::Counted,
        };
        if let Some(last) = self.entries.last_mut()
            && last.generation == generation
            && last.timeline_event == timeline_event
        {
            last.repeat(event.at);
            return Growth::Counted;
        }
        self.add(generation, event.at, timeline_event, None)
    }

    fn handle_answer(
        &mut self,
        operation: Operation,
        outcome: &Outcome,
        at: Instant,
        generation: Generation,
    ) -> Growth {
        match &outcome.verdict {
            Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) => {
                return self.handle_success(operation, at, generation);
            }
            // The missing permission has an event of its own and is no failure of the token.
            Verdict::Blocked(BlockReason::Forbidden(_)) if operation == Operation::ReadTimeout => {
                return Growth::Counted;
            }
            Verdict::Refused(_)
            | Verdict::Blocked(_)
            | Verdict::Throttled { .. }
            | Verdict::Unreachable(_) => {}
        }
        let timeline_event = match FailureReason::of(&outcome.verdict) {
            Some(reason) => TimelineEvent::Failed(operation, reason),
            None => TimelineEvent::Refused(operation),
        };
        let correlation_id = outcome.correlation_id.clone();
        match self.last_answer_mut(generation) {
            Some(last) if last.timeline_event.is_like(&timeline_event) => {
                last.repeat(at);
                last.timeline_event = timeline_event;
                last.correlation_id = correlation_id;
                Growth::Counted
            }
            Some(_) | None => self.add(generation, at, timeline_event, correlation_id),
        }
    }

    fn handle_success(
        &mut self,
        operation: Operation,
        at: Instant,
        generation: Generation,
    ) -> Growth {
        if operation == Operation::Revoke {
            return Growth::Counted;
        }
        if let Some(last) = self.last_answer_mut(generation)
            && let TimelineEvent::Answered(answers) = &mut last.timeline_event
        {
            answers.count(operation);
            last.repeat(at);
            return Growth::Counted;
        }
        let mut answers = Answers::default();
        answers.count(operation);
        self.add(generation, at, TimelineEvent::Answered(answers), None)
    }

    fn last_answer(&self, generation: Generation) -> Option<&TimelineEntry> {
        let mut entries = self.entries.iter().rev();
        entries.find(|entry| entry.generation == generation && entry.timeline_event.is_answer())
    }

    fn last_answer_mut(&mut self, generation: Generation) -> Option<&mut TimelineEntry> {
        let mut entries = self.entries.iter_mut().rev();
        entries.find(|entry| entry.generation == generation && entry.timeline_event.is_answer())
    }

    fn add(
        &mut self,
        generation: Generation,
        at: Instant,
        timeline_event: TimelineEvent,
        correlation_id: Option<Arc<str>>,
    ) -> Growth {
        let entry = TimelineEntry {
            generation,
            from: at,
            until: at,
            count: 1,
            timeline_event,
            correlation_id,
        };
        grow(&mut self.entries, entry);
        Growth::Grown
    }

    /// Drops the entry whose last occurrence is the oldest.
    pub(super) fn forget_oldest(&mut self) {
        let entries = self.entries.iter().enumerate();
        if let Some((oldest, _)) = entries.min_by_key(|(_, entry)| entry.until) {
            self.entries.remove(oldest);
            self.entries.shrink_to_fit();
            self.forgotten = self.forgotten.saturating_add(1);
        }
    }

    /// Returns the allocated memory in bytes, without the overhead of the allocator.
    pub(super) fn weight(&self) -> usize {
        let texts: usize = self.entries.iter().map(TimelineEntry::texts).sum();
        self.entries.capacity() * size_of::<TimelineEntry>() + texts
    }
}

impl TimelineEntry {
    fn repeat(&mut self, at: Instant) {
        self.count = self.count.saturating_add(1);
        self.until = at;
    }

    fn texts(&self) -> usize {
        let reason_weight = match &self.timeline_event {
            TimelineEvent::Failed(_, reason) => text_of(reason).map_or(0, |text| text_weight(text)),
            TimelineEvent::Answered(_)
            | TimelineEvent::Refused(_)
            | TimelineEvent::Unanswered
            | TimelineEvent::AtRisk
            | TimelineEvent::PastDeadline
            | TimelineEvent::Blocked
            | TimelineEvent::Recovered(_)
            | TimelineEvent::Unconfirmed
            | TimelineEvent::TouchRefused(_)
            | TimelineEvent::TouchExcluded(_)
            | TimelineEvent::Excluded
            | TimelineEvent::ResetProven(_)
            | TimelineEvent::TimeoutRead(..)
            | TimelineEvent::TimeoutNotPermitted
            | TimelineEvent::Expiring
            | TimelineEvent::ClientEnding(_)
            | TimelineEvent::Minted
            | TimelineEvent::MintFailed(_)
            | TimelineEvent::EarlierInUse => 0,
        };
        let id_weight = self.correlation_id.as_ref().map_or(0, |id| text_weight(id));
        reason_weight + id_weight
    }
}

impl TimelineEvent {
    /// Returns the machine-readable name.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Answered(_) => "answered",
            Self::Failed(..) => "failed",
            Self::Refused(_) => "refused",
            Self::Unanswered => "unanswered",
            Self::AtRisk => "at_risk",
            Self::PastDeadline => "past_deadline",
            Self::Blocked => "blocked",
            Self::Recovered(_) => "recovered",
            Self::Unconfirmed => "unconfirmed",
            Self::TouchRefused(_) => "touch_refused",
            Self::TouchExcluded(_) => "touch_excluded",
            Self::Excluded => "excluded",
            Self::ResetProven(_) => "reset_proven",
            Self::TimeoutRead(..) => "timeout_read",
            Self::TimeoutNotPermitted => "timeout_not_permitted",
            Self::Expiring => "expiring",
            Self::ClientEnding(_) => "client_ending",
            Self::Minted => "minted",
            Self::MintFailed(_) => "mint_failed",
            Self::EarlierInUse => "earlier_in_use",
        }
    }

    /// Returns true if the event is about the outcome of a request.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        matches!(
            self,
            Self::Answered(_) | Self::Failed(..) | Self::Refused(_)
        )
    }

    /// Returns true if the events are equal, apart from the wait that a throttling API asks for.
    fn is_like(&self, other: &Self) -> bool {
        if let (
            Self::Failed(operation, FailureReason::Throttled { .. }),
            Self::Failed(other_operation, FailureReason::Throttled { .. }),
        ) = (self, other)
        {
            operation == other_operation
        } else {
            self == other
        }
    }
}

fn text_of(reason: &FailureReason) -> Option<&Arc<str>> {
    match reason {
        FailureReason::Unreachable(Failure::NotSent(text))
        | FailureReason::Blocked(BlockReason::Forbidden(text) | BlockReason::Rejected(_, text)) => {
            Some(text)
        }
        FailureReason::Unreachable(_)
        | FailureReason::Throttled { .. }
        | FailureReason::Blocked(_)
        | FailureReason::OutOfTime
        | FailureReason::StillAlive => None,
    }
}
