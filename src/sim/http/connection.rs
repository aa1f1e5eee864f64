//! The handling of one connection: translates requests to calls of the model, and carries out
//! the faults of the transmission.

use std::error::Error;
use std::fmt;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Authorization;
use super::{SimClock, locked, pause};
use crate::sim::{
    BODY_LENGTH_MAX, ClientSecret, ConnectionEnd, FaultyResponse, Length, Method, Request,
    Response, Server, WireFault,
};
use hyper::body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::task::{Context, Poll};

/// The time limit for the header of the next request on a connection.
const HEADER_WAIT: Duration = Duration::from_secs(75);

/// The time limit for the body of a request.
const BODY_WAIT: Duration = Duration::from_secs(30);

/// The time limit for sending surplus bytes, and for the client to close its side afterwards.
///
/// Closing the socket with unread input sends a RST, which can discard the last answer before
/// the client has read it.
const LINGER: Duration = Duration::from_secs(1);

type HttpResponse = hyper::Response<Payload>;
type ReplyFuture = Pin<Box<dyn Future<Output = Result<HttpResponse, Cut>> + Send>>;

/// The action that closes the connection after HTTP has finished.
enum ConnectionClose {
    /// Close the connection in this way.
    Close(ConnectionEnd),
    /// Send these bytes, which exceed `Content-Length`, and close the connection with a FIN.
    Surplus(Bytes),
}

/// The error that ends the connection without a reply.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the connection ends without a reply")
    }
}

impl Error for Cut {}

/// The state that the replies of one connection share.
struct ConnectionState {
    server: Arc<Mutex<Server>>,
    clock: SimClock,
    close: Mutex<ConnectionClose>,
}

pub(super) async fn serve_connection(
    stream: TcpStream,
    server: Arc<Mutex<Server>>,
    clock: SimClock,
) {
    // With Nagle's algorithm a small answer may wait 40 ms for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let state = Arc::new(ConnectionState {
        server,
        clock,
        close: Mutex::new(ConnectionClose::Close(ConnectionEnd::Finish)),
    });
    let service =
        service_fn(|request| -> ReplyFuture { Box::pin(reply(Arc::clone(&state), request)) });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_WAIT)
        .serve_connection(TokioIo::new(stream), service);
    // An error here is a mistake of the client or a scripted fault, so it is not reported.
    let _ = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let mut stream = connection.into_parts().io.into_inner();
    match state.take_close() {
        ConnectionClose::Close(ConnectionEnd::Reset) => {
            let _ = stream.set_zero_linger();
        }
        ConnectionClose::Close(ConnectionEnd::Finish) => close_gracefully(&mut stream).await,
        ConnectionClose::Surplus(bytes) => {
            let _ = tokio::time::timeout(LINGER, stream.write_all(&bytes)).await;
            close_gracefully(&mut stream).await;
        }
    }
}

/// Closes the server's side, and reads until the client has closed its own.
async fn close_gracefully(stream: &mut TcpStream) {
    let mut ignored = [0; 4096];
    let closing = async {
        stream.shutdown().await?;
        while stream.read(&mut ignored).await? > 0 {}
        std::io::Result::Ok(())
    };
    let _ = tokio::time::timeout(LINGER, closing).await;
}

impl ConnectionState {
    fn take_close(&self) -> ConnectionClose {
        let mut close = self.close.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut close, ConnectionClose::Close(ConnectionEnd::Finish))
    }

    fn set_close(&self, close: ConnectionClose) {
        *self.close.lock().unwrap_or_else(PoisonError::into_inner) = close;
    }

    fn answer(&self, head: &Parts, body: &[u8]) -> FaultyResponse {
        let authorization = Authorization::of(&head.headers);
        let (bearer, client) = match &authorization {
            Authorization::Absent => (None, None),
            Authorization::Bearer(token) => (Some(*token), None),
            Authorization::Basic(pair) => {
                let (id, secret) = pair.split_once(':').unwrap_or((pair, ""));
                (None, Some(ClientSecret { id, secret }))
            }
        };
        let content_type = head.headers.get(CONTENT_TYPE);
        let request = Request {
            method: method(&head.method),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or(""),
            bearer,
            client,
            content_type: content_type.and_then(|value| value.to_str().ok()),
            body,
        };
        // The clock is read while the lock is held, so that the instants of consecutive answers do
        // not decrease.
        let mut server = locked(&self.server);
        server.answer(&request, (self.clock)())
    }
}

fn method(method: &hyper::Method) -> Method {
    match *method {
        hyper::Method::GET => Method::Get,
        hyper::Method::HEAD => Method::Head,
        hyper::Method::PUT => Method::Put,
        hyper::Method::DELETE => Method::Delete,
        hyper::Method::POST => Method::Post,
        _ => Method::Other,
    }
}

