//! Counts what happens, for metrics: of fixed size, and without a clock.
//!
//! It must never grow with the number of sessions or with what a server sends: what is
//! counted by a word has a place for each word from the start.

use std::time::Duration;

use jiff::Timestamp;

use super::log::word;
use crate::keeper::{Event, EventKind, Operation, Outcome, Verdict};

/// The upper bounds of the histogram's buckets, in seconds: from loopback to a request's time limit.
const BOUNDS: [f64; 12] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// The events that are counted: all but answers, which are counted by what was asked.
const EVENTS: [&str; 21] = [
    "found",
    "unanswered",
    "held",
    "replaced",
    "newer_refused",
    "at_risk",
    "past_deadline",
    "blocked",
    "recovered",
    "unconfirmed",
    "touch_excluded",
    "excluded",
    "reset_proven",
    "exclusion_ended",
    "timeout_read",
    "timeout_not_permitted",
    "lost",
    "lapsed",
    "revoked",
    "not_revoked",
    "left",
];

/// What was counted since the daemon began.
#[derive(Clone, PartialEq, Debug)]
pub struct Tallies {
    /// When counting began, on the wall clock as it was set then.
    pub began: Timestamp,
    requests: [[u64; Verdict::WORDS.len()]; Operation::ALL.len()],
    /// How long it took until a touch was answered.
    pub touches: Histogram,
    events: [u64; EVENTS.len()],
    /// How many reloads were accepted.
    pub reloads: u64,
    /// How many reloads were refused.
    pub reloads_refused: u64,
    /// Whether the last reload was refused.
    pub is_last_reload_refused: bool,
    /// How often the machine slept.
    pub suspends: u64,
    /// How long it slept altogether.
    pub suspended: Duration,
    /// How often the wall clock was set.
    pub clock_steps: u64,
}

/// How many of something took how long.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Histogram {
    buckets: [u64; BOUNDS.len()],
    count: u64,
    sum: Duration,
}

impl Tallies {
    /// Nothing was counted yet.
    #[must_use]
    pub fn new(began: Timestamp) -> Self {
        Self {
            began,
            requests: Default::default(),
            touches: Histogram::default(),
            events: [0; EVENTS.len()],
            reloads: 0,
            reloads_refused: 0,
            is_last_reload_refused: false,
            suspends: 0,
            suspended: Duration::ZERO,
            clock_steps: 0,
        }
    }

    /// Counts an event of a session.
    pub fn handle_event(&mut self, event: &Event) {
        if let EventKind::Answered {
            operation,
            sent_at,
            outcome,
        } = &event.kind
        {
            self.answered(*operation, event.at.since(*sent_at), outcome);
            return;
        }
        let word = word(&event.kind);
        let place = EVENTS.iter().position(|it| *it == word);
        debug_assert!(place.is_some(), "{word} has a place");
        if let Some(place) = place {
            self.events[place] += 1;
        }
    }

    /// Counts a reload.
    pub fn handle_reloaded(&mut self, is_accepted: bool) {
        self.is_last_reload_refused = !is_accepted;
        if is_accepted {
            self.reloads += 1;
        } else {
            self.reloads_refused += 1;
        }
    }

    /// Counts a sleep of the machine.
    pub fn handle_slept(&mut self, slept: Duration) {
        self.suspends += 1;
        self.suspended = self.suspended.saturating_add(slept);
    }

    /// Counts that somebody set the wall clock.
    pub fn handle_clock_stepped(&mut self) {
        self.clock_steps += 1;
    }

    /// How many requests ended how: operation, verdict and number, for all there are.
    pub fn requests(&self) -> impl Iterator<Item = (Operation, &'static str, u64)> {
        let rows = Operation::ALL.into_iter().zip(&self.requests);
        rows.flat_map(|(operation, row)| {
            let row = Verdict::WORDS.into_iter().zip(row);
            row.map(move |(verdict, &count)| (operation, verdict, count))
        })
    }

    /// How often each event happened, for all there are.
    pub fn events(&self) -> impl Iterator<Item = (&'static str, u64)> {
        EVENTS.into_iter().zip(self.events)
    }

    fn answered(&mut self, operation: Operation, took: Duration, outcome: &Outcome) {
        let verdict = outcome.verdict.as_str();
        let row = Operation::ALL.iter().position(|it| *it == operation);
        let column = Verdict::WORDS.iter().position(|it| *it == verdict);
        debug_assert!(row.is_some() && column.is_some(), "{verdict} has a place");
        if let (Some(row), Some(column)) = (row, column) {
            self.requests[row][column] += 1;
        }
        // What was not answered took as long as our limit for it, which says nothing.
        if let Operation::Touch(_) = operation
            && outcome.status.is_some()
        {
            self.touches.observe(took);
        }
    }
}

