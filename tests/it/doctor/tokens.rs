//! The tokens.

use std::fs;

use serde_json::Value;
use session_keepalive::daemon::clock;
use session_keepalive::sim::{GroupBundle, IdleTimeout, Operation, Settings, TokenSpec};

use super::super::support::simulation::Simulation;
use super::{TOKEN, doctor, folder, has_line, seconds, simulation};

const SCHEMA: &str = include_str!("../../schemas/doctor.json");
const LAPSING: &str = "[sessions.crm]\ntoken = { file = \"crm\" }\nintent = \"lapse\"\n";

#[test]
fn a_healthy_world_is_ok_and_a_lapsing_token_is_only_peeked_at() {
    let simulation = Simulation::with(seconds(900), |settings: &mut Settings| {
        settings.timeout = IdleTimeout {
            groups_enabled: true,
            bundles: vec![GroupBundle {
                priority: 1,
                timeout: seconds(600),
                groups: vec!["g".to_owned()],
            }],
            ..IdleTimeout::of_organisation(seconds(900))
        };
    });
    simulation.token(TOKEN);
    simulation.token("crm-token");
    let folder = folder(&simulation.base(), LAPSING);
    folder.write("crm", "crm-token");
    let said = doctor(&folder, &["--touch"]);
    said.ends_with(0).shows(&["0 failures, 1 warning"]);
    has_line(
        &said,
        "warning  daemon answers: no daemon is to be found",
        &[],
    );
    has_line(
        &said,
        "ok       config.toml configuration:",
        &["2 sessions"],
    );
    has_line(
        &said,
        "ok       wallboard token: 031ec3c4 from file",
        &["mode 0600"],
    );
    let parts = [
        "organisation Example",
        "Simulated application",
        "user-basic-info authorization",
    ];
    has_line(&said, "ok       wallboard lives:", &parts);
    has_line(
        &said,
        "ok       wallboard idle deadline: in 1",
        &["to keep"],
    );
    let timeouts = ["15 m (900 s), for groups 10 m (600 s)"];
    has_line(&said, "ok       wallboard idle timeout:", &timeouts);
    has_line(&said, "ok       wallboard touch: HEAD moves", &[]);
    has_line(&said, "ok       crm lives:", &[]);
    has_line(&said, "ok       crm idle deadline:", &["to lapse"]);
    assert!(!said.out.contains("crm touch") && !said.out.contains("crm idle timeout"));
    let record = simulation.record("crm-token");
    assert_eq!((record.resets, record.calls_in_all()), (0, 1));
    assert_eq!(record.calls(Operation::PeekMe), 1);
    // As slowly as the daemon.
    assert!(simulation.record(TOKEN).shortest_gap.unwrap() >= seconds(1).mul_f64(0.9));
}

#[test]
fn nothing_is_touched_unless_asked_for() {
    let simulation = simulation();
    let said = doctor(&folder(&simulation.base(), ""), &["--json"]);
    let json = said.ends_with(0).json_of(SCHEMA);
    assert_eq!(json["verdict"], "warning", "no daemon runs");
    for operation in [Operation::HeadMe, Operation::GetMe] {
        assert_eq!(simulation.record(TOKEN).calls(operation), 0);
    }
}

#[test]
fn a_dead_token_and_one_of_another_region_are_told_with_who_was_asked() {
    let simulation = simulation();
    simulation.server().revoke(TOKEN, clock::now());
    let elsewhere = Simulation::new(seconds(900));
    for world in [&simulation, &elsewhere] {
        let said = doctor(&folder(&world.base(), ""), &[]);
        said.ends_with(1);
        let asked = format!("another region: {} was asked", world.base());
        let parts = ["bad.credentials", &asked, "a new token in file"];
        has_line(&said, "failure  wallboard lives:", &parts);
    }
    assert_eq!(elsewhere.server().strangers(), 1);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let simulation = simulation();
    let folder = folder(&simulation.base(), LAPSING);
    let loops = folder.path("token");
    fs::remove_file(&loops).unwrap();
    // Not even root can read it.
    std::os::unix::fs::symlink("token", &loops).unwrap();
    let said = doctor(&folder, &["--json"]);
    let json = said.ends_with(1).json_of(SCHEMA);
    let find = |subject: &str| -> Value {
        let checks = json["checks"].as_array().unwrap().iter();
        let mut checks = checks.filter(|check| check["subject"] == subject);
        checks.next().unwrap().clone()
    };
    let unreadable = find("wallboard");
    assert_eq!(unreadable["check"], "token");
    assert_eq!(unreadable["verdict"], "failure");
    assert!(
        unreadable["finding"]
            .as_str()
            .unwrap()
            .contains("cannot be read")
    );
    assert_eq!(unreadable["advice"], "let the daemon's user read it");
    assert!(
        find("crm")["finding"]
            .as_str()
            .unwrap()
            .contains("does not exist")
    );
}

