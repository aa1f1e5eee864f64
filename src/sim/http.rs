//! The model's HTTP face: serves a [`Server`] to any client of HTTP/1.1.
//!
//! The clock is handed in, and the model is locked for the moment of one answer
//! only, so that a test can look at it and script it while it is being served.

mod authorization;
mod connection;
mod payload;

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::Server;
use crate::keeper::Instant;

/// The most connections at a time; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 10_000;

/// How long to wait when no connection can be accepted, for want of file descriptors say.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Tells the model what time it is.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// A model that is being served until this is dropped.
pub struct Handle {
    address: SocketAddr,
    server: Arc<Mutex<Server>>,
    /// Ends with the handle, and the connections with it.
    _serving: JoinSet<()>,
}

impl Handle {
    /// Serves on a free port of 127.0.0.1, within the runtime that this is called from.
    ///
    /// # Errors
    ///
    /// If no port can be had.
    pub async fn on_loopback(
        server: Server,
        clock: impl Fn() -> Instant + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Self::on(listener, server, clock)
    }

    /// Serves on this listener, within the runtime that this is called from.
    ///
    /// # Errors
    ///
    /// If the listener has no address.
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

    /// Where clients find it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base of the API for clients: `http://127.0.0.1:40001`.
    #[must_use]
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The model, to be looked at and scripted. Nothing is answered while this is held:
    /// never across an await.
    pub fn server(&self) -> MutexGuard<'_, Server> {
        locked(&self.server)
    }

    /// The model, for those who outlive a borrow.
    #[must_use]
    pub fn shared(&self) -> Arc<Mutex<Server>> {
        Arc::clone(&self.server)
    }
}

/// Serves for as long as it is polled; dropping it ends all connections.
pub async fn serve(listener: TcpListener, server: Arc<Mutex<Server>>, clock: Clock) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, _)) => {
                let server = Arc::clone(&server);
                connections.spawn(connection::converse(stream, server, Arc::clone(&clock)));
            }
            Err(_) => pause(ACCEPT_AGAIN_AFTER).await,
        }
    }
}

/// A test that panicked while it held the model has said what it had to say.
fn locked(server: &Mutex<Server>) -> MutexGuard<'_, Server> {
    server.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn pause(duration: Duration) {
    let _ = tokio::time::timeout(duration, pending::<()>()).await;
}

#[cfg(test)]
mod tests;
