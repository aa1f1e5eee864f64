//! The table: made for 80 columns, wider where there is room, readable without colour.

use std::cmp::Reverse;
use std::time::Duration;

use crate::observe::report::{HeldReport, Moment, Report, SessionReport};
use crate::observe::words::lasting;

/// How many sessions a terminal is shown unless all are asked for.
pub(super) const ROWS_MAX: usize = 40;

/// A longer name is cut.
const NAME_WIDTH_MAX: usize = 20;

/// How many reasons are told in full.
const REASONS_MAX: usize = 10;

/// What the table is drawn for.
pub(super) struct Look {
    pub(super) width: usize,
    pub(super) is_coloured: bool,
    pub(super) rows_max: Option<usize>,
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
    let shown = look.rows_max.unwrap_or(usize::MAX).min(sessions.len());
    let name_width = sessions
        .iter()
        .take(shown)
        .map(|it| it.name.chars().count());
    let name_width = name_width.max().unwrap_or(0).clamp(7, NAME_WIDTH_MAX);
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
        lines.push(format!(
            "and {} more: see all with --all",
            sessions.len() - shown
        ));
    }
    lines.push(String::new());
    reasons(&mut lines, &sessions, look);
    lines.push(verdict(report, look));
    lines
        .iter()
        .flat_map(|line| [line.as_str(), "\n"])
        .collect()
}

fn row(session: &SessionReport, name_width: usize) -> String {
    let held = session.held.as_ref();
    format!(
        "{:<name_width$}  {:<11}  {:>9}  {:>9}  {}",
        cut(&session.name, name_width),
        state(session),
        held.and_then(|it| it.deadline.as_ref())
            .map_or_else(String::new, left),
        held.and_then(budget).unwrap_or_default(),
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
        lines.extend(wrapped(&said, look.width));
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

/// The text in lines that fit, further ones indented.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let needed = line.chars().count() + 1 + word.chars().count();
        if !line.trim().is_empty() && needed > width {
            lines.push(std::mem::replace(&mut line, "  ".to_owned()));
        } else if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}
