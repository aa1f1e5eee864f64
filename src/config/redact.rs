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
    let is_token_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+~".contains(&byte);
    let mut found = Vec::new();
    let mut start = 0;
    for word in text.split(|byte| !is_token_byte(*byte)) {
        let mixed = word.iter().any(u8::is_ascii_uppercase)
            && word.iter().any(u8::is_ascii_lowercase)
            && word.iter().any(u8::is_ascii_digit);
        if mixed && word.len() >= TOKEN_LENGTH_MIN {
            found.push(start..start + word.len());
        }
        start += word.len() + 1;
    }
    found.into_iter()
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
