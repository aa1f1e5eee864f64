//! The configuration as meant: every value checked, every default filled in.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::address::{ApiBase, ProxyUrl};
use super::hooks::{HookConfig, HookName};
use crate::keeper::{Intent, Margin, OnShutdown, Touch};
use crate::token::Source;

/// What the daemon is to do. A `Config` that exists is valid.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// The sessions, by name.
    pub sessions: BTreeMap<SessionName, SessionConfig>,
    /// The pools, by name, which is of the same form as a session's.
    pub pools: BTreeMap<SessionName, PoolConfig>,
    /// How often an organisation's idle timeout is read again.
    pub timeout_refresh: Duration,
    /// How long after its start a service manager is told at the latest that the daemon is
    /// ready, whatever is still missing.
    pub ready_after: Duration,
    /// How requests are made.
    pub http: HttpConfig,
    /// How the daemon stops.
    pub shutdown: ShutdownConfig,
    /// What is logged, and how.
    pub log: LogConfig,
    /// Where observers may ask how the sessions do.
    pub status: StatusConfig,
    /// What is counted.
    pub metrics: MetricsConfig,
    /// What is run when something happens to a session, by name.
    pub hooks: BTreeMap<HookName, HookConfig>,
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

/// A directory each of whose files is a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PoolConfig {
    token_dir: PathBuf,
    on_removal: OnShutdown,
    /// What each session gets; its source is the directory.
    template: SessionConfig,
}

impl PoolConfig {
    /// A pool of the directory that is the template's source; `None` if that is none.
    pub(super) fn new(template: SessionConfig, on_removal: OnShutdown) -> Option<Self> {
        let Source::File(token_dir) = template.token.clone() else {
            return None;
        };
        Some(Self {
            token_dir,
            on_removal,
            template,
        })
    }

    /// The directory: an absolute path.
    #[must_use]
    pub fn token_dir(&self) -> &Path {
        &self.token_dir
    }

    /// What becomes of a token whose file was removed.
    #[must_use]
    pub fn on_removal(&self) -> OnShutdown {
        self.on_removal
    }

    /// What the session of a file is to get.
    #[must_use]
    pub fn session(&self, file: &str) -> SessionConfig {
        SessionConfig {
            token: Source::File(self.token_dir.join(file)),
            ..self.template.clone()
        }
    }

    /// What every session is to get; the token's place is the directory.
    pub(super) fn template(&self) -> &SessionConfig {
        &self.template
    }
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

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(15),
            in_flight_max: NonZeroU32::new(64).expect("sixty-four is not zero"),
            proxy: Proxy::default(),
            trust: Trust::default(),
        }
    }
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
    /// How long revocations, and hooks that still run, may take altogether.
    pub grace: Duration,
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(10),
        }
    }
}

/// What is logged, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LogConfig {
    /// The least level that is logged.
    pub level: LogLevel,
    /// The form of a line.
    pub format: LogFormat,
}

/// Where observers may ask how the sessions do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StatusConfig {
    /// The TCP listener; `None` if there is to be none.
    pub listen: Option<SocketAddr>,
    /// The Unix socket.
    pub socket: StatusSocket,
}

/// Where the Unix socket is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum StatusSocket {
    /// In the runtime directory, if there is one.
    #[default]
    Auto,
    /// There is none.
    Off,
    /// Here: an absolute path.
    At(PathBuf),
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MetricsConfig {
    /// With more sessions than this there are no metrics of each, but sums of all.
    pub per_session_max: usize,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self {
            per_session_max: 1000,
        }
    }
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

impl LogLevel {
    /// Every level, from the least to the most that is logged.
    pub const ALL: [Self; 5] = [
        Self::Error,
        Self::Warn,
        Self::Info,
        Self::Debug,
        Self::Trace,
    ];

    /// The word for configuration and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// The form of the log, and where it goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum LogFormat {
    /// The journal if standard error leads there; otherwise plain, with colour on a terminal.
    #[default]
    Auto,
    /// For people, without colour.
    Plain,
    /// For machines: one JSON object a line.
    Json,
    /// Into the journal, with fields; standard error only takes what the journal does not.
    Journald,
}

impl LogFormat {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Plain, Self::Json, Self::Journald];

    /// The word for configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Plain => "plain",
            Self::Json => "json",
            Self::Journald => "journald",
        }
    }
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
}
