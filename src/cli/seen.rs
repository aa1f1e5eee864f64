//! What the simulator saw of a token, as a line of a table.

use crate::sim::{Fate, Operation, Record};

/// The head of the table; `first` names the first column.
pub(super) fn header(first: &str) -> String {
    format!(
        "  {:<10} {:>19}  {:>9}\n  {first:<10} {:>6} {:>6} {:>6} {:>4} {:>5}  END\n",
        "", "CALLS OVER HTTP", "RESETS BY", "PEEKS", "HEADS", "GETS", "THEM", "APP"
    )
}

/// A token's line, line ending included.
pub(super) fn line(name: &str, record: &Record) -> String {
    let end = match record.fate {
        Fate::Living => "lives",
        Fate::Lapsed(_) => "idled out",
        Fate::Expired(_) => "expired",
        Fate::Revoked(_) => "lived until it was revoked",
        Fate::Evicted(_) => "evicted",
    };
    format!(
        "  {name:<10} {peeks:>6} {heads:>6} {gets:>6} {resets:>4} {by_application:>5}  {end}\n",
        peeks = record.calls(Operation::PeekMe),
        heads = record.calls(Operation::HeadMe),
        gets = record.calls(Operation::GetMe),
        resets = record.resets,
        by_application = record.resets_by_application,
    )
}
