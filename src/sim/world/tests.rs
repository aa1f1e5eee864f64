//! The worlds that are lived through.
//!
//! A failing test names its seed: `SESSION_KEEPALIVE_SEED=17 cargo test world` lives
//! through that world alone, in each of the tests.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::history::Memory;
use super::scenario::Scenario;
use super::tally::Tally;
use super::{Climate, World};

const SEED: &str = "SESSION_KEEPALIVE_SEED";

/// The seeds of a test, or the one that is to be replayed.
fn seeds(seeds: std::ops::Range<u64>) -> Vec<u64> {
    match std::env::var(SEED) {
        Ok(seed) => vec![seed.parse().expect("a seed is a number")],
        Err(_) => seeds.collect(),
    }
}

fn worlds(seeds: Vec<u64>, scenario: fn(u64) -> Scenario) -> Vec<Scenario> {
    seeds.into_iter().map(scenario).collect()
}

/// Lives through worlds, two at a time.
fn live(scenarios: &[Scenario]) -> Tally {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut sum = Tally::default();
        while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
            sum.add(&World::new(*scenario).run().0);
        }
        sum
    };
    let mut sum = Tally::default();
    std::thread::scope(|scope| {
        for worker in [scope.spawn(work), scope.spawn(work)] {
            match worker.join() {
                Ok(tally) => sum.add(&tally),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    println!("{:.1} session-years, {sum:?}", sum.years());
    sum
}

#[test]
fn the_same_seed_gives_the_same_events() {
    for seed in seeds(1..4) {
        let run = || {
            let scenario = Scenario {
                memory: Memory::Whole,
                ..Scenario::chaotic(seed)
            };
            let (tally, history) = World::new(scenario).run();
            (tally, history.lines())
        };
        let (first, second) = (run(), run());
        assert!(first.1.len() > 100);
        assert_eq!(first, second);
    }
}

#[test]
fn in_a_healthy_world_no_token_is_lost() {
    let seeds = seeds(0..200);
    let tally = live(&worlds(seeds, Scenario::healthy));
    assert!(tally.excused.is_empty());
}

#[test]
fn no_sequence_of_faults_breaks_an_invariant() {
    let seeds = seeds(0..400);
    live(&worlds(seeds, Scenario::chaotic));
}

#[test]
fn two_hundred_session_years_break_no_invariant() {
    let seeds = seeds(0..16);
    let worlds: Vec<_> = seeds
        .iter()
        .map(|seed| Scenario::years(*seed, 1, 16))
        .map(|scenario| match scenario.seed % 4 {
            0 => Scenario {
                climate: Climate::Healthy,
                ..scenario
            },
            _ => scenario,
        })
        .collect();
    let is_replay = worlds.len() == 1;
    let tally = live(&worlds);
    assert!(is_replay || tally.years() >= 200.0, "{}", tally.years());
}