#[test]
fn a_file_that_all_can_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let simulation = simulation();
    let folder = folder(&simulation.base(), "");
    let mode = fs::Permissions::from_mode(0o644);
    fs::set_permissions(folder.path("token"), mode).unwrap();
    let said = doctor(&folder, &[]);
    said.ends_with(0);
    has_line(
        &said,
        "warning  wallboard token:",
        &["mode 0644", "chmod 0600"],
    );
}

#[test]
fn an_excluded_touch_is_told() {
    let excluding = |excluded: Vec<Operation>| {
        let simulation = Simulation::with(seconds(900), |settings| settings.excluded = excluded);
        simulation.token(TOKEN);
        doctor(&folder(&simulation.base(), ""), &["--touch"])
    };
    let head = excluding(vec![Operation::HeadMe]);
    head.ends_with(0);
    let parts = [
        "HEAD does not move the idle deadline, GET does",
        "touch = \"get\"",
    ];
    has_line(&head, "warning  wallboard touch:", &parts);
    let both = excluding(vec![Operation::HeadMe, Operation::GetMe]);
    both.ends_with(1);
    let parts = ["neither HEAD nor GET", "excluded API calls"];
    has_line(&both, "failure  wallboard touch:", &parts);
}

#[test]
fn a_timeout_that_may_not_be_read_is_no_failure() {
    let simulation = Simulation::new(seconds(900));
    let narrow = TokenSpec::user(TOKEN, "narrow").scoped(&["user-basic-info"]);
    simulation.server().add_token(narrow, clock::now());
    let said = doctor(&folder(&simulation.base(), ""), &[]);
    said.ends_with(0);
    has_line(
        &said,
        "ok       wallboard idle timeout:",
        &["may not read it"],
    );
}

#[test]
fn two_sessions_with_one_token_are_told() {
    let simulation = simulation();
    let folder = folder(&simulation.base(), LAPSING);
    folder.write("crm", TOKEN);
    let said = doctor(&folder, &[]);
    said.ends_with(1);
    has_line(
        &said,
        "failure  wallboard token: the same as that of session crm",
        &[],
    );
}

#[test]
fn a_wrong_configuration_is_told() {
    let folder = folder("ftp://x", "");
    let said = doctor(&folder, &["--json"]);
    said.ends_with(1).complains(&["config.toml:1"]);
    let json = said.json_of(SCHEMA);
    assert_eq!(
        json["checks"][0]["advice"],
        "session-keepalive check shows what is wrong"
    );
}

#[test]
fn a_running_daemon_is_compared_with_the_configuration() {
    let simulation = simulation();
    simulation.token("of-a-pool");
    let folder = folder(&simulation.base(), "");
    fs::create_dir(folder.path("pool")).unwrap();
    folder.write("pool/alice", "of-a-pool");
    let pool = format!(
        "[pools.agents]\ntoken_dir = \"{}\"\n",
        folder.path("pool").display()
    );
    let before = fs::read_to_string(folder.path("config.toml")).unwrap();
    let mut keepalive = folder.run(&(before.clone() + &pool));
    for name in ["wallboard", "alice"] {
        keepalive.wait_for(&[name, "held and kept alive"]);
    }
    let said = doctor(&folder, &[]);
    said.ends_with(0).shows(&["0 failures, 0 warnings"]);
    has_line(&said, "ok       daemon answers:", &["in version"]);
    has_line(
        &said,
        "ok       wallboard daemon: held: ",
        &["with the token of file"],
    );
    has_line(&said, "ok       agents directory: ", &[]);
    has_line(&said, "ok       alice daemon: held: ", &[]);

    folder.write("config.toml", &format!("{before}intent = \"lapse\"\n"));
    let said = doctor(&folder, &[]);
    said.ends_with(0);
    let parts = [
        "goes by intent keep, the configuration says lapse",
        "session-keepalive reload",
    ];
    has_line(
        &said,
        "warning  wallboard daemon: the daemon goes by intent",
        &parts,
    );
    has_line(&said, "warning  alice daemon:", &["not configured here"]);
}
