//! The schema: every key of the configuration, with its type, default and documentation.
//!
//! One row describes one key. The rows determine which keys a table may hold, the names of the
//! variables, the allowed values in messages, the defaults and the output of `check`. The sample
//! file, the reference and the manual page are generated from them.

use std::ops::RangeInclusive;
use std::time::Duration;

use KeyDefault::{Unset, Value};

use super::key::{CONFIG_VARIABLE, KeyPath, PREFIX, TOKEN_FILE_VARIABLE};
use super::reader::exact_duration;

/// The part of a table's path that stands for a name which the user chooses.
pub const NAME: &str = "NAME";

/// The shares of the idle timeout that can be a margin, in percent.
pub(super) const MARGIN_SHARES: RangeInclusive<u8> = 1..=90;

/// A table of the configuration.
#[derive(Debug)]
pub struct SchemaTable {
    /// The path; [`NAME`] stands for a name that the user chooses.
    pub path: &'static [&'static str],
    /// An example of the name; empty if the path has none.
    pub example: &'static str,
    /// One to three sentences about the table.
    pub doc: &'static str,
    /// The keys that only this table has.
    pub keys: &'static [Key],
    /// The keys that several tables have.
    pub shared: &'static [Key],
}

/// A key of a table.
#[derive(Debug)]
pub struct Key {
    /// The name, as in the file.
    pub name: &'static str,
    /// The type and the range of the values.
    pub kind: Kind,
    /// The value of a key that is not set.
    pub default: KeyDefault,
    /// One to three sentences about the key.
    pub doc: &'static str,
    /// The label in the output of `check`, if it is not the name.
    pub(super) label: Option<&'static str>,
    /// Puts the value in words for the output of `check`.
    pub(super) phrase: fn(String) -> String,
}

/// The type and the range of a value.
#[derive(Debug)]
pub enum Kind {
    /// A duration with units.
    Duration(RangeInclusive<Duration>),
    /// A duration, or a share of the idle timeout in percent.
    Margin(RangeInclusive<Duration>),
    /// A whole number.
    Number(RangeInclusive<u32>),
    /// One of these words.
    Word(&'static [&'static str]),
    /// Text; the allowed forms in words.
    Text(&'static str),
    /// A list of texts; the allowed forms in words.
    List(&'static str),
    /// A program and its arguments, which are never shown.
    Command,
    /// A table that holds one of its keys.
    OneOf,
    /// A table or a list of tables, whose keys are those of [`SINK`] or [`SIGNAL`].
    Tables,
}

/// The value of a key that is not set.
#[derive(Debug)]
pub enum KeyDefault {
    /// This value, spelt as in a variable.
    Value(&'static str),
    /// No value.
    Unset {
        /// The effect in words; empty if the key is required.
        effect: &'static str,
        /// An example of a value, spelt as in a variable or, for a list or a table, in the file.
        example: &'static str,
    },
}

impl SchemaTable {
    const NONE: Self = Self {
        path: &[],
        example: "",
        doc: "",
        keys: &[],
        shared: &[],
    };

    /// Returns all keys.
    pub fn all_keys(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.keys.iter().chain(self.shared)
    }

    /// Returns the key of this name.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.all_keys().find(|key| key.name == name)
    }

    /// Returns the variable that sets a key; `name` takes the place of [`NAME`].
    fn variable(&self, key: &Key, name: &str) -> String {
        let parts = self.path.iter().chain([&key.name]);
        let parts = parts.map(|part| if *part == NAME { name } else { part });
        let spelt = parts.collect::<Vec<_>>().join("__").to_ascii_uppercase();
        format!("{PREFIX}{spelt}")
    }

    /// Returns the table at this path.
    pub(super) fn at(path: &KeyPath) -> Option<&'static Self> {
        TABLES.iter().find(|table| match path.listed() {
            Some(listed) => table.path == listed,
            None => path.matches(table.path),
        })
    }

    /// Returns the names of the keys that this table may hold, other tables among them.
    pub(super) fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.all_keys().map(|key| key.name).collect();
        if self.path.is_empty() {
            names.extend(TABLES.iter().filter_map(|table| table.path.first()));
            names.dedup();
        }
        names
    }
}

impl Key {
    const fn new(name: &'static str, kind: Kind, default: KeyDefault, doc: &'static str) -> Self {
        Self {
            name,
            kind,
            default,
            doc,
            label: None,
            phrase: |value| value,
        }
    }

