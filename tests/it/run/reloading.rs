//! Tests of SIGHUP, which applies the differences between two configurations.

use std::fs;

use rustix::process::Signal;
use session_keepalive::sim::{ApiOperation, Fate};

use super::super::support::keepalive::Keepalive;
use super::super::support::simulation::Simulation;
use super::{head, one_session, seconds, session};

#[test]
fn a_broken_file_keeps_the_old_configuration_and_says_why() {
    let simulation = Simulation::new(seconds(6));
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\""]);
    folder.write("config.toml", &config.replace("file =", "fiel ="));
    daemon.signal(Signal::HUP);
    let line = daemon.wait_for(&["fiel"]);
    assert!(
        line.contains("WARN") && line.contains("config.toml:"),
        "{line}"
    );
    daemon.listen_for(seconds(8));
    assert!(simulation.record("kiosk").fate.is_living());
}

#[test]
fn what_did_not_change_is_not_disturbed() {
    let simulation = Simulation::new(seconds(600));
    let (folder, config) = one_session(&simulation, "stays");
    for name in ["goes", "comes"] {
        simulation.token(name);
        folder.write(name, name);
    }
    let mut daemon = folder.run(&(config.clone() + &session("goes", "")));
    daemon.wait_for(&["\"state\":\"alive\"", "goes"]);
    daemon.listen_for(seconds(2));
    let before = simulation.record("stays").calls_in_all();
    folder.write(
        "config.toml",
        &(config + &session("comes", "intent = \"lapse\"")),
    );
    daemon.signal(Signal::HUP);
    daemon.wait_for(&["\"state\":\"alive\"", "comes"]);
    daemon.listen_for(seconds(2));
    assert_eq!(simulation.record("stays").calls_in_all(), before);
    assert!(matches!(simulation.record("goes").fate, Fate::Revoked(_)));
    assert_eq!(simulation.record("comes").calls(ApiOperation::PeekMe), 1);
    assert_eq!(daemon.stop().0, Some(0));
    assert!(simulation.record("comes").fate.is_living());
    assert!(matches!(simulation.record("stays").fate, Fate::Revoked(_)));
}

#[test]
fn a_session_that_gets_another_name_keeps_its_token() {
    let simulation = Simulation::new(seconds(600));
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\""]);
    folder.write(
        "config.toml",
        &config.replace("sessions.kiosk", "sessions.lobby"),
    );
    daemon.signal(Signal::HUP);
    daemon.wait_for(&["reloaded"]);
    daemon.listen_for(seconds(3));
    let record = simulation.record("kiosk");
    assert!(record.fate.is_living(), "{}", daemon.log.join("\n"));
    assert_eq!(record.calls(ApiOperation::PeekMe), 1);
    daemon.signal(Signal::TERM);
    daemon.wait_for(&["\"session\":\"lobby\"", "revoked"]);
}

#[test]
fn a_token_that_another_session_has_from_now_on_is_not_revoked() {
    let simulation = Simulation::new(seconds(600));
    let (folder, config) = one_session(&simulation, "first");
    for name in ["second", "third"] {
        simulation.token(name);
        folder.write(name, name);
    }
    let config = config + &session("second", "") + &session("third", "");
    let mut daemon = folder.run(&config);
    daemon.wait_for_all(&["first", "second", "third"].map(|name| ["\"state\":\"alive\"", name]));
    daemon.listen_for(seconds(2));
    // The first session gets another name, and its token another file. The third session gets the
    // token of the second one, which is removed.
    folder.write("moved", "first");
    folder.write("inherited", "second");
    let config = head(&simulation)
        + &session("moved", "")
        + "[sessions.third]\ntoken = { file = \"inherited\" }\n";
    folder.write("config.toml", &config);
    daemon.signal(Signal::HUP);
    daemon.wait_for_all(&[
        &["first is now called moved"][..],
        &[
            "\"state\":\"alive\"",
            "\"session\":\"third\"",
            "\"generation\":2",
        ],
        // The second session kept the token until the third one had proven it alive.
        &["\"event\":\"left\"", "\"session\":\"second\""],
    ]);
    assert!(simulation.record("first").fate.is_living());
    assert!(simulation.record("second").fate.is_living());
    assert_eq!(simulation.record("first").calls(ApiOperation::PeekMe), 1);
    daemon.signal(Signal::TERM);
    daemon.wait_for(&["\"session\":\"moved\"", "revoked"]);
    assert_eq!(daemon.wait().0.code(), Some(0));
    assert!(matches!(simulation.record("second").fate, Fate::Revoked(_)));
}

