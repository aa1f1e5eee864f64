//! Loads a configuration: reads the layers, merges them and builds a checked [`Config`].
//!
//! Keys and variables that set nothing are refused: a typing error must not pass silently.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Value};

use super::address::ApiBase;
use super::describe::Description;
use super::fault::{ConfigFault, Errors};
use super::flags::{self, Flags};
use super::key::{self, KeyPath};
use super::model::{
    Config, LogConfig, LogFormat, LogLevel, MetricsConfig, PoolConfig, ShutdownConfig, StatusConfig,
};
use super::proxy::{ProxyVariables, UnusableVariable};
use super::raw::{LayerKind, Place, Raw};
use super::reader::{At, Records, TableReader};
use super::schema::{SESSION_OPTIONS, SchemaTable};
use super::sessions::Common;
use super::shard::Shard;
use super::sink;
use super::{environment, file, hooks, sessions, settings};
use crate::token::Source;

/// The inputs of a configuration; each layer overrides those before it.
#[derive(Clone, Default)]
pub struct Layers<'a> {
    /// The file. Its folder is the base of relative paths in it.
    pub file: Option<&'a Path>,
    /// The environment, such as `std::env::vars_os().collect()`. Only names that begin with
    /// [`PREFIX`](super::PREFIX), and those that name a proxy, an OAuth client or the user's directory,
    /// are read.
    pub environment: Vec<(OsString, OsString)>,
    /// The flags of the command line.
    pub flags: Flags,
}

/// A configuration, and the description of each of its values.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The checked configuration.
    pub config: Config,
    /// The API of sessions that do not name their own, if one is configured.
    pub api: Option<ApiBase>,
    pub(super) description: Description,
    written: BTreeSet<KeyPath>,
    file: Option<PathBuf>,
    /// The redacted content of the file.
    text: String,
    /// The place of `http.ca_file`.
    ca_file: Option<Place>,
}

impl Loaded {
    /// Returns true if this key is set: `["sessions", "wallboard", "intent"]`.
    ///
    /// The key itself is looked up, not the one in `[defaults]` that stands in for it.
    #[must_use]
    pub fn is_set(&self, keys: &[&str]) -> bool {
        self.written.contains(&KeyPath::of(keys.iter().copied()))
    }

    /// Returns the error that the certificate authorities cannot be used, for this reason, at the
    /// place of `http.ca_file`.
    pub(crate) fn unusable_authorities(&self, reason: &str) -> Errors {
        let fault = match &self.ca_file {
            Some(place) => ConfigFault::at(place.clone(), reason),
            None => ConfigFault::nowhere(reason),
        };
        Errors::new(self.file.as_deref(), self.text.clone(), vec![fault])
    }
}

/// Loads a configuration.
///
/// # Errors
///
/// All errors of the configuration, at once.
pub fn load(layers: Layers<'_>) -> Result<Loaded, Errors> {
    let contents = layers.file.map(file::read);
    build(layers, contents, OwnToken::No)
}

/// Loads a configuration from the text of a file.
#[cfg(any(test, fuzzing))]
pub(crate) fn load_text(layers: Layers<'_>, text: &str) -> Result<Loaded, Errors> {
    build(layers, Some(file::parse(text)), OwnToken::No)
}

/// Loads a configuration for a command that names its own token: the configuration may have
/// no session.
///
/// # Errors
///
/// As from [`load`], except that a configuration without sessions is valid.
pub fn load_for_guest(layers: Layers<'_>) -> Result<Loaded, Errors> {
    let contents = layers.file.map(file::read);
    build(layers, contents, OwnToken::Yes)
}

/// The presence of a token that the command itself names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OwnToken {
    Yes,
    No,
}

fn build(
    layers: Layers<'_>,
    contents: Option<file::ConfigText>,
    own_token: OwnToken,
) -> Result<Loaded, Errors> {
    let mut faults = Vec::new();
    let mut text = String::new();
    let mut merged = Vec::new();
    let mut is_readable = true;
    if let Some(contents) = contents {
        text = contents.shown;
        match contents.layer {
            Ok(layer) => merged.push(layer),
            Err(fault) => {
                faults.push(*fault);
                is_readable = false;
            }
        }
    }
    let proxies = ProxyVariables::read(&layers.environment);
    let home = home(&layers.environment);
    let flags = flags::read(layers.flags, &layers.environment, &mut faults);
    merged.push(environment::read(layers.environment, &mut faults));
    merged.push(flags);
    if !is_readable {
        // The values of an unreadable file are unknown, so missing or conflicting values cannot be
        // reported yet.
        return Err(Errors::new(layers.file, text, faults));
    }
    let raw = Raw::new(merged, layers.file, &text, home);
    let records = Records::default();
    records.faults.replace(faults);
    let top = TableReader::new(&raw, &records);
    let common = Common::read(&top);
    let config = read_config(&top, &common, proxies);
    if own_token == OwnToken::No {
        sessions::require_session(&top, layers.file.is_some());
    }
    let mut faults = records.faults.take();
    faults.extend(unknown_keys(&raw, &variables_with_tokens(&config)));
    if faults.is_empty() {
        Ok(Loaded {
            config,
            api: common.api(),
            description: records.description.take(),
            written: raw.paths(),
            file: layers.file.map(Path::to_owned),
            ca_file: top.table("http").value("ca_file").map(|found| found.place),
            text,
        })
    } else {
        Err(Errors::new(layers.file, text, faults))
    }
}

