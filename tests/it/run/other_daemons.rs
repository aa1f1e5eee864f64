//! Tests of two daemons on one machine with the same tokens.

use rustix::process::Signal;
use session_keepalive::sim::ApiOperation;

use super::super::support::keepalive::{Folder, Keepalive, now};
use super::super::support::simulation::Simulation;
use super::{head, one_session, seconds, session};

const LEAVE: &str = "on_shutdown = \"leave\"";

fn second(folder: &Folder, arguments: &[&str]) -> Keepalive {
    let arguments = [
        &["run", "--config", "config.toml", "--status-socket", "off"],
        arguments,
    ];
    Keepalive::start(folder.command(&arguments.concat()))
}

fn assert_logged(daemon: &Keepalive, parts: &[&str]) {
    assert_eq!(daemon.count(parts), 1, "{parts:?}: {:?}", daemon.log);
}

#[test]
fn a_second_daemon_with_the_same_tokens_does_not_start_where_one_would_revoke_them() {
    let simulation = Simulation::new(seconds(60));
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut first = folder.run(&config);
    first.wait_for(&["\"state\":\"alive\""]);
    let mut daemon = second(&folder, &[]);
    assert_eq!(daemon.wait().0.code(), Some(75), "{:?}", daemon.log);
    let pid = format!("pid {}", first.pid());
    assert_logged(
        &daemon,
        &[
            "\"event\":\"not_started\"",
            &pid,
            "config.toml",
            "session kiosk",
            "--force",
        ],
    );
    assert_eq!(simulation.record("kiosk").calls(ApiOperation::DeleteMe), 0);

    // It is sufficient that one of the two daemons would revoke the token.
    let other_folder = Folder::new();
    other_folder.write("wallboard", "kiosk");
    other_folder.write(
        "config.toml",
        &(head(&simulation) + &session("wallboard", LEAVE)),
    );
    let mut daemon = second(&other_folder, &[]);
    assert_eq!(daemon.wait().0.code(), Some(75), "{:?}", daemon.log);
    assert_logged(
        &daemon,
        &["session wallboard", "that daemon would revoke it"],
    );
    assert!(simulation.record("kiosk").fate.is_living());
}

#[test]
fn a_daemon_that_waits_for_another_says_so_and_has_not_started() {
    let simulation = Simulation::new(seconds(60));
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut first = folder.run(&config);
    first.wait_for(&["\"state\":\"alive\""]);
    let mut daemon = second(&folder, &[]);
    let pid = format!("pid {}", first.pid());
    daemon.wait_for(&["\"event\":\"waiting_for_daemon\"", &pid]);
    assert_eq!(daemon.wait().0.code(), Some(75), "{:?}", daemon.log);
    assert_eq!(daemon.count(&["waiting_for_daemon"]), 1, "{:?}", daemon.log);
    assert_eq!(daemon.count(&["\"event\":\"started\""]), 0);
}

