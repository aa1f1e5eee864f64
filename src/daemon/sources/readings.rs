//! Runs the readings of sources, at most one for each session at a time. Programs that hang delay
//! the others for seconds at most.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};

use crate::daemon::next_result;
use crate::daemon::session_table::SessionTable;
use crate::keeper::SessionId;
use crate::token::{Read, Reader, Source, SourceError, Token};

/// The number of files that are being read or wait for a thread at a time. The others wait in a
/// queue.
const FILES_MAX: usize = 256;

/// The number of programs that run at a time, as long as each is quick.
const COMMANDS_MAX: usize = 8;

/// The time after which a program does not count as quick any more, which admits the next one.
const COMMAND_QUICK: Duration = Duration::from_secs(1);

/// The number of programs that run at a time. The time limit of a program begins with its start.
const COMMANDS_RUNNING_MAX: usize = 64;

/// The number of running programs that may have failed to end in time when they last ran.
const COMMANDS_SLOW_MAX: usize = 16;

/// The result of reading a source.
pub(in crate::daemon) struct Reading {
    pub(in crate::daemon) id: SessionId,
    /// The number of the run to which it belongs.
    run: u64,
    /// True if the source was read without a known change.
    pub(super) is_blind: bool,
    /// The source as it was configured when the reading began.
    pub(in crate::daemon) source: Source,
    pub(in crate::daemon) result: Result<Read, SourceError>,
    /// True if the source changed while it was read, so it is to be read once more.
    pub(in crate::daemon) is_outdated: bool,
}

#[derive(Default)]
pub(in crate::daemon) struct Readings {
    running: JoinSet<Reading>,
    slots: CommandSlots,
    /// Sessions whose source is being read.
    runs: BTreeMap<SessionId, SourceReading>,
    last_run: u64,
    /// Files that are to be read as soon as there is room.
    queue: VecDeque<(SessionId, u64)>,
    /// The number of files that are being read.
    files: usize,
}

/// A source that is being read.
struct SourceReading {
    number: u64,
    source: Source,
    /// The folder that links must not leave.
    within: Option<PathBuf>,
    /// The token that the file probably still holds.
    known: Option<Weak<Token>>,
    reason: ReadReason,
    /// `None` while it waits in the queue.
    task: Option<AbortHandle>,
    /// True if the source changed after the reading began.
    is_outdated: bool,
}

/// The reason for reading a source.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadReason {
    /// The source changed, or it has not been read yet.
    Change,
    /// The source is not known to have changed.
    Blind,
    /// The source is a program that did not end in time when it last ran.
    AfterTimeOut,
}

impl SourceReading {
    /// Ends a program. The reading of a file cannot be ended; its result is ignored.
    fn abandon(&self) {
        if let Some(task) = self.task.as_ref().filter(|_| self.source.is_command()) {
            task.abort();
        }
    }
}

impl Readings {
    /// Abandons the readings for sessions that are not present, and from places that are not the
    /// session's source any more.
    pub(super) fn retain(&mut self, sessions: &SessionTable) {
        self.runs.retain(|&id, run| {
            let managed = sessions.by_id.get(&id);
            let is_needed = managed.is_some_and(|managed| managed.config.token == run.source)
                && sessions.is_configured(id);
            if !is_needed {
                run.abandon();
            }
            is_needed
        });
    }

    /// Returns the next reading that ends. Waits for ever if there is none. Cancel-safe.
    pub(super) async fn next(&mut self) -> Reading {
        loop {
            let mut reading = next_result(&mut self.running).await;
            if !reading.source.is_command() {
                self.files -= 1;
                self.begin_files();
            }
            // The reading may have been abandoned for another one.
            let is_current = |run: &&mut SourceReading| run.number == reading.run;
            if let Some(run) = self.runs.get_mut(&reading.id).filter(is_current) {
                reading.is_outdated = run.is_outdated;
                self.runs.remove(&reading.id);
                return reading;
            }
        }
    }

    /// Returns true if files are being read or wait to be read.
    pub(in crate::daemon) fn is_reading_files(&self) -> bool {
        self.files > 0 || !self.queue.is_empty()
    }

