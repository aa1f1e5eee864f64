//! Tests of the limits of hooks: whatever a hook does, it ends and never delays the daemon.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use session_keepalive::sim::Fate;
use session_keepalive::sys::clock;

use super::super::super::support::hook::{descendants, hook, hook_runs, recorder, runs};
use super::super::super::support::keepalive::{Folder, Keepalive};
use super::super::super::support::simulation::Simulation;
use super::super::{head, one_session, seconds, session};
use super::{debug, wait_for_hook};

/// Waits for the end of a killed process, which takes a moment on a busy machine.
fn wait_for_end(daemon: &mut Keepalive, pid: &str) {
    let killed_at = clock::now();
    while runs(pid) {
        assert!(clock::now().since(killed_at) < seconds(5), "{pid} runs");
        daemon.listen_for(Duration::from_millis(20));
    }
}

/// Returns the number of failed runs of a hook, and of the sessions that they were for.
fn failed_runs_and_sessions(daemon: &Keepalive, hook: &str) -> (u64, u64) {
    let of_hook = format!("\"hook\":\"{hook}\"");
    let failed = daemon.log.iter();
    let failed = failed.filter(|line| line.contains("hook_failed") && line.contains(&of_hook));
    let failed = failed.map(|line| serde_json::from_str(line).unwrap());
    failed.fold((0, 0), |(runs, sessions), line: serde_json::Value| {
        (runs + 1, sessions + line["sessions"].as_u64().unwrap())
    })
}

#[test]
fn hooks_that_hang_fail_or_flood_delay_no_touch_and_do_not_pile_up() {
    const SESSIONS: usize = 1000;
    let simulation = Simulation::new(seconds(12));
    let (folder, config) = one_session(&simulation, "steady");
    let on = ["lost"];
    let flood = "head -c 8M /dev/zero; exec cat /dev/zero >&2";
    let mut config = config
        + &hook(&folder, "hang", &on, "sleep 600", "timeout = \"2s\"")
        + &hook(&folder, "fail", &on, "echo no; echo oh no >&2; exit 3", "")
        + &hook(&folder, "flood", &on, flood, "");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\"", "steady"]);
    // The server does not know their tokens, so all sessions are lost at once.
    for number in 0..SESSIONS {
        folder.write(&format!("lost{number}"), &format!("unknown{number}"));
        config += &session(&format!("lost{number}"), "");
    }
    folder.write("config.toml", &config);
    daemon.signal(Signal::HUP);
    for _ in 0..SESSIONS {
        daemon.wait_for(&["\"event\":\"lost\""]);
    }
    // Only the hooks could delay a touch in this period.
    let began = clock::now();
    let (mut most, mut longest) = (0, Duration::ZERO);
    while clock::now().since(began) < seconds(15) {
        daemon.listen_for(Duration::from_millis(100));
        most = most.max(descendants(daemon.pid()));
        let touched_at = simulation.record("steady").last_reset_at;
        longest = longest.max(clock::now().since(touched_at.max(began)));
    }
    println!("at most {most} processes at once, at most {longest:?} without a touch");
    // Each of the three shells may have started one program.
    assert!((2..=6).contains(&most), "{most}");
    // A touch is due after half of the idle timeout.
    assert!(longest < seconds(8), "{longest:?}");
    assert!(simulation.record("steady").fate.is_living());
    for name in ["fail", "flood"] {
        let (failed, sessions) = failed_runs_and_sessions(&daemon, name);
        println!("{name}: {failed} runs for {sessions} sessions");
        assert!(failed >= 64, "{failed}");
        assert_eq!(sessions, SESSIONS as u64, "nothing is dropped");
    }
    assert!(daemon.count(&["hook fail", "exit status: 3", "it wrote: oh no"]) >= 64);
    assert!(daemon.count(&["hook flood", "(closed after 1 MiB)"]) >= 64);
    assert!(daemon.count(&["hook hang", "did not end within 2s and was ended"]) >= 5);
    let (code, took) = daemon.stop();
    assert_eq!(code, Some(0));
    assert!(took < seconds(11), "{took:?}");
}

