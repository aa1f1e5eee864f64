//! Says what a configuration means and where each value came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::hooks::{HookConfig, HookName, Occasion, SessionPattern};
use super::key::KeyPath;
use super::load::Loaded;
use super::meant::{Config, PoolConfig, Proxy, SessionConfig, SessionName, StatusSocket};
use super::raw::{LayerKind, Place, Raw};
use super::reader::in_words;
use crate::keeper::{Intent, Margin};

/// Where a value came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// Nobody said anything, and the default depends on the intent.
    DefaultFor(Intent),
    /// A line of the file.
    File {
        /// The file's name without its folder.
        name: String,
        /// The line, counted from 1.
        line: usize,
    },
    /// A variable of this name.
    Variable(String),
    /// A flag of this name.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::DefaultFor(intent) => write!(formatter, "default for {}", intent.as_str()),
            Self::File { name, line } => write!(formatter, "line {line} of {name}"),
            Self::Variable(name) | Self::Flag(name) => formatter.write_str(name),
        }
    }
}

/// The origin of every value that somebody wrote.
#[derive(Clone, Debug)]
pub(super) struct Origins(BTreeMap<KeyPath, (LayerKind, Origin)>);

impl Origins {
    /// Collects them; `text` is the file's.
    pub(super) fn new(raw: &Raw, file: Option<&Path>, text: &str) -> Self {
        let name = file.and_then(Path::file_name).unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        let line_ends: Vec<_> = text.match_indices('\n').map(|(at, _)| at).collect();
        let origin = |place: &Place| match place.layer {
            LayerKind::File => Origin::File {
                name: name.clone(),
                line: line_ends.partition_point(|end| *end < place.value.start) + 1,
            },
            LayerKind::Environment => Origin::Variable(place.name().to_owned()),
            LayerKind::Flags => Origin::Flag(place.name().to_owned()),
        };
        let places = raw.places().into_iter();
        Self(
            places
                .map(|(path, place)| (path, (place.layer, origin(&place))))
                .collect(),
        )
    }

    /// The origin of the first of these keys that somebody wrote.
    fn of(&self, keys: &[&[&str]]) -> Origin {
        keys.iter()
            .find_map(|keys| self.0.get(&KeyPath::of(keys.iter().copied())))
            .map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    /// The origin of the one of these keys that has the last word.
    fn of_last_word(&self, keys: &[&[&str]]) -> Origin {
        keys.iter()
            .filter_map(|keys| self.0.get(&KeyPath::of(keys.iter().copied())))
            .max_by_key(|(layer, _)| *layer)
            .map_or(Origin::Default, |(_, origin)| origin.clone())
    }
}

/// Values wider than this push their origin to the right.
const VALUE_WIDTH_MAX: usize = 40;

/// One line: what, its value in words, and where that came from.
struct Row {
    what: &'static str,
    value: String,
    origin: Origin,
}

impl Row {
    fn new(what: &'static str, value: impl Into<String>, origin: Origin) -> Self {
        Self {
            what,
            value: value.into(),
            origin,
        }
    }
}

impl Loaded {
    /// Where the value of a key came from: `["sessions", "wallboard", "intent"]`.
    ///
    /// The key itself is looked at, not the one in `[defaults]` that stands in for it.
    #[must_use]
    pub fn origin(&self, keys: &[&str]) -> Origin {
        self.origins.of(&[keys])
    }

    /// Says what the configuration means: each session, then what is common to all.
    ///
    /// Fits 80 columns as long as names and paths are short.
    #[must_use]
    pub fn describe(&self) -> String {
        let sessions = self.config.sessions.iter();
        let hooks = self.config.hooks.iter();
        let sessions = sessions
            .map(|(name, session)| (format!("session {name}"), self.session(name, session)));
        let pools = self.config.pools.iter();
        let pools = pools.map(|(name, pool)| (format!("pool {name}"), self.pool(name, pool)));
        let blocks: Vec<_> = sessions
            .chain(pools)
            .chain([
                ("http".to_owned(), self.http()),
                ("daemon".to_owned(), self.daemon()),
            ])
            .chain(hooks.map(|(name, hook)| (format!("hook {name}"), self.hook(name, hook))))
            .collect();
        let rows = blocks.iter().flat_map(|(_, rows)| rows);
        let width = rows
            .map(|row| row.value.chars().count())
            .filter(|width| *width <= VALUE_WIDTH_MAX)
            .max()
            .unwrap_or_default();
        let texts: Vec<_> = blocks
            .iter()
            .map(|(title, rows)| {
                let rows = rows.iter().map(
                    |Row {
                         what,
                         value,
                         origin,
                     }| {
                        format!("  {what:<15}  {value:<width$}  {origin}\n")
                    },
                );
                format!("{title}\n{}", rows.collect::<String>())
            })
            .collect();
        texts.join("\n")
    }

    fn session(&self, name: &SessionName, session: &SessionConfig) -> Vec<Row> {
        let name = name.as_str();
        let token = ["file", "env", "credential", "command"];
        let token = token.map(|key| ["sessions", name, "token", key]);
        let of_token = self
            .origins
            .of_last_word(&token.each_ref().map(|keys| &keys[..]));
        let token = Row::new("token", session.token.to_string(), of_token);
        let mut rows = vec![token];
        rows.extend(self.care(["sessions", name], session));
        rows
    }

    fn pool(&self, name: &SessionName, pool: &PoolConfig) -> Vec<Row> {
        let name = name.as_str();
        let of = |key| self.origins.of(&[&["pools", name, key]]);
        let directory = pool.token_dir().display();
        let directory = Row::new("tokens", format!("files in {directory}"), of("token_dir"));
        let mut rows = vec![directory];
        rows.extend(self.care(["pools", name], pool.template()));
        let on_removal = pool.on_removal().as_str();
        rows.push(Row::new("on removal", on_removal, of("on_removal")));
        rows
    }

