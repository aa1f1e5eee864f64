//! Counts events for the metrics, without a clock of its own.
//!
//! The counters must never grow with the number of sessions or with data from a server: counters
//! that are kept by name have a place for each name from the start.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::keeper::{Event, EventKind, Operation, Outcome, Verdict};

/// The upper bounds of the histogram's buckets, in seconds.
///
/// They range from an answer over loopback to a request's time limit.
const BOUNDS: [f64; 12] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// The counters since the daemon's start.
#[derive(Clone, PartialEq, Debug)]
pub struct Counters {
    /// The start of counting, by the wall clock's setting at that time.
    pub began: Timestamp,
    requests: [[u64; Verdict::WORDS.len()]; Operation::ALL.len()],
    /// The durations from a touch to its answer.
    pub touch_durations: Histogram,
    /// The durations for which touches were due before they were sent.
    pub touch_delays: Histogram,
    events: [u64; EventKind::WORDS.len()],
    /// The number of accepted reloads.
    pub reloads: u64,
    /// The number of refused reloads.
    pub reloads_refused: u64,
    /// True if the last reload was refused.
    pub is_last_reload_refused: bool,
    /// The number of times that a token was written to a file for applications.
    pub sinks_written: u64,
    /// The number of times that a token could not be written to a file for applications.
    pub sinks_failed: u64,
    /// The number of files for applications that do not hold the present token yet.
    pub sinks_waiting: u64,
    /// The number of times that the machine was suspended.
    pub suspends: u64,
    /// The total time for which the machine was suspended.
    pub suspended: Duration,
    /// The number of times that the wall clock was set.
    pub clock_steps: u64,
}

/// The result of the work on a file for applications.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SinkOutcome {
    /// The token was written to the file.
    Written,
    /// The token could not be written.
    Failed,
    /// No write was needed: the file held the token already, or was to be removed.
    NothingWritten,
}

/// The distribution of durations over buckets.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Histogram {
    buckets: [u64; BOUNDS.len()],
    /// The latest answer of each bucket, the last of which is unbounded.
    exemplars: [Option<Exemplar>; BOUNDS.len() + 1],
    count: u64,
    sum: Duration,
}

/// An answer that stands for those of its bucket.
#[derive(Clone, PartialEq, Debug)]
pub struct Exemplar {
    /// The correlation id, for which Genesys support asks: letters, digits and hyphens.
    pub correlation_id: Arc<str>,
    /// The duration in seconds.
    pub seconds: f64,
}

/// The longest correlation id of an exemplar; OpenMetrics allows 128 characters with the name.
const CORRELATION_ID_MAX: usize = 64;

impl Counters {
    /// Creates counters that are all zero.
    #[must_use]
    pub fn new(began: Timestamp) -> Self {
        Self {
            began,
            requests: Default::default(),
            touch_durations: Histogram::default(),
            touch_delays: Histogram::default(),
            events: [0; EventKind::WORDS.len()],
            reloads: 0,
            reloads_refused: 0,
            is_last_reload_refused: false,
            sinks_written: 0,
            sinks_waiting: 0,
            sinks_failed: 0,
            suspends: 0,
            suspended: Duration::ZERO,
            clock_steps: 0,
        }
    }

    /// Counts an event of a session, or the answer that it reports.
    pub fn handle_event(&mut self, event: &Event) {
        if let EventKind::Answered {
            operation,
            sent_at,
            queued,
            outcome,
        } = &event.kind
        {
            if let Operation::Touch(_) = operation {
                self.touch_delays.observe(*queued, None);
            }
            self.count_answer(*operation, event.at.since(*sent_at), outcome);
            return;
        }
        let word = event.kind.as_str();
        let place = EventKind::WORDS.iter().position(|event| *event == word);
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

    /// Counts a write of a token to a file for applications.
    pub fn handle_sink(&mut self, outcome: SinkOutcome) {
        match outcome {
            SinkOutcome::Written => self.sinks_written += 1,
            SinkOutcome::Failed => self.sinks_failed += 1,
            SinkOutcome::NothingWritten => {}
        }
    }

    /// Counts a suspension of the machine that lasted this long.
    pub fn handle_slept(&mut self, slept: Duration) {
        self.suspends += 1;
        self.suspended = self.suspended.saturating_add(slept);
    }

    /// Counts a change of the wall clock.
    pub fn handle_clock_stepped(&mut self) {
        self.clock_steps += 1;
    }

    /// Returns the number of requests for every combination of operation and verdict.
    pub fn requests(&self) -> impl Iterator<Item = (Operation, &'static str, u64)> {
        let rows = Operation::ALL.into_iter().zip(&self.requests);
        rows.flat_map(|(operation, row)| {
            let row = Verdict::WORDS.into_iter().zip(row);
            row.map(move |(verdict, &count)| (operation, verdict, count))
        })
    }

    /// Returns the number of occurrences of each event, including those with none.
    pub fn events(&self) -> impl Iterator<Item = (&'static str, u64)> {
        EventKind::WORDS.into_iter().zip(self.events)
    }

    fn count_answer(&mut self, operation: Operation, took: Duration, outcome: &Outcome) {
        let verdict = outcome.verdict.as_str();
        let row = Operation::ALL.iter().position(|known| *known == operation);
        let column = Verdict::WORDS.iter().position(|known| *known == verdict);
        debug_assert!(row.is_some() && column.is_some(), "{verdict} has a place");
        if let (Some(row), Some(column)) = (row, column) {
            self.requests[row][column] += 1;
        }
        // A touch without an answer took as long as the request's time limit, which says nothing
        // about the API.
        if let Operation::Touch(_) = operation
            && outcome.status.is_some()
        {
            self.touch_durations
                .observe(took, outcome.correlation_id.as_ref());
        }
    }
}

impl Histogram {
    /// Adds the duration of an answer with this correlation id.
    pub fn observe(&mut self, took: Duration, correlation_id: Option<&Arc<str>>) {
        let seconds = took.as_secs_f64();
        let place = BOUNDS.iter().position(|bound| seconds <= *bound);
        if let Some(place) = place {
            self.buckets[place] += 1;
        }
        let is_plain = |id: &&Arc<str>| {
            let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            id.len() <= CORRELATION_ID_MAX && id.bytes().all(is_part)
        };
        if let Some(correlation_id) = correlation_id.filter(is_plain) {
            self.exemplars[place.unwrap_or(BOUNDS.len())] = Some(Exemplar {
                correlation_id: Arc::clone(correlation_id),
                seconds,
            });
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(took);
    }

    /// Returns the upper bounds in seconds, each with the number of durations up to it. The last
    /// bound is infinite.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        let mut so_far = 0;
        let bounded = BOUNDS.into_iter().zip(self.buckets);
        let bounded = bounded.map(move |(bound, count)| {
            so_far += count;
            (bound, so_far)
        });
        bounded.chain(std::iter::once((f64::INFINITY, self.count)))
    }

