mod any_answer;

use std::time::Duration;

use super::*;
use crate::keeper::{TimeoutReport, TokenReport, Touch};
use crate::time::ServerTime;

const BAD_CREDENTIALS: &str = r#"{"message":"Invalid login credentials.","code":"bad.credentials","status":401,"contextId":"c","details":[],"errors":[]}"#;
const TOKEN_INFO: &str =
    r#"{"organization":{"id":"o-1","name":"Acme"},"dateTokenIdles":"2026-11-24T08:00:00.000Z"}"#;
const PAGE: &str = "<!DOCTYPE html><title>Welcome to the hotel</title>";
const HEAD: Operation = Operation::Touch(Touch::Head);
const GET: Operation = Operation::Touch(Touch::Get);
const EVERY: [Operation; 5] = [
    Operation::Peek,
    HEAD,
    GET,
    Operation::ReadTimeout,
    Operation::Revoke,
];
const WITH_BODY: [Operation; 4] = [
    Operation::Peek,
    GET,
    Operation::ReadTimeout,
    Operation::Revoke,
];

fn verdict_of(operation: Operation, status: u16, body: &str) -> Verdict {
    verdict(operation, &Answer::new(status, body.as_bytes())).verdict
}

fn coded(status: u16, code: &str) -> String {
    format!(r#"{{"message":"m","code":"{code}","status":{status}}}"#)
}

fn page() -> Verdict {
    not_the_api(NotTheApi::UnexpectedBody)
}

#[test]
fn any_2xx_to_head_or_delete_is_accepted() {
    for operation in [HEAD, Operation::Revoke] {
        for status in [200, 202, 204, 299] {
            assert_eq!(verdict_of(operation, status, ""), Verdict::Accepted);
        }
    }
}

#[test]
fn a_token_info_proves_life_to_a_peek_and_to_a_touch() {
    let report = TokenReport {
        organisation: Some("o-1".into()),
        organisation_name: Some("Acme".into()),
        client: None,
        client_end: None,
        idles_at: Some(ServerTime::from_unix_milliseconds(1_795_507_200_000)),
    };
    for operation in [Operation::Peek, GET] {
        let verdict = verdict_of(operation, 200, TOKEN_INFO);
        assert_eq!(verdict, Verdict::Alive(report.clone()));
    }
}

#[test]
fn an_idle_timeout_is_reported() {
    let body = r#"{"idleTokenTimeoutSeconds":900,"enableIdleTokenTimeout":true}"#;
    let report = TimeoutReport {
        organisation: Some(Duration::from_secs(900)),
        groups: vec![],
    };
    let verdict = verdict_of(Operation::ReadTimeout, 200, body);
    assert_eq!(verdict, Verdict::Timeout(report));
}

#[test]
fn a_2xx_that_is_not_what_the_api_sends_is_never_a_success() {
    for body in ["", "{}", "null", "OK", PAGE, r#"{"status":"ok"}"#] {
        for operation in [Operation::Peek, GET, Operation::ReadTimeout] {
            assert_eq!(
                verdict_of(operation, 200, body),
                page(),
                "{operation:?} {body}"
            );
        }
    }
    assert_eq!(verdict_of(Operation::ReadTimeout, 200, TOKEN_INFO), page());
    assert_eq!(verdict_of(Operation::Revoke, 200, PAGE), page());
}

#[test]
fn a_captive_portals_answer_to_head_gives_itself_away_by_its_content_type() {
    for content_type in ["text/html", "Text/HTML; charset=utf-8", " text/html"] {
        for operation in [HEAD, Operation::Revoke] {
            let answer = Answer {
                content_type: Some(content_type),
                ..Answer::new(200, b"")
            };
            assert_eq!(verdict(operation, &answer).verdict, page());
        }
    }
    let json = Answer {
        content_type: Some("application/json"),
        ..Answer::new(200, b"")
    };
    assert_eq!(verdict(HEAD, &json).verdict, Verdict::Accepted);
}

#[test]
fn bad_credentials_are_death_to_all_but_a_revocation() {
    for operation in [Operation::Peek, GET, Operation::ReadTimeout] {
        let verdict = verdict_of(operation, 401, BAD_CREDENTIALS);
        assert_eq!(verdict, Verdict::Refused(Refusal::BadCredentials));
    }
    let nested = r#"{"message":"m","errors":[{"code":"bad.credentials"}]}"#;
    let verdict = verdict_of(Operation::Peek, 401, nested);
    assert_eq!(verdict, Verdict::Refused(Refusal::BadCredentials));
}

#[test]
fn a_refused_revocation_is_no_success_by_itself() {
    let refused = |body| verdict_of(Operation::Revoke, 401, body);
    let bad_credentials = Verdict::Refused(Refusal::BadCredentials);
    assert_eq!(refused(BAD_CREDENTIALS), bad_credentials);
    for body in ["", "\r\n"] {
        assert_eq!(refused(body), Verdict::Refused(Refusal::Unread));
    }
    assert_eq!(
        verdict_of(Operation::Revoke, 401, &coded(401, "ip.not.authorized")),
        Verdict::Blocked(BlockReason::AddressNotAllowed)
    );
    assert_eq!(verdict_of(Operation::Revoke, 401, PAGE), page());
}

#[test]
fn other_codes_of_401_are_not_death() {
    for operation in WITH_BODY {
        for (code, reason) in [
            ("ip.not.authorized", BlockReason::AddressNotAllowed),
            ("authentication.required", BlockReason::HeaderMissing),
            (
                "Bad.Credentials",
                BlockReason::Rejected(401, "Bad.Credentials".into()),
            ),
            (
                "bad.credentials ",
                BlockReason::Rejected(401, "bad.credentials".into()),
            ),
        ] {
            let verdict = verdict_of(operation, 401, &coded(401, code));
            assert_eq!(verdict, Verdict::Blocked(reason), "{operation:?} {code}");
        }
    }
}

#[test]
fn a_401_whose_code_cannot_be_read_asks_for_a_peek() {
    let unread = Verdict::Refused(Refusal::Unread);
    for body in ["", " \n", BAD_CREDENTIALS, PAGE] {
        assert_eq!(verdict_of(HEAD, 401, body), unread, "HEAD has no body");
    }
    let empty_page = Answer {
        content_type: Some("text/html"),
        ..Answer::new(401, b"")
    };
    for operation in [HEAD, Operation::Peek, GET, Operation::ReadTimeout] {
        assert_eq!(verdict_of(operation, 401, ""), unread);
        assert_eq!(verdict(operation, &empty_page).verdict, unread);
    }
}

#[test]
fn a_401_with_a_page_or_other_text_is_not_the_api() {
    for operation in WITH_BODY {
        for body in [PAGE, "Unauthorized", "[]", "\"bad.credentials\""] {
            assert_eq!(
                verdict_of(operation, 401, body),
                page(),
                "{operation:?} {body}"
            );
        }
    }
    let uncoded = verdict_of(Operation::Peek, 401, r#"{"message":"m"}"#);
    assert_eq!(
        uncoded,
        Verdict::Blocked(BlockReason::Rejected(401, "401".into()))
    );
}

#[test]
fn forbidden_is_no_verdict_on_the_token() {
    for operation in WITH_BODY {
        for code in [
            "app.not.authorized.for.scope",
            "missing.permissions",
            "authz.policy.denied",
        ] {
            assert_eq!(
                verdict_of(operation, 403, &coded(403, code)),
                Verdict::Blocked(BlockReason::Forbidden(code.into()))
            );
        }
    }
    let bare = Verdict::Blocked(BlockReason::Forbidden("403".into()));
    assert_eq!(verdict_of(HEAD, 403, ""), bare);
    assert_eq!(verdict_of(Operation::Peek, 403, "no"), bare);
    assert_eq!(verdict_of(Operation::Peek, 403, PAGE), page());
}

#[test]
fn rate_limits_are_passed_on_for_every_operation() {
    for operation in EVERY {
        let answer = Answer {
            retry_after: Some("42"),
            ..Answer::new(429, b"")
        };
        assert_eq!(
            verdict(operation, &answer).verdict,
            Verdict::Throttled {
                retry_after: Some(Duration::from_secs(42))
            }
        );
        assert_eq!(
            verdict_of(operation, 429, PAGE),
            Verdict::Throttled { retry_after: None }
        );
    }
}

#[test]
fn a_server_that_fails_says_nothing_about_the_token() {
    for operation in EVERY {
        for status in [408, 500, 502, 503, 504, 599] {
            for body in ["", PAGE, BAD_CREDENTIALS, TOKEN_INFO] {
                let expected = Verdict::Unreachable(Failure::ServerError(status));
                assert_eq!(verdict_of(operation, status, body), expected);
            }
        }
    }
}

#[test]
fn redirects_and_a_proxys_demands_are_not_the_api() {
    for operation in EVERY {
        for status in [300, 301, 302, 304, 307, 308] {
            let expected = not_the_api(NotTheApi::Redirect);
            assert_eq!(verdict_of(operation, status, TOKEN_INFO), expected);
        }
        let expected = not_the_api(NotTheApi::ProxyAuthentication);
        assert_eq!(verdict_of(operation, 407, BAD_CREDENTIALS), expected);
    }
}

#[test]
fn other_documented_errors_come_with_their_code() {
    for status in [400, 404, 405, 409, 410, 413, 415, 451] {
        let named = verdict_of(Operation::Peek, status, &coded(status, "some.code"));
        let expected = BlockReason::Rejected(status, "some.code".into());
        assert_eq!(named, Verdict::Blocked(expected));
        let bare = BlockReason::Rejected(status, status.to_string().into());
        assert_eq!(verdict_of(HEAD, status, ""), Verdict::Blocked(bare));
        assert_eq!(verdict_of(Operation::Peek, status, PAGE), page());
    }
}

#[test]
fn statuses_that_no_final_answer_has_are_not_the_api() {
    for operation in EVERY {
        for status in [0, 100, 101, 199, 600, 999, u16::MAX] {
            assert_eq!(verdict_of(operation, status, TOKEN_INFO), page());
        }
    }
}

#[test]
fn codes_and_correlation_ids_cannot_forge_a_log_line() {
    let code = format!(r#"{{"code":"a\r\n\u001b[2J{}"}}"#, "b".repeat(200));
    let cut = format!("a[2J{}", "b".repeat(124));
    assert_eq!(
        verdict_of(Operation::Peek, 400, &code),
        Verdict::Blocked(BlockReason::Rejected(400, cut.into()))
    );
    let id = format!("\t{}", "c".repeat(100));
    let answer = Answer {
        correlation_id: Some(&id),
        ..Answer::new(200, b"")
    };
    let outcome = verdict(HEAD, &answer);
    assert_eq!(
        outcome.correlation_id.as_deref(),
        Some("c".repeat(64).as_str())
    );
}

#[test]
fn the_outcome_carries_the_status_and_the_servers_date() {
    let answer = Answer {
        date: Some("Tue, 24 Nov 2026 08:00:00 GMT"),
        ..Answer::new(204, b"")
    };
    let outcome = verdict(Operation::Revoke, &answer);
    assert_eq!(outcome.status, Some(204));
    let eight = ServerTime::from_unix_milliseconds(1_795_507_200_000);
    assert_eq!(outcome.date, Some(eight));
    let garbage = Answer {
        date: Some("yesterday"),
        ..answer
    };
    assert_eq!(verdict(Operation::Revoke, &garbage).date, None);
}

#[test]
fn an_answer_that_has_an_age_came_from_a_cache() {
    let cached = |age| {
        let answer = Answer {
            age,
            ..Answer::new(200, TOKEN_INFO.as_bytes())
        };
        verdict(Operation::Peek, &answer).is_cached
    };
    for age in ["1", " 37 ", "99999999999999999999"] {
        assert!(cached(Some(age)), "{age}");
    }
    for age in [None, Some("0"), Some(""), Some("-1"), Some("old")] {
        assert!(!cached(age), "{age:?}");
    }
}

#[test]
fn an_encoding_that_was_not_asked_for_is_named_where_the_body_is_needed() {
    let encoded = |operation, status, body| {
        let answer = Answer {
            content_encoding: Some("gzip"),
            ..Answer::new(status, body)
        };
        verdict(operation, &answer).verdict
    };
    let gzip = b"\x1f\x8b\x08\0";
    let named = not_the_api(NotTheApi::Encoded("gzip".into()));
    for operation in [Operation::Peek, GET, Operation::ReadTimeout] {
        assert_eq!(encoded(operation, 200, gzip), named, "{operation:?}");
        assert_eq!(encoded(operation, 401, gzip), named, "{operation:?}");
    }
    for operation in [HEAD, Operation::Revoke] {
        assert_eq!(encoded(operation, 200, b""), Verdict::Accepted);
    }
    // The header may be wrong although the body is plain.
    let plain = encoded(Operation::Peek, 401, BAD_CREDENTIALS.as_bytes());
    assert_eq!(plain, Verdict::Refused(Refusal::BadCredentials));
    let failing = Verdict::Unreachable(Failure::ServerError(503));
    assert_eq!(encoded(Operation::Peek, 503, gzip), failing);
}
