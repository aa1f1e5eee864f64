//! One connection of an observer, with a limit to everything.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::listener::Accepted;
use super::reply::Reply;
use super::route::{Door, answer};
use super::{Desk, hosts};
use crate::observe::Peer;

/// How long the head of a request may take, and a connection be quiet between two.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// How long a connection may last.
const LIFE: Duration = Duration::from_secs(60);

/// How long an answer that is under way then may still take.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How large the head of a request may be, in bytes.
const HEAD_SIZE_MAX: usize = 16 * 1024;

/// How many headers it may have.
const HEADERS_MAX: usize = 64;

/// Answers until the observer has gone or its time is over.
pub(super) async fn converse(accepted: Accepted, desk: Arc<Desk>) {
    match accepted {
        Accepted::Tcp(stream, address) => talk(stream, Door::Tcp(address), desk).await,
        Accepted::Unix(stream) => {
            let peer = stream.peer_cred().ok().map(|peer| Peer {
                uid: peer.uid(),
                pid: peer.pid(),
            });
            talk(stream, Door::Unix(peer), desk).await;
        }
    }
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin, door: Door, desk: Arc<Desk>) {
    let service = service_fn(move |request| {
        let desk = Arc::clone(&desk);
        async move { Ok::<_, Infallible>(reply(request, door, &desk).await.into_response()) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_SIZE_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    if timeout(LIFE, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ended = timeout(LAST_WORDS, connection).await;
    }
}

async fn reply(request: Request<Incoming>, door: Door, desk: &Desk) -> Reply {
    let (head, _) = request.into_parts();
    if let Door::Tcp(address) = door
        && !hosts::may_ask(&head, address)
    {
        return Reply::text(
            421,
            "this listener answers for loopback only: ask for 127.0.0.1 or localhost\n",
        );
    }
    answer(&head, door, desk).await
}
