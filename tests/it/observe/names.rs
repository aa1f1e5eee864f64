//! Alerts, dashboard and documentation speak of metrics and labels that the real binary has, and of all of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::super::support::ask::get;
use super::super::support::keepalive::Folder;
use super::super::support::simulation::Simulation;
use super::metrics::scrape_until;
use super::{address, head, seconds, session};

/// What all our names begin with.
const PREFIX: &str = "session_keepalive_";

/// Labels whose values are the operator's.
const OF_THE_OPERATOR: [&str; 4] = ["job", "instance", "session", "api"];

fn packaged(file: &str) -> String {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    fs::read_to_string(packaging.join(file)).unwrap()
}

/// The text of a live scrape, with sessions that are held, lapsed, lost and without a token.
fn live() -> String {
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
        + &session("absent", "");
    let mut keepalive = folder.run(&config);
    let address = address(&mut keepalive);
    scrape_until(address, "one of each", |it| {
        let is_one = |name: &str| it.get(name).is_some_and(|value| value == "1");
        is_one("session_keepalive_session_reset{session=\"kept\",reset=\"proven\"}")
            && is_one("session_keepalive_sessions{intent=\"lapse\",state=\"lapsed\"}")
            && is_one("session_keepalive_sessions{intent=\"keep\",state=\"lost\"}")
            && is_one("session_keepalive_sessions{intent=\"keep\",state=\"absent\"}")
    });
    get(address, "/metrics").body
}

/// The names of our metrics in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let places = text.match_indices(PREFIX).map(|(at, _)| &text[at..]);
    places
        .map(|rest| {
            let is_part = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_';
            let end = rest.find(|it| !is_part(it)).unwrap_or(rest.len());
            &rest[..end]
        })
        .collect()
}

/// The labels that a query asks for, each with one of the values: `state="lost"`.
fn labels(query: &str) -> Vec<String> {
    let mut labels = Vec::new();
    let mut parts = query.split('"');
    while let (Some(before), Some(values)) = (parts.next(), parts.next()) {
        let key = before.trim_end_matches(['=', '~', '!']);
        let start = key.rfind(|it: char| !it.is_ascii_lowercase() && it != '_');
        let key = &key[start.map_or(0, |at| at + 1)..];
        if !OF_THE_OPERATOR.contains(&key) {
            let values = values.split('|');
            labels.extend(values.map(|value| format!("{key}=\"{value}\"")));
        }
    }
    labels
}

/// The queries of a dashboard, wherever they stand.
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
        Value::Array(items) => items.iter().for_each(|it| queries(it, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The expressions of the rules, each as one line.
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
    let live = live();
    let there = names(&live);
    let rules = packaged("prometheus/rules.yml");
    let dashboard = packaged("grafana/session-keepalive.json");
    let mut asked = expressions(&rules);
    assert!(asked.len() >= 10, "{asked:?}");
    queries(&serde_json::from_str(&dashboard).unwrap(), &mut asked);
    assert!(asked.len() >= 50, "{}", asked.len());
    for query in &asked {
        for label in labels(query) {
            assert!(live.contains(&label), "no {label} for {query}");
        }
    }
    let readme = packaged("prometheus/README.md");
    let tests = packaged("prometheus/rules_test.yml");
    for text in [&rules, &tests, &dashboard, &readme, &asked.concat()] {
        let names = names(text);
        assert!(names.len() > 5);
        let missing: Vec<_> = names.difference(&there).collect();
        assert!(missing.is_empty(), "there is no {missing:?}");
    }
    let families = live.lines().filter_map(|line| line.strip_prefix("# TYPE "));
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
