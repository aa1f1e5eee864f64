//! Tests of `timeout show`, `set` and `disable`.

use serde_json::{Value, json};
use session_keepalive::sim::{ApiOperation, GroupBundle, IdleSettings, OmittedBundles, SimFault};

use super::super::support::simulation::Simulation;
use super::{Bench, TOKEN, seconds};

/// Returns an organisation with a group timeout and a field that the program does not know.
fn with_groups() -> Bench {
    Bench::of(Simulation::with(seconds(900), |settings| {
        settings.omitted_bundles = OmittedBundles::Dropped;
        let unknown = &mut settings.unknown_fields;
        unknown.insert("future".to_owned(), json!({"a": [1, null, "x"]}));
        settings.timeout = IdleSettings {
            groups_enabled: true,
            bundles: vec![GroupBundle {
                priority: 2,
                timeout: seconds(600),
                groups: vec!["g-1".to_owned(), "g-2".to_owned()],
            }],
            ..IdleSettings::of_organisation(seconds(900))
        };
    }))
}

fn body(bench: &Bench) -> Value {
    bench
        .run(&["timeout", "show", "--json"])
        .exits_with(0)
        .json()["body"]
        .take()
}

#[test]
fn show_tells_the_organisations_timeout_and_those_of_groups() {
    let bench = with_groups();
    let output = bench.run(&["timeout", "show"]);
    output.exits_with(0).prints(&[
        "timeout         15m (900s)\n",
        "groups          1 with a timeout of their own, enabled\n",
        "  priority 2    10m (600s): g-1, g-2\n",
        "in effect       10m (600s) at the least, that of a group",
    ]);
    assert!(
        output.out.lines().all(|line| line.len() <= 80),
        "{output:?}"
    );
    let json = bench.run(&["timeout", "show", "--json"]).json();
    let least = json!({"seconds": 600, "source": "group", "is_at_least": true});
    assert_eq!(json["derived"]["effective_idle_timeout"], least);
    assert_eq!(json["derived"]["organisation_idle_timeout_seconds"], 900);
    assert_eq!(json["body"]["future"], json!({"a": [1, null, "x"]}));
}

#[test]
fn set_changes_the_seconds_and_nothing_else() {
    let bench = with_groups();
    let before = body(&bench);
    let output = bench.run(&["timeout", "set", "30m", "--yes"]);
    output.exits_with(0).prints(&[
        "before          15m (900s)\n",
        "after           30m (1800s)\n",
        "written         yes\n",
    ]);
    let mut expected = before;
    expected["idleTokenTimeoutSeconds"] = json!(1800);
    assert_eq!(body(&bench), expected);
    let server = bench.simulation.server();
    let timeout = &server.settings().timeout;
    assert_eq!(timeout.organisation, Some(seconds(1800)));
    assert!(timeout.groups_enabled);
    assert_eq!(timeout.bundles.len(), 1);
    assert_eq!(timeout.bundles[0].groups, ["g-1", "g-2"]);
}

#[test]
fn disable_leaves_the_groups_and_unknown_fields_as_they_are() {
    let bench = with_groups();
    let json = bench
        .run(&["timeout", "disable", "--yes", "--json"])
        .exits_with(0)
        .json();
    assert_eq!(json["derived"]["written"], true);
    assert_eq!(json["derived"]["before"]["idleTokenTimeoutSeconds"], 900);
    assert_eq!(json["derived"]["after"]["enableIdleTokenTimeout"], false);
    assert!(
        json["derived"]["after"]
            .get("idleTokenTimeoutSeconds")
            .is_none()
    );
    assert_eq!(
        json["derived"]["after"]["future"],
        json!({"a": [1, null, "x"]})
    );
    assert_eq!(json["derived"]["notes"], json!([]));
    let server = bench.simulation.server();
    assert_eq!(server.settings().timeout.organisation, None);
    assert_eq!(server.settings().timeout.bundles.len(), 1);
}

#[test]
fn what_is_so_already_is_not_written() {
    let bench = with_groups();
    let output = bench.run(&["timeout", "set", "15m", "--yes"]);
    output
        .exits_with(0)
        .prints(&["written         no", "nothing was written"]);
    assert_eq!(bench.calls(ApiOperation::PutTimeout), 0);
    bench.run(&["timeout", "disable", "--yes"]).exits_with(0);
    let json = bench
        .run(&["timeout", "disable", "--yes", "--json"])
        .exits_with(0)
        .json();
    assert_eq!(json["derived"]["written"], false);
    assert_eq!(bench.calls(ApiOperation::PutTimeout), 1);
}

#[test]
fn a_timeout_out_of_range_is_refused_here_and_by_the_api_if_forced() {
    let bench = Bench::new();
    for duration in ["299s", "28801s"] {
        let output = bench.run(&["timeout", "set", duration, "--yes"]);
        output
            .exits_with(64)
            .prints_error(&["300 to 28800s", "HIPAA", "--force"]);
        let calls = bench
            .simulation
            .record(TOKEN)
            .calls(ApiOperation::PutTimeout);
        assert_eq!(calls, 0);
    }
    let output = bench.run(&["timeout", "set", "299s", "--yes", "--force"]);
    output.exits_with(65).prints_error(&[
        "rejected with 400 (token.timeout.exceeded)",
        "the API accepts 300 to 28800s (5m to 8h)",
    ]);
    let output = bench.run(&["timeout", "set", "299s", "--yes", "--force", "--json"]);
    let error = output.exits_with(65).json()["error"].take();
    assert_eq!(error["code"], "token.timeout.exceeded");
    assert_eq!(error["status"], 400);
}

#[test]
fn each_400_is_explained_by_its_code() {
    let hipaa = Bench::of(Simulation::with(seconds(900), |settings| {
        settings.hipaa = true;
    }));
    let output = hipaa.run(&["timeout", "set", "30m", "--yes"]);
    output
        .exits_with(65)
        .prints_error(&["token.timeout.exceeded.hipaa", "300 to 900s"]);
    let bench = Bench::new();
    for (code, part) in [
        ("max.idle.token.timeout.exceeded", "a group is above 28800s"),
        ("max.idle.hipaa.token.timeout.exceeded", "HIPAA"),
        ("client.failed.request", "rejected a field"),
    ] {
        bench.fail_next(ApiOperation::PutTimeout, SimFault::error(400, code, "no"));
        let output = bench.run(&["timeout", "set", "30m", "--yes"]);
        output.exits_with(65).prints_error(&[code, part]);
        bench.fail_next(ApiOperation::PutTimeout, SimFault::error(400, code, "no"));
        let json = bench
            .run(&["timeout", "disable", "--yes", "--json"])
            .exits_with(65)
            .json();
        assert_eq!(json["error"]["code"], code);
    }
}

#[test]
fn a_wrong_duration_is_said_to_be_one_without_any_request() {
    let bench = Bench::new();
    for duration in ["15", "soon", "-5m", "300.5s"] {
        let output = bench.run(&["timeout", "set", "--yes", "--json", "--", duration]);
        let error = output.exits_with(64).json()["error"].take();
        assert_eq!(error["kind"], "usage");
    }
    assert_eq!(bench.simulation.record(TOKEN).calls_in_all(), 0);
}
