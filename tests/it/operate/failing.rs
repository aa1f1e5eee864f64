//! Tests of every documented failure of every operation: the texts, the JSON and the exit status.

use session_keepalive::sim::{ApiOperation, Permission, SimFault, TokenSpec};

use super::super::support::simulation::Simulation;
use super::{Bench, FINGERPRINT, TOKEN, USER, clock, seconds};

/// The commands, each with the call that fails.
const COMMANDS: [(&[&str], ApiOperation); 7] = [
    (&["token", "show"], ApiOperation::PeekMe),
    (&["token", "touch", "--get"], ApiOperation::GetMe),
    (&["token", "touch"], ApiOperation::HeadMe),
    (&["token", "revoke", "--yes"], ApiOperation::DeleteMe),
    (&["timeout", "show"], ApiOperation::GetTimeout),
    (
        &["timeout", "set", "30m", "--yes"],
        ApiOperation::PutTimeout,
    ),
    (&["user", "revoke", USER, "--yes"], ApiOperation::DeleteUser),
];

/// An answer of the API, and the expected output.
struct FailureCase {
    fault: SimFault,
    exit: i32,
    kind: &'static str,
    status: u16,
    parts: &'static [&'static str],
}

/// The HTTP status, the code, the exit status, and parts of the output.
type Documented = (u16, &'static str, i32, &'static [&'static str]);

/// The errors that the API documents.
const DOCUMENTED: [Documented; 16] = [
    (400, "bad.request", 65, &["bad.request", "look up the code"]),
    (
        401,
        "ip.not.authorized",
        77,
        &["ip.not.authorized", "adds the address"],
    ),
    (
        401,
        "authentication.required",
        77,
        &["did not arrive", "proxy"],
    ),
    (401, "something.new", 77, &["something.new"]),
    (
        403,
        "missing.permissions",
        77,
        &["missing.permissions", "permission"],
    ),
    (
        403,
        "app.not.authorized.for.scope",
        77,
        &["scopes of the OAuth client"],
    ),
    (403, "authz.policy.denied", 77, &["access control policies"]),
    (404, "not.found", 65, &["404", "the host of the API"]),
    (408, "request.timeout", 69, &["408", "too slowly"]),
    (
        409,
        "general.conflict",
        75,
        &["409", "changed at the same time"],
    ),
    (413, "request.entity.too.large", 65, &["413", "larger"]),
    (415, "unsupported.media.type", 65, &["415", "JSON"]),
    (500, "internal.server.error", 69, &["500", "status page"]),
    (502, "bad.gateway", 69, &["502", "gateway"]),
    (503, "service.unavailable", 69, &["503", "status page"]),
    (504, "gateway.timeout", 69, &["504", "gateway"]),
];

/// Returns further answers, of the API or of something in front of it.
fn undocumented() -> [FailureCase; 4] {
    let row = |fault, status, exit, kind, parts| FailureCase {
        fault,
        exit,
        kind,
        status,
        parts,
    };
    [
        row(
            SimFault::throttled(42),
            429,
            75,
            "throttled",
            &["42s", "300 requests a minute"],
        ),
        row(
            SimFault::throttled(25_920),
            429,
            75,
            "throttled",
            &["for another 7h 12m", "daily limit"],
        ),
        row(
            SimFault::Page,
            200,
            69,
            "blocked",
            &["captive portal", "sign-in"],
        ),
        row(
            SimFault::Redirect,
            302,
            69,
            "blocked",
            &["redirect", "captive portal"],
        ),
    ]
}

fn rows() -> impl Iterator<Item = FailureCase> {
    let documented = DOCUMENTED.map(|(status, code, exit, parts)| FailureCase {
        fault: SimFault::error(status, code, "The message"),
        exit,
        kind: if exit == 69 { "unreachable" } else { "blocked" },
        status,
        parts,
    });
    documented.into_iter().chain(undocumented())
}

/// Returns the expected parts for HEAD, whose answer has no body and so no code.
fn without_body(row: &FailureCase) -> &'static [&'static str] {
    match row.status {
        403 => &["not permitted (403)", "scopes", "permissions"],
        400 => &["400"],
        _ => row.parts,
    }
}

#[test]
fn each_failure_of_each_operation_is_told_with_what_to_do() {
    let bench = Bench::new();
    for (arguments, operation) in COMMANDS {
        for row in rows() {
            let is_head = operation == ApiOperation::HeadMe;
            // The command reads the reason of a 401 with a peek, which has a test of its own.
            if is_head && row.status == 401 {
                continue;
            }
            let parts = if is_head {
                without_body(&row)
            } else {
                row.parts
            };
            // The text for people does not depend on the operation, so one operation is enough.
            if operation == ApiOperation::PeekMe {
                bench.fail_next(operation, row.fault.clone());
                let output = bench.run(arguments);
                output.exits_with(row.exit).prints_error(parts);
                assert_eq!(output.out, "", "{output:?}");
                assert_eq!(output.err.lines().count(), 1, "{output:?}");
            }
            bench.fail_next(operation, row.fault.clone());
            let output = bench.run(&[arguments, &["--json"]].concat());
            output.exits_with(row.exit).prints_error(parts);
            output.prints_error(&[&bench.simulation.base()]);
            let error = output.json()["error"].take();
            assert_eq!(error["kind"], row.kind, "{error:#}");
            assert_eq!(error["status"], row.status, "{error:#}");
            assert_eq!(error["exit_status"], row.exit, "{error:#}");
            assert_eq!(error["fingerprint"], FINGERPRINT);
            assert_eq!(error["command"], arguments[..2].join(" "));
            let is_before_the_api = matches!(row.fault, SimFault::Page | SimFault::Redirect);
            assert_eq!(error["correlation_id"].is_null(), is_before_the_api);
            if let (SimFault::Error { code, .. }, false) = (&row.fault, is_head) {
                assert_eq!(error["code"], code.as_str(), "{error:#}");
            }
        }
    }
}

#[test]
fn a_wait_is_told_in_seconds() {
    let bench = Bench::new();
    bench.fail_next(ApiOperation::PeekMe, SimFault::throttled(42));
    let error = bench.run(&["token", "show", "--json"]).json()["error"].take();
    assert_eq!(error["retry_after_seconds"], 42);
    assert_eq!(error["code"], "too.many.requests.retry.after");
}

#[test]
fn a_dead_token_is_told_from_a_wrong_region_as_far_as_anyone_can() {
    let bench = Bench::new();
    bench.simulation.server().revoke(TOKEN, clock::now());
    let base = bench.simulation.base();
    for (arguments, operation) in COMMANDS {
        let output = bench.run(arguments);
        if operation == ApiOperation::DeleteMe {
            output.exits_with(0).prints(&["another region", &base]);
            continue;
        }
        output.exits_with(77).prints_error(&[
            "bad.credentials",
            "idled out, expired, was revoked or evicted",
            &format!("another region: {base} was asked"),
        ]);
        let error = bench.run(&[arguments, &["--json"]].concat()).json()["error"].take();
        assert_eq!(error["kind"], "refused");
        assert_eq!(error["code"], "bad.credentials");
    }
}

#[test]
fn a_401_to_head_is_read_by_a_peek() {
    let bench = Bench::of(Simulation::with(seconds(900), |settings| {
        settings.address_allowed = false;
    }));
    let output = bench.run(&["token", "touch"]);
    output
        .exits_with(77)
        .prints_error(&["ip.not.authorized", "adds the address"]);
    let bench = Bench::new();
    bench.fail_next(ApiOperation::HeadMe, SimFault::empty(401));
    let output = bench.run(&["token", "touch"]);
    output
        .exits_with(69)
        .prints_error(&["although the token lives", "--get"]);
    assert_eq!(bench.calls(ApiOperation::PeekMe), 1);
}

#[test]
fn a_401_without_a_reason_refers_to_no_command_that_has_just_read_it() {
    let advice = "token show prints the reason";
    for (arguments, operation) in COMMANDS {
        let bench = Bench::new();
        let is_peeked = operation == ApiOperation::HeadMe;
        bench.fail_next(operation, SimFault::empty(401));
        if is_peeked {
            bench.fail_next(ApiOperation::PeekMe, SimFault::empty(401));
        }
        let output = bench.run(arguments);
        output
            .exits_with(77)
            .prints_error(&["the answer does not say why"]);
        let is_read = ["show", "touch"].contains(&arguments[1]) && arguments[0] == "token";
        assert_eq!(output.err.contains(advice), !is_read, "{output:?}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let bench = Bench::new();
    let poor = TokenSpec::user("poor-token", "poor").scoped(&["user-basic-info"]);
    let allowed = TokenSpec::user("scoped-token", "scoped")
        .scoped(&["user-basic-info"])
        .permitting(Permission::DirectoryOrganizationAdmin);
    let unpermitted = TokenSpec::user("unpermitted-token", "unpermitted");
    for spec in [poor, allowed, unpermitted] {
        bench.simulation.server().add_token(spec, clock::now());
    }
    let run = |arguments: &[&str], token: &str| {
        let base = bench.simulation.base();
        bench.run_bare(&[arguments, &["--api", &base, "-"]].concat(), token)
    };
    let user = run(&["user", "revoke", USER, "--yes"], "poor-token");
    user.exits_with(77).prints_error(&[
        "missing.permissions",
        "user revoke needs oauth:token:delete",
    ]);
    let set = run(&["timeout", "set", "30m", "--yes"], "unpermitted-token");
    set.exits_with(77).prints_error(&[
        "missing.permissions",
        "timeout set needs directory:organization:admin",
    ]);
    for (arguments, needs) in [
        (
            &["timeout", "show"][..],
            "authorization:readonly or organization:readonly",
        ),
        (
            &["timeout", "set", "30m", "--yes"],
            "authorization or organization",
        ),
    ] {
        let output = run(arguments, "scoped-token");
        output
            .exits_with(77)
            .prints_error(&["app.not.authorized.for.scope", needs]);
    }
}

#[test]
fn a_server_that_is_not_there_is_unavailable() {
    let mut bench = Bench::new();
    bench.simulation.down();
    for (arguments, _) in COMMANDS {
        let output = bench.run(&[arguments, &["--json"]].concat());
        output
            .exits_with(69)
            .prints_error(&["no connection to the API", "check the network"]);
        let error = output.json()["error"].take();
        assert_eq!(error["kind"], "unreachable");
        assert!(error["status"].is_null());
    }
}

#[test]
fn a_request_does_not_take_longer_than_is_configured() {
    use session_keepalive::sim::Processing;
    let bench = Bench::new();
    bench
        .folder
        .write("config.toml", "[http]\nrequest_timeout = \"200ms\"\n");
    let processing = Processing::Skipped;
    bench.fail_next(ApiOperation::PeekMe, SimFault::Hang { processing });
    let output = bench.run(&["token", "show", "--config", "config.toml"]);
    output.exits_with(69).prints_error(&["no answer in time"]);
}
