//! The faults that a test injects into the server's answers.

mod script;

use std::time::Duration;

pub use script::{Matcher, Rule, RuleSpan, Script};

use super::error::ApiError;
use super::{Method, Response};

/// The maximum length of the body of a [`SimFault::Huge`], in bytes.
const HUGE_MAX: usize = 16 * 1024 * 1024;

const PAGE: &str = "<!DOCTYPE html><html><head><title>Sign in</title></head>\
    <body><h1>Welcome to the guest network</h1></body></html>";

/// A fault of one call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SimFault {
    /// The server processes the call when it arrives, and sends the answer this much later.
    Latency(Duration),
    /// The connection ends without an answer.
    Close {
        /// The kind of end.
        ending: ConnectionEnd,
        /// The processing of the call before the fault.
        processing: Processing,
    },
    /// The server sends no answer, and the connection stays open until the client closes it.
    Hang {
        /// The processing of the call before the fault.
        processing: Processing,
    },
    /// An error of the API.
    Error {
        /// The status, such as 401, 403, 408, 429 or 5xx.
        status: u16,
        /// The code in the body.
        code: String,
        /// The message in the body.
        message: String,
        /// The value of `Retry-After`, in seconds.
        retry_after: Option<u64>,
        /// The processing of the call before the fault.
        processing: Processing,
    },
    /// A status with an empty body.
    Empty {
        /// The status, which may be 200.
        status: u16,
        /// The processing of the call before the fault.
        processing: Processing,
    },
    /// A captive portal's page with 200; the call does not reach the API.
    Page,
    /// A captive portal's redirect; the call does not reach the API.
    Redirect,
    /// 200 with truncated JSON; the call does not reach the API.
    InvalidJson,
    /// The server processes the call, and `Content-Length` is wrong by some bytes.
    ContentLength(Length),
    /// The server processes the call and pads the body with blanks.
    Huge {
        /// The length of the body, at most 16 MiB.
        bytes: usize,
    },
    /// The server processes the call, and `Date` is wrong.
    DateSkew {
        /// The lead of `Date` over the server's clock; negative for a lag.
        milliseconds: i64,
    },
}

/// The processing of a call before a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Processing {
    /// The server did not process the call, so the idle timer is not reset.
    Skipped,
    /// The server processed the call: it reset the idle timer, though the client cannot see that.
    Done,
}

/// The kind of end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConnectionEnd {
    /// A FIN, as from a server that stops.
    Finish,
    /// A RST, as from a server that crashes.
    Reset,
}

/// An error of `Content-Length`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Length {
    /// The header is this many bytes larger than the body.
    TooLong(u32),
    /// The header is this many bytes smaller than the body.
    TooShort(u32),
}

/// A fault of the transmission, applied to a finished response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WireFault {
    /// The response arrives this much later.
    Latency(Duration),
    /// The connection ends without a response.
    Close(ConnectionEnd),
    /// No response arrives, and the connection stays open until the client closes it.
    Hang,
    /// The response has a wrong `Content-Length`.
    ContentLength(Length),
}

impl SimFault {
    /// Returns an error of the API that replaces the answer to an unprocessed call.
    #[must_use]
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::Error {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
            retry_after: None,
            processing: Processing::Skipped,
        }
    }

    /// Returns a 429 whose `Retry-After` is `retry_after` seconds, without processing.
    #[must_use]
    pub fn throttled(retry_after: u64) -> Self {
        Self::Error {
            status: 429,
            code: "too.many.requests.retry.after".to_owned(),
            message: format!(
                "Rate limit exceeded the maximum. Retry the request in [{retry_after}] seconds"
            ),
            retry_after: Some(retry_after),
            processing: Processing::Skipped,
        }
    }

    /// Returns a status with an empty body that replaces the answer to an unprocessed call.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self::Empty {
            status,
            processing: Processing::Skipped,
        }
    }

    pub(super) fn processing(&self) -> Processing {
        match self {
            Self::Close { processing, .. }
            | Self::Hang { processing }
            | Self::Error { processing, .. }
            | Self::Empty { processing, .. } => *processing,
            Self::Page | Self::Redirect | Self::InvalidJson => Processing::Skipped,
            Self::Latency(_)
            | Self::ContentLength(_)
            | Self::Huge { .. }
            | Self::DateSkew { .. } => Processing::Done,
        }
    }

    pub(super) fn wire(&self) -> Option<WireFault> {
        match self {
            Self::Latency(latency) => Some(WireFault::Latency(*latency)),
            Self::Close { ending, .. } => Some(WireFault::Close(*ending)),
            Self::Hang { .. } => Some(WireFault::Hang),
            Self::ContentLength(length) => Some(WireFault::ContentLength(*length)),
            Self::Error { .. }
            | Self::Empty { .. }
            | Self::Page
            | Self::Redirect
            | Self::InvalidJson
            | Self::Huge { .. }
            | Self::DateSkew { .. } => None,
        }
    }

    /// Returns the response that replaces the server's own; `None` if the fault does not replace it.
    pub(super) fn replacement(&self, context_id: &str) -> Option<Response> {
        match self {
            Self::Error {
                status,
                code,
                message,
                retry_after,
                ..
            } => {
                let error = ApiError::new(*status, code.clone(), message.clone());
                let response = error.into_response(context_id);
                Some(match retry_after {
                    Some(seconds) => response.with("Retry-After", seconds.to_string()),
                    None => response,
                })
            }
            Self::Empty { status, .. } => Some(Response::new(*status, Vec::new())),
            Self::Page => Some(page(200)),
            Self::Redirect => {
                Some(page(302).with("Location", "http://portal.example/login?next=api"))
            }
            Self::InvalidJson => {
                let cut = br#"{"organization":{"id":"#;
                Some(Response::new(200, cut.to_vec()))
            }
            Self::Latency(_)
            | Self::Close { .. }
            | Self::Hang { .. }
            | Self::ContentLength(_)
            | Self::Huge { .. }
            | Self::DateSkew { .. } => None,
        }
    }

    pub(super) fn date_skew(&self) -> i64 {
        if let Self::DateSkew { milliseconds } = self {
            *milliseconds
        } else {
            0
        }
    }

    /// Returns true if an intermediary answers instead of the API, without a correlation id.
    pub(super) fn is_before_the_api(&self) -> bool {
        matches!(self, Self::Page | Self::Redirect)
    }

    /// Applies the fault to the finished response to a request with this method.
    pub(super) fn distort(&self, method: Method, response: &mut Response) {
        if let Self::Huge { bytes } = self
            && method != Method::Head
        {
            let length = (*bytes).min(HUGE_MAX).max(response.body.len());
            response.body.resize(length, b' ');
        }
    }
}

fn page(status: u16) -> Response {
    Response::new(status, PAGE.into()).with("Content-Type", "text/html; charset=utf-8")
}