fn home(environment: &[(OsString, OsString)]) -> Option<PathBuf> {
    let (_, home) = environment.iter().find(|(name, _)| name == "HOME")?;
    Some(PathBuf::from(home)).filter(|home| home.is_absolute())
}

fn read_config(
    top: &TableReader<'_>,
    common: &Common<'_>,
    proxies: Result<ProxyVariables, UnusableVariable>,
) -> Config {
    let sessions = sessions::read(top, common);
    let pools = sessions::read_pools(top, common);
    sink::refuse_conflicts(top, &sessions, &pools);
    let templates = pools.values().map(PoolConfig::template);
    let apis = sessions
        .values()
        .chain(templates)
        .map(|session| session.api.clone())
        .collect();
    let shutdown = top.table("shutdown");
    let log = top.table("log");
    let status = top.table("status");
    Config {
        shard: Shard::read(top),
        timeout_refresh: top.duration("timeout_refresh"),
        ready_after: top.duration("ready_after"),
        http: settings::http(&top.table("http"), proxies, &apis),
        shutdown: ShutdownConfig {
            grace: shutdown.duration("grace"),
        },
        log: LogConfig {
            level: log.word("level", &LogLevel::ALL, LogLevel::as_str),
            format: log.word("format", &LogFormat::ALL, LogFormat::as_str),
        },
        status: StatusConfig {
            listen: settings::listen(&status),
            socket: settings::socket(&status),
            frame_ancestors: settings::frame_ancestors(&status),
        },
        metrics: MetricsConfig {
            per_session_max: top.table("metrics").number("per_session_max"),
        },
        hooks: hooks::read(top),
        sessions,
        pools,
    }
}

fn variables_with_tokens(config: &Config) -> BTreeSet<String> {
    let sources = config.sessions.values().map(|session| &session.token);
    sources
        .filter_map(Source::variable)
        .map(str::to_owned)
        .collect()
}

/// Returns the faults of all unknown keys, except for variables that hold a token of a session.
fn unknown_keys(raw: &Raw, tokens: &BTreeSet<String>) -> Vec<ConfigFault> {
    let mut faults = Vec::new();
    walk(raw, &raw.table, &KeyPath::default(), &mut |found| {
        if !(found.place.layer == LayerKind::Environment && tokens.contains(found.place.name())) {
            faults.push(unknown_key(found));
        }
    });
    faults
}

fn walk(raw: &Raw, table: &Dict, path: &KeyPath, refuse: &mut impl FnMut(At<()>)) {
    for (key, value) in table {
        let path = path.child(key);
        if !path.is_known() {
            let place = raw.place(&path, value);
            refuse(At {
                value: (),
                path,
                place,
            });
        } else if let Value::Dict(_, table) = value {
            // A value in the place of a table is refused by its reader.
            if path.holds_names() || SchemaTable::at(&path).is_some() {
                walk(raw, table, &path, refuse);
            }
        }
    }
}

/// Creates the fault of a key or a variable that sets nothing.
fn unknown_key(found: At<()>) -> ConfigFault {
    if found.place.layer == LayerKind::Environment {
        return environment::unknown(found.place);
    }
    let key = found.path.last();
    let table = found.path.parent().unwrap_or_default();
    let allowed = SchemaTable::at(&table)
        .map(SchemaTable::names)
        .unwrap_or_default();
    let fault = found.fault("there is no such key").about_the_key();
    let fault = match key::nearest(key, allowed.iter().copied()) {
        Some(candidate) => fault.label(&format!("did you mean {candidate}?")),
        None if key == "token" && is_pool(&table) => {
            fault.label("each file in token_dir is the token of one session")
        }
        None if key == "token" => fault.label("each session has its own"),
        None if is_of_a_session(key) => fault.label("a key of [defaults] or of a session"),
        None => fault.label("unknown"),
    };
    let place = match table.to_string() {
        top if top.is_empty() => "here".to_owned(),
        table => format!("in {table}"),
    };
    fault.help(&format!("the keys {place} are {}", allowed.join(", ")))
}

fn is_pool(table: &KeyPath) -> bool {
    table.keys().next() == Some("pools")
}

fn is_of_a_session(key: &str) -> bool {
    SESSION_OPTIONS.iter().any(|option| option.name == key)
}
