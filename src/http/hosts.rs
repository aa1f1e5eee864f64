//! Refuses requests by DNS rebinding, where a foreign host name resolves to 127.0.0.1.

use std::net::{IpAddr, SocketAddr};

use hyper::header::HOST;
use hyper::http::request::Parts;

/// Returns true if a request may be answered on this local address.
///
/// On a loopback address, the request must name a loopback host. On other addresses any host is
/// allowed, because the daemon cannot know the names by which clients reach it.
pub(crate) fn is_allowed(head: &Parts, address: SocketAddr) -> bool {
    if !address.ip().to_canonical().is_loopback() {
        return true;
    }
    let authority = head
        .uri
        .authority()
        .map(|authority| authority.as_str().as_bytes());
    let header = head
        .headers
        .get(HOST)
        .map(hyper::http::HeaderValue::as_bytes);
    let mut hosts = head.headers.get_all(HOST).iter();
    let is_at_most_one = hosts.next().is_none() || hosts.next().is_none();
    // Browsers always send `Host`, so a request without it is not from a browser and is allowed.
    is_at_most_one && [authority, header].into_iter().flatten().all(is_loopback)
}

fn is_loopback(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = match name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
    {
        Some(name) => name.parse().map(IpAddr::V6),
        None => name.parse().map(IpAddr::V4),
    };
    name.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(uri: &str, hosts: &[&str], address: &str) -> bool {
        let mut request = hyper::Request::builder().uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        is_allowed(&head, address.parse().unwrap())
    }

    #[test]
    fn a_listener_on_loopback_is_asked_for_loopback() {
        for host in [
            "localhost",
            "LOCALHOST:9464",
            "127.0.0.1:9464",
            "127.3.2.1",
            "[::1]:9464",
            "[::1]",
            "[0:0:0:0:0:0:0:01]",
            "[::ffff:127.0.0.1]:9464",
        ] {
            assert!(allowed("/", &[host], "127.0.0.1:9464"), "{host}");
        }
        assert!(allowed("/", &[], "[::1]:9464"), "no browser");
    }

    #[test]
    fn a_rebound_name_is_refused() {
        for host in [
            "evil.example",
            "evil.example:9464",
            "localhost.evil.example",
            "10.0.0.1",
            "",
            "[::2]",
            "::1:x",
            "::1",
            "::1:9464",
            "[127.0.0.1]",
        ] {
            assert!(!allowed("/", &[host], "127.0.0.1:9464"), "{host:?}");
        }
        assert!(!allowed(
            "http://evil.example/",
            &["localhost"],
            "127.0.0.1:1"
        ));
        assert!(!allowed("/", &["localhost", "evil.example"], "127.0.0.1:1"));
        assert!(!allowed("/", &["evil.example"], "[::ffff:127.0.0.1]:1"));
        assert!(
            allowed("/", &["pod.example"], "10.0.0.7:9464"),
            "not loopback"
        );
    }
}
