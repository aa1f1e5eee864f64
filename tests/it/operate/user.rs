//! Tests of `user revoke`.

use session_keepalive::sim::{ApiOperation, Fate};

use super::{Bench, TOKEN, TOKEN_OF_USER, USER};

#[test]
fn a_user_is_logged_out_everywhere() {
    let bench = Bench::new();
    let output = bench.run(&["user", "revoke", USER, "--yes"]);
    output
        .exits_with(0)
        .prints(&[USER, "logged out everywhere"]);
    let fate = bench.simulation.record(TOKEN_OF_USER).fate;
    assert!(matches!(fate, Fate::Revoked(_)));
    assert!(bench.simulation.record(TOKEN).fate.is_living());
    let json = bench
        .run(&["user", "revoke", USER, "--yes", "--json"])
        .exits_with(0)
        .json();
    assert_eq!(json["derived"]["user"], USER);
    assert_eq!(json["derived"]["status"], 204);
}

#[test]
fn nothing_is_done_without_a_yes_and_the_flag_is_named() {
    let bench = Bench::new();
    let output = bench.run(&["user", "revoke", USER, "--json"]);
    output.exits_with(64).prints_error(&[
        "out everywhere",
        "refresh tokens",
        "no terminal",
        "--yes",
    ]);
    assert_eq!(output.json()["error"]["kind"], "usage");
    assert_eq!(bench.simulation.record(TOKEN).calls_in_all(), 0);
}

#[test]
fn what_is_no_user_id_is_refused_and_leads_nowhere_else() {
    let bench = Bench::new();
    for id in ["me", "timeout", "8b3a2f0e", "../tokens/me"] {
        let output = bench.run(&["user", "revoke", id, "--yes"]);
        output.exits_with(64).prints_error(&["a user id is a UUID"]);
    }
    let unknown = "00000000-0000-4000-8000-000000000000";
    let output = bench.run(&["user", "revoke", unknown, "--yes"]);
    output.exits_with(65).prints_error(&["404", "check the id"]);
    assert_eq!(bench.calls(ApiOperation::DeleteUser), 1);
}