    /// Returns the latest answer of each bucket, in the order of [`Self::cumulative`].
    pub fn exemplars(&self) -> impl Iterator<Item = Option<&Exemplar>> {
        self.exemplars.iter().map(Option::as_ref)
    }

    /// Returns the number of durations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the sum of all durations.
    #[must_use]
    pub fn sum(&self) -> Duration {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::{Failure, Refusal, SessionId, TimeoutReport, TokenReport, Touch};
    use crate::status::fixture::{now, seconds, token, wall_clock};

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
            queued: Duration::ZERO,
            outcome: Outcome {
                verdict,
                status,
                date: None,
                is_cached: false,
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
            Verdict::Blocked(crate::keeper::BlockReason::HeaderMissing),
            Verdict::Throttled { retry_after: None },
            Verdict::Unreachable(Failure::TimedOut),
        ]
    }

    #[test]
    fn each_request_is_counted_in_one_place() {
        let mut counters = Counters::new(wall_clock());
        for operation in Operation::ALL {
            for verdict in every_verdict() {
                counters.handle_event(&answer(operation, verdict, None));
            }
        }
        assert_eq!(counters.requests().count(), 35);
        assert!(counters.requests().all(|(_, _, count)| count == 1));
        assert_eq!(counters.events().map(|(_, count)| count).sum::<u64>(), 0);
    }

    #[test]
    fn only_touches_that_were_answered_are_timed() {
        let mut counters = Counters::new(wall_clock());
        let touch = Operation::Touch(Touch::Head);
        counters.handle_event(&answer(touch, Verdict::Accepted, Some(200)));
        counters.handle_event(&answer(
            touch,
            Verdict::Unreachable(Failure::TimedOut),
            None,
        ));
        counters.handle_event(&answer(Operation::Peek, Verdict::Accepted, Some(200)));
        assert_eq!(counters.touch_durations.count(), 1);
        assert_eq!(counters.touch_durations.sum(), Duration::from_millis(40));
        let in_50_milliseconds = counters.touch_durations.cumulative().nth(3).unwrap();
        assert_eq!(in_50_milliseconds, (0.05, 1));
        assert_eq!(counters.touch_durations.cumulative().nth(2).unwrap().1, 0);
    }

    #[test]
    fn a_bucket_holds_its_bound_and_all_that_is_below() {
        let mut histogram = Histogram::default();
        for milliseconds in [5, 6, 30_000, 30_001, 90_000] {
            histogram.observe(Duration::from_millis(milliseconds), None);
        }
        let counts: Vec<_> = histogram.cumulative().map(|(_, count)| count).collect();
        assert_eq!(counts, [1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 5]);
        assert_eq!(histogram.sum(), Duration::from_millis(150_012));
    }

    #[test]
    fn events_reloads_and_sleeps_are_counted() {
        let mut counters = Counters::new(wall_clock());
        counters.handle_event(&event(EventKind::Alive { replaces: true }));
        counters.handle_event(&event(EventKind::Excluded));
        let counted: Vec<_> = counters.events().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [("replaced", 1), ("excluded", 1)]);
        counters.handle_reloaded(false);
        assert!(counters.is_last_reload_refused);
        counters.handle_reloaded(true);
        assert!(!counters.is_last_reload_refused);
        assert_eq!((counters.reloads, counters.reloads_refused), (1, 1));
        counters.handle_slept(seconds(60));
        counters.handle_slept(seconds(5));
        assert_eq!((counters.suspends, counters.suspended), (2, seconds(65)));
    }
}
