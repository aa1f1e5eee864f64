//! The answers of the API, and of what stands before it, as they come over the wire.

use serde_json::json;
use wiremock::ResponseTemplate;

/// An answer without a body, as every one to HEAD.
pub(super) fn bare(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status)
}

/// An error as the API words it.
pub(super) fn error(status: u16, code: &str) -> ResponseTemplate {
    saying(status, code, "What people would read.")
}

/// An error with this message.
pub(super) fn saying(status: u16, code: &str, message: &str) -> ResponseTemplate {
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

/// The one answer that ends a token.
pub(super) fn bad_credentials() -> ResponseTemplate {
    saying(401, "bad.credentials", "Invalid login credentials.")
}

/// 429 with a `Retry-After` in seconds.
pub(super) fn throttled(seconds: &str) -> ResponseTemplate {
    saying(
        429,
        "too.many.requests.retry.after",
        "Rate limit exceeded the maximum.",
    )
    .insert_header("Retry-After", seconds)
}

/// A hotel's login page.
pub(super) fn page(status: u16) -> ResponseTemplate {
    let page = "<!DOCTYPE html><html><title>Welcome</title></html>";
    ResponseTemplate::new(status).set_body_raw(page, "text/html; charset=utf-8")
}

/// JSON that the API would not send here.
pub(super) fn json(text: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(text, "application/json")
}

/// A redirect to somewhere else.
pub(super) fn redirect(status: u16, to: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).insert_header("Location", to)
}
