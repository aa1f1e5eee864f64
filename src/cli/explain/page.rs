//! The page: how the session stands, what can be done, its tokens, and what happened.

use std::time::Duration;

use crate::cli::operate::Lines;
use crate::observe::report::{CourseReport, Moment, StoryReport, TokenReport};
use crate::observe::words::lasting;

/// What lasted less has no second time.
const AT_ONCE: f64 = 1.0;

/// Holds a number and its unit on one line until all is wrapped.
const GLUE: char = '\u{a0}';

/// The units of durations.
const UNITS: [&str; 5] = ["ms", "s", "m", "h", "d"];

/// Draws the page.
pub(super) fn draw(story: &StoryReport, width: usize) -> String {
    let today = day_and_time(&story.now).0;
    let session = &story.session;
    let mut head = Lines::default();
    let configured = session.configured_intent.as_deref();
    let ordered =
        configured.map_or_else(String::new, |it| format!(", as ordered (configured: {it})"));
    let (name, intent) = (&session.name, &session.intent);
    head.add("session", format!("{name}, to {intent}{ordered}"));
    head.add("state", glued(&session.standing));
    head.add_some("trouble", session.trouble.clone());
    add_all(&mut head, "known", &story.known);
    add_all(&mut head, "what to do", &story.advice);
    let mut tokens = story.tokens.iter();
    if let Some(token) = tokens.next() {
        head.append(of_token(token, &story.source, today));
    }
    let earlier: Vec<_> = tokens.map(|token| of_earlier(token, today)).collect();
    add_all(&mut head, "before it", &earlier);
    if story.tokens_forgotten > 0 {
        let forgotten = format!("older tokens, forgotten: {}", story.tokens_forgotten);
        head.add("", forgotten);
    }
    let mut page = head.render_within(width) + "\n";
    page += &course(story, width);
    page.replace(GLUE, " ")
}

fn of_token(token: &TokenReport, source: &str, today: &str) -> Lines {
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
        let said = if left > 0.0 {
            let left = lasting(Duration::try_from_secs_f64(left).unwrap_or_default());
            format!("touched {left} before its idle deadline")
        } else {
            "touched when its idle deadline had passed".to_owned()
        };
        lines.add("closest", glued(&format!("{said}, {}", moment(at))));
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
        let said = format!("{lasted} with {failed} failed, over {over}");
        lines.add("longest outage", glued(&said));
    }
    lines
}

