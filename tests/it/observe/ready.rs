//! Tests of readiness: not before the proof, not past the margin, and back after an outage.

use std::time::Duration;

use session_keepalive::sys::clock;

use super::super::support::ask::{HttpAnswer, get};
use super::super::support::keepalive::{Folder, now};
use super::super::support::simulation::Simulation;
use super::{address, head, seconds, session};

/// Requests until the predicate holds, and returns the time that it took.
fn until(
    what: &str,
    request: impl Fn() -> HttpAnswer,
    predicate: impl Fn(&HttpAnswer) -> bool,
) -> Duration {
    let began = now();
    loop {
        let answer = request();
        if predicate(&answer) {
            return now() - began;
        }
        assert!(now() - began < seconds(30), "never {what}: {}", answer.body);
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn cut_off_it_is_not_ready_before_the_deadline_and_ready_again_by_itself() {
    let mut simulation = Simulation::new(seconds(8));
    let folder = Folder::new();
    simulation.token("wallboard");
    folder.write("wallboard", "wallboard");
    let mut keepalive = folder.run(&(head(&simulation) + &session("wallboard", "")));
    let address = address(&mut keepalive);
    let ready = || get(address, "/readyz?verbose");
    until("ready", ready, |answer| answer.status == 200);
    simulation.down();
    let cut_off = now();
    until("not ready", ready, |answer| answer.status == 503);
    let report = get(address, "/status").json();
    let left = report["sessions"][0]["alive"]["deadline"]["in_seconds"]
        .as_f64()
        .unwrap();
    let unready_after = now() - cut_off;
    assert!(left > 0.5, "not ready only {left}s before the deadline");
    assert_eq!(
        get(address, "/livez").status,
        200,
        "a server that is away is no reason to restart"
    );
    simulation.up();
    let back_after = until("ready again", ready, |answer| answer.status == 200);
    println!(
        "not ready {:.1} s after the server was cut off and {left:.1} s before the deadline, ready {:.1} s after it was back",
        unready_after.as_secs_f64(),
        back_after.as_secs_f64()
    );
    assert!(simulation.record("wallboard").fate.is_living());
}

#[test]
fn a_token_that_is_not_there_yet_is_waited_for_and_a_lost_one_is_not_ready() {
    let simulation = Simulation::new(seconds(6));
    let folder = Folder::new();
    simulation.token("late");
    let mut keepalive = folder.run(&(head(&simulation) + &session("late", "")));
    let address = address(&mut keepalive);
    let absent = get(address, "/readyz/late");
    assert_eq!(absent.status, 503);
    assert!(
        absent.body.starts_with("[-] late absent: "),
        "{}",
        absent.body
    );
    assert!(absent.body.contains("does not exist"), "{}", absent.body);
    folder.write("late", "late");
    until(
        "ready",
        || get(address, "/readyz"),
        |answer| answer.status == 200,
    );
    simulation.server().revoke("late", clock::now());
    let late = || get(address, "/readyz/late");
    until("lost", late, |answer| {
        answer.body.contains("late lost: refused ")
    });
    assert_eq!(late().status, 503);
    simulation.token("newer");
    folder.write("late", "newer");
    until(
        "ready again",
        || get(address, "/readyz"),
        |answer| answer.status == 200,
    );
}
