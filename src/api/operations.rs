//! The six operations of the API, typed, for commands, and the error of one that did not succeed.

use std::fmt;
use std::sync::Arc;

use super::bodies::{ErrorBody, IdleTokenTimeout, TokenInfo};
use super::call::{Call, Preserve, UserId};
use super::client::Client;
use super::field;
use super::receive::Received;
use crate::config::ApiBase;
use crate::keeper::{Refusal, Verdict};
use crate::status::phrases::for_how_long;
use crate::time::ServerTime;
use crate::token::Token;

const CODE_LENGTH_MAX: usize = 128;
const MESSAGE_LENGTH_MAX: usize = 512;

/// The answer to a successful operation.
#[derive(Clone, PartialEq, Debug)]
pub struct Reply<T> {
    /// The body.
    pub value: T,
    /// The HTTP status: 401 if a token to be revoked was revoked before.
    pub status: u16,
    /// The answer's `Date` header.
    pub date: Option<ServerTime>,
    /// The correlation id, which the vendor's support needs.
    pub correlation_id: Option<Arc<str>>,
}

/// The error of an operation that did not succeed.
#[derive(Clone, PartialEq, Debug)]
pub struct CallError {
    /// The API that was called.
    pub api: ApiBase,
    /// The verdict of the answer. Never one of the verdicts of a success.
    pub verdict: Verdict,
    /// The HTTP status, if there was an answer at all.
    pub status: Option<u16>,
    /// The correlation id, which the vendor's support needs.
    pub correlation_id: Option<Arc<str>>,
    /// The error body of the API, if it was JSON.
    pub body: Option<Box<ErrorBody>>,
}

impl std::error::Error for CallError {}

impl fmt::Display for CallError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.api)?;
        match &self.verdict {
            Verdict::Refused(Refusal::BadCredentials) => {
                formatter.write_str("the token is refused (bad.credentials)")?;
            }
            Verdict::Refused(Refusal::Unread) => {
                formatter.write_str("the token is refused, and the answer does not say why")?;
            }
            Verdict::Blocked(reason) => reason.fmt(formatter)?,
            Verdict::Throttled { retry_after } => {
                write!(formatter, "rate limited {}", for_how_long(*retry_after))?;
            }
            Verdict::Unreachable(failure) => failure.fmt(formatter)?,
            Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) => {
                formatter.write_str("the answer was to another question")?;
            }
        }
        if let Some(message) = self.message() {
            write!(formatter, ": {message}")?;
        }
        match &self.correlation_id {
            Some(id) => write!(formatter, " [correlation id {id}]"),
            None => Ok(()),
        }
    }
}

impl CallError {
    /// Returns the API's code, if the answer had one: printable, at most 128 characters.
    #[must_use]
    pub fn code(&self) -> Option<Arc<str>> {
        field::printable_ascii(self.body.as_ref()?.code()?, CODE_LENGTH_MAX)
    }

    /// Returns the API's message for people, without control characters, at most 512 characters.
    #[must_use]
    pub fn message(&self) -> Option<Arc<str>> {
        field::printable(self.body.as_ref()?.message()?, MESSAGE_LENGTH_MAX)
    }
}

/// The operations. Each sends one request, within the configured request timeout.
///
/// # Errors
///
/// [`CallError`] for every verdict except success, also if another server than the API answered.
#[expect(
    clippy::missing_errors_doc,
    reason = "said once above, for all of them"
)]
impl Client {
    /// `GET /tokens/me`: reads the API's information about the token.
    pub async fn token_info(
        &self,
        api: &ApiBase,
        token: &Token,
        preserve: Preserve,
    ) -> Result<Reply<TokenInfo>, CallError> {
        self.fetch(api, token, Call::ReadToken(preserve), TokenInfo::read)
            .await
    }

    /// `HEAD /tokens/me`: resets the token's idle timer.
    pub async fn head_token(&self, api: &ApiBase, token: &Token) -> Result<Reply<()>, CallError> {
        self.fetch(api, token, Call::HeadToken, |_| Some(())).await
    }

    /// `DELETE /tokens/me`: revokes the token. It is not an error if it was revoked before.
    pub async fn delete_own_token(
        &self,
        api: &ApiBase,
        token: &Token,
    ) -> Result<Reply<()>, CallError> {
        let done = self.fetch(api, token, Call::DeleteOwnToken, |_| Some(()));
        match done.await {
            Err(error) if error.verdict == Verdict::Refused(Refusal::BadCredentials) => Ok(Reply {
                value: (),
                status: 401,
                date: None,
                correlation_id: error.correlation_id,
            }),
            done => done,
        }
    }

    /// `DELETE /tokens/{userId}`: revokes every token of a user. Requires the permission
    /// `oauth:token:delete`.
    pub async fn delete_tokens_of(
        &self,
        api: &ApiBase,
        token: &Token,
        user: &UserId,
    ) -> Result<Reply<()>, CallError> {
        self.fetch(api, token, Call::DeleteTokensOf(user), |_| Some(()))
            .await
    }

    /// `GET /tokens/timeout`: reads the organisation's idle timeout. May reset the token's idle
    /// timer.
    pub async fn timeout(
        &self,
        api: &ApiBase,
        token: &Token,
    ) -> Result<Reply<IdleTokenTimeout>, CallError> {
        self.fetch(api, token, Call::ReadTimeout, IdleTokenTimeout::read)
            .await
    }

    /// `PUT /tokens/timeout`: replaces the whole object, so modify the one that [`Client::timeout`]
    /// returned. Requires the permission `directory:organization:admin`.
    pub async fn put_timeout(
        &self,
        api: &ApiBase,
        token: &Token,
        timeout: &IdleTokenTimeout,
    ) -> Result<Reply<IdleTokenTimeout>, CallError> {
        let call = Call::WriteTimeout(timeout);
        self.fetch(api, token, call, IdleTokenTimeout::read).await
    }

    async fn fetch<T>(
        &self,
        api: &ApiBase,
        token: &Token,
        call: Call<'_>,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Reply<T>, CallError> {
        let (outcome, received) = self.call(api, Some(token), call).await;
        let body = received.as_ref().map_or(&b""[..], Received::body);
        let value = match outcome.verdict {
            Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) => read(body),
            Verdict::Refused(_)
            | Verdict::Blocked(_)
            | Verdict::Throttled { .. }
            | Verdict::Unreachable(_) => None,
        };
        match (value, outcome.status) {
            (Some(value), Some(status)) => Ok(Reply {
                value,
                status,
                date: outcome.date,
                correlation_id: outcome.correlation_id,
            }),
            (_, status) => Err(CallError {
                api: api.clone(),
                verdict: outcome.verdict,
                status,
                correlation_id: outcome.correlation_id,
                body: ErrorBody::read(body).map(Box::new),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::BlockReason;

    #[test]
    fn says_where_what_why_and_what_support_will_ask_for() {
        let error = CallError {
            api: ApiBase::new("https://api.mypurecloud.de").unwrap(),
            verdict: Verdict::Blocked(BlockReason::Forbidden("missing.permissions".into())),
            status: Some(403),
            correlation_id: Some("c-1".into()),
            body: ErrorBody::read(br#"{"message":"Not\nallowed"}"#).map(Box::new),
        };
        assert_eq!(
            error.to_string(),
            "https://api.mypurecloud.de: not permitted (missing.permissions): Notallowed [correlation id c-1]"
        );
    }
}
