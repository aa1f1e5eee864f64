//! Writes the plan for people: a table for each group of sessions, the totals and the warnings.

use std::time::Duration;

use super::report::{PlanReport, SessionGroup};
use super::warning::PlanWarning;
use crate::cli::text::{Column, Table, TextStyle, wrap};
use crate::config::exact_duration;
use crate::keeper::{
    Bounds, Grade, Hourly, Intent, MINT_BURST, MINT_INTERVAL, Margin, OnShutdown, Plan,
    PlannedRequests, Policy, TouchPreference, TouchSchedule,
};
use crate::status::phrases::counted;

/// The number of a group's sinks that are named.
const SINKS_SHOWN_MAX: usize = 4;

/// The width, in columns, from which on the table shows more of them.
const WIDE: usize = 110;

/// Returns the whole page.
pub(super) fn page(report: &PlanReport, style: TextStyle) -> String {
    let mut parts: Vec<_> = report
        .groups
        .iter()
        .map(|group| section(group, report, style))
        .collect();
    parts.push(totals_section(report, style));
    parts.extend(warnings(report, style));
    parts.push(wrap("", &verdict(report), 0, style.width));
    parts.join("\n")
}

fn section(group: &SessionGroup, report: &PlanReport, style: TextStyle) -> String {
    let policy = &group.policy;
    let names = session_names(group, style.width);
    let (head, body) = match policy.intent {
        Intent::Keep => {
            let touch = match policy.touch {
                TouchPreference::Auto => "HEAD or GET",
                TouchPreference::Head => "HEAD",
                TouchPreference::Get => "GET",
            };
            let margin = match policy.margin {
                Margin::Percent(percent) => format!("{percent}%"),
                Margin::Time(time) => exact_duration(time),
            };
            let head = format!("{names}: kept with {touch}, margin {margin}");
            (head, touch_table(group, report, style))
        }
        Intent::Lapse => {
            let head = format!("{names}: left to lapse, only peeked at");
            (head, peek_table(group))
        }
    };
    let end = match policy.on_shutdown {
        OnShutdown::Revoke => "At the stop: revoked.",
        OnShutdown::Leave => "At the stop: left as it is.",
    };
    let tokens = tokens(group).map(|text| wrap("  ", &text, 2, style.width));
    let sinks = sinks(group).map(|text| wrap("  ", &text, 2, style.width));
    [
        wrap("", &head, 2, style.width),
        body,
        tokens.unwrap_or_default(),
        sinks.unwrap_or_default(),
        wrap("  ", end, 2, style.width),
    ]
    .concat()
}

/// Describes the tokens that each session of the group obtains.
fn tokens(group: &SessionGroup) -> Option<String> {
    group.policy.renewal?;
    let a_day = group.plans.iter().filter_map(Plan::tokens_a_day);
    let a_day = a_day.reduce(Bounds::including);
    let Some(a_day) = a_day else {
        return (group.policy.intent == Intent::Keep).then(|| {
            "Tokens: another one before each expiry that the program reports.".to_owned()
        });
    };
    let lifetime = group.plans.first().and_then(Plan::lifetime);
    let lifetime = lifetime.map_or_else(String::new, |lifetime| {
        format!(" if they live for {}", exact_duration(lifetime))
    });
    let each = if group.sessions == 1 {
        ""
    } else {
        " for each session"
    };
    let a_day = numbers(a_day);
    Some(format!(
        "Tokens: {a_day} a day are obtained{each}{lifetime}."
    ))
}

/// Names the sinks of the group, as many as are easily read.
fn sinks(group: &SessionGroup) -> Option<String> {
    let shown = group.sinks.iter().take(SINKS_SHOWN_MAX);
    let shown =
        shown.map(|(_, sink)| format!("{} ({})", sink.file.display(), sink.format.as_str()));
    let shown: Vec<_> = shown.collect();
    let more = match group.sinks.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!shown.is_empty()).then(|| format!("Sinks: {}{more}.", shown.join(", ")))
}

/// Returns the names of the group's sessions, as many as fit into a line.
fn session_names(group: &SessionGroup, width: usize) -> String {
    if group.names.len() < 2 {
        return group.title();
    }
    let mut line = format!("{} sessions: ", group.sessions);
    let room = width.saturating_sub(48);
    for (number, name) in group.names.iter().enumerate() {
        if number > 0 && line.len() + name.as_str().len() > room {
            return format!("{line} and {} more", group.names.len() - number);
        }
        if number > 0 {
            line += ", ";
        }
        line += name.as_str();
    }
    line
}

