//! Tests of incidents: one outage is reported once, however many sessions it affects.

use std::collections::BTreeMap;
use std::time::Duration;

use session_keepalive::sim::{ApiOperation, RuleSpan, SimFault, TokenSpec};
use session_keepalive::sys::clock;

use super::super::support::hook::{RecordedRun, hook_runs, recorder};
use super::super::support::keepalive::{Folder, Keepalive};
use super::super::support::simulation::Simulation;
use super::hooks::debug;
use super::{head, seconds, session};

const SESSIONS: u32 = 300;

/// The length of the outage.
const OUTAGE: Duration = seconds(32);

/// Starts a daemon with many sessions whose touches are due one after the other, since their tokens
/// have idled for up to `idled_max`.
fn many(simulation: &Simulation, folder: &Folder, idled_max: Duration) -> Keepalive {
    let mut config = head(simulation);
    for number in 0..SESSIONS {
        let name = format!("kiosk-{number:03}");
        let idled = idled_max * number / SESSIONS;
        let user = TokenSpec::user(name.as_str(), format!("user of {name}"));
        simulation.server().add_token(user, clock::now() - idled);
        folder.write(&name, &name);
        config += &session(&name, "");
    }
    let on = ["incident", "incident-over", "at-risk", "lost"];
    folder.run(&(config + &recorder(folder, &on, "")))
}

fn json(line: &str) -> serde_json::Value {
    serde_json::from_str(line).unwrap()
}

/// Returns the lines of these levels, in their order.
fn lines(daemon: &Keepalive, levels: &[&str]) -> Vec<serde_json::Value> {
    let lines = daemon.log.iter().map(|line| json(line));
    lines
        .filter(|line| levels.contains(&line["level"].as_str().unwrap()))
        .collect()
}

/// Returns how often the runs of these events name each session.
fn named(runs: &[RecordedRun], events: &[&str]) -> BTreeMap<String, usize> {
    let mut named = BTreeMap::new();
    for run in runs {
        if events.contains(&run.variable("EVENT")) {
            for part in run.json("sessions").as_array().unwrap() {
                *named
                    .entry(part["session"].as_str().unwrap().to_owned())
                    .or_default() += 1;
            }
        }
    }
    named
}

/// Waits for a line, however long the incident takes to be over.
fn wait_long(daemon: &mut Keepalive, parts: &[&str]) {
    let began = clock::now();
    while daemon.count(parts) == 0 {
        assert!(
            clock::now().since(began) < seconds(300),
            "{}",
            daemon.log.join("\n")
        );
        daemon.listen_for(Duration::from_millis(100));
    }
}

fn one_outage_of_many(idle_timeout: Duration, idled_max: Duration) {
    let (simulation, folder) = (Simulation::new(idle_timeout), Folder::new());
    let mut daemon = many(&simulation, &folder, idled_max);
    for _ in 0..SESSIONS {
        daemon.wait_for(&["\"event\":\"alive\""]);
    }
    // The timeout is read, and touches are made one after the other.
    let touches = || {
        let server = simulation.server();
        let calls = server.records(clock::now()).map(|(_, record)| {
            record.calls(ApiOperation::HeadMe) + record.calls(ApiOperation::GetMe)
        });
        calls.sum::<u32>()
    };
    daemon.listen_until(|_| touches() >= 30);
    let early = lines(&daemon, &["WARN", "ERROR"]);
    assert!(early.is_empty(), "{early:?}");
    let (from, began) = (clock::now(), clock::wall());
    simulation.server().script().befall_all(
        RuleSpan::Between(from, from + OUTAGE),
        SimFault::error(503, "service.unavailable", "no"),
    );
    wait_long(&mut daemon, &["\"event\":\"incident_over\""]);
    let is_over = |run: &RecordedRun| run.variable("EVENT") == "incident-over";
    daemon.listen_until(|_| hook_runs(&folder).iter().any(is_over));

    let warnings = lines(&daemon, &["WARN", "ERROR"]);
    let runs = hook_runs(&folder);
    println!(
        "the outage began at {began}; {} lines at WARN and above:",
        warnings.len()
    );
    for line in &warnings {
        println!("  {} {}", line["timestamp"], line["message"]);
    }
    println!("{} runs of the hook:", runs.len());
    for run in &runs {
        println!("  {}: {}", run.variable("AT"), run.variable("REASON"));
    }
    assert!(warnings.len() <= 8);
    assert_eq!(warnings[0]["event"], "incident");
    assert_eq!(warnings[0]["sessions"], SESSIONS);
    let message = warnings[0]["message"].as_str().unwrap();
    assert!(message.starts_with("API failing: the server failed with 503 ("));
    assert!(message.contains("; 300 sessions; the first token dies in "));
    // The second failed request opens the incident, or the first one of a session at risk.
    assert!(warnings[0]["failing"].as_u64().unwrap() <= 2);
    assert!(runs.len() <= 6);
    let at_risk = named(&runs, &["at-risk"]);
    assert!(!at_risk.is_empty());
    assert!(at_risk.values().all(|times| *times == 1), "{at_risk:?}");
    for event in ["incident", "incident-over"] {
        assert_eq!(named(&runs, &[event]).len(), SESSIONS as usize);
    }
    let over = daemon.received("\"event\":\"incident_over\"");
    let cost = format!(
        "{} of 300 sessions were at risk, no token was lost",
        at_risk.len()
    );
    assert!(
        over.contains(&cost) && over.contains("\"level\":\"INFO\""),
        "{over}"
    );
}

