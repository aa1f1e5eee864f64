//! Tests of token sources, and of changes of tokens.

use std::fs;
use std::os::unix::fs::symlink;

use session_keepalive::sim::{ApiOperation, Fate};
use session_keepalive::sys::clock;

use super::super::support::keepalive::{Folder, Keepalive, now, text};
use super::super::support::simulation::Simulation;
use super::{head, one_session, seconds, session};

#[test]
fn a_token_that_is_dead_at_the_start_is_left_alone_until_its_file_is_replaced() {
    let simulation = Simulation::new(seconds(60));
    let (folder, config) = one_session(&simulation, "kiosk");
    simulation.server().revoke("kiosk", clock::now());
    let mut daemon = folder.run(&config);
    let line = daemon.wait_for(&["lost", "kiosk"]);
    assert!(line.contains("\"level\":\"WARN\""), "{line}");
    daemon.listen_for(seconds(30));
    let requests = simulation.record("kiosk").calls_in_all();
    println!("{requests} requests with a dead token");
    assert!(requests <= 5);

    simulation.token("another");
    let began = now();
    folder.write("kiosk", "another");
    daemon.wait_for(&["\"state\":\"alive\""]);
    let took = now() - began;
    println!("alive {took:?} after the file was replaced");
    assert!(took < seconds(2), "{took:?}");
}

#[test]
fn a_token_that_comes_later_is_waited_for_and_one_that_is_replaced_is_taken_on() {
    let simulation = Simulation::new(seconds(60));
    for token in ["first", "second"] {
        simulation.token(token);
    }
    let folder = Folder::new();
    let mut daemon = folder.run(&(head(&simulation) + &session("kiosk", "")));
    daemon.wait_for(&["waiting", "kiosk"]);
    folder.write("kiosk", "first\n");
    daemon.wait_for(&["\"state\":\"alive\""]);
    folder.write("kiosk", "second");
    daemon.wait_for(&["\"state\":\"alive\"", "\"generation\":2"]);
    assert_eq!(daemon.stop().0, Some(0));
    assert!(
        simulation.record("first").fate.is_living(),
        "the old token is its owner's"
    );
    assert!(matches!(simulation.record("second").fate, Fate::Revoked(_)));
}

#[test]
fn a_newer_token_that_is_no_good_leaves_the_old_one_alive() {
    let simulation = Simulation::new(seconds(6));
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\""]);
    folder.write("kiosk", "nobody-knows-this");
    daemon.wait_for(&["\"level\":\"WARN\"", "kiosk"]);
    fs::remove_file(folder.path("kiosk")).unwrap();
    daemon.listen_for(seconds(8));
    assert!(
        simulation.record("kiosk").fate.is_living(),
        "{}",
        daemon.log.join("\n")
    );
}

#[test]
fn a_volume_as_kubernetes_swaps_it_is_followed() {
    let simulation = Simulation::new(seconds(60));
    let folder = Folder::new();
    for (version, token) in [("..1", "first"), ("..2", "second")] {
        simulation.token(token);
        fs::create_dir(folder.path(version)).unwrap();
        folder.write(&format!("{version}/kiosk"), token);
    }
    symlink("..1", folder.path("..data")).unwrap();
    symlink("..data/kiosk", folder.path("kiosk")).unwrap();
    let mut daemon = folder.run(&(head(&simulation) + &session("kiosk", "")));
    daemon.wait_for(&["\"state\":\"alive\""]);
    daemon.listen_for(seconds(2));
    symlink("..2", folder.path("..new")).unwrap();
    let began = now();
    fs::rename(folder.path("..new"), folder.path("..data")).unwrap();
    daemon.wait_for(&["\"state\":\"alive\"", "\"generation\":2"]);
    let took = now() - began;
    println!("alive {took:?} after the swap");
    assert!(took < seconds(2), "{took:?}");
}

#[test]
fn a_command_is_run_again_when_its_token_died() {
    let simulation = Simulation::new(seconds(60));
    for token in ["minted-1", "minted-2"] {
        simulation.token(token);
    }
    let folder = Folder::new();
    let script = folder.program(
        "mint",
        "#!/bin/sh\ncd \"$(dirname \"$0\")\" || exit 1\necho x >>runs\necho \"minted-$(grep -c x runs)\"\n",
    );
    let config = head(&simulation)
        + &format!(
            "[sessions.kiosk]\ntoken = {{ command = [\"{}\"] }}\nmargin = \"90%\"\n",
            text(&script)
        );
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\""]);
    simulation.server().revoke("minted-1", clock::now());
    daemon.wait_for(&["\"state\":\"lost\""]);
    daemon.wait_for(&["\"state\":\"alive\"", "\"generation\":2"]);
    assert_eq!(fs::read_to_string(folder.path("runs")).unwrap(), "x\nx\n");
}

