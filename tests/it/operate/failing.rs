//! Every documented failure of every operation: what is said to people and machines, and the exit status.

use session_keepalive::sim::{Fault, Operation, Permission, TokenSpec};

use super::super::support::simulation::Simulation;
use super::{Bench, FINGERPRINT, TOKEN, USER, clock, seconds};

/// The commands, and the call of each that fails.
const COMMANDS: [(&[&str], Operation); 7] = [
    (&["token", "show"], Operation::PeekMe),
    (&["token", "touch", "--get"], Operation::GetMe),
    (&["token", "touch"], Operation::HeadMe),
    (&["token", "revoke"], Operation::DeleteMe),
    (&["timeout", "show"], Operation::GetTimeout),
    (&["timeout", "set", "30m", "--yes"], Operation::PutTimeout),
    (&["user", "revoke", USER, "--yes"], Operation::DeleteUser),
];

/// An answer, and what is made of it.
struct Row {
    fault: Fault,
    exit: i32,
    kind: &'static str,
    status: u16,
    says: &'static [&'static str],
}

/// Status, code, exit status, and what is said of it.
type Documented = (u16, &'static str, i32, &'static [&'static str]);

/// Errors of the API as it documents them.
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
    (409, "general.conflict", 75, &["409", "somebody else"]),
    (413, "request.entity.too.large", 65, &["413", "larger"]),
    (415, "unsupported.media.type", 65, &["415", "JSON"]),
    (500, "internal.server.error", 69, &["500", "status page"]),
    (502, "bad.gateway", 69, &["502", "gateway"]),
    (503, "service.unavailable", 69, &["503", "status page"]),
    (504, "gateway.timeout", 69, &["504", "gateway"]),
];

/// What else may answer: the fault, its status, exit status, kind, and what is said of it.
fn others() -> [Row; 4] {
    let row = |fault, status, exit, kind, says| Row {
        fault,
        exit,
        kind,
        status,
        says,
    };
    [
        row(
            Fault::throttled(42),
            429,
            75,
            "throttled",
            &["42s", "300 requests a minute"],
        ),
        row(
            Fault::throttled(25_920),
            429,
            75,
            "throttled",
            &["25920s", "daily limit"],
        ),
        row(
            Fault::Page,
            200,
            69,
            "blocked",
            &["captive portal", "sign-in"],
        ),
        row(
            Fault::Redirect,
            302,
            69,
            "blocked",
            &["redirect", "captive portal"],
        ),
    ]
}

fn rows() -> impl Iterator<Item = Row> {
    let documented = DOCUMENTED.map(|(status, code, exit, says)| Row {
        fault: Fault::error(status, code, "The message"),
        exit,
        kind: if exit == 69 { "unreachable" } else { "blocked" },
        status,
        says,
    });
    documented.into_iter().chain(others())
}

/// To HEAD there is no body: what is said is what follows from the status alone.
fn without_body(row: &Row) -> &'static [&'static str] {
    match row.status {
        403 => &["not permitted (403)", "scopes", "permissions"],
        400 => &["400"],
        _ => row.says,
    }
}

#[test]
fn each_failure_of_each_operation_is_told_with_what_to_do() {
    let bench = Bench::new();
    for (words, operation) in COMMANDS {
        for row in rows() {
            let is_head = operation == Operation::HeadMe;
            // Its reason is read by a peek, which has a test of its own.
            if is_head && row.status == 401 {
                continue;
            }
            let parts = if is_head {
                without_body(&row)
            } else {
                row.says
            };
            // What is told to people does not depend on the operation.
            if operation == Operation::PeekMe {
                bench.befall(operation, row.fault.clone());
                let said = bench.run(words);
                said.ends_with(row.exit).complains(parts);
                assert_eq!(said.out, "", "{said:?}");
                assert_eq!(said.err.lines().count(), 1, "{said:?}");
            }
            bench.befall(operation, row.fault.clone());
            let said = bench.run(&[words, &["--json"]].concat());
            said.ends_with(row.exit).complains(parts);
            said.complains(&[&bench.simulation.base()]);
            let error = said.json()["error"].take();
            assert_eq!(error["kind"], row.kind, "{error:#}");
            assert_eq!(error["status"], row.status, "{error:#}");
            assert_eq!(error["exit_status"], row.exit, "{error:#}");
            assert_eq!(error["fingerprint"], FINGERPRINT);
            assert_eq!(error["command"], words[..2].join(" "));
            let is_before_the_api = matches!(row.fault, Fault::Page | Fault::Redirect);
            assert_eq!(error["correlation_id"].is_null(), is_before_the_api);
            if let (Fault::Error { code, .. }, false) = (&row.fault, is_head) {
                assert_eq!(error["code"], code.as_str(), "{error:#}");
            }
        }
    }
}

