//! The rules of the keeper as timelines.

mod asking;
mod ending;
mod knowing;
mod lasting;
mod proving;
mod renewing;
mod touching;
mod waking;
mod wanting;

use std::collections::BTreeSet;

use session_keepalive::keeper::{
    Intent, OnShutdown, Operation, Reset, State, TimeoutSource, Touch, Verdict,
};

/// The source of the tests.
const TESTS: [&str; 10] = [
    include_str!("rules.rs"),
    include_str!("rules/asking.rs"),
    include_str!("rules/ending.rs"),
    include_str!("rules/knowing.rs"),
    include_str!("rules/lasting.rs"),
    include_str!("rules/proving.rs"),
    include_str!("rules/renewing.rs"),
    include_str!("rules/touching.rs"),
    include_str!("rules/waking.rs"),
    include_str!("rules/wanting.rs"),
];

#[test]
fn each_rule_names_tests_that_exist() {
    let doc = include_str!("../../src/keeper.rs")
        .lines()
        .take_while(|line| line.starts_with("//!"));
    let rules: Vec<_> = doc
        .skip_while(|line| !line.contains("# The rules"))
        .collect();
    let rules = rules.join("\n");
    let (rules, _) = rules.split_once("# Invariants").unwrap();
    let numbers = (1..=12)
        .chain([14, 15])
        .filter(|number| rules.contains(&format!("//! {number}. ")))
        .count();
    assert_eq!(numbers, 14);
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
    // The only type of `crate::token` that these files import is the fingerprint, so that no value
    // of theirs can hold a token.
    for file in [
        include_str!("../../src/keeper.rs"),
        include_str!("../../src/keeper/command.rs"),
        include_str!("../../src/keeper/event.rs"),
        include_str!("../../src/keeper/session.rs"),
        include_str!("../../src/keeper/view.rs"),
    ] {
        for line in file.lines().filter(|line| line.contains("crate::token")) {
            assert_eq!(line.trim(), "use crate::token::Fingerprint;");
        }
    }
}

#[test]
fn the_words_of_logs_and_metrics_are_these() {
    assert_eq!(Intent::ALL.map(Intent::as_str), ["keep", "lapse"]);
    let ends = [OnShutdown::Revoke, OnShutdown::Leave];
    assert_eq!(ends.map(OnShutdown::as_str), ["revoke", "leave"]);
    assert_eq!(
        [Touch::Head, Touch::Get].map(Touch::as_str),
        ["head", "get"]
    );
    assert_eq!(
        Operation::ALL.map(Operation::as_str),
        ["peek", "touch_head", "touch_get", "read_timeout", "revoke"]
    );
    assert_eq!(
        Reset::ALL.map(Reset::as_str),
        ["unproven", "proven", "excluded", "unprovable"]
    );
    assert_eq!(
        TimeoutSource::ALL.map(TimeoutSource::as_str),
        ["configured", "proven", "organisation", "assumed"]
    );
    assert_eq!(
        State::ALL.map(State::as_str),
        [
            "absent",
            "unproven",
            "alive",
            "excluded",
            "at risk",
            "blocked",
            "lost",
            "lapsed",
            "revoked",
            "not revoked",
            "left",
        ]
    );
    let throttled = Verdict::Throttled { retry_after: None };
    assert_eq!(throttled.as_str(), Verdict::WORDS[5]);
    assert_eq!(Verdict::Accepted.as_str(), Verdict::WORDS[0]);
}
