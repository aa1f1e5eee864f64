//! The tests that run simulated worlds and check the invariants.
//!
//! A failing test prints its seed: `SESSION_KEEPALIVE_SEED=17 cargo test world` runs
//! only that world, in each of the tests.

use std::sync::atomic::{AtomicUsize, Ordering};

use session_keepalive::keeper::TouchPreference;

use super::history::Memory;
use super::minting::{FLEET, MintingWorld, THIRTY_DAYS};
use super::scenario::Scenario;
use super::summary::WorldSummary;
use super::told::CauseGrade;
use super::{Climate, World};

const SEED: &str = "SESSION_KEEPALIVE_SEED";

/// The variable for the number of session-years of `two_hundred_session_years_break_no_invariant`,
/// two hundred by default.
const YEARS: &str = "SESSION_KEEPALIVE_YEARS";

/// The session-years of one world: sixteen sessions hold a living token for most of a year.
const YEARS_PER_WORLD: u32 = 11;

/// The minimum number of kinds of fault that occur in the chaotic worlds.
const FAULT_KINDS_MIN: usize = 24;

/// Returns the seeds of a test, or the only one to replay if the variable is set.
fn seeds(seeds: std::ops::Range<u64>) -> Vec<u64> {
    match std::env::var(SEED) {
        Ok(seed) => vec![seed.parse().expect("a seed is a number")],
        Err(_) => seeds.collect(),
    }
}

/// Returns the worlds of these seeds; the only one of a replay has a whole history.
fn worlds(seeds: Vec<u64>, scenario: fn(u64) -> Scenario) -> Vec<Scenario> {
    let mut worlds: Vec<_> = seeds.into_iter().map(scenario).collect();
    if let [only] = &mut worlds[..] {
        only.memory = Memory::Whole;
    }
    worlds
}

/// Runs worlds, two at a time, and returns their statistics.
fn run_worlds(scenarios: &[Scenario]) -> WorldSummary {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut sum = WorldSummary::default();
        while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
            sum.add(&World::new(*scenario).run().0);
        }
        sum
    };
    let mut sum = WorldSummary::default();
    std::thread::scope(|scope| {
        for worker in [scope.spawn(work), scope.spawn(work)] {
            match worker.join() {
                Ok(summary) => sum.add(&summary),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    let hours = sum.live.as_secs_f64() / 3600.0;
    println!(
        "{:.1} session-years, {:.2} requests a session-hour, {sum:?}",
        sum.years(),
        f64::from(u32::try_from(sum.requests).unwrap_or(u32::MAX)) / hours
    );
    println!(
        "told causes of death: {} true, {} open, 0 false; claimed deadlines were later than the real ones by at most {:?}",
        sum.told.get(&CauseGrade::True).copied().unwrap_or_default(),
        sum.told.get(&CauseGrade::Open).copied().unwrap_or_default(),
        sum.claimed_late
    );
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
            let (summary, history) = World::new(scenario).run();
            (summary, history.lines())
        };
        let (first, second) = (run(), run());
        assert!(first.1.len() > 100);
        assert_eq!(first, second);
    }
}

#[test]
fn in_a_healthy_world_no_token_is_lost() {
    let seeds = seeds(0..200);
    let summary = run_worlds(&worlds(seeds, Scenario::healthy));
    assert!(summary.loss_reasons.is_empty());
}

#[test]
fn in_a_healthy_world_touches_that_prove_themselves_save_requests() {
    let run = |touch| {
        let scenario = |seed| Scenario {
            touch: Some(touch),
            idle_timeouts: &[300, 900],
            ..Scenario::healthy(seed)
        };
        run_worlds(&seeds(0..20).into_iter().map(scenario).collect::<Vec<_>>())
    };
    let (head, auto) = (run(TouchPreference::Head), run(TouchPreference::Auto));
    assert!(auto.requests < head.requests);
    assert!(head.loss_reasons.is_empty() && auto.loss_reasons.is_empty());
}

#[test]
fn no_sequence_of_faults_breaks_an_invariant() {
    let seeds = seeds(0..400);
    let is_replay = seeds.len() == 1;
    let summary = run_worlds(&worlds(seeds, Scenario::chaotic));
    assert!(
        is_replay || summary.faults.len() >= FAULT_KINDS_MIN,
        "{:?}",
        summary.faults
    );
}

/// Returns the number of session-years to simulate.
fn years() -> u32 {
    std::env::var(YEARS).map_or(200, |years| years.parse().expect("years are a number"))
}

#[test]
fn two_hundred_session_years_break_no_invariant() {
    let worlds = u64::from(years().div_ceil(YEARS_PER_WORLD));
    let seeds = seeds(0..worlds);
    let worlds: Vec<_> = seeds
        .iter()
        .map(|seed| Scenario::years(*seed, 1, 16))
        .map(|scenario| match scenario.seed % 4 {
            // Every fourth world is healthy.
            0 => Scenario {
                climate: Climate::Healthy,
                ..scenario
            },
            _ => scenario,
        })
        .collect();
    let is_replay = worlds.len() == 1;
    let summary = run_worlds(&worlds);
    assert!(
        is_replay || summary.years() >= f64::from(years()),
        "{}",
        summary.years()
    );
}

#[test]
fn thirty_days_of_fifty_sessions_that_mint_break_no_invariant() {
    for seed in seeds(0..4) {
        let summary = MintingWorld::new(seed, THIRTY_DAYS).run();
        println!("seed {seed}: {summary}");
    }
}

#[test]
fn a_fleet_that_starts_together_gets_its_tokens_at_the_rate_of_the_login_host() {
    for seed in seeds(0..4) {
        let summary = MintingWorld::new(seed, FLEET).run();
        println!("seed {seed}: {summary}");
    }
}