/// Returns the part of a configuration about a session whose token a program prints.
fn command_session(name: &str, words: &[&str]) -> String {
    format!("[sessions.{name}]\ntoken = {{ command = {words:?} }}\n")
}

#[test]
fn commands_that_hang_do_not_keep_the_others_waiting_until_they_are_ended() {
    let simulation = Simulation::new(seconds(600));
    simulation.token("healthy");
    let hanging = (0..30).map(|number| {
        let name = format!("hangs-{number}");
        command_session(&name, &["/bin/sleep", "600"])
    });
    let config = head(&simulation)
        + &hanging.collect::<String>()
        + &command_session("works", &["/bin/echo", "healthy"]);
    let folder = Folder::new();
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"event\":\"alive\"", "works"]);
    assert_eq!(daemon.count(&["source_failed"]), 0);
}

#[test]
fn a_corrected_command_runs_at_once_though_the_earlier_one_still_hangs() {
    let simulation = Simulation::new(seconds(600));
    simulation.token("kiosk");
    let folder = Folder::new();
    let hangs = ["/bin/sh", "-c", "echo >begun; exec sleep 600"];
    let mut daemon = folder.run(&(head(&simulation) + &command_session("kiosk", &hangs)));
    while !folder.path("begun").exists() {
        daemon.listen_for(std::time::Duration::from_millis(20));
    }
    let corrected = command_session("kiosk", &["/bin/echo", "kiosk"]);
    folder.write("config.toml", &(head(&simulation) + &corrected));
    daemon.signal(rustix::process::Signal::HUP);
    daemon.wait_for(&["\"event\":\"alive\"", "kiosk"]);
    assert_eq!(daemon.count(&["source_failed"]), 0);
}

#[test]
fn programs_that_print_tokens_take_turns() {
    let simulation = Simulation::new(seconds(600));
    let folder = Folder::new();
    let sessions = (0..20).map(|number| {
        let token = format!("minted-{number}");
        simulation.token(&token);
        let script = format!("echo begin >>runs; sleep 0.4; echo end >>runs; echo {token}");
        let command = format!("[\"/bin/sh\", \"-c\", \"{script}\"]");
        format!("[sessions.kiosk-{number}]\ntoken = {{ command = {command} }}\n")
    });
    let config = head(&simulation) + &sessions.collect::<String>();
    let mut daemon = folder.run(&config);
    for _ in 0..20 {
        daemon.wait_for(&["\"event\":\"alive\""]);
    }
    let (mut running, mut most) = (0, 0);
    for line in fs::read_to_string(folder.path("runs")).unwrap().lines() {
        running = if line == "begin" {
            running + 1
        } else {
            running - 1
        };
        most = most.max(running);
    }
    // More than 8 may run on a machine so busy that each takes longer than a second.
    println!("{most} programs at a time");
    assert!((2..=20).contains(&most), "{most}");
}

#[test]
fn credentials_and_variables_are_read() {
    let simulation = Simulation::new(seconds(60));
    for token in ["from-credential", "from-variable"] {
        simulation.token(token);
    }
    let folder = Folder::new();
    folder.write("wallboard", "from-credential");
    let config = head(&simulation)
        + "[sessions.credential]\ntoken = { credential = \"wallboard\" }\n"
        + "[sessions.variable]\ntoken = { env = \"THE_TOKEN\" }\n";
    folder.write("config.toml", &config);
    let mut command = folder.command(&["run", "--config", "config.toml"]);
    command
        .env("CREDENTIALS_DIRECTORY", folder.path(""))
        .env("THE_TOKEN", "from-variable");
    let mut daemon = Keepalive::start(command);
    daemon.wait_for(&["\"state\":\"alive\""]);
    daemon.wait_for(&["\"state\":\"alive\""]);
    assert_eq!(
        simulation
            .record("from-credential")
            .calls(ApiOperation::PeekMe),
        1
    );
    assert_eq!(
        simulation
            .record("from-variable")
            .calls(ApiOperation::PeekMe),
        1
    );
}

#[test]
fn a_sidecar_needs_no_file() {
    let simulation = Simulation::new(seconds(60));
    simulation.token("abc");
    let folder = Folder::new();
    folder.write("token", "abc");
    let mut daemon = Keepalive::start(folder.command(&[
        "run",
        "--api",
        &simulation.base(),
        "--token-file",
        "token",
    ]));
    daemon.wait_for(&["alive and kept"]);
    assert_eq!(daemon.stop().0, Some(0));
    assert!(matches!(simulation.record("abc").fate, Fate::Revoked(_)));
}
