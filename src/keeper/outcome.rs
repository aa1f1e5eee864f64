//! The outcomes of requests. Verdicts are values, and only [`Verdict::Refused`] can end a token.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Touch;
use crate::time::ServerTime;

/// The largest number of header fields that an answer may have.
pub const HEADER_FIELDS_MAX: usize = 512;

/// The largest header that an answer may have, in bytes.
pub const HEADER_SIZE_MAX: u32 = 256 * 1024;

/// The outcome of a request, with or without an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The meaning of the answer, or of its absence.
    pub verdict: Verdict,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The answer's `Date` header.
    pub date: Option<ServerTime>,
    /// True if the answer came from a cache (`Age`) and is therefore no evidence.
    pub is_cached: bool,
    /// `ININ-Correlation-Id` or `Genesys-Correlation-Id`, which the vendor's support asks for.
    pub correlation_id: Option<Arc<str>>,
}

impl Outcome {
    /// Creates the outcome of a request without an answer.
    #[must_use]
    pub fn without_answer(verdict: Verdict) -> Self {
        Self {
            verdict,
            status: None,
            date: None,
            is_cached: false,
            correlation_id: None,
        }
    }
}

/// The meaning of an answer, or of its absence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// 2xx to a touch by HEAD or to a revocation.
    Accepted,
    /// 2xx with a `TokenInfo`: the token is alive.
    Alive(TokenReport),
    /// 2xx with an `IdleTokenTimeout`.
    Timeout(TimeoutReport),
    /// 401: the token may have ended; its code decides.
    Refused(Refusal),
    /// An answer of the API, or of something in front of it, that does not concern the token.
    Blocked(BlockReason),
    /// 429: rate limited.
    Throttled {
        /// `Retry-After`, if the answer had one.
        retry_after: Option<Duration>,
    },
    /// 408, 5xx, or no answer: the state of the token is unknown.
    Unreachable(Failure),
}

/// The parts of a `TokenInfo` that the keeper uses.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TokenReport {
    /// `organization.id`.
    pub organisation: Option<Arc<str>>,
    /// `organization.name`, for people.
    pub organisation_name: Option<Arc<str>>,
    /// `OAuthClient.id`.
    pub client: Option<Arc<str>>,
    /// The end of the OAuth client, if the API announces one.
    pub client_end: Option<ClientEnd>,
    /// `dateTokenIdles`: the instant at which this token idles out.
    pub idles_at: Option<ServerTime>,
}

/// The announced end of an OAuth client, with which its tokens end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientEnd {
    /// `OAuthClient.state`: true if the client is deactivated.
    pub is_inactive: bool,
    /// `OAuthClient.dateToDelete`: the instant at which the client is deleted.
    pub deleted_at: Option<ServerTime>,
}

/// An `IdleTokenTimeout`: the organisation's configuration.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TimeoutReport {
    /// `idleTokenTimeoutSeconds`, if the timeout is enabled for the organisation.
    pub organisation: Option<Duration>,
    /// `timeoutSeconds` of each group bundle, if group timeouts are enabled.
    pub groups: Vec<Duration>,
}

/// The code of a 401 that may end the token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// `bad.credentials`: idled out, expired, revoked, evicted or never valid.
    BadCredentials,
    /// There was no body to read the code from, as with every HEAD.
    Unread,
}

/// The reason for which an answer does not concern the token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BlockReason {
    /// 401 `ip.not.authorized`: the daemon's address is not on the organisation's list.
    AddressNotAllowed,
    /// 401 `authentication.required`: the `Authorization` header did not arrive.
    HeaderMissing,
    /// 403, with its code.
    Forbidden(Arc<str>),
    /// Another documented error of the API, with its status and code.
    Rejected(u16, Arc<str>),
    /// An answer that the API does not send, such as a redirect or an HTML page.
    NotTheApi(NotTheApi),
}

impl BlockReason {
    /// Returns true if this reason tells all that the other one does. The answer to `HEAD` has no
    /// body, and so only its status in the place of a code.
    pub(super) fn includes(&self, other: &Self) -> bool {
        let is_status = |code: &str| code.bytes().all(|byte| byte.is_ascii_digit());
        match (self, other) {
            (Self::Forbidden(_), Self::Forbidden(code)) => is_status(code) || self == other,
            (Self::Rejected(known, _), Self::Rejected(status, code)) if known == status => {
                is_status(code) || self == other
            }
            _ => self == other,
        }
    }
}

