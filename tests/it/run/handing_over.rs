//! Tests of tokens that get another name, file, folder or address: none of them is revoked for
//! that.

use std::fs;
use std::os::unix::fs::symlink;

use rustix::process::Signal;
use session_keepalive::sim::{ApiOperation, Fate, Matcher, Rule, RuleSpan, Script, SimFault};

use super::super::support::keepalive::{Folder, Keepalive, text};
use super::super::support::simulation::Simulation;
use super::{head, one_session, seconds, session};

/// Returns the part of a configuration that is common to all tests: it logs each request, and has
/// a grace that is long enough for a pending revocation.
fn debug(simulation: &Simulation) -> String {
    head(simulation) + "level = \"debug\"\n[shutdown]\ngrace = \"60s\"\n"
}

fn pool(name: &str, directory: &str, more: &str) -> String {
    format!("[pools.{name}]\ntoken_dir = \"{directory}\"\n{more}\n")
}

/// Returns a folder with a pool's directory, each of whose files holds the token of its name.
fn agents(simulation: &Simulation, names: &[&str]) -> (Folder, String) {
    let folder = Folder::new();
    fs::create_dir(folder.path("agents")).unwrap();
    for name in names {
        simulation.token(name);
        folder.write(&format!("agents/{name}"), name);
    }
    let directory = text(&folder.path("agents")).to_owned();
    (folder, directory)
}

fn reload(folder: &Folder, daemon: &mut Keepalive, config: &str) {
    folder.write("config.toml", config);
    daemon.signal(Signal::HUP);
    daemon.wait_for(&["\"event\":\"reloaded\""]);
}

fn fail(simulation: &Simulation, calls: Matcher) {
    simulation.server().script().push(Rule {
        calls,
        span: RuleSpan::Times(u32::MAX),
        fault: SimFault::error(503, "service.unavailable", "later"),
    });
}

fn mend(simulation: &Simulation) {
    *simulation.server().script() = Script::default();
}

/// Asserts that the session keeps its token to the end: it lives until the stop revokes it.
fn assert_kept_to_the_end(mut daemon: Keepalive, simulation: &Simulation, name: &str, token: &str) {
    let log = daemon.log.join("\n");
    assert!(simulation.record(token).fate.is_living(), "{log}");
    daemon.signal(Signal::TERM);
    daemon.wait_for(&["\"event\":\"revoked\"", &format!("\"session\":\"{name}\"")]);
    assert_eq!(daemon.wait().0.code(), Some(0));
    assert!(matches!(simulation.record(token).fate, Fate::Revoked(_)));
}

#[test]
fn a_file_that_a_reload_gives_back_to_its_pool_keeps_its_token() {
    let simulation = Simulation::new(seconds(600));
    let (folder, directory) = agents(&simulation, &["alice", "bob"]);
    let config = debug(&simulation) + &pool("agents", &directory, "");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\"", "\"session\":\"alice\""]);
    for name in ["alice", "other"] {
        let own = format!("[sessions.{name}]\ntoken = {{ file = \"{directory}/alice\" }}\n");
        reload(&folder, &mut daemon, &(config.clone() + &own));
        reload(&folder, &mut daemon, &config);
    }
    assert_eq!(simulation.record("alice").calls(ApiOperation::PeekMe), 1);
    assert_kept_to_the_end(daemon, &simulation, "alice", "alice");
}

#[test]
fn a_name_that_a_reload_frees_is_that_of_the_pools_file_at_once() {
    let simulation = Simulation::new(seconds(600));
    let (folder, directory) = agents(&simulation, &["alice"]);
    simulation.token("own");
    folder.write("own", "own");
    let config = debug(&simulation) + &pool("agents", &directory, "");
    let own = "[sessions.alice]\ntoken = { file = \"own\" }\n";
    let mut daemon = folder.run(&(config.clone() + own));
    daemon.wait_for(&["\"state\":\"alive\"", "\"session\":\"alice\""]);
    reload(&folder, &mut daemon, &config);
    daemon.wait_for(&["\"event\":\"replaced\"", "\"session\":\"alice\""]);
    // The earlier token belongs to its owner, so it is left.
    assert!(simulation.record("own").fate.is_living());
    assert_kept_to_the_end(daemon, &simulation, "alice", "alice");
}

