//! The login host, which issues tokens to clients with any non-empty id and secret, unless the
//! settings name the clients. Its errors are those of the vendor's host: most of them are a 400.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use serde_json::json;

use super::{BODY_LENGTH_MAX, Server};
use crate::sim::{Grant, Request, Response, TokenSpec, exchange};
use crate::time::Instant;

/// The maximum number of tokens, dead ones included, at which the service stops issuing tokens.
const TOKENS_MAX: usize = 1_000_000;

/// The length of an issued token, in characters.
const TOKEN_LENGTH: usize = 86;

impl Server {
    pub(super) fn mint(&mut self, request: &Request<'_>, now: Instant) -> Response {
        match self.grant(request, now) {
            Ok(value) => {
                let body = json!({
                    "access_token": value,
                    "token_type": "bearer",
                    "expires_in": self.settings.lifetime.as_secs(),
                });
                Response::new(200, body.to_string().into_bytes())
            }
            Err(refusal) => refusal.into_response(),
        }
    }

    fn grant(&mut self, request: &Request<'_>, now: Instant) -> Result<String, OauthError> {
        if request.body.len() > BODY_LENGTH_MAX {
            return Err(OauthError::new(413, "invalid_request", "request too large"));
        }
        if !request.has_media_type("application/x-www-form-urlencoded") {
            return Err(OauthError::new(
                415,
                "invalid_request",
                "content type must be application/x-www-form-urlencoded",
            ));
        }
        let form = std::str::from_utf8(request.body)
            .map_err(|_| OauthError::new(400, "invalid_request", "body is not UTF-8"))?;
        let client = client(request, form)
            .filter(|client| self.settings.clients.is_empty() || self.knows(client))
            .ok_or_else(|| OauthError::new(400, "invalid_client", "authentication failed"))?;
        match exchange::form_value(form, "grant_type").as_deref() {
            Some("client_credentials") => {}
            Some(_) => {
                let description = "grant type must be client_credentials";
                return Err(OauthError::new(400, "unsupported_grant_type", description));
            }
            None => {
                let description = "grant_type is missing";
                return Err(OauthError::new(400, "invalid_request", description));
            }
        }
        if !self.mint_limit.admits(self.settings.mints_a_minute, now) {
            let description = "rate limit exceeded; try again later";
            return Err(OauthError::new(400, "invalid_request", description));
        }
        if self.registry.len() >= TOKENS_MAX {
            let description = "the simulated organisation has a million tokens";
            return Err(OauthError::new(503, "temporarily_unavailable", description));
        }
        let value: String = (0..TOKEN_LENGTH)
            .map(|_| self.random.alphanumeric())
            .collect();
        let grant = Grant::Client {
            id: client.id.into_owned(),
        };
        let spec = TokenSpec {
            value: value.clone(),
            grant,
            permissions: self.settings.minted_permissions.clone(),
            lifetime: None,
        };
        self.add_token(spec, now);
        Ok(value)
    }
}

/// The credentials of a client.
struct Credentials<'a> {
    id: Cow<'a, str>,
    secret: Cow<'a, str>,
}

/// The tokens that were issued in the last minute, if the settings limit them.
#[derive(Debug, Default)]
pub(super) struct MintLimit {
    recent: VecDeque<Instant>,
}

impl MintLimit {
    /// Returns true if another token may be issued, and records it.
    fn admits(&mut self, in_a_minute: Option<usize>, now: Instant) -> bool {
        let Some(limit) = in_a_minute else {
            return true;
        };
        let minute = Duration::from_secs(60);
        self.recent.retain(|&at| now.since(at) < minute);
        let admits = self.recent.len() < limit;
        if admits {
            self.recent.push_back(now);
        }
        admits
    }
}

impl Server {
    fn knows(&self, client: &Credentials<'_>) -> bool {
        self.settings
            .clients
            .iter()
            .any(|(id, secret)| *id == client.id && *secret == client.secret)
    }
}

