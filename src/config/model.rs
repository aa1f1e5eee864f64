//! The checked configuration: every value is valid, every default is filled in.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::address::ApiBase;
use super::framing::FrameAncestors;
use super::hooks::{HookConfig, HookName};
use super::proxy::{ProxyUrl, ProxyVariables};
use super::shard::Shard;
use super::signal::RotationSignal;
use crate::keeper::{OnShutdown, Policy};
use crate::token::{SESSION_PLACEHOLDER, Sink, Source};

/// The configuration of the daemon. A `Config` that exists is valid.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// The sessions, by name.
    pub sessions: BTreeMap<SessionName, SessionConfig>,
    /// The pools, by name. A pool's name has the form of a session's name.
    pub pools: BTreeMap<SessionName, PoolConfig>,
    /// The part of the sessions that this daemon manages; `None` if it manages all.
    pub shard: Option<Shard>,
    /// The interval at which an organisation's idle timeout is read again.
    pub timeout_refresh: Duration,
    /// The longest time from the start of the daemon until it reports itself ready to the service
    /// manager, even if some tokens are still missing.
    pub ready_after: Duration,
    /// The settings of the HTTP client.
    pub http: HttpConfig,
    /// The settings of the daemon's stop.
    pub shutdown: ShutdownConfig,
    /// The settings of the log.
    pub log: LogConfig,
    /// The listeners that answer queries about the sessions.
    pub status: StatusConfig,
    /// The settings of the metrics.
    pub metrics: MetricsConfig,
    /// The programs that run after events of a session, by name.
    pub hooks: BTreeMap<HookName, HookConfig>,
}

/// The configuration of one session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionConfig {
    /// The source of the token.
    pub token: Source,
    /// The API that the token belongs to.
    pub api: ApiBase,
    /// The treatment of the token by the keeper.
    pub policy: Arc<Policy>,
    /// The files that hold the token for applications.
    pub sinks: Vec<Sink>,
    /// The processes that get a signal when another token is in the sinks.
    pub signals: Vec<RotationSignal>,
}

/// A directory each of whose files is a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PoolConfig {
    token_dir: PathBuf,
    on_removal: OnShutdown,
    /// The configuration of each session; its source is the directory.
    template: SessionConfig,
}

impl Config {
    /// Returns true if this daemon manages the session of this name, or the pool's file.
    #[must_use]
    pub fn owns(&self, session: &SessionName) -> bool {
        self.shard.is_none_or(|shard| shard.owns(session))
    }

    /// Adds sinks to every session.
    ///
    /// # Errors
    ///
    /// A sink that is not a file of its own for each session, in words.
    pub(crate) fn add_sinks(&mut self, sinks: &[Sink]) -> Result<(), String> {
        let count = self.sessions.len();
        let is_shared = count > 1 || !self.pools.is_empty();
        for sink in sinks {
            let file = sink.file.display();
            if is_shared && !file.to_string().contains(SESSION_PLACEHOLDER) {
                return Err(format!(
                    "--sink {file} has no {{name}}, and there is more than one session"
                ));
            }
            let mut sources = self.sessions.iter().filter_map(|(name, session)| {
                let sink = sink.of_session(name.as_str());
                let is_same =
                    |path: &Path| std::path::absolute(path).is_ok_and(|path| path == sink.file);
                let mut files = session
                    .token
                    .secret_file()
                    .into_iter()
                    .chain(session.sinks.iter().map(|sink| &*sink.file));
                files.any(is_same).then_some(name)
            });
            if let Some(name) = sources.next() {
                return Err(format!(
                    "--sink {file} is the token file or a sink of session {name} already"
                ));
            }
        }
        for (name, session) in &mut self.sessions {
            session.sinks.extend(sinks_of(sinks, name.as_str()));
        }
        for pool in self.pools.values_mut() {
            pool.template.sinks.extend(sinks.iter().cloned());
        }
        Ok(())
    }

    /// Makes every session leave its token when the daemon stops or the session is removed.
    pub fn leave_every_token(&mut self) {
        let pools = self.pools.values_mut().map(|pool| {
            pool.on_removal = OnShutdown::Leave;
            &mut pool.template
        });
        for session in self.sessions.values_mut().chain(pools) {
            Arc::make_mut(&mut session.policy).on_shutdown = OnShutdown::Leave;
        }
    }
}

impl PoolConfig {
    /// Creates a pool of the directory in the template's source; returns `None` if the source is
    /// not a file source.
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

    /// Returns the directory: an absolute path.
    #[must_use]
    pub fn token_dir(&self) -> &Path {
        &self.token_dir
    }

    /// Returns the treatment of a token whose file was removed.
    #[must_use]
    pub fn on_removal(&self) -> OnShutdown {
        self.on_removal
    }

