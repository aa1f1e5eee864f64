//! The table: made for 80 columns, wider where there is room, readable without colour.

use std::cmp::Reverse;
use std::time::Duration;

use crate::cli::operate::wrapped;
use crate::observe::report::{HeldReport, Moment, Report, SessionReport};
use crate::observe::words::lasting;

/// How many sessions a terminal is shown unless all are asked for.
pub(super) const ROWS_MAX: usize = 40;

/// A longer name is cut, unless the terminal is wider than the other columns need.
const NAME_WIDTH: usize = 20;

/// What the other columns need.
const OTHERS_WIDTH: usize = 60;

/// How many reasons are told in full.
const REASONS_MAX: usize = 10;

/// What the table is drawn for.
pub(super) struct Look {
    pub(super) width: usize,
    pub(super) is_coloured: bool,
    pub(super) rows_max: Option<usize>,
    /// How many lines there are, where it is drawn over and over: the verdict comes first then, and
    /// everything has to fit.
    pub(super) height: Option<usize>,
}

/// How a session is coloured; its words say the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tone {
    Well,
    Quiet,
    Waiting,
    Bad,
}

impl Tone {
    fn of(session: &SessionReport) -> Self {
        match session.state.as_str() {
            "held" if session.ready => Self::Well,
            "lost" | "not revoked" | "at risk" | "blocked" | "held" => Self::Bad,
            "absent" | "unproven" => Self::Waiting,
            _ => Self::Quiet,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Well => "32",
            Self::Quiet => "2",
            Self::Waiting => "33",
            Self::Bad => "1;31",
        }
    }
}

/// Draws the table, the reasons of those who are not well, and the verdict.
pub(super) fn draw(report: &Report, look: &Look) -> String {
    let mut sessions: Vec<_> = report.sessions.iter().collect();
    sessions.sort_by_key(|it| (it.ready, Reverse(Tone::of(it))));
    let mut below = Vec::new();
    reasons(&mut below, &sessions, look);
    let Some(height) = look.height else {
        let mut lines = rows(&sessions, look.rows_max, look);
        lines.push(String::new());
        lines.append(&mut below);
        lines.push(verdict(report, look));
        return text(&lines);
    };
    let mut lines = vec![verdict(report, look), String::new()];
    below.truncate(height / 2);
    // The head of the table, what is said of those that are left out, an empty line, and the last line.
    let around = lines.len() + below.len() + 4;
    let room = height.saturating_sub(around).max(1);
    let rows_max = look.rows_max.map(|it| it.min(room));
    lines.append(&mut rows(&sessions, rows_max, look));
    lines.push(String::new());
    lines.append(&mut below);
    text(&lines)
}

fn text(lines: &[String]) -> String {
    let lines = lines.iter().flat_map(|line| [line.as_str(), "\n"]);
    lines.collect()
}

/// The table itself, the most urgent first.
fn rows(sessions: &[&SessionReport], rows_max: Option<usize>, look: &Look) -> Vec<String> {
    let shown = rows_max.unwrap_or(usize::MAX).min(sessions.len());
    let names = sessions.iter().take(shown);
    let longest = names.map(|it| it.name.chars().count()).max().unwrap_or(0);
    let room = look.width.saturating_sub(OTHERS_WIDTH).max(NAME_WIDTH);
    let name_width = longest.clamp(7, room);
    let mut lines = vec![cut(
        &format!(
            "{:<name_width$}  {:<11}  {:>9}  {:>9}  {}",
            "SESSION", "STATE", "IDLES OUT", "OUTAGE OK", "NEXT"
        ),
        look.width,
    )];
    for session in sessions.iter().take(shown) {
        let line = cut(&row(session, name_width), look.width);
        lines.push(paint(&line, Tone::of(session), look));
    }
    if shown < sessions.len() {
        let more = sessions.len() - shown;
        lines.push(format!("and {more} more: see all with --all"));
    }
    lines
}

fn row(session: &SessionReport, name_width: usize) -> String {
    let held = session.held.as_ref();
    format!(
        "{:<name_width$}  {:<11}  {:>9}  {:>9}  {}",
        shortened(&session.name, name_width),
        state(session),
        held.and_then(|it| it.deadline.as_ref())
            .map_or_else(String::new, left),
        held.filter(|_| session.failures == 0)
            .and_then(budget)
            .unwrap_or_default(),
        next(session),
    )
}

