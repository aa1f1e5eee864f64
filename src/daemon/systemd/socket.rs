//! Sends lines to the service manager: datagrams to the socket that it names.
//!
//! There is a crate for this, `sd-notify`. It reads the environment and makes a socket for
//! each message, may wait for ever, knows no abstract names (which containers use) and reads
//! a clock of its own.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// A service manager that does not read for so long misses a message; the loop has more to do.
const TIME_LIMIT: Duration = Duration::from_millis(100);

/// Where the service manager listens.
#[derive(Debug)]
pub(super) struct Socket {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl Socket {
    /// The socket of this name: a path, or `@` and an abstract name.
    pub(super) fn new(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(TIME_LIMIT))?;
        Ok(Self { socket, address })
    }

    /// Sends one datagram.
    pub(super) fn send(&self, lines: &str) -> io::Result<()> {
        self.socket.send_to_addr(lines.as_bytes(), &self.address)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_an_abstract_name_are_both_sent_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("session-keepalive-test-{}", std::process::id());
        let listeners = [
            UnixDatagram::bind(&path).unwrap(),
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap(),
        ];
        let names = [path.into_os_string(), format!("@{name}").into()];
        for (listener, name) in listeners.into_iter().zip(names) {
            Socket::new(&name).unwrap().send("READY=1").unwrap();
            let mut buffer = [0; 64];
            let length = listener.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"READY=1");
        }
    }

    #[test]
    fn a_manager_that_does_not_read_does_not_hold_us_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let _deaf = UnixDatagram::bind(&path).unwrap();
        let socket = Socket::new(path.as_os_str()).unwrap();
        let refused = (0..10_000).find_map(|_| socket.send("STATUS=").err());
        assert_eq!(refused.unwrap().kind(), io::ErrorKind::WouldBlock);
    }
}
