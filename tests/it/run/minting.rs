//! Tests of sessions that obtain their own tokens, and of expiries that sources report.

use std::fs;
use std::process::Command;

use session_keepalive::sim::{
    ApiOperation, Matcher, Processing, Rule, RuleSpan, SimFault, TokenSpec,
};
use session_keepalive::sys::clock;

use session_keepalive::time::ServerTime;

use super::super::support::hook::{hook_runs, recorder};
use super::super::support::keepalive::{Folder, Keepalive, text};
use super::super::support::once;
use super::super::support::simulation::Simulation;
use super::{head, seconds};

const SECRET: &str = "the-secret-of-the-client-0123456789";

/// Returns a login host for one client, whose tokens live for this time.
fn login_host(lifetime: u64) -> Simulation {
    Simulation::with(seconds(60), |settings| {
        settings.lifetime = seconds(lifetime);
        settings.clients = vec![("kiosk-client".to_owned(), SECRET.to_owned())];
    })
}

fn minting(simulation: &Simulation, options: &str) -> String {
    let base = simulation.base();
    head(simulation)
        + &format!(
            "[sessions.kiosk]\n{options}\n[sessions.kiosk.token.mint]\nclient_id = \"kiosk-client\"\n\
             client_secret = {{ file = \"secret\" }}\nlogin = \"{base}\"\n"
        )
}

#[test]
fn a_minted_token_is_replaced_before_it_expires_and_the_stop_leaves_none() {
    let simulation = login_host(24);
    let folder = Folder::new();
    folder.write("secret", SECRET);
    let mut daemon = folder.run(&minting(&simulation, "overlap = \"2s\""));
    daemon.wait_for(&["\"state\":\"alive\"", "\"generation\":1"]);
    daemon.wait_for(&["\"state\":\"alive\"", "\"generation\":2", "in place of"]);
    daemon.wait_for(&["not used any more and was revoked", "\"generation\":1"]);
    daemon.wait_for(&["\"state\":\"alive\"", "\"generation\":3"]);
    assert_eq!(daemon.count(&["\"level\":\"WARN\""]), 0, "{:?}", daemon.log);
    assert_eq!(daemon.stop().0, Some(0));
    let server = simulation.server();
    let records = server.records(clock::now());
    let living = records.filter(|(_, record)| record.fate.is_living());
    assert_eq!(living.count(), 0);
    let log = daemon.log.join("\n");
    for part in SECRET.as_bytes().windows(8) {
        assert!(!log.contains(str::from_utf8(part).unwrap()), "{log}");
    }
}

#[test]
fn a_client_that_is_refused_is_named_with_its_region_and_tried_again_after_touch() {
    let simulation = login_host(3600);
    let folder = Folder::new();
    folder.write("secret", "another-secret-than-the-clients");
    let mut daemon = folder.run(&minting(&simulation, ""));
    let line = daemon.wait_for(&["no new token", "refuses the client"]);
    let region = line.find("region").unwrap();
    assert!(region < line.find("secret;").unwrap(), "{line}");
    folder.write("secret", SECRET);
    let touched = folder.command(&["touch", "kiosk"]).output().unwrap();
    println!("{}", String::from_utf8_lossy(&touched.stderr));
    daemon.wait_for(&["\"state\":\"alive\""]);
    let status = folder.command(&["status", "--json"]).output().unwrap();
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(
        status.contains("\"expiry_source\":\"reported\""),
        "{status}"
    );
    assert!(!status.contains(SECRET));
}

#[test]
fn a_file_with_the_answer_of_a_login_host_gives_its_token_and_expiry() {
    let simulation = login_host(3600);
    simulation.token("from-a-file");
    let folder = Folder::new();
    folder.write(
        "kiosk",
        r#"{"access_token":"from-a-file","token_type":"bearer","expires_in":7200}"#,
    );
    let config = head(&simulation) + "[sessions.kiosk]\ntoken = { file = \"kiosk\" }\n";
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\""]);
    let explained = folder.command(&["explain", "kiosk"]).output().unwrap();
    let explained = String::from_utf8(explained.stdout).unwrap();
    assert!(
        explained.contains("the token expires in 1h 59m"),
        "{explained}"
    );
}