    const fn shown_as(self, label: &'static str, phrase: fn(String) -> String) -> Self {
        Self {
            label: Some(label),
            phrase,
            ..self
        }
    }

    /// Returns the default, converted by `parse`; `None` if there is none.
    pub(super) fn parse_default<T, E>(
        &self,
        parse: impl FnOnce(&str, &Kind) -> Result<T, E>,
    ) -> Option<T> {
        match self.default {
            Value(text) => parse(text, &self.kind).ok(),
            Unset { .. } => None,
        }
    }

    /// Returns what applies if the key is not set, in words; empty if the key is required.
    #[must_use]
    pub fn effect(&self) -> &'static str {
        let (Value(text) | Unset { effect: text, .. }) = self.default;
        text
    }

    /// Returns the default or the example as in the file.
    #[must_use]
    pub fn toml(&self) -> String {
        let (Value(text) | Unset { example: text, .. }) = self.default;
        match self.kind {
            Kind::Number(_) | Kind::List(_) | Kind::Command | Kind::OneOf | Kind::Tables => {
                text.to_owned()
            }
            Kind::Duration(_) | Kind::Margin(_) | Kind::Word(_) | Kind::Text(_) => {
                format!("\"{text}\"")
            }
        }
    }
}

impl Kind {
    /// Describes the allowed values.
    #[must_use]
    pub fn allowed(&self) -> String {
        match self {
            Self::Duration(range) => {
                let (from, to) = (exact_duration(*range.start()), exact_duration(*range.end()));
                let example = exact_duration(*range.end() / 4);
                format!("a duration from {from} to {to}, such as \"{example}\"")
            }
            Self::Margin(range) => {
                let duration = Self::Duration(range.clone()).allowed();
                format!("{}, or {duration}", allowed_shares())
            }
            Self::Number(range) => {
                format!("a whole number from {} to {}", range.start(), range.end())
            }
            Self::Word(words) => {
                let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
                format!("one of {}", quoted.join(", "))
            }
            Self::Text(forms) | Self::List(forms) => (*forms).to_owned(),
            Self::Command => {
                r#"a list of words, such as ["/usr/bin/program", "argument"]"#.to_owned()
            }
            Self::OneOf => "a table with one key".to_owned(),
            Self::Tables => "a table, or a list of tables".to_owned(),
        }
    }
}

/// Describes the shares that a margin can be.
pub(super) fn allowed_shares() -> String {
    let (from, to) = (MARGIN_SHARES.start(), MARGIN_SHARES.end());
    format!("a share of the idle timeout from {from}% to {to}%")
}

/// Returns true if a key of this name holds a value that may be shown.
pub(super) fn is_shown(name: &str) -> bool {
    let mut keys = TABLES.iter().flat_map(SchemaTable::all_keys);
    keys.any(|key| {
        key.name == name && !matches!(key.kind, Kind::Command | Kind::OneOf | Kind::Tables)
    })
}

/// Returns every variable that sets a value; `name` takes the place of names that the user
/// chooses.
pub(super) fn variables(name: &str) -> Vec<String> {
    let of_table = |table: &'static SchemaTable| {
        let leaves = table
            .all_keys()
            .filter(|key| !matches!(key.kind, Kind::OneOf | Kind::Tables));
        leaves.map(|key| table.variable(key, name))
    };
    let short = [CONFIG_VARIABLE, TOKEN_FILE_VARIABLE].map(str::to_owned);
    TABLES.iter().flat_map(of_table).chain(short).collect()
}

const fn required(example: &'static str) -> KeyDefault {
    unset("", example)
}

const fn unset(effect: &'static str, example: &'static str) -> KeyDefault {
    Unset { effect, example }
}

