//! Tests of 401 `bad.credentials`: the token is dead, and no further request uses it.

use super::answers::{bad_credentials, bare};
use super::server::{Api, GET, HEAD, PEEK};
use super::{Row, seconds};

#[test]
fn a_token_that_is_dead_when_it_comes_gets_four_peeks_and_no_more() {
    let mut row = Row::start(Api::new().always(PEEK, bad_credentials()));
    for _ in 0..4 {
        row.wait_for_answer("peek", "refused");
    }
    let line = row.wait_for_event("WARN", "lost", "lost");
    assert!(line.contains("\"correlation_id\":\"c-0815\""), "{line}");
    row.assert_requests(&[PEEK, PEEK, PEEK, PEEK], seconds(5));
    assert_eq!(row.event_count("lost"), 1);
}

#[test]
fn a_living_token_that_is_refused_is_lost_after_confirming_peeks() {
    let api = Api::new()
        .always(GET, bad_credentials())
        .always(HEAD, bare(401));
    let mut row = Row::start_with(api, "touch = \"get\"", "");
    row.wait_for_event("INFO", "alive", "alive");
    row.api.add_rule(PEEK, usize::MAX, bad_credentials());
    row.wait_for_answer("touch_get", "refused");
    row.wait_for_answer("peek", "refused");
    row.wait_for_event("WARN", "lost", "lost");
    row.assert_first_requests(&[PEEK, GET, PEEK]);
    let count = row.api.requests().len();
    row.daemon.listen_for(seconds(5));
    assert_eq!(row.api.requests().len(), count);
    assert_eq!(row.event_count("lost"), 1);
}

#[test]
fn a_refused_head_is_lost_only_when_a_peek_has_read_the_code() {
    let api = Api::new()
        .always(HEAD, bare(401))
        .always(GET, bad_credentials());
    let mut row = Row::start(api);
    row.wait_for_event("INFO", "alive", "alive");
    row.api.add_rule(PEEK, usize::MAX, bad_credentials());
    row.wait_for_answer("touch_head", "refused");
    assert_eq!(row.event_count("lost"), 0);
    row.wait_for_answer("peek", "refused");
    row.wait_for_event("WARN", "lost", "lost");
    row.assert_first_requests(&[PEEK, HEAD, PEEK]);
    let count = row.api.requests().len();
    row.daemon.listen_for(seconds(5));
    assert_eq!(row.api.requests().len(), count);
}

#[test]
fn a_token_that_was_to_lapse_has_lapsed_and_nobody_has_to_look() {
    let api = Api::new().always(PEEK, bad_credentials());
    let mut row = Row::start_with(api, "intent = \"lapse\"", "");
    row.wait_for_event("INFO", "lapsed", "lapsed");
    row.assert_requests(&[PEEK, PEEK, PEEK, PEEK], seconds(5));
    assert_eq!(row.daemon.count(&["WARN"]), 0);
}

#[test]
fn a_lost_token_is_not_revoked_at_the_stop() {
    let mut row = Row::start(Api::new().always(PEEK, bad_credentials()));
    row.wait_for_event("WARN", "lost", "lost");
    assert_eq!(row.daemon.stop().0, Some(0));
    row.assert_requests(&[PEEK, PEEK, PEEK, PEEK], seconds(0));
}
