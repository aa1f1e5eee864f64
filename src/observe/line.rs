//! What an event becomes: one line, in one of four forms, or an entry of the journal, whatever is in it.

mod escape;
mod json;
mod native;
mod plain;

pub(crate) use escape::Escaped;

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
    /// For what leads to the journal, which knows the time: the level as `<6>` and the sentence.
    Journal,
    /// One JSON object.
    Json,
}

/// An event, taken apart.
#[derive(Debug)]
pub(super) struct Record<'a> {
    level: Level,
    target: &'a str,
    /// The file and line of its origin.
    code: Option<(&'a str, u32)>,
    message: String,
    fields: Vec<(&'static str, Value)>,
}

impl<'a> Record<'a> {
    pub(super) fn of(event: &Event<'a>) -> Self {
        let metadata = event.metadata();
        let mut record = Self {
            level: *metadata.level(),
            target: metadata.target(),
            code: metadata.file().zip(metadata.line()),
            message: String::new(),
            fields: Vec::new(),
        };
        event.record(&mut record);
        record
    }

    /// That so many records before this were not told.
    pub(super) fn of_dropped(dropped: u64) -> Self {
        let plural = if dropped == 1 { "" } else { "s" };
        Self {
            level: Level::WARN,
            target: TARGET,
            code: None,
            message: format!("{dropped} line{plural} dropped: nobody took the log for a while"),
            fields: vec![
                ("event", "lines_dropped".into()),
                ("dropped", dropped.into()),
            ],
        }
    }

    /// The record as it is written to standard error, line ending included.
    pub(super) fn line(&self, form: Form, at: Timestamp) -> String {
        match form {
            Form::Plain | Form::Coloured | Form::Journal => plain::render(form, self, at),
            Form::Json => json::render(self, at),
        }
    }

    /// The record as it is sent to the journal.
    pub(super) fn entry(&self) -> Vec<u8> {
        native::render(self)
    }

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
