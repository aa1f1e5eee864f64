//! Answers observers over HTTP: probes, status, metrics and a page, on TCP and on a Unix socket.
//!
//! | path | answer |
//! |---|---|
//! | `/livez` | 200 while the loop runs, else 503 |
//! | `/readyz` | 200 if every session with the intent to keep is proven alive and within its margin, else 503; `?verbose` adds the reason for each session |
//! | `/readyz/NAME` | the same for one session |
//! | `/metrics` | metrics as OpenMetrics or as the classic text of Prometheus, whichever the request accepts |
//! | `/status` | a [`StatusReport`](crate::status::report::StatusReport) as JSON; a query is a [`Selection`](crate::status::Selection) of its sessions, of which at most 1,000 are on a page |
//! | `/status/NAME` | the history of one session, a [`HistoryReport`](crate::status::report::HistoryReport) as JSON |
//! | `/` | a page for people, which requests `/status` |
//!
//! No answer may ever show a token. GET and HEAD change nothing, and TCP listeners accept no other
//! method. Over the Unix socket, root and the daemon's own user may POST commands, which are logged
//! with their sender.
//!
//! # Invariants
//!
//! *No client delays the loop.* Queries go through [`QuerySender`], which reads the state in slices;
//! answers are written in pieces with a pause after each; and connections are futures of one task. There are limits to the number of connections, the time for the head of a request, the
//! lifetime of a connection, the time that a client takes to read an answer, the size of a head,
//! and the number of large answers at a time. If there are too many connections, the oldest one is
//! closed, so that a probe gets in however many slow clients there are.
//!
//! *Web pages of other sites cannot read* from a listener on loopback: a request whose `Host` is
//! not loopback is refused, because DNS rebinding sends such requests.

mod connection;
mod listener;
mod page;
mod reply;
mod route;

use std::collections::BTreeMap;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

#[cfg(fuzzing)]
pub(crate) use connection::is_allowed;
use futures_util::FutureExt as _;
use futures_util::future::{AbortHandle, Abortable};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
pub use listener::{BindError, Listener, SOCKET_NAME, SocketPlaces};
use tokio::sync::{Semaphore, watch};

use crate::config::FrameAncestors;
use crate::status::QuerySender;

/// The maximum number of connections of a listener.
const CONNECTIONS_MAX: usize = 128;

/// The maximum number of answers under way whose size grows with the number of sessions.
const LARGE_MAX: usize = 8;

/// The maximum number of metrics answers under way. Other large answers cannot use these places.
const SCRAPES_MAX: usize = 4;

/// The delay after a failed `accept`, for example for lack of file descriptors.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// The state that all connections of a listener share.
struct ServerState {
    queries: QuerySender,
    large: Arc<Semaphore>,
    scrapes: Arc<Semaphore>,
    frame_ancestors: watch::Receiver<FrameAncestors>,
}

/// Serves clients until the future is dropped, which closes all connections. Pages of the present
/// `frame_ancestors` may frame the answers.
pub async fn serve(
    listener: Listener,
    queries: QuerySender,
    frame_ancestors: watch::Receiver<FrameAncestors>,
) {
    let state = Arc::new(ServerState {
        queries,
        frame_ancestors,
        large: Arc::new(Semaphore::new(LARGE_MAX)),
        scrapes: Arc::new(Semaphore::new(SCRAPES_MAX)),
    });
    let mut connections = FuturesUnordered::new();
    let mut handles = BTreeMap::new();
    let mut number = 0_u64;
    loop {
        tokio::select! {
            biased;
            Some(ended) = connections.next() => {
                handles.remove(&ended);
            }
            accepted = accept(&listener) => {
                if handles.len() >= CONNECTIONS_MAX
                    && let Some((_, oldest)) = handles.pop_first()
                {
                    AbortHandle::abort(&oldest);
                }
                let (handle, registration) = AbortHandle::new_pair();
                let connection = connection::serve(accepted, Arc::clone(&state));
                // A panic ends only its own connection. The panic hook has already logged it.
                let connection = AssertUnwindSafe(connection).catch_unwind();
                let connection = Abortable::new(connection, registration);
                handles.insert(number, handle);
                connections.push(connection.map(move |_ended| number));
                number += 1;
            }
        }
    }
}

/// Accepts the next connection.
///
/// Yields first, so that earlier connections make progress even while many clients connect.
async fn accept(listener: &Listener) -> listener::Accepted {
    tokio::task::yield_now().await;
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(_) => {
                let _over = tokio::time::timeout(ACCEPT_AGAIN_AFTER, pending::<()>()).await;
            }
        }
    }
}
