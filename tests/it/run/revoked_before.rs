//! Tests that the daemon recognises, after a restart, the tokens that it revoked.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::super::support::keepalive::{Folder, Keepalive};
use super::super::support::simulation::Simulation;
use super::{one_session, seconds};

fn start(folder: &Folder, config: &str) -> Keepalive {
    folder.write("config.toml", config);
    let mut command = folder.command(&["run", "--config", "config.toml"]);
    command.env("STATE_DIRECTORY", folder.path("state"));
    Keepalive::start(command)
}

fn output(folder: &Folder, arguments: &[&str]) -> String {
    let output = folder.command(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_token_that_the_last_stop_revoked_is_said_to_be_so_in_log_status_and_explain() {
    let simulation = Simulation::new(seconds(60));
    let (folder, config) = one_session(&simulation, "kiosk");
    let secret = "a-secret-that-nobody-may-see";
    simulation.token(secret);
    folder.write("kiosk", secret);
    fs::create_dir(folder.path("state")).unwrap();
    let mut daemon = start(&folder, &config);
    daemon.wait_for(&["\"state\":\"alive\""]);
    assert_eq!(daemon.stop().0, Some(0));

    let file = folder.path("state").join("revoked.json");
    let remembered = fs::read_to_string(&file).unwrap();
    assert!(!remembered.contains(secret), "{remembered}");
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );

    let mut daemon = start(&folder, &config);
    let parts = ["this daemon revoked it at ", " UTC when it stopped"];
    let at_once = daemon.wait_for(&["\"event\":\"revoked_before\"", parts[0], parts[1]]);
    assert!(at_once.contains("\"level\":\"WARN\""), "{at_once}");
    daemon.wait_for(&["\"event\":\"lost\"", parts[0], parts[1]]);
    for arguments in [
        &["status", "kiosk"][..],
        &["status", "--json"],
        &["explain", "kiosk"],
        &["explain", "kiosk", "--json"],
    ] {
        // Lines may be wrapped at the width of the terminal.
        let text = output(&folder, arguments);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            text.contains("this daemon revoked it at"),
            "{arguments:?}: {text}"
        );
        assert!(!text.contains("dead when it came"), "{arguments:?}: {text}");
    }
    // A new token is not affected by the earlier revocation.
    simulation.token("new");
    folder.write("kiosk", "new");
    daemon.wait_for(&["\"state\":\"alive\""]);
    let status = output(&folder, &["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let standing = status["sessions"][0]["standing"].as_str().unwrap();
    assert!(standing.starts_with("alive: "), "{standing}");
}

#[test]
fn without_a_state_directory_or_with_one_that_cannot_be_used_the_daemon_works_as_ever() {
    let simulation = Simulation::new(seconds(60));
    let (folder, config) = one_session(&simulation, "kiosk");
    fs::create_dir(folder.path("state")).unwrap();
    let path = folder.path("state").join("revoked.json");
    fs::write(&path, "{ nonsense").unwrap();
    let mut daemon = start(&folder, &config);
    daemon.wait_for(&["\"event\":\"revocations_forgotten\"", "revoked.json"]);
    daemon.wait_for(&["\"state\":\"alive\""]);
    assert_eq!(daemon.stop().0, Some(0));

    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"event\":\"lost\"", "it was dead when it came"]);
}
