//! The six operations of the API, typed, for commands.

use std::sync::Arc;

use super::bodies::{ErrorBody, IdleTokenTimeout, TokenInfo};
use super::call::{Call, Preserve, UserId};
use super::client::Client;
use super::receive::Received;
use super::refusal::CallError;
use crate::config::ApiBase;
use crate::keeper::{Refusal, Verdict};
use crate::time::ServerTime;
use crate::token::Token;

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
