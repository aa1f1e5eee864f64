//! Decides when a file that changes has come to rest and is worth reading.
//!
//! Pure: it hears of events, looks and readings, and answers with instants.
//!
//! A file is taken when two looks, [`DEBOUNCE`] apart and with no event in
//! between, find it in the same state; at the latest [`PATIENCE`] after its
//! first event, however often it changes. What is then no token, or no file,
//! is not believed until it has stayed so for [`PATIENCE`].
//!
//! What cannot be known: a writer that pauses for longer than the debounce
//! looks like one that has finished. If what it has written so far happens to
//! look like a token, only the API can tell; the rest follows as a new change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Identity, Read, SourceError};
use crate::keeper::Instant;

/// How long a file must be quiet to count as at rest.
pub const DEBOUNCE: Duration = Duration::from_millis(250);

/// How long a file may go on changing before it is read all the same, and how
/// long it may hold no token before that is believed.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What to make of a look at a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Look {
    /// It is to be looked at again.
    Wait,
    /// It is to be read.
    Take,
}

/// What to make of what was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finding {
    /// It is as it was found: a token, or an error to report.
    Final,
    /// Someone may still be writing: keep what there was, say nothing, the file will come up again.
    Unfinished,
}

/// The files that have changed and are not yet at rest.
#[derive(Debug, Default)]
pub(super) struct Settle {
    restless: BTreeMap<Arc<Path>, Restless>,
    /// The looks of `restless`, the earliest first.
    looks: BTreeSet<(Instant, Arc<Path>)>,
    /// Files that hold no token, and from when on that is believed.
    unfinished: BTreeMap<Arc<Path>, Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Restless {
    look_at: Instant,
    /// However often it changes, it is taken no later than this.
    take_at: Instant,
    seen: Seen,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Seen {
    /// Not looked at since the last event.
    NotYet,
    /// The last look found this, or no file.
    As(Option<Identity>),
}

impl Settle {
    /// Something happened to the file.
    pub(super) fn handle_event(&mut self, path: &Arc<Path>, now: Instant) {
        let restless = self.restless.get(path);
        let take_at = restless.map_or(now + PATIENCE, |restless| restless.take_at);
        self.expect(path, now + DEBOUNCE, take_at, Seen::NotYet);
    }

    /// A file that is due to be looked at. Comes up until the look is handled.
    pub(super) fn poll_look(&self, now: Instant) -> Option<Arc<Path>> {
        let (look_at, path) = self.looks.first()?;
        (*look_at <= now).then(|| path.clone())
    }

    /// The state in which a look found the file; `None` if there is no file.
    pub(super) fn handle_look(
        &mut self,
        path: &Arc<Path>,
        identity: Option<Identity>,
        now: Instant,
    ) -> Look {
        let Some(restless) = self.restless.get(path).copied() else {
            return Look::Wait;
        };
        let seen = Seen::As(identity);
        if restless.seen == seen || restless.take_at <= now {
            self.calm(path);
            Look::Take
        } else {
            self.expect(path, now + DEBOUNCE, restless.take_at, seen);
            Look::Wait
        }
    }

    /// What came of reading the file, for whatever reason it was read.
    pub(super) fn handle_read(
        &mut self,
        path: &Arc<Path>,
        read: &Result<Read, SourceError>,
        now: Instant,
    ) -> Finding {
        let unfinished = read.as_ref().is_err_and(SourceError::may_be_unfinished);
        if !unfinished {
            self.unfinished.remove(path);
            return Finding::Final;
        }
        let believed_at = *self
            .unfinished
            .entry(path.clone())
            .or_insert(now + PATIENCE);
        if believed_at <= now {
            self.unfinished.remove(path);
            return Finding::Final;
        }
        if !self.restless.contains_key(path) {
            self.expect(path, believed_at, believed_at, Seen::NotYet);
        }
        Finding::Unfinished
    }

    /// When the next look is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.looks.first().map(|(look_at, _)| *look_at)
    }

    /// Nobody asks for this file any more.
    pub(super) fn forget(&mut self, path: &Arc<Path>) {
        self.calm(path);
        self.unfinished.remove(path);
    }

    fn expect(&mut self, path: &Arc<Path>, look_at: Instant, take_at: Instant, seen: Seen) {
        self.calm(path);
        let restless = Restless {
            look_at: look_at.min(take_at),
            take_at,
            seen,
        };
        self.looks.insert((restless.look_at, path.clone()));
        self.restless.insert(path.clone(), restless);
    }

    fn calm(&mut self, path: &Arc<Path>) {
        if let Some(restless) = self.restless.remove(path) {
            self.looks.remove(&(restless.look_at, path.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::{Source, Token};
    use super::*;

    /// One file, whose size is its state, on a clock of milliseconds.
    #[derive(Default)]
    struct Timeline {
        settle: Settle,
        size: Option<u64>,
    }

    impl Timeline {
        fn path() -> Arc<Path> {
            Arc::from(Path::new("/token"))
        }

        /// The file has this size from here on; nothing is heard of it.
        fn size(mut self, size: impl Into<Option<u64>>) -> Self {
            self.size = size.into();
            self
        }

        fn event(mut self, at: u64) -> Self {
            self.settle.handle_event(&Self::path(), moment(at));
            self
        }

        fn look(mut self, at: u64, expected: Look) -> Self {
            let before = at.checked_sub(1).map(moment);
            assert_eq!(
                before.and_then(|before| self.settle.poll_look(before)),
                None
            );
            assert_eq!(self.settle.poll_timeout(), Some(moment(at)));
            let path = self.settle.poll_look(moment(at)).expect("a look is due");
            let identity = self.size.map(Identity::of_size);
            let look = self.settle.handle_look(&path, identity, moment(at));
            assert_eq!(look, expected, "at {at} ms");
            self
        }

        fn waits(self, at: u64) -> Self {
            self.look(at, Look::Wait)
        }

        fn takes(self, at: u64) -> Self {
            self.look(at, Look::Take)
        }

        fn reads(mut self, at: u64, read: &Result<Read, SourceError>, expected: Finding) -> Self {
            let finding = self.settle.handle_read(&Self::path(), read, moment(at));
            assert_eq!(finding, expected, "at {at} ms");
            self
        }

        fn ends_calm(self) {
            assert_eq!(self.settle.poll_timeout(), None);
            assert!(self.settle.unfinished.is_empty());
        }
    }

    fn moment(milliseconds: u64) -> Instant {
        Instant::from_boot(Duration::from_millis(milliseconds))
    }

    fn place() -> Source {
        Source::File(PathBuf::from("/token"))
    }

    fn holds(content: &[u8]) -> Result<Read, SourceError> {
        let token = Token::from_bytes(content.to_vec());
        let read = token.map(|token| Read {
            token,
            identity: None,
            warning: None,
        });
        read.map_err(|reason| SourceError::NotAToken {
            place: place(),
            reason,
        })
    }

    fn absent() -> Result<Read, SourceError> {
        Err(SourceError::Absent(place()))
    }

    #[test]
    fn a_file_is_taken_when_two_looks_agree() {
        let replaced = Timeline::default().size(3).event(0);
        let taken = replaced.waits(250).takes(500);
        taken.reads(500, &holds(b"abc"), Finding::Final).ends_calm();
    }

    #[test]
    fn an_event_starts_the_wait_again() {
        let written = Timeline::default().size(3).event(0).event(200).waits(450);
        written.event(600).waits(850).takes(1100).ends_calm();
    }

    #[test]
    fn a_change_without_an_event_is_noticed_by_the_looks() {
        let growing = Timeline::default().size(3).event(0).waits(250);
        growing.size(6).waits(500).takes(750).ends_calm();
    }

    #[test]
    fn a_file_that_changes_for_ever_is_taken_after_five_seconds() {
        let mut busy = Timeline::default().size(3);
        for tenths in 0..50 {
            busy = busy.event(tenths * 100);
        }
        busy.takes(5000).ends_calm();
    }

    #[test]
    fn an_empty_file_is_not_believed_at_once() {
        let truncated = Timeline::default().size(0).event(0).waits(250).takes(500);
        let waiting = truncated.reads(500, &holds(b""), Finding::Unfinished);
        let written = waiting.size(3).event(900).waits(1150).takes(1400);
        written
            .reads(1400, &holds(b"abc"), Finding::Final)
            .ends_calm();
    }

    #[test]
    fn a_file_that_stays_away_is_reported() {
        let removed = Timeline::default().event(0).waits(250).takes(500);
        let waiting = removed.reads(500, &absent(), Finding::Unfinished);
        let believed = waiting.takes(5500).reads(5500, &absent(), Finding::Final);
        believed.ends_calm();
    }

    #[test]
    fn patience_does_not_grow_with_each_failure() {
        let removed = Timeline::default().reads(0, &absent(), Finding::Unfinished);
        let created = removed.size(0).event(4000).waits(4250).takes(4500);
        let waiting = created.reads(4500, &holds(b""), Finding::Unfinished);
        let believed = waiting.takes(5000).reads(5000, &holds(b""), Finding::Final);
        believed.ends_calm();
    }

    #[test]
    fn other_errors_are_believed_at_once() {
        let refused = Err(SourceError::NotAFile(place()));
        let read = Timeline::default().reads(0, &refused, Finding::Final);
        read.ends_calm();
    }

    #[test]
    fn a_forgotten_file_does_not_come_up() {
        let mut timeline = Timeline::default()
            .event(0)
            .reads(0, &absent(), Finding::Unfinished);
        timeline.settle.forget(&Timeline::path());
        timeline.ends_calm();
    }
}
