//! The six operations as requests: method, path, body, and the expected body of the answer.

use std::fmt;

use reqwest::Method;

use super::bodies::IdleTokenTimeout;
use crate::keeper::{Operation, Touch};

/// The effect of a read on the idle timer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Preserve {
    /// The idle timer is not reset.
    Yes,
    /// The idle timer is reset, as by any other request.
    No,
}

/// A user's id, checked before it becomes part of a path: a UUID, so that it can name neither `me`
/// nor anything outside `/tokens/`.
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

/// One request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Call<'a> {
    ReadToken(Preserve),
    HeadToken,
    DeleteOwnToken,
    DeleteTokensOf(&'a UserId),
    ReadTimeout,
    WriteTimeout(&'a IdleTokenTimeout),
}

/// The expected body of a 2xx answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ExpectedBody {
    /// No body, whatever the status: the answer to HEAD.
    Head,
    /// No body. The token is revoked, and it is no failure if it was revoked before.
    Gone,
    /// No body: the status is sufficient.
    Done,
    /// A `TokenInfo`.
    TokenInfo,
    /// An `IdleTokenTimeout`.
    Timeout,
}

impl From<Operation> for Call<'_> {
    fn from(operation: Operation) -> Self {
        match operation {
            Operation::Peek => Self::ReadToken(Preserve::Yes),
            Operation::Touch(Touch::Head) => Self::HeadToken,
            Operation::Touch(Touch::Get) => Self::ReadToken(Preserve::No),
            Operation::ReadTimeout => Self::ReadTimeout,
            Operation::Revoke => Self::DeleteOwnToken,
        }
    }
}

impl Call<'_> {
    pub(super) fn method(self) -> Method {
        match self {
            Self::ReadToken(_) | Self::ReadTimeout => Method::GET,
            Self::HeadToken => Method::HEAD,
            Self::DeleteOwnToken | Self::DeleteTokensOf(_) => Method::DELETE,
            Self::WriteTimeout(_) => Method::PUT,
        }
    }

    /// Returns the path and the query, which follow the API's base.
    pub(super) fn path(self) -> String {
        match self {
            Self::ReadToken(Preserve::Yes) => "/api/v2/tokens/me?preserveIdleTTL=true".to_owned(),
            Self::ReadToken(Preserve::No) | Self::HeadToken | Self::DeleteOwnToken => {
                "/api/v2/tokens/me".to_owned()
            }
            Self::DeleteTokensOf(user) => format!("/api/v2/tokens/{user}"),
            Self::ReadTimeout | Self::WriteTimeout(_) => "/api/v2/tokens/timeout".to_owned(),
        }
    }

    /// Returns the JSON body of the request.
    pub(super) fn body(self) -> Option<Vec<u8>> {
        match self {
            Self::WriteTimeout(timeout) => {
                Some(serde_json::to_vec(timeout).expect("a map with text for keys is JSON"))
            }
            Self::ReadToken(_)
            | Self::HeadToken
            | Self::DeleteOwnToken
            | Self::DeleteTokensOf(_)
            | Self::ReadTimeout => None,
        }
    }

    pub(super) fn expected_body(self) -> ExpectedBody {
        match self {
            Self::ReadToken(_) => ExpectedBody::TokenInfo,
            Self::HeadToken => ExpectedBody::Head,
            Self::DeleteOwnToken => ExpectedBody::Gone,
            Self::DeleteTokensOf(_) => ExpectedBody::Done,
            Self::ReadTimeout | Self::WriteTimeout(_) => ExpectedBody::Timeout,
        }
    }

    /// Returns the word for logs.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::ReadToken(Preserve::Yes) => "peek",
            Self::ReadToken(Preserve::No) => "touch_get",
            Self::HeadToken => "touch_head",
            Self::DeleteOwnToken => "revoke",
            Self::DeleteTokensOf(_) => "revoke_user",
            Self::ReadTimeout => "read_timeout",
            Self::WriteTimeout(_) => "write_timeout",
        }
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
