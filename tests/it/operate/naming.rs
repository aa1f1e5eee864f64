//! Which token and which API: what is refused, and the hint that comes with it.

use session_keepalive::sim::Operation;

use super::{Bench, TOKEN};

#[test]
fn one_token_has_to_be_named() {
    let bench = Bench::new();
    let none = bench.run_bare(&["token", "show", "--json"], "");
    none.ends_with(64)
        .complains(&["--session NAME, --token-file PATH, --credential NAME, or -"]);
    assert_eq!(none.json()["error"]["kind"], "usage");
    let two = bench.run(&["token", "show", "--session", "crm"]);
    two.ends_with(64).complains(&["exclude each other"]);
}

#[test]
fn the_api_has_to_be_named_once() {
    let bench = Bench::new();
    let none = bench.run_bare(&["token", "show", "--token-file", "token"], "");
    none.ends_with(64)
        .complains(&["--region REGION or --api URL"]);
    let both = bench.run(&["token", "show", "--region", "eu-central-1"]);
    both.ends_with(64).complains(&["give one of them"]);
    let words = [
        "token",
        "show",
        "--token-file",
        "token",
        "--region",
        "eu-centrl-1",
    ];
    let wrong = bench.run_bare(&words, "");
    wrong
        .ends_with(78)
        .complains(&["did you mean \"eu-central-1\"?"]);
    bench.configure("keep");
    let words = [
        "token",
        "show",
        "--config",
        "config.toml",
        "--session",
        "crm",
        "--region",
        "x",
    ];
    let said = bench.run_bare(&words, "");
    said.ends_with(64).complains(&["a session has its own API"]);
}

#[test]
fn the_nearest_session_and_command_are_suggested() {
    let bench = Bench::new();
    bench.configure("keep");
    let show = ["token", "show", "--config", "config.toml", "--session"];
    let said = bench.run_bare(&[&show[..], &["crn"]].concat(), "");
    said.ends_with(64)
        .complains(&["no session `crn`", "did you mean crm?"]);
    let said = bench.run_bare(&[&show[..], &["wallboard"]].concat(), "");
    said.ends_with(64).complains(&["there are crm"]);
    let said = bench.run_bare(&["token", "show", "--session", "crm"], "");
    said.ends_with(64).complains(&["give --config PATH"]);
    for (words, near) in [
        (&["token", "shw"][..], "'show'"),
        (&["tokn", "show"], "'token'"),
        (&["timeout", "disabel"], "'disable'"),
        (&["user", "revok"], "'revoke'"),
        (&["token", "show", "--sesion", "crm"], "'--session'"),
    ] {
        bench.run_bare(words, "").ends_with(64).complains(&[near]);
    }
}

#[test]
fn a_command_line_that_is_not_understood_is_json_too() {
    let bench = Bench::new();
    let said = bench.run_bare(&["token", "show", "--jsn", "--json"], "");
    let error = said.ends_with(64).json()["error"].take();
    assert_eq!(error["kind"], "usage");
    assert!(error["message"].as_str().unwrap().contains("--jsn"));
}

#[test]
fn a_token_that_is_not_there_or_none_is_told() {
    let bench = Bench::new();
    let base = bench.simulation.base();
    let run = |words: &[&str], input: &str| {
        bench.run_bare(
            &[&["token", "show", "--json", "--api", &base], words].concat(),
            input,
        )
    };
    bench.folder.write("spaced", "two words");
    for (words, input, part) in [
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
        let said = run(words, input);
        said.ends_with(65).complains(&[part]);
        assert_eq!(said.json()["error"]["kind"], "token_source");
    }
    assert_eq!(bench.simulation.server().strangers(), 0);
}

#[test]
fn a_wrong_configuration_is_told_with_its_lines() {
    let bench = Bench::new();
    bench
        .folder
        .write("config.toml", "[http]\nconect_timeout = \"1s\"\n");
    let said = bench.run(&["token", "show", "--config", "config.toml", "--json"]);
    said.ends_with(78)
        .complains(&["config.toml:2", "connect_timeout"]);
    assert_eq!(said.json()["error"]["kind"], "configuration");
    bench
        .folder
        .write("config.toml", "[http]\nca_file = \"absent.pem\"\n");
    let said = bench.run(&["token", "show", "--config", "config.toml"]);
    said.ends_with(78).complains(&["absent.pem"]);
}

#[test]
fn the_http_section_of_the_configuration_counts() {
    let bench = Bench::new();
    // Nobody listens there.
    bench
        .folder
        .write("config.toml", "[http]\nproxy = \"http://127.0.0.1:9\"\n");
    let said = bench.run(&["token", "show", "--config", "config.toml"]);
    said.ends_with(69).complains(&["no connection"]);
    assert_eq!(bench.simulation.record(TOKEN).calls(Operation::PeekMe), 0);
}

#[test]
fn every_help_has_an_example_and_the_exit_statuses() {
    let bench = Bench::new();
    for words in [
        ["token", "show"],
        ["token", "touch"],
        ["token", "revoke"],
        ["timeout", "show"],
        ["timeout", "set"],
        ["timeout", "disable"],
        ["user", "revoke"],
    ] {
        let said = bench.run_bare(&[&words[..], &["--help"]].concat(), "");
        let example = format!("session-keepalive {} ", words.join(" "));
        said.ends_with(0)
            .shows(&["Example", &example, "77 not permitted"]);
    }
}
