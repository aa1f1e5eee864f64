//! Snapshots of the messages that an operator meets in the first steps: about token files, regions,
//! programs, the terminal and the end of a token.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::{Command, Stdio};

use super::super::support::keepalive::{Folder, Keepalive};
use super::super::support::once::run;
use super::super::support::simulation::Simulation;
use super::asking::{on_a_terminal, with_token};
use super::path::in_etc;
use super::{Bench, seconds};

/// Replaces what differs from run to run: addresses, folders and times.
fn settled(text: &str, simulation: &Simulation, folder: &Folder) -> String {
    let text = text.replace(&simulation.base(), "http://API");
    text.replace(folder.path("").to_str().unwrap(), "/FOLDER/")
        .replace('\r', "")
}

/// Returns a log line without its time and level.
fn message(line: &str) -> &str {
    line.split_once("  ").map_or(line, |(_, message)| message)
}

/// Returns the message of the log line that contains these parts.
fn logged(daemon: &mut Keepalive, parts: &[&str]) -> String {
    message(&daemon.wait_for(parts)).to_owned()
}

#[test]
fn a_token_file_that_holds_something_else_is_named() {
    let simulation = Simulation::new(seconds(900));
    let mut messages = Vec::new();
    for (name, content) in [
        ("array", &b"[\"abc\"]"[..]),
        ("assignment", &b"TOKEN=abc\n"[..]),
        ("bearer", b"Bearer abc\n"),
        ("empty", b"\n"),
        ("header", b"Authorization: Bearer abc"),
        ("html", b"<!DOCTYPE html>\n<html><title>abc</title>"),
        ("json", b"{\"token\":\"abc\"}"),
        ("mark", b"\xef\xbb\xbfabc\r\n"),
        ("null", b"null\n"),
        ("placeholder", b"<your-token>\n"),
        ("quotes", b"\"abc\"\n"),
        ("two", b"abc\ndef\n"),
        ("utf16", b"\xff\xfea\0b\0c\0"),
    ] {
        let folder = Folder::new();
        fs::write(folder.path(name), content).unwrap();
        fs::set_permissions(folder.path(name), Permissions::from_mode(0o600)).unwrap();
        let base = simulation.base();
        let show = ["token", "show", "--api", &base, "--token-file", name];
        let output = run(folder.command(&show), "");
        output.exits_with(65);
        messages.push(settled(&output.err, &simulation, &folder));
    }
    insta::assert_snapshot!(messages.concat(), @r#"
    session-keepalive: token show: the token from file array is a JSON array: put the token in its place, or one object with the token in `access_token`
    session-keepalive: token show: the token from file assignment is an assignment such as KEY=value: leave out all but the value
    session-keepalive: token show: the token from file bearer begins with "Bearer": leave that out, the daemon adds it
    session-keepalive: token show: the token from file empty is empty
    session-keepalive: token show: the token from file header is a whole Authorization header: leave out all but the token after "Bearer"
    session-keepalive: token show: the token from file html is a page in HTML or XML, perhaps an error page or a sign-in: check what fetches the token
    session-keepalive: token show: the token from file json is JSON without a text `access_token`
    session-keepalive: token show: the token from file mark begins with a byte order mark: save it as UTF-8 without one (in PowerShell: -Encoding ascii)
    session-keepalive: token show: the token from file null is the word "null", which a program writes where it has no value: check what writes the token
    session-keepalive: token show: the token from file placeholder is a placeholder: put the token in its place
    session-keepalive: token show: the token from file quotes is in quotes: leave them out
    session-keepalive: token show: the token from file two has a character at position 4 that no token has: only visible ASCII is allowed, without spaces
    session-keepalive: token show: the token from file utf16 is text in UTF-16: save it as ASCII or UTF-8 without a byte order mark
    "#);
}

#[test]
fn a_directory_where_a_token_file_was_meant_is_named() {
    let simulation = Simulation::new(seconds(900));
    let folder = Folder::new();
    fs::create_dir(folder.path("token")).unwrap();
    let mut command = folder.command(&["run", "--token-file", "token", "--api"]);
    command.arg(simulation.base());
    let mut daemon = Keepalive::start(command);
    insta::assert_snapshot!(logged(&mut daemon, &["no token could be read"]), @"default: no token could be read: file token is a directory where a file was meant: a container engine creates one where the file to mount is missing, so remove it and put the file there first");
}

#[test]
fn a_region_that_does_not_exist_is_corrected_where_that_can_be_told() {
    let folder = Folder::new();
    let check = |flag: &str, value: &str| {
        let arguments = ["check", "--token-file", "token", flag, value];
        run(folder.command(&arguments), "").err
    };
    insta::assert_snapshot!(check("--region", "eu-cental-1"), @r#"
    error: --region: `eu-cental-1` is not a region
    --> command line:1:10
     |
     | --region eu-cental-1
     |          ^^^^^^^^^^^ did you mean "eu-central-1"?
     |
     = help: the regions are
             us-east-1, us-east-2, us-west-2, ca-central-1, mx-central-1, sa-east-1,
             eu-west-1, eu-west-2, eu-central-1, eu-central-2, eusc-de-east-1, me-central-1,
             ap-south-1, ap-southeast-1, ap-southeast-2, ap-northeast-1, ap-northeast-2, ap-northeast-3;
             any other API is named by api = "https://…"

    wrong: 1 error in flags and variables
    "#);
    insta::assert_snapshot!(check("--region", "ap-east-1"), @r#"
    error: --region: `ap-east-1` is not a region
    --> command line:1:10
     |
     | --region ap-east-1
     |          ^^^^^^^^^ a region of Genesys Cloud
     |
     = help: the regions are
             us-east-1, us-east-2, us-west-2, ca-central-1, mx-central-1, sa-east-1,
             eu-west-1, eu-west-2, eu-central-1, eu-central-2, eusc-de-east-1, me-central-1,
             ap-south-1, ap-southeast-1, ap-southeast-2, ap-northeast-1, ap-northeast-2, ap-northeast-3;
             any other API is named by api = "https://…"

    wrong: 1 error in flags and variables
    "#);
    insta::assert_snapshot!(check("--api", "https://apps.mypurecloud.de"), @r#"
    error: --api: `https://apps.mypurecloud.de` is not the API of its region
    --> command line:1:7
     |
     | --api https://apps.mypurecloud.de
     |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^ did you mean "https://api.mypurecloud.de"?

    wrong: 1 error in flags and variables
    "#);
}

#[test]
fn a_token_file_that_the_user_of_the_daemon_cannot_read_comes_with_advice() {
    let simulation = Simulation::new(seconds(900));
    let folder = Folder::new();
    let token = folder.write("token", "abc");
    fs::set_permissions(folder.path(""), Permissions::from_mode(0o711)).unwrap();
    if chown(&token, Some(1000), Some(4711)).is_err() {
        println!("skipped: this is not root");
        return;
    }
    let config = format!(
        "api = \"{}\"\n[sessions.wallboard]\ntoken = {{ file = \"token\" }}\n",
        simulation.base()
    );
    folder.write("config.toml", &config);
    fs::set_permissions(folder.path("config.toml"), Permissions::from_mode(0o644)).unwrap();
    let program = folder.path("session-keepalive");
    fs::copy(env!("CARGO_BIN_EXE_session-keepalive"), &program).unwrap();
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&program)
        .args(["run", "--config", "config.toml"])
        .current_dir(folder.path(""))
        .env_remove("RUNTIME_DIRECTORY");
    let mut daemon = Keepalive::start(command);
    insta::assert_snapshot!(logged(&mut daemon, &["no token could be read"]), @"wallboard: no token could be read: file token cannot be read by user 65534: it belongs to user 1000 and group 4711, with mode 0600; chgrp it to a group, chmod 0640, and put SupplementaryGroups= with that group into the unit, or hand it over with LoadCredential=");
}

#[test]
fn check_ends_with_a_verdict() {
    let folder = Folder::new();
    let verdict = |config: &str| {
        folder.write("config.toml", config);
        let output = run(folder.command(&["check", "--config", "config.toml"]), "");
        let shown = output.out + &output.err;
        shown.lines().last().unwrap().to_owned()
    };
    let session = "region = \"eu-central-1\"\n[sessions.a]\ntoken = { file = \"/a\" }\n";
    let hook = "[hooks.page]\non = [\"lost\"]\ncommand = [\"/no/such/pager\"]\n";
    insta::assert_snapshot!(verdict(session), @"right: 1 session in config.toml");
    insta::assert_snapshot!(verdict(&format!("{session}[pools.b]\ntoken_dir = \"/b\"\n{hook}")), @"right: 1 session and 1 pool in config.toml; 1 warning above");
    insta::assert_snapshot!(verdict(&format!("{session}tokn = 1\nintnt = 2\n")), @"wrong: 2 errors in config.toml");
}

#[test]
fn check_refuses_certificate_authorities_with_which_the_daemon_would_not_start() {
    let folder = Folder::new();
    folder.write("empty.pem", "no certificate\n");
    let session = "region = \"eu-central-1\"\n[sessions.a]\ntoken = { file = \"/a\" }\n";
    let mut messages = Vec::new();
    for file in ["/nothere", "empty.pem"] {
        let config = format!("{session}[http]\nca_file = \"{file}\"\n");
        folder.write("config.toml", &config);
        let check = run(folder.command(&["check", "--config", "config.toml"]), "");
        check.exits_with(78);
        assert_eq!(check.out, "");
        messages.push(check.err);
        run(folder.command(&["run", "--config", "config.toml"]), "").exits_with(78);
    }
    let command = ["check", "--region", "eu-central-1", "--token-file", "/a"];
    let mut command = folder.command(&command);
    command.env("SESSION_KEEPALIVE_HTTP__CA_FILE", "/nothere");
    messages.push(run(command, "").exits_with(78).err.clone());
    insta::assert_snapshot!(messages.join("\n"), @r#"
    error: the HTTP client cannot be built: cannot read the certificate authorities in /nothere: No such file or directory (os error 2)
     --> config.toml:5:11
      |
    5 | ca_file = "/nothere"
      |           ^^^^^^^^^^

    wrong: 1 error in config.toml

    error: the HTTP client cannot be built: empty.pem has no certificate: expected PEM, with -----BEGIN CERTIFICATE-----
     --> config.toml:5:11
      |
    5 | ca_file = "empty.pem"
      |           ^^^^^^^^^^^

    wrong: 1 error in config.toml

    error: SESSION_KEEPALIVE_HTTP__CA_FILE: the HTTP client cannot be built: cannot read the certificate authorities in /nothere: No such file or directory (os error 2)
    --> environment:1:33
     |
     | SESSION_KEEPALIVE_HTTP__CA_FILE=/nothere
     |                                 ^^^^^^^^

    wrong: 1 error in flags and variables
    "#);
}

#[test]
fn check_names_the_programs_that_cannot_be_run() {
    let folder = Folder::new();
    folder.write("script", "exit");
    folder.write(
        "config.toml",
        &format!(
            "region = \"eu-central-1\"\n[sessions.a]\ntoken = {{ command = [\"/no/such/vault\"] }}\n\
             [hooks.page]\non = [\"lost\"]\ncommand = [\"/no/such/pager\"]\n\
             [hooks.mail]\non = [\"lost\"]\ncommand = [\"{}\"]\n\
             [hooks.tell]\non = [\"lost\"]\ncommand = [\"/etc\"]\n",
            folder.path("script").display()
        ),
    );
    let output = run(folder.command(&["check", "--config", "config.toml"]), "");
    let found = output
        .out
        .lines()
        .filter(|line| line.contains("cannot work"));
    let found = found.collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(found.replace(folder.path("").to_str().unwrap(), "/FOLDER/"), @r"
    cannot work: hooks.mail: /FOLDER/script is not executable
    cannot work: hooks.page: /no/such/pager does not exist
    cannot work: hooks.tell: /etc is not a program
    cannot work: sessions.a: /no/such/vault does not exist
    ");
}

#[test]
fn a_command_without_a_configuration_says_where_it_looked_and_what_names_one() {
    let folder = Folder::new();
    let Some(output) = in_etc(&folder, None, &["run"], &[]) else {
        return;
    };
    insta::assert_snapshot!(output.err, @r"
    error: no session is configured
     |
     = help: no configuration was named, and /etc/session-keepalive/config.toml does not exist:
             name one with --config PATH, or a token with --region REGION --token-file PATH
    ");
}

#[test]
fn the_question_before_a_revocation_shows_the_token_and_the_consequence() {
    let bench = Bench::new();
    let base = bench.simulation.base();
    let arguments = with_token(&["token", "revoke"], &base);
    let output = on_a_terminal(&bench, &arguments, "n\n");
    let shown = settled(&output.out, &bench.simulation, &bench.folder);
    // The terminal echoes the answer when it comes, which may be before the question.
    let shown = shown.strip_prefix("n\n").unwrap_or(&shown);
    let (question, outcome) = shown.split_once(" [y/N] ").unwrap();
    insta::assert_snapshot!(question, @r"
    token  031ec3c4, from file token
    api    http://API
    This ends the token at once, for every program that uses it.
    Go on?
    ");
    let outcome = outcome.strip_prefix("n\n").unwrap_or(outcome);
    insta::assert_snapshot!(outcome, @"session-keepalive: token revoke: cancelled: nothing was changed");
}

#[test]
fn status_says_why_it_cannot_print() {
    let simulation = Simulation::new(seconds(900));
    simulation.token("abc");
    let folder = Folder::new();
    folder.write("token", "abc");
    let mut daemon = folder.run(&format!(
        "api = \"{}\"\n[sessions.a]\ntoken = {{ file = \"token\" }}\n",
        simulation.base()
    ));
    daemon.wait_for(&["alive and kept"]);
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["status", "--watch"],
        &["explain", "a"],
        &["--version"],
        &["status", "--help"],
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = folder
            .command(arguments)
            .stdout(Stdio::from(full))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(74), "{arguments:?}");
        let errors = String::from_utf8(output.stderr).unwrap();
        insta::allow_duplicates! {
            insta::assert_snapshot!(errors, @"session-keepalive: cannot write to standard output: No space left on device (os error 28)");
        }
    }
}

#[test]
fn a_help_whose_reader_has_gone_is_no_failure() {
    let folder = Folder::new();
    for argument in ["--version", "--help"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = folder.command(&[argument]).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{argument}");
        assert_eq!(output.stderr, b"", "{argument}");
    }
}

#[test]
fn keep_says_that_it_does_not_revive_a_token_that_has_ended() {
    let simulation = Simulation::new(seconds(900));
    let folder = Folder::new();
    folder.write("token", "never-alive");
    let mut daemon = folder.run(&format!(
        "api = \"{}\"\n[sessions.crm]\ntoken = {{ file = \"token\" }}\nintent = \"lapse\"\n",
        simulation.base()
    ));
    daemon.wait_for(&["crm", "refused"]);
    let output = run(folder.command(&["keep", "crm"]), "");
    output.exits_with(0);
    insta::assert_snapshot!(settled(&output.out, &simulation, &folder), @"crm has the intent keep from now on, until it is changed back, its configuration changes or the daemon restarts; at the stop its token is left as it is; its present token has ended for good: a new token in file token takes over at once");
}

#[test]
fn a_start_with_a_token_that_the_last_stop_revoked_says_so() {
    let simulation = Simulation::new(seconds(900));
    simulation.token("abc");
    let folder = Folder::new();
    folder.write("token", "abc");
    let config = format!(
        "api = \"{}\"\n[sessions.kiosk]\ntoken = {{ file = \"token\" }}\n",
        simulation.base()
    );
    folder.write("config.toml", &config);
    let start = || {
        let mut command = folder.command(&["run", "--config", "config.toml"]);
        command.env("STATE_DIRECTORY", folder.path(""));
        Keepalive::start(command)
    };
    let mut first = start();
    first.wait_for(&["alive and kept"]);
    assert_eq!(first.stop().0, Some(0));
    let line = logged(&mut start(), &["this daemon revoked it"]);
    let (before, rest) = line.split_once(" at ").unwrap();
    let (_, after) = rest.split_once(" UTC ").unwrap();
    insta::assert_snapshot!(format!("{before} at TIME UTC {after}"), @"kiosk: the token ba7816bf is no longer valid: this daemon revoked it at TIME UTC when it stopped; a new token in file token takes over at once");
}
