//! Tests that alerts, dashboard and documentation name the metrics and labels of the binary, and
//! that the documentation names them all.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::super::support::ask::get;
use super::super::support::keepalive::Folder;
use super::super::support::simulation::Simulation;
use super::metrics::scrape_until;
use super::{address, head, seconds, session};

/// The prefix of all metric names.
const PREFIX: &str = "session_keepalive_";

/// The labels whose values the operator chooses.
const OPERATOR_LABELS: [&str; 4] = ["job", "instance", "session", "api"];

fn packaged(file: &str) -> String {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    fs::read_to_string(packaging.join(file)).unwrap()
}

/// Returns a scrape of a daemon with sessions that are alive, lapsed, lost and without a token.
fn scraped() -> String {
    let simulation = Simulation::new(seconds(6));
    let folder = Folder::new();
    for name in ["kept", "lapsing"] {
        simulation.token(name);
        folder.write(name, name);
    }
    folder.write("lost", "unknown");
    let config = head(&simulation)
        + &session("kept", "")
        + &session("lapsing", "intent = \"lapse\"")
        + &session("lost", "")
        + &session("absent", "")
        + "[shard]\nindex = \"0\"\n";
    let mut keepalive = folder.run(&config);
    let address = address(&mut keepalive);
    scrape_until(address, "one of each", |samples| {
        let is_one = |name: &str| samples.get(name).is_some_and(|value| value == "1");
        is_one("session_keepalive_session_reset{session=\"kept\",reset=\"proven\"}")
            && is_one("session_keepalive_sessions{intent=\"lapse\",state=\"lapsed\"}")
            && is_one("session_keepalive_sessions{intent=\"keep\",state=\"lost\"}")
            && is_one("session_keepalive_sessions{intent=\"keep\",state=\"absent\"}")
    });
    get(address, "/metrics").body
}

/// Returns the names of this program's metrics in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let places = text.match_indices(PREFIX).map(|(at, _)| &text[at..]);
    places
        .map(|rest| {
            let is_part =
                |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_';
            let end = rest.find(|char| !is_part(char)).unwrap_or(rest.len());
            &rest[..end]
        })
        .collect()
}

/// Returns the labels that a query selects, one entry for each value, such as `state="lost"`.
fn labels(query: &str) -> Vec<String> {
    let mut labels = Vec::new();
    let mut parts = query.split('"');
    while let (Some(before), Some(values)) = (parts.next(), parts.next()) {
        let key = before.trim_end_matches(['=', '~', '!']);
        let start = key.rfind(|char: char| !char.is_ascii_lowercase() && char != '_');
        let key = &key[start.map_or(0, |at| at + 1)..];
        if !OPERATOR_LABELS.contains(&key) {
            let values = values.split('|');
            labels.extend(values.map(|value| format!("{key}=\"{value}\"")));
        }
    }
    labels
}

/// Collects the queries of a dashboard, at any depth.
fn queries(json: &serde_json::Value, found: &mut Vec<String>) {
    use serde_json::Value;
    match json {
        Value::Object(fields) => {
            for (key, value) in fields {
                let is_query = ["expr", "query", "definition"].contains(&&**key);
                if let (true, Some(text)) = (is_query, value.as_str()) {
                    found.push(text.to_owned());
                } else {
                    queries(value, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| queries(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Returns the expressions of the alert rules, each on one line.
fn expressions(rules: &str) -> Vec<String> {
    let alerts = rules.split("- alert: ").skip(1);
    let expression = |alert: &str| {
        let (_, rest) = alert.split_once("expr: ").unwrap();
        let (expression, _) = rest.split_once("labels:").unwrap();
        expression.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    alerts.map(expression).collect()
}

#[test]
fn alerts_dashboard_and_documentation_name_what_is_there() {
    let scraped = scraped();
    let exposed = names(&scraped);
    let rules = packaged("prometheus/rules.yml");
    let dashboard = packaged("grafana/session-keepalive.json");
    let mut used = expressions(&rules);
    assert!(used.len() >= 10, "{used:?}");
    queries(&serde_json::from_str(&dashboard).unwrap(), &mut used);
    assert!(used.len() >= 50, "{}", used.len());
    for query in &used {
        for label in labels(query) {
            assert!(scraped.contains(&label), "no {label} for {query}");
        }
    }
    let readme = packaged("prometheus/README.md");
    let tests = packaged("prometheus/rules_test.yml");
    for text in [&rules, &tests, &dashboard, &readme, &used.concat()] {
        let names = names(text);
        assert!(names.len() > 5);
        let missing: Vec<_> = names.difference(&exposed).collect();
        assert!(missing.is_empty(), "there is no {missing:?}");
    }
    for alert in rules.split("- alert: ").skip(1) {
        let (name, _) = alert.split_once('\n').unwrap();
        let row = format!("| {name} |");
        assert!(readme.contains(&row), "the README says nothing of {name}");
    }
    let families = scraped
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "));
    for family in families {
        let name = family.split(' ').next().unwrap();
        assert!(
            readme.contains(&format!("`{name}`")),
            "the README says nothing of {name}"
        );
    }
}

#[test]
fn labels_are_found_in_queries() {
    let query = "a{job=\"x\", state=~\"at risk|blocked\"} > 0 and b{le=\"+Inf\"}";
    let expected = ["state=\"at risk\"", "state=\"blocked\"", "le=\"+Inf\""];
    assert_eq!(labels(query), expected);
}
