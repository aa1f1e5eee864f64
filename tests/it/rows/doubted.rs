//! Tests of a 401 whose code could not be read, or was not confirmed: no verdict before a peek.

use super::answers::{bad_credentials, bare, error};
use super::server::{Api, GET, HEAD, PEEK};
use super::{Row, seconds};

#[test]
fn a_refused_head_whose_token_turns_out_to_live_gives_way_to_get() {
    let mut row = Row::start(Api::new().answers(HEAD, 1, bare(401)));
    row.wait_for_answer("touch_head", "refused");
    row.wait_for_answer("peek", "alive");
    row.wait_for_event("DEBUG", "unconfirmed", "alive");
    row.wait_for_answer("touch_get", "alive");
    row.wait_for_event("DEBUG", "reset_proven", "alive");
    row.assert_first_requests(&[PEEK, HEAD, PEEK, GET]);
    row.assert_undecided();
    assert_eq!(row.daemon.count(&["WARN"]), 0);
}

#[test]
fn a_refused_peek_that_is_not_confirmed_leaves_the_token_alive() {
    let mut row = Row::start(Api::new().answers(PEEK, 1, bad_credentials()));
    row.wait_for_answer("peek", "refused");
    row.wait_for_answer("peek", "alive");
    row.wait_for_event("INFO", "alive", "alive");
    row.wait_for_answer("touch_head", "accepted");
    row.assert_first_requests(&[PEEK, PEEK, HEAD]);
    row.assert_undecided();
}

#[test]
fn a_refused_head_of_a_wrong_address_is_blocked_and_not_lost() {
    let mut row = Row::start(Api::new().answers(HEAD, 1, bare(401)));
    row.wait_for_event("INFO", "alive", "alive");
    row.api.add_rule(PEEK, 1, error(401, "ip.not.authorized"));
    row.wait_for_answer("touch_head", "refused");
    row.wait_for_event("WARN", "blocked", "blocked");
    row.wait_for_answer("peek", "alive");
    row.wait_for_event("INFO", "recovered", "alive");
    row.assert_first_requests(&[PEEK, HEAD, PEEK, PEEK]);
    row.assert_undecided();
}

#[test]
fn a_refusal_whose_code_cannot_be_read_is_no_death() {
    let mut row = Row::start(Api::new().always(PEEK, bare(401)));
    row.wait_for_answer("peek", "refused");
    row.wait_for_answer("peek", "refused");
    row.wait_for_event("WARN", "blocked", "blocked");
    row.assert_requests(&[PEEK, PEEK], seconds(1));
    row.api.heal();
    row.wait_for_event("INFO", "alive", "alive");
    row.assert_undecided();
}
