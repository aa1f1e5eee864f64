//! Records the last 24 hours of a session in quarters of an hour, and since when it has a living token.
//!
//! *Invariant*: a session of which nothing is known but that its token lives takes no memory beyond
//! [`SessionDay`] itself.

use std::time::Duration;

use crate::keeper::{BlockReason, Event, EventKind, Idleness, Operation, Verdict};
use crate::time::Instant;

/// The number of quarters of an hour that are recorded.
pub const QUARTERS: u32 = 96;

/// The length of a quarter of an hour, in seconds.
const QUARTER_SECONDS: u64 = 15 * 60;

/// The last 24 hours of a session.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SessionDay {
    /// The time from which on the session has had a living token without interruption; a
    /// replacement of a living token is none.
    pub alive_since: Option<Instant>,
    /// The quarters of an hour; `None` if a token lived since [`Self::alive_since`] and nothing
    /// else is known.
    marks: Option<Box<Marks>>,
}

/// The worst event in a quarter of an hour.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Quarter {
    /// The session had no living token, or the daemon did not run.
    #[default]
    Empty,
    /// A token lived, and no request failed.
    Well,
    /// Requests failed.
    Failed,
    /// The token was refused although it was to be kept.
    Lost,
}

impl Quarter {
    const ALL: [Self; 4] = [Self::Empty, Self::Well, Self::Failed, Self::Lost];

    /// Returns the character for machines: `-`, `+`, `!` or `x`.
    #[must_use]
    pub fn as_char(self) -> char {
        match self {
            Self::Empty => '-',
            Self::Well => '+',
            Self::Failed => '!',
            Self::Lost => 'x',
        }
    }
}

impl SessionDay {
    /// Records an event of the session. Returns true if it takes more memory than before.
    pub(super) fn handle_event(&mut self, event: &Event) -> bool {
        let at = event.at;
        match &event.kind {
            EventKind::Alive { .. } => {
                // A new token after a gap: the quarters of the gap stay empty.
                let grown = self.mark(at, Quarter::Empty);
                self.alive_since.get_or_insert(at);
                self.mark(at, Quarter::Well) || grown
            }
            EventKind::Answered {
                operation, outcome, ..
            } => {
                if is_failure(*operation, &outcome.verdict) {
                    self.mark(at, Quarter::Failed)
                } else {
                    self.mark(at, Quarter::Empty)
                }
            }
            EventKind::Lost(death) => {
                let grown = self.mark(at, Quarter::Lost);
                if let (Idleness::After(late), Some(marks)) = (death.idle, &mut self.marks) {
                    marks.clear_well(number(at - late) + 1);
                }
                self.alive_since = None;
                grown
            }
            EventKind::Lapsed(_)
            | EventKind::Revoked { .. }
            | EventKind::NotRevoked(_)
            | EventKind::Left => {
                if self.alive_since.is_none() {
                    return false;
                }
                let grown = self.mark_always(at, Quarter::Empty);
                self.alive_since = None;
                grown
            }
            EventKind::Found
            | EventKind::Unanswered(_)
            | EventKind::NewerRefused(_)
            | EventKind::NewerMismatched(_)
            | EventKind::AtRisk(_)
            | EventKind::PastDeadline(_)
            | EventKind::Blocked(_)
            | EventKind::Recovered { .. }
            | EventKind::Unconfirmed
            | EventKind::TouchRefused(..)
            | EventKind::TouchExcluded(_)
            | EventKind::Excluded
            | EventKind::ResetProven { .. }
            | EventKind::TimeoutRead(_)
            | EventKind::TimeoutNotPermitted(_)
            | EventKind::Expiring(_)
            | EventKind::ClientEnding(_)
            | EventKind::Minted
            | EventKind::MintFailed(_)
            | EventKind::EarlierInUse
            | EventKind::EarlierEnded(_) => false,
        }
    }

    /// Returns the last 24 hours with the beginning of their first quarter, the oldest first and
    /// the present one last, from the first that is not empty; `None` if a token lived since
    /// [`Self::alive_since`] and nothing else is known.
    #[must_use]
    pub fn quarters(&self, now: Instant) -> Option<(Instant, Vec<Quarter>)> {
        let mut marks = self.marks.clone()?;
        marks.advance(number(now), self.filling());
        let first = marks.last.saturating_sub(QUARTERS - 1);
        let numbers = first..=marks.last;
        let first = numbers
            .clone()
            .find(|at| marks.get(*at) != Quarter::Empty)?;
        if marks.is_all_well() {
            return None;
        }
        let quarters = (first..=marks.last).map(|at| marks.get(at)).collect();
        let seconds = u64::from(first) * QUARTER_SECONDS;
        Some((Instant::from_boot(Duration::from_secs(seconds)), quarters))
    }

