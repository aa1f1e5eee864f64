//! A service manager: receives the daemon's notifications as systemd does.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use super::keepalive::now;

/// The time limit of a wait, longer than any working daemon needs on a busy machine.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// A service manager with a notification socket.
pub(crate) struct Manager {
    socket: UnixDatagram,
    folder: TempDir,
    /// The datagrams that have been received so far.
    pub(crate) heard: Vec<String>,
}

impl Manager {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        Self {
            socket,
            folder,
            heard: Vec::new(),
        }
    }

    /// Returns the value for `NOTIFY_SOCKET`.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("notify")
    }

    /// Waits for a datagram that contains all these parts and returns it.
    pub(crate) fn wait_for(&mut self, parts: &[&str]) -> String {
        let until = now() + TIME_LIMIT;
        while let Some(datagram) = self.next(until.saturating_duration_since(now())) {
            if parts.iter().all(|part| datagram.contains(part)) {
                return datagram;
            }
        }
        panic!("never heard {parts:?}, but: {:#?}", self.heard)
    }

    /// Receives datagrams for this time and returns them.
    pub(crate) fn listen_for(&mut self, time: Duration) -> Vec<String> {
        let until = now() + time;
        let before = self.heard.len();
        while self.next(until.saturating_duration_since(now())).is_some() {}
        self.heard.split_at(before).1.to_vec()
    }

    fn next(&mut self, time_limit: Duration) -> Option<String> {
        // A socket's time limit of zero would be an error.
        let time_limit = time_limit.max(Duration::from_millis(1));
        self.socket.set_read_timeout(Some(time_limit)).unwrap();
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).ok()?;
        let datagram = String::from_utf8(buffer.split_at(length).0.to_vec()).unwrap();
        self.heard.push(datagram.clone());
        Some(datagram)
    }
}
