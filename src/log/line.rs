//! Formats an event as one line, in one of four forms, or as an entry of the journal.
//!
//! Whatever text an event contains, it must not end the line early or control a terminal.

mod escape;
mod json;
mod native;
mod plain;

use std::fmt;

pub(crate) use escape::{Escaped, escape_json, is_harmful};
use jiff::Timestamp;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use super::TARGET;
use crate::status::phrases::counted;

/// The form of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LineFormat {
    /// Plain text for people: `2026-11-24T08:00:00.123Z INFO  wallboard …`.
    Plain,
    /// The plain form in colour.
    Coloured,
    /// The level as `<6>` and the sentence, for a stream that the journal reads and timestamps.
    Journal,
    /// One JSON object per line.
    Json,
}

/// The parts of an event.
#[derive(Debug)]
pub(crate) struct LogRecord<'a> {
    level: Level,
    target: &'a str,
    /// The source file and line of the event's origin.
    code: Option<(&'a str, u32)>,
    message: String,
    fields: Vec<(&'static str, Value)>,
}

impl<'a> LogRecord<'a> {
    pub(crate) fn of(event: &Event<'a>) -> Self {
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

    /// Returns a warning that this many records before it were dropped.
    pub(crate) fn of_dropped(dropped: u64) -> Self {
        Self {
            level: Level::WARN,
            target: TARGET,
            code: None,
            message: format!(
                "{} dropped: the reader of the log was too slow",
                counted(dropped, "line")
            ),
            fields: vec![
                ("event", "lines_dropped".into()),
                ("dropped", dropped.into()),
            ],
        }
    }

    /// Returns the text for standard error, including the line ending.
    pub(crate) fn line(&self, form: LineFormat, at: Timestamp) -> String {
        match form {
            LineFormat::Plain | LineFormat::Coloured | LineFormat::Journal => {
                plain::render(form, self, at)
            }
            LineFormat::Json => json::render(self, at),
        }
    }

    /// Returns the datagram for the journal.
    pub(crate) fn entry(&self) -> Vec<u8> {
        native::render(self)
    }

    /// Returns true if the message is a sentence of this module, which needs no fields or target.
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

impl Visit for LogRecord<'_> {
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
