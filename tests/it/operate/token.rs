//! Tests of `token show`, `touch` and `revoke`.

use serde_json::{Value, json};
use session_keepalive::sim::{ApiOperation, Fate, IdleDate, IdleSettings};
use session_keepalive::time::ServerTime;

use super::super::support::once::ProcessOutput;
use super::super::support::raw::{RawReply, RawServer};
use super::super::support::simulation::Simulation;
use super::{Bench, FINGERPRINT, TOKEN};

#[test]
fn show_tells_everything_and_disturbs_nothing() {
    let bench = Bench::new();
    let output = bench.run(&["token", "show"]);
    output.exits_with(0).prints(&[
        &format!("token           {FINGERPRINT}, from file token\n"),
        "organisation    Example (",
        "client          Simulated application (",
        "scopes          user-basic-info, authorization\n",
        "idles out       20",
        " UTC, in 1",
        "idle timeout    at least 1",
        "idle timer      not reset by this call\n",
    ]);
    assert_eq!(output.err, "");
    assert!(
        output.out.lines().all(|line| line.len() <= 80),
        "{output:?}"
    );
    assert_eq!(bench.calls(ApiOperation::PeekMe), 1);
    assert_eq!(bench.simulation.record(TOKEN).calls_in_all(), 1);
    assert_eq!(bench.simulation.record(TOKEN).resets, 0);
}

#[test]
fn show_gives_machines_the_body_and_what_follows_from_it() {
    let bench = Bench::new();
    let output = bench.run(&["token", "show", "--json"]);
    let json = output.exits_with(0).json();
    assert_eq!(json["body"]["organization"]["name"], "Example");
    let derived = &json["derived"];
    assert_eq!(derived["fingerprint"], FINGERPRINT);
    assert_eq!(derived["api"], bench.simulation.base());
    assert_eq!(derived["status"], 200);
    assert_eq!(derived["idle_timer"], "untouched");
    assert!(derived["correlation_id"].is_string());
    let left = derived["seconds_left"].as_i64().unwrap();
    assert!((890..=900).contains(&left), "{left}");
    let timeout = json!({"seconds": left, "source": "token", "is_at_least": true});
    assert_eq!(derived["effective_idle_timeout"], timeout);
}

#[test]
fn show_with_reset_resets() {
    let bench = Bench::new();
    let output = bench.run(&["token", "show", "--reset"]);
    output.exits_with(0).prints(&["reset by this call, unless"]);
    assert_eq!(bench.simulation.record(TOKEN).resets, 1);
}

#[test]
fn the_deadline_is_reckoned_by_the_servers_clock_alone() {
    let bench = Bench::of(Simulation::with(super::seconds(900), |settings| {
        // The server's clock is years behind this machine's.
        settings.wall_at_boot = ServerTime::from_unix_milliseconds(1_000_000_000_000);
    }));
    let derived = bench.run(&["token", "show", "--json"]).json()["derived"].take();
    let left = derived["seconds_left"].as_i64().unwrap();
    assert!((890..=900).contains(&left), "{left}");
    assert!(derived["date"].as_str().unwrap().starts_with("2001-"));
}

#[test]
fn a_deadline_that_is_not_told_is_not_made_up() {
    let bench = Bench::of(Simulation::with(super::seconds(900), |settings| {
        settings.idle_date = IdleDate::Absent;
    }));
    let output = bench.run(&["token", "show"]);
    output.exits_with(0).prints(&["not reported by the API"]);
    let derived = bench.run(&["token", "show", "--json"]).json()["derived"].take();
    for name in ["idles_at", "seconds_left", "effective_idle_timeout"] {
        assert_eq!(derived[name], Value::Null, "{name}");
    }
}

