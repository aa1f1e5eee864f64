//! The model's input and output: a request and the response to it.

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
    /// A method that no operation of the API uses.
    Other,
}

/// A request, borrowed from its caller. It has no `Debug`, because it may contain secrets.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// The path as it was sent: `/api/v2/tokens/me`.
    pub path: &'a str,
    /// The query after the question mark, as it was sent.
    pub query: &'a str,
    /// The token of `Authorization: Bearer`.
    pub bearer: Option<&'a str>,
    /// The credentials of HTTP Basic authentication.
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
    /// The client's secret; the model accepts any that is not empty.
    pub secret: &'a str,
}

impl<'a> Request<'a> {
    /// Returns a request without a token, query or body.
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

    /// Returns a `GET /tokens/me?preserveIdleTTL=true` with this token.
    #[must_use]
    pub fn peek_me(token: &'a str) -> Self {
        Self {
            query: "preserveIdleTTL=true",
            ..Self::get_me(token)
        }
    }

    /// Returns a `GET /tokens/me` with this token.
    #[must_use]
    pub fn get_me(token: &'a str) -> Self {
        Self::new(Method::Get, "/api/v2/tokens/me").bearer(token)
    }

    /// Returns a `HEAD /tokens/me` with this token.
    #[must_use]
    pub fn head_me(token: &'a str) -> Self {
        Self::new(Method::Head, "/api/v2/tokens/me").bearer(token)
    }

    /// Returns a `DELETE /tokens/me` with this token.
    #[must_use]
    pub fn delete_me(token: &'a str) -> Self {
        Self::new(Method::Delete, "/api/v2/tokens/me").bearer(token)
    }

    /// Returns a `GET /tokens/timeout` with this token.
    #[must_use]
    pub fn get_timeout(token: &'a str) -> Self {
        Self::new(Method::Get, "/api/v2/tokens/timeout").bearer(token)
    }

    /// Returns a `PUT /tokens/timeout` with this token and a JSON body.
    #[must_use]
    pub fn put_timeout(token: &'a str, body: &'a [u8]) -> Self {
        Self {
            content_type: Some("application/json"),
            body,
            ..Self::new(Method::Put, "/api/v2/tokens/timeout").bearer(token)
        }
    }

    pub(super) fn has_media_type(&self, media_type: &str) -> bool {
        self.content_type.is_some_and(|content_type| {
            let essence = content_type.split(';').next().unwrap_or_default();
            essence.trim().eq_ignore_ascii_case(media_type)
        })
    }

    /// Sets the token of `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(self, token: &'a str) -> Self {
        Self {
            bearer: Some(token),
            ..self
        }
    }
}

/// An HTTP response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers, in any order, without `Content-Length`: the HTTP server adds it.
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

    /// Returns the value of the first header with this name; ignores the case of the name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| &**value)
    }
}

/// A response, and the fault of its transmission.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FaultyResponse {
    /// The server's response; has no meaning if the fault suppresses it.
    pub response: Response,
    /// The fault of the transmission; `None` if the client receives the response unchanged.
    pub wire: Option<WireFault>,
}

/// Returns the decoded value of the first pair with this name.
pub(super) fn form_value<'a>(form: &'a str, name: &str) -> Option<Cow<'a, str>> {
    form.split('&').find_map(|pair| {
        let (found, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(found) == name).then(|| decoded(value))
    })
}

/// Decodes `%41` and `+`; keeps an invalid encoding as it is and replaces invalid UTF-8 by U+FFFD.
pub(super) fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => {
                if let (Some(high), Some(low)) = (digit(*high), digit(*low)) {
                    bytes.push(high << 4 | low);
                    rest = after;
                } else {
                    bytes.push(b'%');
                }
            }
            (byte, _) => bytes.push(*byte),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pair_with_the_name_counts() {
        assert_eq!(form_value("a=1&b=2&b=3", "b").as_deref(), Some("2"));
        assert_eq!(form_value("a&%62=x+y%21", "b").as_deref(), Some("x y!"));
        assert_eq!(form_value("a", "a").as_deref(), Some(""));
        assert_eq!(form_value("", "a"), None);
    }

    #[test]
    fn bad_encodings_stand_for_themselves() {
        assert_eq!(decoded("%"), "%");
        assert_eq!(decoded("%4"), "%4");
        assert_eq!(decoded("%zz%41"), "%zzA");
        assert_eq!(decoded("%ff"), "\u{fffd}");
    }
}
