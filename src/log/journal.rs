//! Sends entries to the journal's socket.
//!
//! Sending must never block: an entry is accepted at once or refused.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// The path of journald's socket.
pub(crate) const SOCKET: &str = "/run/systemd/journal/socket";

/// A connection to the journal.
#[derive(Debug)]
pub(crate) struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
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
    pub(crate) fn send(&self, entry: &[u8]) -> io::Result<()> {
        self.socket.send_to(entry, &self.path).map(drop)
    }
}
