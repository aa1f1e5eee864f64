//! Tests of the cost of an idle daemon.

use std::fs;

use super::super::support::simulation::Simulation;
use super::{one_session, seconds};

/// Returns a number from a line of `/proc/PID/status`.
fn number(status: &str, key: &str) -> u64 {
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_living_session_wakes_the_daemon_fewer_than_10_times_a_minute() {
    let simulation = Simulation::new(seconds(900));
    let (folder, config) = one_session(&simulation, "kiosk");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\""]);
    daemon.listen_for(seconds(5));
    let path = format!("/proc/{}/status", daemon.pid());
    let before = number(
        &fs::read_to_string(&path).unwrap(),
        "voluntary_ctxt_switches",
    );
    daemon.listen_for(seconds(60));
    let status = fs::read_to_string(&path).unwrap();
    let wake_ups = number(&status, "voluntary_ctxt_switches") - before;
    let (resident, threads) = (number(&status, "VmRSS"), number(&status, "Threads"));
    println!("{wake_ups} wake-ups in 60s, {resident} kB resident, {threads} thread(s)");
    assert!(wake_ups < 10, "{wake_ups}");
    assert_eq!(threads, 1);
}
