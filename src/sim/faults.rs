//! What goes wrong, and when: a script of faults that the server follows.

mod script;

use std::time::Duration;

pub use script::{Matcher, Rule, Script, Span};

use super::error::ApiError;
use super::{Method, Response};

/// The most bytes that [`Fault::Huge`] makes of a body.
const HUGE_MAX: usize = 16 * 1024 * 1024;

const PAGE: &str = "<!DOCTYPE html><html><head><title>Sign in</title></head>\
    <body><h1>Welcome to the guest network</h1></body></html>";

/// One thing that goes wrong with one call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The call is processed when it arrives, and answered this much later.
    Latency(Duration),
    /// The connection ends without an answer.
    Close {
        /// How it ends.
        ending: Ending,
        /// Whether the server did what it was asked.
        processing: Processing,
    },
    /// No answer comes, and the connection stays open until the client leaves.
    Hang {
        /// Whether the server did what it was asked.
        processing: Processing,
    },
    /// An error of the API.
    Error {
        /// The status: 401, 403, 408, 429, 5xx.
        status: u16,
        /// The code in the body.
        code: String,
        /// The message in the body.
        message: String,
        /// Seconds for `Retry-After`.
        retry_after: Option<u64>,
        /// Whether the server did what it was asked.
        processing: Processing,
    },
    /// A status with an empty body.
    Empty {
        /// The status; 200 is possible.
        status: u16,
        /// Whether the server did what it was asked.
        processing: Processing,
    },
    /// A captive portal's page with 200; the API never sees the call.
    Page,
    /// A captive portal's redirect; the API never sees the call.
    Redirect,
    /// 200 with JSON that breaks off; the API never sees the call.
    InvalidJson,
    /// The call is processed, and `Content-Length` is wrong by some bytes.
    ContentLength(Length),
    /// The call is processed, and the body filled up with blanks.
    Huge {
        /// The body's length, up to 16 MiB.
        bytes: usize,
    },
    /// The call is processed, and `Date` is wrong.
    DateSkew {
        /// How far it is ahead; behind, if negative.
        milliseconds: i64,
    },
}

/// Whether the server did what it was asked before something went wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Processing {
    /// It did not: the idle timer runs on.
    Skipped,
    /// It did: the idle timer is reset, though the client does not know.
    Done,
}

/// How a connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// With a FIN, as when a server stops.
    Finish,
    /// With a RST, as when one crashes.
    Reset,
}

/// How `Content-Length` is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Length {
    /// It promises this many bytes that never come.
    TooLong(u32),
    /// It ends this many bytes before the body does.
    TooShort(u32),
}

/// What the client meets instead of the plain response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WireFault {
    /// The response, this much later.
    Latency(Duration),
    /// The end of the connection.
    Close(Ending),
    /// Nothing, until it leaves.
    Hang,
    /// The response with a wrong `Content-Length`.
    ContentLength(Length),
}

impl Fault {
    /// An error of the API in place of the answer; the call is not processed.
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

    /// 429 with this many seconds to wait.
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

    /// A status with an empty body in place of the answer; the call is not processed.
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

    /// What comes in place of the server's own response, or `None` if that stays.
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

    /// Whether something between client and API answers, which knows nothing of correlation ids.
    pub(super) fn is_before_the_api(&self) -> bool {
        matches!(self, Self::Page | Self::Redirect)
    }

    /// Changes the finished response to a request with this method.
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
