//! A service manager: a socket at which the daemon says how it does.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use super::keepalive::now;

/// Longer than anything takes on a busy machine, unless it is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// Listens as systemd does.
pub(crate) struct Manager {
    socket: UnixDatagram,
    folder: TempDir,
    /// The datagrams so far.
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

    /// What `NOTIFY_SOCKET` is to be.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("notify")
    }

    /// Waits for a datagram that holds all of these.
    pub(crate) fn wait_for(&mut self, parts: &[&str]) -> String {
        let until = now() + PATIENCE;
        while let Some(said) = self.next(until.saturating_duration_since(now())) {
            if parts.iter().all(|part| said.contains(part)) {
                return said;
            }
        }
        panic!("never heard {parts:?}, but: {:#?}", self.heard)
    }

    /// Takes in what is said meanwhile.
    pub(crate) fn listen_for(&mut self, time: Duration) -> Vec<String> {
        let until = now() + time;
        let before = self.heard.len();
        while self.next(until.saturating_duration_since(now())).is_some() {}
        self.heard.split_at(before).1.to_vec()
    }

    fn next(&mut self, patience: Duration) -> Option<String> {
        // A time limit of zero would be none.
        let patience = patience.max(Duration::from_millis(1));
        self.socket.set_read_timeout(Some(patience)).unwrap();
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).ok()?;
        let said = String::from_utf8(buffer.split_at(length).0.to_vec()).unwrap();
        self.heard.push(said.clone());
        Some(said)
    }
}
