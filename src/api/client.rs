//! The HTTP client: sends one request, waits for one answer, and never more than that.
//!
//! It follows no redirect and repeats no request, since a repetition that the
//! keeper does not know of is one that its schedule does not count.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{ClientBuilder, Request, Url, redirect, retry, tls};
use zeroize::Zeroizing;

use super::call::Call;
use super::receive::{Received, receive};
use super::trust::{self, BuildError};
use super::{failure, verdict};
use crate::config::{ApiBase, HttpConfig, Proxy, Trust};
use crate::keeper::{Failure, Operation, Outcome, Verdict};
use crate::token::Token;

/// Far below the idle limits of the API and of what is on the way to it. It
/// runs on a clock that stops while the machine is suspended.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Sessions share connections, and few are ever open at once.
const POOL_IDLE_MAX: usize = 8;

/// A connection that died while a request waits on it is found out after this and the connect timeout.
const PROBE_AFTER: Duration = Duration::from_secs(10);

/// A client of the API. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    config: Arc<HttpConfig>,
    encrypted: reqwest::Client,
    /// For plain http, which only ever goes to this machine: the environment's
    /// proxy must not be shown a token.
    plain: reqwest::Client,
}

impl Client {
    /// Builds a client; reads the certificate authorities, and the environment's proxies if they are to be used.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if a certificate file or the proxy cannot be used.
    pub fn new(config: &HttpConfig) -> Result<Self, BuildError> {
        Self::with(Arc::new(config.clone()))
    }

    fn with(config: Arc<HttpConfig>) -> Result<Self, BuildError> {
        let encrypted = encrypted(&config, &config.trust, |settings| settings)?;
        let plain = match &config.proxy {
            Proxy::Url(_) => encrypted.clone(),
            Proxy::Environment | Proxy::Direct => settings(&config)
                .no_proxy()
                .tls_certs_only([])
                .build()
                .map_err(BuildError::Client)?,
        };
        Ok(Self {
            config,
            encrypted,
            plain,
        })
    }

    /// Forgets every connection: after a resume from suspend they are dead and do not know it.
    ///
    /// Requests in flight, and clones made before, keep the old ones.
    ///
    /// # Errors
    ///
    /// [`BuildError`] as from [`Client::new`]; the client is then as it was.
    pub fn drop_connections(&mut self) -> Result<(), BuildError> {
        *self = Self::with(Arc::clone(&self.config))?;
        Ok(())
    }

    /// Asks the API; whatever comes of it is an outcome.
    ///
    /// Takes no longer than `time_limit` or the configured request timeout,
    /// whichever is shorter.
    pub async fn ask(
        &self,
        api: &ApiBase,
        token: &Token,
        operation: Operation,
        time_limit: Duration,
    ) -> Outcome {
        let call = Call::from(operation);
        let received = self.exchange(api, token, call, time_limit).await;
        outcome(api, call, &received)
    }

    /// Asks with the configured request timeout alone.
    pub(super) async fn call(
        &self,
        api: &ApiBase,
        token: &Token,
        call: Call<'_>,
    ) -> (Outcome, Option<Received>) {
        let received = self.exchange(api, token, call, Duration::MAX).await;
        (outcome(api, call, &received), received.ok())
    }

    async fn exchange(
        &self,
        api: &ApiBase,
        token: &Token,
        call: Call<'_>,
        time_limit: Duration,
    ) -> Result<Received, Verdict> {
        let time_limit = time_limit.min(self.config.request_timeout);
        if time_limit.is_zero() {
            return Err(Verdict::Unreachable(Failure::TimedOut));
        }
        let mut request = request(api, token, call)?;
        *request.timeout_mut() = Some(time_limit);
        let client = match request.url().scheme() {
            "http" => &self.plain,
            _ => &self.encrypted,
        };
        match client.execute(request).await {
            Ok(response) => receive(response, Some(token)).await,
            Err(error) => Err(failure::verdict(&error)),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").finish_non_exhaustive()
    }
}

/// A client that goes through the configured proxy, trusts so much, and has its settings changed.
pub(super) fn encrypted(
    config: &HttpConfig,
    trust: &Trust,
    change: impl Fn(ClientBuilder) -> ClientBuilder,
) -> Result<reqwest::Client, BuildError> {
    let proxy = match &config.proxy {
        Proxy::Environment | Proxy::Direct => None,
        Proxy::Url(url) => Some(
            reqwest::Proxy::all(url.expose().clone())
                .map_err(|error| BuildError::Proxy(error.without_url()))?,
        ),
    };
    trust::build(trust, || {
        change(match (&config.proxy, &proxy) {
            (Proxy::Environment, _) => settings(config),
            (Proxy::Direct | Proxy::Url(_), None) => settings(config).no_proxy(),
            (Proxy::Direct | Proxy::Url(_), Some(proxy)) => settings(config).proxy(proxy.clone()),
        })
    })
}

fn settings(config: &HttpConfig) -> ClientBuilder {
    let accept = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
    let user_agent = concat!("session-keepalive/", env!("CARGO_PKG_VERSION"));
    reqwest::Client::builder()
        .tls_backend_rustls()
        .tls_version_min(tls::Version::TLS_1_2)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .connect_timeout(config.connect_timeout)
        .timeout(config.request_timeout)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(POOL_IDLE_MAX)
        .http2_keep_alive_interval(PROBE_AFTER)
        .http2_keep_alive_timeout(config.connect_timeout)
        .user_agent(user_agent)
        .default_headers(accept)
}

fn request(api: &ApiBase, token: &Token, call: Call<'_>) -> Result<Request, Verdict> {
    let not_sent = |why: &str| Verdict::Unreachable(Failure::NotSent(why.into()));
    let url =
        Url::parse(&format!("{api}{}", call.path())).map_err(|_| not_sent("its URL is not one"))?;
    let authorization =
        authorization(token).ok_or_else(|| not_sent("the token does not fit into a header"))?;
    let mut request = Request::new(call.method(), url);
    request.headers_mut().insert(AUTHORIZATION, authorization);
    if let Some(body) = call.body() {
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        *request.body_mut() = Some(body.into());
    }
    Ok(request)
}

/// The one buffer that the header is made of is wiped when the request is over.
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
        Ok(received) => verdict::outcome(call.wanted(), &received.answer()),
        Err(verdict) => Outcome {
            verdict: verdict.clone(),
            status: None,
            date: None,
            correlation_id: None,
        },
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
        let request = request(&api, &token, Call::HeadToken).unwrap();
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
