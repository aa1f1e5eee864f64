//! Tests of the commands for a running daemon: permissions, effects, answers and log lines.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Command;

use super::super::support::ask::{ask, get_unix, plain};
use super::super::support::keepalive::{Folder, Keepalive};
use super::super::support::simulation::Simulation;
use super::commands::run_command;
use super::{endpoints, head, seconds, session};

fn running() -> (Simulation, Folder, Keepalive) {
    let simulation = Simulation::new(seconds(3600));
    let folder = Folder::new();
    for name in ["wallboard", "crm"] {
        simulation.token(name);
        folder.write(name, name);
    }
    let config =
        head(&simulation) + &session("wallboard", "") + &session("crm", "intent = \"lapse\"");
    let mut keepalive = folder.run(&config);
    for _ in 0..2 {
        keepalive.wait_for(&["\"event\":\"alive\""]);
    }
    (simulation, folder, keepalive)
}

#[test]
fn a_touch_that_is_asked_for_is_made_and_its_answer_told() {
    let (simulation, folder, mut keepalive) = running();
    let output = run_command(&folder, &["touch", "wallboard"]);
    assert_eq!(output.code, Some(0), "{}", output.err);
    assert!(
        output
            .out
            .starts_with("touched: touch_head accepted, idle deadline in "),
        "{}",
        output.out
    );
    assert_eq!(
        simulation
            .record("wallboard")
            .calls(session_keepalive::sim::ApiOperation::HeadMe),
        1
    );
    let line = keepalive.wait_for(&["\"event\":\"touch_wanted\""]);
    assert!(line.contains("\"by_uid\":"), "{line}");

    let lapsing = run_command(&folder, &["touch", "crm"]);
    assert_eq!(lapsing.code, Some(75));
    assert!(
        lapsing.err.contains("its intent is lapse"),
        "{}",
        lapsing.err
    );
    assert_eq!(simulation.record("crm").resets, 0);

    let unknown = run_command(&folder, &["touch", "wallbord"]);
    assert_eq!(unknown.code, Some(64));
    assert!(
        unknown.err.contains("did you mean wallboard?"),
        "{}",
        unknown.err
    );
}

#[test]
fn a_touch_that_fails_says_with_what() {
    let (mut simulation, folder, _keepalive) = running();
    simulation.down();
    let output = run_command(&folder, &["touch", "wallboard"]);
    assert_eq!(output.code, Some(75));
    assert!(
        output.err.contains("not touched: touch_head unreachable"),
        "{}",
        output.err
    );
}

#[test]
fn an_intent_holds_until_it_is_changed_back_or_configured_anew() {
    let (simulation, folder, mut keepalive) = running();
    let socket = folder.path("control.sock");
    let crm = || get_unix(&socket, "/status").json()["sessions"][0].clone();
    let kept = run_command(&folder, &["keep", "crm"]);
    assert_eq!(kept.code, Some(0), "{}", kept.err);
    assert!(
        kept.out
            .starts_with("crm has the intent keep from now on, until it is changed back"),
        "{}",
        kept.out
    );
    assert!(
        kept.out.contains("at the stop its token is left as it is"),
        "{}",
        kept.out
    );
    let line = keepalive.wait_for(&["\"event\":\"intent_changed\""]);
    assert!(
        line.contains("\"intent\":\"keep\"") && line.contains("\"by_pid\":"),
        "{line}"
    );
    assert_eq!(
        (&crm()["intent"], &crm()["configured_intent"]),
        (&"keep".into(), &"lapse".into())
    );
    assert_eq!(run_command(&folder, &["touch", "crm"]).code, Some(0));
    assert!(
        run_command(&folder, &["status"])
            .out
            .contains("alive, keep*")
    );

    // A reload that does not change the session's configuration leaves the intent.
    let output = run_command(&folder, &["reload"]);
    assert_eq!((output.out.as_str(), output.code), ("reloaded\n", Some(0)));
    assert_eq!(crm()["intent"], "keep");
    let back = run_command(&folder, &["lapse", "crm"]);
    assert!(back.out.contains("as configured"), "{}", back.out);
    assert_eq!(
        (&crm()["intent"], &crm()["configured_intent"]),
        (&"lapse".into(), &serde_json::Value::Null)
    );

    // A reload that changes the session's configuration ends the override.
    assert_eq!(run_command(&folder, &["lapse", "wallboard"]).code, Some(0));
    let config = head(&simulation) + &session("wallboard", "intent = \"lapse\"");
    folder.write("config.toml", &config);
    assert_eq!(run_command(&folder, &["reload"]).code, Some(0));
    folder.write("config.toml", &config.replace("lapse", "keep"));
    assert_eq!(run_command(&folder, &["reload"]).code, Some(0));
    assert_eq!(crm()["intent"], "keep");
}

#[test]
fn a_reload_that_is_refused_says_why() {
    let (_simulation, folder, _keepalive) = running();
    folder.write("config.toml", "regoin = \"x\"");
    let output = run_command(&folder, &["reload"]);
    assert_eq!(output.code, Some(78));
    assert!(
        output.err.contains("reload refused") && output.err.contains("did you mean region?"),
        "{}",
        output.err
    );
}

