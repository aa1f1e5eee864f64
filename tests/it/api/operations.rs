//! Tests of the six operations as commands use them.

use std::error::Error;

use session_keepalive::api::{CallError, Preserve, UserId};
use session_keepalive::keeper::{BlockReason, Failure, Refusal, Verdict};
use wiremock::matchers::{body_json, header, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockBuilder, MockServer, ResponseTemplate};

use super::{SECRET, TOKEN_INFO, base, client, token};

const USER: &str = "8b3a2f0e-6c1d-4b7e-9f25-0d4c1a5e7b90";
const TIMEOUT: &str =
    r#"{"idleTokenTimeoutSeconds":900,"enableIdleTokenTimeout":true,"future":[1]}"#;

async fn server(expected: MockBuilder, response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    expected
        .and(header("authorization", format!("Bearer {SECRET}").as_str()))
        .respond_with(response)
        .expect(1)
        .mount(&server)
        .await;
    server
}

fn json(body: &str) -> ResponseTemplate {
    ResponseTemplate::new(200)
        .set_body_raw(body, "application/json")
        .insert_header("ININ-Correlation-Id", "c-1")
}

fn refusing(status: u16, body: &str) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .set_body_string(body)
        .insert_header("ININ-Correlation-Id", "c-1")
}

fn shown(error: &CallError) -> String {
    assert!(error.source().is_none());
    assert!(!format!("{error} {error:?}").contains(SECRET));
    error.to_string()
}

#[tokio::test]
async fn a_token_is_shown_with_and_without_its_idle_timer_reset() {
    let request = || Mock::given(method("GET")).and(path("/api/v2/tokens/me"));
    let preserving = request().and(query_param("preserveIdleTTL", "true"));
    let resetting = request().and(query_param_is_missing("preserveIdleTTL"));
    for (preserve, expected) in [(Preserve::Yes, preserving), (Preserve::No, resetting)] {
        let server = server(expected, json(TOKEN_INFO)).await;
        let api = base(server.uri());
        let reply = client().token_info(&api, &token(), preserve).await.unwrap();
        assert_eq!(reply.value.organisation().unwrap().name, Some("Acme"));
        assert_eq!(reply.status, 200);
        assert_eq!(reply.correlation_id.as_deref(), Some("c-1"));
    }
}

#[tokio::test]
async fn a_token_is_touched() {
    let expected = Mock::given(method("HEAD")).and(path("/api/v2/tokens/me"));
    let server = server(expected, ResponseTemplate::new(204)).await;
    let reply = client().head_token(&base(server.uri()), &token()).await;
    assert_eq!(reply.unwrap().status, 204);
}

#[tokio::test]
async fn a_token_is_revoked_even_if_it_is_gone_already() {
    let gone = r#"{"code":"bad.credentials"}"#;
    for response in [ResponseTemplate::new(200), refusing(401, gone)] {
        let expected = Mock::given(method("DELETE")).and(path("/api/v2/tokens/me"));
        let server = server(expected, response).await;
        let api = base(server.uri());
        client().delete_own_token(&api, &token()).await.unwrap();
    }
}

#[tokio::test]
async fn a_users_tokens_are_revoked_and_a_dead_token_cannot_do_it() {
    let request = || Mock::given(method("DELETE")).and(path(format!("/api/v2/tokens/{USER}")));
    let user = UserId::new(USER).unwrap();
    let done = server(request(), ResponseTemplate::new(204)).await;
    let api = base(done.uri());
    let reply = client().delete_tokens_of(&api, &token(), &user).await;
    assert_eq!(reply.unwrap().status, 204);
    let refused = refusing(401, r#"{"code":"bad.credentials"}"#);
    let refused = server(request(), refused).await;
    let api = base(refused.uri());
    let error = client()
        .delete_tokens_of(&api, &token(), &user)
        .await
        .unwrap_err();
    let dead = Verdict::Refused(Refusal::BadCredentials);
    assert_eq!(error.verdict, dead);
}

#[tokio::test]
async fn the_timeout_is_read_modified_and_written_whole() {
    let read = Mock::given(method("GET")).and(path("/api/v2/tokens/timeout"));
    let server = server(read, json(TIMEOUT)).await;
    let written = serde_json::json!({"enableIdleTokenTimeout": false, "future": [1]});
    Mock::given(method("PUT"))
        .and(path("/api/v2/tokens/timeout"))
        .and(header("content-type", "application/json"))
        .and(body_json(&written))
        .respond_with(json(&written.to_string()))
        .expect(1)
        .mount(&server)
        .await;
    let api = base(server.uri());
    let mut timeout = client().timeout(&api, &token()).await.unwrap().value;
    assert_eq!(timeout.is_enabled(), Some(true));
    timeout.disable();
    let reply = client().put_timeout(&api, &token(), &timeout).await;
    assert_eq!(reply.unwrap().value, timeout);
}

#[tokio::test]
async fn an_error_says_what_the_api_said() {
    let expected = Mock::given(method("GET")).and(path("/api/v2/tokens/timeout"));
    let body =
        r#"{"code":"missing.permissions","message":"Unable to perform the requested action"}"#;
    let server = server(expected, refusing(403, body)).await;
    let api = base(server.uri());
    let error = client().timeout(&api, &token()).await.unwrap_err();
    let code = "missing.permissions".into();
    assert_eq!(
        error.verdict,
        Verdict::Blocked(BlockReason::Forbidden(code))
    );
    assert_eq!(error.status, Some(403));
    assert_eq!(
        shown(&error),
        format!(
            "{api}: not permitted (missing.permissions): Unable to perform the requested action [correlation id c-1]"
        )
    );
}

#[tokio::test]
async fn an_error_without_an_answer_says_where_and_why() {
    let api = base("https://does-not-exist.invalid");
    let error = client().head_token(&api, &token()).await.unwrap_err();
    let failure = Failure::NameNotResolved;
    assert_eq!(error.verdict, Verdict::Unreachable(failure));
    assert_eq!(
        shown(&error),
        "https://does-not-exist.invalid: the API's host name was not resolved"
    );
}