#[test]
fn one_outage_of_300_sessions_with_a_minute_to_idle_is_one_incident() {
    one_outage_of_many(seconds(60), seconds(15));
}

#[test]
fn one_outage_of_300_sessions_with_five_minutes_to_idle_is_one_incident() {
    one_outage_of_many(seconds(300), seconds(135));
}

/// Starts a daemon with two sessions, and a hook that records everything.
fn two(simulation: &Simulation, folder: &Folder, more: &str) -> Keepalive {
    let mut config = debug(&head(simulation));
    for name in ["door", "lobby"] {
        simulation.token(name);
        folder.write(name, name);
        config += &session(name, "");
    }
    let on = ["incident", "incident-over", "at-risk", "lost", "recovered"];
    let mut daemon = folder.run(&(config + &recorder(folder, &on, more)));
    daemon.wait_for_all(&["door", "lobby"].map(|name| ["\"event\":\"alive\"", name]));
    daemon
}

#[test]
fn a_token_that_is_lost_in_an_outage_is_told_with_the_incident_and_a_revoked_one_by_itself() {
    let mut simulation = Simulation::new(seconds(12));
    let folder = Folder::new();
    let mut daemon = two(&simulation, &folder, "batch = \"1s\"");
    simulation.down();
    let opened = daemon.wait_for(&["\"event\":\"incident\"", "\"level\":\"WARN\""]);
    assert!(
        opened.contains("; door, lobby; the first token dies in "),
        "{opened}"
    );
    let at_risk = daemon.wait_for(&["\"event\":\"at_risk\""]);
    assert!(at_risk.contains("\"level\":\"DEBUG\""), "{at_risk}");
    for name in ["door", "lobby"] {
        wait_long(&mut daemon, &["\"event\":\"past_deadline\"", name]);
    }
    simulation.up();
    for name in ["door", "lobby"] {
        wait_long(
            &mut daemon,
            &["\"event\":\"lost\"", "\"level\":\"DEBUG\"", name],
        );
    }
    wait_long(&mut daemon, &["hook_ran", "\"occasion\":\"incident-over\""]);
    let over = daemon.received("\"event\":\"incident_over\"");
    assert!(over.contains("\"level\":\"WARN\""), "{over}");
    assert!(
        over.contains("2 tokens were lost (door, lobby), each session needs a new one"),
        "{over}"
    );
    let runs = hook_runs(&folder);
    for event in ["at-risk", "lost"] {
        let told = named(&runs, &[event]);
        assert!(told.keys().eq(["door", "lobby"]), "{event}: {told:?}");
        assert!(told.values().all(|times| *times == 1), "{event}: {told:?}");
    }
    simulation.token("another");
    folder.write("door", "another");
    daemon.wait_for(&["\"event\":\"alive\"", "door"]);
    simulation.server().revoke("another", clock::now());
    daemon.wait_for(&["\"event\":\"lost\"", "\"level\":\"WARN\"", "door"]);
}

#[test]
fn the_incident_of_a_single_session_is_told_beside_the_lines_of_the_session() {
    let mut simulation = Simulation::new(seconds(12));
    let folder = Folder::new();
    simulation.token("kiosk");
    folder.write("kiosk", "kiosk");
    let mut daemon = folder.run(&(head(&simulation) + &session("kiosk", "")));
    daemon.wait_for(&["\"event\":\"alive\""]);
    simulation.down();
    let opened = daemon.wait_for(&["\"event\":\"incident\"", "\"level\":\"WARN\""]);
    assert!(opened.contains("; kiosk; the token dies in "), "{opened}");
    daemon.wait_for(&["\"event\":\"at_risk\"", "\"level\":\"WARN\""]);
    simulation.up();
    daemon.wait_for(&["\"event\":\"recovered\"", "\"level\":\"INFO\""]);
    wait_long(
        &mut daemon,
        &["\"event\":\"incident_over\"", "\"level\":\"INFO\""],
    );
    assert_eq!(daemon.count(&["\"event\":\"incident_worse\""]), 0);
}
