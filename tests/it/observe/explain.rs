//! Tests of `explain` and `/status/NAME`, which show a session's history.

use std::process::{Output, Stdio};

use session_keepalive::sim::{ApiOperation, Matcher, Rule, RuleSpan, SimFault};
use session_keepalive::sys::clock;

use super::super::support::ask::{get, get_unix};
use super::super::support::keepalive::{Folder, Keepalive};
use super::super::support::simulation::Simulation;
use super::{address, head, seconds, session};

fn explain(folder: &Folder, arguments: &[&str]) -> (String, String, Option<i32>) {
    let mut command = folder.command(&[&["explain"], arguments].concat());
    let Output {
        status,
        stdout,
        stderr,
    } = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(stdout), text(stderr), status.code())
}

/// Returns the words of a page on one line, independent of its wrapping.
fn words(page: &str) -> String {
    page.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Asserts that a page or an error contains all these parts.
#[track_caller]
fn assert_contains(page: &str, parts: &[&str]) {
    let words = words(page);
    for part in parts {
        assert!(words.contains(part), "{part}:\n{page}");
    }
}

fn start(simulation: &Simulation, sessions: &[(&str, &str)]) -> (Folder, Keepalive) {
    let folder = Folder::new();
    let mut config = head(simulation).replace("[status]", "level = \"debug\"\n[status]");
    for (name, more) in sessions {
        simulation.token(name);
        folder.write(name, name);
        config += &session(name, more);
    }
    let keepalive = folder.run(&config);
    (folder, keepalive)
}

fn wait_for_answer(daemon: &mut Keepalive, session: &str, operation: &str, verdict: &str) {
    daemon.wait_for(&[
        "\"event\":\"answered\"",
        &format!("\"session\":\"{session}\""),
        &format!("\"operation\":\"{operation}\""),
        &format!("\"verdict\":\"{verdict}\""),
    ]);
}

fn inject_fault(simulation: &Simulation, calls: Matcher, times: u32, fault: SimFault) {
    simulation.server().script().push(Rule {
        calls,
        span: RuleSpan::Times(times),
        fault,
    });
}

#[test]
fn a_token_that_was_revoked_by_others_is_told_from_one_that_idled_out() {
    let simulation = Simulation::new(seconds(30));
    let (folder, mut daemon) = start(&simulation, &[("kiosk", "touch = \"head\"")]);
    wait_for_answer(&mut daemon, "kiosk", "touch_head", "accepted");
    wait_for_answer(&mut daemon, "kiosk", "peek", "alive");
    for operation in [ApiOperation::HeadMe, ApiOperation::GetMe] {
        inject_fault(
            &simulation,
            Matcher::operation(operation),
            1,
            SimFault::error(503, "no.capacity", "later"),
        );
    }
    wait_for_answer(&mut daemon, "kiosk", "touch_head", "unreachable");
    wait_for_answer(&mut daemon, "kiosk", "touch_head", "accepted");
    simulation.server().revoke("kiosk", clock::now());
    daemon.wait_for(&["\"event\":\"lost\""]);

    let (page, err, code) = explain(&folder, &["kiosk"]);
    assert_eq!((err.as_str(), code), ("", Some(0)), "{page}");
    assert_contains(
        &page,
        &[
            "session kiosk, to keep",
            "state lost: refused ",
            "after an accepted touch",
            "before its idle deadline",
            "revocation, eviction by an eleventh token",
            "support can look up the refusal by its correlation id ",
            "what to do check who revokes tokens",
            "a new token in file kiosk takes over at once",
            "generation 1, from file kiosk",
            "touches 2 by HEAD, the last ",
            "failed requests 2, the last ",
            "longest outage ",
            "touch by HEAD failed: the server failed with 503",
            "[correlation id ",
            "proven: a touch by HEAD moves the idle deadline",
            "was answered with 401",
            "token d99cff6f was lost",
        ],
    );
    assert!(
        page.lines().all(|line| line.chars().count() <= 80),
        "{page}"
    );
    assert!(!page.contains('\u{1b}'));
}

#[test]
fn a_token_that_lapsed_and_one_that_was_replaced_are_told_with_what_came_after() {
    let simulation = Simulation::new(seconds(3));
    let sessions = [
        ("crm", "intent = \"lapse\""),
        ("wallboard", "touch = \"head\""),
    ];
    let (folder, mut daemon) = start(&simulation, &sessions);
    wait_for_answer(&mut daemon, "wallboard", "touch_head", "accepted");
    simulation.token("newer");
    folder.write("wallboard", "newer");
    daemon.wait_for(&["\"event\":\"replaced\""]);
    daemon.wait_for(&["\"event\":\"lapsed\""]);
    wait_for_answer(&mut daemon, "wallboard", "touch_head", "accepted");

    let (page, _, code) = explain(&folder, &["crm"]);
    assert_eq!(code, Some(0));
    assert_contains(
        &page,
        &[
            "session crm, to lapse",
            "state lapsed: refused ",
            "as intended",
            "touches none",
            "answered: ",
        ],
    );
    assert!(!page.contains("more frequent touches"), "{page}");

    let (page, _, code) = explain(&folder, &["wallboard"]);
    assert_eq!(code, Some(0));
    assert_contains(
        &page,
        &[
            "state alive: ",
            "generation 2, from file wallboard",
            "before it ",
            "generation 1, first seen ",
            "replaced by a newer token while it lived, ",
            "was proven alive",
        ],
    );
}

#[test]
fn a_session_that_is_well_tells_the_outage_that_it_survived() {
    let mut simulation = Simulation::new(seconds(20));
    let (folder, mut daemon) = start(
        &simulation,
        &[("desk", "margin = \"80%\"\ntouch = \"head\"")],
    );
    wait_for_answer(&mut daemon, "desk", "touch_head", "accepted");
    simulation.down();
    wait_for_answer(&mut daemon, "desk", "touch_head", "unreachable");
    let (failing, _, _) = explain(&folder, &["desk"]);
    assert_contains(
        &failing,
        &[
            "no connection to the API",
            "what to do check the network and the proxy",
        ],
    );
    simulation.up();
    wait_for_answer(&mut daemon, "desk", "touch_head", "accepted");
    let (page, _, code) = explain(&folder, &["desk"]);
    assert_eq!(code, Some(0));
    assert_contains(
        &page,
        &[
            "state alive: ",
            "known no request has failed for ",
            "longest outage ",
            "closest touched ",
            "failed",
        ],
    );
    assert!(!page.contains("what to do"), "{page}");
}

#[test]
fn the_story_is_json_at_both_doors_and_goes_with_a_renamed_session() {
    let simulation = Simulation::new(seconds(3600));
    let (folder, mut daemon) = start(&simulation, &[("wallboard", "")]);
    let address = address(&mut daemon);
    daemon.wait_for(&["\"event\":\"alive\""]);
    let (printed, _, code) = explain(&folder, &["wallboard", "--json"]);
    assert_eq!(code, Some(0));
    let socket = folder.path("control.sock");
    let over_tcp = get(address, "/status/wallboard").json();
    for history in [
        serde_json::from_str(&printed).unwrap(),
        get_unix(&socket, "/status/wallboard").json(),
        over_tcp.clone(),
    ] {
        assert_eq!(history["version"], 1);
        assert_eq!(history["session"]["name"], "wallboard");
        assert_eq!(history["tokens"][0]["generation"], 1);
        assert_eq!(history["course"][0]["event"], "found");
    }
    for missing in ["/status/nobody", "/status/", "/status/a%20b"] {
        assert_eq!(get(address, missing).status, 404, "{missing}");
    }
    let (_, err, code) = explain(&folder, &["wallbord"]);
    assert_eq!(code, Some(64));
    assert_contains(&err, &["no session wallbord: did you mean wallboard?"]);
    assert_eq!(explain(&folder, &["no name/at all"]).2, Some(64));

    let config = std::fs::read_to_string(folder.path("config.toml")).unwrap();
    let renamed = config.replace("sessions.wallboard", "sessions.lobby");
    folder.write("config.toml", &renamed);
    daemon.signal(rustix::process::Signal::HUP);
    daemon.wait_for(&["\"event\":\"reloaded\""]);
    let moved = get(address, "/status/lobby").json();
    assert_eq!(
        moved["tokens"][0]["found"]["at"],
        over_tcp["tokens"][0]["found"]["at"]
    );
    assert_eq!(get(address, "/status/wallboard").status, 404);

    daemon.stop();
    assert_eq!(explain(&folder, &["lobby"]).2, Some(69));
}