    /// Returns the memory beyond the struct itself, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.marks.as_ref().map_or(0, |_| size_of::<Marks>())
    }

    /// Raises the quarter of this instant to the mark. Only trouble needs memory.
    fn mark(&mut self, at: Instant, mark: Quarter) -> bool {
        if self.marks.is_none() && mark < Quarter::Failed {
            return false;
        }
        self.mark_always(at, mark)
    }

    fn mark_always(&mut self, at: Instant, mark: Quarter) -> bool {
        let (at, filling) = (number(at), self.filling());
        let is_new = self.marks.is_none();
        let alive_since = self.alive_since;
        let marks = self
            .marks
            .get_or_insert_with(|| Box::new(Marks::new(at, alive_since.map(number))));
        let is_later = at > marks.last;
        marks.advance(at, filling);
        marks.raise(at, mark);
        if is_later && marks.is_all_well() {
            self.marks = None;
        }
        is_new
    }

    /// Returns the mark of the quarters in which nothing happens.
    fn filling(&self) -> Quarter {
        match self.alive_since {
            Some(_) => Quarter::Well,
            None => Quarter::Empty,
        }
    }
}

/// Returns true for an answer that the history counts as a failure.
fn is_failure(operation: Operation, verdict: &Verdict) -> bool {
    match verdict {
        // A 401 is no failure: it is confirmed, which ends the token, or it is disregarded.
        Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) | Verdict::Refused(_) => false,
        // A missing permission to read the timeout is no failure of the token.
        Verdict::Blocked(BlockReason::Forbidden(_)) => operation != Operation::ReadTimeout,
        Verdict::Blocked(_) | Verdict::Throttled { .. } | Verdict::Unreachable(_) => true,
    }
}

