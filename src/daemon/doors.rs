//! Lets observers in: one task for each listener, kept apart from what the loop has to do.
//!
//! *Invariant*: nobody who asks can hold the loop up or end it. A task of an observer that
//! fails takes no other down.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};

use crate::config::{StatusConfig, StatusSocket};
use crate::observe::endpoints::{BindError, Listener, Places, SOCKET_NAME, serve};
use crate::observe::{Looks, Notice, tell_notice};

/// How long an answer to who ended the daemon has to leave.
const LAST_WORDS: Duration = Duration::from_millis(50);

/// The listeners.
pub(super) struct Doors {
    serving: JoinSet<()>,
    tcp: Option<Open>,
    unix: Option<Open>,
    places: Places,
    looks: Looks,
}

/// A listener that is served.
struct Open {
    handle: AbortHandle,
    place: String,
}

/// Listeners that are bound and not yet served.
pub(super) struct Bound {
    tcp: Change,
    unix: Change,
}

/// What becomes of one listener.
enum Change {
    /// It stays as it is.
    None,
    /// It is closed.
    Close,
    /// This takes its place.
    Open(Listener),
}

impl Doors {
    /// No listener yet.
    pub(super) fn new(places: Places, looks: Looks) -> Self {
        Self {
            serving: JoinSet::new(),
            tcp: None,
            unix: None,
            places,
            looks,
        }
    }

    /// Binds what is configured at the start, and serves nobody yet.
    pub(super) fn bind_first(&self, config: &StatusConfig) -> Result<Bound, BindError> {
        Ok(Bound {
            tcp: bind_tcp(config)?,
            unix: self.bind_unix(config)?,
        })
    }

    /// Binds what a new configuration asks for, and changes nothing yet.
    pub(super) fn bind(&self, old: &StatusConfig, new: &StatusConfig) -> Result<Bound, BindError> {
        let tcp = if old.listen == new.listen {
            Change::None
        } else {
            bind_tcp(new).map_err(|error| match (self.port(), new.listen) {
                (Some(own), Some(address)) if own == address.port() => {
                    BindError::OwnPort { address }
                }
                _ => error,
            })?
        };
        let unix = if old.socket == new.socket || self.is_at(&new.socket) {
            Change::None
        } else {
            self.bind_unix(new)?
        };
        Ok(Bound { tcp, unix })
    }

    /// Serves what was bound, in place of what was there.
    pub(super) fn change(&mut self, bound: Bound) {
        let Bound { tcp, unix } = bound;
        for (there, change) in [(&mut self.tcp, tcp), (&mut self.unix, unix)] {
            let opened = match change {
                Change::None => continue,
                Change::Close => None,
                Change::Open(listener) => {
                    tell_notice(&Notice::Listening {
                        place: listener.place(),
                        is_tcp: listener.is_tcp(),
                    });
                    Some(Open {
                        place: listener.place().to_owned(),
                        handle: self.serving.spawn(serve(listener, self.looks.clone())),
                    })
                }
            };
            if let Some(closed) = std::mem::replace(there, opened) {
                closed.handle.abort();
            }
        }
    }

    /// The port that is listened on.
    fn port(&self) -> Option<u16> {
        let address: SocketAddr = self.tcp.as_ref()?.place.parse().ok()?;
        Some(address.port())
    }

    /// Whether the socket is where it is wanted already.
    fn is_at(&self, wanted: &StatusSocket) -> bool {
        let Some(Open { place, .. }) = &self.unix else {
            return false;
        };
        match wanted {
            StatusSocket::Off => false,
            StatusSocket::At(path) => path == Path::new(place),
            StatusSocket::Auto => {
                let mut directories = self.places.directories().into_iter();
                directories.any(|directory| directory.join(SOCKET_NAME) == Path::new(place))
            }
        }
    }

    /// Takes in that a listener was closed; for ever if there is none. Cancel-safe.
    pub(super) async fn serve(&mut self) {
        match self.serving.join_next().await {
            None => std::future::pending().await,
            Some(Ok(())) => {}
            Some(Err(error)) => {
                if error.is_panic() {
                    tell_notice(&Notice::ListenerFailed);
                }
            }
        }
    }

    /// Gives answers that were just given the time to leave.
    pub(super) async fn last_words(&self) {
        let _over = tokio::time::timeout(LAST_WORDS, std::future::pending::<()>()).await;
    }

    /// Nobody asked for the socket of the default: that there can be none is no failure.
    fn bind_unix(&self, config: &StatusConfig) -> Result<Change, BindError> {
        match &config.socket {
            StatusSocket::Off => Ok(Change::Close),
            StatusSocket::At(path) => Listener::unix(path).map(Change::Open),
            StatusSocket::Auto => Ok(match Listener::in_runtime_directory(&self.places) {
                Ok(listener) => Change::Open(listener),
                Err(error) => {
                    tell_notice(&Notice::NoSocket(&error));
                    Change::Close
                }
            }),
        }
    }
}

fn bind_tcp(config: &StatusConfig) -> Result<Change, BindError> {
    match config.listen {
        None => Ok(Change::Close),
        Some(address) => Listener::tcp(address).map(Change::Open),
    }
}
