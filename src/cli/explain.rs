//! `explain`: shows the history of a session, as JSON or as a page for people with the session's
//! tokens, the timeline, its state and the advice.

use std::time::Duration;

use clap::Args;

use super::exit::{Exit, print};
use super::socket::{self, ALL_SESSIONS, DaemonError, SocketOptions};
use super::text::{Lines, TextStyle, seconds};
use crate::status::phrases::human_duration;
use crate::status::report::{
    HistoryReport, Moment, StatusReport, TimelineReport, TokenHistoryReport,
};

pub(super) const HELP: &str = "\
Examples:
  session-keepalive explain wallboard          its history and, if its token died, the cause
  session-keepalive explain wallboard --json   the same as JSON

The history begins when the daemon starts; the oldest entries are dropped first.

Exit status: 0 success, 64 no such session, 69 no daemon answers.";

/// The shortest duration, in seconds, of an entry that is shown with its end.
const SPAN_MIN_SECONDS: f64 = 1.0;

/// The no-break space that keeps a number and its unit on one line until the text is wrapped.
const NO_BREAK_SPACE: char = '\u{a0}';

/// The arguments of `explain`.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The session.
    #[arg(value_name = "NAME")]
    name: String,
    /// Print the daemon's answer as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketOptions,
}

pub(super) fn run(explain: &Explain) -> Exit {
    socket::run(async {
        let (history, json) = fetch_history(explain).await?;
        Ok(print(&if explain.json {
            json + "\n"
        } else {
            draw(&history, TextStyle::of(&std::io::stdout()).width)
        }))
    })
}

/// Returns the history, parsed and as received.
async fn fetch_history(explain: &Explain) -> Result<(HistoryReport, String), DaemonError> {
    let name = &explain.name;
    if socket::check_name(name).is_ok() {
        match explain.socket.report(&format!("/status/{name}")).await {
            Err(DaemonError::Refused(404, _)) => {}
            result => return result,
        }
    }
    let (report, _) = explain.socket.report::<StatusReport>(ALL_SESSIONS).await?;
    if report.sessions.iter().any(|session| session.name == *name) {
        let older = "it is older than this program and has no histories".to_owned();
        return Err(DaemonError::Refused(404, older));
    }
    Err(DaemonError::no_such_session(name, &report))
}

/// Returns the page, wrapped to `width` columns.
fn draw(history: &HistoryReport, width: usize) -> String {
    let today = day_and_time(&history.now).0;
    let session = &history.session;
    let mut head = Lines::default();
    let configured = session.configured_intent.as_deref();
    let overridden = configured.map_or_else(String::new, |intent| {
        format!(", as ordered (configured: {intent})")
    });
    let (name, intent) = (&session.name, &session.intent);
    head.add("session", format!("{name}, to {intent}{overridden}"));
    let mut tokens = history.tokens.iter();
    if let Some(token) = tokens.next() {
        head.append(token_lines(token, &history.source, today));
    }
    let earlier: Vec<_> = tokens.map(|token| earlier_token(token, today)).collect();
    add_all(&mut head, "before it", &earlier);
    if history.tokens_forgotten > 0 {
        let forgotten = format!("older tokens, forgotten: {}", history.tokens_forgotten);
        head.add("", forgotten);
    }
    // The conclusion comes last, where it stays on the screen.
    let mut conclusion = Lines::default();
    let incident = history.incident.as_ref();
    conclusion.add_some("incident", incident.map(|open| bind_units(&open.text)));
    conclusion.add("state", bind_units(&session.standing));
    conclusion.add_some("trouble", session.trouble.clone());
    add_all(&mut conclusion, "known", &history.known);
    add_all(&mut conclusion, "what to do", &history.advice);
    let page = [
        head.render_within(width),
        timeline(history, width),
        conclusion.render_within(width),
    ];
    let page = page.iter().filter(|part| !part.is_empty());
    let page = page.map(String::as_str).collect::<Vec<_>>().join("\n");
    page.replace(NO_BREAK_SPACE, " ")
}

