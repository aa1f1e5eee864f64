//! The way to the API.

use session_keepalive::keeper::ServerTime;
use session_keepalive::sim::{Fault, Span};

use super::super::support::front::{self, Version};
use super::super::support::raw::{RawServer, Script};
use super::super::support::simulation::Simulation;
use super::super::support::tls::{Authority, Identity};
use super::{TOKEN, doctor, folder, has_line, run, seconds, simulation};

/// The simulator behind TLS, and what is to be trusted.
fn behind(identity: &Identity, authority: &Authority) -> (Simulation, super::Folder, String) {
    let simulation = simulation();
    let api = front::start(identity, Version::Http2, simulation.base());
    let folder = folder(&api, "[http]\nca_file = \"ca.pem\"\nproxy = \"none\"\n");
    folder.write("ca.pem", &authority.pem());
    (simulation, folder, api)
}

#[test]
fn a_private_authority_is_named_as_who_reads_the_tokens() {
    let authority = Authority::new();
    let (_simulation, folder, api) = behind(&authority.vouch_for("127.0.0.1"), &authority);
    let said = doctor(&folder, &[]);
    said.ends_with(0);
    let issuer = "issued by CN=rcgen self signed cert";
    has_line(
        &said,
        &format!("warning  {api} tls:"),
        &[issuer, "TLS-inspecting proxy"],
    );
    has_line(&said, &format!("ok       {api} answer:"), &[]);
    has_line(
        &said,
        "ok       wallboard lives:",
        &["organisation Example"],
    );
}

#[test]
fn an_authority_that_is_not_trusted_is_named() {
    let authority = Authority::new();
    let (_simulation, folder, api) = behind(&authority.vouch_for("127.0.0.1"), &Authority::new());
    let said = doctor(&folder, &[]);
    said.ends_with(1);
    let parts = ["not trusted", "issued by CN=rcgen", "http.ca_file"];
    has_line(&said, &format!("failure  {api} tls:"), &parts);
}

#[test]
fn an_expired_certificate_is_named_with_its_day() {
    let authority = Authority::new();
    let expired = authority.vouch_in_the_past_for("127.0.0.1");
    let (_simulation, folder, api) = behind(&expired, &authority);
    let said = doctor(&folder, &[]);
    said.ends_with(1);
    has_line(
        &said,
        &format!("failure  {api} tls:"),
        &["expired on 2002-01-01", "renews"],
    );
}

#[test]
fn a_captive_portal_is_named() {
    let simulation = simulation();
    let always = Span::Times(u32::MAX);
    simulation.server().script().befall_all(always, Fault::Page);
    let said = doctor(&folder(&simulation.base(), ""), &[]);
    said.ends_with(1);
    let parts = ["captive portal", "sign-in"];
    let base = simulation.base();
    has_line(&said, &format!("failure  {base} answer:"), &parts);
    has_line(&said, "failure  wallboard lives:", &parts);
}

#[test]
fn another_server_than_the_api_is_told() {
    let page = b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found".to_vec();
    let server = RawServer::start(Script::Send(page));
    let api = format!("http://{}", server.address());
    let said = doctor(&folder(&api, ""), &[]);
    said.ends_with(1);
    has_line(
        &said,
        &format!("failure  {api} answer:"),
        &["404", "host of the API"],
    );
    // Nobody is shown a token before it is known who answers.
    assert!(
        !server.requests()[0]
            .to_ascii_lowercase()
            .contains("authorization")
    );
}

#[test]
fn a_clock_that_is_off_by_ten_minutes_is_told_and_breaks_nothing() {
    for (off, side) in [(-600_000, "10 m (600 s) ahead of"), (600_000, "behind")] {
        let simulation = Simulation::with(seconds(900), |settings| {
            let right = settings.wall_at_boot.unix_milliseconds();
            settings.wall_at_boot = ServerTime::from_unix_milliseconds(right + off);
        });
        simulation.token(TOKEN);
        let said = doctor(&folder(&simulation.base(), ""), &[]);
        said.ends_with(0);
        let base = simulation.base();
        let line = format!("warning  {base} clock: this machine's clock is ");
        has_line(&said, &line, &[side, "timedatectl"]);
        has_line(&said, "ok       wallboard idle deadline: in 1", &[]);
    }
}

#[test]
fn what_cannot_be_reached_is_told_at_the_step_that_fails() {
    let mut simulation = simulation();
    let base = simulation.base();
    let folder_down = folder(&base, "");
    simulation.down();
    let said = doctor(&folder_down, &[]);
    said.ends_with(1);
    has_line(&said, &format!("ok       {base} dns:"), &["127.0.0.1"]);
    has_line(
        &said,
        &format!("failure  {base} tcp:"),
        &["no connection", "network"],
    );
    let nowhere = "https://does-not-exist.invalid";
    let said = doctor(&folder(nowhere, "[http]\nproxy = \"none\"\n"), &[]);
    said.ends_with(1);
    has_line(&said, &format!("failure  {nowhere} dns:"), &["(DNS)"]);
    // With a proxy it is the proxy that has to be reached.
    let said = doctor(
        &folder(nowhere, "[http]\nproxy = \"http://127.0.0.1:9\"\n"),
        &[],
    );
    said.ends_with(1);
    has_line(
        &said,
        &format!("ok       {nowhere} dns:"),
        &["proxy 127.0.0.1:9"],
    );
    has_line(&said, &format!("failure  {nowhere} tcp:"), &[]);
}

#[test]
fn the_environments_proxy_is_what_has_to_be_reached_unless_it_is_excepted() {
    let nowhere = "https://does-not-exist.invalid";
    let folder = folder(nowhere, "");
    let look = |no_proxy: &str| {
        let mut command = folder.command(&["doctor", "--config", "config.toml"]);
        command.env("HTTPS_PROXY", "http://user:hunter2@127.0.0.1:9");
        command.env("NO_PROXY", no_proxy);
        run(command, "")
    };
    let through = look("");
    through.ends_with(1);
    has_line(
        &through,
        &format!("ok       {nowhere} dns:"),
        &["proxy 127.0.0.1:9"],
    );
    has_line(
        &through,
        &format!("failure  {nowhere} tcp:"),
        &["no connection"],
    );
    assert!(!through.out.contains("hunter2"), "{through:?}");
    let direct = look("does-not-exist.invalid");
    has_line(&direct, &format!("failure  {nowhere} dns:"), &["(DNS)"]);
}