#[test]
fn a_wait_is_told_in_seconds() {
    let bench = Bench::new();
    bench.befall(Operation::PeekMe, Fault::throttled(42));
    let error = bench.run(&["token", "show", "--json"]).json()["error"].take();
    assert_eq!(error["retry_after_seconds"], 42);
    assert_eq!(error["code"], "too.many.requests.retry.after");
}

#[test]
fn a_dead_token_is_told_from_a_wrong_region_as_far_as_anyone_can() {
    let bench = Bench::new();
    bench.simulation.server().revoke(TOKEN, clock::now());
    let base = bench.simulation.base();
    for (words, operation) in COMMANDS {
        let said = bench.run(words);
        if operation == Operation::DeleteMe {
            said.ends_with(0).shows(&["another region", &base]);
            continue;
        }
        said.ends_with(77).complains(&[
            "bad.credentials",
            "idled out, expired, was revoked or evicted",
            &format!("another region: {base} was asked"),
        ]);
        let error = bench.run(&[words, &["--json"]].concat()).json()["error"].take();
        assert_eq!(error["kind"], "refused");
        assert_eq!(error["code"], "bad.credentials");
    }
}

#[test]
fn a_401_to_head_is_read_by_a_peek() {
    let bench = Bench::of(Simulation::with(seconds(900), |settings| {
        settings.address_allowed = false;
    }));
    let said = bench.run(&["token", "touch"]);
    said.ends_with(77)
        .complains(&["ip.not.authorized", "adds the address"]);
    let bench = Bench::new();
    bench.befall(Operation::HeadMe, Fault::empty(401));
    let said = bench.run(&["token", "touch"]);
    said.ends_with(69)
        .complains(&["although the token lives", "--get"]);
    assert_eq!(bench.calls(Operation::PeekMe), 1);
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
    let run = |words: &[&str], token: &str| {
        let base = bench.simulation.base();
        bench.run_bare(&[words, &["--api", &base, "-"]].concat(), token)
    };
    let user = run(&["user", "revoke", USER, "--yes"], "poor-token");
    user.ends_with(77).complains(&[
        "missing.permissions",
        "user revoke needs oauth:token:delete",
    ]);
    let set = run(&["timeout", "set", "30m", "--yes"], "unpermitted-token");
    set.ends_with(77).complains(&[
        "missing.permissions",
        "timeout set needs directory:organization:admin",
    ]);
    for (words, needs) in [
        (
            &["timeout", "show"][..],
            "authorization:readonly or organization:readonly",
        ),
        (
            &["timeout", "set", "30m", "--yes"],
            "authorization or organization",
        ),
    ] {
        let said = run(words, "scoped-token");
        said.ends_with(77)
            .complains(&["app.not.authorized.for.scope", needs]);
    }
}

#[test]
fn a_server_that_is_not_there_is_unavailable() {
    let mut bench = Bench::new();
    bench.simulation.down();
    for (words, _) in COMMANDS {
        let said = bench.run(&[words, &["--json"]].concat());
        said.ends_with(69)
            .complains(&["no connection to the API", "look at the network"]);
        let error = said.json()["error"].take();
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
    bench.befall(Operation::PeekMe, Fault::Hang { processing });
    let said = bench.run(&["token", "show", "--config", "config.toml"]);
    said.ends_with(69).complains(&["no answer in time"]);
}