fn touch_table(group: &SessionGroup, report: &PlanReport, style: TextStyle) -> String {
    let columns = [
        Column::left("IDLE\nTIMEOUT"),
        Column::right("TOUCH AFTER\nAT EARLIEST"),
        Column::right("THE LAST\nAT LATEST"),
        Column::right("REQUESTS\nAN HOUR"),
        Column::right("OUTAGE\nBUDGET"),
        Column::right("TRIES IF\nREFUSED"),
        Column::right("TRIES IF\nTHEY HANG"),
        Column::right("TOUCHES\nAN HOUR"),
        Column::right("PROOFS\nAN HOUR"),
        Column::right("EXCLUSION\nFOUND AFTER"),
    ];
    let shown = if style.width >= WIDE {
        columns.len()
    } else {
        6
    };
    let mut table = Table::new(&columns[..shown]);
    let mut notes = String::new();
    for plan in &group.plans {
        let Some(touches) = plan.touches() else {
            continue;
        };
        // They are the same with every idle timeout.
        notes = touch_notes(&touches, &group.policy, report);
        let hourly = Hourly::of(plan);
        let cells = [
            exact_duration(plan.idle_timeout),
            exact_duration(floor(touches.interval.least)),
            exact_duration(ceiling(touches.interval.most)),
            number(hourly.sum()),
            exact_duration(floor(touches.outage_budget)),
            range(touches.refused_tries),
            range(touches.hung_tries),
            number(hourly.touches),
            number(hourly.peeks),
            exact_duration(ceiling(touches.exclusion_found_after)),
        ];
        table.row(&cells[..shown]);
    }
    table.render() + &wrap("  ", &notes, 2, style.width)
}

fn touch_notes(touches: &TouchSchedule, policy: &Policy, report: &PlanReport) -> String {
    let proof_after = exact_duration(touches.proof_after);
    let proof = match (policy.touch, policy.verify_every) {
        (TouchPreference::Get, _) => {
            "Each touch is proven by its own answer, and one in ten by a peek as well.".to_owned()
        }
        (TouchPreference::Head | TouchPreference::Auto, 1) => {
            format!("Each touch is proven by a peek {proof_after} later.")
        }
        (TouchPreference::Head | TouchPreference::Auto, every) => format!(
            "The first touch and then one in {every} is proven by a peek {proof_after} later."
        ),
    };
    let proof = match policy.touch {
        TouchPreference::Auto => format!(
            "{proof} Where the answer to GET shows the moved deadline, nine in ten need no peek."
        ),
        TouchPreference::Head | TouchPreference::Get => proof,
    };
    format!(
        "{proof} A touch that fails is tried again after {}, then ever later up to every {}, and once more just before the deadline.",
        exact_duration(touches.retry_after.most),
        exact_duration(report.limits.backoff.cap)
    )
}

fn peek_table(group: &SessionGroup) -> String {
    let mut table = Table::new(&[
        Column::left("IDLE\nTIMEOUT"),
        Column::right("PEEK AFTER\nAT LATEST"),
        Column::right("PEEKS AN HOUR\nWHILE IN USE"),
        Column::right("END SEEN AFTER\nTHE DEADLINE"),
        Column::right("CONFIRMED\nAFTER"),
    ]);
    for plan in &group.plans {
        let PlannedRequests::Lapsing(peeks) = plan.course else {
            continue;
        };
        let (least, most) = (number(peeks.an_hour.least), number(peeks.an_hour.most));
        table.row([
            exact_duration(plan.idle_timeout),
            exact_duration(ceiling(peeks.every)),
            format!("{least} to {most}"),
            exact_duration(peeks.lapse_seen_after),
            exact_duration(peeks.confirmed_after),
        ]);
    }
    table.render()
}

