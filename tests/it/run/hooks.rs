//! Tests of hooks: their input, and the events after which they run.

mod limits;

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use session_keepalive::sim::{ApiOperation, Matcher, Rule, RuleSpan, SimFault};
use session_keepalive::sys::clock;

use super::super::support::hook::{hook, hook_runs, recorder};
use super::super::support::keepalive::{Folder, Keepalive};
use super::super::support::simulation::Simulation;
use super::{head, one_session, seconds, session};

const ALL: [&str; 7] = [
    "lost",
    "lapsed",
    "at-risk",
    "recovered",
    "blocked",
    "excluded",
    "revoked",
];

/// Waits until a hook has succeeded for this occasion.
fn wait_for_hook(daemon: &mut Keepalive, occasion: &str) {
    daemon.wait_for(&["hook_ran", &format!("\"occasion\":\"{occasion}\"")]);
}

/// Returns the configuration with a log level that reports each run of a hook.
pub(super) fn debug(config: &str) -> String {
    config.replace("[log]\n", "[log]\nlevel = \"debug\"\n")
}

#[test]
fn every_event_runs_its_hook_with_its_variables_and_its_json() {
    let simulation = Simulation::new(seconds(6));
    let (folder, config) = one_session(&simulation, "kiosk");
    simulation.token("crm");
    folder.write("crm", "crm");
    let config =
        debug(&config) + &session("crm", "intent = \"lapse\"") + &recorder(&folder, &ALL, "");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\"", "kiosk"]);
    for operation in [ApiOperation::HeadMe, ApiOperation::GetMe] {
        simulation.server().script().push(Rule {
            calls: Matcher::operation(operation),
            span: RuleSpan::Times(1),
            fault: SimFault::error(403, "missing.permissions", "no"),
        });
    }
    wait_for_hook(&mut daemon, "blocked");
    wait_for_hook(&mut daemon, "recovered");
    daemon.wait_for(&["\"occasion\":\"lapsed\"", "crm"]);
    simulation.server().revoke("kiosk", clock::now());
    wait_for_hook(&mut daemon, "lost");
    simulation.token("another");
    folder.write("kiosk", "another");
    wait_for_hook(&mut daemon, "recovered");
    assert_eq!(daemon.stop().0, Some(0), "{}", daemon.log.join("\n"));

    let runs = hook_runs(&folder);
    let names: Vec<_> = runs
        .iter()
        .map(|run| (run.variable("EVENT"), run.variable("SESSION")))
        // Two refusals in a row can put a token with so short an idle timeout at risk.
        .filter(|(event, _)| *event != "at-risk")
        .collect();
    let expected = [
        ("blocked", "kiosk"),
        ("lapsed", "crm"),
        ("lost", "kiosk"),
        ("recovered", "kiosk"),
        ("recovered", "kiosk"),
        ("revoked", "kiosk"),
    ];
    assert_eq!(names, expected, "{}", daemon.log.join("\n"));
    for run in &runs {
        let json: serde_json::Value = serde_json::from_str(&run.input).unwrap();
        assert_eq!(json["version"], 1);
        assert_eq!(json.as_object().unwrap().len(), 16, "{json}");
        assert_eq!(json["sessions"].as_array().unwrap().len(), 1);
        for (name, value) in json.as_object().unwrap() {
            let as_text = match value.as_str() {
                _ if value.is_null() => String::new(),
                Some(text) => text.to_owned(),
                None => value.to_string(),
            };
            if name != "version" && name != "sessions" {
                assert_eq!(run.variable(&name.to_uppercase()), as_text, "{name}");
            }
        }
        assert_eq!(run.variable("API"), simulation.base());
        assert_eq!(run.variable("HOOK"), "recorder");
    }
    let lost = runs
        .iter()
        .find(|run| run.variable("EVENT") == "lost")
        .unwrap();
    assert_eq!(lost.json("state"), "lost");
    assert_eq!(lost.json("intent"), "keep");
    assert_eq!(lost.json("generation"), 1);
    let fingerprint = session_keepalive::token::Fingerprint::of(b"kiosk").to_string();
    assert_eq!(lost.variable("FINGERPRINT"), fingerprint);
    assert!(
        lost.variable("REASON")
            .starts_with(&format!("kiosk {fingerprint} lost: "))
    );
    assert!(!lost.variable("CORRELATION_ID").is_empty());
    assert!(lost.variable("AT").ends_with('Z') && lost.variable("AT").starts_with("20"));
}

#[test]
fn an_outage_is_told_once_and_so_is_its_end() {
    let mut simulation = Simulation::new(seconds(16));
    let (folder, config) = one_session(&simulation, "kiosk");
    let config = debug(&config) + &recorder(&folder, &["at-risk", "recovered"], "");
    let mut daemon = folder.run(&config);
    daemon.wait_for(&["\"state\":\"alive\""]);
    simulation.down();
    wait_for_hook(&mut daemon, "at-risk");
    daemon.listen_for(seconds(2));
    simulation.up();
    wait_for_hook(&mut daemon, "recovered");
    assert_eq!(daemon.count(&["hook_ran"]), 2, "{}", daemon.log.join("\n"));
}

#[test]
fn an_exclusion_runs_its_hook() {
    let simulation = Simulation::with(seconds(12), |settings| {
        settings.excluded = vec![ApiOperation::HeadMe, ApiOperation::GetMe];
    });
    let (folder, config) = one_session(&simulation, "kiosk");
    let config = debug(&config) + &recorder(&folder, &["excluded"], "");
    let mut daemon = folder.run(&config);
    wait_for_hook(&mut daemon, "excluded");
    assert_eq!(hook_runs(&folder)[0].json("event"), "excluded");
}

