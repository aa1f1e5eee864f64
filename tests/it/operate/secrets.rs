//! Tests that a token never appears in an output, an argument or a core file.

use std::process::Stdio;

use session_keepalive::sim::{ApiOperation, Length, Processing, SimFault};

use super::super::support::keepalive::now;
use super::super::support::once::ProcessOutput;
use super::{Bench, TOKEN, USER, seconds};

/// Asserts that the output contains no 8 bytes of the token in a row.
fn assert_clean(output: &ProcessOutput) {
    for at in 0..=TOKEN.len() - 8 {
        let piece = &TOKEN[at..at + 8];
        assert!(
            !output.out.contains(piece) && !output.err.contains(piece),
            "{output:#?}"
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
            SimFault::Latency(std::time::Duration::from_millis(1)),
            SimFault::error(401, "bad.credentials", "Invalid login credentials."),
            // A server may repeat the token that it received.
            SimFault::error(400, TOKEN, &format!("Bearer {TOKEN} is wrong")),
            SimFault::Page,
            SimFault::Redirect,
            SimFault::InvalidJson,
            SimFault::ContentLength(Length::TooLong(10)),
            SimFault::Huge { bytes: 100_000 },
        ]
    };
    for (arguments, operation) in [
        (&["token", "show"][..], ApiOperation::PeekMe),
        (&["token", "touch"], ApiOperation::HeadMe),
        (&["timeout", "show"], ApiOperation::GetTimeout),
        (
            &["timeout", "set", "30m", "--yes"],
            ApiOperation::PutTimeout,
        ),
        (&["user", "revoke", USER, "--yes"], ApiOperation::DeleteUser),
        (&["token", "revoke", "--yes"], ApiOperation::DeleteMe),
    ] {
        for fault in faults() {
            bench.fail_next(operation, fault.clone());
            assert_clean(&bench.run(arguments));
            bench.fail_next(operation, fault);
            assert_clean(&bench.run_bare(
                &[arguments, &["--json", "--api", &base, "-"]].concat(),
                TOKEN,
            ));
        }
    }
}

#[test]
fn a_token_that_was_put_on_the_command_line_is_not_repeated() {
    let bench = Bench::new();
    bench.configure("keep");
    let assigned = format!("--token={TOKEN}");
    for arguments in [
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
            let output = bench.run_bare(&[arguments, json].concat(), "");
            assert!(
                matches!(output.code, Some(64 | 78)),
                "{arguments:?} {output:?}"
            );
            assert_clean(&output);
        }
    }
}

#[test]
fn a_command_that_holds_a_token_writes_no_core() {
    let bench = Bench::new();
    let processing = Processing::Skipped;
    bench.fail_next(ApiOperation::PeekMe, SimFault::Hang { processing });
    let base = bench.simulation.base();
    let arguments = ["token", "show", "--api", &base, "--token-file", "token"];
    let mut command = bench.folder.command(&arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let until = now() + seconds(10);
    while bench.calls(ApiOperation::PeekMe) == 0 {
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