fn of_earlier(token: &TokenReport, today: &str) -> String {
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

fn touches(token: &TokenReport, today: &str) -> String {
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

/// What happened, under the day on which it did.
fn course(story: &StoryReport, width: usize) -> String {
    let mut days: Vec<(&str, Lines)> = Vec::new();
    for row in &story.course {
        let (day, time) = day_and_time(&row.from.at);
        if days.last().is_none_or(|(last, _)| *last != day) {
            days.push((day, Lines::default()));
        }
        if let Some((_, lines)) = days.last_mut() {
            lines.add(format!("{time}  {}", ago(&row.from)), of_row(row));
        }
    }
    let mut text = String::new();
    for (position, (day, lines)) in days.iter().enumerate() {
        text += day;
        text += " UTC";
        if position == 0 {
            text += &beginning(story);
        }
        text.push('\n');
        text += &lines.render_within(width);
    }
    text
}

/// From when on something is known.
fn beginning(story: &StoryReport) -> String {
    match story.course_forgotten {
        0 => format!(" (the daemon began {})", ago(&story.started)),
        1 => " (1 earlier entry is forgotten)".to_owned(),
        forgotten => format!(" ({forgotten} earlier entries are forgotten)"),
    }
}

fn of_row(row: &CourseReport) -> String {
    let said = glued(&row.text);
    let until = if row.until.in_seconds - row.from.in_seconds >= AT_ONCE {
        let (_, time) = day_and_time(&row.until.at);
        format!("; until {time}, {}", ago(&row.until))
    } else {
        String::new()
    };
    let id = row.correlation_id.as_deref();
    let id = id.map_or_else(String::new, |id| {
        format!(" [correlation{GLUE}id{GLUE}{id}]")
    });
    said + &until + &id
}

fn add_all(lines: &mut Lines, key: &str, values: &[String]) {
    let mut lead = key;
    for value in values {
        lines.add(lead, glued(value));
        lead = "";
    }
}

/// `11:42:46 UTC, 2 m ago`; the day as well if it is another.
fn moment(moment: &Moment, today: &str) -> String {
    let (day, time) = day_and_time(&moment.at);
    let ago = ago(moment);
    if day == today {
        format!("{time}{GLUE}UTC, {ago}")
    } else {
        format!("{day}{GLUE}{time}{GLUE}UTC, {ago}")
    }
}

/// Of a time such as `2026-11-24T11:42:46.123Z`.
fn day_and_time(at: &str) -> (&str, &str) {
    let (day, time) = at.split_once('T').unwrap_or(("", at));
    (day, time.split(['.', 'Z']).next().unwrap_or_default())
}

fn ago(moment: &Moment) -> String {
    let ago = -moment.in_seconds;
    if ago < 1.0 {
        format!("just{GLUE}now")
    } else {
        glued(&format!("{} ago", seconds(ago)))
    }
}

/// Below a second nobody is interested.
fn seconds(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds.floor()).unwrap_or_default();
    lasting(whole).to_string()
}

/// The text with each number held to its unit, and a duration to its `ago`.
fn glued(text: &str) -> String {
    let mut glued = String::with_capacity(text.len());
    let mut before = "";
    for word in text.split(' ') {
        let bare = word.trim_end_matches([',', ';', ':', ')', '.']);
        let is_of_number = UNITS.contains(&bare) && before.parse::<u64>().is_ok();
        let is_of_unit = bare == "ago" || bare.parse::<u64>().is_ok();
        if is_of_number || is_of_unit && UNITS.contains(&before) {
            glued.push(GLUE);
        } else if !glued.is_empty() {
            glued.push(' ');
        }
        glued.push_str(word);
        before = word;
    }
    glued
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::{EventKind, Failure, Operation, Touch, Verdict};
    use crate::observe::fixture::{Tale, a_death, held, lost};

    fn lost_story() -> StoryReport {
        let touch = Operation::Touch(Touch::Head);
        let unreachable = || Verdict::Unreachable(Failure::NotConnected);
        let told = Tale::new()
            .tell(0, EventKind::Found)
            .tell(1, EventKind::Held { replaces: false })
            .touch(10, 900)
            .token(2)
            .tell(100, EventKind::Found)
            .tell(101, EventKind::Held { replaces: true })
            .touch(510, 900)
            .answer(1010, touch, unreachable())
            .answer(1020, touch, unreachable())
            .touch(1030, 900)
            .tell(1031, EventKind::Recovered { failures: 2 })
            .tell(1680, EventKind::Lost(a_death()))
            .told(lost());
        StoryReport::of(&told)
    }

    #[test]
    fn a_lost_token_is_told_in_80_columns() {
        let page = draw(&lost_story(), 80);
        assert!(page.lines().all(|line| line.chars().count() <= 80));
        insta::assert_snapshot!(page, @r"
    session          wallboard, to keep
    state            lost: refused 23 h 59 m after it was first seen, 2 m after an
                     accepted touch and 13 m before its idle deadline: this is not
                     idleness but revocation, eviction by an eleventh token or the
                     absolute lifetime; nothing until the token is replaced
    known            support can look up the refusal by its correlation id 5a0e
    what to do       touching it oftener would not have helped: look at who revokes
                     tokens or logs the user out, at what else fetches tokens for
                     the user (the API keeps 10 and ends the oldest), and at how
                     long a token lives at all
                     a new token in file /run/wallboard/token takes over at once
    token            433ebf5b, generation 2, from file /run/wallboard/token
    first seen       07:31:40 UTC, 28 m 20 s ago
    proven alive     07:31:41 UTC, 28 m 19 s ago
    lost             07:58:00 UTC, 2 m ago
    touches          2 by HEAD, the last 07:47:10 UTC, 12 m 50 s ago
    reset proven     not yet
    closest          touched 6 m 20 s before its idle deadline, 07:47:10 UTC,
                     12 m 50 s ago
    failed requests  2, the last 07:47:01 UTC, 12 m 59 s ago
    longest outage   21 s with 2 failed, over 07:47:11 UTC, 12 m 49 s ago
    before it        b40711a8, generation 1, first seen 07:30:00 UTC, 30 m ago,
                     touches 1 by HEAD, the last 07:30:10 UTC, 29 m 50 s ago;
                     replaced by a newer token while it lived, 07:31:41 UTC,
                     28 m 19 s ago

    2026-11-24 UTC (the daemon began 1 h ago)
    07:30:00  30 m ago       token b40711a8 was found
    07:30:01  29 m 59 s ago  token b40711a8 was proven alive
    07:30:11  29 m 49 s ago  answered: 1 touch by HEAD
    07:31:40  28 m 20 s ago  token 433ebf5b was found
    07:31:41  28 m 19 s ago  token 433ebf5b was proven alive
    07:31:41  28 m 19 s ago  token b40711a8 was replaced by a newer one
    07:38:31  21 m 29 s ago  answered: 1 touch by HEAD
    07:46:51  13 m 9 s ago   touch by HEAD failed twice: no connection to the API;
                             until 07:47:01, 12 m 59 s ago [correlation id c-1]
    07:47:11  12 m 49 s ago  answered: 1 touch by HEAD
    07:47:11  12 m 49 s ago  well again after 2 failed tries
    07:58:00  2 m ago        token 433ebf5b was lost
    ");
    }

    #[test]
    fn a_wide_terminal_is_used() {
        let page = draw(&lost_story(), 120);
        assert!(page.lines().all(|line| line.chars().count() <= 120));
        assert!(page.lines().any(|line| line.chars().count() > 100));
    }

    #[test]
    fn a_session_that_is_well_tells_how_it_has_been() {
        let told = Tale::new()
            .tell(0, EventKind::Found)
            .tell(1, EventKind::Held { replaces: false })
            .touch(10, 900)
            .touch(909, 900)
            .told(held());
        let mut story = StoryReport::of(&told);
        story.session.configured_intent = Some("lapse".to_owned());
        insta::assert_snapshot!(draw(&story, 80), @r"
    session          wallboard, to keep, as ordered (configured: lapse)
    state            held: touch in 7 m 12 s, outage budget 7 m 48 s
    known            no request has failed since it was first seen, 30 m ago
    token            b40711a8, generation 1, from file /run/wallboard/token
    first seen       07:30:00 UTC, 30 m ago
    proven alive     07:30:01 UTC, 29 m 59 s ago
    touches          2 by HEAD, the last 07:45:09 UTC, 14 m 51 s ago
    reset proven     not yet
    closest          touched 1 s before its idle deadline, 07:45:09 UTC,
                     14 m 51 s ago
    failed requests  none

    2026-11-24 UTC (the daemon began 1 h ago)
    07:30:00  30 m ago       token b40711a8 was found
    07:30:01  29 m 59 s ago  token b40711a8 was proven alive
    07:30:11  29 m 49 s ago  answered: 2 touches by HEAD; until 07:45:10,
                             14 m 50 s ago
    ");
    }

    #[test]
    fn a_number_and_its_unit_are_not_torn_apart() {
        assert_eq!(
            glued("refused 23 h 59 m after, 2 m ago, of 3 sessions"),
            "refused 23\u{a0}h\u{a0}59\u{a0}m after, 2\u{a0}m\u{a0}ago, of 3 sessions"
        );
    }
}
