//! Serves one connection of an observer, within limits of time and size.
//!
//! It closes a connection whose client reads an answer too slowly, and refuses requests by DNS
//! rebinding, where a foreign host name resolves to 127.0.0.1.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use super::ServerState;
use super::listener::Accepted;
use super::reply::HttpReply;
use super::route::{Transport, answer};
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

/// The number of bytes that a client must read per [`TICK`], on average.
const RATE: usize = 64 * 1024;
const TICK: Duration = Duration::from_secs(1);

/// The maximum number of ticks without progress.
const TICKS_MAX: usize = 6;

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
        && !is_allowed(&head, address)
    {
        return HttpReply::text(
            421,
            "this listener answers on loopback only: use 127.0.0.1 or localhost\n",
        );
    }
    answer(&head, transport, state).await
}

/// Returns true if a request may be answered on this local address.
///
/// On a loopback address, the request must name a loopback host. On other addresses any host is
/// allowed, because the daemon cannot know the names by which clients reach it.
pub(crate) fn is_allowed(head: &Parts, address: SocketAddr) -> bool {
    if !address.ip().to_canonical().is_loopback() {
        return true;
    }
    let authority = head
        .uri
        .authority()
        .map(|authority| authority.as_str().as_bytes());
    let header = head
        .headers
        .get(HOST)
        .map(hyper::http::HeaderValue::as_bytes);
    let mut hosts = head.headers.get_all(HOST).iter();
    let is_at_most_one = hosts.next().is_none() || hosts.next().is_none();
    // Browsers always send `Host`, so a request without it is not from a browser and is allowed.
    is_at_most_one && [authority, header].into_iter().flatten().all(is_loopback)
}

fn is_loopback(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = match name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
    {
        Some(name) => name.parse().map(IpAddr::V6),
        None => name.parse().map(IpAddr::V4),
    };
    name.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// A stream whose writes fail if the client reads more slowly than [`RATE`].
///
/// Each tick of waiting uses up credit for [`RATE`] bytes, and each written byte restores credit
/// for one.
struct Paced<S> {
    stream: S,
    /// The number of bytes that the client may still be behind.
    credit: usize,
    period: Duration,
    tick: Option<Interval>,
}

impl<S> Paced<S> {
    fn new(stream: S) -> Self {
        Self {
            stream,
            credit: RATE * TICKS_MAX,
            period: TICK,
            tick: None,
        }
    }

    /// Waits for room to write, and fails when the credit is used up.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let period = self.period;
        let tick = self.tick.get_or_insert_with(|| {
            let mut tick = interval(period);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first tick of an interval is due at once, before any waiting.
            tick.reset();
            tick
        });
        loop {
            ready!(tick.poll_tick(context));
            self.credit = self.credit.saturating_sub(RATE);
            if self.credit == 0 {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
        }
    }

    fn account(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self.wait(context).map(Err),
            Poll::Ready(Ok(bytes)) => {
                self.credit = self.credit.saturating_add(bytes).min(RATE * TICKS_MAX);
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.account(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.account(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const ANSWER: usize = 4 << 20;

    fn allowed(uri: &str, hosts: &[&str], address: &str) -> bool {
        let mut request = Request::builder().uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        is_allowed(&head, address.parse().unwrap())
    }

    #[test]
    fn a_listener_on_loopback_is_asked_for_loopback() {
        for host in [
            "localhost",
            "LOCALHOST:9464",
            "127.0.0.1:9464",
            "127.3.2.1",
            "[::1]:9464",
            "[::1]",
            "[0:0:0:0:0:0:0:01]",
            "[::ffff:127.0.0.1]:9464",
        ] {
            assert!(allowed("/", &[host], "127.0.0.1:9464"), "{host}");
        }
        assert!(allowed("/", &[], "[::1]:9464"), "no browser");
    }

    #[test]
    fn a_rebound_name_is_refused() {
        for host in [
            "evil.example",
            "evil.example:9464",
            "localhost.evil.example",
            "10.0.0.1",
            "",
            "[::2]",
            "::1:x",
            "::1",
            "::1:9464",
            "[127.0.0.1]",
        ] {
            assert!(!allowed("/", &[host], "127.0.0.1:9464"), "{host:?}");
        }
        assert!(!allowed(
            "http://evil.example/",
            &["localhost"],
            "127.0.0.1:1"
        ));
        assert!(!allowed("/", &["localhost", "evil.example"], "127.0.0.1:1"));
        assert!(!allowed("/", &["evil.example"], "[::ffff:127.0.0.1]:1"));
        assert!(
            allowed("/", &["pod.example"], "10.0.0.7:9464"),
            "not loopback"
        );
    }

    /// Returns true if a client that reads `taken` bytes per tick gets the complete answer.
    async fn is_written(taken: usize, tick: Duration) -> bool {
        let (ours, mut theirs) = duplex(16 * 1024);
        let mut paced = Paced::new(ours);
        paced.period = tick;
        let answer = vec![0; ANSWER];
        let write = async { paced.write_all(&answer).await };
        let read = async {
            let mut ticks = interval(tick);
            let mut buffer = vec![0; taken.max(1)];
            loop {
                ticks.tick().await;
                if taken > 0 {
                    theirs.read_exact(&mut buffer).await.unwrap();
                }
            }
        };
        tokio::select! {
            written = write => written.is_ok(),
            () = read => false,
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn only_a_reader_that_keeps_the_rate_gets_the_whole_answer() {
        assert!(is_written(ANSWER, TICK).await);
        for taken in [0, 1, 1024, RATE / 8] {
            assert!(!is_written(taken, TICK / 100).await, "{taken}");
        }
    }
}
