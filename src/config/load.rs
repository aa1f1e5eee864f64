//! Loads a configuration: reads the layers, merges them, and makes of them what is meant.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::address::ApiBase;
use super::describe::Origins;
use super::fault::Errors;
use super::flags::{self, Flags};
use super::meant::Config;
use super::raw::Raw;
use super::reader::Reader;
use super::{environment, file, hooks, pools, sessions, settings, unknown};
use crate::token::Source;

/// Where a configuration comes from; each layer overrules those before it.
#[derive(Clone, Default)]
pub struct Layers<'a> {
    /// The file. Relative paths in it start at its folder.
    pub file: Option<&'a Path>,
    /// The environment, such as `std::env::vars_os().collect()`. Only names that begin with
    /// [`PREFIX`](super::PREFIX) are looked at.
    pub environment: Vec<(OsString, OsString)>,
    /// The flags of the command line.
    pub flags: Flags,
}

/// A configuration, and where each value of it came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What is meant.
    pub config: Config,
    /// The API of sessions that do not name their own, if anyone named one.
    pub api: Option<ApiBase>,
    pub(super) origins: Origins,
}

/// Loads a configuration.
///
/// # Errors
///
/// Everything that is wrong with it, at once.
pub fn load(layers: Layers<'_>) -> Result<Loaded, Errors> {
    let contents = layers.file.map(file::read);
    interpret(layers, contents)
}

/// Loads a configuration for whoever brings a token along: it may have no session.
///
/// # Errors
///
/// As from [`load`], but for that.
pub fn load_for_guest(layers: Layers<'_>) -> Result<Loaded, Errors> {
    let contents = layers.file.map(file::read);
    make_sense(layers, contents, Guest::Yes)
}

/// Makes sense of the layers and of the file that was read.
pub(super) fn interpret(
    layers: Layers<'_>,
    contents: Option<file::Contents>,
) -> Result<Loaded, Errors> {
    make_sense(layers, contents, Guest::No)
}

/// Whether a token is brought along.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guest {
    Yes,
    No,
}

fn make_sense(
    layers: Layers<'_>,
    contents: Option<file::Contents>,
    guest: Guest,
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
    merged.push(environment::read(layers.environment, &mut faults));
    merged.push(flags::read(layers.flags, &mut faults));
    if !is_readable {
        // What the file would have said is not known, so nothing is missed or contradicted.
        return Err(Errors::new(layers.file, text, faults));
    }
    let raw = Raw::new(merged, folder(layers.file));
    let faults = RefCell::new(faults);
    let top = Reader::new(&raw, &faults);
    let config = meaning(&top);
    let api = sessions::common_api(&top);
    if guest == Guest::No {
        sessions::demand_one(&top);
    }
    let mut faults = faults.into_inner();
    faults.extend(unknown::refuse(&raw, &variables_with_tokens(&config)));
    if faults.is_empty() {
        let origins = Origins::new(&raw, layers.file, &text);
        Ok(Loaded {
            config,
            api,
            origins,
        })
    } else {
        Err(Errors::new(layers.file, text, faults))
    }
}

fn meaning(top: &Reader<'_>) -> Config {
    let common = sessions::Common::read(top);
    Config {
        sessions: sessions::read(top, &common),
        pools: pools::read(top, &common),
        timeout_refresh: settings::timeout_refresh(top),
        ready_after: settings::ready_after(top),
        http: settings::http(top),
        shutdown: settings::shutdown(top),
        log: settings::log(top),
        status: settings::status(top),
        metrics: settings::metrics(top),
        hooks: hooks::read(top),
    }
}

fn folder(file: Option<&Path>) -> PathBuf {
    let folder = file.and_then(Path::parent);
    folder.map_or_else(PathBuf::new, Path::to_owned)
}

fn variables_with_tokens(config: &Config) -> BTreeSet<String> {
    let sources = config.sessions.values().map(|session| &session.token);
    sources
        .filter_map(|source| match source {
            Source::Env(name) => Some(name.clone()),
            Source::File(_) | Source::Credential(_) | Source::Command(_) => None,
        })
        .collect()
}
