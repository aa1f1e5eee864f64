//! The parser of the `Authorization` header. It treats a header that it cannot parse as absent.

use hyper::header::{AUTHORIZATION, HeaderMap};

/// The content of the header. It has no `Debug`, because it contains secrets.
pub(super) enum Authorization<'a> {
    /// No header, or one that cannot be parsed.
    Absent,
    /// A bearer token.
    Bearer(&'a str),
    /// The decoded `id:secret`.
    Basic(String),
}

impl<'a> Authorization<'a> {
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let header = headers.get(AUTHORIZATION);
        let text = header.and_then(|value| value.to_str().ok()).unwrap_or("");
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim();
        if rest.is_empty() {
            Self::Absent
        } else if scheme.eq_ignore_ascii_case("bearer") {
            Self::Bearer(rest)
        } else if scheme.eq_ignore_ascii_case("basic") {
            decoded(rest).map_or(Self::Absent, Self::Basic)
        } else {
            Self::Absent
        }
    }
}

/// Decodes Base64 in the standard or the URL-safe alphabet, with or without padding; `None` if the
/// text is not valid or does not encode UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        bits = bits << 6 | u32::from(sextet(byte)?);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    String::from_utf8(bytes).ok()
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn read(value: &[u8]) -> String {
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
        assert_eq!(read(b"Bearer abc"), "bearer abc");
        assert_eq!(read(b"bEARER  abc "), "bearer abc");
        assert_eq!(read(b"basic aWQ6c2VjcmV0"), "basic id:secret");
        assert_eq!(read(b"Basic aTo/Pw=="), "basic i:??");
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
            assert_eq!(read(value), "absent");
        }
    }
}