#[test]
fn a_signal_to_stop_that_comes_while_the_start_waits_for_another_daemon_is_logged() {
    let simulation = Simulation::new(seconds(60));
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut first = folder.run(&config);
    first.wait_for(&["\"state\":\"alive\""]);
    for (signal, name) in [
        (Signal::TERM, "SIGTERM"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
    ] {
        let mut daemon = second(&folder, &[]);
        daemon.wait_for(&["\"event\":\"waiting_for_daemon\""]);
        daemon.signal(signal);
        daemon.wait_for(&["\"event\":\"stopped\"", name, "before the start"]);
        assert_eq!(daemon.wait().0.code(), Some(0), "{:?}", daemon.log);
        assert_eq!(daemon.count(&["\"event\":\"started\""]), 0);
    }
    let command = [
        "exec",
        "--config",
        "config.toml",
        "--status-socket",
        "off",
        "--",
        "true",
    ];
    let mut exec = Keepalive::start(folder.command(&command));
    exec.wait_for(&["\"event\":\"waiting_for_daemon\""]);
    exec.signal(Signal::TERM);
    exec.wait_for(&["\"event\":\"stopped\"", "SIGTERM", "before the start"]);
    assert_eq!(exec.wait().0.code(), Some(143), "{:?}", exec.log);
    assert!(simulation.record("kiosk").fate.is_living());
}

#[test]
fn two_daemons_that_leave_their_tokens_are_a_pair() {
    let simulation = Simulation::new(seconds(60));
    let folder = Folder::new();
    simulation.token("kiosk");
    folder.write("kiosk", "kiosk");
    let mut first = folder.run(&(head(&simulation) + &session("kiosk", LEAVE)));
    first.wait_for(&["\"state\":\"alive\""]);
    let mut daemon = second(&folder, &[]);
    daemon.wait_for(&["\"state\":\"alive\""]);
    assert_eq!(daemon.stop().0, Some(0));
    assert_eq!(first.stop().0, Some(0));
    assert!(simulation.record("kiosk").fate.is_living());
}

#[test]
fn a_daemon_that_is_forced_to_start_beside_another_never_revokes() {
    let simulation = Simulation::new(seconds(60));
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut first = folder.run(&config);
    first.wait_for(&["\"state\":\"alive\""]);
    let mut daemon = second(&folder, &["--force"]);
    daemon.wait_for(&[
        "\"event\":\"held_elsewhere\"",
        &format!("pid {}", first.pid()),
    ]);
    if daemon.count(&["\"state\":\"alive\""]) == 0 {
        daemon.wait_for(&["\"state\":\"alive\""]);
    }
    assert_eq!(daemon.stop().0, Some(0));
    assert!(simulation.record("kiosk").fate.is_living());
    assert_eq!(first.stop().0, Some(0));
    assert!(!simulation.record("kiosk").fate.is_living());
}

#[test]
fn a_hand_over_starts_while_the_old_daemon_ends() {
    let simulation = Simulation::new(seconds(60));
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut first = folder.run(&config);
    first.wait_for(&["\"state\":\"alive\""]);
    let mut daemon = second(&folder, &[]);
    first.signal(Signal::QUIT);
    daemon.wait_for(&["\"state\":\"alive\""]);
    assert_eq!(first.wait().0.code(), Some(0));
    assert!(simulation.record("kiosk").fate.is_living());
    assert_eq!(daemon.stop().0, Some(0));
    assert!(!simulation.record("kiosk").fate.is_living());
}

#[test]
fn a_token_that_turns_out_later_to_be_held_elsewhere_is_not_revoked() {
    let simulation = Simulation::new(seconds(60));
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut first = folder.run(&config);
    first.wait_for(&["\"state\":\"alive\""]);
    let other_folder = Folder::new();
    simulation.token("own");
    other_folder.write("wallboard", "own");
    let mut daemon = other_folder.run(&(head(&simulation) + &session("wallboard", "")));
    daemon.wait_for(&["\"state\":\"alive\""]);
    other_folder.write("wallboard", "kiosk");
    daemon.wait_for(&["\"event\":\"held_elsewhere\"", "wallboard", "session kiosk"]);
    if daemon.count(&["\"event\":\"replaced\""]) == 0 {
        daemon.wait_for(&["\"event\":\"replaced\""]);
    }
    assert_eq!(daemon.stop().0, Some(0));
    assert!(simulation.record("kiosk").fate.is_living());
    assert_eq!(simulation.record("kiosk").calls(ApiOperation::DeleteMe), 0);
}

fn pool_of_twelve(simulation: &Simulation, folder: &Folder) -> Vec<String> {
    let names: Vec<_> = (0..12).map(|number| format!("agent-{number}")).collect();
    std::fs::create_dir(folder.path("tokens")).unwrap();
    for name in &names {
        simulation.token(name);
        folder.write(&format!("tokens/{name}"), name);
    }
    names
}

fn pool(simulation: &Simulation, folder: &Folder, more: &str) -> String {
    let directory = folder.path("tokens");
    format!(
        "{}[defaults]\nmargin = \"90%\"\n[pools.agents]\ntoken_dir = \"{}\"\n{more}\n",
        head(simulation),
        directory.display()
    )
}

/// Waits until the simulation has seen another touch of each token.
fn wait_for_touches(simulation: &Simulation, names: &[String], witness: &mut Keepalive) {
    let touches = |name: &String| simulation.record(name).resets;
    let until = now() + seconds(120);
    let before: Vec<_> = names.iter().map(touches).collect();
    while names
        .iter()
        .zip(&before)
        .any(|(name, before)| touches(name) <= *before)
    {
        assert!(now() < until, "each is touched again");
        witness.listen_for(seconds(1));
    }
}

#[test]
fn of_two_daemons_with_the_same_tokens_one_may_be_killed_at_any_time() {
    let simulation = Simulation::new(seconds(60));
    let folder = Folder::new();
    let names = pool_of_twelve(&simulation, &folder);
    let mut first = folder.run(&pool(&simulation, &folder, LEAVE));
    let mut other = second(&folder, &[]);
    wait_for_touches(&simulation, &names, &mut other);
    first.signal(Signal::KILL);
    first.wait();
    wait_for_touches(&simulation, &names, &mut other);
    assert_eq!(other.stop().0, Some(0));
    for name in &names {
        assert!(simulation.record(name).fate.is_living(), "{name}");
        assert_eq!(simulation.record(name).calls(ApiOperation::DeleteMe), 0);
    }
}

#[test]
fn of_three_shards_with_two_copies_one_may_be_killed() {
    let simulation = Simulation::new(seconds(60));
    let folder = Folder::new();
    let names = pool_of_twelve(&simulation, &folder);
    let shards = "[shard]\ncount = 3\ncopies = 2";
    folder.write("config.toml", &pool(&simulation, &folder, shards));
    let mut daemons: Vec<_> = (0..3)
        .map(|index| {
            let arguments = ["run", "--config", "config.toml", "--status-socket", "off"];
            let mut command = folder.command(&arguments);
            command.env(
                "SESSION_KEEPALIVE_SHARD__INDEX",
                format!("keepalive-{index}"),
            );
            Keepalive::start(command)
        })
        .collect();
    for (index, daemon) in daemons.iter_mut().enumerate() {
        daemon.wait_for(&["\"event\":\"started\"", &format!("shard {index} of 0 to 2")]);
    }
    wait_for_touches(&simulation, &names, &mut daemons[0]);
    daemons[1].signal(Signal::KILL);
    daemons[1].wait();
    wait_for_touches(&simulation, &names, &mut daemons[0]);
    assert_eq!(daemons[0].stop().0, Some(0));
    assert_eq!(daemons[2].stop().0, Some(0));
    for name in &names {
        assert!(simulation.record(name).fate.is_living(), "{name}");
        assert_eq!(simulation.record(name).calls(ApiOperation::DeleteMe), 0);
    }
}

#[test]
fn a_reload_that_adds_shards_revokes_no_token_that_another_shard_owns() {
    let simulation = Simulation::new(seconds(60));
    let folder = Folder::new();
    let names = pool_of_twelve(&simulation, &folder);
    let mut daemon = folder.run(&pool(&simulation, &folder, ""));
    wait_for_touches(&simulation, &names, &mut daemon);
    let shard = "[shard]\nindex = \"0\"\ncount = 2";
    folder.write("config.toml", &pool(&simulation, &folder, shard));
    daemon.signal(Signal::HUP);
    daemon.wait_for(&["\"event\":\"reloaded\""]);
    assert_eq!(daemon.stop().0, Some(0));
    for name in &names {
        assert!(simulation.record(name).fate.is_living(), "{name}");
    }
}
