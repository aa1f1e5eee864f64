//! A token never appears, wherever it was put.

use session_keepalive::sim::{Fault, Length, Operation};

use super::super::support::once::Said;
use super::{Bench, TOKEN, USER};

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
