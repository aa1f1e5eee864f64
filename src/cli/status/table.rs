//! Draws the table for 80 columns, or wider where there is room.
//!
//! *Invariant*: the table is readable without colour.

use std::cmp::Reverse;

use crate::cli::text::{Column, Table, TextStyle, seconds, truncated, wrap};
use crate::status::phrases::append;
use crate::status::report::{LiveTokenReport, Moment, SessionReport, StatusReport};

/// The number of sessions that a terminal shows without `--all`.
pub(super) const ROWS_MAX: usize = 40;

/// The width of the name column on a terminal that leaves no more room for it.
const NAME_WIDTH: usize = 20;

/// The width of the other columns.
const OTHERS_WIDTH: usize = 60;

/// The number of sessions whose reason is shown in full.
const REASONS_MAX: usize = 10;

/// The properties of the output that the table is drawn for.
pub(super) struct TableStyle {
    pub(super) text: TextStyle,
    /// True if the sessions are named on the command line, so that each has its reason shown.
    pub(super) is_named: bool,
    /// The number of sessions that are shown at the most.
    pub(super) rows_max: Option<usize>,
    /// The number of lines of the terminal if the table is redrawn (`--watch`). The verdict then
    /// comes first, and everything must fit.
    pub(super) height: Option<usize>,
}

/// The colour of a session, which repeats what the text shows.
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
            "alive" if session.ready => Self::Well,
            "lost" | "not revoked" | "at risk" | "blocked" | "excluded" | "alive" => Self::Bad,
            "absent" | "unproven" => Self::Waiting,
            _ => Self::Quiet,
        }
    }

    /// Returns the number of the escape code.
    fn colour(self) -> &'static str {
        match self {
            Self::Well => "32",
            Self::Quiet => "2",
            Self::Waiting => "33",
            Self::Bad => "1;31",
        }
    }
}

/// Returns the table, the reasons of the sessions that are not ready, and the verdict.
pub(super) fn draw(report: &StatusReport, style: &TableStyle) -> String {
    let mut sessions: Vec<_> = report.sessions.iter().collect();
    sessions.sort_by_key(|session| (session.ready, Reverse(Tone::of(session))));
    let incidents = incidents(report, style.text);
    let below = reasons(report, &sessions, style.is_named, style.text.width);
    let verdict = verdict(report, style.text);
    let Some(height) = style.height else {
        let table = table(&sessions, style.rows_max, style.text);
        return format!("{incidents}{table}\n{below}{verdict}\n");
    };
    let height = height.saturating_sub(incidents.lines().count());
    let below: Vec<_> = below.split_inclusive('\n').take(height / 2).collect();
    // Six lines more: the verdict, an empty line, the head, the count of hidden sessions, an empty
    // line and the cursor's line.
    let room = height.saturating_sub(below.len() + 6).max(1);
    let rows_max = style.rows_max.map(|rows_max| rows_max.min(room));
    let table = table(&sessions, rows_max, style.text);
    format!("{incidents}{verdict}\n\n{table}\n{}", below.concat())
}