impl Histogram {
    /// Counts one that took so long.
    pub fn observe(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        if let Some(place) = BOUNDS.iter().position(|bound| seconds <= *bound) {
            self.buckets[place] += 1;
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(took);
    }

    /// Upper bounds in seconds, and how many took at most so long; the last bound is infinite.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        let mut so_far = 0;
        let bounded = BOUNDS.into_iter().zip(self.buckets);
        let bounded = bounded.map(move |(bound, count)| {
            so_far += count;
            (bound, so_far)
        });
        bounded.chain(std::iter::once((f64::INFINITY, self.count)))
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How long they took altogether.
    #[must_use]
    pub fn sum(&self) -> Duration {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{now, seconds, token, wall_clock};
    use super::*;
    use crate::keeper::{Failure, Refusal, SessionId, TimeoutReport, TokenReport, Touch};

    fn event(kind: EventKind) -> Event {
        Event {
            session: SessionId(0),
            token: Some(token()),
            at: now(),
            kind,
        }
    }

    fn answer(operation: Operation, verdict: Verdict, status: Option<u16>) -> Event {
        event(EventKind::Answered {
            operation,
            sent_at: now() - Duration::from_millis(40),
            outcome: Outcome {
                verdict,
                status,
                date: None,
                correlation_id: None,
            },
        })
    }

    fn every_verdict() -> [Verdict; 7] {
        [
            Verdict::Accepted,
            Verdict::Alive(TokenReport::default()),
            Verdict::Timeout(TimeoutReport::default()),
            Verdict::Refused(Refusal::Unread),
            Verdict::Blocked(crate::keeper::Blockage::HeaderMissing),
            Verdict::Throttled { retry_after: None },
            Verdict::Unreachable(Failure::TimedOut),
        ]
    }

    #[test]
    fn each_request_is_counted_in_one_place() {
        let mut tallies = Tallies::new(wall_clock());
        for operation in Operation::ALL {
            for verdict in every_verdict() {
                tallies.handle_event(&answer(operation, verdict, None));
            }
        }
        assert_eq!(tallies.requests().count(), 35);
        assert!(tallies.requests().all(|(_, _, count)| count == 1));
        assert_eq!(tallies.events().map(|(_, count)| count).sum::<u64>(), 0);
    }

    #[test]
    fn only_touches_that_were_answered_are_timed() {
        let mut tallies = Tallies::new(wall_clock());
        let touch = Operation::Touch(Touch::Head);
        tallies.handle_event(&answer(touch, Verdict::Accepted, Some(200)));
        tallies.handle_event(&answer(
            touch,
            Verdict::Unreachable(Failure::TimedOut),
            None,
        ));
        tallies.handle_event(&answer(Operation::Peek, Verdict::Accepted, Some(200)));
        assert_eq!(tallies.touches.count(), 1);
        assert_eq!(tallies.touches.sum(), Duration::from_millis(40));
        let in_50_milliseconds = tallies.touches.cumulative().nth(3).unwrap();
        assert_eq!(in_50_milliseconds, (0.05, 1));
        assert_eq!(tallies.touches.cumulative().nth(2).unwrap().1, 0);
    }

    #[test]
    fn a_bucket_holds_its_bound_and_all_that_is_below() {
        let mut histogram = Histogram::default();
        for milliseconds in [5, 6, 30_000, 30_001, 90_000] {
            histogram.observe(Duration::from_millis(milliseconds));
        }
        let counts: Vec<_> = histogram.cumulative().map(|(_, count)| count).collect();
        assert_eq!(counts, [1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 5]);
        assert_eq!(histogram.sum(), Duration::from_millis(150_012));
    }

    #[test]
    fn events_reloads_and_sleeps_are_counted() {
        let mut tallies = Tallies::new(wall_clock());
        tallies.handle_event(&event(EventKind::Held { replaces: true }));
        tallies.handle_event(&event(EventKind::Excluded));
        let counted: Vec<_> = tallies.events().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [("replaced", 1), ("excluded", 1)]);
        tallies.handle_reloaded(false);
        assert!(tallies.is_last_reload_refused);
        tallies.handle_reloaded(true);
        assert!(!tallies.is_last_reload_refused);
        assert_eq!((tallies.reloads, tallies.reloads_refused), (1, 1));
        tallies.handle_slept(seconds(60));
        tallies.handle_slept(seconds(5));
        assert_eq!((tallies.suspends, tallies.suspended), (2, seconds(65)));
    }
}
