//! Where lines go: into the journal, or to standard error; neither ever holds up who has something to tell.
//!
//! A line that finds no room is dropped and counted, and the next one that finds some
//! is preceded by how many there were.

use std::borrow::Cow;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use super::journal::Journal;
use super::line::{Form, Record};

/// What a pipe that has room takes without waiting: `PIPE_BUF` of Linux.
const CHUNK: usize = 4096;

/// Where lines go, and in which form.
#[derive(Debug)]
pub(super) struct Output {
    /// The journal's socket, if that is where they go.
    pub(super) journal: Option<Journal>,
    /// The form of those that go to standard error.
    pub(super) form: Form,
    stream: Stream,
    /// How many found no room since the last that did.
    dropped: AtomicU64,
}

/// Standard error, or what a test has in its place.
#[derive(Debug)]
pub(super) struct Stream {
    writer: BoxMakeWriter,
    /// Whether a chunk can be written without waiting.
    has_room: fn() -> bool,
    /// Whether the end of the last line is missing.
    is_cut: AtomicBool,
}

impl Output {
    pub(super) fn new(journal: Option<Journal>, form: Form, stream: Stream) -> Self {
        Self {
            journal,
            form,
            stream,
            dropped: AtomicU64::new(0),
        }
    }

    /// Writes a record, or drops and counts it.
    pub(super) fn put(&self, record: &Record<'_>, at: Timestamp) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        let is_told = dropped == 0 || self.write(&Record::of_dropped(dropped), at).is_ok();
        if !is_told || self.write(record, at).is_err() {
            let untold = if is_told { 0 } else { dropped };
            self.dropped.fetch_add(untold + 1, Ordering::Relaxed);
        }
    }

    fn write(&self, record: &Record<'_>, at: Timestamp) -> io::Result<()> {
        match &self.journal {
            Some(journal) if journal.send(&record.entry()).is_ok() => Ok(()),
            Some(_) | None => self.stream.write(&record.line(self.form, at)),
        }
    }
}

impl Stream {
    /// Standard error of this process.
    pub(super) fn stderr() -> Self {
        Self::new(io::stderr, stderr_has_room)
    }

    pub(super) fn new<W>(writer: W, has_room: fn() -> bool) -> Self
    where
        W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    {
        Self {
            writer: BoxMakeWriter::new(writer),
            has_room,
            is_cut: AtomicBool::new(false),
        }
    }

    /// Writes a line whole, so that no other gets in between, unless it is longer than a chunk.
    fn write(&self, line: &str) -> io::Result<()> {
        let mut is_cut = self.is_cut.load(Ordering::Relaxed);
        let line = if is_cut {
            Cow::Owned(format!("\n{line}"))
        } else {
            Cow::Borrowed(line)
        };
        let mut writer = self.writer.make_writer();
        let result = line.as_bytes().chunks(CHUNK).try_for_each(|chunk| {
            if !(self.has_room)() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            is_cut = true;
            writer.write_all(chunk)
        });
        let is_cut = result.is_err() && is_cut;
        self.is_cut.store(is_cut, Ordering::Relaxed);
        result
    }
}

/// Asked before each write: standard error is shared with other processes, so it cannot be
/// made non-blocking for us alone.
fn stderr_has_room() -> bool {
    let stderr = io::stderr();
    let mut asked = [PollFd::new(&stderr, PollFlags::OUT)];
    // An end that nobody reads is ready as well: for an error, at once.
    poll(&mut asked, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests;
