//! A redirect, a page, or a 2xx that is not what the API sends: something else answered.

use wiremock::ResponseTemplate;

use super::answers::{json, page, redirect};
use super::server::{Api, GET, HEAD, PEEK};
use super::{Row, at_once, seconds};

/// To a peek at an unproven token, this is never a success and never a verdict.
fn is_not_the_api(answer: ResponseTemplate) -> Row {
    let mut row = Row::start(Api::new().always(PEEK, answer));
    row.answered("peek", "blocked");
    let line = row.tells("WARN", "blocked", "blocked");
    assert!(line.contains("something other than the API"), "{line}");
    row.asked(&[PEEK], seconds(1));
    assert_eq!(row.told("held"), 0);
    row.is_undecided();
    row
}

/// To a held token's touch, this is never a success and never a verdict.
fn is_no_touch(touch: &str, answer: ResponseTemplate) {
    let (to, name) = match touch {
        "get" => (GET, "touch_get"),
        _ => (HEAD, "touch_head"),
    };
    let config = format!("touch = \"{touch}\"");
    let mut row = Row::start_with(Api::new().answers(to, 1, answer), &config, "");
    row.answered(name, "blocked");
    let line = row.tells("WARN", "blocked", "blocked");
    assert!(line.contains("something other than the API"), "{line}");
    row.daemon
        .wait_for(&[name, "\"status\":200", "\"event\":\"answered\""]);
    row.tells("INFO", "recovered", "held");
    row.answered("peek", "alive");
    row.asked_first(&[PEEK, to, to, PEEK]);
    assert!(row.gaps()[1] >= seconds(2), "{:?}", row.gaps());
    row.is_undecided();
}

#[test]
fn a_redirect_is_not_followed() {
    at_once(&[301, 302, 303, 307, 308], |status| {
        let portal = Api::new();
        is_not_the_api(redirect(status, &(portal.base() + "/api/v2/tokens/me")));
        assert_eq!(portal.asked().len(), 0);
    });
}

#[test]
fn a_touch_that_is_redirected_is_no_touch() {
    at_once(&["head", "get"], |touch| {
        let portal = Api::new();
        is_no_touch(touch, redirect(302, &portal.base()));
        assert_eq!(portal.asked().len(), 0);
    });
}

#[test]
fn a_page_is_not_the_apis_whatever_its_status() {
    at_once(&[200, 401, 403, 404], |status| {
        let mut row = is_not_the_api(page(status));
        row.api.heal();
        row.tells("INFO", "held", "held");
    });
}

#[test]
fn a_touch_that_is_answered_with_a_page_is_no_touch() {
    at_once(&["head", "get"], |touch| is_no_touch(touch, page(200)));
}

#[test]
fn a_2xx_that_is_not_token_info_is_not_a_token_that_lives() {
    let bodies = ["", "{}", "[]", "\"ok\"", "{\"status\":\"ok\"}", "{\"organ"];
    at_once(&bodies, |body| drop(is_not_the_api(json(body))));
    is_no_touch("get", json("{}"));
}