    /// What is said of a session or of each session of a pool, whose table this is.
    fn care(&self, [kind, name]: [&str; 2], session: &SessionConfig) -> [Row; 7] {
        let own = |key| self.origins.of(&[&[kind, name, key], &["defaults", key]]);
        let on_shutdown = Some(own("on_shutdown")).filter(|origin| *origin != Origin::Default);
        let on_shutdown = on_shutdown.unwrap_or(Origin::DefaultFor(session.intent));
        [
            Row::new("api", session.api.as_str(), self.of_api([kind, name])),
            Row::new("intent", session.intent.as_str(), own("intent")),
            Row::new("margin", margin(session.margin), own("margin")),
            Row::new(
                "idle timeout",
                session
                    .idle_timeout
                    .map_or_else(|| "as the server says".to_owned(), in_words),
                own("idle_timeout"),
            ),
            Row::new("touch", session.touch.as_str(), own("touch")),
            Row::new(
                "verify every",
                match session.verify_every.get() {
                    1 => "each touch".to_owned(),
                    touches => format!("{touches} touches"),
                },
                own("verify_every"),
            ),
            Row::new("on shutdown", session.on_shutdown.as_str(), on_shutdown),
        ]
    }

    fn of_api(&self, [kind, name]: [&str; 2]) -> Origin {
        let own: [&[&str]; 2] = [&[kind, name, "region"], &[kind, name, "api"]];
        let common: [&[&str]; 4] = [
            &["region"],
            &["api"],
            &["defaults", "region"],
            &["defaults", "api"],
        ];
        let own = Some(self.origins.of_last_word(&own));
        own.filter(|origin| *origin != Origin::Default)
            .unwrap_or_else(|| self.origins.of_last_word(&common))
    }

    fn http(&self) -> Vec<Row> {
        let http = &self.config.http;
        let of = |key| self.origins.of(&[&["http", key]]);
        let roots = if http.trust.bundled_only {
            "bundled"
        } else {
            "system"
        };
        let ca_file = http.trust.ca_file.as_ref();
        vec![
            Row::new(
                "connect timeout",
                in_words(http.connect_timeout),
                of("connect_timeout"),
            ),
            Row::new(
                "request timeout",
                in_words(http.request_timeout),
                of("request_timeout"),
            ),
            Row::new(
                "in flight",
                format!("at most {}", http.in_flight_max),
                of("in_flight_max"),
            ),
            Row::new("proxy", proxy(&http.proxy), of("proxy")),
            Row::new("roots", roots, of("roots")),
            Row::new(
                "ca file",
                ca_file.map_or_else(|| "none".to_owned(), |path| path.display().to_string()),
                of("ca_file"),
            ),
        ]
    }

    fn daemon(&self) -> Vec<Row> {
        let Config {
            timeout_refresh,
            ready_after,
            shutdown,
            log,
            status,
            metrics,
            sessions: _,
            pools: _,
            http: _,
            hooks: _,
        } = &self.config;
        let of = |keys: &[&str]| self.origins.of(&[keys]);
        vec![
            Row::new(
                "timeout refresh",
                in_words(*timeout_refresh),
                of(&["timeout_refresh"]),
            ),
            Row::new(
                "ready after",
                format!("{} at the latest", in_words(*ready_after)),
                of(&["ready_after"]),
            ),
            Row::new(
                "shutdown grace",
                in_words(shutdown.grace),
                of(&["shutdown", "grace"]),
            ),
            Row::new("log level", log.level.as_str(), of(&["log", "level"])),
            Row::new("log format", log.format.as_str(), of(&["log", "format"])),
            Row::new(
                "status listen",
                status
                    .listen
                    .map_or_else(|| "off".to_owned(), |address| address.to_string()),
                of(&["status", "listen"]),
            ),
            Row::new(
                "status socket",
                match &status.socket {
                    StatusSocket::Auto => "in the runtime directory".to_owned(),
                    StatusSocket::Off => "off".to_owned(),
                    StatusSocket::At(path) => path.display().to_string(),
                },
                of(&["status", "socket"]),
            ),
            Row::new(
                "metrics of each",
                format!("up to {} sessions", metrics.per_session_max),
                of(&["metrics", "per_session_max"]),
            ),
        ]
    }

    fn hook(&self, name: &HookName, hook: &HookConfig) -> Vec<Row> {
        let of = |key| self.origins.of(&[&["hooks", name.as_str(), key]]);
        let on: Vec<_> = hook.on.iter().copied().map(Occasion::as_str).collect();
        let sessions: Vec<_> = hook.sessions.iter().map(SessionPattern::as_str).collect();
        let sessions = match sessions.as_slice() {
            [] => "all".to_owned(),
            sessions => sessions.join(", "),
        };
        vec![
            Row::new("on", on.join(", "), of("on")),
            Row::new("command", hook.command.to_string(), of("command")),
            Row::new("timeout", in_words(hook.timeout), of("timeout")),
            Row::new("sessions", sessions, of("sessions")),
        ]
    }
}

fn margin(margin: Margin) -> String {
    match margin {
        Margin::Percent(share) => format!("{share}% of the idle timeout"),
        Margin::Time(time) => in_words(time),
    }
}

fn proxy(proxy: &Proxy) -> String {
    match proxy {
        Proxy::Environment => "as the environment says".to_owned(),
        Proxy::Direct => "none".to_owned(),
        Proxy::Url(url) => url.to_string(),
    }
}
