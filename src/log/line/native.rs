//! Formats a record in the journal's native form, so that `journalctl SESSION=wallboard` finds it.
//!
//! See <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/> and systemd.journal-fields(7).

use serde_json::Value;

use super::{Escaped, LogRecord, plain};

/// The syslog identifier in the journal, independent of the program file's name.
const IDENTIFIER: &str = "session-keepalive";

/// The maximum length of a field name in the journal, in bytes.
const NAME_LENGTH_MAX: usize = 64;

/// The prefixes of field names that have a meaning to the journal.
///
/// A field with such a name, which another crate may log, is prefixed with [`OTHERS`].
const RESERVED: [&str; 12] = [
    "MESSAGE",
    "PRIORITY",
    "SYSLOG_",
    "CODE_",
    "TARGET",
    "OBJECT_",
    "COREDUMP_",
    "INVOCATION_ID",
    "USER_",
    "UNIT",
    "ERRNO",
    "TID",
];

const OTHERS: &str = "FIELD_";

pub(super) fn render(record: &LogRecord<'_>) -> Vec<u8> {
    let mut datagram = Vec::with_capacity(512);
    put(&mut datagram, "MESSAGE", &plain::message(record));
    let priority = plain::priority(record.level).to_string();
    put(&mut datagram, "PRIORITY", &priority);
    put(&mut datagram, "SYSLOG_IDENTIFIER", IDENTIFIER);
    if !record.is_sentence() {
        put(&mut datagram, "TARGET", record.target);
        if let Some((file, line)) = record.code {
            put(&mut datagram, "CODE_FILE", file);
            put(&mut datagram, "CODE_LINE", &line.to_string());
        }
    }
    for (name, value) in &record.fields {
        // The message of a sentence already contains its errors.
        let is_in_message = *name == "errors" && record.is_sentence();
        if let (false, Some(name)) = (is_in_message, name_of(name)) {
            put_value(&mut datagram, &name, value);
        }
    }
    datagram
}

fn put_value(datagram: &mut Vec<u8>, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::String(text) => put(datagram, name, &Escaped(text).to_string()),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            put(datagram, name, &value.to_string());
        }
    }
}

/// Appends a field. A value of several lines is preceded by its length, so that no line of it can
/// pass for a field of its own.
fn put(datagram: &mut Vec<u8>, name: &str, value: &str) {
    datagram.extend_from_slice(name.as_bytes());
    if value.contains('\n') {
        datagram.push(b'\n');
        datagram.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        datagram.push(b'=');
    }
    datagram.extend_from_slice(value.as_bytes());
    datagram.push(b'\n');
}

/// Returns the name as the journal requires it: upper case letters, digits and underscores, with a
/// letter first. Returns `None` if nothing remains of the name.
fn name_of(name: &str) -> Option<String> {
    let plain = |character: char| match character.to_ascii_uppercase() {
        letter @ ('A'..='Z' | '0'..='9') => letter,
        _ => '_',
    };
    let upper: String = name.chars().map(plain).collect();
    let upper = upper.trim_start_matches('_');
    let begins_badly = upper.starts_with(|first: char| first.is_ascii_digit());
    let is_reserved = RESERVED.iter().any(|start| upper.starts_with(start));
    let mut name = if begins_badly || is_reserved {
        format!("{OTHERS}{upper}")
    } else {
        upper.to_owned()
    };
    name.truncate(NAME_LENGTH_MAX);
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_the_journal_takes() {
        for (name, taken) in [
            ("session", Some("SESSION")),
            ("correlation_id", Some("CORRELATION_ID")),
            ("log.target", Some("LOG_TARGET")),
            ("_pid", Some("PID")),
            ("message_id", Some("FIELD_MESSAGE_ID")),
            ("priority", Some("FIELD_PRIORITY")),
            ("3rd", Some("FIELD_3RD")),
            ("a=b\n", Some("A_B_")),
            ("__", None),
        ] {
            assert_eq!(name_of(name).as_deref(), taken);
        }
        assert_eq!(name_of(&"a".repeat(100)).map(|name| name.len()), Some(64));
    }
}
