//! The helpers that the tests of the model share.

use std::time::Duration;

use serde_json::Value;

use super::{FaultyResponse, Request, Server, Settings, TokenSpec};
use crate::time::Instant;

/// Returns the instant `seconds` after boot.
pub(super) fn at(seconds: u64) -> Instant {
    Instant::from_boot(Duration::from_secs(seconds))
}

/// Returns an organisation with an idle timeout of 900s, and user `ann` with token `a` since boot.
pub(super) fn server() -> Server {
    server_with(|_| {})
}

/// Returns [`server`] with changed settings.
pub(super) fn server_with(change: impl FnOnce(&mut Settings)) -> Server {
    let mut settings = Settings::default();
    change(&mut settings);
    let mut server = Server::new(settings, 1);
    server.add_token(TokenSpec::user("a", "ann"), at(0));
    server
}

/// Returns the status of the answer.
pub(super) fn status(server: &mut Server, request: &Request<'_>, seconds: u64) -> u16 {
    server.answer(request, at(seconds)).response.status
}

/// Returns the body of an answer as JSON; null if it is empty.
pub(super) fn json(answer: &FaultyResponse) -> Value {
    if answer.response.body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(&answer.response.body).unwrap()
}

/// Returns the status and code of the answer; panics unless its body has the documented form.
pub(super) fn refusal(server: &mut Server, request: &Request<'_>, seconds: u64) -> (u16, String) {
    let answer = server.answer(request, at(seconds));
    let body = json(&answer);
    assert_eq!(body["status"], answer.response.status);
    assert_eq!(
        body["contextId"].as_str(),
        answer.response.header("ININ-Correlation-Id")
    );
    assert!(body["message"].is_string() && body["errors"].is_array());
    let code = body["code"].as_str().unwrap().to_owned();
    (answer.response.status, code)
}
