//! Tests of the architecture: the modules use only the resources that they are allowed to use.

use std::fs;
use std::path::{Path, PathBuf};

/// A module, and the words that its code must not contain.
const FORBIDDEN: [(&str, &[&str]); 13] = [
    (
        "keeper",
        &[
            "tokio", "reqwest", "hyper", "std::fs", "std::net", "std::env", "tracing", "async ",
            "clock::", "rng()",
        ],
    ),
    (
        "sim",
        &["reqwest", "std::fs", "std::env", "tracing", "clock::"],
    ),
    (
        "config/difference.rs",
        &["tokio", "std::fs", "std::env", "tracing"],
    ),
    (
        "api",
        &["std::fs::write", "std::env::var", "clock::", ".spawn("],
    ),
    (
        "token",
        &["reqwest", "hyper", "std::net", "tracing", "clock::"],
    ),
    (
        "sys/program.rs",
        &[
            "reqwest", "hyper", "std::net", "std::fs", "std::env", "tracing", "clock::",
        ],
    ),
    (
        "daemon/hooks/episodes.rs",
        &[
            "tokio", "std::fs", "std::env", "tracing", "clock::", "async ",
        ],
    ),
    (
        "daemon/ownership",
        &[
            "tokio", "std::fs", "std::env", "tracing", "clock::", "async ",
        ],
    ),
    (
        "daemon/pools/pool.rs",
        &[
            "tokio",
            "std::fs",
            "std::env",
            "tracing",
            "clock::",
            "async ",
            "canonicalize",
        ],
    ),
    ("status", OF_OBSERVERS),
    ("log", OF_OBSERVERS),
    ("metrics", OF_OBSERVERS),
    ("http", OF_OBSERVERS),
];

/// The words that no module for observers may use.
const OF_OBSERVERS: &[&str] = &["reqwest", "std::env", "clock::", ".spawn("];

/// The HTTP server of the simulator, the one part of `sim` that may wait.
const SIM_HTTP: &str = "sim/http";

fn sources(below: &Path, found: &mut Vec<PathBuf>) {
    if below.is_file() {
        found.push(below.to_owned());
        return;
    }
    for entry in fs::read_dir(below).unwrap() {
        sources(&entry.unwrap().path(), found);
    }
}

fn files(module: &str) -> Vec<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&source.join(module), &mut found);
    let root = source.join(format!("{module}.rs"));
    if root.is_file() {
        found.push(root);
    }
    found
}

/// Returns the code without comments and without its tests.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let (code, _tests) = text
        .split_once("#[cfg(test)]\nmod tests {")
        .unwrap_or((&text, ""));
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn is_test(file: &Path) -> bool {
    let name = file.to_string_lossy();
    ["tests.rs", "/tests/", "fixture.rs"]
        .iter()
        .any(|part| name.contains(part))
}

#[test]
fn each_module_keeps_to_what_it_may_touch() {
    for (module, words) in FORBIDDEN {
        let files = files(module);
        assert!(!files.is_empty(), "{module}");
        for file in files.iter().filter(|file| !is_test(file)) {
            if module == "sim" && file.to_string_lossy().contains(SIM_HTTP) {
                continue;
            }
            let code = code(file);
            for word in words {
                assert!(!code.contains(word), "{} mentions {word}", file.display());
            }
        }
    }
}

#[test]
fn time_enters_through_one_file() {
    for file in files("") {
        let code = code(&file);
        let reads_time = [
            "clock_gettime",
            "Instant::now",
            "SystemTime",
            "Timestamp::now",
        ];
        if reads_time.iter().any(|word| code.contains(word)) {
            assert!(
                file.ends_with("sys/clock.rs"),
                "{} reads the time",
                file.display()
            );
        }
    }
}
