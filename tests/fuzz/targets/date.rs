//! Any text as a date or a `Retry-After`: it is read within limits or ignored.

#![no_main]

use libfuzzer_sys::fuzz_target;
use session_keepalive::api::{Answer, TokenInfo, verdict};
use session_keepalive::fuzzing;
use session_keepalive::keeper::{Operation, Verdict};

fuzz_target!(|text: &str| {
    // Before the year 10000, in milliseconds.
    let is_in_range = |milliseconds: i64| milliseconds.abs() < 253_402_300_800_000;
    if let Some(date) = fuzzing::http_date(text) {
        assert!(is_in_range(date.unix_milliseconds()), "{date:?}");
    }
    let answer = Answer {
        date: Some(text),
        retry_after: Some(text),
        age: Some(text),
        ..Answer::new(429, b"")
    };
    let outcome = verdict(Operation::Peek, &answer);
    assert!(matches!(outcome.verdict, Verdict::Throttled { .. }));
    let quoted: String = text.chars().filter(|it| !matches!(it, '"' | '\\') && !it.is_control()).collect();
    let body = format!("{{\"organization\":{{\"id\":\"o\"}},\"dateTokenIdles\":\"{quoted}\"}}");
    let info = TokenInfo::read(body.as_bytes()).expect("a TokenInfo");
    if let Some(idles_at) = info.idles_at() {
        assert!(is_in_range(idles_at.unix_milliseconds()), "{idles_at:?}");
    }
});
