//! The verdict of an answer: pure, and the same for a simulated server and a real one.
//!
//! Invariant: only a 401 whose JSON has the code `bad.credentials` is evidence of a token's end.
//! Every other answer, such as that of an overloaded server, a proxy or a hotel's login page,
//! never is.

use std::sync::Arc;

use super::bodies::{ErrorBody, IdleTokenTimeout, TokenInfo};
use super::call::{Call, ExpectedBody};
use super::{field, time};
use crate::keeper::{BlockReason, Failure, NotTheApi, Operation, Outcome, Refusal, Verdict};

const CODE_LENGTH_MAX: usize = 128;
const CORRELATION_ID_LENGTH_MAX: usize = 64;
const ENCODING_LENGTH_MAX: usize = 32;

/// The parts of an HTTP answer that a verdict depends on.
///
/// A header that is absent, or is not text, is `None`. All parts are borrowed, since the simulated
/// server creates millions of answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// `Date`.
    pub date: Option<&'a str>,
    /// `Retry-After`.
    pub retry_after: Option<&'a str>,
    /// `ININ-Correlation-Id` or `Genesys-Correlation-Id`.
    pub correlation_id: Option<&'a str>,
    /// `Content-Type`.
    pub content_type: Option<&'a str>,
    /// `Content-Encoding`.
    pub content_encoding: Option<&'a str>,
    /// `Age`.
    pub age: Option<&'a str>,
    /// The body, which is ignored for HEAD.
    pub body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// Creates an answer with a body and no header.
    #[must_use]
    pub fn new(status: u16, body: &'a [u8]) -> Self {
        Self {
            status,
            body,
            ..Self::default()
        }
    }

    /// Returns true if the content type is that of a web page.
    fn has_page_type(&self) -> bool {
        let starts_with = |content_type: &str, prefix: &str| {
            content_type
                .get(..prefix.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        self.content_type.is_some_and(|content_type| {
            let content_type = content_type.trim_start();
            starts_with(content_type, "text/html") || starts_with(content_type, "application/xhtml")
        })
    }

    /// Returns the encoding of the body, if both are present.
    fn encoding(&self) -> Option<Arc<str>> {
        let encoding = field::printable_ascii(self.content_encoding?, ENCODING_LENGTH_MAX)?;
        let is_plain = encoding.eq_ignore_ascii_case("identity");
        (!is_plain && !self.body.is_empty()).then_some(encoding)
    }

    /// Returns true if a cache stored the answer for a second or longer.
    ///
    /// Some caches write `Age: 0` to an answer that they have just fetched.
    fn is_cached(&self) -> bool {
        self.age.is_some_and(|age| {
            let age = age.trim();
            age.bytes().all(|byte| byte.is_ascii_digit()) && age.bytes().any(|byte| byte != b'0')
        })
    }

    /// Returns true if the body contains only white space.
    fn is_empty(&self) -> bool {
        self.body.trim_ascii().is_empty()
    }

    /// Returns true if there is a body and it is a web page.
    pub(super) fn is_page(&self) -> bool {
        !self.is_empty() && (self.has_page_type() || self.body.trim_ascii_start().starts_with(b"<"))
    }
}

/// Returns the outcome of the answer to an operation.
#[must_use]
pub fn verdict(operation: Operation, answer: &Answer<'_>) -> Outcome {
    outcome(Call::from(operation).expected_body(), answer)
}

/// Returns the outcome of an answer for which this body was expected.
pub(super) fn outcome(expected: ExpectedBody, answer: &Answer<'_>) -> Outcome {
    let answer = match expected {
        // A simulated server can supply a body, which HTTP never carries in an answer to HEAD.
        ExpectedBody::Head => &Answer {
            body: b"",
            ..*answer
        },
        ExpectedBody::Gone
        | ExpectedBody::Done
        | ExpectedBody::TokenInfo
        | ExpectedBody::Timeout => answer,
    };
    Outcome {
        verdict: evaluate(expected, answer),
        status: Some(answer.status),
        date: answer.date.and_then(time::http_date),
        is_cached: answer.is_cached(),
        correlation_id: answer
            .correlation_id
            .and_then(|id| field::printable_ascii(id, CORRELATION_ID_LENGTH_MAX)),
    }
}

fn evaluate(expected: ExpectedBody, answer: &Answer<'_>) -> Verdict {
    match answer.status {
        200..=299 => success(expected, answer),
        300..=399 => not_the_api(NotTheApi::Redirect),
        407 => not_the_api(NotTheApi::ProxyAuthentication),
        408 | 500..=599 => Verdict::Unreachable(Failure::ServerError(answer.status)),
        429 => Verdict::Throttled {
            retry_after: time::retry_after(answer),
        },
        400..=499 if answer.is_page() => unexpected_body(answer),
        401 => unauthorised(answer),
        403 => Verdict::Blocked(BlockReason::Forbidden(code_or_status(answer))),
        400..=499 => rejected(answer),
        _ => not_the_api(NotTheApi::UnexpectedBody),
    }
}

fn success(expected: ExpectedBody, answer: &Answer<'_>) -> Verdict {
    let verdict = match expected {
        ExpectedBody::Head | ExpectedBody::Gone | ExpectedBody::Done => {
            let page = answer.has_page_type() || answer.is_page();
            (!page).then_some(Verdict::Accepted)
        }
        ExpectedBody::TokenInfo => TokenInfo::read_report(answer.body).map(Verdict::Alive),
        ExpectedBody::Timeout => {
            IdleTokenTimeout::read(answer.body).map(|timeout| Verdict::Timeout(timeout.report()))
        }
    };
    verdict.unwrap_or_else(|| unexpected_body(answer))
}

fn unauthorised(answer: &Answer<'_>) -> Verdict {
    if answer.is_empty() {
        return Verdict::Refused(Refusal::Unread);
    }
    let Some(error) = ErrorBody::read(answer.body) else {
        return unexpected_body(answer);
    };
    match error.code() {
        Some("bad.credentials") => Verdict::Refused(Refusal::BadCredentials),
        Some("ip.not.authorized") => Verdict::Blocked(BlockReason::AddressNotAllowed),
        Some("authentication.required") => Verdict::Blocked(BlockReason::HeaderMissing),
        Some(_) | None => rejected(answer),
    }
}

fn rejected(answer: &Answer<'_>) -> Verdict {
    Verdict::Blocked(BlockReason::Rejected(answer.status, code_or_status(answer)))
}

/// Returns the verdict of an unreadable body, with its encoding if it has one.
fn unexpected_body(answer: &Answer<'_>) -> Verdict {
    let encoding = answer.encoding().map(NotTheApi::Encoded);
    not_the_api(encoding.unwrap_or(NotTheApi::UnexpectedBody))
}

fn not_the_api(sign: NotTheApi) -> Verdict {
    Verdict::Blocked(BlockReason::NotTheApi(sign))
}

fn code_or_status(answer: &Answer<'_>) -> Arc<str> {
    ErrorBody::read(answer.body)
        .and_then(|error| field::printable_ascii(error.code()?, CODE_LENGTH_MAX))
        .unwrap_or_else(|| answer.status.to_string().into())
}

#[cfg(test)]
mod tests;
