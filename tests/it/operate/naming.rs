//! Tests of the arguments that name a token and an API, and of the hints on wrong ones.

use super::super::support::raw::{RawReply, RawServer};
use super::Bench;

#[test]
fn one_token_has_to_be_named() {
    let bench = Bench::new();
    let none = bench.run_bare(&["token", "show", "--json"], "");
    none.exits_with(64)
        .prints_error(&["--session NAME, --token-file PATH, --credential NAME, or -"]);
    assert_eq!(none.json()["error"]["kind"], "usage");
    let two = bench.run(&["token", "show", "--session", "crm"]);
    two.exits_with(64).prints_error(&["exclude each other"]);
}

#[test]
fn the_api_has_to_be_named_once() {
    let bench = Bench::new();
    let none = bench.run_bare(&["token", "show", "--token-file", "token"], "");
    none.exits_with(64)
        .prints_error(&["--region REGION or --api URL"]);
    let both = bench.run(&["token", "show", "--region", "eu-central-1"]);
    both.exits_with(64).prints_error(&["give one of them"]);
    let arguments = [
        "token",
        "show",
        "--token-file",
        "token",
        "--region",
        "eu-centrl-1",
    ];
    let wrong = bench.run_bare(&arguments, "");
    wrong
        .exits_with(78)
        .prints_error(&["did you mean \"eu-central-1\"?"]);
    bench.configure("keep");
    let arguments = [
        "token",
        "show",
        "--config",
        "config.toml",
        "--session",
        "crm",
        "--region",
        "x",
    ];
    let output = bench.run_bare(&arguments, "");
    output
        .exits_with(64)
        .prints_error(&["a session has its own API"]);
}

#[test]
fn check_prints_the_names_of_the_sessions_alone_where_it_is_asked_to() {
    let bench = Bench::new();
    bench.configure("keep");
    let output = bench.run_bare(&["check", "--names", "--config", "config.toml"], "");
    output.exits_with(0);
    assert_eq!(output.out, "crm\n");
    let pool = bench.folder.path("pool");
    std::fs::create_dir(&pool).unwrap();
    for name in ["desk-2", "alpha", ".hidden", "No Name", "desk-2.tmp"] {
        std::fs::write(pool.join(name), "abc").unwrap();
    }
    let config = std::fs::read_to_string(bench.folder.path("config.toml")).unwrap();
    let pools = format!(
        "[pools.desks]\ntoken_dir = \"{}\"\n[pools.gone]\ntoken_dir = \"/gone\"\n",
        pool.display()
    );
    bench.folder.write("config.toml", &(config + &pools));
    let output = bench.run_bare(&["check", "--names", "--config", "config.toml"], "");
    output.exits_with(0);
    assert_eq!(output.out, "alpha\ncrm\ndesk-2\n");
    bench.folder.write("config.toml", "tokn = 1\n");
    let output = bench.run_bare(&["check", "--names", "--config", "config.toml"], "");
    output.exits_with(78);
    assert_eq!(output.out, "");
}

#[test]
fn the_nearest_session_and_command_are_suggested() {
    let bench = Bench::new();
    bench.configure("keep");
    let show = ["token", "show", "--config", "config.toml", "--session"];
    let output = bench.run_bare(&[&show[..], &["crn"]].concat(), "");
    output
        .exits_with(64)
        .prints_error(&["no session `crn`", "did you mean crm?"]);
    let output = bench.run_bare(&[&show[..], &["wallboard"]].concat(), "");
    output.exits_with(64).prints_error(&["there are crm"]);
    let output = bench.run_bare(&["token", "show", "--session", "crm"], "");
    output.exits_with(64).prints_error(&["give --config PATH"]);
    for (arguments, suggestion) in [
        (&["token", "shw"][..], "'show'"),
        (&["tokn", "show"], "'token'"),
        (&["timeout", "disabel"], "'disable'"),
        (&["user", "revok"], "'revoke'"),
        (&["token", "show", "--sesion", "crm"], "'--session'"),
    ] {
        bench
            .run_bare(arguments, "")
            .exits_with(64)
            .prints_error(&[suggestion]);
    }
}

#[test]
fn a_command_line_that_is_not_understood_is_json_too() {
    let bench = Bench::new();
    let output = bench.run_bare(&["token", "show", "--jsn", "--json"], "");
    let error = output.exits_with(64).json()["error"].take();
    assert_eq!(error["kind"], "usage");
    assert!(error["message"].as_str().unwrap().contains("--jsn"));
}

#[test]
fn a_token_that_is_not_there_or_none_is_told() {
    let bench = Bench::new();
    let base = bench.simulation.base();
    let run = |arguments: &[&str], input: &str| {
        bench.run_bare(
            &[&["token", "show", "--json", "--api", &base], arguments].concat(),
            input,
        )
    };
    bench.folder.write("spaced", "two words");
    for (arguments, input, part) in [
        (
            &["--token-file", "absent"][..],
            "",
            "file absent does not exist",
        ),
        (&["--token-file", "spaced"], "", "position 4"),
        (&["--token-file", "/dev/zero"], "", "not a regular file"),
        (
            &["--credential", "token"],
            "",
            "CREDENTIALS_DIRECTORY is not set",
        ),
        (&["-"], "", "the token from standard input is empty"),
        (&["-"], "a b", "position 2"),
        (&["-"], &"x".repeat(20_000), "longer than 8192 bytes"),
    ] {
        let output = run(arguments, input);
        output.exits_with(65).prints_error(&[part]);
        assert_eq!(output.json()["error"]["kind"], "token_source");
    }
    assert_eq!(bench.simulation.server().strangers(), 0);
}

#[test]
fn a_wrong_configuration_is_told_with_its_lines() {
    let bench = Bench::new();
    bench
        .folder
        .write("config.toml", "[http]\nconect_timeout = \"1s\"\n");
    let output = bench.run(&["token", "show", "--config", "config.toml", "--json"]);
    output
        .exits_with(78)
        .prints_error(&["config.toml:2", "connect_timeout"]);
    assert_eq!(output.json()["error"]["kind"], "configuration");
    bench
        .folder
        .write("config.toml", "[http]\nca_file = \"absent.pem\"\n");
    let output = bench.run(&["token", "show", "--config", "config.toml"]);
    output.exits_with(78).prints_error(&["absent.pem"]);
}

#[test]
fn the_http_section_of_the_configuration_counts() {
    let bench = Bench::new();
    // A server that never answers.
    let server = RawServer::start(RawReply::SendAndHang(Vec::new()));
    bench
        .folder
        .write("config.toml", "[http]\nrequest_timeout = \"100ms\"\n");
    let api = format!("http://{}", server.address());
    let arguments = ["token", "show", "--config", "config.toml", "--api", &api];
    let output = bench.run_bare(&[&arguments[..], &["--token-file", "token"]].concat(), "");
    output.exits_with(69).prints_error(&["no answer in time"]);
}

#[test]
fn every_help_has_an_example_and_the_exit_statuses() {
    let bench = Bench::new();
    for arguments in [
        ["token", "show"],
        ["token", "touch"],
        ["token", "revoke"],
        ["timeout", "show"],
        ["timeout", "set"],
        ["timeout", "disable"],
        ["user", "revoke"],
    ] {
        let output = bench.run_bare(&[&arguments[..], &["--help"]].concat(), "");
        let example = format!("session-keepalive {} ", arguments.join(" "));
        output
            .exits_with(0)
            .prints(&["Example", &example, "Exit status: 0 done"]);
    }
}
