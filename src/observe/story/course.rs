//! What happened to a token between its beginning and its end: answers that are alike are one entry.

use std::sync::Arc;
use std::time::Duration;

use super::{Growth, grow, text_weight};
use crate::keeper::{
    Blockage, Event, EventKind, Failure, Generation, Instant, Obstacle, Operation, Outcome, Touch,
    Verdict,
};

/// What happened, in the order in which it began.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Course {
    entries: Vec<Entry>,
    /// How many earlier entries are forgotten.
    pub forgotten: u32,
}

/// Something that happened, once or several times in a row.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// The token that it happened to.
    pub generation: Generation,
    /// When it happened first.
    pub from: Instant,
    /// When it happened last.
    pub until: Instant,
    /// How often.
    pub count: u32,
    /// What.
    pub fact: Fact,
    /// Of the last answer: support asks for it.
    pub correlation_id: Option<Arc<str>>,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fact {
    /// Requests were answered as they should be.
    Answered(Answers),
    /// A request failed.
    Failed(Operation, Obstacle),
    /// A request was answered with 401.
    Refused(Operation),
    /// Nothing was heard about a token that is not proven.
    Unanswered,
    /// Tries failed, and the deadline came nearer than the margin allows.
    AtRisk,
    /// The idle deadline passed.
    PastDeadline,
    /// The API answered, but not about the token.
    Blocked,
    /// It was well again after so many failures.
    Recovered(u32),
    /// A 401 was not confirmed.
    Unconfirmed,
    /// This touch does not move the deadline.
    TouchExcluded(Touch),
    /// Neither touch does.
    Excluded,
    /// This touch does.
    ResetProven(Touch),
    /// The organisation's idle timeout: its own, and the shortest of its groups.
    TimeoutRead(Option<Duration>, Option<Duration>),
    /// The token may not read that.
    TimeoutNotPermitted,
}

/// How many requests were answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Answers {
    /// Touches by HEAD.
    pub heads: u32,
    /// Touches by GET.
    pub gets: u32,
    /// Peeks.
    pub peeks: u32,
    /// Looks at the organisation's idle timeout.
    pub reads: u32,
}

impl Answers {
    fn count(&mut self, operation: Operation) {
        let count = match operation {
            Operation::Touch(Touch::Head) => &mut self.heads,
            Operation::Touch(Touch::Get) => &mut self.gets,
            Operation::Peek => &mut self.peeks,
            Operation::ReadTimeout => &mut self.reads,
            // Is the end of the token, and told as such.
            Operation::Revoke => return,
        };
        *count = count.saturating_add(1);
    }
}