#[test]
fn a_program_that_prints_an_expiry_runs_again_before_it() {
    let simulation = login_host(3600);
    for token in ["first-token", "second-token"] {
        simulation.token(token);
    }
    let folder = Folder::new();
    let script = folder.program(
        "program",
        "#!/bin/sh\ncd \"${0%/*}\"\n\
         if [ -e ran ]; then token=second-token; else token=first-token; touch ran; fi\n\
         printf '{\"access_token\":\"%s\",\"expires_in\":20}' \"$token\"\n",
    );
    let config = head(&simulation)
        + &format!(
            "[sessions.kiosk]\noverlap = \"2s\"\ntoken = {{ command = [\"{}\"] }}\n",
            text(&script)
        );
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\"", "\"generation\":1"]);
    daemon.wait_for(&["\"state\":\"alive\"", "\"generation\":2", "in place of"]);
    assert!(simulation.record("first-token").fate.is_living());
    daemon.wait_for(&["not used any more and was revoked"]);
    assert!(!simulation.record("first-token").fate.is_living());
}

#[test]
fn the_client_of_the_environment_needs_no_configuration() {
    let simulation = login_host(3600);
    let folder = Folder::new();
    let command = |id: &str| {
        let arguments = ["run", "--mint", "--api", &simulation.base()];
        let mut command = folder.command(&arguments);
        command.env("GENESYSCLOUD_OAUTHCLIENT_ID", id);
        command.env("GENESYSCLOUD_OAUTHCLIENT_SECRET", SECRET);
        let login = "SESSION_KEEPALIVE_SESSIONS__DEFAULT__TOKEN__MINT__LOGIN";
        command.env(login, simulation.base());
        command
    };
    let mut daemon = Keepalive::start(command("kiosk-client"));
    daemon.wait_for(&["alive and kept"]);
    assert_eq!(daemon.stop().0, Some(0));
    let refused = command("").output().unwrap();
    assert_eq!(refused.status.code(), Some(78));
    let refused = String::from_utf8(refused.stderr).unwrap();
    assert!(
        refused.contains("the variable GENESYSCLOUD_OAUTHCLIENT_ID is not set"),
        "{refused}"
    );
}

#[test]
fn without_a_client_the_token_of_the_environment_is_used() {
    let simulation = Simulation::new(seconds(60));
    simulation.token("kiosk-token");
    let folder = Folder::new();
    let mut command = folder.command(&["run", "--mint", "--api", &simulation.base()]);
    command.env("GENESYSCLOUD_ACCESS_TOKEN", "kiosk-token");
    let mut daemon = Keepalive::start(command);
    daemon.wait_for(&["alive and kept"]);
    assert_eq!(daemon.stop().0, Some(0));
    assert!(!simulation.record("kiosk-token").fate.is_living());
}

