//! Tests of pools: directories each of whose files is a session.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use rustix::process::Signal;
use session_keepalive::sim::{ApiOperation, Fate};

use super::super::support::keepalive::{Folder, Keepalive, now, text};
use super::super::support::simulation::Simulation;
use super::super::support::volume::Volume;
use super::{head, seconds, session};

/// Creates a folder with these directories.
fn folder(directories: &[&str]) -> Folder {
    let folder = Folder::new();
    for directory in directories {
        fs::create_dir(folder.path(directory)).unwrap();
    }
    folder
}

/// Creates files in a directory, each of which holds the token of its name.
fn files(folder: &Folder, simulation: &Simulation, directory: &str, names: &[&str]) {
    for name in names {
        simulation.token(name);
        folder.write(&format!("{directory}/{name}"), name);
    }
}

fn pool(folder: &Folder, directory: &str, more: &str) -> String {
    let path = folder.path(directory);
    format!(
        "[pools.{directory}]\ntoken_dir = \"{}\"\n{more}\n",
        text(&path)
    )
}

fn wait_until_alive(daemon: &mut Keepalive, names: &[&str]) {
    for name in names {
        let session = format!("\"session\":\"{name}\"");
        let is_alive =
            |line: &String| line.contains("\"state\":\"alive\"") && line.contains(&session);
        if !daemon.log.iter().any(is_alive) {
            daemon.wait_for(&["\"state\":\"alive\"", &session]);
        }
    }
}

fn is_revoked(simulation: &Simulation, token: &str) -> bool {
    matches!(simulation.record(token).fate, Fate::Revoked(_))
}

#[test]
fn files_come_change_and_go_while_the_daemon_runs() {
    let simulation = Simulation::new(seconds(600));
    let folder = folder(&["agents", "kiosks"]);
    files(&folder, &simulation, "agents", &["alice", "bob"]);
    files(&folder, &simulation, "kiosks", &["lobby", "hall"]);
    let config = head(&simulation)
        + &pool(&folder, "agents", "")
        + &pool(&folder, "kiosks", "on_removal = \"revoke\"");
    let mut daemon = folder.run(&config);
    let started = daemon.wait_for(&["\"event\":\"started\""]);
    assert!(started.contains("\"kept\":4"), "{started}");
    wait_until_alive(&mut daemon, &["alice", "bob", "lobby", "hall"]);

    let began = now();
    files(&folder, &simulation, "agents", &["carol"]);
    wait_until_alive(&mut daemon, &["carol"]);
    let took = now() - began;
    assert!(took < seconds(2), "{took:?}");

    simulation.token("another");
    folder.write("agents/alice", "another");
    daemon.wait_for(&["\"state\":\"alive\"", "alice", "\"generation\":2"]);

    let began = now();
    fs::remove_file(folder.path("agents/bob")).unwrap();
    fs::remove_file(folder.path("kiosks/hall")).unwrap();
    daemon.wait_for(&["\"event\":\"revoked\"", "\"session\":\"hall\""]);
    let took = now() - began;
    assert!(seconds(10) <= took && took < seconds(13), "{took:?}");
    daemon.listen_for(Duration::from_millis(500));
    assert_eq!(
        daemon.count(&["\"event\":\"left\"", "\"session\":\"bob\""]),
        1
    );
    assert_eq!(daemon.count(&["\"event\":\"file_gone\""]), 2);
    assert!(simulation.record("bob").fate.is_living());
    assert!(is_revoked(&simulation, "hall"));
    for token in ["another", "carol", "lobby"] {
        assert!(simulation.record(token).fate.is_living(), "{token}");
    }
    assert_eq!(daemon.stop().0, Some(0));
    assert!(is_revoked(&simulation, "another") && is_revoked(&simulation, "lobby"));
    assert!(simulation.record("bob").fate.is_living());
}

