//! Lays out text for people: the size of the output, wrapping, tables, and lines of a key and a value.
//!
//! *Invariant*: no control character of a value in [`Lines`] reaches the terminal.

use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::time::Duration;

use unicode_width::UnicodeWidthStr;

use crate::log::Escaped;
use crate::status::phrases::human_duration;

/// The default width in columns.
const WIDTH: usize = 80;
/// The narrowest and the widest output.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=400;
/// The least number of columns for the value of a line, even if its key is long.
const VALUE_WIDTH_MIN: usize = 30;

/// The width of the output, and whether it shows colours.
#[derive(Clone, Copy)]
pub(super) struct TextStyle {
    pub(super) width: usize,
    pub(super) is_coloured: bool,
}

impl TextStyle {
    /// Returns the style for a stream. The width comes from the variable `COLUMNS` or from the
    /// terminal, or is 80.
    pub(super) fn of(stream: &(impl AsFd + IsTerminal)) -> Self {
        let variable = std::env::var("COLUMNS").ok();
        let variable = variable.and_then(|columns| columns.parse().ok());
        let terminal = || {
            let size = rustix::termios::tcgetwinsize(stream).ok()?;
            stream.is_terminal().then_some(usize::from(size.ws_col))
        };
        let width = variable.or_else(terminal).filter(|width| *width > 0);
        Self {
            width: width.map_or(WIDTH, |width| width.clamp(*WIDTHS.start(), *WIDTHS.end())),
            is_coloured: is_coloured(stream),
        }
    }

    /// Returns the text in a colour, given as the number of the escape code.
    pub(super) fn paint(self, text: &str, colour: &str) -> String {
        if self.is_coloured {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Returns true for a terminal unless the variable `NO_COLOR` is set (see no-color.org).
pub(super) fn is_coloured(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Returns the height of a terminal in lines, or `None` for other outputs.
pub(super) fn height(stream: &(impl AsFd + IsTerminal)) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    let lines = usize::from(size.ws_row);
    (stream.is_terminal() && lines > 0).then_some(lines)
}

/// Breaks text between words into lines of at most `width` columns. The first line begins with
/// `lead`, the others with `indent` spaces. A word that is longer than a line is left whole.
pub(super) fn wrap(lead: &str, text: &str, indent: usize, width: usize) -> String {
    let mut lines = String::new();
    let mut line = lead.to_owned();
    let mut is_empty = true;
    for word in text.split(' ') {
        if !is_empty && line.width() + 1 + word.width() > width {
            lines.extend([line.trim_end(), "\n"]);
            line = " ".repeat(indent);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    lines.extend([line.trim_end(), "\n"]);
    lines
}

/// Returns the text, cut to `width` columns, the last of which then shows an ellipsis.
pub(super) fn truncated(text: &str, width: usize) -> String {
    let mut kept = text.to_owned();
    if kept.width() <= width {
        return kept;
    }
    while kept.width() >= width && kept.pop().is_some() {}
    kept + "…"
}

/// Formats a duration that a report gives in seconds, in whole ones.
pub(super) fn seconds(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds.floor()).unwrap_or_default();
    human_duration(whole).to_string()
}

/// Lines of a key and a value, aligned; control characters are escaped.
#[derive(Clone, Default)]
pub(super) struct Lines(Vec<(String, String)>);

impl Lines {
    /// Adds a line.
    pub(super) fn add(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.0.push((key.into(), value.into()));
    }

    /// Adds a line if there is a value.
    pub(super) fn add_some(&mut self, key: &str, value: Option<String>) {
        self.0.extend(value.map(|value| (key.to_owned(), value)));
    }

    /// Moves the other lines to the end of these.
    pub(super) fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    /// Returns all lines, wrapped to 80 columns.
    pub(super) fn render(&self) -> String {
        self.render_within(WIDTH)
    }

    /// Returns all lines, wrapped to `width` columns.
    pub(super) fn render_within(&self, width: usize) -> String {
        let keys = self.0.iter().map(|(key, _)| key.width());
        let indent = keys.max().unwrap_or_default() + 2;
        let width = width.max(indent + VALUE_WIDTH_MIN);
        let lines = self.0.iter().map(|(key, value)| {
            let lead = format!("{:<indent$}", Escaped(key).to_string());
            wrap(&lead, &Escaped(value).to_string(), indent, width)
        });
        lines.collect()
    }
}

/// A column of a [`Table`].
#[derive(Clone, Copy)]
pub(super) struct Column {
    /// The head; a line ending separates its lines.
    head: &'static str,
    is_right_aligned: bool,
    width_min: usize,
}

impl Column {
    pub(super) const fn left(head: &'static str) -> Self {
        Self {
            head,
            is_right_aligned: false,
            width_min: 0,
        }
    }

    pub(super) const fn right(head: &'static str) -> Self {
        Self {
            is_right_aligned: true,
            ..Self::left(head)
        }
    }

    /// Makes the column so wide even if its cells are narrower.
    pub(super) const fn at_least(self, width_min: usize) -> Self {
        Self { width_min, ..self }
    }
}

/// A table whose columns are as wide as their widest cells.
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Creates a table without rows. All heads must have the same number of lines.
    pub(super) fn new(columns: &[Column]) -> Self {
        let lines = columns
            .first()
            .map_or(0, |column| column.head.split('\n').count());
        let head = |line| {
            let cells = columns.iter();
            let cells = cells.map(|column| column.head.split('\n').nth(line).unwrap_or_default());
            cells.map(str::to_owned).collect()
        };
        Self {
            columns: columns.to_owned(),
            rows: (0..lines).map(head).collect(),
        }
    }

    /// Adds a row, which must have one cell for each column.
    pub(super) fn row(&mut self, cells: impl Into<Vec<String>>) {
        self.rows.push(cells.into());
    }

    /// Returns the lines of the head and the rows, without spaces at their ends.
    pub(super) fn lines(&self) -> Vec<String> {
        let width = |(number, column): (usize, &Column)| {
            let cells = self.rows.iter().map(|row| row[number].width());
            cells.max().unwrap_or_default().max(column.width_min)
        };
        let widths: Vec<_> = self.columns.iter().enumerate().map(width).collect();
        let line = |row: &Vec<String>| {
            let mut line = String::new();
            for ((cell, column), width) in row.iter().zip(&self.columns).zip(&widths) {
                let room = " ".repeat(width - cell.width());
                line += &if column.is_right_aligned {
                    room + cell
                } else {
                    cell.clone() + &room
                };
                line += "  ";
            }
            line.trim_end().to_owned()
        };
        self.rows.iter().map(line).collect()
    }

    /// Returns the lines as one text, indented by two spaces.
    pub(super) fn render(&self) -> String {
        let lines = self.lines();
        let lines = lines.iter().flat_map(|line| ["  ", line, "\n"]);
        lines.collect()
    }
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
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
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

    #[test]
    fn characters_of_two_columns_count_twice() {
        assert_eq!(
            wrap("", "株式会社 株式会社", 2, 12),
            "株式会社\n  株式会社\n"
        );
        assert_eq!(truncated("株式会社", 7), "株式会…");
        let mut table = Table::new(&[Column::left("NAME"), Column::right("N").at_least(3)]);
        table.row(["株式会".to_owned(), "1".to_owned()]);
        assert_eq!(table.lines(), ["NAME      N", "株式会    1"]);
    }
}
