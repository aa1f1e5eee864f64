//! Tests of failing networks and servers: each failure is identified, and none counts as an answer.

use std::net::TcpListener;

use session_keepalive::api::{BODY_MAX, Client};
use session_keepalive::keeper::{BlockReason, Failure, NotTheApi, Operation, Outcome, Verdict};

use super::{EVERY, HEAD, TOKEN_INFO, ask, base, client, config, failed, http};
use crate::it::support::raw::{RawReply, RawServer};

async fn outcome_of(script: RawReply, operation: Operation) -> Outcome {
    let server = RawServer::start(script);
    let api = base(format!("http://{}", server.address()));
    let outcome = ask(&client(), &api, operation).await;
    assert_eq!(server.requests().len(), 1, "asked once");
    outcome
}

#[tokio::test]
async fn a_server_that_closes_before_it_answers_is_broken() {
    for operation in EVERY {
        let outcome = outcome_of(RawReply::Send(vec![]), operation).await;
        assert_eq!(failed(&outcome), Some(&Failure::Broken), "{operation:?}");
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_broken() {
    let mut early = http("200 OK", "", TOKEN_INFO);
    early.truncate(early.len() - 1);
    let outcome = outcome_of(RawReply::Send(early), Operation::Peek).await;
    assert_eq!(failed(&outcome), Some(&Failure::Broken));
}

#[tokio::test]
async fn a_chunk_that_is_none_is_broken() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnone\r\n".to_vec();
    let outcome = outcome_of(RawReply::Send(chunked), Operation::Peek).await;
    assert_eq!(failed(&outcome), Some(&Failure::Broken));
}

#[tokio::test]
async fn garbage_is_broken() {
    for garbage in [&b"\0\xff\0\xff\r\n\r\n"[..], b"SSH-2.0-OpenSSH_9.6\r\n"] {
        let outcome = outcome_of(RawReply::Send(garbage.to_vec()), HEAD).await;
        assert_eq!(failed(&outcome), Some(&Failure::Broken));
    }
}

#[tokio::test]
async fn a_length_that_is_too_short_cuts_the_body() {
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{\"organization\":{}}".to_vec();
    let outcome = outcome_of(RawReply::Send(cut), Operation::Peek).await;
    let unexpected = BlockReason::NotTheApi(NotTheApi::UnexpectedBody);
    assert_eq!(outcome.verdict, Verdict::Blocked(unexpected));
}

#[tokio::test]
async fn a_server_that_hangs_before_or_within_its_answer_is_out_of_time() {
    let mut half = http("200 OK", "", TOKEN_INFO);
    half.truncate(half.len() - 1);
    for sent in [vec![], half] {
        let server = RawServer::start(RawReply::SendAndHang(sent));
        let api = base(format!("http://{}", server.address()));
        let mut config = config();
        config.request_timeout = std::time::Duration::from_millis(100);
        let client = Client::new(&config).unwrap();
        let outcome = ask(&client, &api, Operation::Peek).await;
        assert_eq!(failed(&outcome), Some(&Failure::TimedOut));
    }
}

#[tokio::test]
async fn a_body_is_read_to_its_limit_and_no_further() {
    let padded = |length| format!("{TOKEN_INFO}{}", " ".repeat(length - TOKEN_INFO.len()));
    let whole = http("200 OK", "", &padded(BODY_MAX));
    let outcome = outcome_of(RawReply::Send(whole), Operation::Peek).await;
    assert_eq!(outcome.verdict.as_str(), "alive");
    let over = http("200 OK", "", &padded(BODY_MAX + 1));
    let outcome = outcome_of(RawReply::SendAndHang(over), Operation::Peek).await;
    assert_eq!(failed(&outcome), Some(&Failure::BodyTooLarge));
}

#[tokio::test]
async fn a_body_without_end_is_too_large() {
    let server = RawServer::start(RawReply::SendForever(
        b"HTTP/1.1 200 OK\r\n\r\n".repeat(100),
    ));
    let api = base(format!("http://{}", server.address()));
    let outcome = ask(&client(), &api, Operation::Peek).await;
    assert_eq!(failed(&outcome), Some(&Failure::BodyTooLarge));
}

/// Returns an answer with this number of header fields of this length in bytes.
fn with_header(fields: usize, length: usize) -> Vec<u8> {
    let padding = "x".repeat(length);
    let fields: Vec<_> = (0..fields)
        .map(|number| format!("X-Field-{number}: {padding}\r\n"))
        .collect();
    http("200 OK", &fields.concat(), TOKEN_INFO)
}

#[tokio::test]
async fn an_answer_with_a_long_header_is_taken() {
    for (fields, length) in [(500, 10), (12, 8_000), (3, 60_000)] {
        let outcome =
            outcome_of(RawReply::Send(with_header(fields, length)), Operation::Peek).await;
        assert_eq!(outcome.verdict.as_str(), "alive", "{fields} of {length}");
    }
}

#[tokio::test]
async fn a_header_that_is_too_long_is_named_as_the_failure() {
    for (fields, length) in [(1_100, 10), (10, 100_000)] {
        let outcome =
            outcome_of(RawReply::Send(with_header(fields, length)), Operation::Peek).await;
        assert_eq!(failed(&outcome), Some(&Failure::HeaderTooLarge));
    }
}

#[tokio::test]
async fn a_long_login_page_is_a_login_page() {
    let page = format!("<html>{}", "x".repeat(2 * BODY_MAX));
    let answer = http("200 OK", "Content-Type: text/html\r\n", &page);
    let outcome = outcome_of(RawReply::SendAndHang(answer), Operation::Peek).await;
    let unexpected = BlockReason::NotTheApi(NotTheApi::UnexpectedBody);
    assert_eq!(outcome.verdict, Verdict::Blocked(unexpected));
}

#[tokio::test]
async fn a_failing_server_that_breaks_off_has_failed_all_the_same() {
    let answer = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 9\r\n\r\n<".to_vec();
    let outcome = outcome_of(RawReply::Send(answer), Operation::Peek).await;
    assert_eq!(failed(&outcome), Some(&Failure::ServerError(502)));
}

#[tokio::test]
async fn a_refused_connection_is_none() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let outcome = ask(&client(), &base(format!("http://{address}")), HEAD).await;
    assert_eq!(failed(&outcome), Some(&Failure::NotConnected));
    assert_eq!(outcome.status, None);
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_not_resolved() {
    let api = base("https://does-not-exist.invalid");
    let outcome = ask(&client(), &api, HEAD).await;
    assert_eq!(failed(&outcome), Some(&Failure::NameNotResolved));
}