#[test]
fn a_volume_that_is_swapped_is_followed_for_every_file() {
    let simulation = Simulation::new(seconds(600));
    let folder = folder(&["agents", "agents/..1", "agents/..2"]);
    let names: Vec<String> = (0..20).map(|number| format!("agent-{number}")).collect();
    for name in &names {
        for version in ["..1", "..2"] {
            let token = format!("{name}-of-{version}");
            simulation.token(&token);
            folder.write(&format!("agents/{version}/{name}"), &token);
        }
        symlink(
            format!("..data/{name}"),
            folder.path(&format!("agents/{name}")),
        )
        .unwrap();
    }
    symlink("..1", folder.path("agents/..data")).unwrap();
    let config = head(&simulation) + &pool(&folder, "agents", "on_removal = \"revoke\"");
    let mut daemon = folder.run(&config);
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    wait_until_alive(&mut daemon, &names);
    daemon.listen_for(seconds(2));
    symlink("..2", folder.path("agents/..data_tmp")).unwrap();
    let began = now();
    fs::rename(
        folder.path("agents/..data_tmp"),
        folder.path("agents/..data"),
    )
    .unwrap();
    fs::remove_dir_all(folder.path("agents/..1")).unwrap();
    while daemon.count(&["\"state\":\"alive\"", "\"generation\":2"]) < names.len() {
        daemon.wait_for(&["\"state\":\"alive\"", "\"generation\":2"]);
    }
    let took = now() - began;
    println!("{} tokens alive {took:?} after the swap", names.len());
    assert!(took < seconds(2), "{took:?}");
    assert_eq!(daemon.count(&["\"level\":\"WARN\""]), 0);
}

#[test]
fn a_directory_is_waited_for_and_nothing_goes_with_it() {
    let simulation = Simulation::new(seconds(6));
    let folder = folder(&[]);
    let config = head(&simulation) + &pool(&folder, "agents", "on_removal = \"revoke\"");
    let mut daemon = folder.run(&config);
    let line = daemon.wait_for(&["\"event\":\"pool_away\""]);
    assert!(
        line.contains("INFO") && line.contains("waiting for it"),
        "{line}"
    );
    fs::create_dir(folder.path("agents")).unwrap();
    files(&folder, &simulation, "agents", &["alice", "bob"]);
    daemon.wait_for(&["\"event\":\"pool_back\""]);
    wait_until_alive(&mut daemon, &["alice", "bob"]);

    fs::rename(folder.path("agents"), folder.path("away")).unwrap();
    let line = daemon.wait_for(&["\"event\":\"pool_away\""]);
    assert!(
        line.contains("WARN") && line.contains("2 sessions continue"),
        "{line}"
    );
    // This is longer than the delay before a removal counts, and than the idle timeout.
    daemon.listen_for(seconds(13));
    for token in ["alice", "bob"] {
        assert!(simulation.record(token).fate.is_living(), "{token}");
    }
    assert_eq!(
        daemon.count(&["file_gone"]) + daemon.count(&["source_gone"]),
        0
    );
    fs::rename(folder.path("away"), folder.path("agents")).unwrap();
    daemon.wait_for(&["\"event\":\"pool_back\""]);
    files(&folder, &simulation, "agents", &["carol"]);
    wait_until_alive(&mut daemon, &["carol"]);
    assert!(simulation.record("alice").fate.is_living());
}

#[test]
fn a_file_that_is_removed_and_written_again_or_renamed_revokes_nothing() {
    let simulation = Simulation::new(seconds(600));
    let folder = folder(&["agents"]);
    files(&folder, &simulation, "agents", &["alice", "bob", "carol"]);
    let config = head(&simulation) + &pool(&folder, "agents", "on_removal = \"revoke\"");
    let mut daemon = folder.run(&config);
    wait_until_alive(&mut daemon, &["alice", "bob", "carol"]);
    daemon.listen_for(seconds(2));
    simulation.token("another");
    for name in ["alice", "bob"] {
        fs::remove_file(folder.path(&format!("agents/{name}"))).unwrap();
    }
    fs::rename(folder.path("agents/carol"), folder.path("agents/dave")).unwrap();
    daemon.wait_for(&["\"event\":\"renamed\"", "\"session\":\"dave\""]);
    daemon.listen_for(seconds(4));
    folder.write("agents/alice", "another");
    folder.write("agents/bob", "bob");
    daemon.wait_for(&[
        "\"state\":\"alive\"",
        "\"session\":\"alice\"",
        "\"generation\":2",
    ]);
    daemon.listen_for(seconds(9));
    for token in ["alice", "bob", "carol", "another"] {
        assert!(simulation.record(token).fate.is_living(), "{token}");
    }
    assert_eq!(simulation.record("carol").calls(ApiOperation::PeekMe), 1);
    assert_eq!(
        daemon.count(&["\"level\":\"WARN\""]),
        0,
        "{}",
        daemon.log.join("\n")
    );
    daemon.signal(Signal::TERM);
    daemon.wait_for(&["\"session\":\"dave\"", "revoked"]);
}

