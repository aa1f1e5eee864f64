//! A 401 whose code could not be read, or was not read twice: no verdict before one peek.

use super::answers::{bad_credentials, bare, error};
use super::server::{Api, GET, HEAD, PEEK};
use super::{Row, seconds};

#[test]
fn a_refused_head_whose_token_turns_out_to_live_gives_way_to_get() {
    let mut row = Row::start(Api::new().answers(HEAD, 1, bare(401)));
    row.answered("touch_head", "refused");
    row.answered("peek", "alive");
    row.tells("DEBUG", "unconfirmed", "held");
    row.answered("touch_get", "alive");
    row.tells("DEBUG", "reset_proven", "held");
    row.asked_first(&[PEEK, HEAD, PEEK, GET, PEEK]);
    row.is_undecided();
    assert_eq!(row.daemon.count(&["WARN"]), 0);
}

#[test]
fn a_refused_peek_that_is_not_confirmed_leaves_the_token_held() {
    let mut row = Row::start(Api::new().answers(PEEK, 1, bad_credentials()));
    row.answered("peek", "refused");
    row.answered("peek", "alive");
    row.tells("INFO", "held", "held");
    row.answered("touch_head", "accepted");
    row.asked_first(&[PEEK, PEEK, HEAD]);
    row.is_undecided();
}

#[test]
fn a_refused_head_of_a_wrong_address_is_blocked_and_not_lost() {
    let mut row = Row::start(Api::new().answers(HEAD, 1, bare(401)));
    row.tells("INFO", "held", "held");
    row.api.tell(PEEK, 1, error(401, "ip.not.authorized"));
    row.answered("touch_head", "refused");
    row.tells("WARN", "blocked", "blocked");
    row.answered("peek", "alive");
    row.tells("INFO", "recovered", "held");
    row.asked_first(&[PEEK, HEAD, PEEK, PEEK]);
    row.is_undecided();
}

#[test]
fn a_refusal_whose_code_cannot_be_read_is_no_death() {
    let mut row = Row::start(Api::new().always(PEEK, bare(401)));
    row.answered("peek", "refused");
    row.answered("peek", "refused");
    row.tells("WARN", "blocked", "blocked");
    row.asked(&[PEEK, PEEK], seconds(1));
    row.api.heal();
    row.tells("INFO", "held", "held");
    row.is_undecided();
}
