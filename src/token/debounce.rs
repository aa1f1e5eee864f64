//! Decides when a changed file has stopped changing and should be read.
//!
//! Pure: it receives events, probes and results of reading, and returns instants.
//!
//! A file is read when two probes, [`DEBOUNCE`] apart and with no event in between, find it in
//! the same state; at the latest [`PATIENCE`] after its first event, however often it changes. A
//! file that is then missing or holds no token is reported only after it has stayed so for
//! [`PATIENCE`].
//!
//! Limit: a writer that pauses for longer than the debounce looks like one that has finished. If
//! the incomplete content happens to look like a token, only the API can tell; the rest of the
//! content follows as a new change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{FileState, Read, SourceError};
use crate::time::Instant;

/// The time without a change after which a file counts as complete.
pub const DEBOUNCE: Duration = Duration::from_millis(250);

/// The time after which a file that keeps changing is read nevertheless, and after which a file
/// without a token is reported.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// The next step after a probe of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum DebounceStep {
    /// The file is to be probed again.
    Wait,
    /// The file is to be read.
    Take,
}

/// The reliability of a result of reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadState {
    /// The result is final: a token, or an error to report.
    Final,
    /// A writer may not have finished: the previous token stays, nothing is reported, and the file
    /// is read again.
    Unfinished,
}

/// The files that have changed and may still be changing.
#[derive(Debug, Default)]
pub(super) struct Debouncer {
    pending: BTreeMap<Arc<Path>, Pending>,
    /// The probes of `pending`, ordered by time.
    probes: BTreeSet<(Instant, Arc<Path>)>,
    /// The files that hold no token, and the time at which that becomes final.
    unfinished: BTreeMap<Arc<Path>, Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    probe_at: Instant,
    /// The latest time at which the file is read, however often it changes.
    take_at: Instant,
    seen: SeenState,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SeenState {
    /// Not probed since the last event.
    NotYet,
    /// The last probe found this state, or no file.
    As(Option<FileState>),
}

impl Debouncer {
    /// Handles a change of the file.
    pub(super) fn handle_event(&mut self, path: &Arc<Path>, now: Instant) {
        let pending = self.pending.get(path);
        let take_at = pending.map_or(now + PATIENCE, |pending| pending.take_at);
        self.schedule(path, now + DEBOUNCE, take_at, SeenState::NotYet);
    }

    /// Returns a file that is due for a probe, until that probe begins.
    pub(super) fn poll_probe(&self, now: Instant) -> Option<Arc<Path>> {
        let (probe_at, path) = self.probes.first()?;
        (*probe_at <= now).then(|| path.clone())
    }

    /// Postpones the probe of a file that cannot be probed yet.
    pub(super) fn postpone(&mut self, path: &Arc<Path>, now: Instant) {
        if let Some(mut pending) = self.pending.get(path).copied() {
            self.cancel(path);
            pending.probe_at = now + DEBOUNCE;
            self.probes.insert((pending.probe_at, path.clone()));
            self.pending.insert(path.clone(), pending);
        }
    }

    /// Marks the beginning of a probe. Until the probe is handled the file is not due again, unless
    /// it changes.
    pub(super) fn begin_probe(&mut self, path: &Arc<Path>) {
        if let Some(pending) = self.pending.get(path) {
            self.probes.remove(&(pending.probe_at, path.clone()));
        }
    }

    /// Returns true if the file became due again since its probe began.
    fn is_scheduled(&self, path: &Arc<Path>) -> bool {
        let pending = self.pending.get(path);
        pending.is_some_and(|pending| self.probes.contains(&(pending.probe_at, path.clone())))
    }

    /// Handles the state in which a probe found the file; `None` if there is no file.
    pub(super) fn handle_probe(
        &mut self,
        path: &Arc<Path>,
        identity: Option<FileState>,
        now: Instant,
    ) -> DebounceStep {
        let Some(pending) = self.pending.get(path).copied() else {
            return DebounceStep::Wait;
        };
        if self.is_scheduled(path) {
            // The file changed during this probe, so another probe follows.
            return DebounceStep::Wait;
        }
        let seen = SeenState::As(identity);
        if pending.seen == seen || pending.take_at <= now {
            self.cancel(path);
            DebounceStep::Take
        } else {
            self.schedule(path, now + DEBOUNCE, pending.take_at, seen);
            DebounceStep::Wait
        }
    }

    /// Handles the result of reading the file, for whatever reason it was read.
    pub(super) fn handle_read(
        &mut self,
        path: &Arc<Path>,
        read: &Result<Read, SourceError>,
        now: Instant,
    ) -> ReadState {
        let unfinished = read.as_ref().is_err_and(SourceError::may_be_unfinished);
        if !unfinished {
            self.unfinished.remove(path);
            return ReadState::Final;
        }
        let final_at = *self
            .unfinished
            .entry(path.clone())
            .or_insert(now + PATIENCE);
        if final_at <= now {
            self.unfinished.remove(path);
            return ReadState::Final;
        }
        if !self.is_scheduled(path) {
            self.schedule(path, final_at, final_at, SeenState::NotYet);
        }
        ReadState::Unfinished
    }

    /// Returns the time of the next probe.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.probes.first().map(|(probe_at, _)| *probe_at)
    }

    /// Forgets a file that is not watched any more.
    pub(super) fn forget(&mut self, path: &Arc<Path>) {
        self.cancel(path);
        self.unfinished.remove(path);
    }

    fn schedule(&mut self, path: &Arc<Path>, probe_at: Instant, take_at: Instant, seen: SeenState) {
        self.cancel(path);
        let pending = Pending {
            probe_at: probe_at.min(take_at),
            take_at,
            seen,
        };
        self.probes.insert((pending.probe_at, path.clone()));
        self.pending.insert(path.clone(), pending);
    }