    /// Returns the configuration of the session of a file.
    #[must_use]
    pub fn session(&self, file: &str) -> SessionConfig {
        SessionConfig {
            token: Source::File(self.token_dir.join(file)),
            sinks: sinks_of(&self.template.sinks, file),
            signals: signals_of(&self.template.signals, file),
            ..self.template.clone()
        }
    }

    /// Returns the configuration of every session; its source is the directory.
    pub(crate) fn template(&self) -> &SessionConfig {
        &self.template
    }
}

/// Returns the signals for the session of this name.
pub(super) fn signals_of(signals: &[RotationSignal], session: &str) -> Vec<RotationSignal> {
    let signals = signals.iter().map(|signal| signal.of_session(session));
    signals.collect()
}

/// Returns the sinks for the session of this name.
pub(super) fn sinks_of(sinks: &[Sink], session: &str) -> Vec<Sink> {
    let sinks = sinks.iter().map(|sink| sink.of_session(session));
    sinks.collect()
}

/// The settings of the HTTP client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpConfig {
    /// The time limit of each step of making a connection: resolving the name, an attempt to
    /// connect to one address, and the handshakes with proxy and server.
    pub connect_timeout: Duration,
    /// The time limit of a whole request.
    pub request_timeout: Duration,
    /// The largest number of requests in flight at once at one API host.
    pub in_flight_max: NonZeroU32,
    /// The proxy that requests go through.
    pub proxy: Proxy,
    /// The certificate authorities that are trusted.
    pub trust: Trust,
}

/// The proxy that requests go through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Proxy {
    /// The proxy that `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` select.
    Environment(ProxyVariables),
    /// No proxy, even if the environment names one.
    Direct,
    /// This proxy: an absolute http or https URL. It may hold a password, which is never shown.
    Url(ProxyUrl),
}

impl Default for Proxy {
    fn default() -> Self {
        Self::Environment(ProxyVariables::default())
    }
}

/// The certificate authorities that are trusted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trust {
    /// True if only the roots that come with the program are trusted, even if the system has some.
    pub bundled_only: bool,
    /// Further certificate authorities: the path of a PEM file.
    pub ca_file: Option<PathBuf>,
}

/// The settings of the daemon's stop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShutdownConfig {
    /// The time limit of all revocations and running hooks together.
    pub grace: Duration,
}

/// The settings of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LogConfig {
    /// The least severe level that is logged.
    pub level: LogLevel,
    /// The form of a line.
    pub format: LogFormat,
}

/// The listeners that answer queries about the sessions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatusConfig {
    /// The address of the TCP listener; `None` disables it.
    pub listen: Option<SocketAddr>,
    /// The Unix socket.
    pub socket: StatusSocket,
    /// The origins whose pages may frame the web page.
    pub frame_ancestors: FrameAncestors,
}

/// The place of the Unix socket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StatusSocket {
    /// In the runtime directory, if there is one.
    Auto,
    /// No socket.
    Off,
    /// At this absolute path.
    At(PathBuf),
}

/// The settings of the metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MetricsConfig {
    /// The largest number of sessions with metrics of their own. With more, only aggregate metrics
    /// are exposed.
    pub per_session_max: usize,
}

/// The least severe level that is logged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum LogLevel {
    /// The daemon stops.
    Error,
    /// A person should act.
    Warn,
    /// A state changed.
    #[default]
    Info,
    /// A request was sent or answered.
    Debug,
    /// All details.
    Trace,
}

impl LogLevel {
    /// All levels, from the fewest to the most lines.
    pub const ALL: [Self; 5] = [
        Self::Error,
        Self::Warn,
        Self::Info,
        Self::Debug,
        Self::Trace,
    ];

    /// Returns the word for configuration and logs.
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

/// The form and the destination of the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum LogFormat {
    /// The journal if standard error leads there; otherwise plain, with colour on a terminal.
    #[default]
    Auto,
    /// For people, without colour.
    Plain,
    /// For machines: one JSON object a line.
    Json,
    /// To the journal, with fields; lines that the journal does not accept go to standard error.
    Journald,
}

impl LogFormat {
    /// All formats.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Plain, Self::Json, Self::Journald];

    /// Returns the word for configuration.
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

/// The error for a text that is not a session name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "a session name is 1 to 64 of a-z, 0-9, '.', '_' and '-', and starts with a letter or digit"
)]
pub struct NotASessionName;

impl SessionName {
    /// Creates a name from the text.
    ///
    /// # Errors
    ///
    /// [`NotASessionName`] if it is not of that form.
    pub fn new(text: &str) -> Result<Self, NotASessionName> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let starts_validly = text.bytes().next().is_some_and(plain);
        let continues_validly = text
            .bytes()
            .all(|byte| plain(byte) || b"._-".contains(&byte));
        if starts_validly && continues_validly && text.len() <= 64 {
            Ok(Self(text.into()))
        } else {
            Err(NotASessionName)
        }
    }

    /// Returns the name as text.
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
