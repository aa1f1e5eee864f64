//! 429: the server is not asked before it wants to be.

use super::answers::{saying, throttled};
use super::server::{Api, HEAD, PEEK};
use super::{Row, seconds};

#[test]
fn no_request_comes_before_retry_after_is_over() {
    let mut row = Row::start(Api::new().answers(PEEK, 1, throttled("5")));
    row.answered("peek", "throttled");
    row.tells("WARN", "unanswered", "unproven");
    row.answered("peek", "alive");
    row.tells("INFO", "held", "held");
    row.asked_first(&[PEEK, PEEK]);
    assert!(row.gaps()[0] >= seconds(5), "{:?}", row.gaps());
    row.is_undecided();
}

#[test]
fn a_wait_that_stands_in_the_message_alone_is_waited_for() {
    let limit = saying(
        429,
        "too.many.requests.retry.after",
        "Rate limit exceeded the maximum. Retry the request in [5] seconds",
    );
    let mut row = Row::start(Api::new().answers(PEEK, 1, limit));
    row.answered("peek", "throttled");
    row.tells("INFO", "held", "held");
    row.asked_first(&[PEEK, PEEK]);
    assert!(row.gaps()[0] >= seconds(5), "{:?}", row.gaps());
}

#[test]
fn an_unproven_token_waits_for_hours_if_it_is_told_to() {
    let mut row = Row::start(Api::new().always(PEEK, throttled("86400")));
    row.answered("peek", "throttled");
    row.tells("WARN", "unanswered", "unproven");
    row.asked(&[PEEK], seconds(6));
    row.is_undecided();
}

#[test]
fn a_held_token_waits_as_well_while_there_is_time() {
    let mut row = Row::start(Api::new().answers(HEAD, 1, throttled("2")));
    row.answered("touch_head", "throttled");
    row.answered("touch_head", "accepted");
    row.asked_first(&[PEEK, HEAD, HEAD]);
    assert!(row.gaps()[1] >= seconds(2), "{:?}", row.gaps());
    row.is_undecided();
}

#[test]
fn a_wait_past_the_deadline_is_cut_to_one_last_try_before_it() {
    let mut row = Row::start(Api::new().always(HEAD, throttled("86400")));
    row.answered("touch_head", "throttled");
    row.answered("touch_head", "throttled");
    row.tells("WARN", "at_risk", "at risk");
    // The token idles out 8 s after the first peek.
    row.asked(&[PEEK, HEAD, HEAD], seconds(3));
    let gaps = row.gaps();
    assert!(gaps[0] + gaps[1] < seconds(8), "{gaps:?}");
    assert!(gaps[1] >= seconds(2), "{gaps:?}");
    row.is_undecided();
}
