//! Runs the listeners of observers, each as a task beside the loop.
//!
//! *Invariant*: an observer can neither delay nor end the loop. A failed task of an observer
//! affects no other task.
//!
//! The Unix socket is bound again if its file disappears, for example when a runtime directory is
//! cleaned at logout, or if it belonged to another daemon that has ended. The kernel reports most
//! of these changes, and a check every minute finds the others.

use std::fs;
use std::future::pending;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;
use inotify::{EventStream, Inotify, WatchMask};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use super::next_result;
use crate::config::{FrameAncestors, StatusConfig, StatusSocket};
use crate::http::{BindError, Listener, SOCKET_NAME, SocketPlaces, serve};
use crate::log::{LogEvent, log_event};
use crate::status::phrases::Chain;
use crate::status::{Query, QuerySender, queries};
use crate::time::Instant;

/// The interval of checks for the Unix socket's file, since the kernel does not report every way in
/// which the file can disappear, nor on every file system.
const CHECK_EVERY: Duration = Duration::from_secs(60);

/// The time for sending the answer to the peer that stopped the daemon.
const FLUSH_WITHIN: Duration = Duration::from_millis(50);

/// The listeners of observers, and the queries that arrive.
pub(super) struct Listeners {
    serving: JoinSet<()>,
    tcp: Option<OpenListener>,
    unix: Option<OpenListener>,
    places: SocketPlaces,
    pub(super) query_sender: QuerySender,
    queries: mpsc::Receiver<Query>,
    /// The origins whose pages may frame the answers of all listeners.
    frame_ancestors: watch::Sender<FrameAncestors>,
    configured: StatusConfig,
    watch: SocketWatch,
    /// The checks for the Unix socket's file.
    checking: JoinSet<bool>,
    /// The instant of the next check; `None` if no socket is configured.
    check_at: Option<Instant>,
    /// The logged reason for a missing socket.
    trouble: Option<String>,
    /// True if the peer that requested the stop waits for an answer.
    pub(super) is_answer_awaited: bool,
}

/// A listener that is served.
struct OpenListener {
    handle: AbortHandle,
    place: String,
    /// The file of a Unix socket.
    file: Option<SocketFileId>,
}

/// Listeners that are bound and not yet served.
pub(super) struct BoundListeners {
    tcp: ListenerChange,
    unix: ListenerChange,
    configured: StatusConfig,
}

/// An event of a listener.
#[derive(Debug)]
pub(super) enum ListenerEvent {
    /// An observer sent a query.
    Query(Query),
    /// A listener or a check ended.
    Closed,
    /// The Unix socket's file may have changed.
    SocketChanged,
    /// The Unix socket's file does not exist.
    SocketGone,
}

/// The change of a listener.
enum ListenerChange {
    /// The listener stays as it is.
    None,
    /// The listener is closed.
    Close,
    /// This listener replaces it.
    Open(Listener),
}

impl Listeners {
    /// Creates an empty set of listeners.
    pub(super) fn new(places: SocketPlaces) -> Self {
        let (query_sender, queries) = queries();
        Self {
            serving: JoinSet::new(),
            tcp: None,
            unix: None,
            places,
            query_sender,
            queries,
            frame_ancestors: watch::Sender::default(),
            configured: StatusConfig {
                listen: None,
                socket: StatusSocket::Off,
                frame_ancestors: FrameAncestors::default(),
            },
            watch: SocketWatch::default(),
            checking: JoinSet::new(),
            check_at: None,
            trouble: None,
            is_answer_awaited: false,
        }
    }

    /// Binds the listeners of a new configuration, and changes nothing yet.
    pub(super) fn bind(&self, new: &StatusConfig) -> Result<BoundListeners, BindError> {
        let old = &self.configured;
        let tcp = if old.listen == new.listen {
            ListenerChange::None
        } else {
            bind_tcp(new).map_err(|error| match (self.port(), new.listen) {
                (Some(own), Some(address)) if own == address.port() => {
                    BindError::OwnPort { address }
                }
                _ => error,
            })?
        };
        let unix = if old.socket == new.socket || self.is_at(&new.socket) {
            ListenerChange::None
        } else {
            self.bind_unix(new)?
        };
        Ok(BoundListeners {
            tcp,
            unix,
            configured: new.clone(),
        })
    }

    /// Serves the bound listeners in place of the present ones.
    pub(super) fn change(&mut self, bound: BoundListeners, now: Instant) {
        self.configured = bound.configured;
        self.frame_ancestors
            .send_replace(self.configured.frame_ancestors.clone());
        self.serve_at(bound.tcp, bound.unix);
        self.check_soon(now);
    }

    fn serve_at(&mut self, tcp: ListenerChange, unix: ListenerChange) {
        for (there, change) in [(&mut self.tcp, tcp), (&mut self.unix, unix)] {
            let opened = match change {
                ListenerChange::None => continue,
                ListenerChange::Close => None,
                ListenerChange::Open(listener) => {
                    log_event(&LogEvent::Listening {
                        place: listener.place(),
                        is_tcp: listener.is_tcp(),
                    });
                    let place = listener.place().to_owned();
                    Some(OpenListener {
                        file: (!listener.is_tcp()).then(|| SocketFileId::of(place.as_ref())),
                        place,
                        handle: self.serving.spawn(serve(
                            listener,
                            self.query_sender.clone(),
                            self.frame_ancestors.subscribe(),
                        )),
                    })
                }
            };
            if let Some(closed) = std::mem::replace(there, opened) {
                closed.handle.abort();
            }
        }
    }

    /// Returns the port of the present TCP listener.
    fn port(&self) -> Option<u16> {
        let address: SocketAddr = self.tcp.as_ref()?.place.parse().ok()?;
        Some(address.port())
    }

