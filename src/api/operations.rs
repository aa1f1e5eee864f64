//! The six operations of the API, typed, for commands.

use std::sync::Arc;

use super::bodies::{ErrorBody, IdleTokenTimeout, TokenInfo};
use super::call::{Call, Preserve};
use super::client::Client;
use super::receive::Received;
use super::refusal::CallError;
use super::user::UserId;
use crate::config::ApiBase;
use crate::keeper::{ServerTime, Verdict};
use crate::token::Token;

/// What came back from an operation that was done.
#[derive(Clone, PartialEq, Debug)]
pub struct Reply<T> {
    /// The body.
    pub value: T,
    /// The HTTP status: 401 if a token to be revoked was gone already.
    pub status: u16,
    /// The answer's `Date` header.
    pub date: Option<ServerTime>,
    /// What support asks for.
    pub correlation_id: Option<Arc<str>>,
}

/// Each is made once, within the configured request timeout.
///
/// # Errors
///
/// [`CallError`] for every verdict but success, including that something other
/// than the API answered.
#[expect(
    clippy::missing_errors_doc,
    reason = "said once above, for all of them"
)]
impl Client {
    /// `GET /tokens/me`: what the API says about the token.
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

    /// `DELETE /tokens/me`: revokes the token. It is no error if it was gone already.
    pub async fn delete_own_token(
        &self,
        api: &ApiBase,
        token: &Token,
    ) -> Result<Reply<()>, CallError> {
        self.fetch(api, token, Call::DeleteOwnToken, |_| Some(()))
            .await
    }

    /// `DELETE /tokens/{userId}`: revokes every token of a user. Needs the permission `oauth:token:delete`.
    pub async fn delete_tokens_of(
        &self,
        api: &ApiBase,
        token: &Token,
        user: &UserId,
    ) -> Result<Reply<()>, CallError> {
        self.fetch(api, token, Call::DeleteTokensOf(user), |_| Some(()))
            .await
    }

    /// `GET /tokens/timeout`: the organisation's idle timeout. May reset the token's idle timer.
    pub async fn timeout(
        &self,
        api: &ApiBase,
        token: &Token,
    ) -> Result<Reply<IdleTokenTimeout>, CallError> {
        self.fetch(api, token, Call::ReadTimeout, IdleTokenTimeout::read)
            .await
    }

    /// `PUT /tokens/timeout`: writes the whole of it, so modify what [`Client::timeout`] gave.
    /// Needs the permission `directory:organization:admin`.
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
        let (outcome, received) = self.call(api, token, call).await;
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