    /// Starts to read a source. A source that is being read is read once more afterwards.
    pub(super) fn start(
        &mut self,
        id: SessionId,
        source: &Source,
        within: Option<PathBuf>,
        known: Option<Weak<Token>>,
        reason: ReadReason,
    ) {
        if let Some(run) = self.runs.get_mut(&id) {
            if run.source == *source {
                // A file may have been read before it changed. A program is not run once more,
                // since it is assumed to print the state of shortly before its end.
                run.is_outdated |= !source.is_command();
                return;
            }
            run.abandon();
        }
        self.last_run += 1;
        let run = SourceReading {
            number: self.last_run,
            source: source.clone(),
            within,
            known,
            reason,
            task: None,
            is_outdated: false,
        };
        self.runs.insert(id, run);
        if source.is_command() {
            self.begin(id);
        } else {
            self.queue.push_back((id, self.last_run));
            self.begin_files();
        }
    }

    /// Starts queued readings of files up to the limit.
    fn begin_files(&mut self) {
        while self.files < FILES_MAX
            && let Some((id, number)) = self.queue.pop_front()
        {
            let run = self.runs.get(&id);
            if run.is_some_and(|run| run.number == number) {
                self.files += 1;
                self.begin(id);
            }
        }
    }

    fn begin(&mut self, id: SessionId) {
        let Some(run) = self.runs.get_mut(&id) else {
            return;
        };
        let (reader, source) = (Reader::default(), run.source.clone());
        let (within, known) = (run.within.take(), run.known.take());
        let (number, reason) = (run.number, run.reason);
        let slots = source.is_command().then(|| self.slots.clone());
        let task = self.running.spawn(async move {
            let reading = Box::pin(reader.read_within(&source, within.as_deref(), known));
            let result = match slots {
                Some(slots) => slots.run(reason == ReadReason::AfterTimeOut, reading).await,
                None => reading.await,
            };
            Reading {
                id,
                run: number,
                is_blind: reason == ReadReason::Blind,
                source,
                result,
                is_outdated: false,
            }
        });
        run.task = Some(task);
    }
}

/// The limits for programs that print tokens.
#[derive(Clone)]
struct CommandSlots {
    quick: Arc<Semaphore>,
    running: Arc<Semaphore>,
    slow: Arc<Semaphore>,
}

impl Default for CommandSlots {
    fn default() -> Self {
        let semaphore = |count| Arc::new(Semaphore::new(count));
        Self {
            quick: semaphore(COMMANDS_MAX),
            running: semaphore(COMMANDS_RUNNING_MAX),
            slow: semaphore(COMMANDS_SLOW_MAX),
        }
    }
}

impl CommandSlots {
    /// Runs a program as soon as the limits allow it.
    async fn run<T>(self, is_slow: bool, program: impl Future<Output = T>) -> T {
        // Acquiring cannot fail, since the semaphores are never closed. The order matters: a
        // program that was slow must not hold the permit of a quick one while it waits.
        let _slow = if is_slow {
            self.slow.acquire_owned().await.ok()
        } else {
            None
        };
        let _running = self.running.acquire_owned().await.ok();
        let quick = self.quick.acquire_owned().await.ok();
        let mut program = std::pin::pin!(program);
        let done = tokio::time::timeout(COMMAND_QUICK, program.as_mut()).await;
        drop(quick);
        match done {
            Ok(done) => done,
            Err(_elapsed) => program.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures_util::FutureExt;
    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn programs_that_hang_do_not_keep_a_quick_one_waiting_until_they_are_ended() {
        let slots = CommandSlots::default();
        let mut hanging = JoinSet::new();
        for number in 0..30 {
            let after_time_out = number % 2 == 0;
            hanging.spawn(slots.clone().run(after_time_out, pending::<()>()));
        }
        // They are first in the queue of every semaphore.
        tokio::task::yield_now().await;
        let quick = slots.clone().run(false, ready(7));
        let quick = tokio::time::timeout(Duration::from_secs(30), quick);
        assert_eq!(quick.await, Ok(7));
        assert!(hanging.join_next().now_or_never().is_none());
    }
}
