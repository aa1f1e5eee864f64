//! 2xx: the server did it, and the token lives.

use super::answers::{bare, error};
use super::server::{Api, DELETE, GET, HEAD, PEEK, TIMEOUT};
use super::{Row, at_once, seconds};

#[test]
fn a_2xx_to_a_touch_is_accepted_and_a_peek_shows_that_it_counted() {
    let mut row = Row::start(Api::new());
    row.answered("peek", "alive");
    row.tells("INFO", "held", "held");
    row.answered("touch_head", "accepted");
    row.answered("peek", "alive");
    row.tells("DEBUG", "reset_proven", "held");
    row.answered("read_timeout", "timeout");
    row.tells("DEBUG", "timeout_read", "held");
    row.asked_first(&[PEEK, HEAD, PEEK, TIMEOUT]);
    assert_eq!(row.daemon.count(&["WARN"]), 0);
}

#[test]
fn any_2xx_to_head_is_accepted() {
    // This one does not move the deadline, so GET is tried next.
    let mut row = Row::start(Api::new().answers(HEAD, 1, bare(204)));
    row.answered("touch_head", "accepted");
    row.tells("INFO", "touch_excluded", "held");
    row.answered("touch_get", "alive");
    row.asked_first(&[PEEK, HEAD, PEEK, GET]);
    row.is_undecided();
}

#[test]
fn a_touch_by_get_is_accepted_with_its_token_info() {
    let mut row = Row::start_with(Api::new(), "touch = \"get\"", "");
    row.answered("touch_get", "alive");
    row.tells("DEBUG", "reset_proven", "held");
    row.asked_first(&[PEEK, GET, PEEK]);
    assert_eq!(row.daemon.count(&["WARN"]), 0);
}

#[test]
fn any_2xx_to_a_revocation_is_accepted() {
    at_once(&[200, 204], |status| {
        let mut row = Row::start(Api::new().answers(DELETE, 1, bare(status)));
        row.tells("INFO", "held", "held");
        assert_eq!(row.daemon.stop().0, Some(0));
        assert_eq!(row.told("revoked"), 1);
        row.asked_last(DELETE);
    });
}

#[test]
fn who_may_not_read_the_timeout_is_not_asked_to_again() {
    let narrow = error(403, "app.not.authorized.for.scope");
    let mut row = Row::start(Api::new().always(TIMEOUT, narrow));
    row.answered("read_timeout", "blocked");
    row.tells("DEBUG", "timeout_not_permitted", "held");
    row.daemon.listen_for(seconds(4));
    row.asked_first(&[PEEK, HEAD, PEEK, TIMEOUT, HEAD]);
    let asked = row.api.asked();
    let readings = asked.iter().filter(|asked| asked.what == TIMEOUT);
    assert_eq!(readings.count(), 1, "{asked:#?}");
    row.is_undecided();
    assert_eq!(row.daemon.count(&["WARN"]), 0);
}