#[test]
fn a_revocation_that_is_pending_is_called_off_when_its_session_is_configured_again() {
    let simulation = Simulation::new(seconds(600));
    let (folder, _) = one_session(&simulation, "kiosk");
    // A configuration requires at least one session.
    let config = debug(&simulation) + &session("stays", "");
    let kiosk = session("kiosk", "");
    let mut daemon = folder.run(&(config.clone() + &kiosk));
    daemon.wait_for(&["\"state\":\"alive\""]);
    // The session returns once with its name, and once under another name with the same token.
    folder.write("lobby", "kiosk");
    for (gone, back) in [
        (config.clone(), config.clone() + &kiosk),
        (config.clone(), config + &session("lobby", "")),
    ] {
        fail(&simulation, Matcher::operation(ApiOperation::DeleteMe));
        reload(&folder, &mut daemon, &gone);
        daemon.wait_for(&["\"operation\":\"revoke\"", "503"]);
        folder.write("config.toml", &back);
        daemon.signal(Signal::HUP);
        daemon.wait_for(&["\"event\":\"renamed\""]);
        mend(&simulation);
        // The token is peeked at, since the revocation could have succeeded.
        daemon.wait_for(&["\"operation\":\"peek\""]);
    }
    assert_kept_to_the_end(daemon, &simulation, "lobby", "kiosk");
}

#[test]
fn a_revocation_that_is_pending_is_called_off_when_the_pools_file_comes_back() {
    let simulation = Simulation::new(seconds(600));
    let (folder, directory) = agents(&simulation, &["alice", "bob"]);
    let config = debug(&simulation) + &pool("agents", &directory, "on_removal = \"revoke\"");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\"", "\"session\":\"alice\""]);
    fail(&simulation, Matcher::operation(ApiOperation::DeleteMe));
    fs::remove_file(folder.path("agents/alice")).unwrap();
    daemon.wait_for(&["\"operation\":\"revoke\"", "503"]);
    folder.write("agents/alice", "alice");
    daemon.wait_for(&["\"event\":\"renamed\""]);
    mend(&simulation);
    assert_kept_to_the_end(daemon, &simulation, "alice", "alice");
}

#[test]
fn a_pool_that_gets_another_name_and_spelling_knows_what_was_missing() {
    let simulation = Simulation::new(seconds(600));
    let (folder, directory) = agents(&simulation, &["alice", "bob"]);
    symlink(&directory, folder.path("linked")).unwrap();
    let linked = text(&folder.path("linked")).to_owned();
    let removal = "on_removal = \"revoke\"";
    let mut daemon = folder.run(&(debug(&simulation) + &pool("agents", &directory, removal)));
    daemon.wait_for(&["\"state\":\"alive\"", "\"session\":\"alice\""]);
    fs::rename(folder.path("agents/alice"), folder.path("alice")).unwrap();
    let config = debug(&simulation) + &pool("crew", &directory, removal);
    reload(&folder, &mut daemon, &config);
    let config = debug(&simulation) + &pool("crew", &linked, removal);
    reload(&folder, &mut daemon, &config);
    fs::rename(folder.path("alice"), folder.path("agents/alice")).unwrap();
    // A file that was created later is also read later.
    simulation.token("carol");
    folder.write("agents/carol", "carol");
    daemon.wait_for(&["\"state\":\"alive\"", "\"session\":\"carol\""]);
    assert_eq!(simulation.record("alice").calls(ApiOperation::PeekMe), 1);
    assert_kept_to_the_end(daemon, &simulation, "alice", "alice");
}