async fn reply(
    state: Arc<ConnectionState>,
    request: hyper::Request<Incoming>,
) -> Result<HttpResponse, Cut> {
    let (head, body) = request.into_parts();
    let body = tokio::time::timeout(BODY_WAIT, read(body)).await;
    let body = body.map_err(|_| Cut)??;
    let answer = state.answer(&head, &body);
    match answer.wire {
        None => Ok(unmodified(answer.response)),
        Some(WireFault::Latency(latency)) => {
            pause(latency).await;
            Ok(unmodified(answer.response))
        }
        Some(WireFault::Hang) => pending().await,
        Some(WireFault::Close(ending)) => {
            state.set_close(ConnectionClose::Close(ending));
            Err(Cut)
        }
        Some(WireFault::ContentLength(length)) => {
            Ok(with_wrong_length(&state, answer.response, length))
        }
    }
}

/// Reads up to one byte more than the model accepts, so that the model refuses a body that is too
/// large.
async fn read(mut body: Incoming) -> Result<Vec<u8>, Cut> {
    let mut bytes = Vec::new();
    while bytes.len() <= BODY_LENGTH_MAX
        && let Some(frame) = body.frame().await
    {
        if let Ok(data) = frame.map_err(|_| Cut)?.into_data() {
            let room = BODY_LENGTH_MAX + 1 - bytes.len();
            bytes.extend_from_slice(&data[..data.len().min(room)]);
        }
    }
    Ok(bytes)
}

fn unmodified(response: Response) -> HttpResponse {
    let (head, body) = head_and_body(response);
    head.map(|()| Payload::with_exact_length(body))
}

fn with_wrong_length(state: &ConnectionState, response: Response, length: Length) -> HttpResponse {
    let (mut head, mut body) = head_and_body(response);
    let declared = match length {
        Length::TooLong(surplus) => body.len().saturating_add(surplus.try_into().unwrap_or(0)),
        Length::TooShort(missing) => {
            let declared = body.len().saturating_sub(missing.try_into().unwrap_or(0));
            state.set_close(ConnectionClose::Surplus(body.split_off(declared)));
            let close = HeaderValue::from_static("close");
            head.headers_mut().insert(CONNECTION, close);
            declared
        }
    };
    head.headers_mut()
        .insert(CONTENT_LENGTH, HeaderValue::from(declared));
    head.map(|()| Payload::with_wrong_length(body))
}

fn head_and_body(response: Response) -> (hyper::Response<()>, Bytes) {
    let mut head = hyper::Response::new(());
    // A script may contain a status or a header value that is not valid in HTTP.
    *head.status_mut() = hyper::StatusCode::from_u16(response.status)
        .unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in response.headers {
        if let Ok(value) = HeaderValue::try_from(value.as_ref()) {
            head.headers_mut().append(header_name(name), value);
        }
    }
    (head, response.body.into())
}

fn header_name(name: &'static str) -> hyper::header::HeaderName {
    hyper::header::HeaderName::from_bytes(name.as_bytes())
        .expect("the model's headers have names that HTTP allows")
}

/// A body that is sent in one frame.
pub(super) struct Payload {
    bytes: Option<Bytes>,
    end: BodyEnd,
}

/// The state of the end of the body.
enum BodyEnd {
    /// The body ends after the bytes, and its length is the declared one.
    Immediate,
    /// The declared length is wrong. hyper breaks the connection when a body ends early, and
    /// drops the bytes that it has not flushed: the end is delayed by one poll, so that the
    /// client receives the bytes.
    Delayed,
    /// The delay is over.
    Reached,
}

impl Payload {
    /// Returns a body whose length becomes the `Content-Length`.
    pub(super) fn with_exact_length(bytes: Bytes) -> Self {
        Self {
            bytes: (!bytes.is_empty()).then_some(bytes),
            end: BodyEnd::Immediate,
        }
    }

    /// Returns a body whose length differs from the `Content-Length`.
    pub(super) fn with_wrong_length(bytes: Bytes) -> Self {
        Self {
            bytes: Some(bytes),
            end: BodyEnd::Delayed,
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(bytes) = self.bytes.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match self.end {
            BodyEnd::Immediate | BodyEnd::Reached => Poll::Ready(None),
            BodyEnd::Delayed => {
                self.end = BodyEnd::Reached;
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.end, BodyEnd::Immediate) && self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.end {
            BodyEnd::Immediate => {
                let length = self.bytes.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            BodyEnd::Delayed | BodyEnd::Reached => SizeHint::default(),
        }
    }
}
