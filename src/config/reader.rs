//! Walks the tree as written, key by key: gives what is sound and notes what is wrong.
//!
//! *Invariant*: a key that is there and gives nothing has left a fault, so a
//! configuration read without faults is what was written.

use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::time::Duration;

use figment::value::{Dict, Value};
use jiff::SignedDuration;
use jiff::fmt::friendly::SpanParser;

use super::fault::Fault;
use super::key::{self, KeyPath};
use super::mask;
use super::raw::{LayerKind, Place, Raw};

/// A value and where it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) path: KeyPath,
    pub(super) place: Place,
}

impl<T> At<T> {
    /// A fault of this value. Variables and flags name themselves, a file's value is named by its key.
    pub(super) fn fault(&self, title: &str) -> Fault {
        let title = match self.place.layer {
            LayerKind::File => format!("{}: {title}", self.path),
            LayerKind::Environment | LayerKind::Flags => title.to_owned(),
        };
        Fault::at(self.place.clone(), title)
    }

    pub(super) fn with<U>(&self, value: U) -> At<U> {
        At {
            value,
            path: self.path.clone(),
            place: self.place.clone(),
        }
    }
}

/// Why a text does not mean anything: what it is, and what would be right.
pub(super) struct Complaint {
    pub(super) title: String,
    pub(super) allowed: String,
    pub(super) help: Option<String>,
}

impl Complaint {
    pub(super) fn new(title: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            allowed: allowed.into(),
            help: None,
        }
    }
}

/// One table of the tree.
pub(super) struct Reader<'a> {
    pub(super) raw: &'a Raw,
    faults: &'a RefCell<Vec<Fault>>,
    path: KeyPath,
    table: Option<&'a Dict>,
}

impl<'a> Reader<'a> {
    /// The top of the tree.
    pub(super) fn new(raw: &'a Raw, faults: &'a RefCell<Vec<Fault>>) -> Self {
        Self {
            raw,
            faults,
            path: KeyPath::default(),
            table: Some(&raw.table),
        }
    }

    /// Notes a fault.
    pub(super) fn note(&self, fault: Fault) {
        self.faults.borrow_mut().push(fault);
    }

