use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::keeper::{ServerTime, TimeoutReport, TokenReport, Touch};

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

fn judged(operation: Operation, status: u16, body: &str) -> Verdict {
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
            assert_eq!(judged(operation, status, ""), Verdict::Accepted);
        }
    }
}

#[test]
fn a_token_info_proves_life_to_a_peek_and_to_a_touch() {
    let report = TokenReport {
        organisation: Some("o-1".into()),
        organisation_name: Some("Acme".into()),
        idles_at: Some(ServerTime::from_unix_milliseconds(1_795_507_200_000)),
    };
    for operation in [Operation::Peek, GET] {
        let verdict = judged(operation, 200, TOKEN_INFO);
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
    let verdict = judged(Operation::ReadTimeout, 200, body);
    assert_eq!(verdict, Verdict::Timeout(report));
}

#[test]
fn a_2xx_that_is_not_what_the_api_sends_is_never_a_success() {
    for body in ["", "{}", "null", "OK", PAGE, r#"{"status":"ok"}"#] {
        for operation in [Operation::Peek, GET, Operation::ReadTimeout] {
            assert_eq!(judged(operation, 200, body), page(), "{operation:?} {body}");
        }
    }
    assert_eq!(judged(Operation::ReadTimeout, 200, TOKEN_INFO), page());
    assert_eq!(judged(Operation::Revoke, 200, PAGE), page());
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
        let verdict = judged(operation, 401, BAD_CREDENTIALS);
        assert_eq!(verdict, Verdict::Refused(Refusal::BadCredentials));
    }
    let nested = r#"{"message":"m","errors":[{"code":"bad.credentials"}]}"#;
    let verdict = judged(Operation::Peek, 401, nested);
    assert_eq!(verdict, Verdict::Refused(Refusal::BadCredentials));
}

#[test]
fn a_revocation_of_a_token_that_is_gone_counts_as_done() {
    for body in [BAD_CREDENTIALS, "", "\r\n"] {
        assert_eq!(judged(Operation::Revoke, 401, body), Verdict::Accepted);
    }
    assert_eq!(
        judged(Operation::Revoke, 401, &coded(401, "ip.not.authorized")),
        Verdict::Blocked(Blockage::AddressNotAllowed)
    );
    assert_eq!(judged(Operation::Revoke, 401, PAGE), page());
}

#[test]
fn other_codes_of_401_are_not_death() {
    for operation in WITH_BODY {
        for (code, blockage) in [
            ("ip.not.authorized", Blockage::AddressNotAllowed),
            ("authentication.required", Blockage::HeaderMissing),
            (
                "Bad.Credentials",
                Blockage::Rejected(401, "Bad.Credentials".into()),
            ),
            (
                "bad.credentials ",
                Blockage::Rejected(401, "bad.credentials".into()),
            ),
        ] {
            let verdict = judged(operation, 401, &coded(401, code));
            assert_eq!(verdict, Verdict::Blocked(blockage), "{operation:?} {code}");
        }
    }
}

#[test]
fn a_401_whose_code_cannot_be_read_asks_for_a_peek() {
    let unread = Verdict::Refused(Refusal::Unread);
    for body in ["", " \n", BAD_CREDENTIALS, PAGE] {
        assert_eq!(judged(HEAD, 401, body), unread, "HEAD has no body");
    }
    let says_page = Answer {
        content_type: Some("text/html"),
        ..Answer::new(401, b"")
    };
    for operation in [HEAD, Operation::Peek, GET, Operation::ReadTimeout] {
        assert_eq!(judged(operation, 401, ""), unread);
        assert_eq!(verdict(operation, &says_page).verdict, unread);
    }
}

#[test]
fn a_401_with_a_page_or_other_text_is_not_the_api() {
    for operation in WITH_BODY {
        for body in [PAGE, "Unauthorized", "[]", "\"bad.credentials\""] {
            assert_eq!(judged(operation, 401, body), page(), "{operation:?} {body}");
        }
    }
    let uncoded = judged(Operation::Peek, 401, r#"{"message":"m"}"#);
    assert_eq!(
        uncoded,
        Verdict::Blocked(Blockage::Rejected(401, "401".into()))
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
                judged(operation, 403, &coded(403, code)),
                Verdict::Blocked(Blockage::Forbidden(code.into()))
            );
        }
    }
    let bare = Verdict::Blocked(Blockage::Forbidden("403".into()));
    assert_eq!(judged(HEAD, 403, ""), bare);
    assert_eq!(judged(Operation::Peek, 403, "no"), bare);
    assert_eq!(judged(Operation::Peek, 403, PAGE), page());
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
            judged(operation, 429, PAGE),
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
                assert_eq!(judged(operation, status, body), expected);
            }
        }
    }
}

