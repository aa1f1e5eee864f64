//! Reads files on separate threads, so that a file system that hangs delays the readers of its
//! files and nothing else.
//!
//! It must never read anything but regular files, wait for a pipe or a device when it opens one, or
//! read more of a file than a limit. Linux cannot cancel a read that does not end, so its thread is
//! abandoned; the number of abandoned threads is limited.
//!
//! *Invariants*: a file that is stuck occupies one thread, however often it is requested. The files
//! of a directory occupy at most `DIRECTORY_MAX` threads, those of a mount `MOUNT_MAX`, and all
//! together `STUCK_MAX`. Nothing waits for an abandoned thread, not even the end of the process.

mod open;
mod threads;

use std::path::Path;
use std::time::Duration;

pub(crate) use open::{OpenError, read_start, read_whole};
pub use threads::NoAnswer;
pub(crate) use threads::{run, run_blocking};

/// The time limit for reading a token's file.
pub(crate) const TOKEN_LIMIT: Duration = Duration::from_secs(5);

/// The time limit for reading a configuration, and for each file that it names apart from tokens.
pub(crate) const CONFIG_LIMIT: Duration = Duration::from_secs(10);

/// The time limit for listing a directory while the daemon runs: it may hold many links.
pub(crate) const LISTING_LIMIT: Duration = Duration::from_secs(30);

/// Returns the directory of a file. Readings are counted by directory, since the files of one
/// usually hang together.
fn directory(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}
