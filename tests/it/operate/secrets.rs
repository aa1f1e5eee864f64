//! A token never appears, wherever it was put.

use std::process::Stdio;

use session_keepalive::sim::{Fault, Length, Operation, Processing};

use super::super::support::keepalive::now;
use super::super::support::once::Said;
use super::{Bench, TOKEN, USER, seconds};

/// Demands that no piece of 8 bytes of the token is there.
fn is_clean(said: &Said) {
    for at in 0..=TOKEN.len() - 8 {
        let piece = &TOKEN[at..at + 8];
        assert!(
            !said.out.contains(piece) && !said.err.contains(piece),
            "{said:#?}"
        );
    }
}

#[test]
fn no_piece_of_the_token_is_in_any_output() {
    let bench = Bench::new();
    bench.configure("keep");
    let base = bench.simulation.base();
    let faults = || {
        [
            Fault::Latency(std::time::Duration::from_millis(1)),
            Fault::error(401, "bad.credentials", "Invalid login credentials."),
            // A server that repeats what it was sent.
            Fault::error(400, TOKEN, &format!("Bearer {TOKEN} is wrong")),
            Fault::Page,
            Fault::Redirect,
            Fault::InvalidJson,
            Fault::ContentLength(Length::TooLong(10)),
            Fault::Huge { bytes: 100_000 },
        ]
    };
    for (words, operation) in [
        (&["token", "show"][..], Operation::PeekMe),
        (&["token", "touch"], Operation::HeadMe),
        (&["timeout", "show"], Operation::GetTimeout),
        (&["timeout", "set", "30m", "--yes"], Operation::PutTimeout),
        (&["user", "revoke", USER, "--yes"], Operation::DeleteUser),
        (&["token", "revoke"], Operation::DeleteMe),
    ] {
        for fault in faults() {
            bench.befall(operation, fault.clone());
            is_clean(&bench.run(words));
            bench.befall(operation, fault);
            is_clean(&bench.run_bare(&[words, &["--json", "--api", &base, "-"]].concat(), TOKEN));
        }
    }
}

#[test]
fn a_token_that_was_put_on_the_command_line_is_not_repeated() {
    let bench = Bench::new();
    bench.configure("keep");
    let assigned = format!("--token={TOKEN}");
    for words in [
        &["token", "show", TOKEN][..],
        &["token", TOKEN],
        &[TOKEN],
        &["token", "show", "-", TOKEN],
        &["token", "show", "--token", TOKEN],
        &["token", "show", &assigned],
        &[
            "token",
            "show",
            "--config",
            "config.toml",
            "--session",
            TOKEN,
        ],
        &["token", "show", "--api", TOKEN, "--token-file", "token"],
        &["token", "show", "--region", TOKEN, "--token-file", "token"],
        &["timeout", "set", TOKEN, "-"],
        &["user", "revoke", TOKEN, "-"],
        &["run", TOKEN],
    ] {
        for json in [&[][..], &["--json"]] {
            let said = bench.run_bare(&[words, json].concat(), "");
            assert!(matches!(said.code, Some(64 | 78)), "{words:?} {said:?}");
            is_clean(&said);
        }
    }
}

#[test]
fn a_command_that_holds_a_token_writes_no_core() {
    let bench = Bench::new();
    let processing = Processing::Skipped;
    bench.befall(Operation::PeekMe, Fault::Hang { processing });
    let base = bench.simulation.base();
    let words = ["token", "show", "--api", &base, "--token-file", "token"];
    let mut command = bench.folder.command(&words);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let until = now() + seconds(10);
    while bench.calls(Operation::PeekMe) == 0 {
        assert!(now() < until);
        std::thread::yield_now();
    }
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let arguments = std::fs::read_to_string(format!("/proc/{}/cmdline", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    let values: Vec<_> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(values, ["0", "0"]);
    assert!(!arguments.contains(&TOKEN[..8]));
}
