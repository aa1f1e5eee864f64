//! Describes a configuration in words: each value and its origin.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::key::KeyPath;
use super::load::Loaded;
use super::redact;
use super::schema::Key;
use crate::keeper::Intent;

/// The width, in characters, up to which values affect the alignment of the origins.
const VALUE_WIDTH_MAX: usize = 40;

/// The origin of a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// The value was not set.
    Default,
    /// The value was not set, and its default depends on the intent.
    DefaultFor(Intent),
    /// A line of the file, counted from 1.
    File { name: Arc<str>, line: usize },
    /// The variable or the flag of this name.
    Outside(Box<str>),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::DefaultFor(intent) => write!(formatter, "default for {}", intent.as_str()),
            Self::File { name, line } => write!(formatter, "line {line} of {name}"),
            Self::Outside(name) => formatter.write_str(name),
        }
    }
}

/// The effective values, in words: each session and pool, then the settings common to all.
#[derive(Clone, Debug, Default)]
pub(super) struct Description(BTreeMap<Block, Vec<ConfigRow>>);

/// A part of the description, in the order of the output.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Block {
    Session(String),
    Pool(String),
    Http,
    Daemon,
    Hook(String),
}

impl fmt::Display for Block {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(name) => write!(formatter, "session {name}"),
            Self::Pool(name) => write!(formatter, "pool {name}"),
            Self::Http => formatter.write_str("http"),
            Self::Daemon => formatter.write_str("daemon"),
            Self::Hook(name) => write!(formatter, "hook {name}"),
        }
    }
}

/// One line: a label, the value in words, and the origin of the value.
#[derive(Clone, Debug)]
struct ConfigRow {
    label: String,
    value: String,
    origin: Origin,
}

impl Description {
    /// Adds the value of a key of this table.
    pub(super) fn add(&mut self, table: &KeyPath, key: &Key, value: String, origin: Origin) {
        let table: Vec<_> = table.keys().collect();
        let name = key.name.replace('_', " ");
        let (block, name) = match table.as_slice() {
            // These values are shown where they apply.
            ["defaults"] => return,
            ["sessions", session] => (Block::Session((*session).to_owned()), name),
            ["pools", pool] => (Block::Pool((*pool).to_owned()), name),
            ["hooks", hook] => (Block::Hook((*hook).to_owned()), name),
            ["http"] => (Block::Http, name),
            [] => (Block::Daemon, name),
            tables => (Block::Daemon, format!("{} {name}", tables.join(" "))),
        };
        self.0.entry(block).or_default().push(ConfigRow {
            label: key.label.map_or(name, str::to_owned),
            value,
            origin,
        });
    }
}

impl Loaded {
    /// Describes the configuration: each session and pool, then the settings common to all.
    ///
    /// Fits 80 columns as long as names and paths are short.
    #[must_use]
    pub fn describe(&self) -> String {
        let rows = || self.description.0.values().flatten();
        let width = rows()
            .map(|row| row.value.chars().count())
            .filter(|width| *width <= VALUE_WIDTH_MAX)
            .max()
            .unwrap_or_default();
        let labels = rows().map(|row| row.label.chars().count());
        let label_width = labels.max().unwrap_or_default();
        let blocks = self.description.0.iter().map(|(block, rows)| {
            let rows = rows.iter().map(|row| {
                let ConfigRow {
                    label,
                    value,
                    origin,
                } = row;
                format!("  {label:<label_width$}  {value:<width$}  {origin}\n")
            });
            format!("{block}\n{}", rows.collect::<String>())
        });
        redact::clean(&blocks.collect::<Vec<_>>().join("\n"))
    }
}