impl Course {
    /// The entries, in the order in which they began.
    #[must_use]
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The last failure of a token, unless something went well after it.
    #[must_use]
    pub fn in_the_way(&self, generation: Generation) -> Option<&Obstacle> {
        if let Fact::Failed(_, obstacle) = &self.last_answer(generation)?.fact {
            Some(obstacle)
        } else {
            None
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn handle_event(&mut self, event: &Event, generation: Generation) -> Growth {
        let fact = match &event.kind {
            EventKind::Answered {
                operation, outcome, ..
            } => return self.handle_answer(*operation, outcome, event.at, generation),
            EventKind::Unanswered(_) => Fact::Unanswered,
            EventKind::AtRisk(_) => Fact::AtRisk,
            EventKind::PastDeadline(_) => Fact::PastDeadline,
            EventKind::Blocked(_) => Fact::Blocked,
            EventKind::Recovered { failures } => Fact::Recovered(*failures),
            EventKind::Unconfirmed => Fact::Unconfirmed,
            EventKind::TouchExcluded(touch) => Fact::TouchExcluded(*touch),
            EventKind::Excluded => Fact::Excluded,
            EventKind::ResetProven { touch, .. } => Fact::ResetProven(*touch),
            EventKind::TimeoutRead(report) => {
                Fact::TimeoutRead(report.organisation, report.groups.iter().min().copied())
            }
            EventKind::TimeoutNotPermitted(_) => Fact::TimeoutNotPermitted,
            // A token's beginning and end are the chapter's.
            EventKind::Found
            | EventKind::Held { .. }
            | EventKind::NewerRefused(_)
            | EventKind::Lost(_)
            | EventKind::Lapsed(_)
            | EventKind::Revoked
            | EventKind::NotRevoked(_)
            | EventKind::Left => return Growth::Counted,
        };
        if let Some(last) = self.entries.last_mut()
            && last.generation == generation
            && last.fact == fact
        {
            last.repeat(event.at);
            return Growth::Counted;
        }
        self.add(generation, event.at, fact, None)
    }

    fn handle_answer(
        &mut self,
        operation: Operation,
        outcome: &Outcome,
        at: Instant,
        generation: Generation,
    ) -> Growth {
        let fact = match &outcome.verdict {
            Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) => {
                return self.handle_success(operation, at, generation);
            }
            // A token that may not read the timeout is told of, and fails by nothing.
            Verdict::Blocked(Blockage::Forbidden(_)) if operation == Operation::ReadTimeout => {
                return Growth::Counted;
            }
            Verdict::Refused(_) => Fact::Refused(operation),
            Verdict::Blocked(blockage) => {
                Fact::Failed(operation, Obstacle::Blocked(blockage.clone()))
            }
            Verdict::Throttled { retry_after } => Fact::Failed(
                operation,
                Obstacle::Throttled {
                    retry_after: *retry_after,
                },
            ),
            Verdict::Unreachable(failure) => {
                Fact::Failed(operation, Obstacle::Unreachable(failure.clone()))
            }
        };
        let correlation_id = outcome.correlation_id.clone();
        match self.last_answer_mut(generation) {
            Some(last) if last.fact.is_like(&fact) => {
                last.repeat(at);
                last.fact = fact;
                last.correlation_id = correlation_id;
                Growth::Counted
            }
            Some(_) | None => self.add(generation, at, fact, correlation_id),
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
            && let Fact::Answered(answers) = &mut last.fact
        {
            answers.count(operation);
            last.repeat(at);
            return Growth::Counted;
        }
        let mut answers = Answers::default();
        answers.count(operation);
        self.add(generation, at, Fact::Answered(answers), None)
    }

    fn last_answer(&self, generation: Generation) -> Option<&Entry> {
        let mut entries = self.entries.iter().rev();
        entries.find(|it| it.generation == generation && it.fact.is_answer())
    }

    fn last_answer_mut(&mut self, generation: Generation) -> Option<&mut Entry> {
        let mut entries = self.entries.iter_mut().rev();
        entries.find(|it| it.generation == generation && it.fact.is_answer())
    }

    fn add(
        &mut self,
        generation: Generation,
        at: Instant,
        fact: Fact,
        correlation_id: Option<Arc<str>>,
    ) -> Growth {
        let entry = Entry {
            generation,
            from: at,
            until: at,
            count: 1,
            fact,
            correlation_id,
        };
        grow(&mut self.entries, entry);
        Growth::Grown
    }

    /// Forgets what ended first.
    pub(super) fn forget_oldest(&mut self) {
        let entries = self.entries.iter().enumerate();
        if let Some((oldest, _)) = entries.min_by_key(|(_, entry)| entry.until) {
            self.entries.remove(oldest);
            self.entries.shrink_to_fit();
            self.forgotten = self.forgotten.saturating_add(1);
        }
    }

    /// How many bytes it takes beside itself, but for what the allocator adds.
    pub(super) fn weight(&self) -> usize {
        let texts: usize = self.entries.iter().map(Entry::texts).sum();
        self.entries.capacity() * size_of::<Entry>() + texts
    }
}

impl Entry {
    fn repeat(&mut self, at: Instant) {
        self.count = self.count.saturating_add(1);
        self.until = at;
    }

    fn texts(&self) -> usize {
        let in_the_way = match &self.fact {
            Fact::Failed(_, obstacle) => text_of(obstacle).map_or(0, |text| text_weight(text)),
            Fact::Answered(_)
            | Fact::Refused(_)
            | Fact::Unanswered
            | Fact::AtRisk
            | Fact::PastDeadline
            | Fact::Blocked
            | Fact::Recovered(_)
            | Fact::Unconfirmed
            | Fact::TouchExcluded(_)
            | Fact::Excluded
            | Fact::ResetProven(_)
            | Fact::TimeoutRead(..)
            | Fact::TimeoutNotPermitted => 0,
        };
        in_the_way + self.correlation_id.as_ref().map_or(0, |id| text_weight(id))
    }
}

impl Fact {
    /// The word for machines.
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
            Self::TouchExcluded(_) => "touch_excluded",
            Self::Excluded => "excluded",
            Self::ResetProven(_) => "reset_proven",
            Self::TimeoutRead(..) => "timeout_read",
            Self::TimeoutNotPermitted => "timeout_not_permitted",
        }
    }

    /// Whether it is about answers, or their lack.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        matches!(
            self,
            Self::Answered(_) | Self::Failed(..) | Self::Refused(_)
        )
    }

    /// Whether it is the same but for how long the API asks to wait.
    fn is_like(&self, other: &Self) -> bool {
        if let (
            Self::Failed(operation, Obstacle::Throttled { .. }),
            Self::Failed(of_other, Obstacle::Throttled { .. }),
        ) = (self, other)
        {
            operation == of_other
        } else {
            self == other
        }
    }
}

fn text_of(obstacle: &Obstacle) -> Option<&Arc<str>> {
    match obstacle {
        Obstacle::Unreachable(Failure::NotSent(text))
        | Obstacle::Blocked(Blockage::Forbidden(text) | Blockage::Rejected(_, text)) => Some(text),
        Obstacle::Unreachable(_)
        | Obstacle::Throttled { .. }
        | Obstacle::Blocked(_)
        | Obstacle::OutOfTime => None,
    }
}
