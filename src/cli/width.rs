//! How wide, and how high, what is written for people may be.

use std::io::IsTerminal;
use std::os::fd::AsFd;

/// What everything fits into where nobody says otherwise.
const WIDTH: usize = 80;
/// No table gets narrower than this, and none wider than that.
const LIMITS: std::ops::RangeInclusive<usize> = 40..=400;

/// The width in columns: what `COLUMNS` says, what the terminal says, or 80.
pub(super) fn width(stream: &(impl AsFd + IsTerminal)) -> usize {
    let said = std::env::var("COLUMNS").ok();
    let said = said.and_then(|columns| columns.parse().ok());
    let seen = || {
        let size = rustix::termios::tcgetwinsize(stream).ok();
        size.map(|size| usize::from(size.ws_col))
    };
    let known = said.or_else(|| stream.is_terminal().then(seen).flatten());
    known
        .filter(|columns| *columns > 0)
        .map_or(WIDTH, |columns| {
            columns.clamp(*LIMITS.start(), *LIMITS.end())
        })
}

/// The height of a terminal in lines, if it is one.
pub(super) fn height(stream: &(impl AsFd + IsTerminal)) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    let lines = usize::from(size.ws_row);
    (stream.is_terminal() && lines > 0).then_some(lines)
}
