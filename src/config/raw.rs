//! The configuration as written: layers merged by figment, each value with its place.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use figment::value::{Dict, Map, Value};
use figment::{Error, Figment, Metadata, Profile, Provider};

use super::describe::Origin;
use super::key::KeyPath;

/// The layers above the defaults; a later one overrides those before it.
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
pub(super) struct ByteRange {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl ByteRange {
    pub(super) fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

impl From<Range<usize>> for ByteRange {
    fn from(range: Range<usize>) -> Self {
        Self {
            start: range.start,
            end: range.end,
        }
    }
}

/// The place where a value was written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Place {
    pub(super) layer: LayerKind,
    /// `NAME=value` or `--flag value`, redacted. Empty for the file, whose text is kept once.
    pub(super) line: Arc<str>,
    pub(super) key: ByteRange,
    pub(super) value: ByteRange,
}

impl Place {
    /// Creates a place in the file.
    pub(super) fn in_file(key: impl Into<ByteRange>, value: impl Into<ByteRange>) -> Self {
        Self {
            layer: LayerKind::File,
            line: Arc::from(""),
            key: key.into(),
            value: value.into(),
        }
    }

    /// Creates a place outside the file from a name and a redacted value.
    pub(super) fn outside(layer: LayerKind, name: &str, shown: &str) -> Self {
        let between = if layer == LayerKind::Flags { " " } else { "=" };
        let line = format!("{name}{between}{shown}");
        Self {
            layer,
            key: ByteRange::from(0..name.len()),
            value: ByteRange::from(name.len() + between.len()..line.len()),
            line: line.into(),
        }
    }

    /// Returns the name of the variable or the flag; empty in the file.
    pub(super) fn name(&self) -> &str {
        self.line.get(self.key.range()).unwrap_or_default()
    }
}

/// The values of one layer, and their places.
pub(super) struct Layer {
    pub(super) kind: LayerKind,
    pub(super) table: Dict,
    pub(super) places: BTreeMap<KeyPath, Place>,
}

/// A conflict: the name is both a value and a table, or has two values.
pub(super) struct Duplicate(pub(super) Place);

impl Layer {
    pub(super) fn new(kind: LayerKind) -> Self {
        Self {
            kind,
            table: Dict::new(),
            places: BTreeMap::new(),
        }
    }

    /// Inserts one value, which was read as text.
    pub(super) fn insert(
        &mut self,
        path: &KeyPath,
        text: &str,
        place: &Place,
    ) -> Result<(), Duplicate> {
        let mut table = &mut self.table;
        let mut here = KeyPath::default();
        let duplicate = |places: &BTreeMap<KeyPath, Place>, here| {
            Duplicate(places.get(here).unwrap_or(place).clone())
        };
        for key in path.keys().take(path.keys().count().saturating_sub(1)) {
            here = here.child(key);
            let next = table
                .entry(key.to_owned())
                .or_insert_with(|| Value::from(Dict::new()));
            let Value::Dict(_, next) = next else {
                return Err(duplicate(&self.places, &here));
            };
            self.places
                .entry(here.clone())
                .or_insert_with(|| place.clone());
            table = next;
        }
        if table.contains_key(path.last()) {
            return Err(duplicate(&self.places, path));
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
    /// The folder of the file: the base of relative paths in it.
    pub(super) folder: PathBuf,
    /// The directory of the user, if the environment names it.
    pub(super) home: Option<PathBuf>,
    file_name: Arc<str>,
    /// The positions of the line ends in the file.
    line_ends: Vec<usize>,
    layers: Vec<Layer>,
    figment: Figment,
}

impl Raw {
    /// Merges the layers; the last one takes precedence.
    ///
    /// `text` is the content of the file, `home` the directory of the user.
    pub(super) fn new(
        layers: Vec<Layer>,
        file: Option<&Path>,
        text: &str,
        home: Option<PathBuf>,
    ) -> Self {
        let figment = layers.iter().fold(Figment::new(), Figment::merge);
        let table = figment
            .data()
            .expect("a layer has been read before it is merged")
            .remove(&Profile::Default)
            .unwrap_or_default();
        let folder = file.and_then(Path::parent);
        let file_name = file.and_then(Path::file_name).unwrap_or_default();
        Self {
            table,
            folder: folder.map_or_else(PathBuf::new, Path::to_owned),
            home,
            file_name: file_name.to_string_lossy().into(),
            line_ends: text.match_indices('\n').map(|(at, _)| at).collect(),
            layers,
            figment,
        }
    }

    /// Returns the place of the value that takes precedence.
    pub(super) fn place(&self, path: &KeyPath, value: &Value) -> Place {
        self.figment
            .get_metadata(value.tag())
            .and_then(|metadata| {
                let is_origin = |layer: &&Layer| layer.kind.as_str() == metadata.name;
                self.layers.iter().find(is_origin)
            })
            .and_then(|layer| layer.places.get(path))
            .cloned()
            .expect("a layer knows the place of each value that it gave")
    }

    /// Returns every key that is set.
    pub(super) fn paths(&self) -> BTreeSet<KeyPath> {
        fn collect(table: &Dict, path: &KeyPath, found: &mut BTreeSet<KeyPath>) {
            for (key, value) in table {
                let path = path.child(key);
                if let Value::Dict(_, table) = value {
                    collect(table, &path, found);
                }
                found.insert(path);
            }
        }
        let mut found = BTreeSet::new();
        collect(&self.table, &KeyPath::default(), &mut found);
        found
    }

    /// Returns the origin of a value for people.
    pub(super) fn origin(&self, place: &Place) -> Origin {
        match place.layer {
            LayerKind::File => Origin::File {
                name: Arc::clone(&self.file_name),
                line: self
                    .line_ends
                    .partition_point(|end| *end < place.value.start)
                    + 1,
            },
            LayerKind::Environment | LayerKind::Flags => Origin::Outside(place.name().into()),
        }
    }
}