/// Returns the open incidents, each with its advice, and an empty line after them.
fn incidents(report: &StatusReport, style: TextStyle) -> String {
    let mut text = String::new();
    for open in &report.incidents {
        let advice = open.advice.as_deref().filter(|_| open.failing > 0);
        let advice = advice.map_or_else(String::new, |advice| format!("; {advice}"));
        let wrapped = wrap("", &format!("{}{advice}", open.text), 2, style.width);
        for line in wrapped.lines() {
            text += &style.paint(line, Tone::Bad.colour());
            text.push('\n');
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// Returns the table, in the given order of the sessions.
fn table(sessions: &[&SessionReport], rows_max: Option<usize>, style: TextStyle) -> String {
    let shown = &sessions[..rows_max.unwrap_or(usize::MAX).min(sessions.len())];
    let name_width = style.width.saturating_sub(OTHERS_WIDTH).max(NAME_WIDTH);
    let mut table = Table::new(&[
        Column::left("SESSION"),
        Column::left("STATE").at_least(11),
        Column::right("IDLES OUT").at_least(9),
        Column::right("OUTAGE OK").at_least(9),
        Column::left("NEXT"),
    ]);
    for session in shown {
        let live = session.alive.as_ref();
        let deadline = live.and_then(|live| live.deadline.as_ref());
        let budget = live.filter(|_| session.failures == 0).and_then(budget);
        table.row([
            shortened(&session.name, name_width),
            state(session),
            deadline.map_or_else(String::new, left),
            budget.unwrap_or_default(),
            next(session).to_owned(),
        ]);
    }
    let mut text = String::new();
    for (number, line) in table.lines().iter().enumerate() {
        let line = truncated(line, style.width);
        // The first line is the head.
        text += &match number.checked_sub(1) {
            Some(row) => style.paint(&line, Tone::of(shown[row]).colour()),
            None => line,
        };
        text.push('\n');
    }
    if shown.len() < sessions.len() {
        let more = sessions.len() - shown.len();
        append(
            &mut text,
            format_args!("and {more} more: see all with --all\n"),
        );
    }
    text
}

/// Returns the next step in few words; the reasons are shown below the table.
fn next(session: &SessionReport) -> &str {
    match session.state.as_str() {
        _ if session.renews.is_some() && session.alive.is_none() => "gets a new token",
        "absent" => "waits for a token",
        "lost" | "lapsed" => "needs a new token",
        _ => session.next_in_words.split(", ").next().unwrap_or_default(),
    }
}

fn state(session: &SessionReport) -> String {
    if session.configured_intent.is_some() {
        // The asterisk marks an intent that differs from the configured one, as a line below the
        // table explains.
        format!("{}, {}*", session.state, session.intent)
    } else if session.intent == "lapse" && session.state == "alive" {
        // The intent is shown, so that a near deadline does not look like trouble.
        "alive, lapse".to_owned()
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

fn budget(live: &LiveTokenReport) -> Option<String> {
    live.outage_budget_seconds.map(seconds)
}

/// Returns the full reasons of the sessions that are named or not ready, and what the asterisk means.
fn reasons(
    report: &StatusReport,
    sessions: &[&SessionReport],
    is_named: bool,
    width: usize,
) -> String {
    let mut text = String::new();
    let is_shown = |session: &&&SessionReport| is_named || !session.ready;
    let unready: Vec<_> = sessions.iter().filter(is_shown).collect();
    for session in unready.iter().take(REASONS_MAX) {
        let fingerprint = session.fingerprint.as_deref();
        let fingerprint = fingerprint.map_or_else(String::new, |print| format!(" {print}"));
        let advice = session.advice.as_deref();
        let advice = advice.map_or_else(String::new, |advice| format!("; {advice}"));
        let reason = format!("{}{fingerprint} {}{advice}", session.name, session.standing);
        text += &wrap("", &reason, 2, width);
        let troubles = [source_trouble(session), unused_token(report, session)];
        for trouble in troubles.into_iter().flatten() {
            text += &wrap("  ", &trouble, 2, width);
        }
        if is_named {
            text += &past_and_future(session, width);
        }
    }
    if unready.len() > REASONS_MAX {
        let more = unready.len() - REASONS_MAX;
        append(
            &mut text,
            format_args!("and {more} more that are not ready\n"),
        );
    }
    if let Some(first) = unready.first() {
        let name = &first.name;
        append(
            &mut text,
            format_args!("for details: session-keepalive explain {name}\n"),
        );
    }
    if sessions
        .iter()
        .any(|session| session.configured_intent.is_some())
    {
        text += "* changed by keep or lapse, not as configured\n";
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// Returns the problem with the source of the token, unless the standing names it already.
fn source_trouble(session: &SessionReport) -> Option<String> {
    let trouble = session.trouble.as_deref()?;
    (session.state != "absent").then(|| format!("the source of its token: {trouble}"))
}

/// Returns that a newer token of a living session is not used, if the recent events show it.
fn unused_token(report: &StatusReport, session: &SessionReport) -> Option<String> {
    session.alive.as_ref()?;
    let events = report.events.iter().rev();
    let mut events = events.filter(|event| event.session.as_ref() == Some(&session.name));
    let ends = ["newer_refused", "newer_mismatched", "alive", "replaced"];
    let event = events.find(|event| ends.contains(&event.event.as_str()))?;
    let newer = event.fingerprint.as_deref().unwrap_or_default();
    let ago = seconds(-event.at.in_seconds);
    match event.event.as_str() {
        "newer_refused" => Some(format!("the newer token {newer} was refused {ago} ago")),
        "newer_mismatched" => Some(format!(
            "the newer token {newer}, proven {ago} ago, is of another organisation or OAuth client \
             and is not used"
        )),
        _ => None,
    }
}

/// Returns how long the session has been kept, what is known of its token's lifetime, and its last
/// 24 hours if anything failed in them.
fn past_and_future(session: &SessionReport, width: usize) -> String {
    let ago = |moment: &Moment| seconds(-moment.in_seconds);
    let live = session.alive.as_ref();
    let kept = session.alive_since.as_ref().map(|since| {
        let word = if session.intent == "keep" {
            "kept"
        } else {
            "alive"
        };
        format!("{word} for {}", ago(since))
    });
    let proven = live.map(|live| format!("its token was proven {} ago", ago(&live.proven)));
    let expires = live.and_then(|live| {
        let estimated = match live.expiry_source.as_deref() {
            Some("estimated") => ", as estimated",
            _ => "",
        };
        let left = seconds(live.expires.as_ref()?.in_seconds);
        Some(format!("expires in {left}{estimated}"))
    });
    let renews = session.renews.as_ref();
    let renews = renews.map(|at| format!("a new one in {}", seconds(at.in_seconds)));
    let facts: Vec<_> = [kept, proven, expires, renews]
        .into_iter()
        .flatten()
        .collect();
    let mut text = String::new();
    if !facts.is_empty() {
        text += &wrap("  ", &facts.join("; "), 2, width);
    }
    if let Some(day) = &session.day {
        append(
            &mut text,
            format_args!(
                "  last 24h: {} (! failed, x lost)\n",
                by_half_hour(&day.quarters)
            ),
        );
    }
    text
}

/// Returns one character for each half hour: the worst of its quarters.
fn by_half_hour(quarters: &str) -> String {
    let quarters: Vec<_> = quarters.chars().collect();
    let rank = |quarter: &char| "-+!x".find(*quarter);
    // The last half hour is whole, the first may be a quarter.
    let halves = quarters.rchunks(2).rev();
    halves
        .filter_map(|half| half.iter().copied().max_by_key(rank))
        .collect()
}

fn verdict(report: &StatusReport, style: TextStyle) -> String {
    let sessions = || report.sessions.iter();
    let up = seconds(-report.started.in_seconds);
    let kept = sessions()
        .filter(|session| session.intent == "keep")
        .count();
    let (readiness, tone) = if report.stopping {
        ("stopping".to_owned(), Tone::Waiting)
    } else if report.ready {
        ("ready".to_owned(), Tone::Well)
    } else {
        let unready = sessions().filter(|session| !session.ready).count();
        let readiness = format!("not ready: {unready} of {kept} kept");
        (readiness, Tone::Bad)
    };
    let lapsing = report.sessions.len() - kept;
    format!(
        "{}; {kept} to keep, {lapsing} to lapse; session-keepalive {}, up {up}",
        style.paint(&readiness, tone.colour()),
        report.program
    )
}

/// Returns the name without its middle: names differ at the end as often as at the beginning.
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
    use crate::status::Selection;
    use crate::status::fixture::{alive_view, named_view, snapshot};
    use crate::status::report::{DayReport, EventReport, StatusSums};

    #[test]
    fn a_long_name_keeps_its_beginning_and_its_end() {
        assert_eq!(shortened("wallboard", 20), "wallboard");
        let name = "kiosk-in-the-lobby-of-the-main-building-05";
        assert_eq!(shortened(name, 20), "kiosk-in-…uilding-05");
    }

    #[test]
    fn a_living_session_shows_the_trouble_of_its_source_and_a_newer_token_that_is_not_used() {
        let mut named = named_view("a", alive_view());
        named.trouble = Some("file /run/a/token does not exist".into());
        let snapshot = snapshot(vec![named]);
        let (mut report, _) = snapshot
            .sums(StatusSums::new(Selection::default()))
            .report(&snapshot);
        let session = SessionReport::of(&snapshot.sessions[0], &snapshot);
        let event = |event: &str, second: f64| EventReport {
            at: Moment {
                at: String::new(),
                in_seconds: -second,
            },
            session: Some("a".to_owned()),
            fingerprint: Some("da925a30".to_owned()),
            event: event.to_owned(),
            warning: true,
            text: String::new(),
        };
        report.events = vec![event("alive", 900.0), event("newer_refused", 72.0)];
        let shown = |report: &StatusReport| reasons(report, &[&session], true, 80);
        insta::assert_snapshot!(shown(&report), @"
        a ba7816bf alive: touch in 7m 12s, outage budget 7m 48s
          the source of its token: file /run/a/token does not exist
          the newer token da925a30 was refused 1m 12s ago
          its token was proven 0s ago
        for details: session-keepalive explain a
        ");
        // A later token is in use.
        report.events.push(event("replaced", 12.0));
        assert!(!shown(&report).contains("da925a30"));
    }

    #[test]
    fn a_named_session_is_shown_with_its_past_and_the_lifetime_of_its_token() {
        let moment = |in_seconds| Moment {
            at: String::new(),
            in_seconds,
        };
        let mut session = SessionReport {
            intent: "keep".to_owned(),
            alive_since: Some(moment(-86_400.0 * 12.0 - 7200.0)),
            renews: Some(moment(36_000.0)),
            ..SessionReport::default()
        };
        assert_eq!(
            past_and_future(&session, 80),
            "  kept for 12d 2h; a new one in 10h\n"
        );
        session.intent = "lapse".to_owned();
        session.renews = None;
        session.day = Some(DayReport {
            from: moment(-6000.0),
            quarters: "+!+-xx+".to_owned(),
        });
        assert_eq!(
            past_and_future(&session, 80),
            "  alive for 12d 2h\n  last 24h: +!xx (! failed, x lost)\n"
        );
        assert_eq!(past_and_future(&SessionReport::default(), 80), "");
    }
}
