//! The HTTP client: sends one request and waits for one answer.
//!
//! It never follows a redirect and never repeats a request, since the schedule of the keeper does
//! not count requests that the keeper did not order.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, PRAGMA,
};
use reqwest::{Request, Url, redirect, retry};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::addresses::Resolver;
use super::call::Call;
use super::receive::{Received, receive};
use super::trust::{self, BuildError};
use super::{failure, verdict};
use crate::config::{ApiBase, HttpConfig, Proxy};
use crate::keeper::{Failure, HEADER_FIELDS_MAX, HEADER_SIZE_MAX, Operation, Outcome, Verdict};
use crate::token::Token;

/// The time after which an idle connection is closed: far below the idle limits of the API and of
/// the network devices on the way. Its clock stops while the machine is suspended.
const CONNECTION_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The interval of HTTP/2 pings: a connection that died during a request is detected after this
/// and the connect timeout.
const PROBE_AFTER: Duration = Duration::from_secs(10);

const USER_AGENT: &str = concat!("session-keepalive/", env!("CARGO_PKG_VERSION"));

/// The headers of every request.
const HEADERS: [(HeaderName, &str); 4] = [
    (ACCEPT, "application/json"),
    // The client reads the body without decoding it, so it asks for a plain one.
    (ACCEPT_ENCODING, "identity"),
    // The answer of a cache reveals nothing about the token, and a touch that a cache answers
    // resets no timer. Caches of HTTP/1.0 understand only `Pragma`.
    (CACHE_CONTROL, "no-store, no-cache"),
    (PRAGMA, "no-cache"),
];

/// A client of the API. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    config: Arc<HttpConfig>,
    tls: Arc<rustls::ClientConfig>,
    resolver: Resolver,
    http: reqwest::Client,
}

impl Client {
    /// Creates a client; reads the certificate authorities.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if a certificate file or the proxy cannot be used.
    pub fn new(config: &HttpConfig) -> Result<Self, BuildError> {
        Self::with_tls(config, trust::tls(&config.trust)?)
    }

    /// Creates a client with these TLS settings.
    pub(super) fn with_tls(
        config: &HttpConfig,
        tls: rustls::ClientConfig,
    ) -> Result<Self, BuildError> {
        let resolver = Resolver::default();
        Ok(Self {
            http: http_client(config, &tls, &resolver)?,
            config: Arc::new(config.clone()),
            tls: Arc::new(tls),
            resolver,
        })
    }

    /// Returns the same client with connections of its own, which are made when they are needed.
    ///
    /// Reads no file and does not block: the certificate authorities are shared.
    #[must_use]
    pub fn with_new_connections(&self) -> Self {
        let mut new = self.clone();
        match http_client(&self.config, &self.tls, &self.resolver) {
            Ok(http) => new.http = http,
            // This cannot fail: the same settings have built a client before.
            Err(error) => tracing::debug!(%error, "the connections are kept"),
        }
        new
    }

    /// Returns a builder of a POST request.
    pub(super) fn post(&self, url: Url) -> reqwest::RequestBuilder {
        self.http.post(url)
    }

    /// Sends a request to the API and returns the outcome.
    ///
    /// Takes at most `time_limit` or the configured request timeout, whichever is shorter.
    pub async fn ask(
        &self,
        api: &ApiBase,
        token: &Token,
        operation: Operation,
        time_limit: Duration,
    ) -> Outcome {
        let call = Call::from(operation);
        let received = self.exchange(api, Some(token), call, time_limit).await;
        outcome(api, call, &received)
    }

    /// Sends a request with the configured request timeout; without a token to identify the server.
    pub(super) async fn call(
        &self,
        api: &ApiBase,
        token: Option<&Token>,
        call: Call<'_>,
    ) -> (Outcome, Option<Received>) {
        let received = self.exchange(api, token, call, Duration::MAX).await;
        (outcome(api, call, &received), received.ok())
    }

    async fn exchange(
        &self,
        api: &ApiBase,
        token: Option<&Token>,
        call: Call<'_>,
        time_limit: Duration,
    ) -> Result<Received, Verdict> {
        let request = request(api, token, call)?;
        self.execute(request, token, time_limit).await
    }

