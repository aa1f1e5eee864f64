//! The route to an API: the host of the connection, which is the API's own or a proxy's.
//!
//! It can be tried without sending a request, so that `doctor` can locate a broken route.

use std::fmt;
use std::net::SocketAddr;

use hyper::Uri;
use tokio::time::timeout;
use url::Url;

use super::addresses::{self, Unanswered};
use crate::config::{ApiBase, HttpConfig, Proxy, ProxyUrl};
use crate::keeper::Failure;

/// The host and the port of the connection for requests to an API.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// The name or address, without brackets.
    host: String,
    port: u16,
    proxy: Option<ProxyUrl>,
}

impl Route {
    /// Returns the route to the host of this address.
    fn to(proxy: &Proxy, address: &Uri) -> Option<Self> {
        let proxy = match proxy {
            // Plain http goes to this machine only: a proxy would send the token over the
            // network, and would resolve the address to the proxy's own machine.
            _ if address.scheme_str() != Some("https") => None,
            Proxy::Direct => None,
            Proxy::Url(url) => Some(url.clone()),
            Proxy::Environment(variables) => variables.proxy_for(address).cloned(),
        };
        let url = match &proxy {
            Some(proxy) => proxy.expose().clone(),
            None => Url::parse(&address.to_string()).ok()?,
        };
        let host = url.host_str()?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some(Self {
            host: host.to_owned(),
            port: url.port_or_known_default()?,
            proxy,
        })
    }
}

impl fmt::Display for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, proxy } = self;
        let kind = if proxy.is_some() { "proxy " } else { "" };
        write!(formatter, "{kind}{host}:{port}")
    }
}

/// The reason for a failed connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name of the API or of the proxy was not resolved.
    #[error("the name was not resolved")]
    NameNotResolved,
    /// No address accepted a connection.
    #[error("not connected")]
    NotConnected,
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::NameNotResolved => Self::NameNotResolved,
            ConnectError::NotConnected => Self::NotConnected,
        }
    }
}

/// Returns the route of requests to this API.
#[must_use]
pub fn route(config: &HttpConfig, api: &ApiBase) -> Option<Route> {
    Route::to(&config.proxy, &api.as_str().parse().ok()?)
}

/// Returns the addresses of the host that the route leads to.
///
/// # Errors
///
/// [`ConnectError::NameNotResolved`], also if that takes longer than the connect timeout.
pub async fn resolve(config: &HttpConfig, route: &Route) -> Result<Vec<SocketAddr>, ConnectError> {
    let lookup = tokio::net::lookup_host((route.host.as_str(), route.port));
    let found: Vec<_> = match timeout(config.connect_timeout, lookup).await {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    };
    if found.is_empty() {
        return Err(ConnectError::NameNotResolved);
    }
    Ok(found)
}

/// Connects to one of these addresses in the way that requests do, and returns that address.
///
/// # Errors
///
/// [`ConnectError::NotConnected`] if none answers within the connect timeout.
pub async fn reach(
    config: &HttpConfig,
    addresses: &[SocketAddr],
) -> Result<SocketAddr, ConnectError> {
    // The loop lets every address be tried, as the daemon does with repeated attempts.
    let unanswered = Unanswered::default();
    for _ in 0..addresses.len().div_ceil(addresses::WAITING_MAX) {
        let connecting = addresses::connect(addresses, config.connect_timeout, &unanswered);
        if let Some(stream) = connecting.await {
            return stream.peer_addr().map_err(|_| ConnectError::NotConnected);
        }
    }
    Err(ConnectError::NotConnected)
}