#[test]
fn a_session_that_moves_to_another_api_ends_at_the_first() {
    let (first, second) = (Simulation::new(seconds(600)), Simulation::new(seconds(600)));
    let (folder, config) = one_session(&first, "kiosk");
    second.token("another");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\""]);
    // The session at the first API may read the token of the second one before the reload.
    folder.write("kiosk", "another");
    folder.write("config.toml", &(head(&second) + &session("kiosk", "")));
    daemon.signal(Signal::HUP);
    daemon.wait_for(&["\"event\":\"revoked\""]);
    // The two servers answer in any order.
    daemon.listen_until(|daemon| daemon.count(&["\"event\":\"alive\""]) == 2);
    assert!(matches!(first.record("kiosk").fate, Fate::Revoked(_)));
    assert!(second.record("another").fate.is_living());
}

#[test]
fn the_command_reloads_a_daemon_and_signals_nothing_else() {
    let simulation = Simulation::new(seconds(600));
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\""]);
    let reload = |pid: &str| {
        folder
            .command(&["reload"])
            .env("MAINPID", pid)
            .output()
            .unwrap()
    };
    assert!(reload(&daemon.pid().to_string()).status.success());
    daemon.wait_for(&["reloaded"]);
    // This test process is another program and would not survive a SIGHUP.
    let refused = reload(&std::process::id().to_string());
    assert_eq!(refused.status.code(), Some(69));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is not a session-keepalive"));
    assert_eq!(reload("2147483647").status.code(), Some(69));
    // Without a process id the command uses the socket.
    assert!(
        folder
            .command(&["reload"])
            .output()
            .unwrap()
            .status
            .success()
    );
    daemon.wait_for(&["reloaded"]);
}

#[test]
fn tokens_that_two_sessions_exchange_are_taken_on() {
    let simulation = Simulation::new(seconds(600));
    let (folder, config) = one_session(&simulation, "one");
    simulation.token("two");
    folder.write("two", "two");
    let mut daemon = folder.run(&(config + &session("two", "")));
    daemon.wait_for(&["\"state\":\"alive\"", "\"session\":\"one\""]);
    daemon.wait_for(&["\"state\":\"alive\"", "\"session\":\"two\""]);
    // For a moment both files hold the same token.
    simulation.token("third");
    folder.write("two", "one");
    daemon.wait_for(&["does not take it on"]);
    folder.write("one", "third");
    daemon.wait_for(&[
        "\"generation\":2",
        "\"state\":\"alive\"",
        "\"session\":\"one\"",
    ]);
    daemon.wait_for(&[
        "\"generation\":2",
        "\"state\":\"alive\"",
        "\"session\":\"two\"",
    ]);
}

#[test]
fn a_reload_that_is_asked_for_during_the_start_ends_nobody() {
    if has_hangup("self", "SigIgn:") {
        // The daemon then handles the signal before it listens to it.
        println!("not tested: the parent of the tests ignores SIGHUP");
        return;
    }
    let simulation = Simulation::new(seconds(600));
    let (folder, config) = one_session(&simulation, "kiosk");
    let config = config + "[status]\nlisten = \"0\"\n";
    folder.write("config.toml", &config);
    let mut daemon = Keepalive::start(folder.command(&["run", "--config", "config.toml"]));
    // The daemon installs its signal handlers first, and then reads its configuration.
    while !has_hangup(&daemon.pid().to_string(), "SigCgt:") {
        std::thread::yield_now();
    }
    daemon.signal(Signal::HUP);
    for event in ["listening", "started", "reloaded"] {
        daemon.wait_for(&[&format!("\"event\":\"{event}\"")]);
    }
    assert_eq!(daemon.stop().0, Some(0));
}

/// Returns true if SIGHUP is in this set of signals of the process.
fn has_hangup(process: &str, set: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let signals = status.lines().find_map(|line| line.strip_prefix(set));
    u64::from_str_radix(signals.unwrap().trim(), 16).unwrap() & 1 == 1
}
