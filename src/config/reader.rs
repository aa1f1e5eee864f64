//! Reads the tree as written, key by key: returns valid values and records faults.
//!
//! *Invariant*: a key that is present but returns nothing has recorded a fault, so a
//! configuration that was read without faults contains everything that was written.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::Display;
use std::time::Duration;

use figment::value::{Dict, Value};
use jiff::SignedDuration;
use jiff::fmt::friendly::SpanParser;

use super::describe::{Description, Origin};
use super::fault::ConfigFault;
use super::key::{self, KeyPath};
use super::raw::{LayerKind, Place, Raw};
use super::redact;
use super::schema::{Key, Kind, SchemaTable};

/// A value and the place where it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) path: KeyPath,
    pub(super) place: Place,
}

impl<T> At<T> {
    /// Creates a fault of this value. A variable or a flag is named by the place, a value of the
    /// file by its key.
    pub(super) fn fault(&self, title: &str) -> ConfigFault {
        let title = match self.place.layer {
            LayerKind::File => format!("{}: {title}", self.path),
            LayerKind::Environment | LayerKind::Flags => title.to_owned(),
        };
        ConfigFault::at(self.place.clone(), title)
    }

    pub(super) fn with<U>(&self, value: U) -> At<U> {
        At {
            value,
            path: self.path.clone(),
            place: self.place.clone(),
        }
    }
}

/// The reason for which a value is invalid.
pub(super) struct ParseProblem {
    title: String,
    /// The values that are allowed, if this is more precise than the schema.
    allowed: Option<String>,
    help: Option<String>,
}

impl ParseProblem {
    pub(super) fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            allowed: None,
            help: None,
        }
    }

    /// Creates the problem of a text, which the title begins with, quoted or hidden.
    pub(super) fn about(text: &str, title: impl Display) -> Self {
        Self::new(format!("{} {title}", redact::quoted(text)))
    }

    pub(super) fn allowed(self, allowed: impl Into<String>) -> Self {
        Self {
            allowed: Some(allowed.into()),
            ..self
        }
    }

    pub(super) fn help(self, help: Option<String>) -> Self {
        Self { help, ..self }
    }
}

/// The faults and the rows that readers record.
#[derive(Default)]
pub(super) struct Records {
    pub(super) faults: RefCell<Vec<ConfigFault>>,
    pub(super) description: RefCell<Description>,
}

/// A reader of one table of the tree.
#[derive(Clone)]
pub(super) struct TableReader<'a> {
    pub(super) raw: &'a Raw,
    records: &'a Records,
    path: KeyPath,
    table: Option<&'a Dict>,
    /// The table whose values stand in for those that this one does not set.
    defaults: Option<&'a TableReader<'a>>,
}

impl<'a> TableReader<'a> {
    /// Creates a reader of the whole tree.
    pub(super) fn new(raw: &'a Raw, records: &'a Records) -> Self {
        Self {
            raw,
            records,
            path: KeyPath::default(),
            table: Some(&raw.table),
            defaults: None,
        }
    }

    /// Records a fault.
    pub(super) fn note(&self, fault: ConfigFault) {
        self.records.faults.borrow_mut().push(fault);
    }

    /// Records a fault of this value.
    pub(super) fn refuse<T>(&self, found: &At<T>, kind: &Kind, problem: ParseProblem) {
        let allowed = problem.allowed.unwrap_or_else(|| kind.allowed());
        let fault = found.fault(&problem.title).label(&allowed);
        self.note(match problem.help {
            Some(help) => fault.help(&help),
            None => fault,
        });
    }

    /// Records the effective value of a key, in words, for the description of the configuration.
    pub(super) fn record(&self, name: &str, value: String, origin: Origin) {
        let mut description = self.records.description.borrow_mut();
        description.add(&self.path, self.key(name), value, origin);
    }

