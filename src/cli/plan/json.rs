//! Writes the plan for machines, in version 1.
//!
//! Durations are seconds; a range is an object of `least` and `most`. Within a version keys may
//! be added, but none may be removed or change its meaning.

use std::time::Duration;

use serde_json::{Value, json};

use super::report::{PlanReport, SessionGroup, Total};
use super::warning::PlanWarning;
use crate::config::SessionName;
use crate::keeper::{Bounds, Grade, Hourly, Margin, Plan, PlannedRequests};
use crate::log::escape_json;
use crate::token::Sink;

/// The version of the object. It grows when a key is removed or changes its meaning.
const VERSION: u32 = 1;

/// Returns the object as JSON, line ending included.
pub(super) fn object(report: &PlanReport) -> String {
    let worst = report.findings.iter().map(PlanWarning::grade).max();
    let verdict = match worst {
        None => "works",
        Some(Grade::Cannot) if report.cannot_work() => "cannot",
        Some(Grade::Cannot) => "depends",
        Some(Grade::Weak) => "weak",
    };
    let object = json!({
        "version": VERSION,
        "verdict": verdict,
        "groups": report.groups.iter().map(group).collect::<Vec<_>>(),
        "totals": report.totals.iter().map(total).collect::<Vec<_>>(),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "in_flight_max": report.in_flight_max,
        "shutdown_grace": seconds(report.grace),
        "organisations": report.organisations,
    });
    escape_json(format!("{object:#}\n"))
}

fn group(group: &SessionGroup) -> Value {
    let policy = &group.policy;
    json!({
        "names": group.names.iter().map(SessionName::as_str).collect::<Vec<_>>(),
        "sessions": group.sessions,
        "intent": policy.intent.as_str(),
        "touch": policy.touch.as_str(),
        "margin": match policy.margin {
            Margin::Percent(percent) => json!(format!("{percent}%")),
            Margin::Time(time) => seconds(time),
        },
        "verify_every": policy.verify_every,
        "on_shutdown": policy.on_shutdown.as_str(),
        "sinks": group.sinks.iter().map(sink).collect::<Vec<_>>(),
        "plans": group.plans.iter().map(plan).collect::<Vec<_>>(),
    })
}

fn sink((session, sink): &(SessionName, Sink)) -> Value {
    json!({
        "session": session.as_str(),
        "file": sink.file.to_string_lossy(),
        "format": sink.format.as_str(),
    })
}

fn plan(plan: &Plan) -> Value {
    let hourly = hourly(Hourly::of(plan));
    let idle_timeout = seconds(plan.idle_timeout);
    match plan.course {
        PlannedRequests::Kept(touches) => json!({
            "idle_timeout": idle_timeout,
            "requests_an_hour": hourly,
            "margin": seconds(touches.margin),
            "touch_after": durations(touches.interval),
            "proof_after": seconds(touches.proof_after),
            "retry_after": durations(touches.retry_after),
            "last_try_before_deadline": seconds(touches.last_try),
            "tries_if_refused": { "least": touches.refused_tries.least, "most": touches.refused_tries.most },
            "tries_if_hung": { "least": touches.hung_tries.least, "most": touches.hung_tries.most },
            "outage_budget": seconds(touches.outage_budget),
            "exclusion_found_after": seconds(touches.exclusion_found_after),
            "token_lifetime": plan.lifetime().map(seconds),
            "tokens_a_day": plan.tokens_a_day().map(numbers),
        }),
        PlannedRequests::Lapsing(peeks) => json!({
            "idle_timeout": idle_timeout,
            "requests_an_hour": hourly,
            "peek_after_most": seconds(peeks.every),
            "peeks_an_hour": { "least": peeks.an_hour.least, "most": peeks.an_hour.most },
            "lapse_seen_after": seconds(peeks.lapse_seen_after),
            "lapse_confirmed_after": seconds(peeks.confirmed_after),
        }),
    }
}

fn total(total: &Total) -> Value {
    json!({
        "idle_timeout": seconds(total.idle_timeout),
        "sessions": total.load.sessions,
        "requests_an_hour": hourly(total.load.hourly),
        "requests_a_second": {
            "mean": total.load.mean_a_second(),
            "in_step": total.load.in_step_a_second,
        },
        "start_burst": total.load.start_burst,
        "tokens_a_day": total.tokens_a_day.map(numbers),
    })
}

fn finding(finding: &PlanWarning) -> Value {
    let changes = finding
        .changes
        .iter()
        .map(|change| json!({ "key": change.key, "value": change.value, "bound": change.bound }));
    json!({
        "grade": match finding.grade() { Grade::Cannot => "cannot", Grade::Weak => "weak" },
        "kind": finding.kind(),
        "who": finding.title,
        "what": finding.problem(),
        "is_certain": finding.is_certain,
        "idle_timeouts": finding.idle_timeouts.iter().map(|timeout| seconds(*timeout)).collect::<Vec<_>>(),
        "changes": changes.collect::<Vec<_>>(),
    })
}

fn hourly(hourly: Hourly) -> Value {
    json!({
        "touches": hourly.touches,
        "peeks": hourly.peeks,
        "reads": hourly.reads,
        "all": hourly.sum(),
    })
}

fn numbers(bounds: Bounds<f64>) -> Value {
    json!({ "least": bounds.least, "most": bounds.most })
}

fn durations(bounds: Bounds<Duration>) -> Value {
    json!({ "least": seconds(bounds.least), "most": seconds(bounds.most) })
}

fn seconds(duration: Duration) -> Value {
    json!(duration.as_secs_f64())
}
