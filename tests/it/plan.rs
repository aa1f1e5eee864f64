//! Tests of `plan` as an operator runs it: the binary, a configuration, its exit statuses.

use std::process::Output;

use super::support::keepalive::Folder;

const WALLBOARD: &str =
    "region = \"eu-central-1\"\n[sessions.wallboard]\ntoken = { file = \"wallboard\" }\n";

/// Runs `plan` with this configuration, whose token file does not exist.
fn plan(config: &str, columns: Option<&str>, arguments: &[&str]) -> Output {
    run("plan", config, columns, arguments)
}

fn run(command: &str, config: &str, columns: Option<&str>, arguments: &[&str]) -> Output {
    let folder = Folder::new();
    folder.write("config.toml", config);
    let mut command = folder.command(&[command, "--config", "config.toml"]);
    if let Some(columns) = columns {
        command.env("COLUMNS", columns);
    }
    command.args(arguments).output().unwrap()
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_plan_needs_no_network_and_no_token() {
    let output = plan(WALLBOARD, None, &[]);
    assert_eq!(output.status.code(), Some(0));
    let text = printed(&output);
    assert!(text.starts_with("session wallboard: kept with HEAD or GET, margin 50%\n"));
    assert!(text.ends_with("\nIt works.\n"));
    assert!(!text.contains('\x1b'), "plain where it is no terminal");
    assert!(output.stderr.is_empty());
}

#[test]
fn a_setting_that_cannot_work_is_a_failure_where_that_is_certain() {
    let config = format!("{WALLBOARD}margin = \"10m\"\n");
    for (arguments, status) in [
        (&["--idle-timeout", "9m"][..], 1),
        (&["--idle-timeout", "9m", "--json"], 1),
        (&["--idle-timeout", "30m"], 0),
        (&[], 0),
    ] {
        let output = plan(&config, None, arguments);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
    }
}

#[test]
fn wrong_usage_and_a_wrong_configuration_have_statuses_of_their_own() {
    let output = plan(WALLBOARD, None, &["--idle-timeout", "9h"]);
    assert_eq!(output.status.code(), Some(64));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("an idle timeout is 1s to 8h long"),
        "{stderr}"
    );
    let output = plan(&format!("{WALLBOARD}margin = 10\n"), None, &[]);
    assert_eq!(output.status.code(), Some(78));
    assert!(output.stdout.is_empty());
}

#[test]
fn the_width_is_what_columns_says() {
    for (columns, widest) in [("70", 70), ("80", 80), ("120", 120), ("nonsense", 80)] {
        let text = printed(&plan(WALLBOARD, Some(columns), &[]));
        let width = text.lines().map(|line| line.chars().count()).max();
        assert!(width <= Some(widest), "{columns}\n{text}");
        assert_eq!(text.contains("EXCLUSION"), widest == 120);
    }
}

#[test]
fn the_object_for_machines_says_the_same() {
    let config =
        format!("{WALLBOARD}[sessions.crm]\ntoken = {{ file = \"crm\" }}\nintent = \"lapse\"\n");
    let output = plan(&config, None, &["--json", "--idle-timeout", "15m"]);
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["version"], 1);
    assert_eq!(object["verdict"], "works");
    let [crm, wallboard] = object["groups"].as_array().unwrap().as_slice() else {
        panic!("two groups: {object}");
    };
    assert_eq!(crm["intent"], "lapse");
    assert_eq!(crm["plans"][0]["peek_after_most"], 900.0);
    assert_eq!(wallboard["names"][0], "wallboard");
    assert_eq!(wallboard["plans"][0]["outage_budget"], 450.0);
    assert_eq!(wallboard["plans"][0]["touch_after"]["most"], 441.0);
    assert_eq!(object["totals"][0]["start_burst"], 2);
}

#[test]
fn the_tokens_of_a_day_are_counted_and_the_sinks_are_named() {
    let config = "region = \"eu-central-1\"\n[sessions.kiosk]\n\
         token = { mint = { client_id = \"kiosk\", client_secret = { env = \"SECRET\" } } }\n\
         sink = [{ file = \"/run/kiosk/token\" }, { file = \"/run/kiosk/env\", format = \"env\" }]\n\
         [sessions.printed]\ntoken = { command = [\"/bin/true\"] }\n\
         [sessions.wallboard]\ntoken = { file = \"wallboard\" }\n";
    let output = plan(config, None, &["--idle-timeout", "1h"]);
    let text = printed(&output);
    for line in [
        "  Tokens: 1.11 to 1.18 a day are obtained if they live for 24h.\n",
        "  Tokens: another one before each expiry that the program reports.\n",
        "  Sinks: /run/kiosk/token (bare), /run/kiosk/env (env).\n",
        "  Tokens: 1.11 to 1.18 a day; a login host is asked for 5 at once and then for\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    let output = plan(config, None, &["--idle-timeout", "1h", "--json"]);
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let [kiosk, printed, wallboard] = object["groups"].as_array().unwrap().as_slice() else {
        panic!("three groups: {object}");
    };
    let a_day = &kiosk["plans"][0]["tokens_a_day"];
    assert!(
        (a_day["least"].as_f64().unwrap() - 1.0 / 0.9).abs() < 1e-9,
        "{a_day}"
    );
    assert_eq!(kiosk["plans"][0]["token_lifetime"], 86_400.0);
    assert_eq!(kiosk["sinks"][1]["file"], "/run/kiosk/env");
    assert_eq!(kiosk["sinks"][1]["session"], "kiosk");
    assert!(printed["plans"][0]["tokens_a_day"].is_null());
    assert_eq!(wallboard["sinks"].as_array().map(Vec::len), Some(0));
    assert_eq!(object["totals"][0]["tokens_a_day"], *a_day);
}

#[test]
fn check_ends_with_the_flaws_and_succeeds() {
    let output = run("check", WALLBOARD, None, &[]);
    assert!(!printed(&output).contains("weak") && !printed(&output).contains("cannot"));
    let config = format!("{WALLBOARD}margin = \"10m\"\n");
    let output = run("check", &config, None, &[]);
    assert_eq!(output.status.code(), Some(0));
    let text = printed(&output);
    let (_, warning) = text.split_once("\n\ncannot work if tokens idle").unwrap();
    assert!(warning.starts_with(" out after 5m: session wallboard: the margin of 10m"));
    let (warning, verdict) = warning.rsplit_once("\n\n").unwrap();
    assert!(warning.ends_with("change sessions.wallboard.margin to \"4m 30s\" or less"));
    assert!(
        verdict.starts_with("right: 1 session in ") && verdict.ends_with("; 1 warning above\n")
    );
}