    /// Returns true if the present Unix socket is in the configured place.
    fn is_at(&self, configured: &StatusSocket) -> bool {
        let Some(OpenListener { place, .. }) = &self.unix else {
            return false;
        };
        match configured {
            StatusSocket::Off => false,
            StatusSocket::At(path) => path == Path::new(place),
            StatusSocket::Auto => {
                let mut directories = self.places.directories().into_iter();
                directories.any(|directory| directory.join(SOCKET_NAME) == Path::new(place))
            }
        }
    }

    /// Returns the next event of the listeners. Cancel-safe.
    pub(super) async fn next(&mut self) -> ListenerEvent {
        tokio::select! {
            biased;
            Some(query) = self.queries.recv() => ListenerEvent::Query(query),
            Some(closed) = self.serving.join_next() => {
                if closed.is_err_and(|error| error.is_panic()) {
                    log_event(&LogEvent::ListenerFailed);
                }
                ListenerEvent::Closed
            }
            is_there = next_result(&mut self.checking) => if is_there {
                ListenerEvent::Closed
            } else {
                ListenerEvent::SocketGone
            },
            () = self.watch.changed() => ListenerEvent::SocketChanged,
        }
    }

    /// Schedules a check of the Unix socket's file for the next [`Self::turn`].
    pub(super) fn check_soon(&mut self, now: Instant) {
        self.check_at = (self.configured.socket != StatusSocket::Off).then_some(now);
    }

    /// Returns the instant at which [`Self::turn`] is to be called again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.check_at.filter(|_| self.checking.is_empty())
    }

    /// Starts the check of the Unix socket's file, if that is due.
    pub(super) fn turn(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|at| at > now) {
            return;
        }
        self.check_at = Some(now + CHECK_EVERY);
        match self.unix.as_ref().and_then(|open| open.file.clone()) {
            Some(file) => {
                // The watch begins before the check, so that no change in between is missed.
                self.watch = SocketWatch::on(&file.path);
                self.checking.spawn_blocking(move || file.is_there());
            }
            None => self.bind_again(now),
        }
    }

    /// Binds the Unix socket, whose file does not exist or belongs to another daemon.
    pub(super) fn bind_again(&mut self, now: Instant) {
        let bound = match &self.configured.socket {
            StatusSocket::Off => return,
            StatusSocket::At(path) => Listener::unix(path),
            StatusSocket::Auto => Listener::in_runtime_directory(&self.places),
        };
        match bound {
            Ok(listener) => {
                let place = listener.place().to_owned();
                self.trouble = None;
                self.serve_at(ListenerChange::None, ListenerChange::Open(listener));
                log_event(&LogEvent::SocketBack { place: &place });
                self.check_soon(now);
            }
            Err(error) => {
                if let BindError::InUse { path } = &error {
                    self.watch = SocketWatch::on(path);
                }
                let trouble = Chain(&error).to_string();
                let is_known = self.trouble.as_ref() == Some(&trouble);
                if !is_known && (self.unix.is_some() || self.trouble.is_some()) {
                    log_event(&LogEvent::SocketGone(&error));
                }
                self.trouble = Some(trouble);
            }
        }
    }

    /// Waits until the answer to a stop has been sent.
    pub(super) async fn finish(&self) {
        if self.is_answer_awaited {
            let _over = tokio::time::timeout(FLUSH_WITHIN, pending::<()>()).await;
        }
    }

    /// Binds the configured Unix socket. A default socket that cannot be bound is no error, since
    /// it was not requested.
    fn bind_unix(&self, config: &StatusConfig) -> Result<ListenerChange, BindError> {
        match &config.socket {
            StatusSocket::Off => Ok(ListenerChange::Close),
            StatusSocket::At(path) => Listener::unix(path).map(ListenerChange::Open),
            StatusSocket::Auto => Ok(match Listener::in_runtime_directory(&self.places) {
                Ok(listener) => ListenerChange::Open(listener),
                Err(error) => {
                    log_event(&LogEvent::NoSocket(&error));
                    ListenerChange::Close
                }
            }),
        }
    }
}

fn bind_tcp(config: &StatusConfig) -> Result<ListenerChange, BindError> {
    match config.listen {
        None => Ok(ListenerChange::Close),
        Some(address) => Listener::tcp(address).map(ListenerChange::Open),
    }
}

/// The identity of a socket's file, which distinguishes it from another file at the same path.
#[derive(Clone, PartialEq, Eq, Debug)]
struct SocketFileId {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl SocketFileId {
    /// Identifies the file at this path.
    fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            identity: identity(path),
        }
    }

    /// Returns true if the file still exists. Blocks.
    fn is_there(&self) -> bool {
        self.identity.is_some() && identity(&self.path) == self.identity
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// A watcher of one file. Changes beside the file do not wake the daemon.
#[derive(Default)]
struct SocketWatch(Option<EventStream<[u8; 512]>>);

impl SocketWatch {
    /// Watches this file, if the system allows that.
    fn on(path: &Path) -> Self {
        let watch = || {
            let inotify = Inotify::init()?;
            // Removing the name of a file changes its link count, which is an attribute.
            let mask = WatchMask::ATTRIB | WatchMask::DELETE_SELF | WatchMask::MOVE_SELF;
            inotify.watches().add(path, mask)?;
            inotify.into_event_stream([0; 512])
        };
        Self(watch().ok())
    }

    /// Waits for a change of the file, once. Waits for ever if nothing is watched. Cancel-safe.
    async fn changed(&mut self) {
        match &mut self.0 {
            None => pending().await,
            Some(events) => {
                let _what = events.next().await;
                self.0 = None;
            }
        }
    }
}
