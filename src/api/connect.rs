//! Connects to a host without sending a request, so that `doctor` can locate a broken route.

use std::net::SocketAddr;

use tokio::time::timeout;

use super::addresses::{self, Unanswered};
use super::route::Route;
use crate::config::HttpConfig;
use crate::keeper::Failure;

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

/// Returns the addresses of the host that the route leads to.
///
/// # Errors
///
/// [`ConnectError::NameNotResolved`], also if that takes longer than the connect timeout.
pub async fn resolve(config: &HttpConfig, route: &Route) -> Result<Vec<SocketAddr>, ConnectError> {
    let lookup = tokio::net::lookup_host((route.host(), route.port()));
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
