//! Doors to private parsers, for the fuzz targets in `tests/fuzz` alone.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use hyper::header::HOST;

use crate::config::{Errors, Layers, Loaded};
use crate::time::ServerTime;

/// Interprets the text of a configuration file.
///
/// # Errors
///
/// All errors of the configuration.
pub fn config(text: &str) -> Result<Loaded, Errors> {
    let layers = Layers {
        file: Some(Path::new("/etc/session-keepalive/config.toml")),
        ..Layers::default()
    };
    crate::config::load_text(layers, text)
}

/// Reads a date as HTTP writes it.
#[must_use]
pub fn http_date(text: &str) -> Option<ServerTime> {
    crate::api::http_date(text)
}

/// Returns true if a request to a loopback address with these `Host` headers is answered. `None` if they are no
/// headers.
#[must_use]
pub fn is_answered(hosts: &[&[u8]]) -> Option<bool> {
    let mut request = hyper::Request::builder().uri("/status");
    for host in hosts {
        request = request.header(HOST, *host);
    }
    let (head, ()) = request.body(()).ok()?.into_parts();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 9464));
    Some(crate::http::is_allowed(&head, address))
}
