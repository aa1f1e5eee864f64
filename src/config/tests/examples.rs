//! Tests of the files in `config/`: they are valid, and their comments name all keys and defaults.

use std::fs;

use super::*;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config"))
}

/// Returns the settings of the commented file that `is_included` selects, uncommented.
fn uncommented(is_included: impl Fn(&str) -> bool) -> String {
    let text = fs::read_to_string(folder().join("session-keepalive.toml")).unwrap();
    let is_setting = |line: &str| {
        line.starts_with('[')
            || line.split_once(" = ").is_some_and(|(key, _)| {
                key.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            })
    };
    text.lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| is_setting(line) && is_included(line))
        .fold(String::new(), |text, line| text + line + "\n")
}

fn is_example(line: &str) -> bool {
    [
        "idle_timeout",
        "lifetime",
        "renew_every",
        "on_shutdown",
        "sink = ",
        "signal = {",
        "ca_file",
        "token_dir",
        "[hooks.page]",
        "on = ",
        "command = ",
        "batch = ",
        "timeout = ",
        "sessions = ",
        "frame_ancestors",
    ]
    .iter()
    .any(|key| line.starts_with(key))
}

#[test]
fn each_example_is_valid() {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name != "session-keepalive.toml" {
            load(&text, &[]).unwrap();
        }
        names.push(name);
    }
    names.sort();
    assert_eq!(
        names,
        [
            "kiosk.toml",
            "lapse.toml",
            "pool.toml",
            "session-keepalive.toml",
            "sidecar.toml"
        ]
    );
}

#[test]
fn the_commented_file_sets_nothing() {
    let path = folder().join("session-keepalive.toml");
    let layers = Layers {
        file: Some(&path),
        environment: variables(&[("SESSION_KEEPALIVE_TOKEN_FILE", "/run/token")]),
        flags: Flags {
            region: Some("eu-central-1".into()),
            ..Flags::default()
        },
    };
    let loaded = crate::config::load(layers).unwrap();
    assert_eq!(loaded.config.sessions.len(), 1);
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    let directory = "token_dir = \"/run/tokens\"\n";
    let least = "region = \"eu-central-1\"\n\
        [sessions.wallboard]\ntoken = { credential = \"wallboard\" }\n\
        [pools.agents]\n"
        .to_owned()
        + directory;
    let least = load(&least, &[]).unwrap().config;
    // A pool requires a directory.
    let pool = "[pools.agents]\n";
    let documented = uncommented(|line| !is_example(line));
    let documented = documented.replace(pool, &format!("{pool}{directory}"));
    // These tables require a key without a default, and without it there are none.
    let without = |text: String, table: &str| {
        let (before, rest) = text.split_once(table).unwrap();
        let (_, after) = rest.split_once('[').unwrap();
        format!("{before}[{after}")
    };
    let documented = without(documented, "[shard]\n");
    let documented = without(documented, "[sessions.wallboard.sink]\n");
    let documented = without(documented, "[sessions.wallboard.signal]\n");
    // The source of the example is not one from which the daemon itself obtains tokens.
    let documented = documented.replace("overlap = \"30m\"\n", "");
    let documented = load(&documented, &[]).unwrap().config;
    assert_eq!(documented, least);
}

#[test]
fn every_key_is_documented() {
    let whole = uncommented(|_| true);
    // The keys about renewals are refused for other sources.
    let credential = "token = { credential = \"wallboard\" }";
    let command = "token = { command = [\"/usr/bin/program\"] }";
    assert!(whole.contains(credential));
    load(&whole.replace(credential, command), &[]).unwrap();
    let written = |name: &str| {
        whole
            .lines()
            .any(|line| line.starts_with(&format!("{name} = ")))
    };
    for name in crate::config::schema::variables("wallboard") {
        let rest = name.strip_prefix(crate::config::PREFIX).unwrap();
        let path = crate::config::key::KeyPath::of_variable(rest);
        let elsewhere = [
            "api",
            "config",
            "token_file",
            "file",
            "env",
            "command",
            "credential",
            "client_id",
            "login",
            "pid_file",
            "profile",
        ];
        assert!(
            written(path.last()) || elsewhere.contains(&path.last()),
            "{path}"
        );
    }
}
