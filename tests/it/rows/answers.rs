//! The answers of the API, and of proxies and portals in front of it, as they are on the wire.

use serde_json::json;
use wiremock::ResponseTemplate;

/// Returns an answer without a body, as for every HEAD.
pub(super) fn bare(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status)
}

/// Returns an error in the form of the API.
pub(super) fn error(status: u16, code: &str) -> ResponseTemplate {
    error_with_message(status, code, "What people would read.")
}

/// Returns an error with this message.
pub(super) fn error_with_message(status: u16, code: &str, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .insert_header("ININ-Correlation-Id", "c-0815")
        .set_body_json(json!({
            "message": message,
            "code": code,
            "status": status,
            "contextId": "c-0815",
            "details": [],
            "errors": [],
        }))
}

/// Returns the only answer that ends a token.
pub(super) fn bad_credentials() -> ResponseTemplate {
    error_with_message(401, "bad.credentials", "Invalid login credentials.")
}

/// Returns a 429 with a `Retry-After` in seconds.
pub(super) fn throttled(seconds: &str) -> ResponseTemplate {
    error_with_message(
        429,
        "too.many.requests.retry.after",
        "Rate limit exceeded the maximum.",
    )
    .insert_header("Retry-After", seconds)
}

/// Returns a hotel's login page.
pub(super) fn page(status: u16) -> ResponseTemplate {
    let page = "<!DOCTYPE html><html><title>Welcome</title></html>";
    ResponseTemplate::new(status).set_body_raw(page, "text/html; charset=utf-8")
}

/// Returns JSON that the API would not send here.
pub(super) fn json(text: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(text, "application/json")
}

/// Returns a redirect to another address.
pub(super) fn redirect(status: u16, to: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).insert_header("Location", to)
}
