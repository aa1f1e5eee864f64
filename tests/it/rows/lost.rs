//! 401 `bad.credentials`: the token is dead, and not one further request is made with it.

use super::answers::{bad_credentials, bare};
use super::server::{Api, GET, HEAD, PEEK};
use super::{Row, seconds};

#[test]
fn a_token_that_is_dead_when_it_comes_gets_two_peeks_and_no_more() {
    let mut row = Row::start(Api::new().always(PEEK, bad_credentials()));
    row.answered("peek", "refused");
    row.answered("peek", "refused");
    let line = row.tells("WARN", "lost", "lost");
    assert!(line.contains("\"correlation_id\":\"c-0815\""), "{line}");
    row.asked(&[PEEK, PEEK], seconds(5));
    assert_eq!(row.told("lost"), 1);
}

#[test]
fn a_held_token_that_is_refused_is_lost_after_one_confirming_peek() {
    let api = Api::new().answers(GET, 1, bad_credentials());
    let mut row = Row::start_with(api, "touch = \"get\"", "");
    row.tells("INFO", "held", "held");
    row.api.tell(PEEK, usize::MAX, bad_credentials());
    row.answered("touch_get", "refused");
    row.answered("peek", "refused");
    row.tells("WARN", "lost", "lost");
    row.asked(&[PEEK, GET, PEEK], seconds(5));
    assert_eq!(row.told("lost"), 1);
}

#[test]
fn a_refused_head_is_lost_only_when_a_peek_has_read_the_code() {
    let mut row = Row::start(Api::new().answers(HEAD, 1, bare(401)));
    row.tells("INFO", "held", "held");
    row.api.tell(PEEK, usize::MAX, bad_credentials());
    row.answered("touch_head", "refused");
    assert_eq!(row.told("lost"), 0);
    row.answered("peek", "refused");
    row.tells("WARN", "lost", "lost");
    row.asked(&[PEEK, HEAD, PEEK], seconds(5));
}

#[test]
fn a_token_that_was_to_lapse_has_lapsed_and_nobody_has_to_look() {
    let api = Api::new().always(PEEK, bad_credentials());
    let mut row = Row::start_with(api, "intent = \"lapse\"", "");
    row.tells("INFO", "lapsed", "lapsed");
    row.asked(&[PEEK, PEEK], seconds(5));
    assert_eq!(row.daemon.count(&["WARN"]), 0);
}

#[test]
fn a_lost_token_is_not_revoked_at_the_stop() {
    let mut row = Row::start(Api::new().always(PEEK, bad_credentials()));
    row.tells("WARN", "lost", "lost");
    assert_eq!(row.daemon.stop().0, Some(0));
    row.asked(&[PEEK, PEEK], seconds(0));
}
