//! Tests of the checks of tokens, sessions and the running daemon.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use session_keepalive::sim::{ApiOperation, GroupBundle, IdleSettings, Settings, TokenSpec};
use session_keepalive::sys::clock;

use super::super::support::keepalive::Folder;
use super::super::support::simulation::Simulation;
use super::{TOKEN, doctor, folder, has_line, seconds, simulation};

const SCHEMA: &str = include_str!("../../schemas/doctor.json");
const LAPSING: &str = "[sessions.crm]\ntoken = { file = \"crm\" }\nintent = \"lapse\"\n";

#[test]
fn a_healthy_world_is_ok_and_a_lapsing_token_is_only_peeked_at() {
    let simulation = Simulation::with(seconds(900), |settings: &mut Settings| {
        settings.timeout = IdleSettings {
            groups_enabled: true,
            bundles: vec![GroupBundle {
                priority: 1,
                timeout: seconds(600),
                groups: vec!["g".to_owned()],
            }],
            ..IdleSettings::of_organisation(seconds(900))
        };
    });
    simulation.token(TOKEN);
    simulation.token("crm-token");
    let folder = folder(&simulation.base(), LAPSING);
    folder.write(
        "crm",
        "{\"access_token\":\"crm-token\",\"expires_in\":86399}",
    );
    let output = doctor(&folder, &["--touch"]);
    output.exits_with(0).prints(&["0 failures, 1 warning"]);
    has_line(&output, "warning  daemon answers: no daemon was found", &[]);
    has_line(
        &output,
        "ok       config.toml configuration:",
        &["2 sessions"],
    );
    has_line(
        &output,
        "ok       wallboard token: 031ec3c4 from file",
        &["mode 0600"],
    );
    let parts = [
        "organisation Example",
        "Simulated application",
        "user-basic-info authorization",
    ];
    has_line(&output, "ok       wallboard lives:", &parts);
    has_line(
        &output,
        "ok       wallboard idle deadline: in 1",
        &["to keep"],
    );
    let timeouts = ["15m (900s), for groups 10m (600s)"];
    has_line(&output, "ok       wallboard idle timeout:", &timeouts);
    has_line(&output, "ok       wallboard touch: HEAD moves", &[]);
    let parts = [" from access_token in the JSON of file crm, mode 0600"];
    has_line(&output, "ok       crm token: ", &parts);
    has_line(&output, "ok       crm lives:", &[]);
    has_line(&output, "ok       crm idle deadline:", &["to lapse"]);
    assert!(!output.out.contains("crm touch") && !output.out.contains("crm idle timeout"));
    let record = simulation.record("crm-token");
    assert_eq!((record.resets, record.calls_in_all()), (0, 1));
    assert_eq!(record.calls(ApiOperation::PeekMe), 1);
    // `doctor` paces its requests with one token like the daemon, one second apart.
    assert!(simulation.record(TOKEN).shortest_gap.unwrap() >= seconds(1).mul_f64(0.9));
}

#[test]
fn nothing_is_touched_unless_asked_for() {
    let simulation = simulation();
    let output = doctor(&folder(&simulation.base(), ""), &["--json"]);
    let json = output.exits_with(0).json_of(SCHEMA);
    assert_eq!(json["verdict"], "warning", "no daemon runs");
    for operation in [ApiOperation::HeadMe, ApiOperation::GetMe] {
        assert_eq!(simulation.record(TOKEN).calls(operation), 0);
    }
}

#[test]
fn a_dead_token_and_one_of_another_region_are_told_with_who_was_asked() {
    let simulation = simulation();
    simulation.server().revoke(TOKEN, clock::now());
    let elsewhere = Simulation::new(seconds(900));
    for world in [&simulation, &elsewhere] {
        let output = doctor(&folder(&world.base(), ""), &[]);
        output.exits_with(1);
        let asked = format!("another region: {} was asked", world.base());
        let parts = ["bad.credentials", &asked, "a new token in file"];
        has_line(&output, "failure  wallboard lives:", &parts);
    }
    assert_eq!(elsewhere.server().strangers(), 1);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let simulation = simulation();
    let folder = folder(&simulation.base(), LAPSING);
    let loops = folder.path("token");
    fs::remove_file(&loops).unwrap();
    // A link to itself cannot be read even by root, as whom the test may run.
    std::os::unix::fs::symlink("token", &loops).unwrap();
    let output = doctor(&folder, &["--json"]);
    let json = output.exits_with(1).json_of(SCHEMA);
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
    let mode = Permissions::from_mode(0o644);
    fs::set_permissions(folder.path("token"), mode).unwrap();
    let output = doctor(&folder, &[]);
    output.exits_with(0);
    has_line(
        &output,
        "warning  wallboard token:",
        &["mode 0644", "chmod 0600"],
    );
}

#[test]
fn an_excluded_touch_is_told() {
    let excluding = |excluded: Vec<ApiOperation>| {
        let simulation = Simulation::with(seconds(900), |settings| settings.excluded = excluded);
        simulation.token(TOKEN);
        doctor(&folder(&simulation.base(), ""), &["--touch"])
    };
    let head = excluding(vec![ApiOperation::HeadMe]);
    head.exits_with(0);
    let parts = [
        "HEAD does not move the idle deadline, GET does",
        "touch = \"get\"",
    ];
    has_line(&head, "warning  wallboard touch:", &parts);
    let both = excluding(vec![ApiOperation::HeadMe, ApiOperation::GetMe]);
    both.exits_with(1);
    let parts = ["neither HEAD nor GET", "excluded API calls"];
    has_line(&both, "failure  wallboard touch:", &parts);
}

