//! Tests of `status`, `wait` and `health`, which find the daemon's socket without an argument.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;

use super::super::support::keepalive::{Folder, Keepalive};
use super::super::support::once::{self, ProcessOutput};
use super::super::support::simulation::Simulation;
use super::{head, seconds, session};

pub(super) fn run_command(folder: &Folder, arguments: &[&str]) -> ProcessOutput {
    once::run(folder.command(arguments), "")
}

/// Starts a daemon with a kept, a lapsing, a dead and an absent session.
fn running() -> (Simulation, Folder, Keepalive) {
    let simulation = Simulation::new(seconds(3600));
    let folder = Folder::new();
    for name in ["wallboard", "crm"] {
        simulation.token(name);
        folder.write(name, name);
    }
    folder.write("dead", "never-valid");
    let config = head(&simulation)
        + &session("wallboard", "")
        + &session("crm", "intent = \"lapse\"")
        + &session("dead", "")
        + &session("later", "");
    let mut keepalive = folder.run(&config);
    keepalive.wait_for(&["\"event\":\"lost\""]);
    (simulation, folder, keepalive)
}

#[test]
fn status_shows_who_is_not_well_first_and_the_verdict_last() {
    let (simulation, folder, _keepalive) = running();
    let ProcessOutput { out, err, code } = run_command(&folder, &["status"]);
    assert_eq!((err.as_str(), code), ("", Some(75)));
    let lines: Vec<_> = out.lines().collect();
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{out}");
    let first_words: Vec<_> = lines[..5]
        .iter()
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    assert_eq!(
        first_words,
        ["SESSION", "dead", "later", "crm", "wallboard"]
    );
    assert!(out.contains(" lost: refused from the first"), "{out}");
    assert!(
        out.contains("later absent: file later does not exist"),
        "{out}"
    );
    let verdict = lines.last().unwrap();
    assert!(
        verdict.starts_with("not ready: 2 of 3 kept; 3 to keep, 1 to lapse; "),
        "{verdict}"
    );
    assert!(
        !out.contains('\u{1b}'),
        "no colour where nobody sees it: {out}"
    );

    let ProcessOutput { out, code, .. } = run_command(&folder, &["status", "wallboard"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(
        out.lines().last().unwrap().starts_with("ready; 1 to keep"),
        "{out}"
    );

    let ProcessOutput { err, code, .. } = run_command(&folder, &["status", "wallbord"]);
    assert_eq!(code, Some(64));
    assert!(err.contains("did you mean wallboard?"), "{err}");

    let ProcessOutput { out, code, .. } = run_command(&folder, &["status", "--json"]);
    assert_eq!(code, Some(75));
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["states"]["lost"], 1);
    drop(simulation);
}

#[test]
fn the_json_of_named_sessions_has_no_others_and_is_otherwise_the_daemons() {
    let (_simulation, folder, _keepalive) = running();
    let json = |names: &[&str], code| {
        let output = run_command(&folder, &[&["status", "--json"], names].concat());
        output.exits_with(code);
        serde_json::from_str::<serde_json::Value>(&output.out).unwrap()
    };
    let (all, named) = (json(&[], 75), json(&["wallboard", "crm"], 0));
    let listed = |report: &serde_json::Value, list: &str, key: &str| -> BTreeSet<String> {
        let entries = report[list].as_array().unwrap().iter();
        entries
            .filter_map(|entry| entry[key].as_str().map(str::to_owned))
            .collect()
    };
    let expected = BTreeSet::from(["crm", "wallboard"].map(str::to_owned));
    assert_eq!(listed(&named, "sessions", "name"), expected);
    assert_eq!(listed(&named, "events", "session"), expected);
    assert_eq!(named["matching"], 2);
    for key in ["version", "ready", "kept", "states", "warnings"] {
        assert_eq!(named[key], all[key], "{key}");
    }
    let keys = |report: &serde_json::Value| -> Vec<_> {
        report.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(keys(&named), keys(&all));
}

#[test]
fn wait_returns_when_the_tokens_live_and_says_what_is_missing_when_its_time_is_over() {
    let (simulation, folder, _keepalive) = running();
    let ProcessOutput { out, code, .. } =
        run_command(&folder, &["wait", "--timeout", "20s", "wallboard", "crm"]);
    assert_eq!(code, Some(0));
    assert!(out.starts_with("ready after "), "{out}");
    let ProcessOutput { err, code, .. } =
        run_command(&folder, &["wait", "--timeout", "300ms", "later"]);
    assert_eq!(code, Some(75));
    assert!(err.contains("[-] later absent: "), "{err}");
    let ProcessOutput { err, code, .. } = run_command(&folder, &["wait", "nobody"]);
    assert_eq!(code, Some(64));
    assert!(err.contains("no session nobody"), "{err}");

    let mut waiting = folder.command(&["wait", "--timeout", "20s"]);
    let waiting = waiting.stdout(Stdio::piped()).spawn().unwrap();
    for name in ["dead", "later"] {
        simulation.token(&format!("newer-{name}"));
        folder.write(name, &format!("newer-{name}"));
    }
    let output = waiting.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn health_tells_life_from_readiness_and_needs_no_environment() {
    let (_simulation, folder, mut keepalive) = running();
    let alive = run_command(&folder, &["health"]);
    assert_eq!((alive.out.as_str(), alive.code), ("live\n", Some(0)));
    let ready = run_command(&folder, &["health", "--ready"]);
    assert_eq!(ready.code, Some(75));
    assert!(
        ready.err.starts_with("not ready: 2 of 3 kept: "),
        "{}",
        ready.err
    );
    let socket = folder.path("control.sock");
    let mut bare = folder.command(&["health", "--socket", socket.to_str().unwrap()]);
    assert_eq!(bare.env_clear().output().unwrap().status.code(), Some(0));
    keepalive.stop();
    let gone = run_command(&folder, &["health"]);
    assert_eq!(gone.code, Some(69));
    assert!(gone.err.contains("there is no socket at"), "{}", gone.err);
}

#[test]
fn a_daemon_that_comes_later_is_waited_for() {
    let simulation = Simulation::new(seconds(3600));
    let folder = Folder::new();
    simulation.token("wallboard");
    folder.write("wallboard", "wallboard");
    let mut waiting = folder.command(&["wait", "--timeout", "20s"]);
    let waiting = waiting
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let keepalive = folder.run(&(head(&simulation) + &session("wallboard", "")));
    let output = waiting.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    drop(keepalive);
}

#[test]
fn a_socket_that_anybody_could_have_put_there_is_not_believed() {
    let (_simulation, folder, _keepalive) = running();
    let open = folder.path("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let link = open.join("control.sock");
    symlink(folder.path("control.sock"), &link).unwrap();
    let output = run_command(&folder, &["status", "--socket", link.to_str().unwrap()]);
    assert_eq!(output.code, Some(69));
    assert!(output.err.contains("is a link"), "{}", output.err);
}
