//! Reads the server's instants: `Date`, `dateTokenIdles` and `Retry-After`.
//!
//! It never fails: an instant that cannot be read is absent, and the keeper handles its absence.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::Offset;
use serde_json::Value;

use super::bodies::ErrorBody;
use super::verdict::Answer;
use crate::time::ServerTime;

/// Parses a `Date` header: `Tue, 24 Nov 2026 08:00:00 GMT`.
pub(crate) fn http_date(text: &str) -> Option<ServerTime> {
    static PARSER: DateTimeParser = DateTimeParser::new();
    server_time(PARSER.parse_timestamp(text.trim()).ok()?)
}

/// Parses an instant in a body: ISO 8601, in UTC if it has no offset, or milliseconds since 1970.
pub(super) fn instant(value: &Value) -> Option<ServerTime> {
    match value {
        Value::String(text) => server_time(iso_8601(text.trim())?),
        Value::Number(number) => server_time(Timestamp::from_millisecond(number.as_i64()?).ok()?),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Returns the delay that a 429 requests: its header, or else the number in its message.
pub(super) fn retry_after(answer: &Answer<'_>) -> Option<Duration> {
    let header = answer.retry_after.and_then(|text| {
        whole_seconds(text.trim()).or_else(|| {
            let until = http_date(text)?;
            let date = http_date(answer.date?)?;
            Some(until.since(date).unwrap_or_default())
        })
    });
    header.or_else(|| {
        let error = ErrorBody::read(answer.body)?;
        if error.code() != Some("too.many.requests.retry.after") {
            return None;
        }
        let (_, rest) = error.message()?.split_once('[')?;
        whole_seconds(rest.split_once(']')?.0.trim())
    })
}

/// Parses digits only: `parse` alone would accept a sign.
fn whole_seconds(text: &str) -> Option<Duration> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = digits.then(|| text.parse().ok()).flatten()?;
    Some(Duration::from_secs(seconds))
}

fn iso_8601(text: &str) -> Option<Timestamp> {
    // A date without a time is not an instant: midnight would be a guess.
    if !text.contains(['T', 't', ' ']) {
        return None;
    }
    text.parse().ok().or_else(|| {
        let local: DateTime = text.parse().ok()?;
        Offset::UTC.to_timestamp(local).ok()
    })
}

/// Converts an instant. Servers write "never" and "unknown" as the year 1 or as 1970: neither is
/// an instant.
fn server_time(timestamp: Timestamp) -> Option<ServerTime> {
    let milliseconds = timestamp.as_millisecond();
    (milliseconds > 0).then(|| ServerTime::from_unix_milliseconds(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EIGHT: ServerTime = ServerTime::from_unix_milliseconds(1_795_507_200_000);

    #[test]
    fn an_instant_is_read_in_every_form_a_server_may_write_it() {
        for text in [
            "2026-11-24T08:00:00Z",
            "2026-11-24T08:00:00.000Z",
            "2026-11-24T09:00:00.000+01:00",
            "2026-11-24T03:00:00.000-0500",
            "2026-11-24T08:00:00.000+0000",
            "2026-11-24T08:00:00.000",
            "2026-11-24 08:00:00",
        ] {
            assert_eq!(instant(&Value::from(text)), Some(EIGHT), "{text}");
        }
        assert_eq!(instant(&Value::from(1_795_507_200_000_i64)), Some(EIGHT));
    }

    #[test]
    fn what_is_no_instant_is_absent() {
        for text in [
            "",
            "T",
            "never",
            "2026-11-24",
            "2026-13-24T08:00:00Z",
            "0001-01-01T00:00:00Z",
            "0000-00-00T00:00:00Z",
            "1970-01-01T00:00:00Z",
            "99999-01-01T00:00:00Z",
        ] {
            assert_eq!(instant(&Value::from(text)), None, "{text}");
        }
        for number in [i64::MIN, -1, 0, i64::MAX] {
            assert_eq!(instant(&Value::from(number)), None, "{number}");
        }
        assert_eq!(instant(&Value::from(1e300)), None);
        assert!(instant(&Value::from("9999-12-01T00:00:00Z")).is_some());
    }

    #[test]
    fn a_date_header_is_read_strictly() {
        assert_eq!(http_date("Tue, 24 Nov 2026 08:00:00 GMT"), Some(EIGHT));
        for text in [
            "",
            "Mon, 24 Nov 2026 08:00:00 GMT",
            "Tue, 24 Nov 2026",
            "2026-11-24T08:00:00Z",
            "Tue, 24 Nov 2026 25:00:00 GMT",
        ] {
            assert_eq!(http_date(text), None, "{text}");
        }
    }

    #[test]
    fn a_wait_is_a_whole_number_of_seconds_or_a_date() {
        let wait = |retry_after, date| {
            retry_after_of(Answer {
                retry_after: Some(retry_after),
                date,
                ..Answer::new(429, b"")
            })
        };
        let date = Some("Tue, 24 Nov 2026 08:00:00 GMT");
        assert_eq!(wait("42", None), Some(Duration::from_secs(42)));
        assert_eq!(wait(" 0 ", None), Some(Duration::ZERO));
        let later = "Tue, 24 Nov 2026 08:01:30 GMT";
        assert_eq!(wait(later, date), Some(Duration::from_secs(90)));
        assert_eq!(wait(later, None), None);
        let earlier = "Tue, 24 Nov 2026 07:00:00 GMT";
        assert_eq!(wait(earlier, date), Some(Duration::ZERO));
        for garbage in ["", "-1", "+1", "1.5", "soon", "99999999999999999999"] {
            assert_eq!(wait(garbage, date), None, "{garbage}");
        }
    }

    #[test]
    fn without_a_header_the_wait_is_in_the_message() {
        let body = br#"{"message":"Rate limit exceeded the maximum. Retry the request in [42] seconds","code":"too.many.requests.retry.after"}"#;
        let wait = retry_after_of(Answer::new(429, body));
        assert_eq!(wait, Some(Duration::from_secs(42)));
        let other_code = br#"{"message":"Retry in [42] seconds","code":"rate.limit"}"#;
        assert_eq!(retry_after_of(Answer::new(429, other_code)), None);
        let garbage = br#"{"message":"[-42]","code":"too.many.requests.retry.after"}"#;
        assert_eq!(retry_after_of(Answer::new(429, garbage)), None);
    }

    fn retry_after_of(answer: Answer<'_>) -> Option<Duration> {
        retry_after(&answer)
    }
}
