//! What is asked before harm is done, and who can answer.

use std::process::Command;

use session_keepalive::sim::Operation;

use super::super::support::once::{Said, run};
use super::{Bench, TOKEN, USER};

/// Runs the words on a terminal of their own, on which this is typed.
fn on_a_terminal(bench: &Bench, words: &[&str], typed: &str) -> Said {
    let program = bench.folder.command(&[]).get_program().to_owned();
    let line = std::iter::once(program.to_str().unwrap()).chain(words.iter().copied());
    let line = line.collect::<Vec<_>>().join(" ");
    let mut command = Command::new("script");
    command
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .current_dir(bench.folder.path(""));
    run(command, typed)
}

fn with_token<'a>(words: &[&'a str], base: &'a str) -> Vec<&'a str> {
    [words, &["--api", base, "--token-file", "token"]].concat()
}

#[test]
fn a_change_is_shown_and_asked_about_on_a_terminal() {
    let bench = Bench::new();
    let base = bench.simulation.base();
    let words = with_token(&["timeout", "set", "10m"], &base);
    let no = on_a_terminal(&bench, &words, "n\n");
    no.ends_with(1).shows(&[
        "before  15 m (900 s)",
        "after   10 m (600 s)",
        "shortens",
        "Go on? [y/N]",
        "nothing was done",
    ]);
    assert_eq!(bench.calls(Operation::PutTimeout), 0);
    let yes = on_a_terminal(&bench, &words, "y\n");
    yes.ends_with(0).shows(&["written         yes"]);
    assert_eq!(bench.calls(Operation::PutTimeout), 1);
    let words = with_token(&["user", "revoke", USER], &base);
    on_a_terminal(&bench, &words, "\n")
        .ends_with(1)
        .shows(&["out everywhere"]);
    assert_eq!(bench.calls(Operation::DeleteUser), 0);
    on_a_terminal(&bench, &words, "yes\n").ends_with(0);
    assert_eq!(bench.calls(Operation::DeleteUser), 1);
}

#[test]
fn a_token_is_not_typed_on_a_terminal_which_would_show_it() {
    let bench = Bench::new();
    let base = bench.simulation.base();
    let words = ["token", "show", "--api", &base, "-"];
    on_a_terminal(&bench, &words, "")
        .ends_with(64)
        .shows(&["would show the token"]);
}

#[test]
fn without_a_terminal_nothing_is_changed_or_even_asked() {
    let bench = Bench::new();
    for words in [
        &["timeout", "set", "10m"][..],
        &["timeout", "disable"],
        &["user", "revoke", USER],
    ] {
        let said = bench.run(words);
        said.ends_with(64).complains(&["no terminal", "--yes"]);
    }
    assert_eq!(bench.simulation.record(TOKEN).calls_in_all(), 0);
}

#[test]
fn where_standard_input_is_the_token_nobody_can_answer() {
    let bench = Bench::new();
    let base = bench.simulation.base();
    let words = ["timeout", "set", "10m", "--api", &base, "-"];
    let said = bench.run_bare(&words, TOKEN);
    said.ends_with(64)
        .complains(&["standard input is the token", "--yes"]);
    assert_eq!(bench.simulation.record(TOKEN).calls_in_all(), 0);
    let said = bench.run_bare(&[&words[..], &["--yes"]].concat(), TOKEN);
    said.ends_with(0);
}

#[test]
fn a_token_that_is_to_lapse_is_disturbed_only_after_a_yes() {
    let bench = Bench::new();
    bench.configure("lapse");
    let session = ["--config", "config.toml", "--session", "crm"];
    // Named by its file it is the same session.
    let file = ["--config", "config.toml", "--token-file", "token"];
    for (words, calls) in [
        (&["token", "touch"][..], Operation::HeadMe),
        (&["token", "touch", "--get"], Operation::GetMe),
        (&["token", "show", "--reset"], Operation::GetMe),
        (&["timeout", "show"], Operation::GetTimeout),
    ] {
        let before = bench.calls(calls);
        for named in [session, file] {
            let said = bench.run_bare(&[words, &named].concat(), "");
            said.ends_with(64).complains(&[
                "crm is configured to lapse",
                "resets its idle timer",
                "--yes",
            ]);
        }
        assert_eq!(bench.calls(calls), before);
        let said = bench.run_bare(&[words, &session, &["--yes"]].concat(), "");
        said.ends_with(0).shows(&["crm is configured to lapse"]);
        assert_eq!(bench.calls(calls), before + 1);
    }
    for words in [
        &["timeout", "set", "10m"][..],
        &["timeout", "disable"],
        &["user", "revoke", USER],
    ] {
        let said = bench.run_bare(&[words, &session].concat(), "");
        said.ends_with(64);
    }
    assert_eq!(bench.calls(Operation::PutTimeout), 0);
    let said = bench.run_bare(&[&["token", "show"], &session[..]].concat(), "");
    said.ends_with(0).shows(&["not reset by this call"]);
}
