//! Any answer to any request: the verdict is as documented, and no part of the token is shown.

#![no_main]

use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use session_keepalive::api::{Answer, ErrorBody, IdleTokenTimeout, Redactor, TokenInfo, verdict};
use session_keepalive::keeper::{Operation, Refusal, Verdict};
use session_keepalive::token::Token;

const TOKEN: &[u8] = b"8y3Lw0vJ-4Tq_Zr7NcXbGdKfPmHs2AeU5iWo9RtQ1jVxYkE6aCzSgBuDlInOpF";

/// The length of a fragment of the token that must not be shown.
const FRAGMENT: usize = 8;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    operation: u8,
    status: u16,
    date: Option<&'a str>,
    retry_after: Option<&'a str>,
    correlation_id: Option<&'a str>,
    content_type: Option<&'a str>,
    content_encoding: Option<&'a str>,
    age: Option<&'a str>,
    body: &'a [u8],
    /// Where the token is put into the text that is redacted, and how.
    at: u8,
    from: u8,
    escaped: bool,
}

fuzz_target!(|input: Input<'_>| {
    let answer = Answer {
        status: 100 + input.status % 500,
        date: input.date,
        retry_after: input.retry_after,
        correlation_id: input.correlation_id,
        content_type: input.content_type,
        content_encoding: input.content_encoding,
        age: input.age,
        body: input.body,
    };
    let operation = Operation::ALL[usize::from(input.operation) % Operation::ALL.len()];
    let outcome = verdict(operation, &answer);
    match outcome.verdict {
        Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) => {
            assert!((200..300).contains(&answer.status));
        }
        Verdict::Refused(Refusal::BadCredentials) => {
            assert_eq!(answer.status, 401);
            let code = ErrorBody::read(answer.body).and_then(|error| error.code().map(str::to_owned));
            assert_eq!(code.as_deref(), Some("bad.credentials"));
        }
        Verdict::Refused(Refusal::Unread) => assert_eq!(answer.status, 401),
        // The keeper limits how long it waits.
        Verdict::Throttled { .. } => assert_eq!(answer.status, 429),
        Verdict::Blocked(_) | Verdict::Unreachable(_) => {}
    }
    if let Some(id) = &outcome.correlation_id {
        assert!(id.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && id.len() <= 64);
    }
    if let Some(info) = TokenInfo::read(input.body) {
        let _report = info.report();
        let _parts = (info.organisation(), info.home_organisation(), info.client(), info.scopes());
    }
    if let Some(mut timeout) = IdleTokenTimeout::read(input.body) {
        let before = timeout.report();
        assert!(before.groups.len() <= timeout.groups().len());
        timeout.set(900);
        assert_eq!(timeout.timeout(), Some(Duration::from_secs(900)));
        timeout.disable();
        assert_eq!(timeout.is_enabled(), Some(false));
    }
    redact(&input);
});

fn redact(input: &Input<'_>) {
    let Ok(token) = Token::from_bytes(TOKEN.to_vec()) else {
        return;
    };
    let text = String::from_utf8_lossy(input.body).into_owned();
    let from = usize::from(input.from) % (TOKEN.len() - FRAGMENT);
    let fragment: String = TOKEN[from..]
        .iter()
        .map(|&byte| match input.escaped {
            true => format!("\\u{byte:04x}"),
            false => char::from(byte).to_string(),
        })
        .collect();
    let mut at = usize::from(input.at).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let text = format!("{}{fragment}{}", &text[..at], &text[at..]);
    let shown = Redactor::new(&token).text(&text).into_owned();
    for run in TOKEN.windows(FRAGMENT) {
        let plain: String = run.iter().copied().map(char::from).collect();
        let escaped: String = run.iter().map(|byte| format!("\\u{byte:04x}")).collect();
        assert!(!shown.contains(&plain) && !shown.contains(&escaped), "{shown:?}");
    }
}
