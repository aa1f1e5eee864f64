//! The configuration as meant: every value checked, every default filled in.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::keeper::{Intent, Margin, OnShutdown, Touch};
use crate::token::Source;

/// What the daemon is to do. A `Config` that exists is valid.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// The sessions, by name.
    pub sessions: BTreeMap<SessionName, SessionConfig>,
    /// How often an organisation's idle timeout is read again.
    pub timeout_refresh: Duration,
    /// How requests are made.
    pub http: HttpConfig,
    /// How the daemon stops.
    pub shutdown: ShutdownConfig,
    /// What is logged, and how.
    pub log: LogConfig,
}

/// One token under care.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionConfig {
    /// Where the token is.
    pub token: Source,
    /// The API that the token belongs to.
    pub api: ApiBase,
    /// Keep it alive or let it lapse.
    pub intent: Intent,
    /// How long before the idle deadline we act.
    pub margin: Margin,
    /// The idle timeout, if the operator knows better than the server says.
    pub idle_timeout: Option<Duration>,
    /// The request that resets the idle timer.
    pub touch: Touch,
    /// A proof of reset is asked for again after this many touches.
    pub verify_every: NonZeroU32,
    /// What becomes of the token when the daemon stops.
    pub on_shutdown: OnShutdown,
}

/// How requests are made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpConfig {
    /// How long a connection may take to be made, TLS included.
    pub connect_timeout: Duration,
    /// How long a whole request may take.
    pub request_timeout: Duration,
    /// How many requests may be in flight at once, over all sessions.
    pub in_flight_max: NonZeroU32,
    /// Which proxy.
    pub proxy: Proxy,
    /// Whose certificates are trusted.
    pub trust: Trust,
}

/// Which proxy requests go through.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Proxy {
    /// What `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    #[default]
    Environment,
    /// None, whatever the environment says.
    Direct,
    /// This one: an absolute http or https URL. May hold a password: never shown.
    Url(ProxyUrl),
}

/// Whose certificates are trusted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trust {
    /// The roots that come with the program, even where the system has some.
    pub bundled_only: bool,
    /// Further certificate authorities: a PEM file.
    pub ca_file: Option<PathBuf>,
}

/// How the daemon stops.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShutdownConfig {
    /// How long revocations may take altogether.
    pub grace: Duration,
}

/// What is logged, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LogConfig {
    /// The least level that is logged.
    pub level: LogLevel,
    /// The form of a line.
    pub format: LogFormat,
}

/// The least level that is logged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum LogLevel {
    /// We stop.
    Error,
    /// A person should look.
    Warn,
    /// A state changed.
    #[default]
    Info,
    /// Each request.
    Debug,
    /// Everything.
    Trace,
}

/// The form of a log line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum LogFormat {
    /// Plain, with colour on a terminal.
    #[default]
    Auto,
    /// For people, without colour.
    Plain,
    /// For machines: one JSON object a line.
    Json,
}

/// A session's name: `[a-z0-9][a-z0-9._-]{0,63}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionName(Arc<str>);

/// Why some text is no session name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "a session name is 1 to 64 of a-z, 0-9, '.', '_' and '-', and starts with a letter or digit"
)]
pub struct NotASessionName;

impl SessionName {
    /// Takes the text for a name.
    ///
    /// # Errors
    ///
    /// [`NotASessionName`] if it is not of that form.
    pub fn new(text: &str) -> Result<Self, NotASessionName> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let starts_well = text.bytes().next().is_some_and(plain);
        let goes_on_well = text
            .bytes()
            .all(|byte| plain(byte) || b"._-".contains(&byte));
        if starts_well && goes_on_well && text.len() <= 64 {
            Ok(Self(text.into()))
        } else {
            Err(NotASessionName)
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl fmt::Debug for SessionName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

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
    fn names_are_of_one_form() {
        for good in ["a", "0", "wall-board_1.x", &"a".repeat(64)] {
            assert!(SessionName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", ".a", "A", "a b", "ä", &"a".repeat(65)] {
            assert_eq!(SessionName::new(bad), Err(NotASessionName), "{bad}");
        }
    }

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
