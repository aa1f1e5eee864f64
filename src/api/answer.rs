//! An answer as far as it is judged: borrowed, so that a simulated server can hand over millions of them.

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
    /// The body, which is ignored for HEAD.
    pub body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// An answer with a body and no header.
    #[must_use]
    pub fn new(status: u16, body: &'a [u8]) -> Self {
        Self {
            status,
            body,
            ..Self::default()
        }
    }

    /// Whether the content type is that of a page for people.
    pub(super) fn says_page(&self) -> bool {
        let begins = |content_type: &str, with: &str| {
            content_type
                .get(..with.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(with))
        };
        self.content_type.is_some_and(|content_type| {
            let content_type = content_type.trim_start();
            begins(content_type, "text/html") || begins(content_type, "application/xhtml")
        })
    }

    /// Whether nothing but white space is in the body.
    pub(super) fn is_empty(&self) -> bool {
        self.body.trim_ascii().is_empty()
    }

    /// Whether there is a body and it is a page for people.
    pub(super) fn is_page(&self) -> bool {
        !self.is_empty() && (self.says_page() || self.body.trim_ascii_start().starts_with(b"<"))
    }
}
