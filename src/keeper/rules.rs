//! The twelve rules as timelines.

mod asking;
mod ending;
mod knowing;
mod proving;
mod touching;
mod waking;
mod wanting;

use std::collections::BTreeSet;

/// The tests, as they are written.
const TESTS: [&str; 8] = [
    include_str!("rules.rs"),
    include_str!("rules/asking.rs"),
    include_str!("rules/ending.rs"),
    include_str!("rules/knowing.rs"),
    include_str!("rules/proving.rs"),
    include_str!("rules/touching.rs"),
    include_str!("rules/waking.rs"),
    include_str!("rules/wanting.rs"),
];

#[test]
fn each_rule_names_tests_that_exist() {
    let doc = include_str!("../keeper.rs")
        .lines()
        .take_while(|line| line.starts_with("//!"));
    let rules: Vec<_> = doc
        .skip_while(|line| !line.contains("# The rules"))
        .collect();
    let rules = rules.join("\n");
    let (rules, _) = rules.split_once("# Invariants").unwrap();
    let numbers = (1..=12)
        .filter(|number| rules.contains(&format!("//! {number}. ")))
        .count();
    assert_eq!(numbers, 12);
    let named: BTreeSet<_> = rules
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| name.matches('_').count() > 3)
        .collect();
    assert!(named.len() >= 24);
    for name in named {
        let test = format!("#[test]\nfn {name}() {{");
        assert!(
            TESTS.iter().any(|file| file.contains(&test)),
            "no test is called {name}"
        );
    }
}

#[test]
fn nothing_the_keeper_tells_could_hold_a_token() {
    // The whole module mentions no type that can hold one.
    for file in [
        include_str!("../keeper.rs"),
        include_str!("command.rs"),
        include_str!("event.rs"),
        include_str!("session.rs"),
        include_str!("view.rs"),
    ] {
        for line in file.lines().filter(|line| line.contains("crate::token")) {
            assert_eq!(line.trim(), "use crate::token::Fingerprint;");
        }
    }
}