/// The sign that an answer came from a proxy or captive portal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotTheApi {
    /// A 3xx: the API never redirects.
    Redirect,
    /// A body that is not the JSON that was asked for.
    UnexpectedBody,
    /// 407: the proxy requires credentials.
    ProxyAuthentication,
    /// A body in this `Content-Encoding`, which was not asked for and is not decoded.
    Encoded(Arc<str>),
    /// The answer of a cache, although the request asked for an uncached one.
    Cached,
}

/// The reason for the absence of a usable answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The host's name was not resolved.
    NameNotResolved,
    /// No connection could be established.
    NotConnected,
    /// TLS failed: an unknown issuer, a wrong name, a wrong clock.
    Tls,
    /// The whole answer did not arrive within the time limit.
    TimedOut,
    /// The connection broke before the whole answer arrived.
    Broken,
    /// The body is larger than the limit.
    BodyTooLarge,
    /// The header has more fields than [`HEADER_FIELDS_MAX`] or is larger than
    /// [`HEADER_SIZE_MAX`].
    HeaderTooLarge,
    /// The server answered with 408 or 5xx.
    ServerError(u16),
    /// A touch was answered with 401, and a peek then showed the token to be alive.
    TouchRefused(Touch),
    /// The daemon could not make the request.
    NotSent(Arc<str>),
}

impl Verdict {
    /// The words of all verdicts.
    pub const WORDS: [&str; 7] = [
        "accepted",
        "alive",
        "timeout",
        "refused",
        "blocked",
        "throttled",
        "unreachable",
    ];

    /// Returns the word for logs and metrics.
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

impl fmt::Display for BlockReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressNotAllowed => formatter.write_str(
                "this machine's address is not on the organisation's list (ip.not.authorized)",
            ),
            Self::HeaderMissing => formatter.write_str(
                "the Authorization header did not arrive (authentication.required): check the proxy",
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
            Self::NotTheApi(NotTheApi::Cached) => formatter.write_str(
                "a cache answered in place of the API: exclude the API from the caches of the proxy",
            ),
            Self::NotTheApi(NotTheApi::Encoded(encoding)) => write!(
                formatter,
                "the answer is encoded as {encoding}, which was not requested, perhaps by a proxy"
            ),
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
            Self::HeaderTooLarge => write!(
                formatter,
                "the answer's header has more than {HEADER_FIELDS_MAX} fields or {} KiB",
                HEADER_SIZE_MAX / 1024
            ),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_and_each_blockage_is_told_in_its_own_words() {
        let failures = [
            Failure::NameNotResolved,
            Failure::NotConnected,
            Failure::Tls,
            Failure::TimedOut,
            Failure::Broken,
            Failure::BodyTooLarge,
            Failure::HeaderTooLarge,
            Failure::ServerError(503),
            Failure::TouchRefused(Touch::Head),
            Failure::TouchRefused(Touch::Get),
            Failure::NotSent("why".into()),
        ];
        let blockages = [
            BlockReason::AddressNotAllowed,
            BlockReason::HeaderMissing,
            BlockReason::Forbidden("code".into()),
            BlockReason::Rejected(404, "code".into()),
            BlockReason::NotTheApi(NotTheApi::Redirect),
            BlockReason::NotTheApi(NotTheApi::UnexpectedBody),
            BlockReason::NotTheApi(NotTheApi::ProxyAuthentication),
            BlockReason::NotTheApi(NotTheApi::Encoded("gzip".into())),
            BlockReason::NotTheApi(NotTheApi::Cached),
        ];
        let mut texts: Vec<_> = failures.iter().map(ToString::to_string).collect();
        texts.extend(blockages.iter().map(ToString::to_string));
        let all = texts.len();
        assert!(texts.iter().all(|text| text.len() > 10), "{texts:?}");
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), all);
        assert_eq!(
            Failure::HeaderTooLarge.to_string(),
            "the answer's header has more than 512 fields or 256 KiB"
        );
    }
}
