//! Formats an event as one line, in one of four forms, or as an entry of the journal.
//!
//! Whatever text an event contains, it must not end the line early, control a terminal or change
//! the writing direction, so text from outside is escaped.

mod json;
mod native;
mod plain;

use std::fmt::{self, Write as _};

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

/// Displays a text with its control and direction characters escaped: `\n`, `\u{1b}`.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(position) = rest.find(is_harmful) {
            let (harmless, harmful) = rest.split_at(position);
            formatter.write_str(harmless)?;
            let mut characters = harmful.chars();
            for escaped in characters.next().into_iter().flat_map(char::escape_default) {
                formatter.write_char(escaped)?;
            }
            rest = characters.as_str();
        }
        formatter.write_str(rest)
    }
}

/// Returns the JSON with all characters escaped that JSON allows but a terminal interprets.
///
/// Such characters occur only inside strings. Line endings occur only between values, where they
/// are layout, and are kept.
pub(crate) fn escape_json(json: String) -> String {
    // ASCII without DEL needs no escaping: JSON strings contain no raw control characters.
    if json.bytes().all(|byte| byte < 0x7f) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 64);
    for character in json.chars() {
        if is_harmful(character) && character != '\n' {
            // Writing to a string does not fail.
            let _always = write!(escaped, "\\u{:04x}", u32::from(character));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Returns true if the character ends a line, controls a terminal, or moves or hides other text.
pub(crate) fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_written_out() {
        for (text, shown) in [
            ("Zürich AG", "Zürich AG"),
            ("", ""),
            ("a\r\n2026 INFO b", "a\\r\\n2026 INFO b"),
            ("\u{1b}[31mred\u{7}", "\\u{1b}[31mred\\u{7}"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("a\u{202e}b\u{2028}", "a\\u{202e}b\\u{2028}"),
        ] {
            assert_eq!(Escaped(text).to_string(), shown);
        }
    }

    #[test]
    fn json_keeps_its_meaning_and_its_layout() {
        let value = serde_json::json!({ "a": "Zürich\u{202e}\u{9b}2J\u{7f}\n\u{feff}", "b": 1 });
        for text in [value.to_string(), format!("{value:#}")] {
            let escaped = escape_json(text);
            let harmless = |character| !is_harmful(character) || character == '\n';
            assert!(escaped.chars().all(harmless), "{escaped}");
            assert!(escaped.contains("Zürich\\u202e\\u009b2J\\u007f\\n\\ufeff"));
            assert_eq!(value, serde_json::from_str::<Value>(&escaped).unwrap());
        }
    }
}
