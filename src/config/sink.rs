//! Reads the sinks: the files that hold a session's token for applications.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::describe::Origin;
use super::fault::ConfigFault;
use super::model::{PoolConfig, SessionConfig, SessionName};
use super::reader::{At, ParseProblem, TableReader};
use super::redact;
use super::schema::Kind;
use super::source;
use crate::token::{SESSION_PLACEHOLDER, Sink, SinkFormat};

/// The largest number of sinks of a session.
const SINKS_MAX: usize = 16;

/// The longest name of a user or a group.
const NAME_LENGTH_MAX: usize = 32;

/// The sessions to which a table applies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SinkScope {
    /// One session.
    One,
    /// All sessions, or those of a pool: a path must contain the name of the session.
    Many,
}

/// Reads the key `sink` of a table.
pub(super) fn read(table: &TableReader<'_>, scope: SinkScope) -> Vec<Sink> {
    let Some((found, tables)) = table.tables("sink") else {
        table.record(
            "sink",
            table.key("sink").effect().to_owned(),
            Origin::Default,
        );
        return Vec::new();
    };
    if tables.len() > SINKS_MAX {
        let fault = found.fault("has too many sinks");
        table.note(fault.label(&format!("at most {SINKS_MAX}")));
    }
    let sinks = tables.iter().filter_map(|table| sink(table, &found, scope));
    let sinks: Vec<_> = sinks.collect();
    let texts = sinks.iter().map(describe).collect::<Vec<_>>();
    table.record("sink", texts.join(", "), table.raw.origin(&found.place));
    sinks
}

fn describe(sink: &Sink) -> String {
    let accounts = [("owner", &sink.owner), ("group", &sink.group)];
    let accounts = accounts.map(|(kind, name)| {
        let name = name.as_ref();
        name.map_or_else(String::new, |name| format!(", {kind} {name}"))
    });
    let (file, format) = (sink.file.display(), sink.format.as_str());
    format!("{file} ({format}, {:04o}{})", sink.mode, accounts.concat())
}

fn sink<T>(table: &TableReader<'_>, found: &At<T>, scope: SinkScope) -> Option<Sink> {
    table.refuse_unknown();
    let file = table.find("file", |text, _| path(text, scope));
    if table.value("file").is_none() {
        let fault = found.fault("a sink without a file");
        table.note(fault.help("write it like this:\nsink = { file = \"/run/wallboard/token\" }"));
    }
    let format = table.find("format", |text, _| {
        let known = |format: &SinkFormat| format.as_str() == text;
        let title = format!("{} is not a format", redact::quoted(text));
        let format = SinkFormat::ALL.into_iter().find(known);
        format.ok_or_else(|| ParseProblem::new(title))
    });
    let mode = table.find("mode", mode);
    Some(Sink {
        file: file?.value,
        format: format.map(|found| found.value).unwrap_or_default(),
        mode: mode.map_or(0o600, |found| found.value),
        owner: table.find("owner", account).map(|found| found.value),
        group: table.find("group", account).map(|found| found.value),
    })
}

fn path(text: &str, scope: SinkScope) -> Result<PathBuf, ParseProblem> {
    let path = source::absolute_file(text)?;
    if scope == SinkScope::Many && !text.contains(SESSION_PLACEHOLDER) {
        let title = "has no {name}, so that several sessions would write the same file";
        return Err(ParseProblem::about(text, title));
    }
    Ok(path)
}

fn mode(text: &str, _: &Kind) -> Result<u32, ParseProblem> {
    let is_octal = (3..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let mode = is_octal
        .then(|| u32::from_str_radix(text, 8).ok())
        .flatten();
    match mode {
        Some(mode) if mode <= 0o777 && mode & 0o400 != 0 => Ok(mode),
        _ => Err(ParseProblem::about(text, "is not such a mode")),
    }
}

fn account(text: &str, _: &Kind) -> Result<String, ParseProblem> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-$".contains(&byte);
    if redact::is_like_a_token(text) {
        Err(source::pasted())
    } else if !text.is_empty() && text.len() <= NAME_LENGTH_MAX && text.bytes().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err(ParseProblem::about(text, "is not a name"))
    }
}

/// Records a fault for each sink that is another session's sink or a source of a token: the daemon
/// would read its own writing, or one session would overwrite the token of another.
pub(super) fn refuse_conflicts(
    top: &TableReader<'_>,
    sessions: &BTreeMap<SessionName, SessionConfig>,
    pools: &BTreeMap<SessionName, PoolConfig>,
) {
    let of_sessions = sessions
        .iter()
        .map(|(name, config)| ("sessions", name, config));
    let templates = pools
        .iter()
        .map(|(name, pool)| ("pools", name, pool.template()));
    let all: Vec<_> = of_sessions.chain(templates).collect();
    let mut earlier: Vec<(&Path, &SessionName)> = Vec::new();
    for (kind, name, config) in &all {
        for sink in &config.sinks {
            let file = sink.file.as_path();
            let is_in_pool = |pool: &&PoolConfig| file.parent() == Some(pool.token_dir());
            let source = all.iter().find(|(kind, _, config)| {
                *kind == "sessions"
                    && config
                        .token
                        .secret_file()
                        .is_some_and(|source| is_same(source, file))
            });
            let same = earlier.iter().find(|(other, _)| may_be_same(other, file));
            let title = if let Some((_, source, config)) = source {
                let what = match config.token.mint() {
                    Some(_) => "its client's secret",
                    None => "its token",
                };
                format!("a sink is the file from which session {source} reads {what}")
            } else if pools.values().any(|pool| is_in_pool(&pool)) {
                "a sink is in the directory of a pool, which would read it as a session".to_owned()
            } else if let Some((_, other)) = same {
                format!("a sink is also one of {other}")
            } else {
                earlier.push((file, name));
                continue;
            };
            top.note(fault(top, kind, name, &title).label("each sink is a file of its own"));
        }
    }
}

fn fault(top: &TableReader<'_>, kind: &str, name: &SessionName, title: &str) -> ConfigFault {
    let table = top.table(kind).table(name.as_str());
    let found = table.value("sink");
    match found.or_else(|| top.table("defaults").value("sink")) {
        Some(found) => found.fault(title),
        None => ConfigFault::nowhere(title),
    }
}

fn is_same(source: &Path, sink: &Path) -> bool {
    std::path::absolute(source).is_ok_and(|source| source == sink)
}

/// Returns true if both are the same path for some name of a session in the place of `{name}`.
fn may_be_same(one: &Path, other: &Path) -> bool {
    let (one, other) = (one.to_string_lossy(), other.to_string_lossy());
    let matches = |pattern: &str, path: &str| {
        let parts = pattern.split_once(SESSION_PLACEHOLDER);
        parts.is_some_and(|(start, end)| {
            let name = path
                .strip_prefix(start)
                .and_then(|rest| rest.strip_suffix(end));
            name.is_some_and(|name| SessionName::new(name).is_ok())
        })
    };
    one == other || matches(&one, &other) || matches(&other, &one)
}
