//! Tests of the daemon's memory: no copy of a token remains after its end, and other processes
//! cannot read that memory.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Signal, geteuid};
use serde_json::Value;
use session_keepalive::sys::clock;

use super::super::support::front::{self, HttpVersion};
use super::super::support::keepalive::{Folder, Keepalive, now, text};
use super::super::support::memory::{Piece, pieces};
use super::super::support::simulation::Simulation;
use super::super::support::tls::Authority;
use super::{head, one_session, seconds, session};

const OLD: &str =
    "Kx7pQ2mZ9rT4vB1nC6wL8sD3-yH5jG0fE2aU9iO4tR7eW1qA6_M3nB8vC1xZ6lK0jH5gF2dS7aP9oI4uY1tR6e";

/// The new token, which is too short to overwrite a remaining copy of the old one completely.
const NEW: &str = "bQ8xW3nV5kJ1hG7fD4sA0pL9-zX6cV2";

/// A user other than root.
const NOBODY: u32 = 65534;

/// Returns the command, run in such a way that the test can read the memory of its process: root
/// always can, and others can if they own the user namespace.
fn readable_by_test(command: Command) -> Command {
    let namespace = ["--user", "--map-root-user"];
    let owned = || Command::new("unshare").args(namespace).arg("true").status();
    if geteuid().is_root() || !owned().is_ok_and(|status| status.success()) {
        return command;
    }
    let mut opened = Command::new("unshare");
    opened
        .args(namespace)
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    if let Some(folder) = command.get_current_dir() {
        opened.current_dir(folder);
    }
    opened
}

