//! Tests of the messages to a service manager.

use std::time::Duration;

use rustix::process::Signal;
use session_keepalive::sim::{ApiOperation, Matcher, Processing, Rule, RuleSpan, SimFault};

use super::super::support::keepalive::{Folder, Keepalive, now};
use super::super::support::manager::Manager;
use super::super::support::simulation::Simulation;
use super::{head, one_session, seconds, session};

/// Adds a key before the tables of a configuration.
fn at_top(key: &str, config: &str) -> String {
    format!("{key}\n{config}")
}

/// Starts the binary as systemd does.
fn run(folder: &Folder, config: &str, manager: &Manager, more: &[(&str, &str)]) -> Keepalive {
    folder.write("config.toml", config);
    let mut command = folder.command(&["run", "--config", "config.toml"]);
    command.env("NOTIFY_SOCKET", manager.path());
    command.envs(more.iter().copied());
    Keepalive::start(command)
}

/// Returns the text after `STATUS=` in a datagram.
fn status(datagram: &str) -> Option<&str> {
    datagram
        .lines()
        .find_map(|line| line.strip_prefix("STATUS="))
}

fn is_ready(datagram: &str) -> bool {
    datagram.lines().any(|line| line == "READY=1")
}

#[test]
fn it_is_ready_when_every_kept_token_was_proven_alive() {
    let simulation = Simulation::new(seconds(900));
    let (folder, config) = one_session(&simulation, "kiosk");
    simulation.token("crm");
    folder.write("crm", "crm");
    let config = config + &session("crm", "intent = \"lapse\"") + &session("lobby", "");
    let mut manager = Manager::new();
    let mut daemon = run(&folder, &config, &manager, &[]);
    manager.wait_for(&["STATUS=waiting for 1 of 2 tokens: lobby has no token yet"]);
    manager.listen_for(seconds(1));
    assert!(!manager.heard.iter().any(|datagram| is_ready(datagram)));
    simulation.token("lobby");
    folder.write("lobby", "lobby");
    let ready = manager.wait_for(&["READY=1"]);
    let line = status(&ready).unwrap();
    assert!(
        line.starts_with("2 kept, 1 lapsing, 0 lost; next touch at ") && line.ends_with(" UTC"),
        "{line}"
    );
    let later = manager.listen_for(seconds(5));
    assert!(later.len() <= 2, "{later:?}");
    assert_eq!(daemon.stop().0, Some(0));
    manager.wait_for(&[
        "STOPPING=1",
        "STATUS=stopping: 2 to revoke within 10s, 1 to leave",
    ]);
    for (position, datagram) in manager.heard.iter().enumerate() {
        assert_eq!(
            is_ready(datagram),
            *datagram == ready,
            "{position}: {datagram}"
        );
        assert!(!datagram.contains("WATCHDOG"), "{datagram}");
    }
    assert!(manager.heard[0].starts_with("EXTEND_TIMEOUT_USEC=40000000"));
}

#[test]
fn without_a_server_it_is_ready_after_the_configured_time_and_says_what_is_missing() {
    let mut simulation = Simulation::new(seconds(60));
    let (folder, config) = one_session(&simulation, "kiosk");
    simulation.down();
    let mut manager = Manager::new();
    let began = now();
    let mut daemon = run(
        &folder,
        &at_top("ready_after = \"2s\"", &config),
        &manager,
        &[],
    );
    let ready = manager.wait_for(&["READY=1"]);
    let took = now() - began;
    println!("ready after {took:?}");
    assert!(took >= seconds(2) && took < seconds(4), "{took:?}");
    let missing = "waiting for 1 of 1 token: kiosk has no answer from the API";
    assert_eq!(status(&ready), Some(missing));
    simulation.up();
    manager.wait_for(&["STATUS=1 kept, 0 lapsing, 0 lost; next touch at "]);
    assert_eq!(daemon.stop().0, Some(0));
    let ready = manager
        .heard
        .iter()
        .filter(|datagram| is_ready(datagram))
        .count();
    assert_eq!(ready, 1, "{:?}", manager.heard);
}

#[test]
fn where_nothing_is_kept_it_is_ready_at_once() {
    let mut simulation = Simulation::new(seconds(60));
    let folder = Folder::new();
    folder.write("crm", "crm");
    simulation.down();
    let mut manager = Manager::new();
    let config = head(&simulation) + &session("crm", "intent = \"lapse\"");
    let _daemon = run(&folder, &config, &manager, &[]);
    let ready = manager.wait_for(&["READY=1"]);
    assert_eq!(status(&ready), Some("0 kept, 1 lapsing, 0 lost"));
}

#[test]
fn a_reload_is_told_before_and_after_whether_it_is_refused_or_not() {
    let simulation = Simulation::new(seconds(900));
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut manager = Manager::new();
    let daemon = run(&folder, &config, &manager, &[]);
    manager.wait_for(&["READY=1"]);
    manager.listen_for(seconds(3));
    for (config, expected) in [
        (
            config.replace("file =", "fiel ="),
            "reload refused, the earlier configuration stays in force; 1 kept",
        ),
        (config.clone(), "1 kept"),
    ] {
        folder.write("config.toml", &config);
        let before = session_keepalive::sys::clock::read().monotonic;
        daemon.signal(Signal::HUP);
        let datagrams = manager.listen_for(seconds(2));
        let after = session_keepalive::sys::clock::read().monotonic;
        assert_eq!(datagrams.len(), 2, "{datagrams:?}");
        let began = datagrams[0]
            .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
            .unwrap();
        let began = Duration::from_micros(began.trim().parse().unwrap());
        assert!(before <= began && began <= after, "{datagrams:?}");
        assert!(is_ready(&datagrams[1]), "{datagrams:?}");
        assert!(
            status(&datagrams[1]).unwrap().starts_with(expected),
            "{datagrams:?}"
        );
    }
}

