//! Who may touch what: the rules of the house that a reader could not check.

use std::fs;
use std::path::{Path, PathBuf};

/// A module, and words that must not stand in its code.
const FORBIDDEN: [(&str, &[&str]); 8] = [
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
        "program.rs",
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
    ("observe", &["reqwest", "std::env", "clock::", ".spawn("]),
];

/// The HTTP face of the simulator is the one part of `sim` that may wait.
const FACE: &str = "sim/http";

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
    let face = source.join(format!("{module}.rs"));
    if face.is_file() {
        found.push(face);
    }
    found
}

/// The code without comments and without what is only compiled for tests.
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
    [
        "tests.rs",
        "/tests/",
        "fixture.rs",
        "/rules",
        "timeline.rs",
        "/world",
    ]
    .iter()
    .any(|part| name.contains(part))
}

#[test]
fn each_module_keeps_to_what_it_may_touch() {
    for (module, words) in FORBIDDEN {
        let files = files(module);
        assert!(!files.is_empty(), "{module}");
        for file in files.iter().filter(|file| !is_test(file)) {
            if module == "sim" && file.to_string_lossy().contains(FACE) {
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
fn no_file_holds_two_ideas() {
    for file in files("").iter().chain(&files("../tests")) {
        let lines = fs::read_to_string(file).unwrap().lines().count();
        assert!(lines <= 400, "{} has {lines} lines", file.display());
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
                file.ends_with("daemon/clock.rs"),
                "{} reads the time",
                file.display()
            );
        }
    }
}