fn totals_section(report: &PlanReport, style: TextStyle) -> String {
    let sessions = report.sessions();
    let head = match sessions {
        1 => "the load on the API".to_owned(),
        sessions => format!("the load of all {sessions} sessions on the API"),
    };
    let mut table = Table::new(&[
        Column::left("IDLE\nTIMEOUT"),
        Column::right("TOUCHES\nAN HOUR"),
        Column::right("PEEKS\nAN HOUR"),
        Column::right("READS\nAN HOUR"),
        Column::right("ALL\nAN HOUR"),
        Column::right("MEAN\nA SECOND"),
        Column::right("IN STEP\nA SECOND"),
    ]);
    for total in &report.totals {
        let hourly = total.load.hourly;
        table.row([
            exact_duration(total.idle_timeout),
            number(hourly.touches),
            number(hourly.peeks),
            number(hourly.reads),
            number(hourly.sum()),
            number(total.load.mean_a_second()),
            number(total.load.in_step_a_second),
        ]);
    }
    let in_flight = report.in_flight_max;
    let notes = [
        format!(
            "Start: {} at once, at most {in_flight} in flight.",
            counted(sessions, "peek")
        ),
        format!(
            "READS: each organisation's idle timeout (one for each API) every {}.",
            exact_duration(report.limits.timeout_refresh)
        ),
        "IN STEP: the worst case, while sessions that started together act together.".to_owned(),
        format!(
            "Stop: revocations at once, at most {in_flight} in flight, tried for {}.",
            exact_duration(report.grace)
        ),
        "A token makes at most 60 requests a minute; the API allows 300.".to_owned(),
    ];
    let notes = notes.into_iter().chain(tokens_note(report));
    let notes = notes.map(|note| wrap("  ", &note, 4, style.width));
    format!("{head}\n{}{}", table.render(), notes.collect::<String>())
}

/// Describes the tokens that all sessions obtain.
fn tokens_note(report: &PlanReport) -> Option<String> {
    let totals = report.totals.iter().filter_map(|total| total.tokens_a_day);
    let a_day = totals.reduce(Bounds::including)?;
    Some(format!(
        "Tokens: {} a day; a login host is asked for {MINT_BURST} at once and then for one every {}.",
        numbers(a_day),
        exact_duration(MINT_INTERVAL)
    ))
}

/// Returns the text of each warning.
pub(super) fn warnings(report: &PlanReport, style: TextStyle) -> impl Iterator<Item = String> {
    let findings = report.findings.iter();
    findings.map(move |finding| warning_text(finding, style))
}

fn warning_text(finding: &PlanWarning, style: TextStyle) -> String {
    let (word, colour) = match finding.grade() {
        Grade::Cannot => ("cannot work", "1;31"),
        Grade::Weak => ("weak", "1;33"),
    };
    let when = finding
        .when()
        .map_or_else(String::new, |condition| format!(" {condition}"));
    let head = format!("{word}{when}: {}: {}", finding.title, finding.problem());
    let head = wrap("", &head, 2, style.width);
    let head = head.replacen(word, &style.paint(word, colour), 1);
    let changes = finding.changes.iter().enumerate();
    let changes = changes.map(|(number, change)| {
        let or = if number == 0 { "change" } else { "or" };
        let text = format!("{or} {} to {} {}", change.key, change.value, change.bound);
        wrap("  ", &text, 4, style.width)
    });
    head + &changes.collect::<String>()
}

fn verdict(report: &PlanReport) -> String {
    let count = |grade| {
        let findings = report.findings.iter();
        findings.filter(|finding| finding.grade() == grade).count()
    };
    match (report.cannot_work(), count(Grade::Cannot), count(Grade::Weak)) {
        (false, 0, 0) => "It works.".to_owned(),
        (false, 0, weak) => format!("It works, with {}.", counted(weak, "weak point")),
        (false, _, _) => {
            "Whether it works depends on the organisation's idle timeout: give it with --idle-timeout."
                .to_owned()
        }
        (true, cannot, _) => format!("It does not work: {} cannot.", counted(cannot, "setting")),
    }
}

fn range(Bounds { least, most }: Bounds<u32>) -> String {
    if least == most {
        least.to_string()
    } else {
        format!("{least} to {most}")
    }
}

fn numbers(Bounds { least, most }: Bounds<f64>) -> String {
    let (least, most) = (number(least), number(most));
    if least == most {
        least
    } else {
        format!("{least} to {most}")
    }
}

/// Formats a number with about three significant digits.
fn number(number: f64) -> String {
    if number > 0.0 && number < 0.005 {
        "<0.01".to_owned()
    } else if (number - number.round()).abs() < 0.005 {
        format!("{number:.0}")
    } else if number < 9.995 {
        format!("{number:.2}")
    } else if number < 99.95 {
        format!("{number:.1}")
    } else {
        format!("{number:.0}")
    }
}

/// Rounds down to whole seconds, or to milliseconds below 10s.
fn floor(duration: Duration) -> Duration {
    if duration < Duration::from_secs(10) {
        return Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    }
    Duration::from_secs(duration.as_secs())
}

/// Rounds up to whole seconds, or to milliseconds below 10s.
fn ceiling(duration: Duration) -> Duration {
    let floor = floor(duration);
    if duration == floor {
        floor
    } else if floor < Duration::from_secs(10) {
        floor + Duration::from_millis(1)
    } else {
        floor + Duration::from_secs(1)
    }
}