#[test]
fn redirects_and_a_proxys_demands_are_not_the_api() {
    for operation in EVERY {
        for status in [300, 301, 302, 304, 307, 308] {
            let expected = not_the_api(NotTheApi::Redirect);
            assert_eq!(judged(operation, status, TOKEN_INFO), expected);
        }
        let expected = not_the_api(NotTheApi::ProxyAuthentication);
        assert_eq!(judged(operation, 407, BAD_CREDENTIALS), expected);
    }
}

#[test]
fn other_documented_errors_come_with_their_code() {
    for status in [400, 404, 405, 409, 410, 413, 415, 451] {
        let named = judged(Operation::Peek, status, &coded(status, "some.code"));
        let expected = Blockage::Rejected(status, "some.code".into());
        assert_eq!(named, Verdict::Blocked(expected));
        let bare = Blockage::Rejected(status, status.to_string().into());
        assert_eq!(judged(HEAD, status, ""), Verdict::Blocked(bare));
        assert_eq!(judged(Operation::Peek, status, PAGE), page());
    }
}

#[test]
fn statuses_that_no_final_answer_has_are_not_the_api() {
    for operation in EVERY {
        for status in [0, 100, 101, 199, 600, 999, u16::MAX] {
            assert_eq!(judged(operation, status, TOKEN_INFO), page());
        }
    }
}

#[test]
fn codes_and_correlation_ids_cannot_forge_a_log_line() {
    let code = format!(r#"{{"code":"a\r\n\u001b[2J{}"}}"#, "b".repeat(200));
    let cut = format!("a[2J{}", "b".repeat(124));
    assert_eq!(
        judged(Operation::Peek, 400, &code),
        Verdict::Blocked(Blockage::Rejected(400, cut.into()))
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

fn any_json() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "code",
        "errors",
        "message",
        "organization",
        "dateTokenIdles",
        "idleTokenTimeoutSeconds",
        "inactivityTimeoutGroupBundles",
        "timeoutSeconds",
    ]);
    let leaf = prop_oneof![
        Just(r#""bad.credentials""#.to_owned()),
        Just("null".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("JSON has no NaN", |number| number.is_finite())
            .prop_map(|number| number.to_string()),
        "[ -~&&[^\"\\\\]]{0,40}".prop_map(|text| format!("\"{text}\"")),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|elements| format!("[{}]", elements.join(","))),
            prop::collection::vec((name.clone(), inner), 0..4).prop_map(|fields| {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(name, value)| format!("\"{name}\":{value}"))
                    .collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any_json().prop_map(String::into_bytes),
        Just(BAD_CREDENTIALS.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..64),
    ]
}

/// Whether the JSON says it anywhere a code may stand, found without the code under test.
fn says_bad_credentials(value: &serde_json::Value) -> bool {
    let code = value.get("code").and_then(serde_json::Value::as_str);
    let nested = value.get("errors").and_then(serde_json::Value::as_array);
    code == Some("bad.credentials")
        || nested.is_some_and(|errors| errors.iter().any(says_bad_credentials))
}

proptest! {
    #[test]
    fn no_answer_panics_and_only_one_is_death(
        status in prop_oneof![Just(401), 0..1000_u16],
        operation in prop::sample::select(EVERY.to_vec()),
        body in any_body(),
        date in prop::option::of(".{0,40}"),
        retry_after in prop::option::of(prop_oneof![".{0,40}", "[0-9]{1,24}"]),
        correlation_id in prop::option::of(".{0,100}"),
        content_type in prop::option::of(prop_oneof![".{0,20}", Just("text/html".to_owned())]),
    ) {
        let answer = Answer {
            status,
            date: date.as_deref(),
            retry_after: retry_after.as_deref(),
            correlation_id: correlation_id.as_deref(),
            content_type: content_type.as_deref(),
            body: &body,
        };
        if verdict(operation, &answer).verdict == Verdict::Refused(Refusal::BadCredentials) {
            prop_assert_eq!(status, 401);
            let json = serde_json::from_slice(&body).expect("a death has a JSON body");
            prop_assert!(says_bad_credentials(&json));
        }
    }
}