#[test]
fn a_daemon_that_was_killed_continues_with_the_token_in_its_sink() {
    let simulation = login_host(3600);
    let folder = Folder::new();
    folder.write("secret", SECRET);
    let sink = folder.path("token.json");
    let sink = format!("sink = {{ file = \"{}\", format = \"json\" }}", text(&sink));
    let config = minting(&simulation, &sink);
    let written = |folder: &Folder| {
        let text = fs::read_to_string(folder.path("token.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["alive and kept"]);
    daemon.listen_until(|_| folder.path("token.json").exists());
    let first = written(&folder);
    assert!(first["expires_at"].is_string(), "{first}");
    for _ in 0..20 {
        daemon.signal(rustix::process::Signal::KILL);
        daemon.wait();
        daemon = folder.run(&config);
        daemon.wait_for(&["alive and kept"]);
    }
    assert_eq!(written(&folder)["access_token"], first["access_token"]);
    assert_eq!(simulation.server().records(clock::now()).count(), 1);
    assert_eq!(daemon.stop().0, Some(0));
    assert!(!folder.path("token.json").exists());
}

#[test]
fn a_bare_sink_gives_no_wrong_expiry_to_a_daemon_that_continues() {
    let bare = |folder: &Folder| format!("{{ file = \"{}\" }}", text(&folder.path("bare")));
    let json = |folder: &Folder| {
        let file = folder.path("token.json");
        format!("{{ file = \"{}\", format = \"json\" }}", text(&file))
    };
    let run_twice = |is_json_there: bool| {
        let simulation = login_host(3600);
        let folder = Folder::new();
        folder.write("secret", SECRET);
        let sinks = [bare(&folder), json(&folder)];
        let sinks = &sinks[..=usize::from(is_json_there)];
        let config = minting(&simulation, &format!("sink = [{}]", sinks.join(", ")));
        let mut daemon = folder.run(&config);
        daemon.wait_for(&["alive and kept"]);
        let last = if is_json_there { "token.json" } else { "bare" };
        daemon.listen_until(|_| folder.path(last).exists());
        daemon.signal(rustix::process::Signal::KILL);
        daemon.wait();
        let before = fs::read_to_string(folder.path(last)).unwrap();
        let mut daemon = folder.run(&config);
        daemon.wait_for(&["alive and kept"]);
        (simulation, folder, daemon, before)
    };
    // JSON tells when the token expires.
    let (simulation, folder, mut daemon, before) = run_twice(true);
    assert_eq!(
        fs::read_to_string(folder.path("token.json")).unwrap(),
        before
    );
    assert_eq!(simulation.server().records(clock::now()).count(), 1);
    assert_eq!(daemon.stop().0, Some(0));
    // A bare token does not, so it is replaced.
    let (simulation, folder, mut daemon, before) = run_twice(false);
    daemon.wait_for(&["in place of"]);
    daemon.listen_until(|_| fs::read_to_string(folder.path("bare")).is_ok_and(|now| now != before));
    assert_eq!(simulation.server().records(clock::now()).count(), 2);
    assert_eq!(daemon.stop().0, Some(0));
}

/// Delays or replaces the answer of the login host to the next request.
fn befall_mint(simulation: &Simulation, fault: SimFault) {
    let rule = Rule {
        calls: Matcher::operation(ApiOperation::Mint),
        span: RuleSpan::Times(1),
        fault,
    };
    simulation.server().script().push(rule);
}

fn living(simulation: &Simulation) -> usize {
    let server = simulation.server();
    let records = server.records(clock::now());
    records
        .filter(|(_, record)| record.fate.is_living())
        .count()
}

#[test]
fn a_token_that_is_issued_while_the_daemon_stops_is_revoked() {
    for on_shutdown in ["revoke", "leave"] {
        let simulation = login_host(3600);
        befall_mint(&simulation, SimFault::Latency(seconds(2)));
        let folder = Folder::new();
        folder.write("secret", SECRET);
        let options = format!("on_shutdown = \"{on_shutdown}\"");
        let mut daemon = folder.run(&minting(&simulation, &options));
        // The token is issued, and the answer is on its way.
        daemon.listen_until(|_| living(&simulation) == 1);
        assert_eq!(daemon.stop().0, Some(0));
        daemon.received("which was obtained too late to be used, was revoked");
        assert_eq!(living(&simulation), 0, "{on_shutdown}");
    }
}

#[test]
fn a_token_that_is_issued_for_a_session_that_was_removed_is_revoked() {
    let simulation = login_host(3600);
    befall_mint(&simulation, SimFault::Latency(seconds(2)));
    let folder = Folder::new();
    folder.write("secret", SECRET);
    let mut daemon = folder.run(&minting(&simulation, ""));
    daemon.listen_until(|_| living(&simulation) == 1);
    folder.write("other", "other-token");
    let other = head(&simulation) + "[sessions.other]\ntoken = { file = \"other\" }\n";
    folder.write("config.toml", &other);
    daemon.signal(rustix::process::Signal::HUP);
    daemon.wait_for(&["which was obtained too late to be used, was revoked"]);
    assert_eq!(living(&simulation), 0);
}

#[test]
fn a_stop_revokes_the_tokens_of_two_replacements_whose_revocations_failed() {
    let simulation = login_host(24);
    let rule = Rule {
        calls: Matcher::operation(ApiOperation::DeleteMe),
        span: RuleSpan::Times(1000),
        fault: SimFault::empty(503),
    };
    simulation.server().script().push(rule);
    let folder = Folder::new();
    folder.write("secret", SECRET);
    let mut daemon = folder.run(&minting(&simulation, "overlap = \"2s\""));
    daemon.wait_for(&["\"state\":\"alive\"", "\"generation\":3", "in place of"]);
    simulation.server().script().clear();
    assert_eq!(daemon.stop().0, Some(0));
    assert_eq!(living(&simulation), 0);
}

#[test]
fn a_login_host_that_does_not_answer_holds_the_stop_up_for_the_grace_only() {
    let simulation = login_host(3600);
    let hang = SimFault::Hang {
        processing: Processing::Skipped,
    };
    befall_mint(&simulation, hang);
    let folder = Folder::new();
    folder.write("secret", SECRET);
    let config = minting(&simulation, "") + "[shutdown]\ngrace = \"1s\"\n";
    let mut daemon = folder.run(&config);
    daemon.listen_until(|_| simulation.server().script().is_over());
    assert_eq!(daemon.stop().0, Some(0));
    daemon.received("a login host did not answer before the stop ended");
}

#[test]
fn doctor_obtains_a_token_only_if_asked_and_revokes_it() {
    let simulation = login_host(3600);
    let folder = Folder::new();
    folder.write("secret", SECRET);
    folder.write("config.toml", &minting(&simulation, ""));
    let doctor = |arguments: &[&str]| {
        let arguments = [&["doctor", "--config", "config.toml"][..], arguments].concat();
        let output = folder.command(&arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let without = doctor(&[]);
    assert!(without.contains("no token was obtained"), "{without}");
    assert_eq!(simulation.server().records(clock::now()).count(), 0);
    let with = doctor(&["--mint"]);
    assert!(with.contains("lifetime 1h"), "{with}");
    assert!(
        with.contains("the token that was obtained for these checks"),
        "{with}"
    );
    let server = simulation.server();
    let fates: Vec<_> = server
        .records(clock::now())
        .map(|(_, record)| record.fate)
        .collect();
    assert!(fates.len() == 1 && !fates[0].is_living());
    drop(server);
    folder.write("secret", "another-secret-than-the-clients");
    let refused = doctor(&["--mint"]);
    assert!(
        refused.contains("the login host refuses the client"),
        "{refused}"
    );
}

#[test]
fn a_program_that_prints_a_token_of_another_client_does_not_replace_the_one_in_the_sink() {
    let simulation = login_host(3600);
    for (token, client) in [("first-token", "kiosk"), ("second-token", "billing")] {
        let spec = TokenSpec::client(token, client);
        simulation.server().add_token(spec, clock::now());
    }
    let folder = Folder::new();
    let script = folder.program(
        "program",
        "#!/bin/sh\ncd \"${0%/*}\"\n\
         if [ -e ran ]; then token=second-token; else token=first-token; touch ran; fi\n\
         printf '{\"access_token\":\"%s\",\"expires_in\":20}' \"$token\"\n",
    );
    let sink = folder.path("for-app");
    let config = head(&simulation)
        + &format!(
            "[sessions.kiosk]\ntoken = {{ command = [\"{}\"] }}\nsink = {{ file = \"{}\" }}\n",
            text(&script),
            text(&sink)
        );
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"event\":\"sink_written\""]);
    let line = daemon.wait_for(&["\"event\":\"newer_mismatched\"", "\"level\":\"WARN\""]);
    assert!(line.contains("(billing instead of kiosk)"), "{line}");
    assert_eq!(fs::read_to_string(&sink).unwrap(), "first-token\n");
    let explained = folder.command(&["explain", "kiosk"]).output().unwrap();
    let explained = String::from_utf8(explained.stdout).unwrap();
    assert!(explained.contains("another issuer"), "{explained}");
    assert_eq!(daemon.count(&["\"event\":\"sink_written\""]), 1);
    assert_eq!(daemon.stop().0, Some(0));
    // The stop revokes the token that was used, and leaves the other one.
    assert!(!simulation.record("first-token").fate.is_living());
    assert!(simulation.record("second-token").fate.is_living());
}

#[test]
fn the_client_of_the_environment_serves_token_mint() {
    let simulation = login_host(3600);
    let folder = Folder::new();
    let sink = folder.path("token");
    let run = |variables: &[(&str, &str)], more: &[&str]| {
        let arguments = [&["token", "mint"][..], more].concat();
        let mut command = folder.command(&arguments);
        command.env("SESSION_KEEPALIVE_API", simulation.base());
        let login = "SESSION_KEEPALIVE_SESSIONS__DEFAULT__TOKEN__MINT__LOGIN";
        command.env(login, simulation.base());
        command.envs(variables.iter().copied());
        once::run(command, "")
    };
    let id = ("GENESYSCLOUD_OAUTHCLIENT_ID", "kiosk-client");
    let secret = ("GENESYSCLOUD_OAUTHCLIENT_SECRET", SECRET);
    let output = run(&[id, secret], &["--sink", text(&sink), "--json"]);
    let json = output.exits_with(0).json();
    let token = fs::read_to_string(&sink).unwrap();
    assert!(!output.out.contains(token.trim()), "{output:?}");
    let derived = &json["derived"];
    assert_eq!(derived["client_id"], "kiosk-client");
    assert_eq!(derived["expires_in_seconds"], 3600);
    assert_eq!(derived["sink"], text(&sink));
    assert_eq!(derived["session"], "default");
    assert!(simulation.record(token.trim()).fate.is_living());
    let piped = run(&[id, secret], &["--stdout", "--json"]);
    assert!(simulation.record(piped.out.trim()).fate.is_living());
    assert!(
        piped.err.contains("\"command\":\"token mint\""),
        "{}",
        piped.err
    );
    let wrong = (
        "GENESYSCLOUD_OAUTHCLIENT_SECRET",
        "another-secret-than-the-clients",
    );
    let refused = run(&[id, wrong], &["--sink", text(&sink), "--json"]);
    let error = refused.exits_with(77).json();
    assert_eq!(error["error"]["kind"], "mint");
    for missing in [id, secret] {
        let output = run(&[missing], &["--sink", text(&sink)]);
        output.exits_with(78);
        assert!(output.err.contains(" is not set"), "{}", output.err);
    }
    let shown = format!("{output:?}{:?}{refused:?}", piped.err);
    for part in SECRET.as_bytes().windows(8) {
        assert!(!shown.contains(str::from_utf8(part).unwrap()), "{shown}");
    }
    // The region gives the API and the login host where nothing else names them.
    let region = ("GENESYSCLOUD_REGION", "eu-central-9");
    let mut command = folder.command(&["token", "mint", "--sink", text(&sink)]);
    command.envs([id, secret, region]);
    let output = once::run(command, "");
    output.exits_with(78);
    assert!(output.err.contains("GENESYSCLOUD_REGION"), "{}", output.err);
}

#[test]
fn an_issued_token_of_another_client_is_revoked_and_the_living_one_stays() {
    let other = ("billing".to_owned(), SECRET.to_owned());
    let mut clients = vec![("kiosk-client".to_owned(), SECRET.to_owned()), other];
    let simulation = Simulation::with(seconds(60), |settings| {
        settings.lifetime = seconds(24);
        settings.clients.append(&mut clients);
    });
    let folder = Folder::new();
    let profile = |client: &str| {
        let text =
            format!("[DEFAULT]\nclient_credentials = \"{client}\"\nclient_secret = \"{SECRET}\"\n");
        folder.write("gc.toml", &text);
    };
    profile("kiosk-client");
    let config = head(&simulation)
        + &format!(
            "[sessions.kiosk.token.mint]\nfile = \"gc.toml\"\nlogin = \"{}\"\n",
            simulation.base()
        );
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\"", "\"generation\":1"]);
    // The profile changes without a reload.
    profile("billing");
    daemon.wait_for(&[
        "\"event\":\"newer_mismatched\"",
        "(billing instead of kiosk-client)",
    ]);
    daemon.wait_for(&["\"event\":\"unwanted_revoked\"", "which has another issuer"]);
    assert_eq!(living(&simulation), 1);
    assert_eq!(daemon.stop().0, Some(0));
    assert_eq!(living(&simulation), 0);
}

#[test]
fn the_end_of_a_client_is_a_warning_wherever_people_look() {
    let simulation = Simulation::with(seconds(60), |settings| {
        settings.client_state = "inactive".to_owned();
        settings.client_deleted_at = Some(ServerTime::from_unix_milliseconds(1_795_507_200_000));
    });
    simulation.token("kiosk-token");
    let folder = Folder::new();
    folder.write("kiosk", "kiosk-token");
    let config = head(&simulation)
        + "[sessions.kiosk]\ntoken = { file = \"kiosk\" }\n"
        + &recorder(&folder, &["client-ending"], "");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"event\":\"client_ending\"", "\"level\":\"WARN\""]);
    daemon.listen_until(|_| !hook_runs(&folder).is_empty());
    let run = &hook_runs(&folder)[0];
    assert_eq!(run.variable("EVENT"), "client-ending");
    let deleted = "its OAuth client is inactive and is to be deleted at 2026-11-24 08:00:00 UTC";
    for arguments in [
        &["explain", "kiosk"][..],
        &["doctor", "--config", "config.toml"],
    ] {
        let output = folder.command(arguments).output().unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        let output = output.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(output.contains(deleted), "{output}");
    }
    let status = folder.command(&["status", "--json"]).output().unwrap();
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    let live = &status["sessions"][0]["alive"];
    assert_eq!(live["client_inactive"], true, "{status}");
    assert_eq!(live["client_deleted"], "2026-11-24T08:00:00Z", "{status}");
    assert_eq!(daemon.stop().0, Some(0));
    assert_eq!(daemon.count(&["client_ending"]), 1, "{:?}", daemon.log);
}

