//! Formats a record as one JSON object per line, for machines.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::Value;

use super::{LogRecord, is_harmful};

/// The keys that every line may have. An event field with such a name is prefixed: `field.level`.
const OURS: [&str; 4] = ["timestamp", "level", "target", "message"];

pub(super) fn render(record: &LogRecord<'_>, at: Timestamp) -> String {
    let mut line = String::with_capacity(512);
    line.push('{');
    put(&mut line, "timestamp", &format!("{at:.3}").into());
    put(&mut line, "level", &record.level.as_str().into());
    if !record.is_sentence() {
        put(&mut line, "target", &record.target.into());
    }
    put(&mut line, "message", &record.message.as_str().into());
    for (name, value) in &record.fields {
        if OURS.contains(name) {
            put(&mut line, &format!("field.{name}"), value);
        } else {
            put(&mut line, name, value);
        }
    }
    line.push_str("}\n");
    line
}

fn put(line: &mut String, name: &str, value: &Value) {
    if !line.ends_with('{') {
        line.push(',');
    }
    push(line, &Value::from(name));
    line.push(':');
    push(line, value);
}

/// Appends the value as compact JSON, with characters escaped that a terminal would interpret.
fn push(line: &mut String, value: &Value) {
    for character in value.to_string().chars() {
        if is_harmful(character) {
            // Writing to a string does not fail.
            let _always = write!(line, "\\u{:04x}", u32::from(character));
        } else {
            line.push(character);
        }
    }
}
