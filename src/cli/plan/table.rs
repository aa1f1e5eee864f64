//! Tables for people: columns as wide as they need, and text that is filled to the width.

/// On which side of its column a cell stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// Columns under heads of two lines.
#[derive(Default)]
pub(super) struct Table {
    heads: Vec<([&'static str; 2], Side)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Adds a column.
    pub(super) fn column(mut self, above: &'static str, below: &'static str, side: Side) -> Self {
        self.heads.push(([above, below], side));
        self
    }

    /// Adds a row, a cell for each column.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The lines, indented.
    pub(super) fn render(&self) -> String {
        let width = |number: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(number));
            let cells = cells.map(|cell| cell.chars().count());
            let heads = self.heads[number].0.map(str::len);
            cells.chain(heads).max().unwrap_or_default()
        };
        let widths: Vec<_> = (0..self.heads.len()).map(width).collect();
        let line = |cells: Vec<&str>| {
            let mut line = String::new();
            for ((cell, width), (_, side)) in cells.into_iter().zip(&widths).zip(&self.heads) {
                line += "  ";
                let room = " ".repeat(width.saturating_sub(cell.chars().count()));
                match side {
                    Side::Left => line.extend([cell, &room]),
                    Side::Right => line.extend([&room, cell]),
                }
            }
            format!("{}\n", line.trim_end())
        };
        let above = line(self.heads.iter().map(|(head, _)| head[0]).collect());
        let below = line(self.heads.iter().map(|(head, _)| head[1]).collect());
        let rows = self
            .rows
            .iter()
            .map(|row| line(row.iter().map(String::as_str).collect()));
        above + &below + &rows.collect::<String>()
    }
}

/// Breaks text into lines of at most `width`, those after the first indented like it and more.
pub(super) fn fill(text: &str, indent: usize, hang: usize, width: usize) -> String {
    let mut lines = String::new();
    let mut line = " ".repeat(indent);
    let mut is_empty = true;
    for word in text.split(' ') {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > width {
            lines += line.trim_end();
            lines.push('\n');
            line = " ".repeat(indent + hang);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line += word;
        is_empty = false;
    }
    lines + line.trim_end() + "\n"
}
