//! Lines of a key and a value, aligned, for terminals of 80 columns.

use crate::observe::Escaped;

/// The columns of a terminal that nobody made wider.
const COLUMNS: usize = 80;
/// However long a key is, so much is left for its value.
const VALUE_COLUMNS_MIN: usize = 30;

/// Lines of a key and a value; what steers a terminal is written out.
#[derive(Clone, Default)]
pub(in crate::cli) struct Lines(Vec<(String, String)>);

impl Lines {
    /// Adds a line.
    pub(in crate::cli) fn add(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.0.push((key.into(), value.into()));
    }

    /// Adds a line if there is something to say.
    pub(in crate::cli) fn add_some(&mut self, key: &str, value: Option<String>) {
        if let Some(value) = value {
            self.add(key, value);
        }
    }

    /// Adds the other lines after these.
    pub(in crate::cli) fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    /// All lines, wrapped between words for a terminal that nobody made wider.
    pub(in crate::cli) fn render(&self) -> String {
        self.render_within(COLUMNS)
    }

    /// All lines, wrapped between words. A word that is longer than the line is left whole.
    pub(in crate::cli) fn render_within(&self, columns: usize) -> String {
        let keys = self.0.iter().map(|(key, _)| key.chars().count());
        let indent = keys.max().unwrap_or_default() + 2;
        let columns = columns.saturating_sub(indent).max(VALUE_COLUMNS_MIN);
        let mut text = String::new();
        for (key, value) in &self.0 {
            let mut lead = format!("{:<indent$}", Escaped(key).to_string());
            for line in wrapped(&Escaped(value).to_string(), columns, "") {
                text.push_str(&lead);
                text.push_str(&line);
                text.push('\n');
                lead = " ".repeat(indent);
            }
        }
        text
    }
}

/// The text in lines that fit, further ones after `indent`. A word that is longer is left whole.
pub(in crate::cli) fn wrapped(text: &str, columns: usize, indent: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut length = 0;
    for word in text.split(' ') {
        let longer = length + 1 + word.chars().count();
        match lines.last_mut() {
            Some(line) if length > 0 && longer <= columns => {
                line.push(' ');
                line.push_str(word);
                length = longer;
            }
            Some(line) if length == 0 => {
                line.push_str(word);
                length = word.chars().count();
            }
            Some(_) | None => {
                lines.push(format!("{indent}{word}"));
                length = indent.chars().count() + word.chars().count();
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_aligned_and_wrapped_below_80_columns() {
        let mut lines = Lines::default();
        lines.add("token", "ba7816bf");
        lines.add("organisation", "word ".repeat(20));
        let text = lines.render();
        assert!(text.starts_with("token         ba7816bf\norganisation  word"));
        assert!(text.lines().all(|line| line.len() <= COLUMNS), "{text}");
        assert!(
            text.lines()
                .nth(2)
                .unwrap()
                .starts_with("              word")
        );
    }

    #[test]
    fn what_steers_a_terminal_is_written_out() {
        let mut lines = Lines::default();
        lines.add("client", "a\u{1b}[2J\nb");
        assert_eq!(lines.render(), "client  a\\u{1b}[2J\\nb\n");
    }
}
