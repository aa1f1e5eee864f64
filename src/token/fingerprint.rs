//! What a token is told from another by, and the only form in which it is ever shown.

use std::fmt;

use sha2::{Digest, Sha256};

/// A token's SHA-256. Compared as a whole; shown are the first 8 hexadecimal digits alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a secret.
    #[must_use]
    pub fn of(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third, fourth, ..] = self.0;
        let shown = u32::from_be_bytes([first, second, third, fourth]);
        write!(formatter, "{shown:08x}")
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

    #[test]
    fn is_what_sha256sum_prints_first() {
        assert_eq!(Fingerprint::of(b"abc").to_string(), "ba7816bf");
    }
}
