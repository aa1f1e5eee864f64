//! The plan for people: a table for each group of equal sessions, what they ask together, and what is wrong.

use std::time::Duration;

use super::finding::Finding;
use super::study::{Group, Study};
use super::table::{Side, Table, fill};
use crate::config::in_words;
use crate::keeper::{
    Course, Grade, Hourly, Intent, Looks, Margin, OnShutdown, Plan, Touch, Touches,
};

/// From this width on there is room for more columns.
const WIDE: usize = 110;

/// What the page is written on.
#[derive(Clone, Copy)]
pub(super) struct Paper {
    pub(super) width: usize,
    pub(super) is_coloured: bool,
}

/// The whole page.
pub(super) fn page(study: &Study, paper: Paper) -> String {
    let mut parts: Vec<_> = study
        .groups
        .iter()
        .map(|group| section(group, study, paper))
        .collect();
    parts.push(together(study, paper));
    parts.extend(study.findings.iter().map(|it| found(it, paper)));
    parts.push(fill(&verdict(study), 0, 0, paper.width));
    parts.join("\n")
}

fn section(group: &Group, study: &Study, paper: Paper) -> String {
    let policy = &group.policy;
    let head = match policy.intent {
        Intent::Keep => format!(
            "{}: kept with {}, margin {}",
            listed(group, paper.width),
            match policy.touch {
                Touch::Head => "HEAD",
                Touch::Get => "GET",
            },
            match policy.margin {
                Margin::Percent(percent) => format!("{percent}%"),
                Margin::Time(time) => in_words(time),
            }
        ),
        Intent::Lapse => format!(
            "{}: left to lapse, only peeked at",
            listed(group, paper.width)
        ),
    };
    let kept: Vec<_> = group.plans.iter().filter_map(kept).collect();
    let looks: Vec<_> = group.plans.iter().filter_map(lapsing).collect();
    let body = if let Some((_, touches)) = kept.first() {
        let notes = touch_notes(touches, policy.verify_every, study);
        touch_table(&kept, paper) + &fill(&notes, 2, 0, paper.width)
    } else {
        look_table(&looks)
    };
    let end = match policy.on_shutdown {
        OnShutdown::Revoke => "At the stop: revoked.",
        OnShutdown::Leave => "At the stop: left as it is.",
    };
    fill(&head, 0, 2, paper.width) + &body + &fill(end, 2, 0, paper.width)
}

