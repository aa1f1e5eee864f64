//! The configuration as written: layers merged by figment, each value with the place it came from.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use figment::value::{Dict, Map, Value};
use figment::{Error, Figment, Metadata, Profile, Provider};

use super::key::KeyPath;

/// The layers above the defaults; a later one has the last word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum LayerKind {
    /// The file.
    File,
    /// The environment.
    Environment,
    /// The command line.
    Flags,
}

impl LayerKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Environment => "environment",
            Self::Flags => "flags",
        }
    }
}

/// A range of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    pub(super) fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Self {
        Self {
            start: range.start,
            end: range.end,
        }
    }
}

/// Where a value was written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Place {
    pub(super) layer: LayerKind,
    /// `NAME=value` or `--flag value`, fit to be shown; empty in the file, which is kept once.
    pub(super) line: Arc<str>,
    pub(super) key: Span,
    pub(super) value: Span,
}

impl Place {
    /// In the file.
    pub(super) fn in_file(key: impl Into<Span>, value: impl Into<Span>) -> Self {
        Self {
            layer: LayerKind::File,
            line: Arc::from(""),
            key: key.into(),
            value: value.into(),
        }
    }

    /// Outside the file: a name and a value that is fit to be shown.
    pub(super) fn outside(layer: LayerKind, name: &str, shown: &str) -> Self {
        let between = if layer == LayerKind::Flags { " " } else { "=" };
        let line = format!("{name}{between}{shown}");
        Self {
            layer,
            key: Span::from(0..name.len()),
            value: Span::from(name.len() + between.len()..line.len()),
            line: line.into(),
        }
    }

    /// The name of the variable or the flag; empty in the file.
    pub(super) fn name(&self) -> &str {
        self.line.get(self.key.range()).unwrap_or_default()
    }
}

/// What one layer says, and where.
pub(super) struct Layer {
    pub(super) kind: LayerKind,
    pub(super) table: Dict,
    pub(super) places: BTreeMap<KeyPath, Place>,
}

/// A name that is a value and a table at once, or a value twice.
pub(super) struct SaidBefore(pub(super) Place);

impl Layer {
    pub(super) fn new(kind: LayerKind) -> Self {
        Self {
            kind,
            table: Dict::new(),
            places: BTreeMap::new(),
        }
    }

    /// Puts one value, which came as text.
    pub(super) fn insert(
        &mut self,
        path: &KeyPath,
        text: &str,
        place: &Place,
    ) -> Result<(), SaidBefore> {
        let mut table = &mut self.table;
        let mut here = KeyPath::default();
        let said_before = |places: &BTreeMap<KeyPath, Place>, here| {
            SaidBefore(places.get(here).unwrap_or(place).clone())
        };
        for key in path.keys().take(path.keys().count().saturating_sub(1)) {
            here = here.child(key);
            let next = table
                .entry(key.to_owned())
                .or_insert_with(|| Value::from(Dict::new()));
            let Value::Dict(_, next) = next else {
                return Err(said_before(&self.places, &here));
            };
            self.places
                .entry(here.clone())
                .or_insert_with(|| place.clone());
            table = next;
        }
        if table.contains_key(path.last()) {
            return Err(said_before(&self.places, path));
        }
        table.insert(path.last().to_owned(), Value::from(text));
        self.places.insert(path.clone(), place.clone());
        Ok(())
    }
}

impl Provider for &Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.kind.as_str())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Profile::Default.collect(self.table.clone()))
    }
}

/// The configuration as written.
pub(super) struct Raw {
    pub(super) table: Dict,
    /// The folder of the file: relative paths in the file start here.
    pub(super) folder: PathBuf,
    layers: Vec<Layer>,
    figment: Figment,
}

impl Raw {
    /// Merges the layers, the last of which has the last word.
    pub(super) fn new(layers: Vec<Layer>, folder: PathBuf) -> Self {
        let figment = layers.iter().fold(Figment::new(), Figment::merge);
        let table = figment
            .data()
            .expect("a layer has been read before it is merged")
            .remove(&Profile::Default)
            .unwrap_or_default();
        Self {
            table,
            folder,
            layers,
            figment,
        }
    }

    /// Where the value that has the last word was written.
    pub(super) fn place(&self, path: &KeyPath, value: &Value) -> Place {
        self.figment
            .get_metadata(value.tag())
            .and_then(|metadata| {
                let is_it = |layer: &&Layer| layer.kind.as_str() == metadata.name;
                self.layers.iter().find(is_it)
            })
            .and_then(|layer| layer.places.get(path))
            .cloned()
            .expect("a layer knows the place of each value that it gave")
    }

    /// Every key that somebody wrote, and where.
    pub(super) fn places(&self) -> Vec<(KeyPath, Place)> {
        let mut found = Vec::new();
        self.collect_places(&self.table, &KeyPath::default(), &mut found);
        found
    }

    fn collect_places(&self, table: &Dict, path: &KeyPath, found: &mut Vec<(KeyPath, Place)>) {
        for (key, value) in table {
            let path = path.child(key);
            if let Value::Dict(_, table) = value {
                self.collect_places(table, &path, found);
            }
            let place = self.place(&path, value);
            found.push((path, place));
        }
    }
}