#[test]
fn a_file_that_moves_to_another_pool_takes_its_token_along() {
    let simulation = Simulation::new(seconds(600));
    let folder = folder(&["agents", "kiosks"]);
    files(&folder, &simulation, "agents", &["alice"]);
    files(&folder, &simulation, "kiosks", &["lobby"]);
    let removal = "on_removal = \"revoke\"";
    let config =
        head(&simulation) + &pool(&folder, "agents", removal) + &pool(&folder, "kiosks", removal);
    let mut daemon = folder.run(&config);
    wait_until_alive(&mut daemon, &["alice", "lobby"]);
    let path = |directory: &str| folder.path(&format!("{directory}/alice"));
    fs::rename(path("agents"), path("kiosks")).unwrap();
    daemon.wait_for(&["\"event\":\"renamed\"", "\"session\":\"alice\""]);
    assert_eq!(simulation.record("alice").calls(ApiOperation::PeekMe), 1);
    fs::remove_file(path("kiosks")).unwrap();
    daemon.wait_for(&["\"event\":\"revoked\"", "\"session\":\"alice\""]);
    assert!(simulation.record("lobby").fate.is_living());
}

#[test]
fn pools_come_and_go_with_a_reload_and_disturb_nobody() {
    let simulation = Simulation::new(seconds(600));
    let folder = folder(&["agents", "kiosks", "crm"]);
    files(&folder, &simulation, "agents", &["alice"]);
    files(&folder, &simulation, "kiosks", &["lobby"]);
    files(&folder, &simulation, "crm", &["sync"]);
    simulation.token("stays");
    folder.write("stays", "stays");
    let rest = head(&simulation) + &session("stays", "");
    let mut daemon =
        folder.run(&(rest.clone() + &pool(&folder, "agents", "") + &pool(&folder, "crm", "")));
    wait_until_alive(&mut daemon, &["alice", "sync", "stays"]);
    daemon.listen_for(seconds(2));
    let calls = |name| simulation.record(name).calls_in_all();
    let before = (calls("stays"), calls("alice"));
    let config = rest
        + &pool(&folder, "agents", "verify_every = 3")
        + &pool(&folder, "kiosks", "intent = \"lapse\"");
    folder.write("config.toml", &config);
    daemon.signal(Signal::HUP);
    let line = daemon.wait_for(&["\"event\":\"reloaded\""]);
    assert!(
        line.contains("1 session added, 1 removed, 1 changed"),
        "{line}"
    );
    wait_until_alive(&mut daemon, &["lobby"]);
    daemon.listen_for(seconds(2));
    assert_eq!((calls("stays"), calls("alice")), before);
    assert!(is_revoked(&simulation, "sync"));
    // The remaining pools are still watched.
    files(&folder, &simulation, "agents", &["bob"]);
    wait_until_alive(&mut daemon, &["bob"]);
    assert_eq!(daemon.stop().0, Some(0));
    assert!(simulation.record("lobby").fate.is_living());
    assert!(is_revoked(&simulation, "alice") && is_revoked(&simulation, "bob"));
}