    /// Sends a request and receives the answer, without the parts that repeat a secret.
    pub(super) async fn execute(
        &self,
        request: Request,
        secret: Option<&Token>,
        time_limit: Duration,
    ) -> Result<Received, Verdict> {
        let time_limit = time_limit.min(self.config.request_timeout);
        if time_limit.is_zero() {
            return Err(Verdict::Unreachable(Failure::TimedOut));
        }
        let mut received = None;
        let exchange = async {
            let answer = self.http.execute(request).await;
            let answer = answer.map_err(|error| {
                if error.is_connect() {
                    self.resolver.handle_failure();
                }
                failure::verdict(&error)
            })?;
            receive(answer.into(), &mut received).await
        };
        let whole = timeout(time_limit, exchange).await.unwrap_or_else(|_| {
            // The connection may be the cause of the delay.
            self.resolver.handle_failure();
            Err(Verdict::Unreachable(Failure::TimedOut))
        });
        // The secret is redacted before any part of the answer can be shown.
        if let (Some(received), Some(secret)) = (&mut received, secret) {
            received.redact(secret);
        }
        match (whole, received) {
            (Ok(()), Some(received)) => Ok(received),
            (Err(_), Some(received)) if received.is_decided_without_body() => Ok(received),
            (Err(verdict), _) => Err(verdict),
            (Ok(()), None) => Err(Verdict::Unreachable(Failure::Broken)),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").finish_non_exhaustive()
    }
}

fn http_client(
    config: &HttpConfig,
    tls: &rustls::ClientConfig,
    resolver: &Resolver,
) -> Result<reqwest::Client, BuildError> {
    let in_flight_max = usize::try_from(config.in_flight_max.get()).unwrap_or(usize::MAX);
    let headers = HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value)));
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls.clone())
        .dns_resolver(resolver.clone())
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .connect_timeout(config.connect_timeout)
        .pool_idle_timeout(CONNECTION_IDLE_TIMEOUT)
        // Over HTTP/1.1 each request in flight has a connection, which the next one uses again.
        .pool_max_idle_per_host(in_flight_max)
        .http1_max_headers(HEADER_FIELDS_MAX)
        .http2_max_header_list_size(HEADER_SIZE_MAX)
        .http2_keep_alive_interval(PROBE_AFTER)
        .http2_keep_alive_timeout(config.connect_timeout)
        .user_agent(USER_AGENT)
        .default_headers(HeaderMap::from_iter(headers))
        .no_proxy();
    // The proxy is used for https only: plain http goes to this machine, and a proxy would send the
    // token over the network.
    let builder = match &config.proxy {
        Proxy::Direct => builder,
        Proxy::Url(url) => {
            let proxy = reqwest::Proxy::https(url.expose().clone());
            builder.proxy(proxy.map_err(|error| BuildError::Client(error.without_url()))?)
        }
        Proxy::Environment(variables) => {
            let variables = variables.clone();
            builder.proxy(reqwest::Proxy::custom(move |url| {
                let address = url.as_str().parse().ok()?;
                let proxy = variables.proxy_for(&address)?;
                (url.scheme() == "https").then(|| proxy.expose().clone())
            }))
        }
    };
    builder
        .build()
        .map_err(|error| BuildError::Client(error.without_url()))
}

fn request(api: &ApiBase, token: Option<&Token>, call: Call<'_>) -> Result<Request, Verdict> {
    let not_sent = |reason: &str| Verdict::Unreachable(Failure::NotSent(reason.into()));
    let url =
        Url::parse(&format!("{api}{}", call.path())).map_err(|_| not_sent("its URL is not one"))?;
    let mut request = Request::new(call.method(), url);
    if let Some(body) = call.body() {
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        *request.body_mut() = Some(body.into());
    }
    if let Some(token) = token {
        let authorization =
            authorization(token).ok_or_else(|| not_sent("the token does not fit into a header"))?;
        request.headers_mut().insert(AUTHORIZATION, authorization);
    }
    Ok(request)
}

/// Creates the header from one buffer, which is wiped when the request is over.
fn authorization(token: &Token) -> Option<HeaderValue> {
    let scheme = b"Bearer ";
    let mut buffer = Zeroizing::new(Vec::with_capacity(scheme.len() + token.expose().len()));
    buffer.extend_from_slice(scheme);
    buffer.extend_from_slice(token.expose());
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(buffer)).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn outcome(api: &ApiBase, call: Call<'_>, received: &Result<Received, Verdict>) -> Outcome {
    let outcome = match received {
        Ok(received) => verdict::outcome(call.expected_body(), &received.answer()),
        Err(verdict) => Outcome::without_answer(verdict.clone()),
    };
    tracing::trace!(
        api = %api,
        operation = call.as_str(),
        status = outcome.status,
        verdict = outcome.verdict.as_str(),
        correlation_id = outcome.correlation_id.as_deref(),
        "asked the API"
    );
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_marked_sensitive_so_that_no_debug_shows_it() {
        let token = Token::from_bytes(b"a-secret".to_vec()).unwrap();
        let value = authorization(&token).unwrap();
        assert_eq!(value.as_bytes(), b"Bearer a-secret");
        assert_eq!(format!("{value:?}"), "Sensitive");
        let api = ApiBase::new("https://api.mypurecloud.de").unwrap();
        let request = request(&api, Some(&token), Call::HeadToken).unwrap();
        assert!(!format!("{request:?}").contains("a-secret"));
    }

    #[test]
    fn a_request_in_flight_can_be_given_to_a_task() {
        fn is_send(_: impl Send) {}
        fn asking(client: &Client, api: &ApiBase, token: &Token) {
            is_send(client.ask(api, token, Operation::Peek, Duration::MAX));
            is_send(client.head_token(api, token));
        }
        is_send(asking);
    }
}