#[test]
fn at_its_time_limit_a_hook_is_ended_with_its_children() {
    let simulation = Simulation::new(seconds(600));
    let (folder, config) = one_session(&simulation, "kiosk");
    simulation.server().revoke("kiosk", clock::now());
    let script = "trap '' TERM; (echo $$ >\"$1/child\"; exec sleep 600) & echo $! >\"$1/child\"; \
                  echo $$ >\"$1/parent\"; wait; wait; while :; do sleep 1; done";
    let config = config + &hook(&folder, "stubborn", &["lost"], script, "timeout = \"1s\"");
    let mut daemon = folder.run(&config);
    let line = daemon.wait_for(&["hook_failed", "did not end within 1s"]);
    assert!(line.contains("\"level\":\"WARN\""), "{line}");
    for process in ["child", "parent"] {
        let pid = fs::read_to_string(folder.path(process)).unwrap();
        println!("{process} {pid}");
        wait_for_end(&mut daemon, &pid);
    }
    // A killed process remains a child of the daemon until the daemon reaps it.
    let killed_at = clock::now();
    while descendants(daemon.pid()) > 0 {
        assert!(clock::now().since(killed_at) < seconds(30));
        daemon.listen_for(Duration::from_millis(20));
    }
}

#[test]
fn what_a_hook_leaves_behind_ends_with_it() {
    let simulation = Simulation::new(seconds(600));
    let (folder, config) = one_session(&simulation, "kiosk");
    simulation.server().revoke("kiosk", clock::now());
    let script = "sleep 600 & echo $! >\"$1/child\"";
    let config = debug(&config) + &hook(&folder, "leaves", &["lost"], script, "");
    let mut daemon = folder.run(&config);
    wait_for_hook(&mut daemon, "lost");
    wait_for_end(
        &mut daemon,
        &fs::read_to_string(folder.path("child")).unwrap(),
    );
}

#[test]
fn a_stop_revokes_at_once_runs_what_is_due_and_ends_what_hangs_within_the_grace() {
    let simulation = Simulation::new(seconds(600));
    let (folder, config) = one_session(&simulation, "kiosk");
    folder.write("lost", "unknown");
    let hang = "echo $$ >\"$1/pid\"; echo $1 >\"$1/hangs\"; exec sleep 600";
    let config = config
        + &session("lost", "")
        + "[shutdown]\ngrace = \"3s\"\n"
        + &hook(&folder, "hang", &["lost", "revoked"], hang, "")
        + &recorder(&folder, &["revoked"], "");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\"", "kiosk"]);
    while !folder.path("hangs").exists() {
        daemon.listen_for(Duration::from_millis(20));
    }
    let began = clock::now();
    let (code, took) = daemon.stop();
    assert_eq!(code, Some(0), "{}", daemon.log.join("\n"));
    let Fate::Revoked(revoked_at) = simulation.record("kiosk").fate else {
        panic!("not revoked: {}", daemon.log.join("\n"));
    };
    let revoked_after = revoked_at.since(began);
    println!("revoked after {revoked_after:?}, stopped after {took:?}");
    assert!(revoked_after < seconds(1), "{revoked_after:?}");
    // The hook that hangs may use the whole grace.
    assert!(took >= seconds(3), "{took:?}");
    assert_eq!(hook_runs(&folder)[0].variable("SESSION"), "kiosk");
    assert_eq!(
        daemon.count(&["hook_failed", "hang", "the daemon stops"]),
        1
    );
    assert_eq!(daemon.count(&["hook_not_run", "hang", "\"dropped\":1"]), 1);
    wait_for_end(
        &mut daemon,
        &fs::read_to_string(folder.path("pid")).unwrap(),
    );
}

#[test]
fn a_stop_waits_for_a_hook_no_longer_than_the_hook_takes() {
    let simulation = Simulation::new(seconds(600));
    let (folder, config) = one_session(&simulation, "kiosk");
    let config = config + &recorder(&folder, &["revoked"], "");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\""]);
    let (code, took) = daemon.stop();
    assert_eq!(code, Some(0));
    assert!(took < seconds(2), "{took:?}");
    assert_eq!(hook_runs(&folder).len(), 1);
}