/// Returns the pieces of the secret in memory, or `None` if the test cannot read it; the test in
/// [`super::own_memory`] always can.
fn find_pieces(daemon: &Keepalive, secret: &str) -> Option<Vec<Piece>> {
    match pieces(daemon.pid(), secret.as_bytes()) {
        Ok(pieces) => Some(pieces),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            println!("SKIPPED: neither root nor the owner of a user namespace: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Waits until no piece of the secret remains except those that `is_excepted` selects.
fn wait_until_gone(daemon: &mut Keepalive, secret: &str, is_excepted: impl Fn(&Piece) -> bool) {
    let began = now();
    loop {
        let mut pieces = find_pieces(daemon, secret).expect("we could look before");
        pieces.retain(|piece| !is_excepted(piece));
        if pieces.is_empty() {
            println!("nothing is left after {:?}", now() - began);
            return;
        }
        assert!(now() - began < seconds(10), "{pieces:?}");
        daemon.listen_for(Duration::from_millis(250));
    }
}

/// Asserts that no piece of a replaced token, and of a lost one, remains.
fn leaves_nothing(version: Option<HttpVersion>) {
    let simulation = Simulation::new(seconds(8));
    simulation.token(OLD);
    let folder = Folder::new();
    folder.write("kiosk", OLD);
    let authority = Authority::new();
    folder.write("ca.pem", &authority.pem());
    let api = version.map_or(simulation.base(), |version| {
        front::start(
            &authority.vouch_for("127.0.0.1"),
            version,
            simulation.base(),
        )
    });
    let config = head(&simulation).replace(&simulation.base(), &api)
        + "level = \"debug\"\n[http]\nca_file = \"ca.pem\"\n"
        + &session("kiosk", "");
    folder.write("config.toml", &config);
    let command = folder.command(&["run", "--config", "config.toml"]);
    let mut daemon = Keepalive::start(readable_by_test(command));
    daemon.wait_for(&["\"event\":\"reset_proven\""]);
    let Some(in_use) = find_pieces(&daemon, OLD) else {
        return;
    };
    println!("{} pieces while it is in use", in_use.len());
    assert!(!in_use.is_empty(), "the search finds what is there");
    simulation.token(NEW);
    folder.write("kiosk", NEW);
    daemon.wait_for(&["\"event\":\"replaced\""]);
    wait_until_gone(&mut daemon, OLD, |_| false);
    simulation.server().revoke(NEW, clock::now());
    daemon.wait_for(&["\"event\":\"lost\""]);
    wait_until_gone(&mut daemon, NEW, |_| false);
}

#[test]
fn nothing_is_left_of_a_token_that_went_over_plain_http() {
    leaves_nothing(None);
}

#[test]
fn nothing_is_left_of_a_token_that_went_over_tls() {
    leaves_nothing(Some(HttpVersion::Http1));
}

#[test]
fn nothing_is_left_of_a_token_that_went_over_http2() {
    leaves_nothing(Some(HttpVersion::Http2));
}

#[test]
fn of_a_token_in_a_variable_only_that_variable_is_left() {
    let simulation = Simulation::new(seconds(6));
    simulation.token(OLD);
    let folder = Folder::new();
    let session = "[sessions.kiosk]\ntoken = { env = \"SESSION_KEEPALIVE_TOKEN\" }\n";
    folder.write("config.toml", &(head(&simulation) + session));
    let mut command = folder.command(&["run", "--config", "config.toml"]);
    command.env("SESSION_KEEPALIVE_TOKEN", OLD);
    let mut daemon = Keepalive::start(readable_by_test(command));
    daemon.wait_for(&["\"state\":\"alive\""]);
    if find_pieces(&daemon, OLD).is_none() {
        return;
    }
    daemon.signal(Signal::HUP);
    daemon.wait_for(&["\"event\":\"reloaded\""]);
    simulation.server().revoke(OLD, clock::now());
    daemon.wait_for(&["\"event\":\"lost\""]);
    // This block was created by the kernel when the process began. Safe code cannot wipe it, and
    // only root can read it.
    let is_first_environment = |piece: &Piece| {
        piece.place.contains("[stack]") && piece.around.contains("SESSION_KEEPALIVE_TOKEN=")
    };
    wait_until_gone(&mut daemon, OLD, is_first_environment);
    assert_eq!(find_pieces(&daemon, OLD).unwrap().len(), 1);
}

#[test]
fn no_core_is_written_and_no_other_process_of_the_user_may_look() {
    let simulation = Simulation::new(seconds(60));
    let (folder, config) = one_session(&simulation, "kiosk");
    folder.write("config.toml", &config);
    fs::copy(
        env!("CARGO_BIN_EXE_session-keepalive"),
        folder.path("daemon"),
    )
    .unwrap();
    let mut command = Command::new("/bin/sh");
    command
        .args([
            "-c",
            "ulimit -c unlimited; exec ./daemon run --config config.toml",
        ])
        .current_dir(folder.path("."));
    if geteuid().is_root() {
        for file in [".", "kiosk", "config.toml", "daemon"] {
            chown(folder.path(file), Some(NOBODY), None).unwrap();
        }
        command.uid(NOBODY);
    }
    let mut daemon = Keepalive::start(command);
    daemon.wait_for(&["\"state\":\"alive\""]);
    let process = format!("/proc/{}", daemon.pid());
    let limits = fs::read_to_string(format!("{process}/limits")).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let core: Vec<_> = core.unwrap().split_whitespace().skip(4).collect();
    assert_eq!(core, ["0", "0", "bytes"]);
    // Files of a non-dumpable process in /proc belong to root instead of the process's user.
    let memory = fs::metadata(format!("{process}/mem")).unwrap();
    assert_eq!(memory.uid(), 0);
    daemon.signal(Signal::ABORT);
    let (status, _) = daemon.wait();
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()));
    assert!(!status.core_dumped());
    let files = fs::read_dir(folder.path(".")).unwrap().flatten();
    let mut names: Vec<_> = files.map(|file| file.file_name()).collect();
    names.sort();
    assert_eq!(names, ["config.toml", "daemon", "kiosk"]);
}

/// The secret of an OAuth client.
const CLIENT_SECRET: &str =
    "pF5sW8xY1zQ4-cR7vT0bN3mK6_jH9gL2dS5aE8oU1iP4yX7wZ0qV3nB6kM9hJ2fG5tC8rD1lA4eI7uO0pY3";

#[test]
fn nothing_is_left_of_a_clients_secret_after_a_token_was_issued() {
    let simulation = Simulation::with(seconds(60), |settings| {
        settings.clients = vec![("kiosk".to_owned(), CLIENT_SECRET.to_owned())];
    });
    let folder = Folder::new();
    folder.write("secret", CLIENT_SECRET);
    let client = "client_id = \"kiosk\"\nclient_secret = { file = \"secret\" }";
    nothing_is_left_of_the_secret(&simulation, &folder, client);
}

#[test]
fn nothing_is_left_of_the_secret_in_a_profile_after_a_token_was_issued() {
    let simulation = Simulation::with(seconds(60), |settings| {
        settings.clients = vec![("kiosk".to_owned(), CLIENT_SECRET.to_owned())];
    });
    let folder = Folder::new();
    let profile =
        format!("[DEFAULT]\nclient_credentials = \"kiosk\"\nclient_secret = \"{CLIENT_SECRET}\"\n");
    folder.write("gc.toml", &profile);
    nothing_is_left_of_the_secret(&simulation, &folder, "file = \"gc.toml\"");
}

#[test]
fn nothing_is_left_of_an_issued_token_after_its_replacement() {
    let simulation = Simulation::with(seconds(60), |settings| settings.lifetime = seconds(24));
    let folder = Folder::new();
    folder.write("secret", CLIENT_SECRET);
    let (base, sink) = (simulation.base(), folder.path("for-app"));
    let config = head(&simulation)
        + &format!(
            "level = \"trace\"\n[sessions.kiosk]\noverlap = \"2s\"\nsink = {{ file = \"{}\", format = \"json\" }}\n\
             [sessions.kiosk.token.mint]\nclient_id = \"kiosk\"\n\
             client_secret = {{ file = \"secret\" }}\nlogin = \"{base}\"\n",
            text(&sink)
        );
    folder.write("config.toml", &config);
    let command = folder.command(&["run", "--config", "config.toml"]);
    let mut daemon = Keepalive::start(readable_by_test(command));
    daemon.wait_for(&["\"event\":\"sink_written\""]);
    let written: Value = serde_json::from_slice(&fs::read(&sink).unwrap()).unwrap();
    let first = written["access_token"].as_str().unwrap();
    let Some(in_use) = find_pieces(&daemon, first) else {
        return;
    };
    assert!(!in_use.is_empty(), "the search finds what is there");
    daemon.wait_for(&["not used any more and was revoked"]);
    wait_until_gone(&mut daemon, first, |_| false);
    let log = daemon.log.join("\n");
    for secret in [first, CLIENT_SECRET] {
        for at in 0..=secret.len() - 8 {
            assert!(!log.contains(&secret[at..at + 8]), "{log}");
        }
    }
}

fn nothing_is_left_of_the_secret(simulation: &Simulation, folder: &Folder, client: &str) {
    let base = simulation.base();
    let config = head(simulation)
        + &format!(
            "level = \"debug\"\n[sessions.kiosk.token.mint]\n{client}\nlogin = \"{base}\"\n"
        );
    folder.write("config.toml", &config);
    let command = folder.command(&["run", "--config", "config.toml"]);
    let mut daemon = Keepalive::start(readable_by_test(command));
    daemon.wait_for(&["\"event\":\"alive\""]);
    if find_pieces(&daemon, CLIENT_SECRET).is_none() {
        return;
    }
    wait_until_gone(&mut daemon, CLIENT_SECRET, |_| false);
    let encode = "printf %s \"$0\" | base64 -w0";
    let credentials = format!("kiosk:{CLIENT_SECRET}");
    let encoded = Command::new("/bin/sh")
        .args(["-c", encode, &credentials])
        .output()
        .unwrap();
    let encoded = String::from_utf8(encoded.stdout).unwrap();
    assert!(encoded.len() > 100, "{encoded}");
    wait_until_gone(&mut daemon, &encoded, |_| false);
}
