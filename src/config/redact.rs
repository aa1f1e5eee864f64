//! Redacts possible secrets before text is shown.
//!
//! *Invariant*: a redacted text has the length of the original, byte for byte, so that positions
//! in one are positions in the other.

use std::ops::Range;

use super::key::KeyPath;
use super::schema;

/// The longest text that a message quotes, in characters.
const QUOTED_MAX: usize = 60;

/// The longest line that is shown of a variable or a flag, in characters.
const LINE_MAX: usize = 100;

/// The length, in bytes, from which a word of mixed case with digits is taken for a token.
const TOKEN_LENGTH_MIN: usize = 20;

/// The length, in bytes, from which any word in the output of a program is taken for a token.
const WORD_LENGTH_MAX: usize = 40;

/// A text, parts of which are hidden.
pub(super) struct Redacted(Vec<u8>);

impl Redacted {
    pub(super) fn of(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }

    /// Hides everything in the range except line breaks.
    pub(super) fn hide(&mut self, range: Range<usize>) {
        for byte in self.0.get_mut(range).into_iter().flatten() {
            if !matches!(byte, b'\n' | b'\r') {
                *byte = b'*';
            }
        }
    }

    /// Hides the user and the password of a URL: all between `://` (or the start) and the last `@`.
    pub(super) fn hide_user(&mut self, range: Range<usize>) {
        let Some(part) = self.0.get(range.clone()) else {
            return;
        };
        let Some(end) = part.iter().rposition(|byte| *byte == b'@') else {
            return;
        };
        let scheme = part.windows(3).position(|bytes| bytes == b"://");
        let start = scheme.map_or(0, |at| at + 3).min(end);
        self.hide(range.start + start..range.start + end);
    }

    /// Returns the text, with words that look like tokens hidden and control characters replaced.
    pub(super) fn finish(mut self) -> String {
        for range in words_like_tokens(&self.0) {
            self.hide(range);
        }
        let text = String::from_utf8_lossy(&self.0);
        let mut shown = String::with_capacity(text.len());
        for character in text.chars() {
            if character.is_control() && !matches!(character, '\n' | '\r' | '\t') {
                shown.extend(std::iter::repeat_n('?', character.len_utf8()));
            } else {
                shown.push(character);
            }
        }
        shown
    }
}

/// Returns a redacted value that was read as text, to be shown beside its key.
pub(super) fn value(path: &KeyPath, text: &str) -> String {
    let mut redacted = Redacted::of(text);
    if path.is_leaf() {
        redacted.hide_user(0..text.len());
    } else {
        redacted.hide(0..text.len());
    }
    line(&redacted.finish())
}

/// Returns a message with words that look like tokens hidden and control characters replaced.
#[must_use]
pub fn clean(text: &str) -> String {
    Redacted::of(text).finish()
}

/// Returns the output of a program, which may print a token of any form: long words with many digits,
/// very long words, and what follows `Bearer` or `Basic` are hidden.
#[must_use]
pub fn program_output(text: &str) -> String {
    let mut redacted = Redacted::of(text);
    let mut is_after_scheme = false;
    let mut start = 0;
    for part in text.split_inclusive(char::is_whitespace) {
        if is_after_scheme && !part.trim().is_empty() {
            redacted.hide(start..start + part.trim_end().len());
        }
        for word in words(part.as_bytes()) {
            let found = &part.as_bytes()[word.clone()];
            let digits = found.iter().filter(|byte| byte.is_ascii_digit()).count();
            // Names of sessions and hosts have few digits.
            let has_digits = digits * 8 >= found.len();
            if found.len() >= WORD_LENGTH_MAX || has_digits && found.len() >= TOKEN_LENGTH_MIN {
                redacted.hide(start + word.start..start + word.end);
            }
        }
        let is_letter = |character: char| character.is_ascii_alphabetic();
        let before = part.trim_end_matches(|character| !is_letter(character));
        let last = before
            .rsplit(|character| !is_letter(character))
            .next()
            .unwrap_or_default();
        is_after_scheme = ["bearer", "basic"]
            .iter()
            .any(|scheme| last.eq_ignore_ascii_case(scheme));
        start += part.len();
    }
    redacted.finish()
}

/// Returns the redacted text on one line of bounded length.
pub(super) fn line(text: &str) -> String {
    let mut shown = clean(text).replace(['\n', '\r', '\t'], "?");
    if let Some((end, _)) = shown.char_indices().nth(LINE_MAX) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

/// Returns the text between backticks for a message: words that look like tokens, and users and
/// passwords of URLs, are hidden, control characters are replaced, and its length is bounded.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut redacted = Redacted::of(text);
    redacted.hide_user(0..text.len());
    let shown = redacted.finish().replace(['\n', '\r', '\t'], "?");
    match shown.char_indices().nth(QUOTED_MAX) {
        Some((end, _)) => format!("`{}…`", &shown[..end]),
        None => format!("`{shown}`"),
    }
}