const fn seconds(from: u64, to: u64) -> Kind {
    Kind::Duration(Duration::from_secs(from)..=Duration::from_secs(to))
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

const ON_SHUTDOWN: Kind = Kind::Word(&["revoke", "leave"]);

const REGION: Key = Key::new(
    "region",
    Kind::Text("the name of a region"),
    required("eu-central-1"),
    "The region of the organisation; its domain is accepted as well. Each session needs this key or \
     `api`, here, in `[defaults]` or in its own table.",
);

const API: Key = Key::new(
    "api",
    Kind::Text("the URL of an API: https:// and a host"),
    unset("that of the region", "https://api.mypurecloud.de"),
    "The API, instead of a region. Plain http is allowed to 127.0.0.1 and [::1] only.",
);

/// The path of the table of a sink. Pools and `[defaults]` have tables of the same keys.
pub const SINK: &[&str] = &["sessions", NAME, "sink"];

/// The path of the table of a signal. Pools and `[defaults]` have tables of the same keys.
pub const SIGNAL: &[&str] = &["sessions", NAME, "signal"];

/// The tables, in the order of the documentation.
pub static TABLES: [SchemaTable; 16] = [
    SchemaTable {
        keys: &[
            REGION,
            API,
            Key::new(
                "timeout_refresh",
                seconds(MINUTE, 24 * HOUR),
                Value("1h"),
                "The interval at which an organisation's idle timeout is read again.",
            ),
            // The default is long enough for a network that comes up with the machine, and well
            // within the 90s that systemd allows for the start of a service.
            Key::new(
                "ready_after",
                seconds(0, 10 * MINUTE),
                Value("30s"),
                "The maximum time until the daemon reports readiness to the service manager, even if tokens are still missing. It reports earlier if every kept token was proven alive.",
            )
            .shown_as("ready after", |time| format!("{time} at the latest")),
        ],
        ..SchemaTable::NONE
    },
    SchemaTable {
        path: &["defaults"],
        doc: "The values for sessions and pools that do not set their own. The table of a session \
              or a pool may hold each of these keys; all three may hold `region` or `api`.",
        shared: SESSION_OPTIONS,
        ..SchemaTable::NONE
    },
    SchemaTable {
        path: &["sessions", NAME],
        example: "wallboard",
        doc: "A session: one token under management. The name consists of a-z, 0-9, '.', '_' and \
              '-'. At least one session or pool is required.",
        keys: &[
            Key::new(
                "token",
                Kind::OneOf,
                required(r#"{ credential = "wallboard" }"#),
                "The source of the token, never the token itself.",
            ),
            Key::new(
                "renew_every",
                seconds(10, 48 * HOUR),
                unset("before the expiry, if that is known", "12h"),
                "The age at which a token that is minted or printed by a command is replaced, if its \
                 expiry does not come first.",
            ),
            Key::new(
                "overlap",
                seconds(1, 24 * HOUR),
                Value("30m"),
                "The time for which a replaced token must not be used by its application before it is \
                 released: revoked or left, as `on_shutdown` says. It is only observed meanwhile.",
            ),
        ],
        shared: SESSION_OPTIONS,
    },
    SchemaTable {
        path: &["sessions", NAME, "token"],
        example: "wallboard",
        doc: "The source of the session's token: exactly one of these keys.",
        keys: &[
            Key::new(
                "file",
                Kind::Text("the path of a file"),
                required("/run/secrets/token"),
                "The file that holds the token. A relative path starts at the folder of the configuration file.",
            ),
            Key::new(
                "env",
                Kind::Text("the name of a variable: letters, digits and '_', at most 64"),
                required("NAME"),
                "The variable of the daemon's environment that holds the token.",
            ),
            Key::new(
                "credential",
                Kind::Text("the name of a systemd credential: a file name without '/', at most 64"),
                required("NAME"),
                "The systemd credential that holds the token.",
            ),
            Key::new(
                "command",
                Kind::Command,
                required(r#"["/usr/bin/program", "argument"]"#),
                "The absolute path of a program that prints the token, and its arguments; it runs without a shell.",
            ),
            Key::new(
                "mint",
                Kind::OneOf,
                required(r#"{ client_id = "ID", client_secret = { credential = "NAME" } }"#),
                "The OAuth client with which the daemon obtains tokens, before the present one expires.",
            ),
        ],
        ..SchemaTable::NONE
    },
    SchemaTable {
        path: &["sessions", NAME, "token", "mint"],
        example: "wallboard",
        doc: "An OAuth client with the grant type \"Client Credentials\": either `client_id` and `client_secret`, \
              or a profile of the official command line.",
        keys: &[
            Key::new(
                "client_id",
                Kind::Text("the id of an OAuth client: visible ASCII without spaces, at most 128"),
                required("00000000-0000-0000-0000-000000000000"),
                "The id of the client.",
            ),
            Key::new(
                "client_secret",
                Kind::OneOf,
                required(r#"{ credential = "wallboard-secret" }"#),
                "The source of the client's secret, never the secret itself.",
            ),
            Key::new(
                "login",
                Kind::Text("the URL of a login host: https:// and a host"),
                unset("that of the region", "https://login.mypurecloud.de"),
                "The login host. It is required if the API is not that of a region.",
            ),
            Key::new(
                "profile",
                Kind::Text("the name of a profile: visible characters, at most 64"),
                Value("DEFAULT"),
                "The profile of the official command line whose `client_credentials` and `client_secret` are \
                 used. They are read for each new token. Its `environment` is the region of a session that has none.",
            ),
            Key::new(
                "file",
                Kind::Text("the path of a file, which may begin with \"~/\""),
                Value("~/.gc/config.toml"),
                "The file with the profile. A relative path starts at the folder of the configuration file.",
            ),
        ],
        ..SchemaTable::NONE
    },
    SchemaTable {
        path: &["sessions", NAME, "token", "mint", "client_secret"],
        example: "wallboard",
        doc: "The source of the client's secret: exactly one of these keys. It is read for each new token.",
        keys: &[
            Key::new(
                "file",
                Kind::Text("the path of a file"),
                required("/run/secrets/client-secret"),
                "The file that holds the secret. A relative path starts at the folder of the configuration file.",
            ),
            Key::new(
                "env",
                Kind::Text("the name of a variable: letters, digits and '_', at most 64"),
                required("NAME"),
                "The variable of the daemon's environment that holds the secret.",
            ),
            Key::new(
                "credential",
                Kind::Text("the name of a systemd credential: a file name without '/', at most 64"),
                required("NAME"),
                "The systemd credential that holds the secret.",
            ),
            Key::new(
                "command",
                Kind::Command,
                required(r#"["/usr/bin/program", "argument"]"#),
                "The absolute path of a program that prints the secret, and its arguments; it runs without a shell.",
            ),
        ],
        ..SchemaTable::NONE
    },
    SchemaTable {
        path: SINK,
        example: "wallboard",
        doc: "A file that holds the session's token for applications, as soon as the token is proven alive. \
              It is replaced as a whole. A pool and `[defaults]` may have sinks as well; several sinks are \
              a list of such tables.",
        keys: &[
            Key::new(
                "file",
                Kind::Text(r#"the absolute path of a file, in which "{name}" stands for the name of the session"#),
                required("/run/wallboard/token"),
                "The file. Its folder must exist. A pool's sink and one in `[defaults]` need \"{name}\".",
            ),
            Key::new(
                "format",
                Kind::Word(&["bare", "env", "json", "gc-profile"]),
                Value("bare"),
                "The content: the token alone; variables for a shell or EnvironmentFile=; one JSON object; \
                 or the configuration file of the official command line, which holds nothing else.",
            ),
            Key::new(
                "mode",
                Kind::Text(r#"the permissions in octal, from "0400" to "0777", of which the owner may read"#),
                Value("0600"),
                "The permissions of the file.",
            ),
            Key::new(
                "owner",
                Kind::Text("the name or the number of a user"),
                unset("the user of the daemon", "wallboard"),
                "The owner of the file. Only a daemon that runs as root can set another one.",
            ),
            Key::new(
                "group",
                Kind::Text("the name or the number of a group"),
                unset("that of new files in the folder", "wallboard"),
                "The group of the file. The daemon must be a member of it.",
            ),
        ],
        ..SchemaTable::NONE
    },
    SchemaTable {
        path: SIGNAL,
        example: "wallboard",
        doc: "A process that gets a signal when another token of the session is in all of its sinks, not at the \
              first token. It is named by one of `unit` and `pid_file`. A pool and `[defaults]` may have signals \
              as well; several are a list of such tables.",
        keys: &[
            Key::new(
                "unit",
                Kind::Text(r#"the full name of a service of systemd, such as "wallboard.service"; "{name}" stands for the name of the session"#),
                required("wallboard.service"),
                "The service whose main process gets the signal, through systemctl.",
            ),
            Key::new(
                "pid_file",
                Kind::Text(r#"the absolute path of a file, in which "{name}" stands for the name of the session"#),
                required("/run/wallboard.pid"),
                "The file with the id of the process, which has to be written anew at each start of it.",
            ),
            Key::new(
                "signal",
                Kind::Word(&["HUP", "INT", "TERM", "USR1", "USR2"]),
                Value("HUP"),
                "The signal.",
            ),
        ],
        ..SchemaTable::NONE
    },
    SchemaTable {
        path: &["pools", NAME],
        example: "agents",
        doc: "A pool: a directory each of whose files is a session, named after the file. Files may \
              come, change and go while the daemon runs.",
        keys: &[
            Key::new(
                "token_dir",
                Kind::Text(r#"the absolute path of a directory, such as "/run/tokens""#),
                required("/run/tokens"),
                "The directory, which need not exist yet. Directories in it are ignored, and so are \
                 names that begin with a dot or end in \"~\", \".tmp\" or \".swp\".",
            )
            .shown_as("tokens", |path| format!("files in {path}")),
            Key::new(
                "on_removal",
                ON_SHUTDOWN,
                Value("leave"),
                "The treatment of the token whose file was removed. The session ends 10s after the \
                 removal; while the directory itself is missing, no file counts as removed.",
            ),
        ],
        shared: SESSION_OPTIONS,
    },
    SchemaTable {
        path: &["http"],
        doc: "The HTTP client.",
        keys: &[
            Key::new(
                "connect_timeout",
                Kind::Duration(Duration::from_millis(100)..=Duration::from_secs(MINUTE)),
                Value("5s"),
                "The time limit of each step of making a connection: resolving the name, connecting to \
                 one address, and TLS.",
            ),
            Key::new(
                "request_timeout",
                Kind::Duration(Duration::from_millis(100)..=Duration::from_secs(2 * MINUTE)),
                Value("15s"),
                "The time limit of a whole request.",
            ),
            Key::new(
                "in_flight_max",
                Kind::Number(1..=1024),
                Value("64"),
                "The largest number of requests in flight at once at one API host. For tokens that are lost within \
         5s, as many again may be.",
            )
            .shown_as("in flight", |requests| format!("at most {requests}")),
            Key::new(
                "proxy",
                Kind::Text(
                    r#""environment", "none" or the URL of a proxy: "http://proxy.example:3128""#,
                ),
                Value("environment"),
                "The proxy. \"environment\" uses HTTPS_PROXY, ALL_PROXY and NO_PROXY, and `check` shows \
                 the result. Plain http to this machine never goes through a proxy.",
            ),
            Key::new(
                "roots",
                Kind::Word(&["system", "bundled"]),
                Value("system"),
                "The certificate authorities that are trusted: those of the system, or those that come \
                 with the program.",
            ),
            Key::new(
                "ca_file",
                Kind::Text("the path of a file"),
                unset("none", "/etc/ssl/certs/company.pem"),
                "A PEM file with further certificate authorities.",
            ),
        ],
        ..SchemaTable::NONE
    },
    SchemaTable {
        path: &["shard"],
        doc: "The division of the sessions among several daemons with the same configuration. The hash of \
              a session's name decides which of them manage it; the others do not read its token. \
              A shard never revokes a token because it stops. The table is optional.",
        keys: &[
            Key::new(
                "index",
                Kind::Text("a number below `count`, counted from 0, or a name that ends in one, such as \"keepalive-0\""),
                required("0"),
                "The shard of this daemon, counted from 0, or a name that ends in '-' and this number, such as the \
                 name of a pod of a StatefulSet.",
            ),
            Key::new(
                "count",
                Kind::Number(1..=256),
                Value("1"),
                "The number of shards.",
            ),
            Key::new(
                "copies",
                Kind::Number(1..=16),
                Value("1"),
                "The number of shards that manage each session. With 2, one may fail. When `count` grows, \
                 start the new shards before the others are restarted.",
            ),
        ],
        ..SchemaTable::NONE
    },
    SchemaTable {
        path: &["shutdown"],
        doc: "The stop of the daemon.",
        keys: &[Key::new(
            "grace",
            seconds(1, 10 * MINUTE),
            Value("10s"),
            "The time limit of all revocations and running hooks together.",
        )],
        ..SchemaTable::NONE
    },
    SchemaTable {
        path: &["log"],
        doc: "The log.",
        keys: &[
            Key::new(
                "level",
                Kind::Word(&["error", "warn", "info", "debug", "trace"]),
                Value("info"),
                "The least severe level that is logged.",
            ),
            Key::new(
                "format",
                Kind::Word(&["auto", "plain", "json", "journald"]),
                Value("auto"),
                "The form of a line. \"auto\" is the journal if standard error leads there, and plain \
                 text otherwise, with colour on a terminal. \"journald\" uses standard error only \
                 while the journal cannot be reached.",
            ),
        ],
        ..SchemaTable::NONE
    },
    SchemaTable {
        path: &["status"],
        doc: "The listeners that serve /livez, /readyz, /metrics, /status and a page for people. They \
              never show a token, and over TCP nothing can be changed.",
        keys: &[
            Key::new(
                "listen",
                Kind::Text(
                    r#""off", a port of 127.0.0.1 such as "9464", or an address such as "0.0.0.0:9464""#,
                ),
                Value("off"),
                "The TCP listener. Everybody who can reach it sees the names of all sessions.",
            ),
            Key::new(
                "socket",
                Kind::Text(
                    r#""auto", "off" or an absolute path such as "/run/session-keepalive/control.sock""#,
                ),
                Value("auto"),
                "The Unix socket, which the commands for a running daemon use. \"auto\" is control.sock \
                 in $RUNTIME_DIRECTORY, else in /run/session-keepalive, else in session-keepalive in \
                 $XDG_RUNTIME_DIR.",
            ),
            Key::new(
                "frame_ancestors",
                Kind::List(
                    r#"a list of origins and "'self'", such as ["https://signage.example", "http://10.0.0.7:8080"]"#,
                ),
                unset("none", r#"["https://signage.example"]"#),
                "The origins whose pages may show the web page in a frame, as players for signage do: \
                 scheme, host and port, at most 16. By default no page may.",
            )
            .shown_as("framed by", |origins| origins),
        ],
        ..SchemaTable::NONE
    },
    SchemaTable {
        path: &["metrics"],
        doc: "The metrics.",
        keys: &[Key::new(
            "per_session_max",
            Kind::Number(0..=100_000),
            Value("1000"),
            "The largest number of sessions with metrics of their own. With more sessions, only \
             aggregate metrics are exposed.",
        )
        .shown_as("metrics of each", |sessions| format!("up to {sessions} sessions"))],
        ..SchemaTable::NONE
    },
    SchemaTable {
        path: &["hooks", NAME],
        example: "page",
        doc: "A hook: a program that runs after events of a session, to page someone or to fetch a \
              new token. At most 16 hooks.",
        keys: &[
            Key::new(
                "on",
                Kind::List(
                    r#"a list of "lost", "lapsed", "at-risk", "recovered", "blocked", "excluded", "rotated", "revoked", "expiring", "client-ending", "incident" and "incident-over""#,
                ),
                required(r#"["incident", "incident-over", "lost"]"#),
                "The events after which the program runs. For each session it runs once until the session \
                 has recovered or has a new token.",
            ),
            Key::new(
                "command",
                Kind::Command,
                required(r#"["/usr/local/bin/page-me", "--team=wallboards"]"#),
                "The absolute path of the program, and its arguments; it runs without a shell.",
            ),
            Key::new(
                "batch",
                seconds(0, 5 * MINUTE),
                Value("10s"),
                "The time for which events of sessions that follow from one incident are collected into one \
                 run; it doubles with each further run for that incident, up to 5m.",
            ),
            Key::new(
                "timeout",
                seconds(1, 10 * MINUTE),
                Value("30s"),
                "The time limit of one run.",
            ),
            Key::new(
                "sessions",
                Kind::List(
                    r#"a list of sessions' names or beginnings of names, such as ["wallboard", "kiosk-*"]"#,
                ),
                unset("all", r#"["wallboard", "kiosk-*"]"#),
                "The sessions for which the program runs.",
            ),
        ],
        ..SchemaTable::NONE
    },
];

/// The keys of `[defaults]`, each session and each pool.
pub(super) const SESSION_OPTIONS: &[Key] = &[
    REGION,
    API,
    Key::new(
        "intent",
        Kind::Word(&["keep", "lapse"]),
        Value("keep"),
        "\"keep\" keeps the token alive; \"lapse\" observes it until it idles out, without disturbing it.",
    ),
    Key::new(
        "margin",
        Kind::Margin(Duration::from_millis(500)..=Duration::from_secs(8 * HOUR)),
        Value("50%"),
        "The time before the idle deadline that is kept for outages: the longest one that the token survives. A touch is due a little earlier.",
    ),
    // Test organisations use less than the five minutes that the API allows.
    Key::new(
        "idle_timeout",
        seconds(2, 8 * HOUR),
        unset("as reported by the server", "15m"),
        "The idle timeout, if the server does not report the right one. A shorter one that is proven, or \
         the longest of the organisation, takes precedence.",
    ),
    Key::new(
        "touch",
        Kind::Word(&["auto", "head", "get"]),
        Value("auto"),
        "The request that resets the idle timer. \"auto\" prefers GET where its answer shows the moved \
         deadline, so that no peek is needed, and HEAD elsewhere. Whatever is preferred, the other \
         request is used where only that one works.",
    ),
    // The default detects an exclusion that an administrator introduces with the next touch.
    Key::new(
        "verify_every",
        Kind::Number(1..=1000),
        Value("1"),
        "The number of touches after which the reset of the idle timer is verified again by a peek. A \
         GET whose answer verifies it does not count, and is confirmed by a peek after every tenth.",
    )
    .shown_as("verify every", |touches| match touches.as_str() {
        "1" => "each touch".to_owned(),
        touches => format!("{touches} touches"),
    }),
    Key::new(
        "lifetime",
        seconds(10, 48 * HOUR),
        unset("as the source reports", "24h"),
        "The lifetime of the tokens, which the OAuth client determines. The expiry is estimated from it \
         where the source reports none, so that it can be announced.",
    ),
    Key::new(
        "on_shutdown",
        ON_SHUTDOWN,
        unset(
            r#""revoke" if the intent is "keep" and there are no shards, and "leave" otherwise"#,
            "leave",
        ),
        "The treatment of the token when the daemon stops or the session is removed. With [shard] only \
         \"leave\" is allowed. The files of a revoked token's sinks are removed; otherwise they stay.",
    ),
    Key::new(
        "sink",
        Kind::Tables,
        unset("none", r#"{ file = "/run/tokens-of/{name}", mode = "0640" }"#),
        "The files that hold the token for applications.",
    ),
    Key::new(
        "signal",
        Kind::Tables,
        unset("none", r#"{ unit = "wallboard.service", signal = "HUP" }"#),
        "The processes that get a signal when another token is in the sinks.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LogFormat, LogLevel, Occasion};
    use crate::keeper::{Intent, TouchPreference};

    fn allowed(table: &[&str], key: &str) -> String {
        let table = SchemaTable::at(&KeyPath::of(table.iter().copied())).unwrap();
        table.key(key).unwrap().kind.allowed()
    }

    #[test]
    fn the_words_of_the_schema_are_those_of_the_types() {
        let one_of = |words: &[&str]| format!("one of {}", quoted(words));
        let defaults = |key| allowed(&["defaults"], key);
        assert_eq!(defaults("intent"), one_of(&Intent::ALL.map(Intent::as_str)));
        assert_eq!(
            defaults("touch"),
            one_of(&TouchPreference::ALL.map(TouchPreference::as_str))
        );
        let log = |key| allowed(&["log"], key);
        assert_eq!(log("level"), one_of(&LogLevel::ALL.map(LogLevel::as_str)));
        assert_eq!(
            log("format"),
            one_of(&LogFormat::ALL.map(LogFormat::as_str))
        );
        let events = quoted(&Occasion::ALL.map(Occasion::as_str));
        let events = events.replace(", \"incident-over", " and \"incident-over");
        assert_eq!(
            allowed(&["hooks", "page"], "on"),
            format!("a list of {events}")
        );
    }

    fn quoted(words: &[&str]) -> String {
        words
            .iter()
            .map(|word| format!("\"{word}\""))
            .collect::<Vec<_>>()
            .join(", ")
    }

    #[test]
    fn a_pool_has_every_key_of_the_defaults() {
        let names = |path: &[&str]| {
            let table = SchemaTable::at(&KeyPath::of(path.iter().copied())).unwrap();
            table.names()
        };
        let pool = names(&["pools", "agents"]);
        assert_eq!(pool[2..], names(&["defaults"]));
    }

    #[test]
    fn a_variable_spells_a_key() {
        assert_eq!(
            KeyPath::of_variable("SHUTDOWN__GRACE"),
            KeyPath::of(["shutdown", "grace"])
        );
        for name in variables("wallboard") {
            let rest = name.strip_prefix(PREFIX).unwrap();
            let short = [CONFIG_VARIABLE, TOKEN_FILE_VARIABLE].contains(&name.as_str());
            assert!(KeyPath::of_variable(rest).is_leaf() || short, "{name}");
        }
    }
}
