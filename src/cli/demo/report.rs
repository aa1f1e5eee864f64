//! What the server saw, held against what was told.

use super::super::seen;
use super::stage::{ROLES, Role};
use crate::daemon::Stopped;
use crate::sim::{Fate, Operation, Record};

/// A demo that ended sooner shows only a part of what was told.
const WHOLE_AFTER: u64 = 50;

/// How a session's story is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// It is kept and revoked at the end.
    Kept,
    /// It idles out and nobody disturbs it.
    Lapses,
    /// Its first token idles out and its second is revoked at the end.
    Replaced,
    /// It is kept by GET, since HEAD does not count.
    KeptByGet,
}

/// The end of the demo.
pub(super) struct Report {
    pub(super) text: String,
    pub(super) is_as_told: bool,
}

impl Report {
    pub(super) fn new(
        record: impl Fn(&Role, u8) -> Option<Record>,
        stopped: &Stopped,
        seconds: u64,
        planned: u64,
    ) -> Self {
        let is_whole = seconds >= planned && planned >= WHOLE_AFTER;
        let mut text = format!("\nWhat the server saw in {seconds} s:\n\n");
        text.push_str(&seen::header("SESSION"));
        let mut is_as_told = stopped.not_revoked == 0;
        for role in &ROLES {
            for number in [1, 2] {
                let Some(record) = record(role, number) else {
                    continue;
                };
                text.push_str(&seen::line(&name(role, number), &record));
                let is_right = is_told(role.told, number, &record, is_whole);
                if !is_right {
                    text.push_str("    ^ this is not what was told\n");
                }
                is_as_told &= is_right;
            }
        }
        text.push_str(match (is_as_told, is_whole) {
            (true, true) => "\nAll went as told.\n",
            (true, false) => "\nAll went as told, as far as it went.\n",
            (false, _) => "\nNot all went as told.\n",
        });
        Self { text, is_as_told }
    }
}

fn name(role: &Role, number: u8) -> String {
    match (role.told, number) {
        (Told::Replaced, 1) => format!("{}, old", role.name),
        (Told::Replaced, _) => format!("{}, new", role.name),
        _ => role.name.to_owned(),
    }
}

fn is_told(told: Told, number: u8, record: &Record, is_whole: bool) -> bool {
    let is_revoked = matches!(record.fate, Fate::Revoked(_));
    let is_lapsed = matches!(record.fate, Fate::Lapsed(_));
    let touches = record.calls(Operation::HeadMe) + record.calls(Operation::GetMe);
    match (told, number) {
        (Told::Lapses, _) => {
            let is_undisturbed = touches == 0 && record.resets == 0;
            is_undisturbed && !is_revoked && (is_lapsed || !is_whole)
        }
        (Told::Replaced, 1) if is_whole => is_lapsed,
        (Told::KeptByGet, _) if is_whole => {
            is_revoked && record.calls(Operation::GetMe) > 0 && record.calls(Operation::HeadMe) <= 3
        }
        (Told::Kept | Told::KeptByGet, _) => is_revoked && (touches > 0 || !is_whole),
        (Told::Replaced, _) => is_revoked || !is_whole,
    }
}