#[test]
fn a_stop_returns_when_the_daemon_has_gone() {
    let (simulation, folder, mut keepalive) = running();
    let output = run_command(&folder, &["stop", "--leave"]);
    assert_eq!(output.code, Some(0), "{}", output.err);
    assert!(
        output
            .out
            .starts_with("stopping, and leaving every token\n"),
        "{}",
        output.out
    );
    assert_eq!(keepalive.wait().0.code(), Some(0));
    assert!(simulation.record("wallboard").fate.is_living());
    assert_eq!(run_command(&folder, &["stop"]).code, Some(69));

    let (simulation, folder, mut keepalive) = running();
    assert_eq!(run_command(&folder, &["stop"]).code, Some(0));
    assert_eq!(keepalive.wait().0.code(), Some(0));
    assert!(!simulation.record("wallboard").fate.is_living(), "revoked");
    assert!(simulation.record("crm").fate.is_living(), "left");
}

#[test]
fn nobody_gives_orders_over_tcp_and_no_stranger_over_the_socket() {
    let (_simulation, folder, _keepalive, address) = endpoints::running();
    for path in ["/stop", "/reload", "/sessions/wallboard/touch"] {
        let over_tcp = std::net::TcpStream::connect(address).unwrap();
        assert_eq!(
            ask(over_tcp, &plain("POST", path, "localhost")).status,
            405,
            "{path}"
        );
    }
    let socket = folder.path("control.sock");
    let post = |path| {
        ask(
            UnixStream::connect(&socket).unwrap(),
            &plain("POST", path, "x"),
        )
    };
    assert_eq!(post("/sessions/nobody/touch").status, 404);
    assert_eq!(post("/sessions/../touch").status, 404);
    assert!(post("/dance").body.contains("POST /reload"));

    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED a stranger at the socket: only root can be somebody else");
        return;
    }
    // Another user runs a copy of the binary, and the modes let that user reach the socket.
    let mode = |path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(folder.path("."), 0o755);
    mode(socket.clone(), 0o666);
    let program = folder.path("program");
    fs::copy(env!("CARGO_BIN_EXE_session-keepalive"), &program).unwrap();
    mode(program.clone(), 0o755);
    let stranger = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(program)
        .args(["stop", "--socket"])
        .arg(&socket)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&stranger.stderr);
    assert_eq!(stranger.status.code(), Some(77), "{stderr}");
    assert!(stderr.contains("not user 65534"), "{stderr}");
    assert_eq!(get_unix(&socket, "/livez").status, 200);
}

#[test]
fn a_token_that_lapses_as_ordered_is_replaced_when_it_is_to_be_kept_again_and_not_before() {
    let simulation = Simulation::new(seconds(6));
    for token in ["minted-1", "minted-2"] {
        simulation.token(token);
    }
    let folder = Folder::new();
    let script = "echo x >>runs; echo minted-$(grep -c x runs)";
    let config = head(&simulation)
        + &format!(
            "[sessions.kiosk]\ntoken = {{ command = [\"/bin/sh\", \"-c\", \"{script}\"] }}\n"
        );
    let mut keepalive = folder.run(&config);
    keepalive.wait_for(&["\"event\":\"alive\""]);
    assert_eq!(run_command(&folder, &["lapse", "kiosk"]).code, Some(0));
    keepalive.wait_for(&["\"event\":\"lapsed\""]);
    keepalive.listen_for(seconds(4));
    assert_eq!(fs::read_to_string(folder.path("runs")).unwrap(), "x\n");
    simulation.token("minted-2");
    assert_eq!(run_command(&folder, &["keep", "kiosk"]).code, Some(0));
    keepalive.wait_for(&["\"state\":\"alive\"", "\"generation\":2"]);
}

#[test]
fn an_order_goes_with_a_file_that_is_renamed() {
    let simulation = Simulation::new(seconds(3600));
    let folder = Folder::new();
    fs::create_dir(folder.path("agents")).unwrap();
    simulation.token("alice");
    folder.write("agents/alice", "alice");
    let directory = folder.path("agents");
    let config =
        head(&simulation) + &format!("[pools.agents]\ntoken_dir = \"{}\"\n", directory.display());
    let mut keepalive = folder.run(&config);
    keepalive.wait_for(&["\"event\":\"alive\""]);
    assert_eq!(run_command(&folder, &["lapse", "alice"]).code, Some(0));
    fs::rename(directory.join("alice"), directory.join("bob")).unwrap();
    keepalive.wait_for(&["\"event\":\"renamed\"", "\"session\":\"bob\""]);
    let bob = get_unix(&folder.path("control.sock"), "/status").json()["sessions"][0].clone();
    assert_eq!(
        (&bob["name"], &bob["intent"], &bob["configured_intent"]),
        (&"bob".into(), &"lapse".into(), &"keep".into())
    );
}

#[test]
fn a_token_that_is_pasted_as_a_name_is_not_echoed() {
    let folder = Folder::new();
    let token = "Kx7pQ2mZ9rT4vB1nC6wL8sD3";
    for arguments in [
        ["touch", token],
        ["keep", token],
        ["wait", token],
        ["status", token],
        ["explain", token],
        ["health", &format!("--instance={token}/")],
    ] {
        let output = run_command(&folder, &arguments);
        assert!(
            !(output.out + &output.err).contains("Kx7pQ2mZ"),
            "{arguments:?}"
        );
        assert_ne!(output.code, Some(0));
    }
}
