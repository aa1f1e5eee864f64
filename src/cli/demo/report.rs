//! The report at the end of a demo: the server's records compared with the introduction.

use super::stage::{DemoServers, ROLES, Role};
use crate::cli::simulate::{record_row, record_table};
use crate::daemon::Stopped;
use crate::sim::{ApiOperation, Fate, Record};

/// The shortest demo, in seconds, in which everything that the introduction announces happens.
const WHOLE_AFTER: u64 = 50;

/// The course of a session that the introduction announces.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum DemoReportStyle {
    /// The session is kept, and its token revoked at the end.
    Kept,
    /// The token idles out undisturbed.
    Lapses,
    /// The first token idles out, and the second is revoked at the end.
    Replaced,
    /// Each token is replaced before it expires and then revoked, and so is the last at the end.
    Minted,
    /// The session is kept by GET, since HEAD does not reset the idle timer.
    KeptByGet,
}

/// Returns the servers' records as text, and whether all went as the introduction announces.
pub(super) fn report(
    servers: &DemoServers,
    stopped: &Stopped,
    seconds: u64,
    planned: u64,
) -> (String, bool) {
    let is_whole = seconds >= planned && planned >= WHOLE_AFTER;
    let mut table = record_table("\nSESSION");
    let mut is_as_expected = stopped.not_revoked == 0 && servers.refused() == 0;
    for role in &ROLES {
        let records = servers.records(role);
        if role.style == DemoReportStyle::Minted && is_whole && records.len() < 3 {
            is_as_expected = false;
        }
        for (number, record) in (1..).zip(records) {
            let mut row = record_row(name(role, number), &record);
            if !is_as_announced(role.style, number, &record, is_whole) {
                row[6] += ": not as announced";
                is_as_expected = false;
            }
            table.row(row);
        }
    }
    let table = table.render();
    let mut text = format!("\nWhat the server saw in {seconds}s:\n\n{table}");
    text.push_str(match (is_as_expected, is_whole) {
        (true, true) => "\nEverything went as announced.\n",
        (true, false) => "\nEverything went as announced, as far as it went.\n",
        (false, _) => "\nNot everything went as announced.\n",
    });
    (text, is_as_expected)
}

fn name(role: &Role, number: u32) -> String {
    match (role.style, number) {
        (DemoReportStyle::Replaced, 1) => format!("{}, old", role.name),
        (DemoReportStyle::Replaced, _) => format!("{}, new", role.name),
        (DemoReportStyle::Minted, _) => format!("{}, {number}", role.name),
        (DemoReportStyle::Kept | DemoReportStyle::Lapses | DemoReportStyle::KeptByGet, _) => {
            role.name.to_owned()
        }
    }
}

fn is_as_announced(style: DemoReportStyle, number: u32, record: &Record, is_whole: bool) -> bool {
    let is_revoked = matches!(record.fate, Fate::Revoked(_));
    let is_lapsed = matches!(record.fate, Fate::Lapsed(_));
    let touches = record.calls(ApiOperation::HeadMe) + record.calls(ApiOperation::GetMe);
    match (style, number) {
        (DemoReportStyle::Lapses, _) => {
            let is_undisturbed = touches == 0 && record.resets == 0;
            is_undisturbed && !is_revoked && (is_lapsed || !is_whole)
        }
        (DemoReportStyle::Replaced, 1) if is_whole => is_lapsed,
        (DemoReportStyle::KeptByGet, _) if is_whole => {
            is_revoked
                && record.calls(ApiOperation::GetMe) > 0
                && record.calls(ApiOperation::HeadMe) <= 3
        }
        (DemoReportStyle::Kept | DemoReportStyle::KeptByGet, _) => {
            is_revoked && (touches > 0 || !is_whole)
        }
        (DemoReportStyle::Minted, _) => is_revoked,
        (DemoReportStyle::Replaced, _) => is_revoked || !is_whole,
    }
}
