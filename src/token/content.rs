//! The content of a source: a bare token, or the JSON object with which login hosts answer.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{NotAToken, Token};

/// The longest lifetime that is believed: no token of the API lives longer than 48 hours.
const LIFETIME_MAX: Duration = Duration::from_secs(48 * 3600);

/// The end of a token's lifetime, as its source reports it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReportedExpiry {
    /// `expires_in`: the lifetime, counted from when the token was issued.
    In(Duration),
    /// `expires_at`: the instant, on the wall clock. The lifetime is known if `expires_in` counts
    /// from the modification of a file.
    At(Timestamp, Option<Duration>),
}

impl ReportedExpiry {
    /// Returns the expiry for a file that was written at this time, from which its `expires_in`
    /// counts.
    pub(super) fn since(self, written: Option<Timestamp>) -> Self {
        match (self, written) {
            (Self::In(lifetime), Some(written)) => written
                .checked_add(lifetime)
                .map_or(self, |at| Self::At(at, Some(lifetime))),
            _ => self,
        }
    }
}

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    access_token: Option<Cow<'a, str>>,
    expires_in: Option<Value>,
    expires_at: Option<Value>,
}

/// A token and what its source holds beside it.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) token: Token,
    /// The end of the token's lifetime, if the source is an object that reports one.
    pub(super) expiry: Option<ReportedExpiry>,
    /// True if the token is the `access_token` of an object.
    pub(super) is_object: bool,
}

/// Returns the token, from `access_token` if the bytes are a JSON object. The known token is
/// recognised without being checked and hashed again.
pub(super) fn parse(
    mut bytes: Zeroizing<Vec<u8>>,
    known: Option<&Token>,
) -> Result<Content, NotAToken> {
    if let Some(known) = known.filter(|known| known.is_in(&bytes)) {
        return Ok(Content {
            token: known.clone(),
            expiry: None,
            is_object: false,
        });
    }
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Ok(Content {
            token: Token::from_bytes(std::mem::take(&mut *bytes))?,
            expiry: None,
            is_object: false,
        });
    }
    let object: Object<'_> =
        serde_json::from_slice(&bytes).map_err(|_| NotAToken::NoAccessToken)?;
    let token = object.access_token.ok_or(NotAToken::NoAccessToken)?;
    let token = Token::from_bytes(token.into_owned().into_bytes())?;
    let at = object.expires_at.as_ref().and_then(timestamp);
    let lifetime = object.expires_in.as_ref().and_then(seconds);
    let at = at.map(|at| ReportedExpiry::At(at, lifetime));
    Ok(Content {
        token,
        expiry: at.or(lifetime.map(ReportedExpiry::In)),
        is_object: true,
    })
}

/// Returns a number of seconds that is a lifetime.
pub(crate) fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let lifetime = Duration::try_from_secs_f64(seconds).ok()?;
    (!lifetime.is_zero()).then_some(lifetime.min(LIFETIME_MAX))
}

/// Returns an instant that is written as in RFC 3339 or as seconds since 1970.
fn timestamp(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(number) => Timestamp::from_second(number.as_i64()?).ok(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<(Vec<u8>, Option<ReportedExpiry>), NotAToken> {
        let parsed = parse(Zeroizing::new(text.as_bytes().to_vec()), None);
        parsed.map(|content| {
            assert_eq!(content.is_object, text.contains('{'), "{text}");
            (content.token.expose().to_vec(), content.expiry)
        })
    }

    #[test]
    fn the_answer_of_a_login_host_is_a_token_with_its_expiry() {
        let lifetime = Some(ReportedExpiry::In(Duration::from_secs(86_399)));
        for (text, expiry) in [
            ("abc\n", None),
            (r#"{"access_token":"abc"}"#, None),
            (
                r#" {"access_token":"abc","token_type":"bearer","expires_in":86399}"#,
                lifetime,
            ),
            (r#"{"expires_in":"86399","access_token":"abc"}"#, lifetime),
            (
                r#"{"access_token":"abc","expires_at":"2026-11-28T10:00:00Z"}"#,
                Some(ReportedExpiry::At(
                    "2026-11-28T10:00:00Z".parse().unwrap(),
                    None,
                )),
            ),
            (
                r#"{"access_token":"abc","expires_at":1780000000}"#,
                Some(ReportedExpiry::At(
                    Timestamp::from_second(1_780_000_000).unwrap(),
                    None,
                )),
            ),
            (r#"{"access_token":"abc","expires_in":-1}"#, None),
            (r#"{"access_token":"abc","expires_in":"soon"}"#, None),
        ] {
            assert_eq!(parsed(text), Ok((b"abc".to_vec(), expiry)), "{text}");
        }
    }

    #[test]
    fn a_known_token_is_recognised_and_another_one_is_not_taken_for_it() {
        let known = Token::from_bytes(b"abc".to_vec()).unwrap();
        for (text, token) in [
            ("abc", "abc"),
            ("abc\r\n", "abc"),
            ("abd\n", "abd"),
            ("ab", "ab"),
        ] {
            let parsed = parse(Zeroizing::new(text.into()), Some(&known)).unwrap();
            assert_eq!(parsed.token.expose(), token.as_bytes());
            let is_same = parsed.token.fingerprint() == known.fingerprint();
            assert_eq!(is_same, token == "abc", "{text:?}");
        }
        let json = r#"{"access_token":"abc","expires_in":60}"#;
        let parsed = parse(Zeroizing::new(json.into()), Some(&known)).unwrap();
        assert_eq!(
            parsed.expiry,
            Some(ReportedExpiry::In(Duration::from_secs(60)))
        );
    }

    #[test]
    fn json_without_a_token_is_named_as_such() {
        for text in ["{}", "{", r#"{"access_token":null}"#, r#"{"error":"no"}"#] {
            assert_eq!(parsed(text), Err(NotAToken::NoAccessToken), "{text}");
        }
        assert_eq!(parsed(r#"{"access_token":""}"#), Err(NotAToken::Empty));
    }
}
