//! The HTTP/1.1 server of the model: serves a [`Server`] to any client.
//!
//! It must never read the clock itself: the caller passes a [`SimClock`]. The model is locked
//! only while it computes one answer, so that a test can inspect and script it while it is
//! being served.

mod connection;

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::Server;
use crate::time::Instant;
use hyper::header::{AUTHORIZATION, HeaderMap};

/// The maximum number of simultaneous connections; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 10_000;

/// The wait after a failed accept, for example for lack of file descriptors.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// A function that returns the current instant.
pub type SimClock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// A model that is served until the handle is dropped.
pub struct Handle {
    address: SocketAddr,
    server: Arc<Mutex<Server>>,
    /// The serving task, which ends with the handle and ends all connections.
    _serving: JoinSet<()>,
}

impl Handle {
    /// Serves on a free port of 127.0.0.1, in the current Tokio runtime.
    ///
    /// # Errors
    ///
    /// The error of the system if it cannot bind a port.
    pub async fn on_loopback(
        server: Server,
        clock: impl Fn() -> Instant + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Self::on(listener, server, clock)
    }

    /// Serves on this listener, in the current Tokio runtime.
    ///
    /// # Errors
    ///
    /// The error of the system if it cannot return the listener's address.
    pub fn on(
        listener: TcpListener,
        server: Server,
        clock: impl Fn() -> Instant + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let server = Arc::new(Mutex::new(server));
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Arc::clone(&server), Arc::new(clock)));
        Ok(Self {
            address,
            server,
            _serving: serving,
        })
    }

    /// Returns the address of the listener.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the base URL of the API, such as `http://127.0.0.1:40001`.
    #[must_use]
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Locks and returns the model, for inspection and scripting.
    ///
    /// No request is answered while the guard exists: it must not be held across an await.
    pub fn server(&self) -> MutexGuard<'_, Server> {
        locked(&self.server)
    }

    /// Returns a shared reference to the model that may outlive the handle.
    #[must_use]
    pub fn shared(&self) -> Arc<Mutex<Server>> {
        Arc::clone(&self.server)
    }
}

/// Serves the model for as long as the future is polled; dropping it ends all connections.
pub async fn serve(listener: TcpListener, server: Arc<Mutex<Server>>, clock: SimClock) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, _)) => {
                let server = Arc::clone(&server);
                connections.spawn(connection::serve_connection(
                    stream,
                    server,
                    Arc::clone(&clock),
                ));
            }
            Err(_) => pause(ACCEPT_AGAIN_AFTER).await,
        }
    }
}

/// Locks the model. Ignores a poisoned lock: a test that panicked while it held the lock has
/// already failed.
fn locked(server: &Mutex<Server>) -> MutexGuard<'_, Server> {
    server.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for `duration`.
async fn pause(duration: Duration) {
    let _ = tokio::time::timeout(duration, pending::<()>()).await;
}

/// The content of the header. It has no `Debug`, because it contains secrets.
pub(super) enum Authorization<'a> {
    /// No header, or one that cannot be parsed.
    Absent,
    /// A bearer token.
    Bearer(&'a str),
    /// The decoded `id:secret`.
    Basic(String),
}

impl<'a> Authorization<'a> {
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let header = headers.get(AUTHORIZATION);
        let text = header.and_then(|value| value.to_str().ok()).unwrap_or("");
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim();
        if rest.is_empty() {
            Self::Absent
        } else if scheme.eq_ignore_ascii_case("bearer") {
            Self::Bearer(rest)
        } else if scheme.eq_ignore_ascii_case("basic") {
            decoded(rest).map_or(Self::Absent, Self::Basic)
        } else {
            Self::Absent
        }
    }
}

/// Decodes Base64 in the standard or the URL-safe alphabet, with or without padding; `None` if the
/// text is not valid or does not encode UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        bits = bits << 6 | u32::from(sextet(byte)?);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    String::from_utf8(bytes).ok()
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
