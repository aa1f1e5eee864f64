//! Tests of the consent that commands ask for before they do harm.

use std::process::Command;

use session_keepalive::sim::ApiOperation;

use super::super::support::once::{ProcessOutput, run};
use super::{Bench, FINGERPRINT, TOKEN, USER};

/// Runs the command on a pseudo-terminal with `typed` as its input.
pub(super) fn on_a_terminal(bench: &Bench, arguments: &[&str], typed: &str) -> ProcessOutput {
    let program = bench.folder.command(&[]).get_program().to_owned();
    let line = std::iter::once(program.to_str().unwrap()).chain(arguments.iter().copied());
    let line = line.collect::<Vec<_>>().join(" ");
    let mut command = Command::new("script");
    command
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .current_dir(bench.folder.path(""));
    run(command, typed)
}

pub(super) fn with_token<'a>(arguments: &[&'a str], base: &'a str) -> Vec<&'a str> {
    [arguments, &["--api", base, "--token-file", "token"]].concat()
}

#[test]
fn a_change_is_shown_and_asked_about_on_a_terminal() {
    let bench = Bench::new();
    let base = bench.simulation.base();
    let arguments = with_token(&["timeout", "set", "10m"], &base);
    let declined = on_a_terminal(&bench, &arguments, "n\n");
    declined.exits_with(1).prints(&[
        "before  15m (900s)",
        "after   10m (600s)",
        "shortens",
        "Go on? [y/N]",
        "nothing was changed",
    ]);
    assert_eq!(bench.calls(ApiOperation::PutTimeout), 0);
    let accepted = on_a_terminal(&bench, &arguments, "y\n");
    accepted.exits_with(0).prints(&["written         yes"]);
    assert_eq!(bench.calls(ApiOperation::PutTimeout), 1);
    let arguments = with_token(&["token", "revoke"], &base);
    on_a_terminal(&bench, &arguments, "n\n")
        .exits_with(1)
        .prints(&[FINGERPRINT, "ends the token at once", "nothing was changed"]);
    assert_eq!(bench.calls(ApiOperation::DeleteMe), 0);
    let arguments = with_token(&["user", "revoke", USER], &base);
    on_a_terminal(&bench, &arguments, "\n")
        .exits_with(1)
        .prints(&["out everywhere"]);
    assert_eq!(bench.calls(ApiOperation::DeleteUser), 0);
    on_a_terminal(&bench, &arguments, "yes\n").exits_with(0);
    assert_eq!(bench.calls(ApiOperation::DeleteUser), 1);
}

#[test]
fn a_token_is_not_typed_on_a_terminal_which_would_show_it() {
    let bench = Bench::new();
    let base = bench.simulation.base();
    let arguments = ["token", "show", "--api", &base, "-"];
    on_a_terminal(&bench, &arguments, "")
        .exits_with(64)
        .prints(&["would show the token"]);
}

#[test]
fn without_a_terminal_nothing_is_changed_or_even_asked() {
    let bench = Bench::new();
    for arguments in [
        &["timeout", "set", "10m"][..],
        &["timeout", "disable"],
        &["token", "revoke"],
        &["user", "revoke", USER],
    ] {
        let output = bench.run(arguments);
        output
            .exits_with(64)
            .prints_error(&["no terminal", "--yes"]);
    }
    assert_eq!(bench.simulation.record(TOKEN).calls_in_all(), 0);
}

#[test]
fn where_standard_input_is_the_token_nobody_can_answer() {
    let bench = Bench::new();
    let base = bench.simulation.base();
    let arguments = ["timeout", "set", "10m", "--api", &base, "-"];
    let output = bench.run_bare(&arguments, TOKEN);
    output
        .exits_with(64)
        .prints_error(&["standard input is the token", "--yes"]);
    assert_eq!(bench.simulation.record(TOKEN).calls_in_all(), 0);
    let output = bench.run_bare(&[&arguments[..], &["--yes"]].concat(), TOKEN);
    output.exits_with(0);
}

#[test]
fn a_token_that_is_to_lapse_is_disturbed_only_after_a_yes() {
    let bench = Bench::new();
    bench.configure("lapse");
    let session = ["--config", "config.toml", "--session", "crm"];
    // A token that is named by its file belongs to the session as well.
    let file = ["--config", "config.toml", "--token-file", "token"];
    for (arguments, calls) in [
        (&["token", "touch"][..], ApiOperation::HeadMe),
        (&["token", "touch", "--get"], ApiOperation::GetMe),
        (&["token", "show", "--reset"], ApiOperation::GetMe),
        (&["timeout", "show"], ApiOperation::GetTimeout),
    ] {
        let before = bench.calls(calls);
        for place in [session, file] {
            let output = bench.run_bare(&[arguments, &place].concat(), "");
            output.exits_with(64).prints_error(&[
                "crm is configured to lapse",
                "resets its idle timer",
                "--yes",
            ]);
        }
        assert_eq!(bench.calls(calls), before);
        let output = bench.run_bare(&[arguments, &session, &["--yes"]].concat(), "");
        output.exits_with(0).prints(&["crm is configured to lapse"]);
        assert_eq!(bench.calls(calls), before + 1);
    }
    for arguments in [
        &["timeout", "set", "10m"][..],
        &["timeout", "disable"],
        &["user", "revoke", USER],
    ] {
        let output = bench.run_bare(&[arguments, &session].concat(), "");
        output.exits_with(64);
    }
    assert_eq!(bench.calls(ApiOperation::PutTimeout), 0);
    let output = bench.run_bare(&[&["token", "show"], &session[..]].concat(), "");
    output.exits_with(0).prints(&["not reset by this call"]);
}
