//! Tests of proxies: a configured one, the environment's, or none.

use session_keepalive::api::Client;
use session_keepalive::config::{Proxy, ProxyUrl, ProxyVariables};
use session_keepalive::keeper::{BlockReason, Failure, NotTheApi, Operation, Verdict};

use super::{HEAD, SECRET, TOKEN_INFO, ask, base, config, failed, http};
use crate::it::support::raw::{RawReply, RawServer};
use crate::it::support::tls::Authority;

fn through(proxy: &RawServer) -> Proxy {
    let url = format!("http://user:pass@{}", proxy.address());
    Proxy::Url(ProxyUrl::new(&url).unwrap())
}

fn in_environment(proxy: &RawServer) -> Proxy {
    let url = format!("user:pass@{}", proxy.address());
    let variables = ["HTTPS_PROXY", "HTTP_PROXY"].map(|name| (name.into(), url.clone().into()));
    Proxy::Environment(ProxyVariables::read(&variables).unwrap())
}

#[tokio::test]
async fn plain_http_never_goes_through_a_proxy() {
    let proxy = RawServer::start(RawReply::Send(http("407 No", "", "")));
    let server = RawServer::start(RawReply::Send(http("204 No Content", "", "")));
    let plain = base(format!("http://{}", server.address()));
    let mut config = config();
    for through in [through(&proxy), in_environment(&proxy)] {
        config.proxy = through;
        let outcome = ask(&Client::new(&config).unwrap(), &plain, HEAD).await;
        assert_eq!(outcome.verdict, Verdict::Accepted);
    }
    assert_eq!(server.requests().len(), 2);
    assert!(proxy.requests().is_empty());
}

#[tokio::test]
async fn https_is_tunnelled_and_the_proxy_never_sees_the_token() {
    let authority = Authority::new();
    let identity = authority.vouch_for("127.0.0.1");
    let answer = RawReply::Send(http("200 OK", "", TOKEN_INFO));
    let server = RawServer::start_tls(&identity, answer);
    let proxy = RawServer::start(RawReply::Tunnel);
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, authority.pem()).unwrap();
    let mut config = config();
    config.proxy = through(&proxy);
    config.trust.ca_file = Some(ca_file);
    let client = Client::new(&config).unwrap();
    let api = base(format!("https://{}", server.address()));
    let outcome = ask(&client, &api, Operation::Peek).await;
    assert_eq!(outcome.verdict.as_str(), "alive", "{outcome:?}");
    let connect = proxy.requests().remove(0);
    assert!(connect.starts_with(&format!("CONNECT {} HTTP/1.1\r\n", server.address())));
    assert!(!connect.contains(SECRET));
}

#[tokio::test]
async fn a_proxy_that_wants_credentials_says_so() {
    let refusal = http("407 Proxy Authentication Required", "", "");
    let proxy = RawServer::start(RawReply::Send(refusal));
    let mut config = config();
    for through in [through(&proxy), in_environment(&proxy)] {
        config.proxy = through;
        let client = Client::new(&config).unwrap();
        let outcome = ask(&client, &base("https://127.0.0.1:1"), HEAD).await;
        let wants_credentials = BlockReason::NotTheApi(NotTheApi::ProxyAuthentication);
        assert_eq!(outcome.verdict, Verdict::Blocked(wants_credentials));
    }
    for request in proxy.requests() {
        let mut lines = request.lines();
        let sent = lines.find_map(|line| {
            line.to_ascii_lowercase()
                .starts_with("proxy-authorization:")
                .then(|| line.to_owned())
        });
        assert!(
            sent.is_some_and(|line| line.ends_with(" Basic dXNlcjpwYXNz")),
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_proxy_that_answers_anything_else_or_without_end_is_no_connection() {
    let endless = [b"HTTP/1.1 200 OK\r\n".to_vec(), b"X: y\r\n".repeat(10_000)].concat();
    for answer in [
        &endless[..],
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"\r\n\r\n",
        b"",
    ] {
        let proxy = RawServer::start(RawReply::Send(answer.to_vec()));
        let mut config = config();
        config.proxy = through(&proxy);
        let client = Client::new(&config).unwrap();
        let outcome = ask(&client, &base("https://127.0.0.1:1"), HEAD).await;
        assert_eq!(failed(&outcome), Some(&Failure::NotConnected));
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_the_tunnel_is_no_connection() {
    let proxy = RawServer::start(RawReply::Send(http("503 Service Unavailable", "", "")));
    let mut config = config();
    config.proxy = through(&proxy);
    let client = Client::new(&config).unwrap();
    let outcome = ask(&client, &base("https://127.0.0.1:1"), HEAD).await;
    assert_eq!(failed(&outcome), Some(&Failure::NotConnected));
}

#[tokio::test]
async fn a_host_that_the_environment_excepts_is_reached_directly() {
    let proxy = RawServer::start(RawReply::Send(http("407 No", "", "")));
    let variables = [
        ("HTTPS_PROXY".into(), proxy.address().to_string().into()),
        ("NO_PROXY".into(), "127.0.0.0/8".into()),
    ];
    let mut config = config();
    config.proxy = Proxy::Environment(ProxyVariables::read(&variables).unwrap());
    let client = Client::new(&config).unwrap();
    let outcome = ask(&client, &base("https://127.0.0.1:1"), HEAD).await;
    assert_eq!(failed(&outcome), Some(&Failure::NotConnected));
    assert!(proxy.requests().is_empty());
}
