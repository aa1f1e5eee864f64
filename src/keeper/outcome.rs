//! What a request taught us: verdicts are values, and only one of them is about the token's life.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{ServerTime, Touch};

/// What a request taught us, whatever came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// What the answer means.
    pub verdict: Verdict,
    /// The HTTP status, if there was an answer at all.
    pub status: Option<u16>,
    /// The answer's `Date` header.
    pub date: Option<ServerTime>,
    /// `ININ-Correlation-Id` or `Genesys-Correlation-Id`: support asks for it.
    pub correlation_id: Option<Arc<str>>,
}

/// What an answer, or the lack of one, means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// 2xx to a touch by HEAD or to a revocation: the server did it.
    Accepted,
    /// 2xx with a `TokenInfo`: the token lives.
    Alive(TokenReport),
    /// 2xx with an `IdleTokenTimeout`.
    Timeout(TimeoutReport),
    /// 401: the token may be dead. Dead is it only if the code says so.
    Refused(Refusal),
    /// The API, or something before it, answered, but not about the token.
    Blocked(Blockage),
    /// 429: rate limited.
    Throttled {
        /// `Retry-After`, if the answer had one.
        retry_after: Option<Duration>,
    },
    /// 408, 5xx, or no answer: nothing about the token.
    Unreachable(Failure),
}

/// A `TokenInfo`, as far as the keeper cares.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TokenReport {
    /// `organization.id`.
    pub organisation: Option<Arc<str>>,
    /// `organization.name`, for people.
    pub organisation_name: Option<Arc<str>>,
    /// `dateTokenIdles`: when this token will idle out.
    pub idles_at: Option<ServerTime>,
}

/// An `IdleTokenTimeout`: the organisation's configuration.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TimeoutReport {
    /// `idleTokenTimeoutSeconds`, if the timeout is enabled for the organisation.
    pub organisation: Option<Duration>,
    /// `timeoutSeconds` of each group bundle, if group timeouts are enabled.
    pub groups: Vec<Duration>,
}

/// The code of a 401, as far as it decides between life and death.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// `bad.credentials`: idled out, expired, revoked, evicted or never valid.
    BadCredentials,
    /// There was no body to read the code from, as with every HEAD.
    Unread,
}

/// Why an answer said nothing about the token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Blockage {
    /// 401 `ip.not.authorized`: our address is not on the organisation's list.
    AddressNotAllowed,
    /// 401 `authentication.required`: the header did not arrive.
    HeaderMissing,
    /// 403, with its code.
    Forbidden(Arc<str>),
    /// Another documented error of the API, with its status and code.
    Rejected(u16, Arc<str>),
    /// A redirect, a page, or a 2xx that is not what the API sends.
    NotTheApi(NotTheApi),
}

/// What a proxy or captive portal gave itself away by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotTheApi {
    /// A 3xx: the API never redirects.
    Redirect,
    /// A body that is not the JSON that was asked for.
    UnexpectedBody,
    /// 407: the proxy wants credentials.
    ProxyAuthentication,
}

/// Why there was no answer to learn from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The host's name was not resolved.
    NameNotResolved,
    /// No connection.
    NotConnected,
    /// TLS failed: an unknown issuer, a wrong name, a wrong clock.
    Tls,
    /// No whole answer within the time limit.
    TimedOut,
    /// The connection broke before the whole answer was there.
    Broken,
    /// The body passed the limit.
    BodyTooLarge,
    /// 408 or 5xx.
    ServerError(u16),
    /// 401 to a touch with a token that a peek then showed to live.
    TouchRefused(Touch),
    /// Our own fault: the request could not even be made.
    NotSent(Arc<str>),
}

impl Verdict {
    /// The word of every one.
    pub const WORDS: [&str; 7] = [
        "accepted",
        "alive",
        "timeout",
        "refused",
        "blocked",
        "throttled",
        "unreachable",
    ];

    /// The word for logs and metrics.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Alive(_) => "alive",
            Self::Timeout(_) => "timeout",
            Self::Refused(_) => "refused",
            Self::Blocked(_) => "blocked",
            Self::Throttled { .. } => "throttled",
            Self::Unreachable(_) => "unreachable",
        }
    }
}

impl fmt::Display for Blockage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressNotAllowed => formatter.write_str(
                "this machine's address is not on the organisation's list (ip.not.authorized)",
            ),
            Self::HeaderMissing => formatter.write_str(
                "the Authorization header did not arrive (authentication.required): look at the proxy",
            ),
            Self::Forbidden(code) => write!(formatter, "not permitted ({code})"),
            Self::Rejected(status, code) => write!(formatter, "rejected with {status} ({code})"),
            Self::NotTheApi(NotTheApi::Redirect) => {
                formatter.write_str("something other than the API answered with a redirect, perhaps a proxy or captive portal")
            }
            Self::NotTheApi(NotTheApi::UnexpectedBody) => formatter
                .write_str("something other than the API answered, perhaps a proxy or captive portal"),
            Self::NotTheApi(NotTheApi::ProxyAuthentication) => {
                formatter.write_str("the proxy asks for credentials (407)")
            }
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameNotResolved => formatter.write_str("the API's host name was not resolved"),
            Self::NotConnected => formatter.write_str("no connection to the API"),
            Self::Tls => formatter.write_str("no trusted TLS connection to the API"),
            Self::TimedOut => formatter.write_str("no answer in time"),
            Self::Broken => formatter.write_str("the connection broke before the answer was whole"),
            Self::BodyTooLarge => formatter.write_str("the answer was larger than 64 KiB"),
            Self::ServerError(status) => write!(formatter, "the server failed with {status}"),
            Self::TouchRefused(Touch::Head) => {
                formatter.write_str("HEAD is answered with 401 although the token lives")
            }
            Self::TouchRefused(Touch::Get) => {
                formatter.write_str("GET is answered with 401 although the token lives")
            }
            Self::NotSent(why) => write!(formatter, "the request could not be made: {why}"),
        }
    }
}