#[test]
fn a_hook_sees_no_token_no_variable_of_ours_and_no_open_file() {
    const TOKENS: [&str; 2] = ["Kx7pQ2mZ9rT4vB1nC6wL8sD3", "yH5jG0fE2aU9iO4tR7eW1qA6"];
    let simulation = Simulation::new(seconds(600));
    let folder = Folder::new();
    for token in TOKENS {
        simulation.token(token);
    }
    folder.write("one", TOKENS[0]);
    let config = debug(&head(&simulation))
        + &session("one", "")
        + "[sessions.two]\ntoken = { env = \"HOME\" }\n"
        + &recorder(&folder, &["revoked"], "");
    folder.write("config.toml", &config);
    // One file is already open when the daemon starts, as after a careless parent.
    let mut command = std::process::Command::new("/bin/sh");
    command
        .args([
            "-c",
            "exec 7</dev/null; exec \"$0\" run --config config.toml",
        ])
        .arg(env!("CARGO_BIN_EXE_session-keepalive"))
        .current_dir(folder.path(""))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", TOKENS[1])
        .env("THE_TOKEN", TOKENS[1])
        .env("NOTIFY_SOCKET", "/nowhere")
        .env("SESSION_KEEPALIVE_LOG__FORMAT", "json");
    let mut daemon = Keepalive::start(command);
    daemon.wait_for(&["\"state\":\"alive\"", "\"session\":\"one\""]);
    daemon.wait_for(&["\"state\":\"alive\"", "\"session\":\"two\""]);
    assert_eq!(daemon.stop().0, Some(0), "{}", daemon.log.join("\n"));
    let runs = hook_runs(&folder);
    assert_eq!(runs.len(), 2, "{}", daemon.log.join("\n"));
    for run in runs {
        let foreign = |name: &&String| !name.starts_with("SESSION_KEEPALIVE_");
        let foreign: Vec<_> = run.variables.keys().filter(foreign).collect();
        assert_eq!(foreign, ["PATH"]);
        assert_eq!(run.variables.len(), 15);
        // The shell itself keeps its script open as file 10 or higher.
        let mut files: Vec<u32> = run
            .file("files")
            .lines()
            .map(|line| line.parse().unwrap())
            .collect();
        files.retain(|file| *file < 10);
        assert_eq!(files, [0, 1, 2]);
        assert_eq!(run.file("folder"), "/\n");
        let group = run.file("group");
        let (pid, group) = group.trim().split_once(' ').unwrap();
        assert_eq!(pid, group, "it leads a group of its own");
        for token in TOKENS {
            for piece in (0..=token.len() - 8).map(|at| &token[at..at + 8]) {
                assert!(!run.input.contains(piece));
                assert!(!run.file("environ").contains(piece));
                assert!(!run.file("arguments").contains(piece));
            }
        }
    }
}

#[test]
fn a_reload_changes_hooks_and_disturbs_none_that_runs() {
    let simulation = Simulation::new(seconds(600));
    let (folder, config) = one_session(&simulation, "kiosk");
    simulation.server().revoke("kiosk", clock::now());
    let first = "echo first >>\"$1/log\"; while [ ! -e \"$1/go\" ]; do sleep 0.05; done; echo end >>\"$1/log\"";
    let second = "echo second >>\"$1/log\"";
    let config = debug(&config);
    let mut daemon = folder.run(&(config.clone() + &hook(&folder, "it", &["lost"], first, "")));
    while !folder.path("log").exists() {
        daemon.listen_for(Duration::from_millis(20));
    }
    // The script of the running hook stays unchanged: the shell may still read it.
    let changed = hook(&folder, "it2", &["lost"], second, "").replace("hooks.it2", "hooks.it");
    folder.write("config.toml", &(config.clone() + &changed));
    daemon.signal(Signal::HUP);
    daemon.wait_for(&["reloaded"]);
    folder.write("kiosk", "unknown");
    daemon.wait_for(&["\"event\":\"lost\"", "\"generation\":2"]);
    folder.write("go", "");
    wait_for_hook(&mut daemon, "lost");
    wait_for_hook(&mut daemon, "lost");
    let log = fs::read_to_string(folder.path("log")).unwrap();
    assert_eq!(log, "first\nend\nsecond\n");
    folder.write("config.toml", &config);
    daemon.signal(Signal::HUP);
    daemon.wait_for(&["reloaded"]);
    folder.write("kiosk", "unknown-as-well");
    daemon.wait_for(&["\"event\":\"lost\"", "\"generation\":3"]);
    assert_eq!(daemon.stop().0, Some(0));
    assert_eq!(fs::read_to_string(folder.path("log")).unwrap(), log);
}

#[test]
fn a_hook_that_cannot_be_run_is_told_with_its_path() {
    let simulation = Simulation::new(seconds(600));
    let (folder, config) = one_session(&simulation, "kiosk");
    simulation.server().revoke("kiosk", clock::now());
    let config =
        config + "[hooks.page]\non = [\"lost\"]\ncommand = [\"/no/such/page-me\", \"secret\"]\n";
    let mut daemon = folder.run(&config);
    let line = daemon.wait_for(&[
        "hook_failed",
        "could not run /no/such/page-me: No such file",
    ]);
    assert!(!line.contains("secret"), "{line}");
}
