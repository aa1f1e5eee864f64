//! Tests of the checks of the network between this machine and the API.

use session_keepalive::sim::{RuleSpan, SimFault};
use session_keepalive::time::ServerTime;

use super::super::support::front::{self, HttpVersion};
use super::super::support::raw::{RawReply, RawServer};
use super::super::support::simulation::Simulation;
use super::super::support::tls::{Authority, Identity};
use super::{TOKEN, doctor, folder, has_line, run, seconds, simulation};

/// Starts the simulator behind TLS; the folder's configuration trusts the authority.
fn behind(identity: &Identity, authority: &Authority) -> (Simulation, super::Folder, String) {
    let simulation = simulation();
    let api = front::start(identity, HttpVersion::Http2, simulation.base());
    let folder = folder(&api, "[http]\nca_file = \"ca.pem\"\nproxy = \"none\"\n");
    folder.write("ca.pem", &authority.pem());
    (simulation, folder, api)
}

#[test]
fn a_private_authority_is_named_as_who_reads_the_tokens() {
    let authority = Authority::new();
    let (_simulation, folder, api) = behind(&authority.vouch_for("127.0.0.1"), &authority);
    let output = doctor(&folder, &[]);
    output.exits_with(0);
    let issuer = "issued by CN=rcgen self signed cert";
    has_line(
        &output,
        &format!("warning  {api} tls:"),
        &[issuer, "TLS-inspecting proxy"],
    );
    has_line(&output, &format!("ok       {api} answer:"), &[]);
    has_line(
        &output,
        "ok       wallboard lives:",
        &["organisation Example"],
    );
}

#[test]
fn an_authority_that_is_not_trusted_is_named() {
    let authority = Authority::new();
    let (_simulation, folder, api) = behind(&authority.vouch_for("127.0.0.1"), &Authority::new());
    let output = doctor(&folder, &[]);
    output.exits_with(1);
    let parts = ["not trusted", "issued by CN=rcgen", "http.ca_file"];
    has_line(&output, &format!("failure  {api} tls:"), &parts);
}

#[test]
fn an_expired_certificate_is_named_with_its_day() {
    let authority = Authority::new();
    let expired = authority.vouch_in_the_past_for("127.0.0.1");
    let (_simulation, folder, api) = behind(&expired, &authority);
    let output = doctor(&folder, &[]);
    output.exits_with(1);
    has_line(
        &output,
        &format!("failure  {api} tls:"),
        &["expired on 2002-01-01", "has to renew it"],
    );
}

#[test]
fn a_captive_portal_is_named() {
    let simulation = simulation();
    let always = RuleSpan::Times(u32::MAX);
    simulation
        .server()
        .script()
        .befall_all(always, SimFault::Page);
    let output = doctor(&folder(&simulation.base(), ""), &[]);
    output.exits_with(1);
    let parts = ["captive portal", "sign-in"];
    let base = simulation.base();
    has_line(&output, &format!("failure  {base} answer:"), &parts);
    has_line(&output, "failure  wallboard lives:", &parts);
}

#[test]
fn another_server_than_the_api_is_told() {
    let page = b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found".to_vec();
    let server = RawServer::start(RawReply::Send(page));
    let api = format!("http://{}", server.address());
    let output = doctor(&folder(&api, ""), &[]);
    output.exits_with(1);
    has_line(
        &output,
        &format!("failure  {api} answer:"),
        &["404", "host of the API"],
    );
    // The host is checked before any request with a token, so the first request has none.
    assert!(
        !server.requests()[0]
            .to_ascii_lowercase()
            .contains("authorization")
    );
}

#[test]
fn a_clock_that_is_off_by_ten_minutes_is_told_and_breaks_nothing() {
    for (off, side) in [(-600_000, "10m (600s) ahead of"), (600_000, "behind")] {
        let simulation = Simulation::with(seconds(900), |settings| {
            let right = settings.wall_at_boot.unix_milliseconds();
            settings.wall_at_boot = ServerTime::from_unix_milliseconds(right + off);
        });
        simulation.token(TOKEN);
        let output = doctor(&folder(&simulation.base(), ""), &[]);
        output.exits_with(0);
        let base = simulation.base();
        let line = format!("warning  {base} clock: this machine's clock is ");
        has_line(&output, &line, &[side, "timedatectl"]);
        has_line(&output, "ok       wallboard idle deadline: in 1", &[]);
    }
}

#[test]
fn what_cannot_be_reached_is_told_at_the_step_that_fails() {
    let mut simulation = simulation();
    let base = simulation.base();
    let folder_down = folder(&base, "");
    simulation.down();
    let output = doctor(&folder_down, &[]);
    output.exits_with(1);
    has_line(&output, &format!("ok       {base} dns:"), &["127.0.0.1"]);
    has_line(
        &output,
        &format!("failure  {base} tcp:"),
        &["no connection", "network"],
    );
    let nowhere = "https://does-not-exist.invalid";
    let output = doctor(&folder(nowhere, "[http]\nproxy = \"none\"\n"), &[]);
    output.exits_with(1);
    has_line(&output, &format!("failure  {nowhere} dns:"), &["(DNS)"]);
    // With a proxy, `doctor` resolves and connects to the proxy, not to the API.
    let output = doctor(
        &folder(nowhere, "[http]\nproxy = \"http://127.0.0.1:9\"\n"),
        &[],
    );
    output.exits_with(1);
    has_line(
        &output,
        &format!("ok       {nowhere} dns:"),
        &["proxy 127.0.0.1:9"],
    );
    has_line(&output, &format!("failure  {nowhere} tcp:"), &[]);
}

#[test]
fn the_environments_proxy_is_what_has_to_be_reached_unless_it_is_excepted() {
    let nowhere = "https://does-not-exist.invalid";
    let folder = folder(nowhere, "");
    let run_with = |no_proxy: &str| {
        let mut command = folder.command(&["doctor", "--config", "config.toml"]);
        command.env("HTTPS_PROXY", "http://user:hunter2@127.0.0.1:9");
        command.env("NO_PROXY", no_proxy);
        run(command, "")
    };
    let proxied = run_with("");
    proxied.exits_with(1);
    has_line(
        &proxied,
        &format!("ok       {nowhere} dns:"),
        &["proxy 127.0.0.1:9"],
    );
    has_line(
        &proxied,
        &format!("failure  {nowhere} tcp:"),
        &["no connection"],
    );
    assert!(!proxied.out.contains("hunter2"), "{proxied:?}");
    let direct = run_with("does-not-exist.invalid");
    has_line(&direct, &format!("failure  {nowhere} dns:"), &["(DNS)"]);
}
