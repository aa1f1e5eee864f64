//! Tests of the command `exec`, which runs another command beneath the daemon.

use std::fs;
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;

use super::super::support::keepalive::{Folder, Keepalive};
use super::super::support::simulation::Simulation;
use super::seconds;

/// Returns a folder with a token file, and the command `exec` with these words after the flags of
/// the session.
fn exec(simulation: &Simulation, more: &[&str]) -> (Folder, Command) {
    let folder = Folder::new();
    simulation.token("secret-of-exec");
    folder.write("token", "secret-of-exec");
    let base = simulation.base();
    let flags = ["exec", "--api", &base, "--token-file", "token"];
    let command = folder.command(&[&flags, more].concat());
    (folder, command)
}

fn output(mut command: Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

fn shell(script: &str) -> [&str; 4] {
    ["--", "/bin/sh", "-c", script]
}

#[test]
fn the_command_finds_a_living_token_in_a_file_and_its_status_comes_back() {
    let simulation = Simulation::new(seconds(60));
    let script = "cat \"$SESSION_KEEPALIVE_TOKEN_FILE\"; env | grep -c secret-of; exit 7";
    let arguments = [&["--sink", "for-app,env"][..], &shell(script)].concat();
    let (folder, command) = exec(&simulation, &arguments);
    let output = output(command);
    let (out, log) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert_eq!(output.status.code(), Some(7), "{log}");
    assert_eq!(
        out, "GENESYSCLOUD_ACCESS_TOKEN='secret-of-exec'\n0\n",
        "{log}"
    );
    assert!(log.contains("1 token revoked"), "{log}");
    assert!(!log.contains("secret-of-exec"), "{log}");
    assert!(!folder.path("for-app").exists());
}

#[test]
fn without_a_sink_the_command_finds_the_file_of_the_source() {
    let simulation = Simulation::new(seconds(60));
    let (folder, command) = exec(&simulation, &shell("echo $SESSION_KEEPALIVE_TOKEN_FILE"));
    let output = output(command);
    assert_eq!(output.status.code(), Some(0));
    let expected = format!(
        "{}\n",
        folder.path("token").canonicalize().unwrap().display()
    );
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

#[test]
fn the_variable_of_a_clients_secret_is_not_passed_on() {
    let simulation = Simulation::new(seconds(60));
    let folder = Folder::new();
    let base = simulation.base();
    let script = "echo ${GENESYSCLOUD_OAUTHCLIENT_SECRET-absent} $GENESYSCLOUD_OAUTHCLIENT_ID";
    let arguments = [&["exec", "--mint", "--api", &base][..], &shell(script)].concat();
    let mut command = folder.command(&arguments);
    command
        .env("GENESYSCLOUD_OAUTHCLIENT_ID", "kiosk")
        .env(
            "GENESYSCLOUD_OAUTHCLIENT_SECRET",
            "the-secret-of-the-client",
        )
        .env(
            "SESSION_KEEPALIVE_SESSIONS__DEFAULT__TOKEN__MINT__LOGIN",
            &base,
        );
    let output = output(command);
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "absent kiosk\n",
        "{log}"
    );
}

#[test]
fn the_variable_of_a_token_is_not_passed_on() {
    let simulation = Simulation::new(seconds(60));
    let folder = Folder::new();
    simulation.token("secret-of-exec");
    let config = format!(
        "api = \"{}\"\n[sessions.kiosk]\ntoken = {{ env = \"KIOSK_TOKEN\" }}\n",
        simulation.base()
    );
    folder.write("config.toml", &config);
    let script = "echo ${KIOSK_TOKEN-absent} $OTHER";
    let arguments = [&["exec", "--config", "config.toml"][..], &shell(script)].concat();
    let mut command = folder.command(&arguments);
    command
        .env("KIOSK_TOKEN", "secret-of-exec")
        .env("OTHER", "passed on");
    let output = output(command);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "absent passed on\n"
    );
}

#[test]
fn signals_are_passed_on_and_a_death_by_signal_is_told_by_the_status() {
    let simulation = Simulation::new(seconds(60));
    let script = "trap 'echo hup >hup' HUP; echo command-runs >&2; while ! test -e hup; do sleep 0.05; done; \
                  echo seen >&2; trap - TERM; sleep 60 & wait; kill $!";
    let (folder, command) = exec(&simulation, &shell(script));
    let mut process = Keepalive::start(command);
    process.wait_for(&["command-runs"]);
    process.signal(Signal::HUP);
    process.wait_for(&["seen"]);
    process.signal(Signal::TERM);
    let (status, _) = process.wait();
    assert_eq!(status.code(), Some(128 + 15));
    assert_eq!(process.count(&["1 token revoked"]), 1);
    assert_eq!(fs::read_to_string(folder.path("hup")).unwrap(), "hup\n");
}

#[test]
fn a_command_is_not_started_without_a_living_token() {
    let simulation = Simulation::new(seconds(60));
    let arguments = [&["--wait", "300ms"][..], &shell("touch started")].concat();
    let (folder, command) = exec(&simulation, &arguments);
    folder.write("token", "dead");
    let output = output(command);
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(75), "{log}");
    assert!(log.contains("the command was not started"), "{log}");
    assert!(log.contains("not ready: 1 of 1 kept: default"), "{log}");
    assert!(!folder.path("started").exists());
}

#[test]
fn a_command_that_does_not_exist_ends_with_127_and_the_token_is_revoked() {
    let simulation = Simulation::new(seconds(60));
    let (_folder, command) = exec(&simulation, &["--", "/no/such/command"]);
    let output = output(command);
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(127), "{log}");
    assert!(log.contains("`/no/such/command` cannot be run"), "{log}");
    assert!(log.contains("1 token revoked"), "{log}");
}

#[test]
fn a_sink_that_is_the_token_file_is_refused() {
    let simulation = Simulation::new(seconds(60));
    let arguments = [&["--sink", "token"][..], &shell("true")].concat();
    let (_folder, command) = exec(&simulation, &arguments);
    let output = output(command);
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{log}");
    assert!(
        log.contains("is the token file or a sink of session default already"),
        "{log}"
    );
}
