//! 408, 5xx and no answer at all: nothing about the token, and tried again ever later.

use super::answers::{bare, error};
use super::server::{Api, HEAD, PEEK, TIMEOUT};
use super::{Row, at_once, seconds};

/// Three peeks fail, and then two touches.
fn is_retried(status: u16) {
    let failure = error(status, "internal.server.error");
    let api = Api::new().answers(PEEK, 3, failure);
    let mut row = Row::start(api.answers(HEAD, 2, bare(status)));
    let line = row.answered("peek", "unreachable");
    assert!(line.contains(&format!("\"status\":{status}")), "{line}");
    row.tells("WARN", "unanswered", "unproven");
    row.tells("INFO", "held", "held");
    row.asked_first(&[PEEK, PEEK, PEEK, PEEK]);
    // The third wait is at least half of 4 s.
    assert!(row.gaps()[2] >= seconds(2), "{:?}", row.gaps());
    assert_eq!(row.told("unanswered"), 1, "told once");
    row.answered("touch_head", "unreachable");
    row.answered("touch_head", "unreachable");
    row.answered("touch_head", "accepted");
    row.is_undecided();
    assert_eq!(row.told("blocked"), 0);
}

#[test]
fn a_408_and_every_5xx_is_retried_ever_later() {
    at_once(&[408, 500, 502, 503, 504], is_retried);
}

#[test]
fn a_server_that_refuses_connections_is_asked_until_it_answers() {
    let mut row = Row::start(Api::that_is_down());
    row.answered("peek", "unreachable");
    let line = row.tells("WARN", "unanswered", "unproven");
    assert!(line.contains("no connection to the API"), "{line}");
    row.answered("peek", "unreachable");
    row.api.up();
    row.tells("INFO", "held", "held");
    row.asked_first(&[PEEK]);
    assert_eq!(row.told("unanswered"), 1, "told once");
    row.is_undecided();
}

#[test]
fn a_held_token_lives_on_while_the_server_refuses_connections() {
    let mut row = Row::start(Api::new());
    row.tells("INFO", "held", "held");
    row.api.down();
    row.answered("touch_head", "unreachable");
    row.api.up();
    row.answered("touch_head", "accepted");
    row.answered("peek", "alive");
    row.asked_first(&[PEEK, HEAD, PEEK]);
    row.is_undecided();
}

#[test]
fn an_answer_that_does_not_come_in_time_is_retried() {
    let slow = bare(200).set_delay(seconds(3));
    let more = "[http]\nrequest_timeout = \"1s\"";
    let mut row = Row::start_with(Api::new().answers(HEAD, 1, slow), "", more);
    let line = row.answered("touch_head", "unreachable");
    assert!(line.contains("no answer in time"), "{line}");
    row.answered("touch_head", "accepted");
    row.asked_first(&[PEEK, HEAD, HEAD]);
    row.is_undecided();
}

#[test]
fn a_timeout_that_cannot_be_read_is_no_failure_of_the_tokens() {
    let mut row = Row::start(Api::new().always(TIMEOUT, error(503, "service.unavailable")));
    row.answered("read_timeout", "unreachable");
    row.answered("touch_head", "accepted");
    row.asked_first(&[PEEK, HEAD, PEEK, TIMEOUT, HEAD]);
    assert_eq!(row.daemon.count(&["WARN"]), 0);
}