/// Short: the reasons are told below.
fn next(session: &SessionReport) -> &str {
    match session.state.as_str() {
        "absent" => "waits for a token",
        "lost" | "lapsed" => "needs a new token",
        _ => session.next_in_words.split(", ").next().unwrap_or_default(),
    }
}

fn state(session: &SessionReport) -> String {
    if session.configured_intent.is_some() {
        // Not what the configuration says: the asterisk is explained below.
        format!("{}, {}*", session.state, session.intent)
    } else if session.intent == "lapse" && session.state == "held" {
        // It is left to lapse, which is no trouble.
        "held, lapse".to_owned()
    } else {
        session.state.clone()
    }
}

fn left(deadline: &Moment) -> String {
    if deadline.in_seconds < 0.0 {
        "passed".to_owned()
    } else {
        seconds(deadline.in_seconds)
    }
}

fn budget(held: &HeldReport) -> Option<String> {
    if held.reset == "excluded" {
        return Some("excluded".to_owned());
    }
    held.outage_budget_seconds.map(seconds)
}

fn seconds(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds.floor()).unwrap_or_default();
    lasting(whole).to_string()
}

/// Why those who are not well are not, in full.
fn reasons(lines: &mut Vec<String>, sessions: &[&SessionReport], look: &Look) {
    let unwell: Vec<_> = sessions.iter().filter(|it| !it.ready).collect();
    for session in unwell.iter().take(REASONS_MAX) {
        let fingerprint = session
            .fingerprint
            .as_deref()
            .map_or_else(String::new, |it| format!(" {it}"));
        let advice = session.advice.as_deref();
        let advice = advice.map_or_else(String::new, |advice| format!("; {advice}"));
        let said = format!("{}{fingerprint} {}{advice}", session.name, session.standing);
        lines.extend(wrapped(&said, look.width, "  "));
    }
    if unwell.len() > REASONS_MAX {
        lines.push(format!(
            "and {} more that are not ready",
            unwell.len() - REASONS_MAX
        ));
    }
    if let Some(first) = unwell.first() {
        let name = &first.name;
        lines.push(format!("session-keepalive explain {name} tells more"));
    }
    let overridden = sessions
        .iter()
        .filter_map(|it| it.configured_intent.as_deref());
    let overridden = overridden.count();
    if overridden > 0 {
        lines.push("* as somebody asked, not as configured; see keep and lapse".to_owned());
    }
    if !unwell.is_empty() || overridden > 0 {
        lines.push(String::new());
    }
}

fn verdict(report: &Report, look: &Look) -> String {
    let unready = report.sessions.iter().filter(|it| !it.ready).count();
    let up = seconds(-report.started.in_seconds);
    let (said, tone) = if report.stopping {
        ("stopping".to_owned(), Tone::Waiting)
    } else if report.ready {
        ("ready".to_owned(), Tone::Well)
    } else {
        (
            format!("not ready: {unready} of {}", report.sessions.len()),
            Tone::Bad,
        )
    };
    let kept = report
        .sessions
        .iter()
        .filter(|it| it.intent == "keep")
        .count();
    let lapsing = report.sessions.len() - kept;
    format!(
        "{}; {kept} to keep, {lapsing} to lapse; session-keepalive {}, up {up}",
        paint(&said, tone, look),
        report.program
    )
}

fn paint(text: &str, tone: Tone, look: &Look) -> String {
    if look.is_coloured {
        format!("\x1b[{}m{text}\x1b[0m", tone.code())
    } else {
        text.to_owned()
    }
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.trim_end().to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    kept + "…"
}

/// A name without its middle: what tells it from others is at its end as often as at its beginning.
fn shortened(name: &str, width: usize) -> String {
    let length = name.chars().count();
    if length <= width {
        return name.to_owned();
    }
    let end = width / 2;
    let begin = width.saturating_sub(end + 1);
    let chars = || name.chars();
    let begin: String = chars().take(begin).collect();
    let end: String = chars().skip(length - end).collect();
    format!("{begin}…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_keeps_its_beginning_and_its_end() {
        assert_eq!(shortened("wallboard", 20), "wallboard");
        let name = "kiosk-in-the-lobby-of-the-main-building-05";
        assert_eq!(shortened(name, 20), "kiosk-in-…uilding-05");
    }
}
