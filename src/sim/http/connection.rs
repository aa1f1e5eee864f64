//! One connection: requests become calls to the model, and its faults become real.

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

use super::authorization::Authorization;
use super::payload::Payload;
use super::{Clock, locked, pause};
use crate::sim::{
    Answer, BODY_LENGTH_MAX, ClientSecret, Ending, Length, Method, Request, Response, Server,
    WireFault,
};

/// How long a connection may wait for its next request.
const HEADER_WAIT: Duration = Duration::from_secs(75);

/// How long a request's body may take.
const BODY_WAIT: Duration = Duration::from_secs(30);

/// How long a closed connection listens on, so that the client reads what it
/// was told last and is not cut off by a reset.
const LINGER: Duration = Duration::from_secs(1);

type Reply = hyper::Response<Payload>;
type Replying = Pin<Box<dyn Future<Output = Result<Reply, Cut>> + Send>>;

/// How the connection is to end once HTTP is done with it.
enum Farewell {
    /// Read no more, close properly.
    Close(Ending),
    /// Send these bytes, which no header announced, and close properly.
    Surplus(Bytes),
}

/// The connection ends here, without a reply.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the connection ends without a reply")
    }
}

impl Error for Cut {}

/// What the replies of one connection share.
struct Line {
    server: Arc<Mutex<Server>>,
    clock: Clock,
    farewell: Mutex<Farewell>,
}

pub(super) async fn converse(stream: TcpStream, server: Arc<Mutex<Server>>, clock: Clock) {
    // Without this a small answer may wait 40 ms for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let line = Arc::new(Line {
        server,
        clock,
        farewell: Mutex::new(Farewell::Close(Ending::Finish)),
    });
    let service = service_fn(|request| -> Replying { Box::pin(reply(Arc::clone(&line), request)) });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_WAIT)
        .serve_connection(TokioIo::new(stream), service);
    // An error is the client's, or a cut that was asked for: nobody is to be told.
    let _ = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let mut stream = connection.into_parts().io.into_inner();
    match line.take_farewell() {
        Farewell::Close(Ending::Reset) => {
            let _ = stream.set_zero_linger();
        }
        Farewell::Close(Ending::Finish) => part(&mut stream).await,
        Farewell::Surplus(bytes) => {
            let _ = tokio::time::timeout(LINGER, stream.write_all(&bytes)).await;
            part(&mut stream).await;
        }
    }
}

/// Closes our side, and listens until the client has closed its own.
async fn part(stream: &mut TcpStream) {
    let mut ignored = [0; 4096];
    let listening = async {
        stream.shutdown().await?;
        while stream.read(&mut ignored).await? > 0 {}
        std::io::Result::Ok(())
    };
    let _ = tokio::time::timeout(LINGER, listening).await;
}

impl Line {
    fn take_farewell(&self) -> Farewell {
        let mut farewell = self.farewell.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut farewell, Farewell::Close(Ending::Finish))
    }

    fn set_farewell(&self, farewell: Farewell) {
        *self.farewell.lock().unwrap_or_else(PoisonError::into_inner) = farewell;
    }

    fn answer(&self, head: &Parts, body: &[u8]) -> Answer {
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
        // The clock is read under the lock: the model's time must not run backwards.
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

async fn reply(line: Arc<Line>, request: hyper::Request<Incoming>) -> Result<Reply, Cut> {
    let (head, body) = request.into_parts();
    let body = tokio::time::timeout(BODY_WAIT, read(body)).await;
    let body = body.map_err(|_| Cut)??;
    let answer = line.answer(&head, &body);
    match answer.wire {
        None => Ok(whole(answer.response)),
        Some(WireFault::Latency(latency)) => {
            pause(latency).await;
            Ok(whole(answer.response))
        }
        Some(WireFault::Hang) => pending().await,
        Some(WireFault::Close(ending)) => {
            line.set_farewell(Farewell::Close(ending));
            Err(Cut)
        }
        Some(WireFault::ContentLength(length)) => {
            Ok(of_another_length(&line, answer.response, length))
        }
    }
}

/// Reads up to one byte more than the model accepts, for the model to refuse.
async fn read(mut body: Incoming) -> Result<Vec<u8>, Cut> {
    let mut bytes = Vec::new();
    while bytes.len() <= BODY_LENGTH_MAX
        && let Some(frame) = body.frame().await
    {
        if let Ok(piece) = frame.map_err(|_| Cut)?.into_data() {
            let room = BODY_LENGTH_MAX + 1 - bytes.len();
            bytes.extend_from_slice(&piece[..piece.len().min(room)]);
        }
    }
    Ok(bytes)
}

fn whole(response: Response) -> Reply {
    let (head, body) = headed(response);
    head.map(|()| Payload::honest(body))
}

fn of_another_length(line: &Line, response: Response, length: Length) -> Reply {
    let (mut head, mut body) = headed(response);
    let claimed = match length {
        Length::TooLong(surplus) => body.len().saturating_add(surplus.try_into().unwrap_or(0)),
        Length::TooShort(missing) => {
            let claimed = body.len().saturating_sub(missing.try_into().unwrap_or(0));
            line.set_farewell(Farewell::Surplus(body.split_off(claimed)));
            let close = HeaderValue::from_static("close");
            head.headers_mut().insert(CONNECTION, close);
            claimed
        }
    };
    head.headers_mut()
        .insert(CONTENT_LENGTH, HeaderValue::from(claimed));
    head.map(|()| Payload::of_another_length(body))
}

fn headed(response: Response) -> (hyper::Response<()>, Bytes) {
    let mut head = hyper::Response::new(());
    // A script may ask for a status or a header that HTTP does not have.
    *head.status_mut() = hyper::StatusCode::from_u16(response.status)
        .unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in response.headers {
        if let Ok(value) = HeaderValue::try_from(value.as_ref()) {
            head.headers_mut().append(name_of(name), value);
        }
    }
    (head, response.body.into())
}

fn name_of(name: &'static str) -> hyper::header::HeaderName {
    hyper::header::HeaderName::from_bytes(name.as_bytes())
        .expect("the model's headers have names that HTTP allows")
}
