//! The token, which is a secret: it never has a `Display`, its `Debug` is its fingerprint, and it
//! is wiped when dropped.

use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretSlice};
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use super::Shape;

/// The longest token that is accepted, in bytes.
pub const TOKEN_LENGTH_MAX: usize = 8 * 1024;

/// The bytes of the stack that are wiped after hashing, several times what hashing uses without
/// optimisation.
const HASHING_STACK: usize = 16 * 1024;

/// A bearer token: 1 to 8192 visible ASCII characters. Clones share the secret.
#[derive(Clone)]
pub struct Token {
    secret: Arc<SecretSlice<u8>>,
    fingerprint: Fingerprint,
}

/// The reason for which some bytes are not a token. It reveals nothing about the bytes
/// themselves, except for a position.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotAToken {
    /// No bytes, or only a line ending.
    #[error("is empty")]
    Empty,
    /// JSON other than an object with the token in `access_token`.
    #[error("is JSON without a text `access_token`")]
    NoAccessToken,
    /// More than [`TOKEN_LENGTH_MAX`] bytes.
    #[error("is longer than 8192 bytes")]
    TooLong,
    /// A byte that no HTTP header can carry in a token, with its position, counted from 1.
    #[error(
        "has a character at position {0} that no token has: only visible ASCII is allowed, without spaces"
    )]
    NotVisibleAscii(usize),
    /// The token in another form, or something in its place.
    #[error("{0}")]
    Other(Shape),
}

impl Token {
    /// Creates a token from the bytes; one trailing line ending (LF or CRLF) is trimmed.
    ///
    /// The bytes are wiped, even if they are not a token.
    ///
    /// # Errors
    ///
    /// [`NotAToken`] if the rest is empty, too long, not visible ASCII, or of a [`Shape`] that no
    /// token has.
    pub fn from_bytes(mut bytes: Vec<u8>) -> Result<Self, NotAToken> {
        let token = Self::from_slice(&bytes);
        bytes.zeroize();
        token
    }

    fn from_slice(bytes: &[u8]) -> Result<Self, NotAToken> {
        let bytes = without_line_ending(bytes);
        if bytes.is_empty() {
            return Err(NotAToken::Empty);
        }
        if let Some(shape) = Shape::of(bytes) {
            return Err(NotAToken::Other(shape));
        }
        if bytes.len() > TOKEN_LENGTH_MAX {
            return Err(NotAToken::TooLong);
        }
        if let Some(position) = bytes.iter().position(|byte| !byte.is_ascii_graphic()) {
            return Err(NotAToken::NotVisibleAscii(position + 1));
        }
        Ok(Self {
            fingerprint: Fingerprint::of(bytes),
            secret: Arc::new(SecretSlice::from(bytes.to_vec())),
        })
    }

    /// Returns true if these bytes are the token, perhaps with a line ending.
    pub(super) fn is_in(&self, bytes: &[u8]) -> bool {
        without_line_ending(bytes) == self.expose()
    }

    /// Returns the fingerprint, the only form in which the token may be shown.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Returns the token itself, for the `Authorization` header and nothing else.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.secret.expose_secret()
    }
}

fn without_line_ending(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Token({})", self.fingerprint)
    }
}

/// The first half of a token's SHA-256. It is compared as a whole; only the first 8 hexadecimal
/// digits are shown.
///
/// 128 bits suffice: to find a second token with the same ones takes 2^128 attempts. There may be a
/// million sessions, and each has several fingerprints.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; Fingerprint::LENGTH]);

impl Fingerprint {
    /// The number of bytes.
    const LENGTH: usize = 16;

    /// Computes the fingerprint of a secret.
    #[must_use]
    pub fn of(secret: &[u8]) -> Self {
        let fingerprint = Self(digest(secret));
        wipe_stack::<HASHING_STACK>();
        fingerprint
    }

    /// Returns a number from 0 to 1 that differs from token to token, to spread what would happen
    /// at the same time.
    pub(crate) fn share(self) -> f64 {
        f64::from(self.shown()) / f64::from(u32::MAX)
    }

    fn shown(self) -> u32 {
        let [first, second, third, fourth, ..] = self.0;
        u32::from_be_bytes([first, second, third, fourth])
    }

    /// Returns the whole fingerprint in 32 hexadecimal digits: for the daemon's own files, never to
    /// be shown.
    pub(crate) fn to_hex(self) -> String {
        use fmt::Write as _;
        self.0.iter().fold(String::new(), |mut hex, byte| {
            // Writing to a string never fails.
            let _always = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// Parses the output of [`Self::to_hex`], or the 64 digits of a whole SHA-256.
    pub(crate) fn from_hex(hex: &str) -> Option<Self> {
        let mut bytes = [0; Self::LENGTH];
        let has_length = [2, 4]
            .map(|times| times * Self::LENGTH)
            .contains(&hex.len());
        let is_hex = has_length && hex.bytes().all(|digit| digit.is_ascii_hexdigit());
        let digits = is_hex.then(|| hex.as_bytes().chunks_exact(2))?;
        for (byte, digits) in bytes.iter_mut().zip(digits) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

#[inline(never)]
fn digest(secret: &[u8]) -> [u8; Fingerprint::LENGTH] {
    let digest: [u8; 32] = Sha256::digest(secret).into();
    *digest.first_chunk().expect("32 bytes begin with 16")
}

/// Overwrites the first `SIZE` bytes of the stack that the functions used which its caller called
/// before: hashing and encoding leave pieces of a secret there, at places that depend on the
/// compiler.
///
/// Those functions must not be inlined into the caller.
#[inline(never)]
pub(crate) fn wipe_stack<const SIZE: usize>() {
    std::hint::black_box([0_u8; SIZE]);
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:08x}", self.shown())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
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
        assert_eq!(token(b"Bearer a\n"), Err(NotAToken::Other(Shape::Bearer)));
        assert_eq!(token("ü".as_bytes()), Err(NotAToken::NotVisibleAscii(1)));
        assert_eq!(token(&[b'a'; 8193]), Err(NotAToken::TooLong));
        assert!(token(&[b'a'; 8192]).is_ok());
    }

    #[test]
    fn debug_shows_the_fingerprint_alone() {
        let token = Token::from_bytes(b"abc".to_vec()).unwrap();
        assert_eq!(format!("{token:?}"), "Token(ba7816bf)");
    }

    #[test]
    fn is_what_sha256sum_prints_first() {
        let fingerprint = Fingerprint::of(b"abc");
        let whole = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(fingerprint.to_string(), whole[..8]);
        assert_eq!(fingerprint.to_hex(), whole[..32]);
        assert_eq!(Fingerprint::from_hex(whole), Some(fingerprint));
        assert_eq!(Fingerprint::from_hex(&whole[..32]), Some(fingerprint));
        assert_eq!(Fingerprint::from_hex(&whole[..48]), None);
    }
}
