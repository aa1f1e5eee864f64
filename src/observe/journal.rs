//! The journal's socket: takes an entry at once or not at all.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// Where journald listens.
pub(super) const SOCKET: &str = "/run/systemd/journal/socket";

/// A way into the journal.
#[derive(Debug)]
pub(super) struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Journal {
    /// A way to the socket at this path, whether anybody listens there or not.
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        // A journal that does not keep up must not hold up the care for the tokens.
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            path: path.to_owned(),
        })
    }

    /// Hands over an entry. It is addressed anew each time, which outlives a restart of journald.
    ///
    /// Fails if nobody listens, if the journal does not keep up, or if the entry is
    /// larger than a datagram may be (some 200 KiB).
    pub(super) fn send(&self, entry: &[u8]) -> io::Result<()> {
        self.socket.send_to(entry, &self.path).map(drop)
    }
}
