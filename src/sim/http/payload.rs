//! The body of a response, whose length may differ from its `Content-Length`.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

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
