//! The id of a user, checked before it becomes part of a path.

use std::fmt;

/// A user's id: a UUID, so that it can name neither `me` nor anything outside `/tokens/`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserId(String);

/// The error for a text that is not a user id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a user id is a UUID such as 8b3a2f0e-6c1d-4b7e-9f25-0d4c1a5e7b90")]
pub struct NotAUserId;

impl UserId {
    /// Creates a user id from the text.
    ///
    /// # Errors
    ///
    /// [`NotAUserId`] if it is not a UUID.
    pub fn new(text: &str) -> Result<Self, NotAUserId> {
        let groups = text.split('-');
        let hexadecimal = |group: &str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
        if text.split('-').all(hexadecimal) && groups.map(str::len).eq([8, 4, 4, 4, 12]) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(NotAUserId)
        }
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_uuid_is_a_user_id() {
        let id = UserId::new("8B3A2F0E-6c1d-4b7e-9f25-0d4c1a5e7b90").unwrap();
        assert_eq!(id.as_str(), "8b3a2f0e-6c1d-4b7e-9f25-0d4c1a5e7b90");
        for text in [
            "",
            "me",
            "timeout",
            "8b3a2f0e6c1d4b7e9f250d4c1a5e7b90",
            "8b3a2f0e-6c1d-4b7e-9f25-0d4c1a5e7b9/",
            "../tokens/me",
            "8b3a2f0e-6c1d-4b7e-9f25-0d4c1a5e7b9ü",
        ] {
            assert_eq!(UserId::new(text), Err(NotAUserId), "{text}");
        }
    }
}
