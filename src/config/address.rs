//! The address of an API: encrypted, or on this machine.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use url::{Host, Url};

/// The scheme, host and port of an API: `https://api.mypurecloud.de`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ApiBase(Arc<str>);

/// The reason for which a text is not an API base.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotAnApiBase {
    /// Not an absolute URL.
    #[error("is not an absolute URL such as https://api.mypurecloud.de")]
    NotAUrl,
    /// A host in letters other than ASCII.
    #[error("must write its host in ASCII: xn--… for a name with other letters")]
    NotAscii,
    /// A scheme other than https, or http to a host other than this machine.
    #[error(
        "must begin with https:// (http:// is allowed to 127.0.0.1 and [::1] only, since it shows the token to the network)"
    )]
    NotEncrypted,
    /// Plain http to this machine by name, which the name service may resolve to another machine.
    #[error("must name this machine by its address: http://127.0.0.1 or http://[::1]")]
    LoopbackByName,
    /// A user, a path, a query or a fragment.
    #[error("must be a scheme and a host alone, without user, path, query or fragment")]
    MoreThanAHost,
}

impl ApiBase {
    /// Creates an API base from the text.
    ///
    /// # Errors
    ///
    /// [`NotAnApiBase`] if it is not a URL, is not encrypted, or has more than scheme, host and
    /// port.
    pub fn new(text: &str) -> Result<Self, NotAnApiBase> {
        if !text.is_ascii() {
            return Err(NotAnApiBase::NotAscii);
        }
        let url = Url::parse(text).map_err(|_| NotAnApiBase::NotAUrl)?;
        let host = url.host().ok_or(NotAnApiBase::NotAUrl)?;
        match (url.scheme(), host) {
            ("https", _)
            | ("http", Host::Ipv4(Ipv4Addr::LOCALHOST) | Host::Ipv6(Ipv6Addr::LOCALHOST)) => {}
            ("http", Host::Domain("localhost")) => return Err(NotAnApiBase::LoopbackByName),
            _ => return Err(NotAnApiBase::NotEncrypted),
        }
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !bare || !url.username().is_empty() || url.password().is_some() {
            return Err(NotAnApiBase::MoreThanAHost);
        }
        Ok(Self(url.origin().ascii_serialization().into()))
    }

    /// Returns the base as text, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApiBase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_base_is_encrypted_or_on_this_machine() {
        for (text, base) in [
            ("https://api.mypurecloud.de", "https://api.mypurecloud.de"),
            (
                "https://API.mypurecloud.de:443/",
                "https://api.mypurecloud.de",
            ),
            ("http://127.0.0.1:8085", "http://127.0.0.1:8085"),
            ("http://[::1]:8085", "http://[::1]:8085"),
            (
                "https://api.xn--mnchen-3ya.example",
                "https://api.xn--mnchen-3ya.example",
            ),
        ] {
            assert_eq!(
                ApiBase::new(text).map(|base| base.as_str().to_owned()),
                Ok(base.to_owned())
            );
        }
        for text in [
            "http://api.mypurecloud.de",
            "http://127.evil.example",
            "http://127.0.0.2",
            "http://[::ffff:127.0.0.1]",
            "http://localhost.evil.example",
            "ftp://127.0.0.1",
        ] {
            assert_eq!(
                ApiBase::new(text),
                Err(NotAnApiBase::NotEncrypted),
                "{text}"
            );
        }
        // The name service and /etc/hosts can resolve a name to any machine.
        for text in ["http://localhost:8085", "http://LOCALHOST"] {
            assert_eq!(ApiBase::new(text), Err(NotAnApiBase::LoopbackByName));
        }
        assert_eq!(
            ApiBase::new("api.mypurecloud.de"),
            Err(NotAnApiBase::NotAUrl)
        );
        assert_eq!(
            ApiBase::new("https://api.münchen.example"),
            Err(NotAnApiBase::NotAscii)
        );
        assert_eq!(
            ApiBase::new("https://a.example/api/v2"),
            Err(NotAnApiBase::MoreThanAHost)
        );
        assert_eq!(
            ApiBase::new("https://u:p@a.example"),
            Err(NotAnApiBase::MoreThanAHost)
        );
    }
}
