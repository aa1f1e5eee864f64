//! Reads single fields of a JSON object: a field of a wrong type counts as absent and never
//! affects the others.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

/// A JSON object, unknown fields included.
pub(super) type Fields = Map<String, Value>;

/// Parses the body as a JSON object; returns `None` for anything else.
pub(super) fn object(body: &[u8]) -> Option<Fields> {
    // Most other bodies are not JSON either; this check saves an error of the parser, which
    // allocates.
    if !body.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    serde_json::from_slice(body).ok()
}

/// Parses the body as a JSON object of which only the fields with these names are kept; returns
/// `None` for anything else.
pub(super) fn object_with(body: &[u8], names: &[&str]) -> Option<Fields> {
    struct Kept<'a>(&'a [&'a str]);

    impl<'de> Visitor<'de> for Kept<'_> {
        type Value = Fields;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Fields, A::Error> {
            let mut fields = Fields::new();
            while let Some(name) = object.next_key::<Cow<'_, str>>()? {
                if self.0.contains(&&*name) {
                    fields.insert(name.into_owned(), object.next_value()?);
                } else {
                    object.next_value::<IgnoredAny>()?;
                }
            }
            Ok(fields)
        }
    }

    let mut parser = serde_json::Deserializer::from_slice(body);
    let fields = parser.deserialize_map(Kept(names)).ok()?;
    parser.end().is_ok().then_some(fields)
}

/// Returns the field as text.
pub(super) fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Value::as_str)
}

/// Returns the field as a boolean, in quotes or not.
pub(super) fn boolean(fields: &Fields, name: &str) -> Option<bool> {
    match fields.get(name)? {
        Value::Bool(value) => Some(*value),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Returns the field as a positive number of seconds: whole or not, in quotes or not.
pub(super) fn seconds(fields: &Fields, name: &str) -> Option<Duration> {
    let seconds = match fields.get(name)? {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| !duration.is_zero())
}

/// Returns the field as a whole number.
pub(super) fn whole(fields: &Fields, name: &str) -> Option<u64> {
    fields.get(name).and_then(Value::as_u64)
}

/// Returns the elements of the field; empty if it is not an array.
pub(super) fn elements<'a>(fields: &'a Fields, name: &str) -> &'a [Value] {
    fields
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Returns the printable ASCII characters of the text, at most `length_max` of them; `None` if no
/// character remains.
///
/// Log lines contain text of servers: a line break or an escape sequence could forge lines.
pub(super) fn printable_ascii(text: &str, length_max: usize) -> Option<Arc<str>> {
    let kept: String = text
        .chars()
        .filter(|character| matches!(character, ' '..='~'))
        .take(length_max)
        .collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.into())
}

/// Returns the text without control and direction characters, at most `length_max` characters.
pub(super) fn printable(text: &str, length_max: usize) -> Option<Arc<str>> {
    let kept: String = text
        .chars()
        .filter(|character| !character.is_control() && !is_directional(*character))
        .take(length_max)
        .collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.into())
}

/// Returns true if the character moves or hides others when it is displayed.
fn is_directional(character: char) -> bool {
    matches!(
        character,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read_from_whatever_holds_a_number_above_zero() {
        let fields = object(
            br#"{"a": 300, "b": 300.5, "c": "900", "d": 0, "e": -3, "f": "x", "g": null,
                "h": 1e300, "i": "inf", "j": "NaN", "k": [300], "l": 18446744073709551615}"#,
        )
        .unwrap();
        assert_eq!(seconds(&fields, "a"), Some(Duration::from_secs(300)));
        assert_eq!(seconds(&fields, "b"), Some(Duration::from_millis(300_500)));
        assert_eq!(seconds(&fields, "c"), Some(Duration::from_secs(900)));
        for name in ["d", "e", "f", "g", "h", "i", "j", "k", "l", "absent"] {
            assert_eq!(seconds(&fields, name), None, "{name}");
        }
    }

    #[test]
    fn what_could_forge_a_log_line_is_left_out() {
        assert_eq!(
            printable_ascii("bad\r\n\u{1b}[31mcodeü", 128).as_deref(),
            Some("bad[31mcode")
        );
        assert_eq!(printable_ascii("\n\t", 128), None);
        assert_eq!(
            printable_ascii(&"a".repeat(500), 128).map(|text| text.len()),
            Some(128)
        );
        assert_eq!(
            printable("Zürich\u{202e}\n AG", 128).as_deref(),
            Some("Zürich AG")
        );
    }

    #[test]
    fn deep_nesting_is_no_object_rather_than_a_stack_overflow() {
        let deep = [b"{\"a\":".repeat(50_000), b"1".to_vec()].concat();
        assert_eq!(object(&deep), None);
    }
}
