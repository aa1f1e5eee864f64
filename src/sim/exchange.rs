//! What goes in and what comes out: a request, and the answer to it.

use std::borrow::Cow;

use super::WireFault;

/// The method of a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Method {
    /// GET.
    Get,
    /// HEAD.
    Head,
    /// PUT.
    Put,
    /// DELETE.
    Delete,
    /// POST.
    Post,
    /// One that the API has no use for.
    Other,
}

/// One request, borrowed from whoever makes it. It has no `Debug`: it may hold secrets.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// The path as it was sent: `/api/v2/tokens/me`.
    pub path: &'a str,
    /// What follows the question mark, as it was sent.
    pub query: &'a str,
    /// The token of `Authorization: Bearer`.
    pub bearer: Option<&'a str>,
    /// What HTTP Basic authentication carried.
    pub client: Option<ClientSecret<'a>>,
    /// The `Content-Type` header.
    pub content_type: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

/// An OAuth client's credentials.
#[derive(Clone, Copy)]
pub struct ClientSecret<'a> {
    /// The client's id.
    pub id: &'a str,
    /// Its secret; any will do.
    pub secret: &'a str,
}

impl<'a> Request<'a> {
    /// A request without a token, query or body.
    #[must_use]
    pub fn new(method: Method, path: &'a str) -> Self {
        Self {
            method,
            path,
            query: "",
            bearer: None,
            client: None,
            content_type: None,
            body: &[],
        }
    }

    /// `GET /tokens/me?preserveIdleTTL=true`.
    #[must_use]
    pub fn peek_me(token: &'a str) -> Self {
        Self {
            query: "preserveIdleTTL=true",
            ..Self::get_me(token)
        }
    }

    /// `GET /tokens/me`.
    #[must_use]
    pub fn get_me(token: &'a str) -> Self {
        Self::new(Method::Get, "/api/v2/tokens/me").bearer(token)
    }

    /// `HEAD /tokens/me`.
    #[must_use]
    pub fn head_me(token: &'a str) -> Self {
        Self::new(Method::Head, "/api/v2/tokens/me").bearer(token)
    }

    /// `DELETE /tokens/me`.
    #[must_use]
    pub fn delete_me(token: &'a str) -> Self {
        Self::new(Method::Delete, "/api/v2/tokens/me").bearer(token)
    }

    /// `GET /tokens/timeout`.
    #[must_use]
    pub fn get_timeout(token: &'a str) -> Self {
        Self::new(Method::Get, "/api/v2/tokens/timeout").bearer(token)
    }

    /// `PUT /tokens/timeout` with a JSON body.
    #[must_use]
    pub fn put_timeout(token: &'a str, body: &'a [u8]) -> Self {
        Self {
            content_type: Some("application/json"),
            body,
            ..Self::new(Method::Put, "/api/v2/tokens/timeout").bearer(token)
        }
    }

    pub(super) fn has_media_type(&self, wanted: &str) -> bool {
        self.content_type.is_some_and(|found| {
            let essence = found.split(';').next().unwrap_or_default();
            essence.trim().eq_ignore_ascii_case(wanted)
        })
    }

    /// The same with this token.
    #[must_use]
    pub fn bearer(self, token: &'a str) -> Self {
        Self {
            bearer: Some(token),
            ..self
        }
    }
}

/// One response of HTTP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers, in no order that matters; `Content-Length` is left to the wire.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// The body; always empty in answer to HEAD.
    pub body: Vec<u8>,
}

impl Response {
    pub(super) fn new(status: u16, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: Vec::with_capacity(4),
            body,
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The value of the first header with this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| &**value)
    }
}

/// A response, and what goes wrong on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// What the server says; of no account where the wire swallows it.
    pub response: Response,
    /// What the client meets instead of the plain response.
    pub wire: Option<WireFault>,
}
