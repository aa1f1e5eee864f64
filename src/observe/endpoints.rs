//! Answers observers over HTTP: probes, status, metrics and a page, on TCP and on a Unix socket.
//!
//! | path | answer |
//! |---|---|
//! | `/livez` | 200 while the loop turns, else 503 |
//! | `/readyz` | 200 if every session that is to be kept is proven alive and within its margin, else 503; `?verbose` says of each session why |
//! | `/readyz/NAME` | the same of one session |
//! | `/metrics` | metrics as OpenMetrics or as the classic text of Prometheus, whichever is accepted |
//! | `/status` | a [`Report`](super::report::Report) as JSON; a query is a [`Selection`](super::Selection) of its sessions |
//! | `/status/NAME` | what one session went through, a [`StoryReport`](super::report::StoryReport) as JSON |
//! | `/` | a page for people, which asks `/status` |
//!
//! It must never show a token. GET and HEAD change nothing, and over TCP they are all that there is; over
//! the Unix socket root and the daemon's own user may POST orders, which are logged with who gave them.
//!
//! # Invariants
//!
//! *Nobody who asks delays the loop.* Questions go through [`Looks`]; connections are futures of
//! one task, and everything about them has a limit: their number, the time for the head of a
//! request, the life of a connection, the size of a head, and how many large answers are under
//! way. Where there is no room for one more connection, the oldest gives way, so that a probe
//! gets in however many slow clients there are.
//!
//! *A web page elsewhere learns nothing* of a listener on loopback: a `Host` that is not
//! loopback is refused, which is what a rebound name sends.

mod connection;
mod hosts;
mod listener;
mod orders;
mod page;
mod reply;
mod route;

use std::collections::BTreeMap;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{AbortHandle, Abortable};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::Semaphore;

use super::Looks;

pub use listener::{BindError, Listener, Places, SOCKET_NAME};

/// How many connections a listener has at a time.
const CONNECTIONS_MAX: usize = 128;

/// How many answers that grow with the number of sessions are under way at a time.
const LARGE_MAX: usize = 8;

/// How many of them are for Prometheus, whoever else asks.
const SCRAPES_MAX: usize = 4;

/// How long to wait when no connection can be accepted, for want of file descriptors say.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// What the connections of a listener share.
struct Desk {
    looks: Looks,
    large: Arc<Semaphore>,
    scrapes: Arc<Semaphore>,
}

/// Serves for as long as it is polled; dropping it ends all connections.
pub async fn serve(listener: Listener, looks: Looks) {
    let desk = Arc::new(Desk {
        looks,
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
                let talk = connection::converse(accepted, Arc::clone(&desk));
                // A bug that ends one connection ends no other; the panic was told by its hook.
                let talk = Abortable::new(AssertUnwindSafe(talk).catch_unwind(), registration);
                handles.insert(number, handle);
                connections.push(talk.map(move |_ended| number));
                number += 1;
            }
        }
    }
}

/// One connection a turn: what those before it ask is answered before a crowd is let in.
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
