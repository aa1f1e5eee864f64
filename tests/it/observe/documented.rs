//! Tests that the documentation of the status is complete.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::super::support::ask::get;
use super::super::support::keepalive::Folder;
use super::super::support::simulation::Simulation;
use super::{address, head, seconds, session};

/// Collects the keys of the value and of all objects in it.
fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                found.insert(key.clone());
                // The keys of `states` are the names of states, which are data.
                if key != "states" {
                    keys(value, found);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| keys(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_key_of_the_status_is_documented() {
    let simulation = Simulation::new(seconds(6));
    let folder = Folder::new();
    simulation.token("wallboard");
    folder.write("wallboard", "wallboard");
    folder.write("dead", "never-valid");
    let config = head(&simulation)
        + &session("wallboard", "")
        + &session("dead", "")
        + &session("later", "");
    let mut keepalive = folder.run(&config);
    let address = address(&mut keepalive);
    keepalive.wait_for(&["\"event\":\"lost\""]);
    let touched = |report: &Value| report["sessions"][2]["alive"]["touched"].is_object();
    let report = loop {
        let report = get(address, "/status").json();
        if touched(&report) {
            break report;
        }
        keepalive.listen_for(std::time::Duration::from_millis(200));
    };
    let mut found = BTreeSet::new();
    keys(&report, &mut found);
    assert!(found.len() > 40, "{found:?}");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/README.md");
    let page = fs::read_to_string(page).unwrap();
    for key in found {
        let in_text = format!("`{key}`");
        let in_example = format!("\"{key}\"");
        assert!(
            page.contains(&in_text) || page.contains(&in_example),
            "{key}"
        );
    }
}
