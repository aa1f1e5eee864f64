//! Formats a record as plain text for people: for a terminal, a file or the journal.

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use serde_json::Value;
use tracing::Level;

use super::{Escaped, LineFormat, LogRecord};

pub(super) fn render(form: LineFormat, record: &LogRecord<'_>, at: Timestamp) -> String {
    let mut line = String::with_capacity(256);
    // Writing to a string does not fail.
    let _always = write(&mut line, form, record, at);
    line
}

fn write(
    line: &mut String,
    form: LineFormat,
    record: &LogRecord<'_>,
    at: Timestamp,
) -> fmt::Result {
    start(line, form, record.level, at)?;
    write_rest(line, form, record)
}

/// Returns the record's text without time and level, which the reader shows itself, and without
/// the last line's ending.
pub(super) fn message(record: &LogRecord<'_>) -> String {
    let mut message = String::with_capacity(256);
    // Writing to a string does not fail.
    let _always = write_rest(&mut message, LineFormat::Plain, record);
    message.truncate(message.trim_end_matches('\n').len());
    message
}

fn write_rest(line: &mut String, form: LineFormat, record: &LogRecord<'_>) -> fmt::Result {
    if !record.is_sentence() {
        write!(line, "{}: ", Escaped(record.target))?;
    }
    write!(line, "{}", Escaped(&record.message))?;
    for (name, value) in &record.fields {
        // Genesys support asks for the correlation id when something went wrong. Lines at INFO
        // report no problem, so they stay short.
        let is_for_support = *name == "correlation_id" && record.level != Level::INFO;
        if !record.is_sentence() || is_for_support {
            write_field(line, name, value)?;
        }
    }
    line.push('\n');
    for (name, value) in &record.fields {
        if let ("errors", true, Value::String(errors)) = (*name, record.is_sentence(), value) {
            write_below(line, form, record.level, errors)?;
        }
    }
    Ok(())
}

fn start(line: &mut String, form: LineFormat, level: Level, at: Timestamp) -> fmt::Result {
    match form {
        LineFormat::Plain => write!(line, "{at:.3} {level:<5} "),
        LineFormat::Coloured => {
            let colour = colour(level);
            write!(
                line,
                "\x1b[2m{at:.3}\x1b[0m \x1b[{colour}m{level:<5}\x1b[0m "
            )
        }
        LineFormat::Journal => write!(line, "<{}>", priority(level)),
        LineFormat::Json => Ok(()),
    }
}

fn write_field(line: &mut String, name: &str, value: &Value) -> fmt::Result {
    match value {
        Value::String(text) if text.is_empty() || text.contains([' ', '"', '=']) => {
            write!(line, " {name}=\"{}\"", Escaped(&text.replace('"', "\\\"")))
        }
        Value::String(text) => write!(line, " {name}={}", Escaped(text)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            write!(line, " {name}={value}")
        }
    }
}

/// Writes lines that belong to the line above. They are indented, so that none of them can pass
/// for an event.
fn write_below(line: &mut String, form: LineFormat, level: Level, text: &str) -> fmt::Result {
    for below in text.lines() {
        if form == LineFormat::Journal {
            write!(line, "<{}>", priority(level))?;
        }
        writeln!(line, "    {}", Escaped(below))?;
    }
    Ok(())
}

/// Returns the priority of the level in sd-daemon(3) and syslog(3).
pub(super) fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

fn colour(level: Level) -> u8 {
    match level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 32,
        Level::DEBUG => 34,
        Level::TRACE => 35,
    }
}