fn token_lines(token: &TokenHistoryReport, source: &str, today: &str) -> Lines {
    let moment = |at: &Moment| moment(at, today);
    let mut lines = Lines::default();
    let (fingerprint, generation) = (&token.fingerprint, token.generation);
    lines.add(
        "token",
        format!("{fingerprint}, generation {generation}, from {source}"),
    );
    lines.add("first seen", moment(&token.found));
    let proven = token.proven.as_ref().map(moment);
    lines.add("proven alive", proven.unwrap_or_else(|| "never".to_owned()));
    if let (Some(ended), Some(end)) = (&token.ended, &token.end) {
        lines.add(end.replace('_', " "), moment(ended));
    }
    lines.add("touches", touches(token, today));
    if token.touched.is_some() {
        let proofs = match token.proofs {
            0 => "not yet".to_owned(),
            1 => "once".to_owned(),
            proofs => format!("{proofs} times"),
        };
        let last = last(token.reset_proven.as_ref(), today);
        lines.add("reset proven", proofs + &last);
    }
    if let (Some(at), Some(left)) = (&token.nearest, token.nearest_seconds) {
        let closest = if left > 0.0 {
            let left = human_duration(Duration::try_from_secs_f64(left).unwrap_or_default());
            format!("touched {left} before its idle deadline")
        } else {
            "touched when its idle deadline had passed".to_owned()
        };
        lines.add("closest", bind_units(&format!("{closest}, {}", moment(at))));
    }
    let failures = match token.failures {
        0 => "none".to_owned(),
        failures => failures.to_string(),
    };
    let last = last(token.failed.as_ref(), today);
    lines.add("failed requests", failures + &last);
    if let Some(outage) = &token.outage {
        let (lasted, over) = (seconds(outage.seconds), moment(&outage.until));
        let failed = outage.failures;
        let outage = format!("{lasted} with {failed} failed, over {over}");
        lines.add("longest outage", bind_units(&outage));
    }
    lines
}

fn earlier_token(token: &TokenHistoryReport, today: &str) -> String {
    let end = token.end_in_words.as_deref().unwrap_or("not ended");
    let ended = token.ended.as_ref().map(|at| moment(at, today));
    format!(
        "{}, generation {}, first seen {}, touches {}; {end}, {}",
        token.fingerprint,
        token.generation,
        moment(&token.found, today),
        touches(token, today),
        ended.unwrap_or_default()
    )
}

fn touches(token: &TokenHistoryReport, today: &str) -> String {
    let (heads, gets) = (token.touches_head, token.touches_get);
    let last = last(token.touched.as_ref(), today);
    match (heads, gets) {
        (0, 0) => "none".to_owned(),
        (heads, 0) => format!("{heads} by HEAD{last}"),
        (0, gets) => format!("{gets} by GET{last}"),
        (heads, gets) => {
            let by = token.touched_by.as_deref().unwrap_or_default();
            let by = by.to_uppercase();
            format!("{heads} by HEAD, {gets} by GET{last} by {by}")
        }
    }
}

fn last(at: Option<&Moment>, today: &str) -> String {
    at.map_or_else(String::new, |at| {
        format!(", the last {}", moment(at, today))
    })
}

/// Returns the timeline, each day under a line with its date.
fn timeline(history: &HistoryReport, width: usize) -> String {
    let mut days: Vec<(&str, Lines)> = Vec::new();
    for row in &history.course {
        let (day, time) = day_and_time(&row.from.at);
        if days.last().is_none_or(|(last, _)| *last != day) {
            days.push((day, Lines::default()));
        }
        if let Some((_, lines)) = days.last_mut() {
            lines.add(format!("{time}  {}", ago(&row.from)), row_text(row));
        }
    }
    let mut text = String::new();
    for (position, (day, lines)) in days.iter().enumerate() {
        text += day;
        text += " UTC";
        if position == 0 {
            text += &beginning(history);
        }
        text.push('\n');
        text += &lines.render_within(width);
    }
    text
}

/// Returns the note on the beginning of the timeline.
fn beginning(history: &HistoryReport) -> String {
    match history.course_forgotten {
        0 => format!(" (the daemon began {})", ago(&history.started)),
        1 => " (1 earlier entry is forgotten)".to_owned(),
        forgotten => format!(" ({forgotten} earlier entries are forgotten)"),
    }
}

