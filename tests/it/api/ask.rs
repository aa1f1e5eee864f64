//! Tests of the requests on the wire, and of the outcomes of answers.

use std::time::Duration;

use session_keepalive::api::Client;
use session_keepalive::keeper::{
    BlockReason, Failure, NotTheApi, Operation, Refusal, Touch, Verdict,
};
use session_keepalive::time::ServerTime;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use super::{EVERY, HEAD, SECRET, ask, base, client, config, failed, http, token};
use crate::it::support::raw::{RawReply, RawServer};

async fn answering(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    let any = Mock::given(matchers::any()).respond_with(response);
    any.mount(&server).await;
    server
}

#[tokio::test]
async fn each_operation_is_the_request_that_the_api_documents() {
    for (operation, method, path, query) in [
        (
            Operation::Peek,
            "GET",
            "/api/v2/tokens/me",
            Some("preserveIdleTTL=true"),
        ),
        (HEAD, "HEAD", "/api/v2/tokens/me", None),
        (
            Operation::Touch(Touch::Get),
            "GET",
            "/api/v2/tokens/me",
            None,
        ),
        (
            Operation::ReadTimeout,
            "GET",
            "/api/v2/tokens/timeout",
            None,
        ),
        (Operation::Revoke, "DELETE", "/api/v2/tokens/me", None),
    ] {
        let server = answering(ResponseTemplate::new(200)).await;
        ask(&client(), &base(server.uri()), operation).await;
        let requests = server.received_requests().await.unwrap();
        let [request] = requests.as_slice() else {
            panic!("{operation:?} made {} requests", requests.len());
        };
        assert_eq!(request.method.as_str(), method);
        assert_eq!(request.url.path(), path);
        assert_eq!(request.url.query(), query);
        assert!(request.body.is_empty());
        let header = |name: &str| request.headers[name].to_str().unwrap();
        assert_eq!(header("authorization"), format!("Bearer {SECRET}"));
        assert_eq!(header("accept"), "application/json");
        let user_agent = concat!("session-keepalive/", env!("CARGO_PKG_VERSION"));
        assert_eq!(header("user-agent"), user_agent);
        assert_eq!(header("accept-encoding"), "identity");
        assert_eq!(header("cache-control"), "no-store, no-cache");
        assert_eq!(header("pragma"), "no-cache");
    }
}

#[tokio::test]
async fn the_headers_of_an_answer_reach_the_outcome() {
    for name in ["ININ-Correlation-Id", "Genesys-Correlation-Id"] {
        let response = ResponseTemplate::new(429)
            .insert_header("Date", "Tue, 24 Nov 2026 08:00:00 GMT")
            .insert_header("Retry-After", "42")
            .insert_header("Age", "37")
            .insert_header(name, "c-1");
        let server = answering(response).await;
        let outcome = ask(&client(), &base(server.uri()), HEAD).await;
        assert_eq!(outcome.status, Some(429));
        assert!(outcome.is_cached);
        assert_eq!(outcome.correlation_id.as_deref(), Some("c-1"));
        let eight = ServerTime::from_unix_milliseconds(1_795_507_200_000);
        assert_eq!(outcome.date, Some(eight));
        let retry_after = Some(Duration::from_secs(42));
        assert_eq!(outcome.verdict, Verdict::Throttled { retry_after });
    }
}

#[tokio::test]
async fn a_401_is_read_by_a_peek_and_cannot_be_read_by_head() {
    let body = r#"{"code":"bad.credentials","status":401}"#;
    let server = answering(ResponseTemplate::new(401).set_body_string(body)).await;
    let api = base(server.uri());
    let refused = |refusal| Verdict::Refused(refusal);
    let head = ask(&client(), &api, HEAD).await;
    assert_eq!(head.verdict, refused(Refusal::Unread));
    let peek = ask(&client(), &api, Operation::Peek).await;
    assert_eq!(peek.verdict, refused(Refusal::BadCredentials));
    let revoke = ask(&client(), &api, Operation::Revoke).await;
    assert_eq!(revoke.verdict, refused(Refusal::BadCredentials));
}

#[tokio::test]
async fn no_redirect_is_followed_and_no_token_shown_to_its_target() {
    let target = answering(ResponseTemplate::new(200)).await;
    let redirect = ResponseTemplate::new(307).insert_header("Location", target.uri());
    let server = answering(redirect).await;
    for operation in EVERY {
        let outcome = ask(&client(), &base(server.uri()), operation).await;
        let redirected = BlockReason::NotTheApi(NotTheApi::Redirect);
        assert_eq!(outcome.verdict, Verdict::Blocked(redirected));
    }
    assert!(target.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_failing_server_is_asked_once_and_no_more() {
    let server = answering(ResponseTemplate::new(503)).await;
    let outcome = ask(&client(), &base(server.uri()), HEAD).await;
    assert_eq!(failed(&outcome), Some(&Failure::ServerError(503)));
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_shorter_of_both_time_limits_counts() {
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(60));
    let server = answering(slow).await;
    let api = base(server.uri());
    let short = Duration::from_millis(50);
    let outcome = client().ask(&api, &token(), HEAD, short).await;
    assert_eq!(failed(&outcome), Some(&Failure::TimedOut));
    let mut hasty = config();
    hasty.request_timeout = short;
    let outcome = ask(&Client::new(&hasty).unwrap(), &api, HEAD).await;
    assert_eq!(failed(&outcome), Some(&Failure::TimedOut));
}

#[tokio::test]
async fn with_no_time_left_nothing_is_sent() {
    let server = answering(ResponseTemplate::new(200)).await;
    let api = base(server.uri());
    let outcome = client().ask(&api, &token(), HEAD, Duration::ZERO).await;
    assert_eq!(failed(&outcome), Some(&Failure::TimedOut));
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_client_with_new_connections_uses_none_of_the_old_ones() {
    // The server gives one answer for each connection: a second request would never be answered.
    let server = RawServer::start(RawReply::SendAndHang(http("204 No Content", "", "")));
    let api = base(format!("http://{}", server.address()));
    let mut client = client();
    for count in 1..=3 {
        let outcome = ask(&client, &api, HEAD).await;
        assert_eq!(outcome.verdict, Verdict::Accepted);
        assert_eq!(server.requests().len(), count);
        client = client.with_new_connections();
    }
    ask(&client, &api, HEAD).await;
    let short = Duration::from_millis(100);
    let kept = client.ask(&api, &token(), HEAD, short).await;
    assert_eq!(failed(&kept), Some(&Failure::TimedOut));
}

#[tokio::test]
async fn an_echoed_token_does_not_reach_the_outcome() {
    let body = format!(r#"{{"code":"no {SECRET}"}}"#);
    let response = ResponseTemplate::new(403)
        .insert_header("ININ-Correlation-Id", SECRET)
        .set_body_string(body);
    let server = answering(response).await;
    // `ask` searches for the token in the outcome.
    let outcome = ask(&client(), &base(server.uri()), Operation::Peek).await;
    assert_eq!(outcome.correlation_id, None);
    let Verdict::Blocked(BlockReason::Forbidden(code)) = outcome.verdict else {
        panic!("{outcome:?}");
    };
    assert!(code.starts_with("no ***"), "{code}");
}
