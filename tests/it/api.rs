//! Tests of the API client with servers on the wire, correct and faulty ones.

use std::num::NonZeroU32;
use std::time::Duration;

use session_keepalive::api::Client;
use session_keepalive::config::{ApiBase, HttpConfig, Proxy, Trust};
use session_keepalive::keeper::{Failure, Operation, Outcome, Touch, Verdict};
use session_keepalive::token::Token;

mod ask;
mod faults;
mod operations;
mod proxy;
mod trust;

/// A token with the length of a real one, unlike any other text in a test.
const SECRET: &str = "Zm9v-c2VjcmV0LXRva2VuLW9mLWEtdGVzdC10aGF0LW11c3QtbmV2ZXItYmUtc2hvd24";
const TOKEN_INFO: &str = r#"{"organization":{"id":"o-1","name":"Acme"}}"#;
const HEAD: Operation = Operation::Touch(Touch::Head);
const EVERY: [Operation; 5] = [
    Operation::Peek,
    HEAD,
    Operation::Touch(Touch::Get),
    Operation::ReadTimeout,
    Operation::Revoke,
];
const AMPLE: Duration = Duration::from_secs(10);

fn config() -> HttpConfig {
    HttpConfig {
        connect_timeout: Duration::from_secs(5),
        request_timeout: AMPLE,
        in_flight_max: NonZeroU32::MIN,
        proxy: Proxy::Direct,
        trust: Trust::default(),
    }
}

fn client() -> Client {
    Client::new(&config()).unwrap()
}

fn token() -> Token {
    Token::from_bytes(SECRET.into()).unwrap()
}

fn base(text: impl AsRef<str>) -> ApiBase {
    ApiBase::new(text.as_ref()).unwrap()
}

async fn ask(client: &Client, api: &ApiBase, operation: Operation) -> Outcome {
    let outcome = client.ask(api, &token(), operation, AMPLE).await;
    assert!(!format!("{outcome:?} {client:?}").contains(SECRET));
    outcome
}

fn failed(outcome: &Outcome) -> Option<&Failure> {
    if let Verdict::Unreachable(failure) = &outcome.verdict {
        Some(failure)
    } else {
        None
    }
}

fn http(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}