/// Returns the output of `token show` for an answer with this `Date` and this `dateTokenIdles`.
fn show_answered(date: &str, idles_at: &str) -> ProcessOutput {
    let body = format!("{{\"organization\":{{\"id\":\"o\"}},\"dateTokenIdles\":{idles_at}}}");
    let answer = format!(
        "HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let server = RawServer::start(RawReply::Send(answer.into_bytes()));
    let api = format!("http://{}", server.address());
    let bench = Bench::new();
    let arguments = ["token", "show", "--api", &api, "--token-file", "token"];
    bench.run_bare(&arguments, "")
}

#[test]
fn a_deadline_that_is_not_understood_is_told_from_one_that_is_not_reported() {
    for idles_at in ["\"soon\"", "\"9999-12-31T23:59:59Z\"", "-1"] {
        let output = show_answered("Tue, 24 Nov 2026 08:00:00 GMT", idles_at);
        output.exits_with(0).prints(&["but not understood"]);
        assert!(!output.out.contains("not reported"), "{output:?}");
    }
    let output = show_answered("Tue, 24 Nov 2026 08:00:00 GMT", "null");
    output.exits_with(0).prints(&["not reported by the API"]);
}

#[test]
fn a_deadline_further_away_than_any_timeout_proves_no_timeout() {
    let idles_at = "\"2026-11-24T08:15:00Z\"";
    let output = show_answered("Tue, 24 Nov 2026 08:00:00 GMT", idles_at);
    output.prints(&["idle timeout  at least 15m (900s)"]);
    let output = show_answered("Wed, 26 Dec 2001 08:00:00 GMT", idles_at);
    output.exits_with(0).prints(&["idles out"]);
    assert!(!output.out.contains("idle timeout"), "{output:?}");
}

#[test]
fn a_session_of_the_configuration_has_its_own_timeout_and_token() {
    let bench = Bench::new();
    bench.configure("keep");
    let path = bench.folder.path("config.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    bench
        .folder
        .write("config.toml", &(config + "idle_timeout = \"10m\"\n"));
    let arguments = [
        "token",
        "show",
        "--config",
        "config.toml",
        "--session",
        "crm",
    ];
    let output = bench.run_bare(&arguments, "");
    output
        .exits_with(0)
        .prints(&["10m (600s), as configured", "from session crm, file "]);
    let json = bench
        .run_bare(&[&arguments[..], &["--json"]].concat(), "")
        .json();
    assert_eq!(json["derived"]["session"], "crm");
    let timeout = json!({"seconds": 600, "source": "configured", "is_at_least": false});
    assert_eq!(json["derived"]["effective_idle_timeout"], timeout);
}

#[test]
fn touch_resets_by_head_or_by_get() {
    let bench = Bench::of(Simulation::with(super::seconds(900), |settings| {
        settings.timeout = IdleSettings::of_organisation(super::seconds(900));
    }));
    let output = bench.run(&["token", "touch"]);
    output
        .exits_with(0)
        .prints(&["idle timer      reset by this call, unless"]);
    assert_eq!(bench.calls(ApiOperation::HeadMe), 1);
    let json = bench.run(&["token", "touch", "--json"]).json();
    assert_eq!(json["body"], Value::Null);
    assert_eq!(json["derived"]["idle_timer"], "reset_unless_excluded");
    let json = bench
        .run(&["token", "touch", "--get", "--json"])
        .exits_with(0)
        .json();
    assert_eq!(json["derived"]["command"], "token touch");
    assert_eq!(json["body"]["organization"]["name"], "Example");
    assert_eq!(bench.calls(ApiOperation::GetMe), 1);
    assert_eq!(bench.simulation.record(TOKEN).resets, 3);
}

#[test]
fn revoke_ends_the_token_and_tells_what_it_means_that_it_was_gone() {
    let bench = Bench::new();
    let output = bench.run(&["token", "revoke", "--yes"]);
    output.exits_with(0).prints(&["result          revoked\n"]);
    assert!(matches!(
        bench.simulation.record(TOKEN).fate,
        Fate::Revoked(_)
    ));
    let again = bench.run(&["token", "revoke", "--yes"]);
    again
        .exits_with(0)
        .prints(&["result          gone\n", "another region"]);
    let json = bench
        .run(&["token", "revoke", "--yes", "--json"])
        .exits_with(0)
        .json();
    assert_eq!(json["derived"]["was_gone"], true);
    assert_eq!(json["derived"]["status"], 401);
}

#[test]
fn a_token_comes_from_standard_input_or_a_credential_as_well() {
    let bench = Bench::new();
    let base = bench.simulation.base();
    for arguments in [
        &["token", "show", "--api", &base, "-"][..],
        &["token", "show", "--api", &base, "--token-file", "-"],
    ] {
        let output = bench.run_bare(arguments, &format!("{TOKEN}\n"));
        output
            .exits_with(0)
            .prints(&[FINGERPRINT, "from standard input"]);
    }
    let arguments = ["token", "show", "--api", &base, "--credential", "token"];
    let mut command = bench.folder.command(&arguments);
    command.env("CREDENTIALS_DIRECTORY", bench.folder.path(""));
    let output = super::run(command, "");
    output
        .exits_with(0)
        .prints(&[FINGERPRINT, "from systemd credential token"]);
}

#[test]
fn a_file_that_others_can_read_is_noted() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let mode = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(bench.folder.path("token"), mode).unwrap();
    let json = bench.run(&["token", "show", "--json"]).exits_with(0).json();
    let note = json["derived"]["notes"][0].as_str().unwrap();
    assert!(
        note.contains("mode 0644: everyone on this machine can read"),
        "{note}"
    );
}