const HANGS: &str = "echo $SESSION_KEEPALIVE_HOOK >>\"$1/runs\"; [ -e \"$1/go\" ] || { echo >\"$1/hangs\"; \
                     while [ -d \"$1\" ] && [ ! -e \"$1/go\" ]; do sleep 0.05; done; }";

/// Creates three lost sessions, and returns the part of a configuration for them.
fn three_lost(folder: &Folder, simulation: &Simulation) -> String {
    let mut config = debug(&head(simulation));
    for name in ["one", "two", "three"] {
        folder.write(name, &format!("unknown {name}").replace(' ', "-"));
        config += &session(name, "");
    }
    config
}

/// Starts a daemon whose hook `before` hangs for one session while the events of two others wait.
/// Returns it with the configuration of the sessions and that of the hook.
fn hang_with_two_waiting(folder: &Folder, simulation: &Simulation) -> (Keepalive, String, String) {
    let config = three_lost(folder, simulation);
    let before = hook(folder, "before", &["lost"], HANGS, "");
    let mut daemon = folder.run(&(config.clone() + &before));
    for _ in 0..3 {
        daemon.wait_for(&["\"event\":\"lost\""]);
    }
    while !folder.path("hangs").exists() {
        daemon.listen_for(Duration::from_millis(20));
    }
    (daemon, config, before)
}

#[test]
fn events_that_wait_for_a_hook_go_to_the_hook_that_it_was_renamed_to() {
    let simulation = Simulation::new(seconds(600));
    let folder = Folder::new();
    let (mut daemon, config, before) = hang_with_two_waiting(&folder, &simulation);
    folder.write(
        "config.toml",
        &(config + &before.replace("[hooks.before]", "[hooks.after]")),
    );
    daemon.signal(Signal::HUP);
    daemon.wait_for(&["\"event\":\"reloaded\""]);
    folder.write("go", "");
    for _ in 0..3 {
        daemon.wait_for(&["hook_ran"]);
    }
    let mut runs: Vec<_> = fs::read_to_string(folder.path("runs"))
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    runs.sort();
    assert_eq!(runs, ["after", "after", "before"]);
}

#[test]
fn events_that_wait_for_a_hook_that_is_removed_are_counted_in_the_log() {
    let simulation = Simulation::new(seconds(600));
    let folder = Folder::new();
    let (mut daemon, config, _before) = hang_with_two_waiting(&folder, &simulation);
    folder.write("config.toml", &config);
    daemon.signal(Signal::HUP);
    let line = daemon.wait_for(&["hook_removed", "hook before"]);
    assert!(
        line.contains("\"dropped\":2") && line.contains("WARN"),
        "{line}"
    );
    folder.write("go", "");
}

#[test]
fn a_hook_that_provides_nothing_but_dead_tokens_runs_ever_more_seldom() {
    let simulation = Simulation::new(seconds(600));
    let (folder, config) = one_session(&simulation, "kiosk");
    folder.write("kiosk", "dead0");
    let script = "echo >>\"$1/runs\"; n=$(wc -l <\"$1/runs\"); (umask 077; echo dead$n >\"$1/new\"); mv \"$1/new\" \"$1/kiosk\"";
    let config = config + &hook(&folder, "mint", &["lost"], script, "");
    let mut daemon = folder.run(&config);
    let mut lost_at: Vec<jiff::Timestamp> = Vec::new();
    for _ in 0..4 {
        let line = daemon.wait_for(&["\"event\":\"lost\""]);
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        lost_at.push(line["timestamp"].as_str().unwrap().parse().unwrap());
    }
    // After the second loss the hook waits for 2 s and after the third for 4 s.
    let between = |from: usize| lost_at[from + 1].duration_since(lost_at[from]);
    assert!(between(1).as_millis() >= 1990, "{:?}", between(1));
    assert!(between(2).as_millis() >= 3990, "{:?}", between(2));
}
