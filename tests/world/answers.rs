//! Outcomes of requests to the simulated server, as the daemon would obtain them.

use session_keepalive::keeper::{Failure, Operation, Outcome, Verdict};
use session_keepalive::sim::Response;

/// Returns the outcome of a request that got no answer.
pub(crate) fn failed(failure: Failure) -> Outcome {
    Outcome::without_answer(Verdict::Unreachable(failure))
}

/// Evaluates a response as the daemon evaluates that of a real server.
pub(crate) fn understood(operation: Operation, response: &Response) -> Outcome {
    let answer = session_keepalive::api::Answer {
        status: response.status,
        date: response.header("Date"),
        retry_after: response.header("Retry-After"),
        correlation_id: response.header("ININ-Correlation-Id"),
        content_type: response.header("Content-Type"),
        content_encoding: response.header("Content-Encoding"),
        age: response.header("Age"),
        body: &response.body,
    };
    session_keepalive::api::verdict(operation, &answer)
}
