//! The login host: issues tokens to OAuth clients by the client credentials grant.
//!
//! Its answers and errors are its own and not those of the Tokens API: wrong credentials are a 400,
//! and so is a rate limit.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::CONTENT_TYPE;

use super::client::Client;
use super::verdict::Answer;
use super::{field, time};
use crate::config::ApiBase;
use crate::keeper::{Failure, MintFailure, Verdict};
use crate::token::{Token, lifetime};

/// The longest code of an error that is shown.
const CODE_LENGTH_MAX: usize = 64;

/// The beginning of the description by which the login host reports a rate limit.
const RATE_LIMIT: &str = "rate limit exceeded";

/// A token that a login host issued.
#[derive(Debug)]
pub struct Minted {
    /// The token.
    pub token: Token,
    /// Its lifetime, counted from when the request was sent.
    pub lifetime: Option<Duration>,
}

impl Client {
    /// `POST /oauth/token`: obtains a token for an OAuth client.
    ///
    /// # Errors
    ///
    /// [`MintFailure`] for every answer but a token.
    pub async fn mint(
        &self,
        login: &ApiBase,
        client_id: &str,
        client_secret: &Token,
    ) -> Result<Minted, MintFailure> {
        let not_sent = |reason: &str| MintFailure::Unreachable(Failure::NotSent(reason.into()));
        let url = Url::parse(&format!("{login}/oauth/token"));
        let url = url.map_err(|_| not_sent("its URL is not one"))?;
        let secret = str::from_utf8(client_secret.expose()).unwrap_or_default();
        let request = self
            .post(url)
            .basic_auth(client_id, Some(secret))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials")
            .build()
            .map_err(|_| not_sent("the credentials do not fit into a header"))?;
        let execution = self.execute(request, Some(client_secret), Duration::MAX);
        let received = execution.await;
        match received {
            Ok(received) => minted(&received.answer()),
            Err(Verdict::Unreachable(failure)) => Err(MintFailure::Unreachable(failure)),
            Err(_) => Err(MintFailure::NotTheLoginHost),
        }
    }
}

/// Evaluates the answer of a login host. The status alone says little: most errors are a 400.
///
/// # Errors
///
/// [`MintFailure`] for every answer but a token.
pub fn minted(answer: &Answer<'_>) -> Result<Minted, MintFailure> {
    let fields = field::object(answer.body).unwrap_or_default();
    let description = field::text(&fields, "error_description");
    let description = description.or(field::text(&fields, "description"));
    let is_limited = description.is_some_and(|text| text.starts_with(RATE_LIMIT));
    let error = field::text(&fields, "error");
    match (answer.status, error) {
        (200..=299, None) => {
            let token = field::text(&fields, "access_token");
            let token = token.and_then(|token| Token::from_bytes(token.into()).ok());
            let lifetime = fields.get("expires_in").and_then(lifetime);
            let minted = token.map(|token| Minted { token, lifetime });
            minted.ok_or(MintFailure::NotTheLoginHost)
        }
        (429, _) => Err(MintFailure::Throttled(time::retry_after(answer))),
        (400, _) if is_limited => Err(MintFailure::Throttled(time::retry_after(answer))),
        (400 | 401, Some("invalid_client")) => Err(MintFailure::InvalidClient),
        (400 | 401, Some("unauthorized_client")) => Err(MintFailure::WrongGrant),
        (status @ (408 | 500..), _) => Err(MintFailure::Unreachable(Failure::ServerError(status))),
        (status, Some(code)) => {
            let code = field::printable_ascii(code, CODE_LENGTH_MAX);
            Err(MintFailure::Rejected(status, code.unwrap_or_default()))
        }
        (_, None) => Err(MintFailure::NotTheLoginHost),
    }
}
