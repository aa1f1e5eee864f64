//! Builds the replies to observers: a status, headers that restrict browsers, and a body in pieces.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
    RETRY_AFTER,
};
use hyper::{Response, StatusCode};
use tokio::sync::OwnedSemaphorePermit;

use crate::config::FrameAncestors;

/// The size of a piece of a body, in bytes.
///
/// A connection copies one piece at a time into its buffer, so that a slow client does not cause a
/// copy of the whole body.
const PIECE: usize = 16 * 1024;

/// The content type of plain text.
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

/// The content security policy. It allows only scripts, styles, images and requests of this server,
/// and prevents text from becoming markup.
macro_rules! policy {
    ($frame_ancestors:literal) => {
        concat!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; ",
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors ",
            $frame_ancestors,
            "; require-trusted-types-for 'script'; trusted-types 'none'"
        )
    };
}

const HEADERS: [(HeaderName, &str); 4] = [
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("x-content-type-options"), "nosniff"),
    (HeaderName::from_static("referrer-policy"), "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// The reply to a request.
pub(crate) struct HttpReply(Response<BodyPieces>);

impl HttpReply {
    /// Creates a reply with this content type. `room` is released when the body has been sent or
    /// dropped.
    pub(crate) fn new(
        status: u16,
        content_type: &'static str,
        body: impl Into<Bytes>,
        room: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self::in_pieces(status, content_type, [body.into()], room)
    }

    /// Creates a reply like [`Self::new`] whose body is built in several pieces, none of which has
    /// to be allocated, copied or wiped with the others.
    pub(crate) fn in_pieces(
        status: u16,
        content_type: &'static str,
        pieces: impl IntoIterator<Item = Bytes>,
        room: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
        let mut response = Response::new(BodyPieces {
            pieces: pieces.collect(),
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

    /// Creates a reply of plain text.
    pub(crate) fn text(status: u16, text: impl Into<Bytes>) -> Self {
        Self::new(status, TEXT, text, None)
    }

    /// Creates the reply for too many large answers at a time.
    pub(crate) fn busy() -> Self {
        Self::text(
            503,
            "too many large answers in progress: retry in a second\n",
        )
        .with(RETRY_AFTER, "1")
    }

    /// Creates the reply for a method that is not allowed.
    pub(crate) fn not_allowed() -> Self {
        Self::text(405, "only GET and HEAD: nothing can be changed here\n").with(ALLOW, "GET, HEAD")
    }

    fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.0
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
        self
    }

    /// Returns the response in the form that hyper needs. Pages of these origins may frame it.
    pub(crate) fn into_response(
        mut self,
        frame_ancestors: &FrameAncestors,
    ) -> Response<BodyPieces> {
        let headers = self.0.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, policy(frame_ancestors));
        self.0
    }
}

fn policy(frame_ancestors: &FrameAncestors) -> HeaderValue {
    if frame_ancestors.is_empty() {
        return HeaderValue::from_static(policy!("'none'"));
    }
    let policy = format!(policy!("{}"), frame_ancestors);
    HeaderValue::try_from(policy).expect("origins are of characters that headers may hold")
}

/// A body that is sent piece by piece. No piece is empty.
pub(crate) struct BodyPieces {
    pieces: VecDeque<Bytes>,
    _room: Option<OwnedSemaphorePermit>,
}

impl Body for BodyPieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(mut bytes) = self.pieces.pop_front() else {
            return Poll::Ready(None);
        };
        let piece = bytes.split_to(bytes.len().min(PIECE));
        if !bytes.is_empty() {
            self.pieces.push_front(bytes);
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let length: usize = self.pieces.iter().map(Bytes::len).sum();
        SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
    }
}