#[test]
fn a_token_that_is_minted_by_hand_is_in_the_sink_and_never_on_the_screen() {
    let simulation = login_host(3600);
    let folder = Folder::new();
    folder.write("secret", SECRET);
    let config = folder.write("by-hand.toml", &minting(&simulation, ""));
    let sink = folder.path("token");
    let common = [
        "token",
        "mint",
        "--config",
        text(&config),
        "--session",
        "kiosk",
    ];
    let run = |more: &[&str]| {
        let output = folder.command(&[&common, more].concat()).output().unwrap();
        let read = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            read(output.stdout),
            read(output.stderr),
        )
    };
    let (status, shown, errors) = run(&["--sink", text(&sink)]);
    assert_eq!(status, Some(0), "{errors}");
    let token = fs::read_to_string(&sink).unwrap();
    assert!(simulation.record(token.trim()).fate.is_living());
    assert!(
        shown.contains("expires") && !shown.contains(token.trim()),
        "{shown}"
    );
    let (status, piped, facts) = run(&["--stdout"]);
    assert_eq!(status, Some(0), "{facts}");
    assert!(simulation.record(piped.trim()).fate.is_living());
    assert!(
        facts.contains("expires") && !facts.contains(piped.trim()),
        "{facts}"
    );
    let (status, _, errors) = run(&[]);
    assert_eq!(status, Some(64), "{errors}");
    let (status, _, errors) = run(&["--sink", text(&folder.path("absent/token"))]);
    assert_eq!(status, Some(74), "{errors}");
    assert!(errors.contains("the token was revoked"), "{errors}");
    let records = simulation.server();
    let records = records.records(clock::now());
    assert_eq!(
        records
            .filter(|(_, record)| record.fate.is_living())
            .count(),
        2
    );
}