    fn cancel(&mut self, path: &Arc<Path>) {
        if let Some(pending) = self.pending.remove(path) {
            self.probes.remove(&(pending.probe_at, path.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::{Source, Token};
    use super::*;

    /// A test with one file, whose size is its state, on a clock in milliseconds.
    #[derive(Default)]
    struct DebounceTimeline {
        debounce: Debouncer,
        size: Option<u64>,
    }

    impl DebounceTimeline {
        fn path() -> Arc<Path> {
            Arc::from(Path::new("/token"))
        }

        /// Sets the size of the file without an event.
        fn size(mut self, size: impl Into<Option<u64>>) -> Self {
            self.size = size.into();
            self
        }

        fn event(mut self, at: u64) -> Self {
            self.debounce.handle_event(&Self::path(), moment(at));
            self
        }

        fn probe(mut self, at: u64, expected: DebounceStep) -> Self {
            let before = at.checked_sub(1).map(moment);
            assert_eq!(
                before.and_then(|before| self.debounce.poll_probe(before)),
                None
            );
            assert_eq!(self.debounce.poll_timeout(), Some(moment(at)));
            let path = self.debounce.poll_probe(moment(at)).expect("a look is due");
            self.debounce.begin_probe(&path);
            let identity = self.size.map(FileState::of_size);
            let step = self.debounce.handle_probe(&path, identity, moment(at));
            assert_eq!(step, expected, "at {at} ms");
            self
        }

        fn waits(self, at: u64) -> Self {
            self.probe(at, DebounceStep::Wait)
        }

        fn takes(self, at: u64) -> Self {
            self.probe(at, DebounceStep::Take)
        }

        fn reads(mut self, at: u64, read: &Result<Read, SourceError>, expected: ReadState) -> Self {
            let state = self.debounce.handle_read(&Self::path(), read, moment(at));
            assert_eq!(state, expected, "at {at} ms");
            self
        }

        fn ends_idle(self) {
            assert_eq!(self.debounce.poll_timeout(), None);
            assert!(self.debounce.unfinished.is_empty());
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
            expiry: None,
            is_object: false,
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
        let replaced = DebounceTimeline::default().size(3).event(0);
        let taken = replaced.waits(250).takes(500);
        taken
            .reads(500, &holds(b"abc"), ReadState::Final)
            .ends_idle();
    }

    #[test]
    fn an_event_starts_the_wait_again() {
        let written = DebounceTimeline::default()
            .size(3)
            .event(0)
            .event(200)
            .waits(450);
        written.event(600).waits(850).takes(1100).ends_idle();
    }

    #[test]
    fn a_change_without_an_event_is_noticed_by_the_looks() {
        let growing = DebounceTimeline::default().size(3).event(0).waits(250);
        growing.size(6).waits(500).takes(750).ends_idle();
    }

    #[test]
    fn a_file_that_changes_for_ever_is_taken_after_five_seconds() {
        let mut busy = DebounceTimeline::default().size(3);
        for tenths in 0..50 {
            busy = busy.event(tenths * 100);
        }
        busy.takes(5000).ends_idle();
    }

    #[test]
    fn an_empty_file_is_not_believed_at_once() {
        let truncated = DebounceTimeline::default()
            .size(0)
            .event(0)
            .waits(250)
            .takes(500);
        let waiting = truncated.reads(500, &holds(b""), ReadState::Unfinished);
        let written = waiting.size(3).event(900).waits(1150).takes(1400);
        written
            .reads(1400, &holds(b"abc"), ReadState::Final)
            .ends_idle();
    }

    #[test]
    fn a_file_that_stays_away_is_reported() {
        let removed = DebounceTimeline::default().event(0).waits(250).takes(500);
        let waiting = removed.reads(500, &absent(), ReadState::Unfinished);
        let believed = waiting.takes(5500).reads(5500, &absent(), ReadState::Final);
        believed.ends_idle();
    }

    #[test]
    fn patience_does_not_grow_with_each_failure() {
        let removed = DebounceTimeline::default().reads(0, &absent(), ReadState::Unfinished);
        let created = removed.size(0).event(4000).waits(4250).takes(4500);
        let waiting = created.reads(4500, &holds(b""), ReadState::Unfinished);
        let believed = waiting
            .takes(5000)
            .reads(5000, &holds(b""), ReadState::Final);
        believed.ends_idle();
    }

    #[test]
    fn an_event_during_a_look_leads_to_another_one() {
        let mut timeline = DebounceTimeline::default().size(3).event(0).waits(250);
        let path = timeline.debounce.poll_probe(moment(500)).unwrap();
        timeline.debounce.begin_probe(&path);
        assert_eq!(timeline.debounce.poll_timeout(), None);
        let mut timeline = timeline.event(600);
        let found = Some(FileState::of_size(3));
        let step = timeline.debounce.handle_probe(&path, found, moment(700));
        assert_eq!(step, DebounceStep::Wait);
        timeline.waits(850).takes(1100).ends_idle();
    }

    #[test]
    fn other_errors_are_believed_at_once() {
        let refused = Err(SourceError::NotAFile(place()));
        let read = DebounceTimeline::default().reads(0, &refused, ReadState::Final);
        read.ends_idle();
    }

    #[test]
    fn a_forgotten_file_does_not_come_up() {
        let mut timeline =
            DebounceTimeline::default()
                .event(0)
                .reads(0, &absent(), ReadState::Unfinished);
        timeline.debounce.forget(&DebounceTimeline::path());
        timeline.ends_idle();
    }
}
