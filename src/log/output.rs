//! Writes lines into the journal or to standard error.
//!
//! Writing must never block, because a reader that stalls would stop the daemon's loop.
//!
//! *Invariant*: a line that cannot be written at once is dropped and counted, and the next line
//! that can be written is preceded by the number of dropped lines.

use std::borrow::Cow;
use std::io::{self, Write as _};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use super::line::{LineFormat, LogRecord};

/// The path of journald's socket.
pub(crate) const SOCKET: &str = "/run/systemd/journal/socket";

/// The number of bytes that a writable pipe accepts without blocking: `PIPE_BUF` of Linux.
const CHUNK: usize = 4096;

/// The destination of lines and their form.
#[derive(Debug)]
pub(crate) struct Output {
    /// The journal, if lines go there first.
    pub(crate) journal: Option<Journal>,
    /// The form of lines on standard error.
    pub(crate) form: LineFormat,
    stream: Stream,
    /// The number of lines dropped since the last one that was written.
    dropped: AtomicU64,
}

/// A connection to the journal. An entry is accepted at once or refused.
#[derive(Debug)]
pub(crate) struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
}

/// Standard error, or its replacement in a test.
#[derive(Debug)]
pub(crate) struct Stream {
    writer: BoxMakeWriter,
    /// Returns true if a chunk can be written without blocking.
    has_room: fn() -> bool,
    /// True if the end of the last line is missing.
    is_cut: AtomicBool,
}

impl Output {
    pub(crate) fn new(journal: Option<Journal>, form: LineFormat, stream: Stream) -> Self {
        Self {
            journal,
            form,
            stream,
            dropped: AtomicU64::new(0),
        }
    }

    /// Writes a record, or drops and counts it if it cannot be written at once.
    pub(crate) fn put(&self, record: &LogRecord<'_>, at: Timestamp) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        let is_reported = dropped == 0 || self.write(&LogRecord::of_dropped(dropped), at).is_ok();
        if !is_reported || self.write(record, at).is_err() {
            let unreported = if is_reported { 0 } else { dropped };
            self.dropped.fetch_add(unreported + 1, Ordering::Relaxed);
        }
    }

    fn write(&self, record: &LogRecord<'_>, at: Timestamp) -> io::Result<()> {
        match &self.journal {
            Some(journal) if journal.send(&record.entry()).is_ok() => Ok(()),
            Some(_) | None => self.stream.write(&record.line(self.form, at)),
        }
    }
}

impl Journal {
    /// Creates a sender for the socket at this path, which need not exist yet.
    pub(crate) fn new(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        // A journal that is too slow must not block the daemon's loop, which keeps tokens alive.
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            path: path.to_owned(),
        })
    }

    /// Sends an entry. The socket stays unconnected and each entry is addressed by path, so that
    /// sending works again after a restart of journald.
    ///
    /// # Errors
    ///
    /// If journald does not run, if its queue is full, or if the entry is larger than the maximum
    /// size of a datagram (about 200 KiB).
    fn send(&self, entry: &[u8]) -> io::Result<()> {
        self.socket.send_to(entry, &self.path).map(drop)
    }
}

impl Stream {
    /// Returns the standard error of this process.
    pub(crate) fn stderr() -> Self {
        Self::new(io::stderr, stderr_has_room)
    }

    pub(crate) fn new<W>(writer: W, has_room: fn() -> bool) -> Self
    where
        W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    {
        Self {
            writer: BoxMakeWriter::new(writer),
            has_room,
            is_cut: AtomicBool::new(false),
        }
    }

    /// Writes a line in chunks, each only if there is room for it.
    ///
    /// A line of at most one chunk is written whole, so that no other process's line can interrupt
    /// it. A line that was cut is ended before the next one.
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

/// Returns true if a write to standard error would not block.
///
/// The answer is needed before each write: standard error is shared with other processes, so it
/// cannot be made non-blocking for this process alone.
fn stderr_has_room() -> bool {
    let stderr = io::stderr();
    let mut descriptors = [PollFd::new(&stderr, PollFlags::OUT)];
    // A pipe without a reader also counts as ready: writing to it fails at once.
    poll(&mut descriptors, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests;
