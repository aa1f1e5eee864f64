//! `timeout show`, `set` and `disable` where nothing is in the way.

use serde_json::{Value, json};
use session_keepalive::sim::{Fault, GroupBundle, IdleTimeout, OmittedBundles, Operation};

use super::super::support::simulation::Simulation;
use super::{Bench, TOKEN, seconds};

/// An organisation with a group of its own timeout and a field that nobody knows.
fn rich() -> Bench {
    Bench::of(Simulation::with(seconds(900), |settings| {
        settings.omitted_bundles = OmittedBundles::Dropped;
        let unknown = &mut settings.unknown_fields;
        unknown.insert("future".to_owned(), json!({"a": [1, null, "x"]}));
        settings.timeout = IdleTimeout {
            groups_enabled: true,
            bundles: vec![GroupBundle {
                priority: 2,
                timeout: seconds(600),
                groups: vec!["g-1".to_owned(), "g-2".to_owned()],
            }],
            ..IdleTimeout::of_organisation(seconds(900))
        };
    }))
}

fn body(bench: &Bench) -> Value {
    bench
        .run(&["timeout", "show", "--json"])
        .ends_with(0)
        .json()["body"]
        .take()
}

#[test]
fn show_tells_the_organisations_timeout_and_those_of_groups() {
    let bench = rich();
    let said = bench.run(&["timeout", "show"]);
    said.ends_with(0).shows(&[
        "timeout         15 m (900 s)\n",
        "groups          1 with a timeout of their own, enabled\n",
        "  priority 2    10 m (600 s): g-1, g-2\n",
        "in effect       10 m (600 s) at the least, that of a group",
    ]);
    assert!(said.out.lines().all(|line| line.len() <= 80), "{said:?}");
    let json = bench.run(&["timeout", "show", "--json"]).json();
    let least = json!({"seconds": 600, "source": "group", "is_at_least": true});
    assert_eq!(json["derived"]["effective_idle_timeout"], least);
    assert_eq!(json["derived"]["organisation_idle_timeout_seconds"], 900);
    assert_eq!(json["body"]["future"], json!({"a": [1, null, "x"]}));
}

#[test]
fn set_changes_the_seconds_and_nothing_else() {
    let bench = rich();
    let before = body(&bench);
    let said = bench.run(&["timeout", "set", "30m", "--yes"]);
    said.ends_with(0).shows(&[
        "before          15 m (900 s)\n",
        "after           30 m (1800 s)\n",
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
    let bench = rich();
    let json = bench
        .run(&["timeout", "disable", "--yes", "--json"])
        .ends_with(0)
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
    let bench = rich();
    let said = bench.run(&["timeout", "set", "15m", "--yes"]);
    said.ends_with(0)
        .shows(&["written         no", "nothing was written"]);
    assert_eq!(bench.calls(Operation::PutTimeout), 0);
    bench.run(&["timeout", "disable", "--yes"]).ends_with(0);
    let json = bench
        .run(&["timeout", "disable", "--yes", "--json"])
        .ends_with(0)
        .json();
    assert_eq!(json["derived"]["written"], false);
    assert_eq!(bench.calls(Operation::PutTimeout), 1);
}

#[test]
fn a_timeout_out_of_range_is_refused_here_and_by_the_api_if_forced() {
    let bench = Bench::new();
    for wanted in ["299s", "28801s"] {
        let said = bench.run(&["timeout", "set", wanted, "--yes"]);
        said.ends_with(64)
            .complains(&["300 to 28800 s", "HIPAA", "--force"]);
        let calls = bench.simulation.record(TOKEN).calls(Operation::PutTimeout);
        assert_eq!(calls, 0);
    }
    let said = bench.run(&["timeout", "set", "299s", "--yes", "--force"]);
    said.ends_with(65).complains(&[
        "rejected with 400 (token.timeout.exceeded)",
        "the API takes 300 to 28800 s (5 m to 8 h)",
    ]);
    let said = bench.run(&["timeout", "set", "299s", "--yes", "--force", "--json"]);
    let error = said.ends_with(65).json()["error"].take();
    assert_eq!(error["code"], "token.timeout.exceeded");
    assert_eq!(error["status"], 400);
}

#[test]
fn each_400_is_explained_by_its_code() {
    let hipaa = Bench::of(Simulation::with(seconds(900), |settings| {
        settings.hipaa = true;
    }));
    let said = hipaa.run(&["timeout", "set", "30m", "--yes"]);
    said.ends_with(65)
        .complains(&["token.timeout.exceeded.hipaa", "300 to 900 s"]);
    let bench = Bench::new();
    for (code, part) in [
        (
            "max.idle.token.timeout.exceeded",
            "a group is above 28800 s",
        ),
        ("max.idle.hipaa.token.timeout.exceeded", "HIPAA"),
        ("client.failed.request", "did not understand a field"),
    ] {
        bench.befall(Operation::PutTimeout, Fault::error(400, code, "no"));
        let said = bench.run(&["timeout", "set", "30m", "--yes"]);
        said.ends_with(65).complains(&[code, part]);
        bench.befall(Operation::PutTimeout, Fault::error(400, code, "no"));
        let json = bench
            .run(&["timeout", "disable", "--yes", "--json"])
            .ends_with(65)
            .json();
        assert_eq!(json["error"]["code"], code);
    }
}

#[test]
fn a_wrong_duration_is_said_to_be_one_without_any_request() {
    let bench = Bench::new();
    for wanted in ["15", "soon", "-5m", "300.5s"] {
        let said = bench.run(&["timeout", "set", "--yes", "--json", "--", wanted]);
        let error = said.ends_with(64).json()["error"].take();
        assert_eq!(error["kind"], "usage");
    }
    assert_eq!(bench.simulation.record(TOKEN).calls_in_all(), 0);
}