    /// Returns the value of a key, of any type.
    pub(super) fn value(&self, key: &str) -> Option<At<&'a Value>> {
        let value = self.table?.get(key)?;
        let path = self.path.child(key);
        let place = self.raw.place(&path, value);
        Some(At { value, path, place })
    }

    /// Returns a reader of the table of this key; it is empty if there is no table.
    pub(super) fn table(&self, key: &str) -> Self {
        let table = self.value(key).and_then(|found| {
            if let Value::Dict(_, table) = found.value {
                return Some(table);
            }
            let title = format!("{} where a table belongs", kind_of(found.value));
            let fault = found.fault(&title).label("not a table");
            let help = match SchemaTable::at(&found.path) {
                Some(table) => {
                    format!(
                        "the keys of {} are: {}",
                        found.path,
                        table.names().join(", ")
                    )
                }
                None => format!("each is a table of its own: [{}.NAME]", found.path),
            };
            self.note(fault.help(&help));
            None
        });
        Self {
            path: self.path.child(key),
            table,
            defaults: None,
            ..*self
        }
    }

    /// Returns the value of a key that holds a table or a list of tables, with a reader of each
    /// table. The defaults stand in for a key that is not set.
    pub(super) fn tables(&self, key: &str) -> Option<(At<&'a Value>, Vec<Self>)> {
        let found = match (self.value(key), self.defaults) {
            (None, Some(defaults)) => return defaults.tables(key),
            (found, _) => found?,
        };
        let reader = |path, table| Self {
            path,
            table: Some(table),
            defaults: None,
            ..self.clone()
        };
        let tables = match found.value {
            Value::Dict(_, table) => Some(vec![reader(found.path.clone(), table)]),
            Value::Array(_, values) => {
                let tables = values.iter().enumerate().map(|(position, value)| {
                    let table = value.as_dict()?;
                    Some(reader(found.path.element(position), table))
                });
                tables.collect()
            }
            Value::String(..)
            | Value::Char(..)
            | Value::Bool(..)
            | Value::Num(..)
            | Value::Empty(..) => None,
        };
        if tables.is_none() {
            let title = format!("{} where a table belongs", kind_of(found.value));
            self.refuse(&found, &self.key(key).kind, ParseProblem::new(title));
        }
        Some((found, tables.unwrap_or_default()))
    }

    /// Records a fault of each key of this table that the schema does not know.
    pub(super) fn refuse_unknown(&self) {
        let known = SchemaTable::at(&self.path).map(SchemaTable::names);
        let known = known.unwrap_or_default();
        for key in self.keys().filter(|key| !known.contains(key)) {
            if let Some(found) = self.value(key) {
                let fault = found.fault("there is no such key").about_the_key();
                let fault = match key::nearest(key, known.iter().copied()) {
                    Some(candidate) => fault.label(&format!("did you mean {candidate}?")),
                    None => fault.label("unknown"),
                };
                self.note(fault.help(&format!(
                    "the keys of a {} are {}",
                    self.path.list_name(),
                    known.join(", ")
                )));
            }
        }
    }

    /// Returns a reader that reads the keys which this table does not set from another table.
    pub(super) fn with_defaults(self, defaults: &'a TableReader<'a>) -> Self {
        Self {
            defaults: Some(defaults),
            ..self
        }
    }

    /// Returns the keys of this table.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.table
            .into_iter()
            .flat_map(Dict::keys)
            .map(String::as_str)
    }

    /// Returns the written value of a key, converted by `parse`. It is not recorded.
    pub(super) fn find<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str, &Kind) -> Result<T, ParseProblem>,
    ) -> Option<At<T>> {
        let kind = &self.key(name).kind;
        let defaults = || self.defaults.and_then(|defaults| defaults.value(name));
        let found = self.value(name).or_else(defaults)?;
        match text_of(&found, kind).and_then(|text| parse(&text, kind)) {
            Ok(value) => Some(found.with(value)),
            Err(problem) => {
                self.refuse(&found, kind, problem);
                None
            }
        }
    }

    /// Returns the value of a key that has a default. A wrong value is reported and replaced by
    /// the default.
    pub(super) fn get<T>(
        &self,
        name: &str,
        parse: impl Fn(&str, &Kind) -> Result<T, ParseProblem>,
        describe: impl FnOnce(&T) -> String,
    ) -> T {
        let key = self.key(name);
        let (value, origin) = match self.find(name, &parse) {
            Some(found) => (Some(found.value), self.raw.origin(&found.place)),
            None => (key.parse_default(parse), Origin::Default),
        };
        let value = value.expect("the key has a valid default in the schema");
        self.record(name, (key.phrase)(describe(&value)), origin);
        value
    }

    /// Returns the value of a key that has no default.
    pub(super) fn get_optional<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str, &Kind) -> Result<T, ParseProblem>,
        describe: impl FnOnce(&T) -> String,
    ) -> Option<At<T>> {
        let found = self.find(name, parse);
        self.record_optional(name, found.as_ref(), describe);
        found
    }

    /// Returns the value of a key that holds a list of texts, which `parse` converts. It is not
    /// recorded.
    pub(super) fn list<T>(
        &self,
        name: &str,
        parse: impl FnOnce(Vec<&'a str>) -> Result<T, ParseProblem>,
    ) -> Option<At<T>> {
        let found = self.value(name)?;
        let parsed = match found.value {
            Value::Array(_, values) => values
                .iter()
                .map(|value| {
                    let problem = || ParseProblem::new("holds something other than text");
                    value.as_str().ok_or_else(problem)
                })
                .collect::<Result<_, _>>()
                .and_then(parse),
            Value::String(..)
            | Value::Char(..)
            | Value::Bool(..)
            | Value::Num(..)
            | Value::Empty(..)
            | Value::Dict(..) => {
                let title = format!("{} where a list belongs", kind_of(found.value));
                Err(ParseProblem::new(title))
            }
        };
        match parsed {
            Ok(parsed) => Some(found.with(parsed)),
            Err(problem) => {
                self.refuse(&found, &self.key(name).kind, problem);
                None
            }
        }
    }

    /// Records the value of a key that has no default.
    pub(super) fn record_optional<T>(
        &self,
        name: &str,
        found: Option<&At<T>>,
        describe: impl FnOnce(&T) -> String,
    ) {
        let key = self.key(name);
        let (text, origin) = match found {
            Some(found) => (
                (key.phrase)(describe(&found.value)),
                self.raw.origin(&found.place),
            ),
            None => (key.effect().to_owned(), Origin::Default),
        };
        self.record(name, text, origin);
    }

    /// Returns the meaning of a word.
    pub(super) fn word<T: Copy>(&self, name: &str, all: &[T], as_str: fn(T) -> &'static str) -> T {
        let parse = |text: &str, _: &Kind| word(text, all, as_str, "not a choice");
        self.get(name, parse, |value| as_str(*value).to_owned())
    }

    /// Returns a duration.
    pub(super) fn duration(&self, name: &str) -> Duration {
        self.get(name, duration, |value| exact_duration(*value))
    }

    /// Returns a whole number.
    pub(super) fn number<T: TryFrom<u32> + ToString>(&self, name: &str) -> T {
        self.get(name, number, T::to_string)
    }

    /// Returns the row of a key in the schema.
    pub(super) fn key(&self, name: &str) -> &'static Key {
        let key = SchemaTable::at(&self.path).and_then(|table| table.key(name));
        key.expect("only keys of the schema are read")
    }
}

