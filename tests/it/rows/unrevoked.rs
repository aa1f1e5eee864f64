//! What an answer to the revocation means at the stop.

use wiremock::ResponseTemplate;

use super::answers::{bad_credentials, bare, error, page, redirect, throttled};
use super::server::{Api, DELETE, PEEK};
use super::{Row, at_once, seconds};

/// Starts, has a token held, stops; the revocation is always answered so.
fn stopped(answer: ResponseTemplate) -> (Row, Option<i32>) {
    let api = Api::new().always(DELETE, answer);
    let mut row = Row::start_with(api, "", "[shutdown]\ngrace = \"2s\"");
    row.tells("INFO", "held", "held");
    let (code, _) = row.daemon.stop();
    (row, code)
}

fn is_revoked(answer: ResponseTemplate) {
    let (mut row, code) = stopped(answer);
    assert_eq!(code, Some(0), "{}", row.daemon.said.join("\n"));
    row.told_as("INFO", "revoked", "revoked");
    row.asked(&[PEEK, DELETE], seconds(0));
}

fn is_not_revoked(answer: ResponseTemplate) -> Row {
    let (row, code) = stopped(answer);
    assert_eq!(code, Some(1), "{}", row.daemon.said.join("\n"));
    row.told_as("WARN", "not_revoked", "not revoked");
    assert_eq!(row.told("revoked"), 0);
    assert_eq!(row.daemon.count(&["\"level\":\"ERROR\"", "stopped"]), 1);
    row.asked_last(DELETE);
    row
}

#[test]
fn a_token_that_the_api_does_not_know_counts_as_revoked() {
    is_revoked(bad_credentials());
    is_revoked(bare(401));
}

#[test]
fn a_401_that_is_about_something_else_does_not_count() {
    at_once(&["ip.not.authorized", "authentication.required"], |code| {
        is_not_revoked(error(401, code));
    });
}

#[test]
fn a_revocation_that_is_not_permitted_is_not_tried_again() {
    let mut row = is_not_revoked(error(403, "missing.permissions"));
    row.asked(&[PEEK, DELETE], seconds(0));
}

#[test]
fn a_revocation_that_is_answered_with_a_page_does_not_count() {
    is_not_revoked(page(200));
}

#[test]
fn a_revocation_that_is_redirected_does_not_count() {
    let portal = Api::new();
    is_not_revoked(redirect(302, &(portal.base() + "/api/v2/tokens/me")));
    assert_eq!(portal.asked().len(), 0);
}

#[test]
fn a_revocation_that_fails_is_tried_again_within_the_grace() {
    let row = is_not_revoked(error(503, "service.unavailable"));
    assert!(row.api.asked().len() > 2, "{:#?}", row.api.asked());
}

#[test]
fn a_revocation_that_is_throttled_waits_and_counts_then() {
    let api = Api::new().answers(DELETE, 1, throttled("2"));
    let mut row = Row::start(api);
    row.tells("INFO", "held", "held");
    assert_eq!(row.daemon.stop().0, Some(0));
    row.told_as("INFO", "revoked", "revoked");
    row.asked(&[PEEK, DELETE, DELETE], seconds(0));
    assert!(row.gaps()[1] >= seconds(2), "{:?}", row.gaps());
}
