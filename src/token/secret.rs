//! A token, which is a secret: it has no `Display`, its `Debug` is its fingerprint, and it is wiped when dropped.

use std::fmt;

use secrecy::{ExposeSecret, SecretSlice};
use zeroize::Zeroize;

use super::Fingerprint;

/// The longest token that is accepted, in bytes.
pub const TOKEN_LENGTH_MAX: usize = 8 * 1024;

/// A bearer token: 1 to 8192 visible ASCII characters.
pub struct Token {
    secret: SecretSlice<u8>,
    fingerprint: Fingerprint,
}

/// Why some bytes are no token. Says nothing of the bytes themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotAToken {
    /// Nothing, or nothing but a line ending.
    #[error("is empty")]
    Empty,
    /// More than [`TOKEN_LENGTH_MAX`].
    #[error("is longer than 8192 bytes")]
    TooLong,
    /// A byte that no HTTP header could carry as part of a token; the position counts from 1.
    #[error(
        "has a character at position {0} that no token has: only visible ASCII is allowed, without spaces"
    )]
    NotVisibleAscii(usize),
}

impl Token {
    /// Takes the bytes for a token; one trailing line ending (LF or CRLF) is trimmed.
    ///
    /// The bytes are wiped whether they are one or not.
    ///
    /// # Errors
    ///
    /// [`NotAToken`] if nothing is left, or it is too long or not visible ASCII.
    pub fn from_bytes(mut bytes: Vec<u8>) -> Result<Self, NotAToken> {
        let token = Self::from_slice(&bytes);
        bytes.zeroize();
        token
    }

    fn from_slice(bytes: &[u8]) -> Result<Self, NotAToken> {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if bytes.is_empty() {
            return Err(NotAToken::Empty);
        }
        if bytes.len() > TOKEN_LENGTH_MAX {
            return Err(NotAToken::TooLong);
        }
        if let Some(position) = bytes.iter().position(|byte| !byte.is_ascii_graphic()) {
            return Err(NotAToken::NotVisibleAscii(position + 1));
        }
        Ok(Self {
            fingerprint: Fingerprint::of(bytes),
            secret: SecretSlice::from(bytes.to_vec()),
        })
    }

    /// The only form in which the token may be shown.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The token itself, for the `Authorization` header and nothing else.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.secret.expose_secret()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Token({})", self.fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(bytes: &[u8]) -> Result<Vec<u8>, NotAToken> {
        Token::from_bytes(bytes.to_vec()).map(|token| token.expose().to_vec())
    }

    #[test]
    fn one_trailing_line_ending_is_trimmed_and_no_more() {
        assert_eq!(token(b"abc\n"), Ok(b"abc".to_vec()));
        assert_eq!(token(b"abc\r\n"), Ok(b"abc".to_vec()));
        assert_eq!(token(b"abc\n\n"), Err(NotAToken::NotVisibleAscii(4)));
    }

    #[test]
    fn what_is_no_token_is_refused_with_the_reason() {
        assert_eq!(token(b""), Err(NotAToken::Empty));
        assert_eq!(token(b"\n"), Err(NotAToken::Empty));
        assert_eq!(token(b"a b"), Err(NotAToken::NotVisibleAscii(2)));
        assert_eq!(token("ü".as_bytes()), Err(NotAToken::NotVisibleAscii(1)));
        assert_eq!(token(&[b'a'; 8193]), Err(NotAToken::TooLong));
        assert!(token(&[b'a'; 8192]).is_ok());
    }

    #[test]
    fn debug_shows_the_fingerprint_alone() {
        let token = Token::from_bytes(b"abc".to_vec()).unwrap();
        assert_eq!(format!("{token:?}"), "Token(ba7816bf)");
    }
}
