//! Tests of 408, 5xx and missing answers: no verdict on the token, and retries with growing delays.

use super::answers::{bare, error};
use super::server::{Api, GET, HEAD, PEEK, TIMEOUT};
use super::{Row, in_parallel, seconds};

/// Asserts the retries of three failed peeks and of a failed touch by HEAD.
fn is_retried(status: u16) {
    let failure = error(status, "internal.server.error");
    let api = Api::new().answers(PEEK, 3, failure);
    let mut row = Row::start(api.answers(HEAD, 2, bare(status)));
    let line = row.wait_for_answer("peek", "unreachable");
    assert!(line.contains(&format!("\"status\":{status}")), "{line}");
    row.wait_for_event("WARN", "unanswered", "unproven");
    row.wait_for_event("INFO", "alive", "alive");
    row.assert_first_requests(&[PEEK, PEEK, PEEK, PEEK]);
    // The third delay is at least half of 4 s.
    assert!(row.gaps()[2] >= seconds(2), "{:?}", row.gaps());
    assert_eq!(row.event_count("unanswered"), 1, "told once");
    row.wait_for_answer("touch_head", "unreachable");
    row.wait_for_answer("touch_get", "alive");
    row.assert_undecided();
    assert_eq!(row.event_count("blocked"), 0);
}

#[test]
fn a_408_and_every_5xx_is_retried_ever_later() {
    in_parallel(&[408, 500, 502, 503, 504], is_retried);
}

#[test]
fn a_server_that_refuses_connections_is_asked_until_it_answers() {
    let mut row = Row::start(Api::that_is_down());
    row.wait_for_answer("peek", "unreachable");
    let line = row.wait_for_event("WARN", "unanswered", "unproven");
    assert!(line.contains("no connection to the API"), "{line}");
    row.wait_for_answer("peek", "unreachable");
    row.api.up();
    row.wait_for_event("INFO", "alive", "alive");
    row.assert_first_requests(&[PEEK]);
    assert_eq!(row.event_count("unanswered"), 1, "told once");
    row.assert_undecided();
}

#[test]
fn a_living_token_lives_on_while_the_server_refuses_connections() {
    let mut row = Row::start(Api::new());
    row.wait_for_event("INFO", "alive", "alive");
    row.api.down();
    row.wait_for_answer("touch_head", "unreachable");
    row.api.up();
    row.wait_for_answer("touch_head", "accepted");
    row.wait_for_answer("peek", "alive");
    row.assert_first_requests(&[PEEK, HEAD, PEEK]);
    row.assert_undecided();
}

#[test]
fn an_answer_that_does_not_come_in_time_is_retried() {
    let slow = bare(200).set_delay(seconds(3));
    let more = "[http]\nrequest_timeout = \"1s\"";
    let mut row = Row::start_with(Api::new().answers(HEAD, 1, slow), "", more);
    let line = row.wait_for_answer("touch_head", "unreachable");
    assert!(line.contains("no answer in time"), "{line}");
    row.wait_for_answer("peek", "alive");
    row.wait_for_answer("touch_get", "alive");
    row.assert_first_requests(&[PEEK, HEAD, PEEK, GET]);
    row.assert_undecided();
}

#[test]
fn a_timeout_that_cannot_be_read_is_no_failure_of_the_tokens() {
    let mut row = Row::start(Api::new().always(TIMEOUT, error(503, "service.unavailable")));
    row.wait_for_answer("read_timeout", "unreachable");
    row.wait_for_answer("touch_head", "accepted");
    row.assert_first_requests(&[PEEK, HEAD, PEEK, TIMEOUT, HEAD]);
    assert_eq!(row.daemon.count(&["WARN"]), 0);
}
