//! The way to an API, one step at a time: who is connected to, whether its name is known, whether it listens.

use std::fmt;
use std::net::SocketAddr;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;
use tokio::net::{TcpStream, lookup_host};

use crate::config::{ApiBase, HttpConfig, Proxy};
use crate::keeper::Failure;

/// Who is connected to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Way {
    host: String,
    port: u16,
    /// Whether that is a proxy, which connects to the API in its turn.
    pub is_proxy: bool,
}

/// The way that requests to this API go.
#[must_use]
pub fn way(config: &HttpConfig, api: &ApiBase) -> Option<Way> {
    let proxy = match &config.proxy {
        Proxy::Direct => None,
        Proxy::Url(url) => Some(url.expose().clone()),
        // Plain http only ever goes to this machine, and never through the environment's proxy.
        Proxy::Environment if api.as_str().starts_with("http:") => None,
        Proxy::Environment => {
            let uri = api.as_str().parse().ok()?;
            let intercept = Matcher::from_env().intercept(&uri);
            match intercept {
                Some(intercept) => Some(Url::parse(&intercept.uri().to_string()).ok()?),
                None => None,
            }
        }
    };
    let is_proxy = proxy.is_some();
    let url = match proxy {
        Some(proxy) => proxy,
        None => Url::parse(api.as_str()).ok()?,
    };
    let host = url.host_str()?;
    Some(Way {
        host: host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned(),
        port: url.port_or_known_default()?,
        is_proxy,
    })
}

impl fmt::Display for Way {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        let kind = if self.is_proxy { "proxy " } else { "" };
        write!(formatter, "{kind}{host}:{port}")
    }
}

impl Way {
    /// The addresses that the name stands for.
    ///
    /// # Errors
    ///
    /// [`Failure`] if there are none, or not within the connect timeout.
    pub async fn addresses(&self, config: &HttpConfig) -> Result<Vec<SocketAddr>, Failure> {
        let looking = lookup_host((self.host.as_str(), self.port));
        match tokio::time::timeout(config.connect_timeout, looking).await {
            Err(_elapsed) => Err(Failure::TimedOut),
            Ok(Err(_)) => Err(Failure::NameNotResolved),
            Ok(Ok(found)) => {
                let found: Vec<_> = found.collect();
                if found.is_empty() {
                    Err(Failure::NameNotResolved)
                } else {
                    Ok(found)
                }
            }
        }
    }
}

/// Connects to the first of the addresses that listens.
///
/// # Errors
///
/// [`Failure`] if none does, or not within the connect timeout.
pub async fn connect(config: &HttpConfig, addresses: &[SocketAddr]) -> Result<SocketAddr, Failure> {
    let connecting = TcpStream::connect(addresses);
    match tokio::time::timeout(config.connect_timeout, connecting).await {
        Err(_elapsed) => Err(Failure::TimedOut),
        Ok(Err(_)) => Err(Failure::NotConnected),
        Ok(Ok(stream)) => stream.peer_addr().map_err(|_| Failure::Broken),
    }
}
