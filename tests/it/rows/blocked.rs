//! Answers that say nothing about the token's life: 401 with another code, and 403.

use super::answers::{bare, error};
use super::server::{Api, HEAD, PEEK};
use super::{Row, at_once, seconds};

/// Every peek at a token that is yet unproven is answered so.
fn is_blocked(status: u16, code: &str) {
    let mut row = Row::start(Api::new().always(PEEK, error(status, code)));
    row.answered("peek", "blocked");
    let line = row.tells("WARN", "blocked", "blocked");
    assert!(line.contains(code), "{line}");
    assert!(line.contains("\"correlation_id\":\"c-0815\""), "{line}");
    // The next is not asked for at least half of 5 s.
    row.asked(&[PEEK], seconds(1));
    row.answered("peek", "blocked");
    row.asked(&[PEEK, PEEK], seconds(1));
    assert!(row.gaps()[0] >= seconds(2), "{:?}", row.gaps());
    assert_eq!(row.told("blocked"), 1, "told once");
    row.is_undecided();
}

#[test]
fn a_401_with_another_code_is_blocked_and_asked_for_slowly() {
    let codes = [
        "ip.not.authorized",
        "authentication.required",
        "something.new",
    ];
    at_once(&codes, |code| is_blocked(401, code));
}

#[test]
fn a_403_is_blocked_and_asked_for_slowly() {
    let codes = [
        "app.not.authorized.for.scope",
        "missing.permissions",
        "authz.policy.denied",
    ];
    at_once(&codes, |code| is_blocked(403, code));
}

#[test]
fn an_unproven_token_is_held_once_its_address_is_on_the_list() {
    let wrong_address = error(401, "ip.not.authorized");
    let mut row = Row::start(Api::new().answers(PEEK, 1, wrong_address));
    row.tells("WARN", "blocked", "blocked");
    row.answered("peek", "alive");
    row.tells("INFO", "held", "held");
    row.asked_first(&[PEEK, PEEK]);
    row.is_undecided();
}

#[test]
fn a_held_token_whose_touch_is_not_permitted_is_touched_again() {
    let mut row = Row::start(Api::new().answers(HEAD, 1, bare(403)));
    row.answered("touch_head", "blocked");
    row.tells("WARN", "blocked", "blocked");
    row.answered("touch_head", "accepted");
    row.tells("INFO", "recovered", "held");
    row.answered("peek", "alive");
    row.asked_first(&[PEEK, HEAD, HEAD, PEEK]);
    assert!(row.gaps()[1] >= seconds(2), "{:?}", row.gaps());
    row.is_undecided();
}
