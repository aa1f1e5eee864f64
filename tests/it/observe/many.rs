//! Tests of answers about more sessions than the loop shows at once.

use std::collections::BTreeSet;

use super::super::support::ask::get;
use super::super::support::keepalive::{Folder, Keepalive};
use super::super::support::simulation::Simulation;
use super::commands::run_command;
use super::{address, head, seconds, session};

const SESSIONS: usize = 1_234;

/// Starts a daemon with sessions that have no token yet.
fn running(folder: &Folder, more: &str) -> Keepalive {
    let simulation = Simulation::new(seconds(3600));
    let names = (0..SESSIONS).map(|number| session(&format!("kiosk-{number:04}"), ""));
    folder.run(&(head(&simulation) + more + &names.collect::<String>()))
}

#[test]
fn a_status_of_more_than_a_thousand_sessions_comes_in_pages() {
    let folder = Folder::new();
    let mut keepalive = running(&folder, "");
    let address = address(&mut keepalive);
    let status = |query: &str| get(address, &format!("/status?{query}")).json();
    let first = status("");
    let count = |report: &serde_json::Value| report["sessions"].as_array().unwrap().len();
    assert_eq!(count(&first), 1000);
    assert_eq!(first["matching"], SESSIONS);
    assert_eq!(first["states"]["absent"], SESSIONS);
    assert_eq!(first["next_page"], "after=kiosk-0999");

    let mut names = BTreeSet::new();
    let mut query = "find=kiosk&limit=450".to_owned();
    let mut pages = 0;
    loop {
        let page = status(&query);
        let sessions = page["sessions"].as_array().unwrap();
        let name = |session: &serde_json::Value| session["name"].as_str().unwrap().to_owned();
        names.extend(sessions.iter().map(name));
        pages += 1;
        match page["next_page"].as_str() {
            Some(next) => query = next.to_owned(),
            None => break,
        }
    }
    assert_eq!((pages, names.len()), (3, SESSIONS));

    let all = status("limit=5000&sort=trouble");
    assert_eq!(count(&all), SESSIONS);
    assert!(all["next_page"].is_null(), "{}", all["next_page"]);
    assert!(all["events"].is_array());
}

#[test]
fn every_session_is_counted_listed_and_measured_once() {
    let folder = Folder::new();
    let mut keepalive = running(&folder, "[metrics]\nper_session_max = 2000\n");
    let address = address(&mut keepalive);
    let summary = "not ready: 1234 of 1234 kept: kiosk-0000 absent, kiosk-0001 absent, kiosk-0002 absent and 1231 more\n";
    assert_eq!(get(address, "/readyz").body, summary);
    let verbose = get(address, "/readyz?verbose").body;
    let names = verbose.lines().map(|line| line.split(' ').nth(1));
    assert_eq!(names.collect::<BTreeSet<_>>().len(), SESSIONS + 1);
    assert_eq!(verbose.lines().count(), SESSIONS + 1);
    assert!(verbose.ends_with(summary), "{verbose}");

    let metrics = get(address, "/metrics").body;
    let count = |part: &str| metrics.lines().filter(|line| line.contains(part)).count();
    assert_eq!(count("session_keepalive_session_ready{"), SESSIONS);
    assert_eq!(count("# TYPE session_keepalive_session_ready "), 1);
    assert_eq!(
        count("session_keepalive_sessions{intent=\"keep\",state=\"absent\"} 1234"),
        1
    );
    let lines: BTreeSet<_> = metrics.lines().collect();
    assert_eq!(lines.len(), metrics.lines().count(), "no line comes twice");

    let shown = run_command(&folder, &["status", "--json"]).out;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["sessions"].as_array().unwrap().len(), SESSIONS);
}
