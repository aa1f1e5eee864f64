//! Reads the configuration file: TOML with the position of every key and value.

use std::ops::Range;
use std::path::Path;

use figment::value::{Dict, Empty, Value};
use toml_edit::{Document, Item, TableLike};

use super::fault::ConfigFault;
use super::key::KeyPath;
use super::raw::{ByteRange, Layer, LayerKind, Place};
use super::redact::{self, Redacted};
use super::schema::Kind;
use crate::sys::files;
use crate::sys::files::OpenError;

/// The longest file that is read, in MiB.
const MEBIBYTES_MAX: u64 = 1;

/// The content of a file: its redacted text, and its values.
pub(super) struct ConfigText {
    pub(super) shown: String,
    pub(super) layer: Result<Layer, Box<ConfigFault>>,
}

/// Reads and parses the file.
pub(super) fn read(path: &Path) -> ConfigText {
    match read_text(path) {
        Ok(text) => parse(&text),
        Err(fault) => ConfigText {
            shown: String::new(),
            layer: Err(fault),
        },
    }
}

fn read_text(path: &Path) -> Result<String, Box<ConfigFault>> {
    let name = redact::quoted(&path.display().to_string());
    let bytes = files::read_whole(path, MEBIBYTES_MAX).map_err(|error| {
        ConfigFault::nowhere(match error {
            OpenError::TooLong(_) => format!("{name} is longer than 1 MiB"),
            error @ (OpenError::NotAFile
            | OpenError::Directory
            | OpenError::LeadsOut
            | OpenError::Failed(_)) => {
                format!("cannot read {name}: {error}")
            }
        })
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let sound = error.utf8_error().valid_up_to();
        let lines = error.as_bytes()[..sound]
            .iter()
            .filter(|byte| **byte == b'\n');
        let line = lines.count() + 1;
        ConfigFault::nowhere(format!("{name} is not UTF-8 text: see line {line}")).into()
    })
}

/// Parses the text of a file.
pub(super) fn parse(text: &str) -> ConfigText {
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            return ConfigText {
                shown: redact::unparsed(text),
                layer: Err(Box::new(syntax(text, &error))),
            };
        }
    };
    let mut walk = Walk {
        text,
        layer: Layer::new(LayerKind::File),
        redacted: Redacted::of(text),
    };
    let table = walk.table(document.as_table(), &KeyPath::default());
    walk.layer.table = table;
    ConfigText {
        shown: walk.redacted.finish(),
        layer: Ok(walk.layer),
    }
}

fn syntax(text: &str, error: &toml_edit::TomlError) -> ConfigFault {
    let first = error.message().lines().next().unwrap_or("not TOML");
    let end = text.trim_end().len();
    let span = match error.span() {
        Some(span) if span.start < end => span,
        // At the end of the text there is no character to mark, so the last one is marked.
        _ => text[..end].char_indices().last().map_or(0, |(at, _)| at)..end,
    };
    let title = match first {
        "duplicate key" => "a key is written twice",
        _ => "the file is not TOML",
    };
    ConfigFault::at(Place::in_file(0..0, span), title).label(first)
}

/// A conversion of a document into a layer that also redacts the text.
struct Walk<'a> {
    text: &'a str,
    layer: Layer,
    redacted: Redacted,
}

impl Walk<'_> {
    fn table(&mut self, table: &dyn TableLike, path: &KeyPath) -> Dict {
        let mut dict = Dict::new();
        for (name, item) in table.iter() {
            let path = path.child(name);
            let key: ByteRange = table
                .get_key_value(name)
                .and_then(|(key, _)| key.span())
                .unwrap_or_default()
                .into();
            // The span of a table includes its contents, so its name stands for it.
            let value = match item {
                Item::Value(value) => value.span().map_or(key, ByteRange::from),
                Item::None | Item::Table(_) | Item::ArrayOfTables(_) => key,
            };
            let place = Place::in_file(key.range(), value.range());
            self.layer.places.insert(path.clone(), place);
            dict.insert(name.to_owned(), self.item(item, &path, value));
        }
        dict
    }

    fn item(&mut self, item: &Item, path: &KeyPath, span: ByteRange) -> Value {
        if let Some(table) = item.as_table_like() {
            return Value::from(self.table(table, path));
        }
        if let Some(tables) = item.as_array_of_tables() {
            let tables = tables.iter().enumerate();
            let tables = tables.map(|(position, table)| self.table(table, &path.element(position)));
            return Value::from(tables.map(Value::from).collect::<Vec<_>>());
        }
        if let Some(array) = item.as_array() {
            // The arguments of a command may be secret, so only the program is shown.
            let visible = match path.key().map(|key| &key.kind) {
                Some(Kind::Command) => 1,
                Some(Kind::List(_)) => usize::MAX,
                // The values of its tables are shown or hidden one by one.
                _ if path.is_listed() => usize::MAX,
                _ => 0,
            };
            for value in array.iter().skip(visible) {
                self.redacted.hide(value.span().unwrap_or_default());
            }
            let values = array.iter().enumerate().map(|(position, value)| {
                match (value.as_str(), value.as_inline_table()) {
                    (Some(text), _) => {
                        if visible == usize::MAX {
                            self.hide_user(Some(text), value.span().unwrap_or_default());
                        }
                        Value::from(text)
                    }
                    (None, Some(table)) if path.is_listed() => {
                        Value::from(self.table(table, &path.element(position)))
                    }
                    (None, _) => {
                        self.redacted.hide(value.span().unwrap_or_default());
                        Value::from(Empty::Unit)
                    }
                }
            });
            return Value::from(values.collect::<Vec<_>>());
        }
        let is_shown = path
            .key()
            .is_some_and(|key| !matches!(key.kind, Kind::Command));
        if is_shown {
            self.hide_user(item.as_str(), span.range());
        } else {
            self.redacted.hide(span.range());
        }
        scalar(item)
    }

    /// Hides the user and the password of a URL, or the whole value if escapes prevent the
    /// recognition of a secret in the written text.
    fn hide_user(&mut self, text: Option<&str>, range: Range<usize>) {
        let is_disguised = text.is_some_and(|text| {
            let is_plain = self.text[range.clone()].contains(text);
            !is_plain && (text.contains('@') || redact::is_like_a_token(text))
        });
        if is_disguised {
            self.redacted.hide(range);
        } else {
            self.redacted.hide_user(range);
        }
    }
}

/// Converts a scalar. No key accepts a date, so dates become [`Empty`].
fn scalar(item: &Item) -> Value {
    if let Some(text) = item.as_str() {
        Value::from(text)
    } else if let Some(number) = item.as_integer() {
        Value::from(number)
    } else if let Some(number) = item.as_float() {
        Value::from(number)
    } else if let Some(boolean) = item.as_bool() {
        Value::from(boolean)
    } else {
        Value::from(Empty::Unit)
    }
}
