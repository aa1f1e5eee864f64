//! What came of an operation that was done.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Lines, VERSION};
use crate::cli::exit::{Exit, print};
use crate::keeper::ServerTime;
use crate::observe::words::lasting;

/// What came of an operation that was done.
pub(in crate::cli) struct Done {
    /// For people.
    pub(in crate::cli) lines: Lines,
    /// The body as it came, `null` if there was none.
    pub(in crate::cli) body: Value,
    /// What we make of it.
    pub(in crate::cli) derived: Map<String, Value>,
    /// What is to be said beside it.
    pub(in crate::cli) notes: Vec<String>,
}

impl Done {
    /// Prints it.
    pub(super) fn print(mut self, json: bool) -> Exit {
        if !json {
            for note in self.notes {
                self.lines.add("note", note);
            }
            return print(&self.lines.render());
        }
        self.derived.insert("notes".to_owned(), self.notes.into());
        let whole = json!({ "version": VERSION, "body": self.body, "derived": self.derived });
        print(&format!("{whole}\n"))
    }
}

/// A moment of the server for people: `2026-11-24 08:00:00 UTC`.
pub(in crate::cli) fn shown(time: ServerTime) -> String {
    let time = timestamp(time);
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A moment of the server for machines, after RFC 3339.
pub(in crate::cli) fn stamped(time: ServerTime) -> String {
    timestamp(time).to_string()
}

fn timestamp(time: ServerTime) -> Timestamp {
    Timestamp::from_millisecond(time.unix_milliseconds()).unwrap_or_default()
}

/// A duration as people and as the API say it: `15 m (900 s)`.
pub(in crate::cli) fn duration_with_seconds(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 {
        format!("{seconds} s")
    } else {
        format!("{} ({seconds} s)", lasting(duration))
    }
}
