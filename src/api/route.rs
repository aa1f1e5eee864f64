//! The route to an API: the host of the connection, which is the API's own or a proxy's.

use std::fmt;

use hyper::Uri;
use url::Url;

use crate::config::{ApiBase, HttpConfig, Proxy, ProxyUrl};

/// The host and the port of the connection for requests to an API.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    host: String,
    port: u16,
    proxy: Option<ProxyUrl>,
}

/// Returns the route of requests to this API.
#[must_use]
pub fn route(config: &HttpConfig, api: &ApiBase) -> Option<Route> {
    Route::to(&config.proxy, &api.as_str().parse().ok()?)
}

impl Route {
    /// Returns the route to the host of this address.
    pub(super) fn to(proxy: &Proxy, address: &Uri) -> Option<Self> {
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

    /// Returns the name or address, without brackets.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, proxy } = self;
        let kind = if proxy.is_some() { "proxy " } else { "" };
        write!(formatter, "{kind}{host}:{port}")
    }
}
