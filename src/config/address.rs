//! Addresses as meant: of an API and of a proxy; neither can show a password.

use std::fmt;
use std::sync::Arc;

/// The scheme, host and port of an API: `https://api.mypurecloud.de`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ApiBase(Arc<str>);

/// Why some text is no API base.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotAnApiBase {
    /// Not an absolute URL.
    #[error("is not an absolute URL such as https://api.mypurecloud.de")]
    NotAUrl,
    /// A scheme other than https, or http to a host other than this machine.
    #[error(
        "must begin with https:// (http:// is allowed to loopback only, since it shows the token to the network)"
    )]
    NotEncrypted,
    /// A user, a path, a query or a fragment.
    #[error("must be a scheme and a host alone, without user, path, query or fragment")]
    MoreThanAHost,
}

impl ApiBase {
    /// Takes the text for an API base.
    ///
    /// # Errors
    ///
    /// [`NotAnApiBase`] if it is no URL, is not encrypted, or has more than scheme, host and port.
    pub fn new(text: &str) -> Result<Self, NotAnApiBase> {
        let url = reqwest::Url::parse(text).map_err(|_| NotAnApiBase::NotAUrl)?;
        let host = url.host_str().ok_or(NotAnApiBase::NotAUrl)?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(host) => {}
            _ => return Err(NotAnApiBase::NotEncrypted),
        }
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !bare || !url.username().is_empty() || url.password().is_some() {
            return Err(NotAnApiBase::MoreThanAHost);
        }
        Ok(Self(url.origin().ascii_serialization().into()))
    }

    /// The base as text, without a slash at its end.
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

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// An absolute http or https URL of a proxy; its `Debug` and `Display` hide user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(reqwest::Url);

impl ProxyUrl {
    /// Takes the text for a proxy's URL; `None` if it is no absolute http or https URL.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let url = reqwest::Url::parse(text).ok()?;
        (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(Self(url))
    }

    /// The whole URL, for the HTTP client and nothing else.
    #[must_use]
    pub fn expose(&self) -> &reqwest::Url {
        &self.0
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.origin().ascii_serialization())
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
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
            ("http://localhost:8085", "http://localhost:8085"),
        ] {
            assert_eq!(
                ApiBase::new(text).map(|base| base.as_str().to_owned()),
                Ok(base.to_owned())
            );
        }
        assert_eq!(
            ApiBase::new("http://api.mypurecloud.de"),
            Err(NotAnApiBase::NotEncrypted)
        );
        assert_eq!(
            ApiBase::new("http://127.evil.example"),
            Err(NotAnApiBase::NotEncrypted)
        );
        assert_eq!(
            ApiBase::new("api.mypurecloud.de"),
            Err(NotAnApiBase::NotAUrl)
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

    #[test]
    fn a_proxys_password_is_not_shown() {
        let proxy = ProxyUrl::new("http://user:secret@proxy.example:3128").unwrap();
        assert_eq!(
            format!("{proxy} {proxy:?}"),
            "http://proxy.example:3128 http://proxy.example:3128"
        );
    }
}
