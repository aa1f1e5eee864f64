//! The mapping of requests to the operations of the API.

use std::borrow::Cow;

use super::exchange;
use super::{Method, Request};

/// An operation of the API.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ApiOperation {
    /// `GET /tokens/me?preserveIdleTTL=true`; the case of `true` does not matter.
    PeekMe,
    /// `HEAD /tokens/me`.
    HeadMe,
    /// `GET /tokens/me`.
    GetMe,
    /// `GET /tokens/timeout`.
    GetTimeout,
    /// `PUT /tokens/timeout`.
    PutTimeout,
    /// `DELETE /tokens/me`.
    DeleteMe,
    /// `DELETE /tokens/{userId}`.
    DeleteUser,
    /// `POST /oauth/token`, a request without a token.
    Mint,
    /// An unknown path, or a method that the path does not support.
    Unknown,
}

impl ApiOperation {
    /// The number of operations.
    pub(super) const COUNT: usize = Self::Unknown as usize + 1;
}

/// The target of a request.
pub(super) enum RequestTarget<'a> {
    /// An operation of the API without a path parameter.
    Api(ApiOperation),
    /// [`ApiOperation::DeleteUser`] of this user.
    User(Cow<'a, str>),
    /// The login service.
    Login,
    /// A path that supports only the methods in `allow`.
    WrongMethod { allow: &'static str },
    /// An unknown path.
    NotFound,
}

impl<'a> RequestTarget<'a> {
    pub(super) fn of(request: &Request<'a>) -> Self {
        let Some(path) = request.path.strip_prefix("/api/v2/tokens/") else {
            return match (request.path, request.method) {
                ("/oauth/token", Method::Post) => Self::Login,
                ("/oauth/token", _) => Self::WrongMethod { allow: "POST" },
                _ => Self::NotFound,
            };
        };
        match (path, request.method) {
            ("me", Method::Head) => Self::Api(ApiOperation::HeadMe),
            ("me", Method::Get) if preserves_idle_time(request.query) => {
                Self::Api(ApiOperation::PeekMe)
            }
            ("me", Method::Get) => Self::Api(ApiOperation::GetMe),
            ("me", Method::Delete) => Self::Api(ApiOperation::DeleteMe),
            ("me", _) => Self::WrongMethod {
                allow: "DELETE, GET, HEAD",
            },
            ("timeout", Method::Get) => Self::Api(ApiOperation::GetTimeout),
            ("timeout", Method::Put) => Self::Api(ApiOperation::PutTimeout),
            ("timeout", _) => Self::WrongMethod { allow: "GET, PUT" },
            (user, _) if user.is_empty() || user.contains('/') => Self::NotFound,
            (user, Method::Delete) => Self::User(exchange::decoded(user)),
            _ => Self::WrongMethod { allow: "DELETE" },
        }
    }

    pub(super) fn operation(&self) -> ApiOperation {
        match self {
            Self::Api(operation) => *operation,
            Self::User(_) => ApiOperation::DeleteUser,
            Self::Login => ApiOperation::Mint,
            Self::WrongMethod { .. } | Self::NotFound => ApiOperation::Unknown,
        }
    }
}

fn preserves_idle_time(query: &str) -> bool {
    !query.is_empty()
        && exchange::form_value(query, "preserveIdleTTL")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(method: Method, path: &str, query: &str) -> ApiOperation {
        let request = Request {
            query,
            ..Request::new(method, path)
        };
        RequestTarget::of(&request).operation()
    }

    #[test]
    fn only_preserve_idle_ttl_true_is_a_peek() {
        for (query, expected) in [
            ("preserveIdleTTL=true", ApiOperation::PeekMe),
            ("a=b&preserveIdleTTL=True", ApiOperation::PeekMe),
            ("preserveIdleTTL=false", ApiOperation::GetMe),
            ("preserveIdleTTL=1", ApiOperation::GetMe),
            ("preserveIdleTTL", ApiOperation::GetMe),
            ("preserveidlettl=true", ApiOperation::GetMe),
            ("", ApiOperation::GetMe),
        ] {
            assert_eq!(
                operation(Method::Get, "/api/v2/tokens/me", query),
                expected,
                "{query}"
            );
        }
        assert_eq!(
            operation(Method::Head, "/api/v2/tokens/me", "preserveIdleTTL=true"),
            ApiOperation::HeadMe
        );
    }

    #[test]
    fn a_path_that_is_not_the_apis_leads_nowhere() {
        for path in [
            "",
            "/",
            "/tokens/me",
            "/api/v2/tokens/",
            "/api/v2/tokens/a/b",
        ] {
            assert_eq!(operation(Method::Delete, path, ""), ApiOperation::Unknown);
        }
    }
}