/// The sessions by name, as many as fit into a line.
fn listed(group: &Group, width: usize) -> String {
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

fn kept(plan: &Plan) -> Option<(&Plan, Touches)> {
    match plan.course {
        Course::Kept(touches) => Some((plan, touches)),
        Course::Lapsing(_) => None,
    }
}

fn lapsing(plan: &Plan) -> Option<(&Plan, Looks)> {
    match plan.course {
        Course::Kept(_) => None,
        Course::Lapsing(looks) => Some((plan, looks)),
    }
}

fn touch_table(plans: &[(&Plan, Touches)], paper: Paper) -> String {
    let is_wide = paper.width >= WIDE;
    let mut table = Table::default()
        .column("IDLE", "TIMEOUT", Side::Left)
        .column("TOUCH AFTER", "AT EARLIEST", Side::Right)
        .column("THE LAST", "AT LATEST", Side::Right)
        .column("REQUESTS", "AN HOUR", Side::Right)
        .column("OUTAGE", "BUDGET", Side::Right)
        .column("TRIES IF", "REFUSED", Side::Right);
    if is_wide {
        table = table
            .column("TRIES IF", "THEY HANG", Side::Right)
            .column("TOUCHES", "AN HOUR", Side::Right)
            .column("PROOFS", "AN HOUR", Side::Right)
            .column("EXCLUSION", "FOUND AFTER", Side::Right);
    }
    for (plan, touches) in plans {
        let hourly = Hourly::of(plan);
        let mut cells = vec![
            in_words(plan.idle_timeout),
            in_words(floor(touches.interval.least)),
            in_words(ceiling(touches.interval.most)),
            number(hourly.sum()),
            in_words(floor(touches.outage_budget)),
            range(touches.refused_tries.least, touches.refused_tries.most),
        ];
        if is_wide {
            cells.extend([
                range(touches.hung_tries.least, touches.hung_tries.most),
                number(hourly.touches),
                number(hourly.peeks),
                in_words(ceiling(touches.exclusion_found_after)),
            ]);
        }
        table.row(cells);
    }
    table.render()
}

fn touch_notes(touches: &Touches, verify_every: u32, study: &Study) -> String {
    let proven = match verify_every {
        1 => "Each touch is".to_owned(),
        touches => format!("The first touch and then one in {touches} is"),
    };
    let cap = study.limits.backoff.cap;
    format!(
        "{proven} proven by a peek {} later. A touch that fails is tried again after {}, then ever later up to every {}, and once more just before the deadline.",
        in_words(touches.proof_after),
        in_words(touches.retry_after.most),
        in_words(cap)
    )
}

fn look_table(plans: &[(&Plan, Looks)]) -> String {
    let mut table = Table::default()
        .column("IDLE", "TIMEOUT", Side::Left)
        .column("PEEK AFTER", "AT LATEST", Side::Right)
        .column("PEEKS AN HOUR", "WHILE IN USE", Side::Right)
        .column("END SEEN AFTER", "THE DEADLINE", Side::Right)
        .column("CONFIRMED", "AFTER", Side::Right);
    for (plan, looks) in plans {
        let (least, most) = (number(looks.an_hour.least), number(looks.an_hour.most));
        table.row(vec![
            in_words(plan.idle_timeout),
            in_words(ceiling(looks.every)),
            format!("{least} to {most}"),
            in_words(looks.lapse_seen_after),
            in_words(looks.confirmed_after),
        ]);
    }
    table.render()
}

fn together(study: &Study, paper: Paper) -> String {
    let sessions = study.sessions();
    let head = match sessions {
        1 => "what it asks of the API".to_owned(),
        sessions => format!("what all {sessions} sessions ask of the API together"),
    };
    let mut table = Table::default()
        .column("IDLE", "TIMEOUT", Side::Left)
        .column("TOUCHES", "AN HOUR", Side::Right)
        .column("PEEKS", "AN HOUR", Side::Right)
        .column("READS", "AN HOUR", Side::Right)
        .column("ALL", "AN HOUR", Side::Right)
        .column("MEAN", "A SECOND", Side::Right)
        .column("IN STEP", "A SECOND", Side::Right);
    for total in &study.totals {
        let hourly = total.load.hourly;
        table.row(vec![
            in_words(total.idle_timeout),
            number(hourly.touches),
            number(hourly.peeks),
            number(hourly.reads),
            number(hourly.sum()),
            number(total.load.mean_a_second()),
            number(total.load.in_step_a_second),
        ]);
    }
    let in_flight = study.in_flight_max;
    let notes = [
        format!(
            "Start: {sessions} peek{} at once, at most {in_flight} in flight.",
            if sessions == 1 { "" } else { "s" }
        ),
        format!(
            "READS: each organisation's idle timeout (one for each API) every {}.",
            in_words(study.limits.timeout_refresh)
        ),
        "IN STEP: about the worst, while sessions that began together act together.".to_owned(),
        format!(
            "Stop: revocations at once, at most {in_flight} in flight, tried for {}.",
            in_words(study.grace)
        ),
        "A token makes 60 requests a minute at the most; the API grants it 300.".to_owned(),
    ];
    let notes = notes.iter().map(|note| fill(note, 2, 2, paper.width));
    format!("{head}\n{}{}", table.render(), notes.collect::<String>())
}

fn found(finding: &Finding, paper: Paper) -> String {
    let (word, colour) = match finding.grade() {
        Grade::Cannot => ("cannot work", "\x1b[1;31m"),
        Grade::Weak => ("weak", "\x1b[1;33m"),
    };
    let when = finding
        .when()
        .map_or_else(String::new, |it| format!(" {it}"));
    let head = format!("{word}{when}: {}: {}", finding.title, finding.what());
    let head = fill(&head, 0, 2, paper.width);
    let head = if paper.is_coloured {
        head.replacen(word, &format!("{colour}{word}\x1b[0m"), 1)
    } else {
        head
    };
    let changes = finding.changes().into_iter().enumerate();
    let changes = changes.map(|(number, change)| {
        let or = if number == 0 { "change" } else { "or" };
        let text = format!("{or} {} to {} {}", change.key, change.value, change.bound);
        fill(&text, 2, 2, paper.width)
    });
    head + &changes.collect::<String>()
}

fn verdict(study: &Study) -> String {
    let count = |grade| {
        let findings = study.findings.iter();
        findings.filter(|finding| finding.grade() == grade).count()
    };
    match (study.cannot_work(), count(Grade::Cannot), count(Grade::Weak)) {
        (false, 0, 0) => "It works.".to_owned(),
        (false, 0, weak) => format!("It works, with {}.", counted(weak, "weak point")),
        (false, _, _) => {
            "Whether it works depends on the organisation's idle timeout: name it with --idle-timeout."
                .to_owned()
        }
        (true, cannot, _) => format!("It does not work: {} cannot.", counted(cannot, "setting")),
    }
}

fn counted(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

fn range(least: u32, most: u32) -> String {
    if least == most {
        least.to_string()
    } else {
        format!("{least} to {most}")
    }
}

/// Three digits, more or less.
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

/// Whole seconds, unless there are fewer than ten of them.
fn floor(duration: Duration) -> Duration {
    if duration < Duration::from_secs(10) {
        return Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    }
    Duration::from_secs(duration.as_secs())
}

/// The same, but never less than there is.
fn ceiling(duration: Duration) -> Duration {
    let cut = floor(duration);
    match duration == cut {
        true => cut,
        false if cut < Duration::from_secs(10) => cut + Duration::from_millis(1),
        false => cut + Duration::from_secs(1),
    }
}
