//! Reads the file: TOML with the position of every key and value.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use figment::value::{Dict, Empty, Value};
use toml_edit::{Document, Item, TableLike};

use super::fault::Fault;
use super::key::KeyPath;
use super::mask::{self, Masked};
use super::raw::{Layer, LayerKind, Place, Span};

/// The longest file that is read, in bytes.
const LENGTH_MAX: u64 = 1 << 20;

/// A file that was read: its text fit to be shown, and what it says.
pub(super) struct Contents {
    pub(super) shown: String,
    pub(super) layer: Result<Layer, Box<Fault>>,
}

/// Reads and parses the file.
pub(super) fn read(path: &Path) -> Contents {
    match read_text(path) {
        Ok(text) => parse(&text),
        Err(fault) => Contents {
            shown: String::new(),
            layer: Err(fault),
        },
    }
}

fn read_text(path: &Path) -> Result<String, Box<Fault>> {
    let name = mask::quoted(&path.display().to_string());
    let cannot =
        |error: io::Error| Box::new(Fault::nowhere(format!("cannot read {name}: {error}")));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(cannot)?;
    file.take(LENGTH_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    if bytes.len() as u64 > LENGTH_MAX {
        return Err(Fault::nowhere(format!("{name} is longer than 1 MiB")).into());
    }
    String::from_utf8(bytes).map_err(|error| {
        let sound = error.utf8_error().valid_up_to();
        let lines = error.as_bytes()[..sound]
            .iter()
            .filter(|byte| **byte == b'\n');
        let line = lines.count() + 1;
        Fault::nowhere(format!("{name} is not UTF-8 text: see line {line}")).into()
    })
}

/// Parses the text of a file.
pub(super) fn parse(text: &str) -> Contents {
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            return Contents {
                shown: mask::unparsed(text),
                layer: Err(Box::new(syntax(text, &error))),
            };
        }
    };
    let mut walk = Walk {
        text,
        layer: Layer::new(LayerKind::File),
        masked: Masked::of(text),
    };
    let table = walk.table(document.as_table(), &KeyPath::default());
    walk.layer.table = table;
    Contents {
        shown: walk.masked.finish(),
        layer: Ok(walk.layer),
    }
}

fn syntax(text: &str, error: &toml_edit::TomlError) -> Fault {
    let first = error.message().lines().next().unwrap_or("not TOML");
    let end = text.trim_end().len();
    let span = match error.span() {
        Some(span) if span.start < end => span,
        // At the very end there is nothing to mark: the last character is marked.
        _ => text[..end].char_indices().last().map_or(0, |(at, _)| at)..end,
    };
    let title = match first {
        "duplicate key" => "a key is written twice",
        _ => "the file is not TOML",
    };
    Fault::at(Place::in_file(0..0, span), title).label(first)
}

/// Turns a document into a layer, and hides what must not be seen.
struct Walk<'a> {
    text: &'a str,
    layer: Layer,
    masked: Masked,
}

impl Walk<'_> {
    fn table(&mut self, table: &dyn TableLike, path: &KeyPath) -> Dict {
        let mut dict = Dict::new();
        for (name, item) in table.iter() {
            let path = path.child(name);
            let key: Span = table
                .get_key_value(name)
                .and_then(|(key, _)| key.span())
                .unwrap_or_default()
                .into();
            // A table is as long as its contents: its name stands for it.
            let value = match item {
                Item::Value(value) => value.span().map_or(key, Span::from),
                Item::None | Item::Table(_) | Item::ArrayOfTables(_) => key,
            };
            let place = Place::in_file(key.range(), value.range());
            self.layer.places.insert(path.clone(), place);
            dict.insert(name.to_owned(), self.item(item, &path, value));
        }
        dict
    }

    fn item(&mut self, item: &Item, path: &KeyPath, span: Span) -> Value {
        if let Some(table) = item.as_table_like() {
            return Value::from(self.table(table, path));
        }
        if let Some(tables) = item.as_array_of_tables() {
            let shape = path.child("[]");
            let tables = tables.iter().map(|table| self.table(table, &shape));
            return Value::from(tables.map(Value::from).collect::<Vec<_>>());
        }
        if let Some(array) = item.as_array() {
            // The arguments of a command are not ours to show.
            let sights = match path.last() {
                _ if !path.is_leaf() => 0,
                "command" => 1,
                "on" | "sessions" => usize::MAX,
                _ => 0,
            };
            for value in array.iter().skip(sights) {
                self.masked.hide(value.span().unwrap_or_default());
            }
            let texts = array.iter().map(|value| match value.as_str() {
                Some(text) => Value::from(text),
                None => Value::from(Empty::Unit),
            });
            return Value::from(texts.collect::<Vec<_>>());
        }
        if path.is_leaf() && path.last() != "command" && !self.is_disguised(item, span) {
            self.masked.hide_user(span.range());
        } else {
            self.masked.hide(span.range());
        }
        scalar(item)
    }

    /// Whether escapes keep a secret in a text from being recognised.
    fn is_disguised(&self, item: &Item, span: Span) -> bool {
        item.as_str().is_some_and(|text| {
            let is_plain = self.text[span.range()].contains(text);
            !is_plain && (text.contains('@') || mask::is_like_a_token(text))
        })
    }
}

/// Dates are wanted nowhere: they become [`Empty`].
fn scalar(item: &Item) -> Value {
    if let Some(text) = item.as_str() {
        Value::from(text)
    } else if let Some(number) = item.as_integer() {
        Value::from(number)
    } else if let Some(number) = item.as_float() {
        Value::from(number)
    } else if let Some(truth) = item.as_bool() {
        Value::from(truth)
    } else {
        Value::from(Empty::Unit)
    }
}
