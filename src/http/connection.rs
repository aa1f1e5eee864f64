//! Serves one connection of an observer, within limits of time and size.

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
use super::paced::Paced;
use super::reply::HttpReply;
use super::route::{Transport, answer};
use super::{ServerState, hosts};
use crate::status::Peer;

/// The time limit for the head of a request, including the idle time before it.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// The maximum lifetime of a connection.
const LIFETIME: Duration = Duration::from_secs(60);

/// The additional time for an answer that is under way at the end of the lifetime.
const LAST_ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The maximum size of the head of a request, in bytes.
const HEAD_SIZE_MAX: usize = 16 * 1024;

/// The maximum number of headers of a request.
const HEADERS_MAX: usize = 64;

/// Answers requests until the client closes the connection or its lifetime is over.
pub(crate) async fn serve(accepted: Accepted, state: Arc<ServerState>) {
    match accepted {
        Accepted::Tcp(stream, address) => {
            serve_stream(stream, Transport::Tcp(address), state).await;
        }
        Accepted::Unix(stream) => {
            let peer = stream.peer_cred().ok().map(|peer| Peer {
                uid: peer.uid(),
                pid: peer.pid(),
            });
            serve_stream(stream, Transport::Unix(peer), state).await;
        }
    }
}

async fn serve_stream(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    transport: Transport,
    state: Arc<ServerState>,
) {
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move {
            let reply = reply(request, transport, &state).await;
            let response = reply.into_response(&state.frame_ancestors.borrow());
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_SIZE_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(Paced::new(stream)), service);
    let mut connection = pin!(connection);
    if timeout(LIFETIME, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ended = timeout(LAST_ANSWER_WITHIN, connection).await;
    }
}

async fn reply(request: Request<Incoming>, transport: Transport, state: &ServerState) -> HttpReply {
    let (head, _) = request.into_parts();
    if let Transport::Tcp(address) = transport
        && !hosts::is_allowed(&head, address)
    {
        return HttpReply::text(
            421,
            "this listener answers on loopback only: use 127.0.0.1 or localhost\n",
        );
    }
    answer(&head, transport, state).await
}