    /// The value of a key, whatever it is.
    pub(super) fn value(&self, key: &str) -> Option<At<&'a Value>> {
        let value = self.table?.get(key)?;
        let path = self.path.child(key);
        let place = self.raw.place(&path, value);
        Some(At { value, path, place })
    }

    /// The table of this key; empty if there is none.
    pub(super) fn table(&self, key: &str) -> Self {
        let table = self.value(key).and_then(|found| {
            if let Value::Dict(_, table) = found.value {
                return Some(table);
            }
            let known = found.path.allowed().unwrap_or_default().join(", ");
            let title = format!("{} where a table belongs", what(found.value));
            let fault = found.fault(&title).label("not a table");
            self.note(if found.path.holds_names() {
                let each = format!("each is a table of its own: [{}.NAME]", found.path);
                fault.help(&each)
            } else {
                fault.help(&format!("the keys of {} are: {known}", found.path))
            });
            None
        });
        Self {
            raw: self.raw,
            faults: self.faults,
            path: self.path.child(key),
            table,
        }
    }

    /// The keys of this table.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.table
            .into_iter()
            .flat_map(Dict::keys)
            .map(String::as_str)
    }

    /// A text that means something.
    pub(super) fn text<T>(
        &self,
        key: &str,
        allowed: &str,
        meaning: impl FnOnce(&'a str) -> Result<T, Complaint>,
    ) -> Option<At<T>> {
        let found = self.value(key)?;
        let meant = match found.value.as_str() {
            Some(text) if text.chars().any(char::is_control) => {
                Err(Complaint::new("holds a control character", allowed))
            }
            Some(text) => meaning(text),
            None => Err(Complaint::new(
                format!("{} where text belongs", what(found.value)),
                allowed,
            )),
        };
        match meant {
            Ok(value) => Some(found.with(value)),
            Err(complaint) => {
                let fault = found.fault(&complaint.title).label(&complaint.allowed);
                self.note(match complaint.help {
                    Some(help) => fault.help(&help),
                    None => fault,
                });
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Option<At<T>> {
        let names = || words.iter().map(|(name, _)| *name);
        let quoted: Vec<_> = names().map(|name| format!("\"{name}\"")).collect();
        let allowed = format!("one of {}", quoted.join(", "));
        self.text(key, &allowed, |text| {
            let found = words.iter().find(|(name, _)| *name == text);
            found.map(|(_, meaning)| *meaning).ok_or_else(|| Complaint {
                title: format!("{} is not a choice", mask::quoted(text)),
                allowed: allowed.clone(),
                help: key::nearest(text, names()).map(|near| format!("did you mean \"{near}\"?")),
            })
        })
    }

    /// A duration within limits.
    pub(super) fn duration(
        &self,
        key: &str,
        limits: RangeInclusive<Duration>,
    ) -> Option<At<Duration>> {
        let allowed = allowed_duration(&limits);
        if let Some(fault) = self.number_without_unit(key, &allowed) {
            self.note(fault);
            return None;
        }
        self.text(key, &allowed, |text| duration(text, &limits))
    }

    /// A bare number where a duration belongs.
    pub(super) fn number_without_unit(&self, key: &str, allowed: &str) -> Option<Fault> {
        let found = self.value(key)?;
        matches!(found.value, Value::Num(..))
            .then(|| found.fault("a number without a unit").label(allowed))
    }

    /// A whole number within limits. Variables hold it as text.
    pub(super) fn number(&self, key: &str, limits: RangeInclusive<u32>) -> Option<At<u32>> {
        let found = self.value(key)?;
        let allowed = format!("a whole number from {} to {}", limits.start(), limits.end());
        let outside = found.place.layer != LayerKind::File;
        let number = match found.value {
            Value::String(_, text) if outside => text.trim().parse().ok(),
            Value::Num(_, number) => number
                .to_i128()
                .and_then(|number| u32::try_from(number).ok()),
            Value::String(..)
            | Value::Char(..)
            | Value::Bool(..)
            | Value::Empty(..)
            | Value::Dict(..)
            | Value::Array(..) => {
                let title = format!("{} where a number belongs", what(found.value));
                self.note(found.fault(&title).label(&allowed));
                return None;
            }
        };
        match number {
            Some(number) if limits.contains(&number) => Some(found.with(number)),
            _ => {
                self.note(found.fault("the number is out of range").label(&allowed));
                None
            }
        }
    }
}

/// What somebody wrote, in words.
pub(super) fn what(value: &Value) -> &'static str {
    match value {
        Value::String(..) | Value::Char(..) => "text",
        Value::Bool(..) => "true or false",
        Value::Num(..) => "a number",
        Value::Empty(..) => "a date",
        Value::Dict(..) => "a table",
        Value::Array(..) => "a list",
    }
}

/// Which durations are allowed, in words.
pub(super) fn allowed_duration(limits: &RangeInclusive<Duration>) -> String {
    let (from, to) = (in_words(*limits.start()), in_words(*limits.end()));
    format!(
        "a duration from {from} to {to}, such as \"{}\"",
        in_words(*limits.end() / 4)
    )
}

/// A duration with its units: `15m`, `1h 30m`, `500ms`.
pub(super) fn duration(
    text: &str,
    limits: &RangeInclusive<Duration>,
) -> Result<Duration, Complaint> {
    let complain = |what: &str| {
        let title = format!("{} {what}", mask::quoted(text));
        Err(Complaint::new(title, allowed_duration(limits)))
    };
    let bare = text.trim();
    if !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_digit()) {
        return complain("has no unit");
    }
    let Ok(signed) = SpanParser::new().parse_duration(bare) else {
        return complain("is not a duration");
    };
    match Duration::try_from(signed) {
        Ok(duration) if limits.contains(&duration) => Ok(duration),
        Ok(_) | Err(_) => complain("is out of range"),
    }
}

/// A duration as one would write it.
pub(crate) fn in_words(duration: Duration) -> String {
    SignedDuration::try_from(duration)
        .map_or_else(|_| format!("{duration:?}"), |signed| format!("{signed:#}"))
}