fn row_text(row: &TimelineReport) -> String {
    let text = bind_units(&row.text);
    let until = if row.until.in_seconds - row.from.in_seconds >= SPAN_MIN_SECONDS {
        let (_, time) = day_and_time(&row.until.at);
        format!("; until {time}, {}", ago(&row.until))
    } else {
        String::new()
    };
    let id = row.correlation_id.as_deref();
    let id = id.map_or_else(String::new, |id| {
        format!(" [correlation{NO_BREAK_SPACE}id{NO_BREAK_SPACE}{id}]")
    });
    text + &until + &id
}

fn add_all(lines: &mut Lines, key: &str, values: &[String]) {
    let mut lead = key;
    for value in values {
        lines.add(lead, bind_units(value));
        lead = "";
    }
}

/// Formats a moment as `11:42:46 UTC, 2m ago`, with its day if that is not today.
fn moment(moment: &Moment, today: &str) -> String {
    let (day, time) = day_and_time(&moment.at);
    let ago = ago(moment);
    if day == today {
        format!("{time}{NO_BREAK_SPACE}UTC, {ago}")
    } else {
        format!("{day}{NO_BREAK_SPACE}{time}{NO_BREAK_SPACE}UTC, {ago}")
    }
}

/// Splits a time such as `2026-11-24T11:42:46.123Z` into its day and its time in whole seconds.
fn day_and_time(at: &str) -> (&str, &str) {
    let (day, time) = at.split_once('T').unwrap_or(("", at));
    (day, time.split(['.', 'Z']).next().unwrap_or_default())
}

fn ago(moment: &Moment) -> String {
    let ago = -moment.in_seconds;
    if ago < 1.0 {
        format!("just{NO_BREAK_SPACE}now")
    } else {
        bind_units(&format!("{} ago", seconds(ago)))
    }
}

/// Returns the text with no-break spaces within durations, and before `ago`.
fn bind_units(text: &str) -> String {
    let mut bound = String::with_capacity(text.len());
    let mut before = "";
    for word in text.split(' ') {
        let bare = word.trim_end_matches([',', ';', ':', ')', '.']);
        if is_amount(before) && (bare == "ago" || is_amount(bare)) {
            bound.push(NO_BREAK_SPACE);
        } else if !bound.is_empty() {
            bound.push(' ');
        }
        bound.push_str(word);
        before = word;
    }
    bound
}