#[test]
fn a_timeout_that_may_not_be_read_is_no_failure() {
    let simulation = Simulation::new(seconds(900));
    let narrow = TokenSpec::user(TOKEN, "narrow").scoped(&["user-basic-info"]);
    simulation.server().add_token(narrow, clock::now());
    let output = doctor(&folder(&simulation.base(), ""), &[]);
    output.exits_with(0);
    has_line(
        &output,
        "ok       wallboard idle timeout:",
        &["may not read it"],
    );
}

#[test]
fn two_sessions_with_one_token_are_told() {
    let simulation = simulation();
    let folder = folder(&simulation.base(), LAPSING);
    folder.write("crm", TOKEN);
    let output = doctor(&folder, &[]);
    output.exits_with(1);
    has_line(
        &output,
        "failure  wallboard token: the same as that of session crm",
        &[],
    );
}

#[test]
fn a_wrong_configuration_is_told() {
    let folder = folder("ftp://x", "");
    let output = doctor(&folder, &["--json"]);
    output.exits_with(1).prints_error(&["config.toml:1"]);
    let json = output.json_of(SCHEMA);
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
        keepalive.wait_for(&[name, "alive and kept"]);
    }
    let output = doctor(&folder, &[]);
    output.exits_with(0).prints(&["0 failures, 0 warnings"]);
    has_line(&output, "ok       daemon answers:", &["in version"]);
    has_line(
        &output,
        "ok       wallboard daemon: alive: ",
        &["with the token of file"],
    );
    has_line(&output, "ok       agents directory: ", &[]);
    has_line(&output, "ok       alice daemon: alive: ", &[]);

    folder.write("config.toml", &format!("{before}intent = \"lapse\"\n"));
    let output = doctor(&folder, &[]);
    output.exits_with(0);
    let parts = [
        "uses intent keep, the configuration has lapse",
        "session-keepalive reload",
    ];
    has_line(
        &output,
        "warning  wallboard daemon: the daemon uses intent",
        &parts,
    );
    has_line(&output, "warning  alice daemon:", &["not configured here"]);
}

#[test]
fn a_configuration_and_programs_that_everyone_can_write_are_failures() {
    let simulation = simulation();
    let folder = folder(&simulation.base(), "");
    let program = folder.write("hook.sh", "true");
    let config = fs::read_to_string(folder.path("config.toml")).unwrap();
    let hook = format!("[hooks.page]\non = [\"lost\"]\ncommand = [{program:?}]\n");
    folder.write("config.toml", &(config + &hook));
    doctor(&folder, &[]).exits_with(0);
    for name in ["config.toml", "hook.sh"] {
        let open = Permissions::from_mode(0o666);
        fs::set_permissions(folder.path(name), open).unwrap();
    }
    let output = doctor(&folder, &[]);
    output.exits_with(1);
    has_line(
        &output,
        "failure  config.toml configuration",
        &["mode 0666", "names programs"],
    );
    has_line(&output, "failure  page program", &["hook.sh has mode 0666"]);
}

#[test]
fn a_closed_token_in_a_folder_that_everyone_can_write_to_is_a_warning() {
    let simulation = simulation();
    let folder = folder(&simulation.base(), "");
    fs::set_permissions(folder.path(""), Permissions::from_mode(0o777)).unwrap();
    let output = doctor(&folder, &[]);
    has_line(
        &output,
        "warning  wallboard folder",
        &["mode 0777", "replace"],
    );
    fs::set_permissions(folder.path(""), Permissions::from_mode(0o1777)).unwrap();
    assert!(!doctor(&folder, &[]).out.contains("wallboard folder"));
}

#[test]
fn as_root_no_token_command_is_run_unless_the_daemon_does_so_or_it_is_asked_for() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED: this is not root");
        return;
    }
    let simulation = simulation();
    let folder = Folder::new();
    let script = format!("echo >>{}; echo {TOKEN}", folder.path("runs").display());
    let command = ["/bin/sh", "-c", &script];
    let session = format!("[sessions.wallboard]\ntoken = {{ command = {command:?} }}\n");
    folder.write(
        "config.toml",
        &format!("api = \"{}\"\n{session}", simulation.base()),
    );
    let output = doctor(&folder, &[]);
    has_line(
        &output,
        "warning  wallboard token",
        &["was not run", "--as-root"],
    );
    assert!(!folder.path("runs").exists());
    doctor(&folder, &["--as-root"]).exits_with(0);
    assert!(folder.path("runs").exists());
}

#[test]
fn as_root_links_are_followed_with_the_rights_of_their_owner() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED: this is not root");
        return;
    }
    let simulation = simulation();
    let folder = Folder::new();
    fs::set_permissions(folder.path(""), Permissions::from_mode(0o755)).unwrap();
    // `write` makes the file readable for root alone.
    let secret = folder.write("secret", TOKEN);
    let pool = folder.path("pool");
    fs::create_dir(&pool).unwrap();
    std::os::unix::fs::symlink(&secret, pool.join("alice")).unwrap();
    for path in [&pool, &pool.join("alice")] {
        std::os::unix::fs::lchown(path, Some(12345), Some(12345)).unwrap();
    }
    let text = format!(
        "api = \"{}\"\n[pools.agents]\ntoken_dir = {pool:?}\n",
        simulation.base()
    );
    folder.write("config.toml", &text);
    let output = doctor(&folder, &[]);
    output.exits_with(1);
    has_line(&output, "ok       doctor user", &["user 12345"]);
    assert_eq!(simulation.record(TOKEN).calls_in_all(), 0, "{output:#?}");
}
