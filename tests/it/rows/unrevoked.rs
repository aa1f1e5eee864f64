//! Tests of the answers to a revocation at the stop.

use wiremock::ResponseTemplate;

use super::answers::{bad_credentials, bare, error, page, redirect, throttled};
use super::server::{Api, DELETE, PEEK};
use super::{Row, in_parallel, seconds};

/// Starts a daemon, waits until its token is alive, and stops it with this answer to the
/// revocation.
fn stopped(answer: ResponseTemplate) -> (Row, Option<i32>) {
    let api = Api::new().always(DELETE, answer);
    let mut row = Row::start_with(api, "", "[shutdown]\ngrace = \"2s\"");
    row.wait_for_event("INFO", "alive", "alive");
    let (code, _) = row.daemon.stop();
    (row, code)
}

/// Asserts that this answer counts as a revocation if the API does not know the token any more.
fn is_revoked(answer: ResponseTemplate) {
    let api = Api::new().always(DELETE, answer);
    let mut row = Row::start_with(api, "", "[shutdown]\ngrace = \"30s\"");
    row.wait_for_event("INFO", "alive", "alive");
    row.api.add_rule(PEEK, usize::MAX, bad_credentials());
    assert_eq!(
        row.daemon.stop().0,
        Some(0),
        "{}",
        row.daemon.log.join("\n")
    );
    row.assert_logged_once("INFO", "revoked", "revoked");
    row.assert_requests(&[PEEK, DELETE, PEEK, PEEK], seconds(0));
}

fn is_not_revoked(answer: ResponseTemplate) -> Row {
    let (row, code) = stopped(answer);
    assert_eq!(code, Some(1), "{}", row.daemon.log.join("\n"));
    row.assert_logged_once("WARN", "not_revoked", "not revoked");
    assert_eq!(row.event_count("revoked"), 0);
    assert_eq!(row.daemon.count(&["\"level\":\"ERROR\"", "stopped"]), 1);
    row.assert_last_request(DELETE);
    row
}

#[test]
fn a_token_that_the_api_does_not_know_counts_as_revoked() {
    is_revoked(bad_credentials());
    is_revoked(bare(401));
}

#[test]
fn a_401_that_is_about_something_else_does_not_count() {
    in_parallel(&["ip.not.authorized", "authentication.required"], |code| {
        is_not_revoked(error(401, code));
    });
}

#[test]
fn a_revocation_that_is_not_permitted_is_not_tried_again() {
    let (mut row, code) = stopped(error(403, "missing.permissions"));
    assert_eq!(code, Some(1), "{}", row.daemon.log.join("\n"));
    row.assert_logged_once("WARN", "not_revoked", "not revoked");
    row.assert_requests(&[PEEK, DELETE, PEEK], seconds(0));
}

#[test]
fn a_revocation_that_is_answered_with_a_page_does_not_count() {
    is_not_revoked(page(200));
}

#[test]
fn a_revocation_that_is_redirected_does_not_count() {
    let portal = Api::new();
    is_not_revoked(redirect(302, &(portal.base() + "/api/v2/tokens/me")));
    assert_eq!(portal.requests().len(), 0);
}

#[test]
fn a_revocation_that_fails_is_tried_again_within_the_grace() {
    let row = is_not_revoked(error(503, "service.unavailable"));
    assert!(row.api.requests().len() > 2, "{:#?}", row.api.requests());
}

#[test]
fn a_revocation_that_is_throttled_waits_and_counts_then() {
    let api = Api::new().answers(DELETE, 1, throttled("2"));
    let mut row = Row::start(api);
    row.wait_for_event("INFO", "alive", "alive");
    assert_eq!(row.daemon.stop().0, Some(0));
    row.assert_logged_once("INFO", "revoked", "revoked");
    row.assert_requests(&[PEEK, DELETE, DELETE], seconds(0));
    assert!(row.gaps()[1] >= seconds(2), "{:?}", row.gaps());
}
