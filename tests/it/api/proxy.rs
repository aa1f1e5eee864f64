//! Proxies: the one that was named, the environment's, or none.

use session_keepalive::api::Client;
use session_keepalive::config::{Proxy, ProxyUrl};
use session_keepalive::keeper::{Blockage, Failure, NotTheApi, Operation, Verdict};

use super::{HEAD, SECRET, TOKEN_INFO, ask, base, client, config, failed, http};
use crate::it::support::child::in_child;
use crate::it::support::raw::{RawServer, Script};
use crate::it::support::tls::Authority;

fn through(proxy: &RawServer) -> Proxy {
    let url = format!("http://user:pass@{}", proxy.address());
    Proxy::Url(ProxyUrl::new(&url).unwrap())
}

#[tokio::test]
async fn plain_http_is_handed_to_the_proxy_that_was_named() {
    let proxy = RawServer::start(Script::Send(http("204 No Content", "", "")));
    let mut config = config();
    config.proxy = through(&proxy);
    let client = Client::new(&config).unwrap();
    let outcome = ask(&client, &base("http://127.0.0.1:1"), HEAD).await;
    assert_eq!(outcome.verdict, Verdict::Accepted);
    let requests = proxy.requests();
    assert!(requests[0].starts_with("HEAD http://127.0.0.1:1/api/v2/tokens/me HTTP/1.1\r\n"));
    assert!(requests[0].contains("proxy-authorization: Basic dXNlcjpwYXNz\r\n"));
}

#[tokio::test]
async fn https_is_tunnelled_and_the_proxy_never_sees_the_token() {
    let authority = Authority::new();
    let identity = authority.vouch_for("127.0.0.1");
    let answer = Script::Send(http("200 OK", "", TOKEN_INFO));
    let server = RawServer::start_tls(&identity, answer);
    let proxy = RawServer::start(Script::Tunnel);
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
async fn a_proxy_that_wants_credentials_says_so_in_either_way() {
    let refusal = http("407 Proxy Authentication Required", "", "");
    let proxy = RawServer::start(Script::Send(refusal));
    let mut config = config();
    config.proxy = through(&proxy);
    let client = Client::new(&config).unwrap();
    for api in ["http://127.0.0.1:1", "https://127.0.0.1:1"] {
        let outcome = ask(&client, &base(api), HEAD).await;
        let wants_credentials = Blockage::NotTheApi(NotTheApi::ProxyAuthentication);
        assert_eq!(outcome.verdict, Verdict::Blocked(wants_credentials));
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_the_tunnel_is_no_connection() {
    let proxy = RawServer::start(Script::Send(http("503 Service Unavailable", "", "")));
    let mut config = config();
    config.proxy = through(&proxy);
    let client = Client::new(&config).unwrap();
    let outcome = ask(&client, &base("https://127.0.0.1:1"), HEAD).await;
    assert_eq!(failed(&outcome), Some(&Failure::NotConnected));
}

#[test]
fn the_environments_proxy_is_used_for_https_and_never_for_plain_http_or_when_direct() {
    let name = "it::api::proxy::the_environments_proxy_is_used_for_https_and_never_for_plain_http_or_when_direct";
    let proxy = RawServer::start(Script::Send(http("407 No", "", "")));
    let url = format!("http://{}", proxy.address());
    let environment = [
        ("HTTPS_PROXY", url.as_str()),
        ("HTTP_PROXY", &url),
        ("ALL_PROXY", &url),
        ("NO_PROXY", ""),
    ];
    in_child(name, &environment, || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(environment_is_heeded());
    });
}

async fn environment_is_heeded() {
    let https = base("https://127.0.0.1:1");
    let server = RawServer::start(Script::Send(http("200 OK", "", "")));
    let plain = base(format!("http://{}", server.address()));
    let mut config = config();
    config.proxy = Proxy::Environment;
    let environment = Client::new(&config).unwrap();
    let outcome = ask(&environment, &https, HEAD).await;
    let wants_credentials = Blockage::NotTheApi(NotTheApi::ProxyAuthentication);
    assert_eq!(outcome.verdict, Verdict::Blocked(wants_credentials));
    let outcome = ask(&environment, &plain, HEAD).await;
    assert_eq!(outcome.verdict, Verdict::Accepted);
    let outcome = ask(&client(), &https, HEAD).await;
    assert_eq!(failed(&outcome), Some(&Failure::NotConnected));
}