/// Returns the credentials in HTTP Basic or in the form.
fn client<'a>(request: &Request<'a>, form: &'a str) -> Option<Credentials<'a>> {
    let (id, secret) = match request.client {
        Some(client) => (client.id.into(), client.secret.into()),
        None => (
            exchange::form_value(form, "client_id")?,
            exchange::form_value(form, "client_secret")?,
        ),
    };
    let is_complete = !id.is_empty() && !secret.is_empty();
    is_complete.then_some(Credentials { id, secret })
}

/// An error in the format of OAuth.
struct OauthError {
    status: u16,
    error: &'static str,
    description: &'static str,
}

impl OauthError {
    fn new(status: u16, error: &'static str, description: &'static str) -> Self {
        Self {
            status,
            error,
            description,
        }
    }

    fn into_response(self) -> Response {
        let body = json!({
            "error": self.error,
            "description": self.description,
            "error_description": self.description,
        });
        Response::new(self.status, body.to_string().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::fixture::{at, json, server, status};
    use crate::sim::{ClientSecret, Method, Server};

    fn mint(server: &mut Server, basic: bool, body: &[u8]) -> (u16, serde_json::Value) {
        let request = Request {
            client: basic.then_some(ClientSecret {
                id: "kiosk",
                secret: "s",
            }),
            content_type: Some("application/x-www-form-urlencoded; charset=utf-8"),
            body,
            ..Request::new(Method::Post, "/oauth/token")
        };
        let answer = server.answer(&request, at(0));
        (answer.response.status, json(&answer))
    }

    #[test]
    fn a_client_gets_a_token_that_works() {
        let mut server = server();
        for (basic, body) in [
            (true, "grant_type=client_credentials"),
            (
                false,
                "client_id=kiosk&client_secret=s&grant_type=client%5fcredentials",
            ),
        ] {
            let (code, grant) = mint(&mut server, basic, body.as_bytes());
            assert_eq!((code, &grant["expires_in"]), (200, &json!(86_400)));
            assert_eq!(grant["token_type"], "bearer");
            let token = grant["access_token"].as_str().unwrap();
            let info = json(&server.answer(&Request::get_me(token), at(1)));
            assert_eq!(info["OAuthClient"]["id"], "kiosk");
            assert_eq!(status(&mut server, &Request::get_timeout(token), 1), 200);
        }
    }

    #[test]
    fn a_named_client_needs_its_secret_and_a_limit_is_a_400() {
        let mut server = server();
        server.settings.clients = vec![("kiosk".to_owned(), "s".to_owned())];
        server.settings.mints_a_minute = Some(2);
        let grant = b"grant_type=client_credentials";
        let (code, refusal) = mint(&mut server, false, b"client_id=kiosk&client_secret=t");
        assert_eq!((code, &refusal["error"]), (400, &json!("invalid_client")));
        assert_eq!(mint(&mut server, true, grant).0, 200);
        assert_eq!(mint(&mut server, true, grant).0, 200);
        let (code, refusal) = mint(&mut server, true, grant);
        assert_eq!((code, &refusal["error"]), (400, &json!("invalid_request")));
        let description = refusal["error_description"].as_str().unwrap();
        assert!(description.starts_with("rate limit exceeded;"));
    }

    #[test]
    fn a_bad_request_for_a_token_is_refused_in_the_words_of_oauth() {
        let mut server = server();
        for (basic, body, expected, error) in [
            (
                true,
                &b"grant_type=password"[..],
                400,
                "unsupported_grant_type",
            ),
            (true, b"", 400, "invalid_request"),
            (true, b"\xff", 400, "invalid_request"),
            (
                false,
                b"grant_type=client_credentials",
                400,
                "invalid_client",
            ),
        ] {
            let (code, refusal) = mint(&mut server, basic, body);
            assert_eq!((code, &refusal["error"]), (expected, &json!(error)));
            assert!(refusal["error_description"].is_string());
        }
        let request = Request::new(Method::Post, "/oauth/token");
        assert_eq!(status(&mut server, &request, 0), 415);
    }
}
