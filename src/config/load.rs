//! Loads a configuration: reads the layers, merges them and builds a checked [`Config`].

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::address::ApiBase;
use super::describe::Description;
use super::fault::Errors;
use super::flags::{self, Flags};
use super::key::KeyPath;
use super::model::{
    Config, LogConfig, LogFormat, LogLevel, MetricsConfig, PoolConfig, ShutdownConfig, StatusConfig,
};
use super::proxy::{ProxyVariables, UnusableVariable};
use super::raw::Raw;
use super::reader::{Records, TableReader};
use super::sessions::Common;
use super::shard::Shard;
use super::sink;
use super::{environment, file, hooks, pools, sessions, settings, unknown};
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
}

impl Loaded {
    /// Returns true if this key is set: `["sessions", "wallboard", "intent"]`.
    ///
    /// The key itself is looked up, not the one in `[defaults]` that stands in for it.
    #[must_use]
    pub fn is_set(&self, keys: &[&str]) -> bool {
        self.written.contains(&KeyPath::of(keys.iter().copied()))
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
    faults.extend(unknown::refuse(&raw, &variables_with_tokens(&config)));
    if faults.is_empty() {
        Ok(Loaded {
            config,
            api: common.api(),
            description: records.description.take(),
            written: raw.paths(),
        })
    } else {
        Err(Errors::new(layers.file, text, faults))
    }
}

fn read_config(
    top: &TableReader<'_>,
    common: &Common<'_>,
    proxies: Result<ProxyVariables, UnusableVariable>,
) -> Config {
    let sessions = sessions::read(top, common);
    let pools = pools::read(top, common);
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

fn home(environment: &[(OsString, OsString)]) -> Option<PathBuf> {
    let (_, home) = environment.iter().find(|(name, _)| name == "HOME")?;
    Some(PathBuf::from(home)).filter(|home| home.is_absolute())
}

fn variables_with_tokens(config: &Config) -> BTreeSet<String> {
    let sources = config.sessions.values().map(|session| &session.token);
    sources
        .filter_map(Source::variable)
        .map(str::to_owned)
        .collect()
}
