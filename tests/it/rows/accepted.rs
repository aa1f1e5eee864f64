//! Tests of 2xx answers: the operation succeeded, and the token is alive.

use super::answers::{bare, error};
use super::server::{Api, DELETE, GET, HEAD, PEEK, TIMEOUT};
use super::{Row, in_parallel, seconds};

#[test]
fn a_2xx_to_a_touch_is_accepted_and_a_peek_shows_that_it_counted() {
    let mut row = Row::start(Api::new());
    row.wait_for_answer("peek", "alive");
    row.wait_for_event("INFO", "alive", "alive");
    row.wait_for_answer("touch_head", "accepted");
    row.wait_for_answer("peek", "alive");
    row.wait_for_event("DEBUG", "reset_proven", "alive");
    row.wait_for_answer("read_timeout", "timeout");
    row.wait_for_event("DEBUG", "timeout_read", "alive");
    row.assert_first_requests(&[PEEK, HEAD, PEEK, TIMEOUT]);
    assert_eq!(row.daemon.count(&["WARN"]), 0);
}

#[test]
fn any_2xx_to_head_is_accepted() {
    // This answer does not move the deadline, so GET is tried next.
    let mut row = Row::start(Api::new().answers(HEAD, 1, bare(204)));
    row.wait_for_answer("touch_head", "accepted");
    row.wait_for_event("INFO", "touch_excluded", "alive");
    row.wait_for_answer("touch_get", "alive");
    row.assert_first_requests(&[PEEK, HEAD, PEEK, GET]);
    row.assert_undecided();
}

#[test]
fn a_touch_by_get_is_accepted_with_its_token_info() {
    let mut row = Row::start_with(Api::new(), "touch = \"get\"", "");
    row.wait_for_answer("touch_get", "alive");
    row.wait_for_event("DEBUG", "reset_proven", "alive");
    row.assert_first_requests(&[PEEK, GET]);
    assert_eq!(row.daemon.count(&["WARN"]), 0);
}

#[test]
fn any_2xx_of_the_api_to_a_revocation_is_accepted() {
    in_parallel(&[200, 204], |status| {
        let own = bare(status).insert_header("ININ-Correlation-Id", "c-0815");
        let mut row = Row::start(Api::new().answers(DELETE, 1, own));
        row.wait_for_event("INFO", "alive", "alive");
        assert_eq!(row.daemon.stop().0, Some(0));
        assert_eq!(row.event_count("revoked"), 1);
        row.assert_last_request(DELETE);
    });
}

#[test]
fn who_may_not_read_the_timeout_is_not_asked_to_again() {
    let narrow = error(403, "app.not.authorized.for.scope");
    let mut row = Row::start(Api::new().always(TIMEOUT, narrow));
    row.wait_for_answer("read_timeout", "blocked");
    row.wait_for_event("DEBUG", "timeout_not_permitted", "alive");
    row.daemon.listen_for(seconds(4));
    row.assert_first_requests(&[PEEK, HEAD, PEEK, TIMEOUT, HEAD]);
    let requests = row.api.requests();
    let readings = requests.iter().filter(|request| request.target == TIMEOUT);
    assert_eq!(readings.count(), 1, "{requests:#?}");
    row.assert_undecided();
    assert_eq!(row.daemon.count(&["WARN"]), 0);
}