/// Returns the text of a value of this kind. In variables and flags, a number is text.
fn text_of<'a>(found: &At<&'a Value>, kind: &Kind) -> Result<Cow<'a, str>, ParseProblem> {
    let is_in_file = found.place.layer == LayerKind::File;
    match (kind, found.value) {
        (Kind::Number(_), Value::Num(_, number)) => {
            let number = number.to_i128().map(|number| number.to_string());
            Ok(number.unwrap_or_default().into())
        }
        (Kind::Number(_), Value::String(_, text)) if !is_in_file => Ok(text.trim().into()),
        (Kind::Number(_), value) => {
            let title = format!("{} where a number belongs", kind_of(value));
            Err(ParseProblem::new(title))
        }
        (Kind::Duration(_) | Kind::Margin(_), Value::Num(..)) => {
            Err(ParseProblem::new("a number without a unit"))
        }
        (_, Value::String(_, text)) if text.chars().any(char::is_control) => {
            Err(ParseProblem::new("holds a control character"))
        }
        (_, Value::String(_, text)) => Ok(text.into()),
        (_, value) => {
            let title = format!("{} where text belongs", kind_of(value));
            Err(ParseProblem::new(title))
        }
    }
}

/// Returns the type of a value in words.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::String(..) | Value::Char(..) => "text",
        Value::Bool(..) => "true or false",
        Value::Num(..) => "a number",
        Value::Empty(..) => "a date",
        Value::Dict(..) => "a table",
        Value::Array(..) => "a list",
    }
}

/// Returns the meaning of a word; `verdict` completes the message about another text.
pub(super) fn word<T: Copy>(
    text: &str,
    all: &[T],
    as_str: fn(T) -> &'static str,
    verdict: &str,
) -> Result<T, ParseProblem> {
    let found = all.iter().copied().find(|value| as_str(*value) == text);
    found.ok_or_else(|| {
        let candidate = key::nearest(text, all.iter().copied().map(as_str));
        let help = candidate.map(|candidate| format!("did you mean \"{candidate}\"?"));
        ParseProblem::new(format!("{} is {verdict}", redact::quoted(text))).help(help)
    })
}

/// Parses a whole number.
fn number<T: TryFrom<u32>>(text: &str, kind: &Kind) -> Result<T, ParseProblem> {
    let number = match (kind, text.parse()) {
        (Kind::Number(range), Ok(number)) if range.contains(&number) => T::try_from(number).ok(),
        _ => None,
    };
    number.ok_or_else(|| ParseProblem::new("the number is out of range"))
}

/// Parses a duration with its units: `15m`, `1h 30m`, `500ms`.
pub(super) fn duration(text: &str, kind: &Kind) -> Result<Duration, ParseProblem> {
    let problem = |reason: &str| {
        let title = format!("{} {reason}", redact::quoted(text));
        Err(ParseProblem::new(title))
    };
    let bare = text.trim();
    if !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_digit()) {
        return problem("has no unit");
    }
    let Ok(signed) = SpanParser::new().parse_duration(bare) else {
        return problem("is not a duration");
    };
    match (kind, Duration::try_from(signed)) {
        (Kind::Duration(range) | Kind::Margin(range), Ok(duration))
            if range.contains(&duration) =>
        {
            Ok(duration)
        }
        _ => problem("is out of range"),
    }
}

/// Formats a duration as the configuration file would: `1h 30m`.
pub(crate) fn exact_duration(duration: Duration) -> String {
    SignedDuration::try_from(duration)
        .map_or_else(|_| format!("{duration:?}"), |signed| format!("{signed:#}"))
}
