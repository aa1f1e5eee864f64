//! Refuses what a rebound name sends: a browser that was told that some name is 127.0.0.1.

use std::net::{IpAddr, SocketAddr};

use hyper::header::HOST;
use hyper::http::request::Parts;

/// Whether a request for this host may be answered at this address of ours.
///
/// Behind loopback only loopback is asked for. Who listens elsewhere wants to be found by
/// names that we cannot know.
pub(super) fn may_ask(head: &Parts, address: SocketAddr) -> bool {
    if !address.ip().to_canonical().is_loopback() {
        return true;
    }
    let authority = head.uri.authority().map(|it| it.as_str().as_bytes());
    let header = head
        .headers
        .get(HOST)
        .map(hyper::http::HeaderValue::as_bytes);
    let mut hosts = head.headers.get_all(HOST).iter();
    let is_one = hosts.next().is_none() || hosts.next().is_none();
    // Without any, it is no browser.
    is_one && [authority, header].into_iter().flatten().all(is_loopback)
}

fn is_loopback(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(uri: &str, hosts: &[&str], address: &str) -> bool {
        let mut request = hyper::Request::builder().uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        may_ask(&head, address.parse().unwrap())
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
        ] {
            assert!(asks("/", &[host], "127.0.0.1:9464"), "{host}");
        }
        assert!(asks("/", &[], "[::1]:9464"), "no browser");
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
        ] {
            assert!(!asks("/", &[host], "127.0.0.1:9464"), "{host:?}");
        }
        assert!(!asks("http://evil.example/", &["localhost"], "127.0.0.1:1"));
        assert!(!asks("/", &["localhost", "evil.example"], "127.0.0.1:1"));
        assert!(!asks("/", &["evil.example"], "[::ffff:127.0.0.1]:1"));
        assert!(asks("/", &["pod.example"], "10.0.0.7:9464"), "not loopback");
    }
}
