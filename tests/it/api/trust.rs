//! Tests of certificates: the trusted ones, the refused ones, and the errors about a file of them.

use std::error::Error;
use std::path::PathBuf;

use session_keepalive::api::{BuildError, Client};
use session_keepalive::keeper::{Failure, Operation, Outcome};
use tempfile::TempDir;

use super::{HEAD, TOKEN_INFO, ask, base, client, config, failed, http};
use crate::it::support::child::in_child;
use crate::it::support::raw::{RawReply, RawServer};
use crate::it::support::tls::{Authority, Identity};

fn file(content: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

fn trusting(authority: &Authority, bundled_only: bool) -> Client {
    let (_folder, path) = file(&authority.pem());
    let mut config = config();
    config.trust.ca_file = Some(path);
    config.trust.bundled_only = bundled_only;
    Client::new(&config).unwrap()
}

async fn outcome_of(client: &Client, identity: &Identity) -> Outcome {
    let answer = RawReply::Send(http("200 OK", "", TOKEN_INFO));
    let server = RawServer::start_tls(identity, answer);
    let api = base(format!("https://{}", server.address()));
    ask(client, &api, Operation::Peek).await
}

#[tokio::test]
async fn an_authority_of_the_operators_is_trusted_beside_the_systems_and_the_bundled() {
    let authority = Authority::new();
    let identity = authority.vouch_for("127.0.0.1");
    for bundled_only in [false, true] {
        let outcome = outcome_of(&trusting(&authority, bundled_only), &identity).await;
        assert_eq!(outcome.verdict.as_str(), "alive", "{outcome:?}");
    }
}

#[tokio::test]
async fn an_unknown_authority_is_not_trusted() {
    let identity = Authority::new().vouch_for("127.0.0.1");
    let another = trusting(&Authority::new(), false);
    for client in [client(), another] {
        let outcome = outcome_of(&client, &identity).await;
        assert_eq!(failed(&outcome), Some(&Failure::Tls));
    }
}

#[tokio::test]
async fn an_expired_certificate_and_another_hosts_are_not_trusted() {
    let authority = Authority::new();
    let client = trusting(&authority, true);
    for identity in [
        authority.vouch_in_the_past_for("127.0.0.1"),
        authority.vouch_for("elsewhere.example"),
    ] {
        let outcome = outcome_of(&client, &identity).await;
        assert_eq!(failed(&outcome), Some(&Failure::Tls));
    }
}

#[tokio::test]
async fn a_server_without_tls_is_not_trusted() {
    // A `RawServer` would wait for a request that never comes.
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let api = base(format!("https://{}", server.local_addr().unwrap()));
    std::thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        std::io::Write::write_all(&mut stream, &http("400 Bad Request", "", "")).ok();
        std::io::copy(&mut stream, &mut std::io::sink()).ok();
    });
    let outcome = ask(&client(), &api, HEAD).await;
    assert_eq!(failed(&outcome), Some(&Failure::Tls));
}

#[test]
fn an_error_about_a_file_of_authorities_names_it() {
    let (_empty_folder, empty) = file("# nothing yet\n");
    let (_invalid_folder, invalid) =
        file("-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n");
    let absent = empty.with_file_name("absent.pem");
    for bundled_only in [false, true] {
        let build = |path: &PathBuf| {
            let mut config = config();
            config.trust.bundled_only = bundled_only;
            config.trust.ca_file = Some(path.clone());
            let error = Client::new(&config).unwrap_err();
            assert!(error.to_string().contains(path.to_str().unwrap()));
            error
        };
        assert!(matches!(build(&empty), BuildError::CaFileEmpty { .. }));
        let error = build(&absent);
        assert!(matches!(error, BuildError::CaFileUnreadable { .. }));
        assert!(error.source().is_some());
        assert!(matches!(build(&invalid), BuildError::CaFileInvalid { .. }));
    }
}

#[test]
fn connections_are_dropped_without_reading_the_authorities_again() {
    let (folder, path) = file(&Authority::new().pem());
    let mut config = config();
    config.trust.ca_file = Some(path);
    let client = Client::new(&config).unwrap();
    // The file is gone, as when its file system does not answer any more.
    drop(folder);
    let _client = client.with_new_connections();
}

#[test]
fn a_machine_without_certificates_gets_the_bundled_ones() {
    let name = "it::api::trust::a_machine_without_certificates_gets_the_bundled_ones";
    let environment = [
        ("SSL_CERT_FILE", "/nonexistent/ca.pem"),
        ("SSL_CERT_DIR", "/nonexistent"),
    ];
    in_child(name, &environment, || {
        // The environment hides the system's certificate store from this process.
        assert!(rustls_native_certs::load_native_certs().certs.is_empty());
        Client::new(&config()).unwrap();
        trusting(&Authority::new(), false);
    });
}
