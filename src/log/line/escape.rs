//! Escapes text from outside, so that it cannot end a line, control a terminal or change the
//! writing direction.

use std::fmt::{self, Write as _};

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
            assert_eq!(
                value,
                serde_json::from_str::<serde_json::Value>(&escaped).unwrap()
            );
        }
    }
}
