//! Tests of 429: the next request waits for the time that the server requires.

use super::answers::{error_with_message, throttled};
use super::server::{Api, GET, HEAD, PEEK};
use super::{Row, seconds};

#[test]
fn no_request_comes_before_retry_after_is_over() {
    let mut row = Row::start(Api::new().answers(PEEK, 1, throttled("5")));
    row.wait_for_answer("peek", "throttled");
    row.wait_for_event("WARN", "unanswered", "unproven");
    row.wait_for_answer("peek", "alive");
    row.wait_for_event("INFO", "alive", "alive");
    row.assert_first_requests(&[PEEK, PEEK]);
    assert!(row.gaps()[0] >= seconds(5), "{:?}", row.gaps());
    row.assert_undecided();
}

#[test]
fn a_wait_that_stands_in_the_message_alone_is_waited_for() {
    let limit = error_with_message(
        429,
        "too.many.requests.retry.after",
        "Rate limit exceeded the maximum. Retry the request in [5] seconds",
    );
    let mut row = Row::start(Api::new().answers(PEEK, 1, limit));
    row.wait_for_answer("peek", "throttled");
    row.wait_for_event("INFO", "alive", "alive");
    row.assert_first_requests(&[PEEK, PEEK]);
    assert!(row.gaps()[0] >= seconds(5), "{:?}", row.gaps());
}

#[test]
fn an_unproven_token_waits_for_hours_if_it_is_told_to() {
    let mut row = Row::start(Api::new().always(PEEK, throttled("86400")));
    row.wait_for_answer("peek", "throttled");
    row.wait_for_event("WARN", "unanswered", "unproven");
    row.assert_requests(&[PEEK], seconds(6));
    row.assert_undecided();
}

#[test]
fn a_living_token_waits_as_well_while_there_is_time() {
    let mut row = Row::start(Api::new().answers(HEAD, 1, throttled("2")));
    row.wait_for_answer("touch_head", "throttled");
    row.wait_for_answer("touch_get", "alive");
    row.assert_first_requests(&[PEEK, HEAD, GET]);
    assert!(row.gaps()[1] >= seconds(2), "{:?}", row.gaps());
    row.assert_undecided();
}

#[test]
fn a_wait_past_the_deadline_is_cut_to_one_last_try_before_it() {
    let api = Api::new().always(HEAD, throttled("86400"));
    let mut row = Row::start(api.always(GET, throttled("86400")));
    row.wait_for_answer("touch_head", "throttled");
    row.wait_for_answer("touch_get", "throttled");
    row.wait_for_event("WARN", "at_risk", "at risk");
    // The token idles out 8 s after the first peek.
    row.assert_requests(&[PEEK, HEAD, GET], seconds(3));
    let gaps = row.gaps();
    assert!(gaps[0] + gaps[1] < seconds(8), "{gaps:?}");
    assert!(gaps[1] >= seconds(2), "{gaps:?}");
    row.assert_undecided();
}