#[test]
fn nothing_in_a_directory_keeps_the_daemon_from_starting() {
    let simulation = Simulation::new(seconds(600));
    let folder = folder(&["agents", "agents/folder"]);
    files(&folder, &simulation, "agents", &["alice", "crm"]);
    simulation.token("crm of the configuration");
    for (name, content) in [
        ("agents/twin", "alice"),
        ("agents/empty", ""),
        ("agents/broken", "two words"),
        ("agents/Not A Name", "x"),
        ("agents/alice.tmp", "x"),
        ("agents/.hidden", "x"),
        ("crm", "own-token"),
    ] {
        folder.write(name, content);
    }
    simulation.token("own-token");
    symlink("nowhere", folder.path("agents/dangling")).unwrap();
    let config = head(&simulation) + &session("crm", "") + &pool(&folder, "agents", "");
    let mut daemon = folder.run(&config);
    wait_until_alive(&mut daemon, &["alice", "crm"]);
    daemon.listen_for(seconds(7));
    let log = daemon.log.join("\n");
    for parts in [
        ["\"event\":\"shared\"", "twin and alice have the same token"],
        ["no token could be read", "\"session\":\"empty\""],
        ["no token could be read", "\"session\":\"broken\""],
        ["\"event\":\"waiting\"", "\"session\":\"dangling\""],
        ["\"event\":\"pool_ignores\"", "`Not A Name`"],
        [
            "\"event\":\"pool_ignores\"",
            "another session has the same name: crm",
        ],
    ] {
        assert_eq!(daemon.count(&parts), 1, "{parts:?}:\n{log}");
    }
    for word in ["hidden", "alice.tmp", "folder"] {
        assert_eq!(daemon.count(&["agents", word]), 0, "{log}");
    }
    // The duplicate file gets its own token.
    files(&folder, &simulation, "agents", &["twin"]);
    wait_until_alive(&mut daemon, &["twin"]);
    assert_eq!(simulation.record("crm").calls_in_all(), 0);
}

#[test]
fn thousands_of_files_are_cared_for() {
    const FILES: usize = 2000;
    let simulation = Simulation::new(seconds(600));
    let folder = folder(&["agents"]);
    let names: Vec<String> = (0..FILES).map(|number| format!("agent-{number}")).collect();
    let half = FILES / 2;
    let write = |names: &[String]| {
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        files(&folder, &simulation, "agents", &names);
    };
    write(&names[..half]);
    let config = head(&simulation) + &pool(&folder, "agents", "intent = \"lapse\"");
    let mut daemon = folder.run(&config);
    let started = daemon.wait_for(&["\"event\":\"started\""]);
    assert!(started.contains("\"lapsing\":1000"), "{started}");
    let live = ["\"state\":\"alive\""];
    while daemon.count(&live) < half {
        daemon.wait_for(&live);
    }
    write(&names[half..]);
    while daemon.count(&live) < FILES {
        daemon.wait_for(&live);
    }
    assert_eq!(daemon.count(&["\"level\":\"WARN\""]), 0);
    assert_eq!(daemon.stop().0, Some(0));
}

#[test]
fn a_pool_that_gets_another_name_while_its_directory_is_away_revokes_nothing() {
    let simulation = Simulation::new(seconds(600));
    let folder = folder(&["agents"]);
    files(&folder, &simulation, "agents", &["alice"]);
    let config = head(&simulation) + &pool(&folder, "agents", "");
    let mut daemon = folder.run(&config);
    wait_until_alive(&mut daemon, &["alice"]);
    fs::rename(folder.path("agents"), folder.path("away")).unwrap();
    daemon.wait_for(&["\"event\":\"pool_away\""]);
    folder.write(
        "config.toml",
        &config.replace("[pools.agents]", "[pools.crew]"),
    );
    daemon.signal(Signal::HUP);
    daemon.wait_for(&["\"event\":\"reloaded\""]);
    daemon.listen_for(seconds(1));
    assert!(simulation.record("alice").fate.is_living());
    fs::rename(folder.path("away"), folder.path("agents")).unwrap();
    wait_until_alive(&mut daemon, &["alice"]);
}

#[test]
fn a_volume_that_is_mounted_over_a_directory_is_watched() {
    let simulation = Simulation::new(seconds(600));
    let folder = folder(&["agents"]);
    files(&folder, &simulation, "agents", &["alice"]);
    let mut daemon = folder.run(&(head(&simulation) + &pool(&folder, "agents", "")));
    wait_until_alive(&mut daemon, &["alice"]);
    let Some(_volume) = Volume::over(&folder.path("agents")) else {
        return;
    };
    let write = |name: &str| {
        simulation.token(name);
        fs::write(folder.path("agents").join(name), name).unwrap();
    };
    // No event tells of the volume: it is noticed when the directory is listed, once a minute.
    write("bob");
    for _ in 0..90 {
        if simulation.record("bob").calls(ApiOperation::GetMe) > 0 {
            break;
        }
        daemon.listen_for(seconds(1));
    }
    wait_until_alive(&mut daemon, &["bob"]);
    // This one is noticed by an event: the next listing comes later than the test waits.
    write("carol");
    wait_until_alive(&mut daemon, &["carol"]);
}
