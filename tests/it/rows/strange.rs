//! Tests of redirects, pages and unexpected 2xx answers: another server than the API answered.

use wiremock::ResponseTemplate;

use super::answers::{json, page, redirect};
use super::server::{Api, GET, HEAD, PEEK};
use super::{Row, in_parallel, seconds};

/// Asserts that this answer to a peek at an unproven token is neither a success nor a verdict.
fn is_not_the_api(answer: ResponseTemplate) -> Row {
    let mut row = Row::start(Api::new().always(PEEK, answer));
    row.wait_for_answer("peek", "blocked");
    let line = row.wait_for_event("WARN", "blocked", "blocked");
    assert!(line.contains("something other than the API"), "{line}");
    row.assert_requests(&[PEEK], seconds(1));
    assert_eq!(row.event_count("alive"), 0);
    row.assert_undecided();
    row
}

/// Asserts that this answer to the touch of a living token is neither a success nor a verdict.
fn is_no_touch(touch: &str, answer: ResponseTemplate) {
    let (to, name, other_touch, other_name) = match touch {
        "get" => (GET, "touch_get", HEAD, "touch_head"),
        _ => (HEAD, "touch_head", GET, "touch_get"),
    };
    let config = format!("touch = \"{touch}\"");
    let mut row = Row::start_with(Api::new().answers(to, 1, answer), &config, "");
    row.wait_for_answer(name, "blocked");
    row.daemon
        .wait_for(&[other_name, "\"status\":200", "\"event\":\"answered\""]);
    let line = row.wait_for_event("INFO", "touch_refused", "alive");
    assert!(line.contains("something other than the API"), "{line}");
    row.assert_first_requests(&[PEEK, to, other_touch]);
    row.assert_undecided();
}

#[test]
fn a_redirect_is_not_followed() {
    in_parallel(&[301, 302, 303, 307, 308], |status| {
        let portal = Api::new();
        is_not_the_api(redirect(status, &(portal.base() + "/api/v2/tokens/me")));
        assert_eq!(portal.requests().len(), 0);
    });
}

#[test]
fn a_touch_that_is_redirected_is_no_touch() {
    in_parallel(&["head", "get"], |touch| {
        let portal = Api::new();
        is_no_touch(touch, redirect(302, &portal.base()));
        assert_eq!(portal.requests().len(), 0);
    });
}

#[test]
fn a_page_is_not_the_apis_whatever_its_status() {
    in_parallel(&[200, 401, 403, 404], |status| {
        let mut row = is_not_the_api(page(status));
        row.api.heal();
        row.wait_for_event("INFO", "alive", "alive");
    });
}

#[test]
fn a_touch_that_is_answered_with_a_page_is_no_touch() {
    in_parallel(&["head", "get"], |touch| is_no_touch(touch, page(200)));
}

#[test]
fn a_2xx_that_is_not_token_info_is_not_a_token_that_lives() {
    let bodies = ["", "{}", "[]", "\"ok\"", "{\"status\":\"ok\"}", "{\"organ"];
    in_parallel(&bodies, |body| drop(is_not_the_api(json(body))));
    is_no_touch("get", json("{}"));
}
