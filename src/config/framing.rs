//! The origins whose pages may frame the web page: sources of a content security policy.

use std::fmt;

use url::{Host, Url};

/// The maximum number of origins.
const ORIGINS_MAX: usize = 16;

/// The maximum length of a domain name in its textual form, in bytes.
const HOST_LENGTH_MAX: usize = 253;

/// The keyword for the origin of the page itself, as in a content security policy.
const SAME_ORIGIN: &str = "'self'";

/// The origins whose pages may frame the web page; none by default.
///
/// *Invariant*: every source consists of characters that end neither a source, nor a directive, nor
/// a header.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FrameAncestors(Vec<Box<str>>);

/// The reason for which texts are not the origins of pages.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotFrameAncestors {
    /// Not an origin that a browser can compare.
    #[error("{} {reason}", super::redact::quoted(.text))]
    Source {
        /// The text.
        text: String,
        /// The reason.
        reason: NotAnOrigin,
    },
    /// More origins than the limit.
    #[error("names more than {ORIGINS_MAX} origins")]
    TooMany,
}

/// The reason for which a text is not the origin of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotAnOrigin {
    /// Not a URL with the scheme http or https and a host.
    #[error("is not an origin such as https://signage.example")]
    NotAUrl,
    /// A host in letters other than ASCII.
    #[error("must write its host in ASCII: xn--… for a name with other letters")]
    NotAscii,
    /// The keyword without its quotes.
    #[error("must be written \"'self'\", with single quotes inside the double ones")]
    Unquoted,
    /// The keyword for no origin.
    #[error("is no origin: without frame_ancestors, nothing may frame the page")]
    None,
    /// A wildcard.
    #[error("holds a wildcard: each origin must be named")]
    Wildcard,
    /// A user, a path, a query or a fragment.
    #[error("must be a scheme, a host and a port alone, without user, path, query or fragment")]
    MoreThanAnOrigin,
    /// An IPv6 address.
    #[error("names an IPv6 address, which browsers do not compare: use a name or an IPv4 address")]
    Ipv6,
}

impl FrameAncestors {
    /// Creates the list from its texts.
    ///
    /// # Errors
    ///
    /// [`NotFrameAncestors`] if a text is neither an origin nor `'self'`, or if there are more
    /// than 16.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, NotFrameAncestors> {
        let mut sources = Vec::new();
        for text in texts {
            let source = source(text).map_err(|reason| NotFrameAncestors::Source {
                text: text.to_owned(),
                reason,
            })?;
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        if sources.len() > ORIGINS_MAX {
            return Err(NotFrameAncestors::TooMany);
        }
        Ok(Self(sources))
    }

    /// Returns true if no page may frame the web page.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for FrameAncestors {
    /// Writes the sources as in a content security policy.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join(" "))
    }
}

/// Returns the source of a content security policy.
fn source(text: &str) -> Result<Box<str>, NotAnOrigin> {
    match text {
        SAME_ORIGIN => return Ok(SAME_ORIGIN.into()),
        "self" => return Err(NotAnOrigin::Unquoted),
        "'none'" | "none" => return Err(NotAnOrigin::None),
        _ if text.contains('*') => return Err(NotAnOrigin::Wildcard),
        _ => {}
    }
    if !text.is_ascii() {
        return Err(NotAnOrigin::NotAscii);
    }
    let url = Url::parse(text).map_err(|_| NotAnOrigin::NotAUrl)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(NotAnOrigin::NotAUrl);
    }
    match url.host() {
        Some(Host::Domain(host)) if is_plain(host) => {}
        Some(Host::Ipv4(_)) => {}
        Some(Host::Ipv6(_)) => return Err(NotAnOrigin::Ipv6),
        Some(Host::Domain(_)) | None => return Err(NotAnOrigin::NotAUrl),
    }
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !bare || !url.username().is_empty() || url.password().is_some() {
        return Err(NotAnOrigin::MoreThanAnOrigin);
    }
    Ok(url.origin().ascii_serialization().into())
}

/// Returns true for a domain name that a content security policy can hold. URLs allow further
/// characters in hosts, among them `;` and `,`, which end a directive and a policy.
fn is_plain(host: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    host.len() <= HOST_LENGTH_MAX && host.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<String, NotAnOrigin> {
        match FrameAncestors::new([text]) {
            Ok(origins) => Ok(origins.to_string()),
            Err(NotFrameAncestors::Source { reason, .. }) => Err(reason),
            Err(NotFrameAncestors::TooMany) => unreachable!("one is not too many"),
        }
    }

    #[test]
    fn origins_are_written_as_browsers_compare_them() {
        for (text, source) in [
            ("'self'", "'self'"),
            ("https://signage.example", "https://signage.example"),
            ("HTTPS://Signage.Example:443/", "https://signage.example"),
            ("http://10.0.0.7:8080", "http://10.0.0.7:8080"),
            ("http://player_1", "http://player_1"),
            ("https://xn--bro-hoa.example", "https://xn--bro-hoa.example"),
        ] {
            assert_eq!(one(text).as_deref(), Ok(source), "{text}");
        }
        let twice = FrameAncestors::new(["https://a", "'self'", "https://A/"]).unwrap();
        assert_eq!(twice.to_string(), "https://a 'self'");
    }

    #[test]
    fn nothing_but_origins_gets_into_a_header() {
        for text in [
            "",
            "signage.example",
            "https:",
            "file:///srv/player.html",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://a;script-src",
            "https://a,b",
            "https://a b",
            "https://a\r\nset-cookie: x",
            "https://a'unsafe-inline'",
            "'unsafe-inline'",
            "https://a https://b",
        ] {
            assert_eq!(one(text), Err(NotAnOrigin::NotAUrl), "{text:?}");
        }
        for text in ["*", "https:*", "https://*.example", "https://a:*"] {
            assert_eq!(one(text), Err(NotAnOrigin::Wildcard), "{text}");
        }
        for text in [
            "https://a/player",
            "https://a?x",
            "https://a#x",
            "https://u:p@a",
        ] {
            assert_eq!(one(text), Err(NotAnOrigin::MoreThanAnOrigin), "{text}");
        }
        assert_eq!(one("https://b\u{fc}ro.example"), Err(NotAnOrigin::NotAscii));
        assert_eq!(one("self"), Err(NotAnOrigin::Unquoted));
        assert_eq!(one("'none'"), Err(NotAnOrigin::None));
        assert_eq!(one("http://[::1]:80"), Err(NotAnOrigin::Ipv6));
        let long = format!("https://{}", "a.".repeat(128));
        assert_eq!(one(&long), Err(NotAnOrigin::NotAUrl));
    }

    #[test]
    fn the_number_of_origins_is_limited() {
        let many: Vec<_> = (0..17).map(|port| format!("https://a:{port}")).collect();
        let texts = || many.iter().map(String::as_str);
        assert!(FrameAncestors::new(texts().take(16)).is_ok());
        assert_eq!(
            FrameAncestors::new(texts()),
            Err(NotFrameAncestors::TooMany)
        );
    }
}