#[test]
fn a_stop_that_waits_for_revocations_asks_for_the_time_that_they_may_take() {
    let simulation = Simulation::new(seconds(60));
    let (folder, config) = one_session(&simulation, "kiosk");
    let config = config + "[shutdown]\ngrace = \"3s\"\n";
    let mut manager = Manager::new();
    let mut daemon = run(&folder, &config, &manager, &[("WATCHDOG_USEC", "2000000")]);
    manager.wait_for(&["READY=1"]);
    simulation.server().script().push(Rule {
        calls: Matcher::operation(ApiOperation::DeleteMe),
        span: RuleSpan::Times(u32::MAX),
        fault: SimFault::Hang {
            processing: Processing::Skipped,
        },
    });
    assert_eq!(daemon.stop().0, Some(1));
    let stopping = manager.wait_for(&["STOPPING=1", "EXTEND_TIMEOUT_USEC=13000000"]);
    let line = "stopping: 1 to revoke within 3s, 0 to leave";
    assert_eq!(status(&stopping), Some(line));
    // The loop continues to run meanwhile, and sends pings only.
    let later = manager.listen_for(Duration::from_millis(100));
    assert!(later.len() >= 2, "{later:?}");
    assert!(
        later.iter().all(|datagram| datagram == "WATCHDOG=1"),
        "{later:?}"
    );
}

#[test]
fn a_process_that_is_stopped_does_not_ping_and_one_that_goes_on_does() {
    let simulation = Simulation::new(seconds(900));
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut manager = Manager::new();
    let daemon = run(&folder, &config, &manager, &[("WATCHDOG_USEC", "2000000")]);
    manager.wait_for(&["READY=1"]);
    let pings = |datagrams: &[String]| {
        datagrams
            .iter()
            .filter(|datagram| *datagram == "WATCHDOG=1")
            .count()
    };
    manager.listen_for(seconds(3));
    let awake = pings(&manager.listen_for(seconds(5)));
    daemon.signal(Signal::STOP);
    manager.listen_for(Duration::from_millis(200));
    let stopped = pings(&manager.listen_for(seconds(4)));
    daemon.signal(Signal::CONT);
    let again = pings(&manager.listen_for(seconds(5)));
    println!("pings in 5s: {awake}; in 4s of SIGSTOP: {stopped}; in 5s after SIGCONT: {again}");
    assert!((4..=6).contains(&awake), "{awake}");
    assert_eq!(stopped, 0);
    assert!((3..=6).contains(&again), "{again}");
}

#[test]
fn the_watchdog_of_another_process_is_not_pinged_and_a_deaf_manager_is_told_of_once() {
    let simulation = Simulation::new(seconds(900));
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut manager = Manager::new();
    let watchdog = [("WATCHDOG_USEC", "1000000"), ("WATCHDOG_PID", "1")];
    let daemon = run(&folder, &config, &manager, &watchdog);
    manager.wait_for(&["READY=1"]);
    let datagrams = manager.listen_for(seconds(3));
    // A second daemon with the same tokens would not start beside the first one.
    drop(daemon);
    assert!(
        datagrams
            .iter()
            .all(|datagram| !datagram.contains("WATCHDOG")),
        "{datagrams:?}"
    );

    let mut command = folder.command(&["run", "--config", "config.toml"]);
    command.env("NOTIFY_SOCKET", folder.path("nobody"));
    let mut daemon = Keepalive::start(command);
    daemon.wait_for(&["\"state\":\"alive\""]);
    assert_eq!(daemon.stop().0, Some(0));
    assert_eq!(daemon.count(&["NOTIFY_SOCKET", "WARN"]), 1);
}

#[test]
fn a_token_command_does_not_learn_of_the_service_manager() {
    let simulation = Simulation::new(seconds(900));
    let folder = Folder::new();
    simulation.token("kiosk");
    let script = "env > environment; printf kiosk";
    let config = head(&simulation)
        + &format!(
            "[sessions.kiosk]\ntoken = {{ command = [\"/bin/sh\", \"-c\", \"{script}\"] }}\n"
        );
    let mut manager = Manager::new();
    let _daemon = run(&folder, &config, &manager, &[("WATCHDOG_USEC", "2000000")]);
    manager.wait_for(&["READY=1"]);
    let environment = std::fs::read_to_string(folder.path("environment")).unwrap();
    assert!(environment.contains("PATH="), "{environment}");
    for name in ["NOTIFY_SOCKET", "WATCHDOG"] {
        assert!(!environment.contains(name), "{environment}");
    }
}

#[test]
fn a_stop_that_the_service_manager_would_undo_is_refused_and_a_hand_over_is_not() {
    let simulation = Simulation::new(seconds(900));
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut manager = Manager::new();
    let mut daemon = run(&folder, &config, &manager, &[]);
    manager.wait_for(&["READY=1"]);
    let refused = folder.command(&["stop"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(75));
    let stderr = String::from_utf8(refused.stderr).unwrap();
    assert!(stderr.contains("use systemctl stop"), "{stderr}");
    let handed_over = folder.command(&["stop", "--leave"]).output().unwrap();
    assert_eq!(handed_over.status.code(), Some(0));
    assert_eq!(daemon.wait().0.code(), Some(0));
    assert!(simulation.record("kiosk").fate.is_living());
}
