//! A hook holds nothing up and ends, whatever it does.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use session_keepalive::daemon::clock;
use session_keepalive::sim::Fate;

use super::super::super::support::hook::{descendants, hook, recorder, runs, told};
use super::super::super::support::keepalive::Keepalive;
use super::super::super::support::simulation::Simulation;
use super::super::{one_session, seconds, session};
use super::{debug, ran};

/// Waits for the end of a process that was killed, which on a busy machine takes a moment.
fn wait_for_end(daemon: &mut Keepalive, pid: &str) {
    let killed_at = clock::now();
    while runs(pid) {
        assert!(clock::now().since(killed_at) < seconds(5), "{pid} runs");
        daemon.listen_for(Duration::from_millis(20));
    }
}

/// How often a hook failed, and of how much it was not told.
fn failed_and_dropped(daemon: &Keepalive, hook: &str) -> (u64, u64) {
    let failed = daemon.count(&["hook_failed", &format!("\"hook\":\"{hook}\"")]);
    let dropped = daemon
        .said
        .iter()
        .filter(|line| line.contains(&format!("hook {hook} has caught up")));
    let dropped = dropped.map(|line| serde_json::from_str(line).unwrap());
    let dropped = dropped.map(|line: serde_json::Value| line["dropped"].as_u64().unwrap());
    (failed as u64, dropped.sum())
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
    daemon.wait_for(&["\"state\":\"held\"", "steady"]);
    // Nobody knows their tokens: all are lost at once.
    for number in 0..SESSIONS {
        folder.write(&format!("lost{number}"), &format!("unknown{number}"));
        config += &session(&format!("lost{number}"), "");
    }
    folder.write("config.toml", &config);
    daemon.signal(Signal::HUP);
    for _ in 0..SESSIONS {
        daemon.wait_for(&["\"event\":\"lost\""]);
    }
    // From here on the hooks are all that could delay a touch.
    let began = clock::now();
    let (mut most, mut longest) = (0, Duration::ZERO);
    while clock::now().since(began) < seconds(15) {
        daemon.listen_for(Duration::from_millis(100));
        most = most.max(descendants(daemon.pid()));
        let touched_at = simulation.record("steady").last_reset_at;
        longest = longest.max(clock::now().since(touched_at.max(began)));
    }
    println!("at most {most} processes at once, at most {longest:?} without a touch");
    // Three shells and what each of them started.
    assert!((2..=6).contains(&most), "{most}");
    // A touch is due after half of the idle timeout.
    assert!(longest < seconds(8), "{longest:?}");
    assert!(simulation.record("steady").fate.is_living());
    for name in ["fail", "flood"] {
        let (failed, dropped) = failed_and_dropped(&daemon, name);
        println!("{name}: {failed} runs, {dropped} dropped");
        assert!(failed >= 64, "{failed}");
        assert_eq!(failed + dropped, SESSIONS as u64);
    }
    assert!(daemon.count(&["hook fail", "exit status: 3", "it wrote: oh no"]) >= 64);
    assert!(daemon.count(&["hook flood", "(closed after 1 MiB)"]) >= 64);
    assert!(daemon.count(&["hook hang", "did not end within 2 s and was ended"]) >= 5);
    assert_eq!(daemon.count(&["hook hang", "64 events wait"]), 1);
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
    let line = daemon.wait_for(&["hook_failed", "did not end within 1 s"]);
    assert!(line.contains("\"level\":\"WARN\""), "{line}");
    for who in ["child", "parent"] {
        let pid = fs::read_to_string(folder.path(who)).unwrap();
        println!("{who} {pid}");
        wait_for_end(&mut daemon, &pid);
    }
    assert_eq!(descendants(daemon.pid()), 0);
}

#[test]
fn what_a_hook_leaves_behind_ends_with_it() {
    let simulation = Simulation::new(seconds(600));
    let (folder, config) = one_session(&simulation, "kiosk");
    simulation.server().revoke("kiosk", clock::now());
    let script = "sleep 600 & echo $! >\"$1/child\"";
    let config = debug(&config) + &hook(&folder, "leaves", &["lost"], script, "");
    let mut daemon = folder.run(&config);
    ran(&mut daemon, "lost");
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
    daemon.wait_for(&["\"state\":\"held\"", "kiosk"]);
    while !folder.path("hangs").exists() {
        daemon.listen_for(Duration::from_millis(20));
    }
    let began = clock::now();
    let (code, took) = daemon.stop();
    assert_eq!(code, Some(0), "{}", daemon.said.join("\n"));
    let Fate::Revoked(revoked_at) = simulation.record("kiosk").fate else {
        panic!("not revoked: {}", daemon.said.join("\n"));
    };
    let revoked_after = revoked_at.since(began);
    println!("revoked after {revoked_after:?}, stopped after {took:?}");
    assert!(revoked_after < seconds(1), "{revoked_after:?}");
    assert!(took > seconds(2) && took < seconds(4), "{took:?}");
    assert_eq!(told(&folder)[0].variable("SESSION"), "kiosk");
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
    daemon.wait_for(&["\"state\":\"held\""]);
    let (code, took) = daemon.stop();
    assert_eq!(code, Some(0));
    assert!(took < seconds(2), "{took:?}");
    assert_eq!(told(&folder).len(), 1);
}
