//! Text from elsewhere that cannot end a line, colour a terminal or turn the direction of what follows.

use std::fmt::{self, Write as _};

/// Shows the text with its control and direction characters written out: `\n`, `\u{1b}`.
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

/// Whether the character ends a line, steers a terminal, or moves or hides others.
pub(super) fn is_harmful(character: char) -> bool {
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
}
