//! An `IdleTokenTimeout`, with what we make of it.

use serde_json::{Map, Value, json};

use crate::api::IdleTokenTimeout;
use crate::cli::operate::{Lines, duration_with_seconds};

/// Groups are shown up to this number; the body in JSON has them all.
const GROUPS_SHOWN_MAX: usize = 20;

/// What there is, for people.
pub(super) fn lines(timeout: &IdleTokenTimeout) -> Lines {
    let mut lines = Lines::default();
    lines.add("timeout", summary(timeout));
    let groups = timeout.groups();
    let enabled = match (groups.is_empty(), timeout.groups_are_enabled()) {
        (true, _) => "none have a timeout of their own".to_owned(),
        (false, true) => format!("{} with a timeout of their own, enabled", groups.len()),
        (false, false) => format!("{} with a timeout of their own, disabled", groups.len()),
    };
    lines.add("groups", enabled);
    for group in groups.iter().take(GROUPS_SHOWN_MAX) {
        let key = match group.priority {
            Some(priority) => format!("  priority {priority}"),
            None => "  no priority".to_owned(),
        };
        let timeout = group
            .timeout
            .map_or_else(|| "not told".to_owned(), duration_with_seconds);
        lines.add(key, format!("{timeout}: {}", group.groups.join(", ")));
    }
    lines.add(
        "in effect",
        match least(timeout) {
            Some((least, "organisation")) => duration_with_seconds(least),
            Some((least, _)) => format!(
                "{} at the least, that of a group; which of several counts is not documented",
                duration_with_seconds(least)
            ),
            None => "no idle timeout".to_owned(),
        },
    );
    lines
}

/// What there is, in one line.
pub(in crate::cli) fn overview(timeout: &IdleTokenTimeout) -> String {
    let report = timeout.report();
    let groups = report.groups.iter().take(GROUPS_SHOWN_MAX);
    let groups: Vec<_> = groups.map(|&group| duration_with_seconds(group)).collect();
    let own = summary(timeout);
    if groups.is_empty() {
        format!("{own} for all")
    } else {
        format!("{own}, for groups {}", groups.join(", "))
    }
}

/// The organisation's own timeout in words.
pub(super) fn summary(timeout: &IdleTokenTimeout) -> String {
    match (timeout.timeout(), timeout.is_enabled()) {
        (Some(value), Some(true) | None) => duration_with_seconds(value),
        (Some(value), Some(false)) => format!("disabled, was {}", duration_with_seconds(value)),
        (None, Some(false)) => "disabled".to_owned(),
        (None, Some(true)) => "enabled, and the API does not say how long".to_owned(),
        (None, None) => "not told".to_owned(),
    }
}

/// What we make of it, for machines.
pub(super) fn derived(timeout: &IdleTokenTimeout) -> Map<String, Value> {
    let report = timeout.report();
    let effective = least(timeout).map(|(least, source)| {
        json!({ "seconds": least.as_secs(), "source": source, "is_at_least": source == "group" })
    });
    Map::from_iter([
        ("effective_idle_timeout".to_owned(), json!(effective)),
        (
            "organisation_idle_timeout_seconds".to_owned(),
            json!(report.organisation.map(|timeout| timeout.as_secs())),
        ),
        (
            "groups_are_enabled".to_owned(),
            json!(timeout.groups_are_enabled()),
        ),
    ])
}

/// The names of the fields in which the two differ.
pub(super) fn differing(one: &IdleTokenTimeout, other: &IdleTokenTimeout) -> Vec<String> {
    let names = one.fields().keys().chain(other.fields().keys());
    let mut names: Vec<_> = names
        .filter(|name| one.fields().get(*name) != other.fields().get(*name))
        .cloned()
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The least of what is enabled, and whose it is.
fn least(timeout: &IdleTokenTimeout) -> Option<(std::time::Duration, &'static str)> {
    let report = timeout.report();
    let organisation = report.organisation.map(|timeout| (timeout, "organisation"));
    let groups = report.groups.iter().map(|&timeout| (timeout, "group"));
    // Of equals the first: the organisation's.
    organisation
        .into_iter()
        .chain(groups)
        .min_by_key(|(timeout, _)| *timeout)
}