#[test]
fn a_pool_that_gets_another_name_while_its_volume_is_not_mounted_keeps_its_sessions() {
    let simulation = Simulation::new(seconds(600));
    let (folder, directory) = agents(&simulation, &["alice", "bob"]);
    symlink(&directory, folder.path("linked")).unwrap();
    let linked = text(&folder.path("linked")).to_owned();
    let removal = "on_removal = \"revoke\"";
    let mut daemon = folder.run(&(debug(&simulation) + &pool("agents", &directory, removal)));
    daemon.wait_for(&["\"state\":\"alive\"", "\"session\":\"alice\""]);
    // An unmounted volume leaves the empty directory of its mount point.
    fs::rename(folder.path("agents"), folder.path("volume")).unwrap();
    fs::create_dir(folder.path("agents")).unwrap();
    daemon.wait_for(&["\"event\":\"pool_away\""]);
    for path in [&directory, &linked] {
        let config = debug(&simulation) + &pool("crew", path, removal);
        reload(&folder, &mut daemon, &config);
    }
    fs::remove_dir(folder.path("agents")).unwrap();
    fs::rename(folder.path("volume"), folder.path("agents")).unwrap();
    daemon.wait_for(&["\"event\":\"pool_back\""]);
    assert_eq!(simulation.record("alice").calls(ApiOperation::PeekMe), 1);
    assert_kept_to_the_end(daemon, &simulation, "alice", "alice");
}

#[test]
fn a_session_that_moves_to_a_gateway_of_its_organisation_keeps_its_token() {
    let simulation = Simulation::new(seconds(600));
    let (folder, _) = one_session(&simulation, "kiosk");
    let config = debug(&simulation) + &session("kiosk", "");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\""]);
    let gateway = simulation.gateway();
    reload(
        &folder,
        &mut daemon,
        &config.replace(&simulation.base(), &gateway),
    );
    daemon.wait_for(&["\"event\":\"alive\"", &gateway]);
    daemon.wait_for(&["\"event\":\"left\"", &simulation.base()]);
    assert_kept_to_the_end(daemon, &simulation, "kiosk", "kiosk");
}

#[test]
fn a_session_that_moves_to_an_address_where_nobody_answers_is_kept_at_the_first() {
    let simulation = Simulation::new(seconds(6));
    let (folder, _) = one_session(&simulation, "kiosk");
    let config = debug(&simulation) + &session("kiosk", "");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\""]);
    // Port 1 of the loopback refuses connections.
    let wrong = config.replace(&simulation.base(), "http://127.0.0.1:1");
    reload(&folder, &mut daemon, &wrong);
    let before = simulation.record("kiosk").resets;
    while simulation.record("kiosk").resets < before + 3 {
        daemon.wait_for(&["\"operation\":\"touch_"]);
    }
    reload(&folder, &mut daemon, &config);
    daemon.wait_for(&["\"event\":\"renamed\""]);
    assert_kept_to_the_end(daemon, &simulation, "kiosk", "kiosk");
}

#[test]
fn a_session_that_gets_another_name_and_a_command_that_prints_the_same_token_keeps_it() {
    let simulation = Simulation::new(seconds(600));
    let (folder, _) = one_session(&simulation, "kiosk");
    let script = folder.program("print", "#!/bin/sh\nsleep 1\necho kiosk\n");
    let mut daemon = folder.run(&(debug(&simulation) + &session("kiosk", "")));
    daemon.wait_for(&["\"state\":\"alive\""]);
    let command = format!(
        "[sessions.lobby]\ntoken = {{ command = [\"{}\"] }}\n",
        text(&script)
    );
    reload(&folder, &mut daemon, &(debug(&simulation) + &command));
    daemon.wait_for(&["\"event\":\"renamed\"", "\"session\":\"lobby\""]);
    assert_eq!(simulation.record("kiosk").calls(ApiOperation::PeekMe), 1);
    assert_kept_to_the_end(daemon, &simulation, "lobby", "kiosk");
}

#[test]
fn a_token_that_was_given_back_unproven_is_taken_on_by_another_session() {
    let simulation = Simulation::new(seconds(600));
    let (folder, _) = one_session(&simulation, "a");
    simulation.token("newer");
    let config = debug(&simulation) + &session("a", "") + &session("b", "");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\"", "\"session\":\"a\""]);
    fail(&simulation, Matcher::token("newer"));
    folder.write("a", "newer");
    daemon.wait_for(&["\"operation\":\"peek\"", "503"]);
    folder.write("a", "a");
    folder.write("b", "newer");
    daemon.wait_for(&["\"operation\":\"peek\"", "503", "\"session\":\"b\""]);
    mend(&simulation);
    daemon.wait_for(&["\"event\":\"alive\"", "\"session\":\"b\""]);
    assert_kept_to_the_end(daemon, &simulation, "b", "newer");
}
