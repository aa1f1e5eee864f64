//! What an event becomes: one line, in one of four forms, whatever is in it.

mod escape;
mod json;
mod plain;

use std::fmt;

use jiff::Timestamp;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use super::TARGET;

/// The form of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// For people: `2026-11-24T08:00:00.123Z INFO  wallboard …`.
    Plain,
    /// The same in colour.
    Coloured,
    /// For the journal, which knows the time: the level as `<6>` and the sentence.
    Journal,
    /// One JSON object.
    Json,
}

/// An event, taken apart.
#[derive(Debug)]
struct Record<'a> {
    level: Level,
    target: &'a str,
    message: String,
    fields: Vec<(&'static str, Value)>,
}

/// The event as it is written, line ending included.
pub(super) fn render(form: Form, event: &Event<'_>, at: Timestamp) -> String {
    let metadata = event.metadata();
    let mut record = Record {
        level: *metadata.level(),
        target: metadata.target(),
        message: String::new(),
        fields: Vec::new(),
    };
    event.record(&mut record);
    match form {
        Form::Plain | Form::Coloured | Form::Journal => plain::render(form, &record, at),
        Form::Json => json::render(&record, at),
    }
}

impl Record<'_> {
    /// Whether it is one of our sentences, which stands for itself.
    fn is_sentence(&self) -> bool {
        self.target == TARGET
    }

    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(message)) => self.message = message,
            (name, value) => self.fields.push((name, value)),
        }
    }
}

impl Visit for Record<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
}