/// Returns true for a number with its unit, such as `7m`.
fn is_amount(word: &str) -> bool {
    let number = word.strip_suffix(['d', 'h', 'm', 's']);
    number.is_some_and(|number| number.parse::<u64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::{EventKind, Failure, Operation, Touch, Verdict};
    use crate::status::fixture::{HistoryFixture, a_death, alive_view, lost};

    fn lost_history() -> HistoryReport {
        let touch = Operation::Touch(Touch::Head);
        let unreachable = || Verdict::Unreachable(Failure::NotConnected);
        let record = HistoryFixture::new()
            .event(0, EventKind::Found)
            .event(1, EventKind::Alive { replaces: false })
            .touch(10, 900)
            .token(2)
            .event(100, EventKind::Found)
            .event(101, EventKind::Alive { replaces: true })
            .touch(510, 900)
            .answer(1010, touch, unreachable())
            .answer(1020, touch, unreachable())
            .touch(1030, 900)
            .event(1031, EventKind::Recovered { failures: 2 })
            .event(1680, EventKind::Lost(a_death()))
            .history(lost());
        HistoryReport::of(&record)
    }

    #[test]
    fn a_lost_token_is_told_in_80_columns() {
        let page = draw(&lost_history(), 80);
        assert!(page.lines().all(|line| line.chars().count() <= 80));
        insta::assert_snapshot!(page, @r"
        session          wallboard, to keep
        token            433ebf5b, generation 2, from file /run/wallboard/token
        first seen       07:31:40 UTC, 28m 20s ago
        proven alive     07:31:41 UTC, 28m 19s ago
        lost             07:58:00 UTC, 2m ago
        touches          2 by HEAD, the last 07:47:10 UTC, 12m 50s ago
        reset proven     not yet
        closest          touched 6m 20s before its idle deadline, 07:47:10 UTC,
                         12m 50s ago
        failed requests  2, the last 07:47:01 UTC, 12m 59s ago
        longest outage   21s with 2 failed, over 07:47:11 UTC, 12m 49s ago
        before it        b40711a8, generation 1, first seen 07:30:00 UTC, 30m ago,
                         touches 1 by HEAD, the last 07:30:10 UTC, 29m 50s ago; replaced
                         by a newer token while it lived, 07:31:41 UTC, 28m 19s ago

        2026-11-24 UTC (the daemon began 1h ago)
        07:30:00  30m ago      token b40711a8 was found
        07:30:01  29m 59s ago  token b40711a8 was proven alive
        07:30:11  29m 49s ago  answered: 1 touch by HEAD
        07:31:40  28m 20s ago  token 433ebf5b was found
        07:31:41  28m 19s ago  token 433ebf5b was proven alive
        07:31:41  28m 19s ago  token b40711a8 was replaced by a newer one
        07:38:31  21m 29s ago  answered: 1 touch by HEAD
        07:46:51  13m 9s ago   touch by HEAD failed twice: no connection to the API;
                               until 07:47:01, 12m 59s ago [correlation id c-1]
        07:47:11  12m 49s ago  answered: 1 touch by HEAD
        07:47:11  12m 49s ago  well again after 2 failed tries
        07:58:00  2m ago       token 433ebf5b was lost

        state       lost: refused 23h 59m after it was first seen, 2m after an accepted
                    touch and 13m before its idle deadline, which the API reported
                    1m 58s before: revocation, eviction by an eleventh token, the
                    absolute lifetime, a disabled client, or idleness if the timeout was
                    shortened meanwhile or the reported time was wrong; nothing until
                    the token is replaced
        known       support can look up the refusal by its correlation id 5a0e
        what to do  check who revokes tokens or logs the user out, what else fetches
                    tokens for the user (the API keeps 10 and ends the oldest), how long
                    a token lives, and whether the idle timeout or the client was
                    changed
                    a new token in file /run/wallboard/token takes over at once
        ");
    }

    #[test]
    fn a_wide_terminal_is_used() {
        let page = draw(&lost_history(), 120);
        assert!(page.lines().all(|line| line.chars().count() <= 120));
        assert!(page.lines().any(|line| line.chars().count() > 100));
    }

    #[test]
    fn a_session_that_is_well_tells_how_it_has_been() {
        let record = HistoryFixture::new()
            .event(0, EventKind::Found)
            .event(1, EventKind::Alive { replaces: false })
            .touch(10, 900)
            .touch(909, 900)
            .history(alive_view());
        let mut history = HistoryReport::of(&record);
        history.session.configured_intent = Some("lapse".to_owned());
        insta::assert_snapshot!(draw(&history, 80), @r"
        session          wallboard, to keep, as ordered (configured: lapse)
        token            b40711a8, generation 1, from file /run/wallboard/token
        first seen       07:30:00 UTC, 30m ago
        proven alive     07:30:01 UTC, 29m 59s ago
        touches          2 by HEAD, the last 07:45:09 UTC, 14m 51s ago
        reset proven     not yet
        closest          touched 1s before its idle deadline, 07:45:09 UTC, 14m 51s ago
        failed requests  none

        2026-11-24 UTC (the daemon began 1h ago)
        07:30:00  30m ago      token b40711a8 was found
        07:30:01  29m 59s ago  token b40711a8 was proven alive
        07:30:11  29m 49s ago  answered: 2 touches by HEAD; until 07:45:10, 14m 50s ago

        state  alive: touch in 7m 12s, outage budget 7m 48s
        known  no request has failed since it was first seen, 30m ago
        ");
    }

    #[test]
    fn a_duration_is_not_torn_apart() {
        assert_eq!(
            bind_units("refused 23h 59m after, 2m ago, of 3 sessions"),
            "refused 23h\u{a0}59m after, 2m\u{a0}ago, of 3 sessions"
        );
    }
}