/// Returns the number of the quarter of an hour since boot.
fn number(at: Instant) -> u32 {
    let number = at.since_boot().as_secs() / QUARTER_SECONDS;
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The marks of the last 96 quarters of an hour, two bits each, in a ring.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Marks {
    /// The number of the last quarter.
    last: u32,
    bits: [u8; 24],
}

impl Marks {
    /// Creates the marks up to this quarter, in which a token lived since another one.
    fn new(last: u32, alive_since: Option<u32>) -> Self {
        let mut marks = Self {
            last,
            bits: [0; 24],
        };
        for at in alive_since.unwrap_or(u32::MAX).max(marks.first())..=last {
            marks.set(at, Quarter::Well);
        }
        marks
    }

    fn first(&self) -> u32 {
        self.last.saturating_sub(QUARTERS - 1)
    }

    /// Makes this quarter the last one. Those in between get the mark `filling`.
    fn advance(&mut self, to: u32, filling: Quarter) {
        let from = (self.last + 1).max(to.saturating_sub(QUARTERS - 1));
        for at in from..=to {
            self.set(at, filling);
        }
        self.last = self.last.max(to);
    }

    fn raise(&mut self, at: u32, mark: Quarter) {
        self.set(at, self.get(at).max(mark));
    }

    /// Empties the quarters from this one on in which nothing is known to have failed.
    fn clear_well(&mut self, from: u32) {
        for at in from.max(self.first())..=self.last {
            if self.get(at) == Quarter::Well {
                self.set(at, Quarter::Empty);
            }
        }
    }

    fn is_all_well(&self) -> bool {
        let mut quarters = self.first()..=self.last;
        self.last >= QUARTERS - 1 && quarters.all(|at| self.get(at) == Quarter::Well)
    }

    fn get(&self, at: u32) -> Quarter {
        let (byte, shift) = place(at);
        Quarter::ALL[usize::from(self.bits[byte] >> shift & 0b11)]
    }

    fn set(&mut self, at: u32, quarter: Quarter) {
        let (byte, shift) = place(at);
        self.bits[byte] = self.bits[byte] & !(0b11 << shift) | (quarter as u8) << shift;
    }
}

/// Returns the byte and the shift of a quarter in the ring.
fn place(at: u32) -> (usize, u32) {
    let at = at % QUARTERS;
    (at as usize / 4, at % 4 * 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::{Failure, Outcome, SessionId, Touch};
    use crate::status::fixture::a_death;

    /// A day whose events are a number of minutes after boot.
    #[derive(Default)]
    struct Timed(SessionDay);

    impl Timed {
        fn event(&mut self, minute: u64, kind: EventKind) -> bool {
            self.0.handle_event(&Event {
                session: SessionId(0),
                token: None,
                at: minutes(minute),
                kind,
            })
        }

        fn answer(&mut self, minute: u64, verdict: Verdict) -> bool {
            let outcome = Outcome::without_answer(verdict);
            let kind = EventKind::Answered {
                operation: Operation::Touch(Touch::Head),
                sent_at: minutes(minute),
                queued: Duration::ZERO,
                outcome,
            };
            self.event(minute, kind)
        }

        fn alive(&mut self, minute: u64, replaces: bool) {
            self.event(minute, EventKind::Alive { replaces });
        }

        fn shown(&self, minute: u64) -> Option<(u64, String)> {
            let (from, quarters) = self.0.quarters(minutes(minute))?;
            let quarters = quarters.into_iter().map(Quarter::as_char).collect();
            Some((from.since_boot().as_secs() / 60, quarters))
        }
    }

    fn minutes(minutes: u64) -> Instant {
        Instant::from_boot(Duration::from_secs(60 * minutes))
    }

    const fn unreachable() -> Verdict {
        Verdict::Unreachable(Failure::NotConnected)
    }

    #[test]
    fn a_session_that_is_touched_needs_no_memory() {
        let mut day = Timed::default();
        day.alive(20, false);
        for minute in 21..3000 {
            assert!(!day.answer(minute, Verdict::Accepted));
        }
        day.alive(3000, true);
        assert_eq!(day.0.alive_since, Some(minutes(20)));
        assert_eq!((day.0.weight(), day.shown(3001)), (0, None));
    }

    #[test]
    fn the_worst_of_a_quarter_is_shown_and_a_gap_stays_empty() {
        let mut day = Timed::default();
        day.alive(20, false);
        assert!(day.answer(62, unreachable()));
        assert!(!day.answer(64, Verdict::Accepted));
        assert_eq!(day.shown(80), Some((15, "+++!+".to_owned())));
        day.answer(92, unreachable());
        day.event(93, EventKind::Lost(a_death()));
        assert_eq!(day.0.alive_since, None);
        assert_eq!(day.shown(121), Some((15, "+++!+x--".to_owned())));
        day.alive(140, false);
        assert_eq!(day.0.alive_since, Some(minutes(140)));
        assert_eq!(day.shown(170), Some((15, "+++!+x--+++".to_owned())));
    }

    #[test]
    fn a_token_that_idled_out_unnoticed_was_not_alive_until_it_was_refused() {
        let mut day = Timed::default();
        day.alive(0, false);
        let death = crate::keeper::Death {
            idle: Idleness::After(Duration::from_secs(60 * 60)),
            ..a_death()
        };
        day.event(120, EventKind::Lost(death));
        assert_eq!(day.shown(120), Some((0, "+++++---x".to_owned())));
    }

    #[test]
    fn a_token_that_lapsed_or_was_revoked_leaves_its_quarters() {
        let mut day = Timed::default();
        day.alive(0, false);
        day.event(31, EventKind::Revoked { was_gone: false });
        assert_eq!(day.shown(50), Some((0, "+++-".to_owned())));
        assert_eq!(day.0.alive_since, None);
    }

    #[test]
    fn trouble_is_forgotten_after_a_day_with_its_memory() {
        let mut day = Timed::default();
        day.alive(0, false);
        day.answer(30, unreachable());
        let of_a_day = day.shown(24 * 60).unwrap();
        assert_eq!(of_a_day.0, 15);
        assert_eq!(of_a_day.1.len(), 96);
        assert_eq!(day.shown(24 * 60 + 45), None);
        assert!(day.0.weight() > 0);
        day.answer(24 * 60 + 45, Verdict::Accepted);
        assert_eq!(day.0.weight(), 0);
        day.answer(60 * 24 * 10, unreachable());
        let of_a_day = day.shown(60 * 24 * 10).unwrap();
        assert_eq!(of_a_day.1, "+".repeat(95) + "!");
        assert_eq!(day.shown(60 * 24 * 20), None);
    }

    #[test]
    fn failures_before_the_first_proof_are_shown() {
        let mut day = Timed::default();
        day.answer(5, unreachable());
        day.alive(40, false);
        assert_eq!(day.shown(46), Some((0, "!-++".to_owned())));
    }
}
