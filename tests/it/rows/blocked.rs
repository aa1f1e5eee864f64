//! Tests of answers that are no verdict on the token's life: 401 with another code, and 403.

use super::answers::{bare, error};
use super::server::{Api, GET, HEAD, PEEK};
use super::{Row, in_parallel, seconds};

/// Asserts that this answer to every peek at an unproven token blocks the session.
fn is_blocked(status: u16, code: &str) {
    let mut row = Row::start(Api::new().always(PEEK, error(status, code)));
    row.wait_for_answer("peek", "blocked");
    let line = row.wait_for_event("WARN", "blocked", "blocked");
    assert!(line.contains(code), "{line}");
    assert!(line.contains("\"correlation_id\":\"c-0815\""), "{line}");
    // The next peek comes after at least half of 5 s.
    row.assert_requests(&[PEEK], seconds(1));
    row.wait_for_answer("peek", "blocked");
    row.assert_requests(&[PEEK, PEEK], seconds(1));
    assert!(row.gaps()[0] >= seconds(2), "{:?}", row.gaps());
    assert_eq!(row.event_count("blocked"), 1, "told once");
    row.assert_undecided();
}

#[test]
fn a_401_with_another_code_is_blocked_and_asked_for_slowly() {
    let codes = [
        "ip.not.authorized",
        "authentication.required",
        "something.new",
    ];
    in_parallel(&codes, |code| is_blocked(401, code));
}

#[test]
fn a_403_is_blocked_and_asked_for_slowly() {
    let codes = [
        "app.not.authorized.for.scope",
        "missing.permissions",
        "authz.policy.denied",
    ];
    in_parallel(&codes, |code| is_blocked(403, code));
}

#[test]
fn an_unproven_token_is_alive_once_its_address_is_on_the_list() {
    let wrong_address = error(401, "ip.not.authorized");
    let mut row = Row::start(Api::new().answers(PEEK, 1, wrong_address));
    row.wait_for_event("WARN", "blocked", "blocked");
    row.wait_for_answer("peek", "alive");
    row.wait_for_event("INFO", "alive", "alive");
    row.assert_first_requests(&[PEEK, PEEK]);
    row.assert_undecided();
}

#[test]
fn a_living_token_whose_touch_is_not_permitted_is_touched_in_the_other_way() {
    let mut row = Row::start(Api::new().answers(HEAD, 1, bare(403)));
    row.wait_for_answer("touch_head", "blocked");
    row.wait_for_answer("touch_get", "alive");
    row.wait_for_event("INFO", "touch_refused", "alive");
    row.assert_first_requests(&[PEEK, HEAD, GET]);
    assert_eq!(row.daemon.count(&["WARN"]), 0);
    row.assert_undecided();
}
