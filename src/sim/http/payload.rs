//! A response's body, which may be of another length than its header says.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// A body that is sent in one piece.
pub(super) struct Payload {
    bytes: Option<Bytes>,
    rest: Rest,
}

/// What is to happen after the bytes.
enum Rest {
    /// Nothing: the length is known and right.
    End,
    /// The header said something else. hyper breaks the connection when a body
    /// ends early, and drops what it has not yet flushed: hold the end back for
    /// one turn, so that the client gets to see the beginning.
    Pause,
    /// The turn has passed.
    Paused,
}

impl Payload {
    /// A body whose length the header is to tell.
    pub(super) fn honest(bytes: Bytes) -> Self {
        Self {
            bytes: (!bytes.is_empty()).then_some(bytes),
            rest: Rest::End,
        }
    }

    /// A body whose length is not what the header tells.
    pub(super) fn of_another_length(bytes: Bytes) -> Self {
        Self {
            bytes: Some(bytes),
            rest: Rest::Pause,
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
        match self.rest {
            Rest::End | Rest::Paused => Poll::Ready(None),
            Rest::Pause => {
                self.rest = Rest::Paused;
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.rest, Rest::End) && self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.rest {
            Rest::End => {
                let length = self.bytes.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            Rest::Pause | Rest::Paused => SizeHint::default(),
        }
    }
}
