//! The parts of an answer that are evaluated: borrowed, since the simulated server creates
//! millions of them.

use std::sync::Arc;

use super::field;

const ENCODING_LENGTH_MAX: usize = 32;

/// The parts of an HTTP answer that a verdict depends on.
///
/// A header that is absent, or is not text, is `None`.
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
    pub(super) fn has_page_type(&self) -> bool {
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
    pub(super) fn encoding(&self) -> Option<Arc<str>> {
        let encoding = field::printable_ascii(self.content_encoding?, ENCODING_LENGTH_MAX)?;
        let is_plain = encoding.eq_ignore_ascii_case("identity");
        (!is_plain && !self.body.is_empty()).then_some(encoding)
    }

    /// Returns true if a cache stored the answer for a second or longer.
    ///
    /// Some caches write `Age: 0` to an answer that they have just fetched.
    pub(super) fn is_cached(&self) -> bool {
        self.age.is_some_and(|age| {
            let age = age.trim();
            age.bytes().all(|byte| byte.is_ascii_digit()) && age.bytes().any(|byte| byte != b'0')
        })
    }

    /// Returns true if the body contains only white space.
    pub(super) fn is_empty(&self) -> bool {
        self.body.trim_ascii().is_empty()
    }

    /// Returns true if there is a body and it is a web page.
    pub(super) fn is_page(&self) -> bool {
        !self.is_empty() && (self.has_page_type() || self.body.trim_ascii_start().starts_with(b"<"))
    }
}
