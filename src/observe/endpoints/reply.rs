//! What goes back to an observer: a status, headers that let a browser do nothing else, and a body in pieces.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use tokio::sync::OwnedSemaphorePermit;

/// What a connection buffers at a time, in bytes: who reads slowly does not have it all copied.
const PIECE: usize = 16 * 1024;

/// Plain text.
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// Scripts, styles and requests of our own and nothing else; text never becomes markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("content-security-policy"), POLICY),
    (HeaderName::from_static("x-content-type-options"), "nosniff"),
    (HeaderName::from_static("referrer-policy"), "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// An answer.
pub(super) struct Reply(Response<Pieces>);

impl Reply {
    /// An answer of this type. `room` is given back when the last piece was taken.
    pub(super) fn new(
        status: u16,
        content_type: &'static str,
        body: impl Into<Bytes>,
        room: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let mut response = Response::new(Pieces {
            bytes: body.into(),
            _room: room,
        });
        *response.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        for (name, value) in HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self(response)
    }

    /// Some lines for people.
    pub(super) fn text(status: u16, said: impl Into<Bytes>) -> Self {
        Self::new(status, TEXT, said, None)
    }

    /// Too much is asked at a time.
    pub(super) fn busy() -> Self {
        Self::text(
            503,
            "too many large answers are under way: ask again in a second\n",
        )
        .with(RETRY_AFTER, "1")
    }

    /// Something is asked that is not done here.
    pub(super) fn not_allowed() -> Self {
        Self::text(405, "only GET and HEAD: nothing can be changed here\n").with(ALLOW, "GET, HEAD")
    }

    fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.0
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
        self
    }

    /// For hyper.
    pub(super) fn into_response(self) -> Response<Pieces> {
        self.0
    }
}

/// A body that is taken piece by piece.
pub(super) struct Pieces {
    bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.bytes.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.bytes.len().min(PIECE);
        let piece = self.bytes.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.bytes.len()).unwrap_or(u64::MAX))
    }
}