#[test]
fn no_token_is_minted_for_a_standard_output_that_is_closed_or_the_null_device() {
    let simulation = login_host(3600);
    let folder = Folder::new();
    folder.write("secret", SECRET);
    let config = folder.write("by-hand.toml", &minting(&simulation, ""));
    let config = ["--config", text(&config), "--session", "kiosk"];
    let mint = folder.command(&[&["token", "mint", "--stdout"], &config[..]].concat());
    for redirection in [">&-", ">/dev/null"] {
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", &format!("exec \"$@\" {redirection}"), "sh"])
            .arg(mint.get_program())
            .args(mint.get_args())
            .current_dir(folder.path(""));
        let output = shell.output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(74), "{redirection}: {errors}");
        assert!(errors.contains("closed or /dev/null"), "{errors}");
    }
    let server = simulation.server();
    assert_eq!(server.records(clock::now()).count(), 0);
}

#[test]
fn a_profile_of_the_official_command_line_names_the_client_and_is_read_for_each_attempt() {
    let simulation = login_host(3600);
    let folder = Folder::new();
    let profile = |secret: &str| {
        format!(
            "[DEFAULT]\nclient_credentials = \"kiosk-client\"\nclient_secret = \"{secret}\"\n\
             environment = \"mypurecloud.de\"\ngrant_type = \"1\"\n"
        )
    };
    let path = folder.write("gc.toml", "[other]\n");
    let config = head(&simulation)
        + &format!(
            "[sessions.kiosk.token.mint]\nprofile = \"default\"\nfile = \"gc.toml\"\nlogin = \"{}\"\n",
            simulation.base()
        );
    let mut daemon = folder.run(&config);
    let line = daemon.wait_for(&["no new token", "there is no profile default; it has other"]);
    assert!(line.contains("file gc.toml: there"), "{line}");
    folder.write("gc.toml", &profile("another-secret-than-the-clients"));
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
    fs::set_permissions(&path, permissions).unwrap();
    let touch = || folder.command(&["touch", "kiosk"]).output().unwrap();
    touch();
    daemon.wait_for(&["\"event\":\"source_exposed\"", "has mode 0644"]);
    daemon.wait_for(&["no new token", "refuses the client"]);
    let doctor = ["doctor", "--config", "config.toml"];
    let doctor = folder.command(&doctor).output().unwrap();
    let doctor = String::from_utf8(doctor.stdout).unwrap();
    assert!(doctor.contains("kiosk secret: file "), "{doctor}");
    assert!(
        doctor.contains("client kiosk-client has a secret in profile default of"),
        "{doctor}"
    );
    folder.write("gc.toml", &profile(SECRET));
    touch();
    daemon.wait_for(&["\"state\":\"alive\""]);
    assert_eq!(daemon.count(&["source_exposed"]), 1, "{:?}", daemon.log);
    let log = daemon.log.join("\n") + &doctor;
    for part in SECRET.as_bytes().windows(8) {
        assert!(!log.contains(str::from_utf8(part).unwrap()), "{log}");
    }
}
