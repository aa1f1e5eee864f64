//! The live table on a terminal.

use crate::keeper::{Instant, SessionView};
use crate::observe::{NamedView, Snapshot, words};

/// The width that everything fits into.
const WIDTH: usize = 80;

/// Draws itself over its last drawing.
#[derive(Default)]
pub(super) struct Table {
    lines: usize,
}

impl Table {
    /// The next drawing, with what moves the cursor to the start of the last one.
    pub(super) fn draw(&mut self, snapshot: &Snapshot, last_line: &str) -> String {
        let mut lines = vec![format!(
            "{:<10} {:<8} {:>9}  {:<13} {}",
            "SESSION", "STATE", "IDLES OUT", "LAST ANSWER", "NEXT"
        )];
        lines.extend(
            snapshot
                .sessions
                .iter()
                .map(|named| line(named, snapshot.at)),
        );
        lines.push(last_line.to_owned());
        let up = match self.lines {
            0 => String::new(),
            lines => format!("\x1b[{lines}A"),
        };
        self.lines = lines.len();
        let drawn = lines.iter().map(|line| {
            let cut: String = line.chars().take(WIDTH).collect();
            format!("\r{cut}\x1b[K\n")
        });
        up + &drawn.collect::<String>()
    }
}

fn line(named: &NamedView, now: Instant) -> String {
    let view = &named.view;
    let answer = view.last_answer.map_or_else(String::new, |answer| {
        let status = answer
            .status
            .map_or_else(String::new, |status| format!("{status} "));
        format!("{status}{}", answer.verdict)
    });
    format!(
        "{:<10} {:<8} {:>9}  {:<13} {}",
        named.name,
        view.state.as_str(),
        deadline(view, now),
        answer,
        first_part(&words::next(view, now))
    )
}

/// What fits: the rest is told by the other columns.
fn first_part(next: &str) -> &str {
    next.split(", ").next().unwrap_or(next)
}

fn deadline(view: &SessionView, now: Instant) -> String {
    let deadline = view.held.as_ref().and_then(|held| held.deadline);
    deadline.map_or_else(String::new, |deadline| {
        format!("{} s", deadline.until(now).as_secs())
    })
}
