//! The tests of every fault of the transmission, over a real socket.

use std::io::ErrorKind;

use hyper::header::HeaderValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::sim::fixture::{at, server};
use crate::sim::{ApiOperation, ConnectionEnd, Length, Processing, RuleSpan, SimFault};

const PEEK: &str = "GET /api/v2/tokens/me?preserveIdleTTL=true HTTP/1.1\r\nHost: x\r\n\
    authorization: bearer a\r\npurecloud-sdk: 1\r\nAccept: text/plain\r\n\r\n";

const LAST_PEEK: &str = "GET /api/v2/tokens/me?preserveIdleTTL=true HTTP/1.1\r\nHost: x\r\n\
    Authorization: Bearer a\r\nConnection: close\r\n\r\n";

const TOUCH: &str = "HEAD /api/v2/tokens/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\r\n\r\n";

/// Runs a test against a served model, ten seconds after boot.
fn served<Test: Future<Output = ()>>(test: impl FnOnce(Handle) -> Test) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    runtime.block_on(async {
        test(Handle::on_loopback(server(), || at(10)).await.unwrap()).await;
    });
}

fn inject(handle: &Handle, fault: SimFault) {
    handle
        .server()
        .script()
        .befall_all(RuleSpan::Times(1), fault);
}

async fn send(handle: &Handle, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(handle.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Returns all text that arrives until the server closes the connection.
async fn exchange(handle: &Handle, request: &str) -> String {
    let mut stream = send(handle, request).await;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

fn content_length(text: &str) -> usize {
    let text = text.to_ascii_lowercase();
    let (_, rest) = text.split_once("content-length: ").unwrap();
    rest.split_once("\r\n").unwrap().0.parse().unwrap()
}

fn body(text: &str) -> &str {
    text.split_once("\r\n\r\n").unwrap().1
}

fn resets(handle: &Handle) -> u32 {
    handle.server().record("a", at(10)).unwrap().resets
}

#[test]
fn one_connection_serves_many_requests() {
    served(async |handle| {
        let text = exchange(&handle, &[TOUCH, PEEK, LAST_PEEK].concat()).await;
        assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 3, "{text}");
        assert_eq!(text.matches("2026-11-24T08:15:10.000Z").count(), 2);
        let date = "date: Tue, 24 Nov 2026 08:00:10 GMT\r\n";
        assert_eq!(text.matches(date).count(), 3);
        let record = handle.server().record("a", at(10)).unwrap();
        assert_eq!(record.calls(ApiOperation::PeekMe), 2);
        assert_eq!(record.calls(ApiOperation::HeadMe), 1);
    });
}

#[test]
fn a_connection_may_end_before_or_after_the_call_is_processed() {
    served(async |handle| {
        for (processing, expected) in [(Processing::Skipped, 0), (Processing::Done, 1)] {
            let ending = ConnectionEnd::Finish;
            inject(&handle, SimFault::Close { ending, processing });
            assert_eq!(exchange(&handle, TOUCH).await, "");
            assert_eq!(resets(&handle), expected);
        }
    });
}

#[test]
fn a_connection_may_be_reset() {
    served(async |handle| {
        let (ending, processing) = (ConnectionEnd::Reset, Processing::Skipped);
        inject(&handle, SimFault::Close { ending, processing });
        let mut stream = send(&handle, TOUCH).await;
        let error = stream.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_call_may_hang_until_the_client_leaves() {
    served(async |handle| {
        let processing = Processing::Skipped;
        inject(&handle, SimFault::Hang { processing });
        let mut stream = send(&handle, TOUCH).await;
        let waiting = stream.read_u8();
        let waited = tokio::time::timeout(Duration::from_millis(50), waiting).await;
        assert!(waited.is_err());
        drop(stream);
        assert_eq!(
            exchange(&handle, LAST_PEEK).await.matches("200 OK").count(),
            1
        );
        assert_eq!(resets(&handle), 0);
    });
}

#[test]
fn an_answer_may_be_late() {
    served(async |handle| {
        inject(&handle, SimFault::Latency(Duration::from_millis(60)));
        let mut stream = send(&handle, LAST_PEEK).await;
        let waiting = stream.read_u8();
        let waited = tokio::time::timeout(Duration::from_millis(20), waiting).await;
        assert!(waited.is_err());
        assert_eq!(stream.read_u8().await.unwrap(), b'H');
    });
}

#[test]
fn a_content_length_may_promise_too_much() {
    served(async |handle| {
        inject(&handle, SimFault::ContentLength(Length::TooLong(7)));
        let text = exchange(&handle, PEEK).await;
        assert_eq!(content_length(&text), body(&text).len() + 7);
        assert!(body(&text).ends_with('}'));
    });
}

#[test]
fn a_content_length_may_end_before_the_body() {
    served(async |handle| {
        inject(&handle, SimFault::ContentLength(Length::TooShort(7)));
        let text = exchange(&handle, PEEK).await;
        assert_eq!(content_length(&text), body(&text).len() - 7);
        assert!(body(&text).ends_with('}'));
    });
}

#[test]
fn what_answers_in_place_of_the_api_looks_like_it() {
    served(async |handle| {
        for (fault, status, mark) in [
            (SimFault::Page, "200 OK", "text/html"),
            (SimFault::Redirect, "302 Found", "http://portal.example/"),
            (SimFault::InvalidJson, "200 OK", r#"{"organization":{"id":"#),
            (SimFault::empty(401), "401 Unauthorized", "ength: 0\r\n"),
            (SimFault::empty(200), "200 OK", "ength: 0\r\n"),
            (
                SimFault::throttled(7),
                "429 Too Many Requests",
                "etry-after: 7\r\n",
            ),
            (
                SimFault::error(503, "x.y", "z"),
                "503 Service",
                r#""code":"x.y""#,
            ),
            (SimFault::empty(7), "500 Internal", "ength: 0\r\n"),
            (
                SimFault::DateSkew {
                    milliseconds: -10_000,
                },
                "200 OK",
                "08:00:00 GMT",
            ),
        ] {
            inject(&handle, fault);
            let text = exchange(&handle, LAST_PEEK).await;
            assert!(text.starts_with(&format!("HTTP/1.1 {status}")), "{text}");
            assert!(text.contains(mark), "{mark}: {text}");
        }
    });
}

#[test]
fn a_body_may_be_huge() {
    served(async |handle| {
        inject(&handle, SimFault::Huge { bytes: 100_000 });
        assert_eq!(body(&exchange(&handle, LAST_PEEK).await).len(), 100_000);
    });
}

#[test]
fn a_request_that_is_too_large_is_refused_and_may_be_chunked() {
    served(async |handle| {
        let head = "PUT /api/v2/tokens/timeout HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\r\n\
            Content-Type: application/json; charset=utf-8\r\nConnection: close\r\n";
        let filling = "x".repeat(100_000);
        let sized = format!("{head}Content-Length: 100000\r\n\r\n{filling}");
        let chunked =
            format!("{head}Transfer-Encoding: chunked\r\n\r\n186a0\r\n{filling}\r\n0\r\n\r\n");
        for request in [sized, chunked] {
            let text = exchange(&handle, &request).await;
            assert!(text.starts_with("HTTP/1.1 413"), "{text}");
        }
    });
}

#[test]
fn a_client_mints_a_token_on_the_same_listener() {
    served(async |handle| {
        let request = "POST /oauth/token HTTP/1.1\r\nHost: x\r\nAuthorization: Basic aWQ6c2VjcmV0\r\n\
            Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\
            Content-Length: 29\r\n\r\ngrant_type=client_credentials";
        assert!(
            exchange(&handle, request)
                .await
                .contains(r#""access_token":""#)
        );
    });
}

#[test]
fn nonsense_is_survived() {
    served(async |handle| {
        for request in [
            "\r\n\r\n\r\n",
            "GET\r\n\r\n",
            "GET /\u{fffd}%zz?%=%&& HTTP/1.1\r\nConnection: close\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            "CONNECT x:1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            "GET /api/v2/tokens/me HTTP/1.1\r\nAuthorization: Bearer \u{fffd}\r\nConnection: close\r\n\r\n",
            &format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(1_000_000)),
        ] {
            let mut stream = TcpStream::connect(handle.address()).await.unwrap();
            // The server may close or reset the connection before the request is written and the
            // answer is read.
            let _ = stream.write_all(request.as_bytes()).await;
            let _ = stream.shutdown().await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        assert!(
            exchange(&handle, LAST_PEEK)
                .await
                .starts_with("HTTP/1.1 200")
        );
    });
}

#[test]
fn dropping_the_handle_stops_serving() {
    served(async |handle| {
        let address = handle.address();
        let mut stream = send(&handle, PEEK).await;
        assert_eq!(stream.read_u8().await.unwrap(), b'H');
        drop(handle);
        let _ = stream.read_to_end(&mut Vec::new()).await;
        assert!(TcpStream::connect(address).await.is_err());
    });
}

fn authorization(value: &[u8]) -> String {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
    match Authorization::of(&headers) {
        Authorization::Absent => "absent".to_owned(),
        Authorization::Bearer(token) => format!("bearer {token}"),
        Authorization::Basic(pair) => format!("basic {pair}"),
    }
}

#[test]
fn schemes_are_read_in_any_case() {
    assert_eq!(authorization(b"Bearer abc"), "bearer abc");
    assert_eq!(authorization(b"bEARER  abc "), "bearer abc");
    assert_eq!(authorization(b"basic aWQ6c2VjcmV0"), "basic id:secret");
    assert_eq!(authorization(b"Basic aTo/Pw=="), "basic i:??");
}

#[test]
fn what_cannot_be_read_is_absent() {
    for value in [
        &b""[..],
        b"Bearer",
        b"Bearer ",
        b"abc",
        b"Digest abc",
        b"Bearer \xff\xfe",
        b"Basic !!!!",
        b"Basic /////w==",
    ] {
        assert_eq!(authorization(value), "absent");
    }
}