/// Redacts a file that could not be parsed: only values of known keys remain visible.
pub(super) fn unparsed(text: &str) -> String {
    let mut redacted = Redacted::of(text);
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        match line.split_once('=') {
            Some((key, _)) => {
                let value = start + key.len() + 1..end;
                let name = key.rsplit('.').next().unwrap_or(key).trim();
                if schema::is_shown(name) {
                    redacted.hide_user(value);
                } else {
                    redacted.hide(value);
                }
            }
            None if line.trim_start().starts_with(['[', '#']) => {}
            None => redacted.hide(start..end),
        }
        start = end;
    }
    redacted.finish()
}

/// Returns true if a text could contain a token: a long word of both cases, with digits.
pub(super) fn is_like_a_token(text: &str) -> bool {
    words_like_tokens(text.as_bytes()).next().is_some()
}

fn words_like_tokens(text: &[u8]) -> impl Iterator<Item = Range<usize>> + use<> {
    let is_like_a_token = |range: &Range<usize>| {
        let word = &text[range.clone()];
        word.len() >= TOKEN_LENGTH_MIN
            && word.iter().any(u8::is_ascii_uppercase)
            && word.iter().any(u8::is_ascii_lowercase)
            && word.iter().any(u8::is_ascii_digit)
    };
    let found: Vec<_> = words(text).filter(is_like_a_token).collect();
    found.into_iter()
}

/// Returns the runs of characters of which tokens consist.
fn words(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let is_token_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_+~".contains(byte);
    let mut start = 0;
    text.split(move |byte| !is_token_byte(byte))
        .map(move |word| {
            let range = start..start + word.len();
            start = range.end + 1;
            range
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "x9Rk2mPq_7sT-wYb4NcVh8LdFg3JzKa1";

    #[test]
    fn a_token_is_hidden_wherever_it_stands() {
        let text = format!("region = \"eu\" # {TOKEN}\n");
        let redacted = Redacted::of(&text).finish();
        assert_eq!(redacted.len(), text.len());
        assert!(!redacted.contains(TOKEN) && redacted.starts_with("region = \"eu\" # ***"));
        assert!(!quoted(TOKEN).contains(TOKEN));
    }

    #[test]
    fn a_program_that_prints_a_token_of_any_form_does_not_show_it() {
        for token in [
            TOKEN,
            "9976b3c070f1aa0d4c2e8b7d6f5a4c3b2a190807",
            "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
            "correct-horse-battery-staple-and-many-more-words",
        ] {
            let shown = program_output(&format!("refused: token={token} for you"));
            let stars = "*".repeat(token.len());
            assert_eq!(shown, format!("refused: token={stars} for you"));
        }
        assert_eq!(
            program_output("Authorization: Bearer short.one, \"basic\" aWQ6cw=="),
            "Authorization: Bearer ********** \"basic\" ********"
        );
        let plain = "cannot notify wallboard-reception-desk-2 in /run/secrets: exit 1";
        assert_eq!(program_output(plain), plain);
    }

    #[test]
    fn names_and_paths_are_not_taken_for_tokens() {
        for text in [
            "wallboard-reception-desk-2",
            "/run/secrets/crm-token",
            "SESSION_KEEPALIVE_LOG__LEVEL_2",
        ] {
            assert!(!is_like_a_token(text), "{text}");
        }
        assert!(is_like_a_token(TOKEN));
    }

    #[test]
    fn a_users_password_is_hidden() {
        assert_eq!(
            quoted("http://me:p@ss/w@proxy:3128"),
            "`http://*********@proxy:3128`"
        );
        assert_eq!(quoted("me:pass@proxy"), "`*******@proxy`");
    }

    #[test]
    fn an_unparsed_file_shows_values_of_known_keys_alone() {
        let text = "[sessions.a]\ntoken = abc\ntokn = abc\nidle_timeout = 15m\nabc\n";
        assert_eq!(
            unparsed(text),
            "[sessions.a]\ntoken =****\ntokn =****\nidle_timeout = 15m\n***\n"
        );
    }

    #[test]
    fn what_moves_a_terminals_cursor_is_replaced() {
        assert_eq!(quoted("a\u{1b}[2Jb"), "`a?[2Jb`");
    }
}
