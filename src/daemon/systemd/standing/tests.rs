//! Tests the lines that an operator sees.

use std::time::Duration;

use super::*;
use crate::keeper::{HostId, IdleTimeout, LiveTokenView, Policy, Reset, TimeoutSource, Touch};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Returns a reading at noon, an hour after boot.
fn reading() -> ClockReading {
    ClockReading {
        boot: Instant::BOOT + seconds(3600),
        monotonic: seconds(3600),
        wall: seconds(1_795_521_600),
    }
}

fn live_token_view() -> LiveTokenView {
    LiveTokenView {
        expiry: None,
        client_end: None,
        proven_at: reading().boot,
        deadline: Some(reading().boot + seconds(900)),
        touch_at: Some(reading().boot + seconds(272)),
        margin_at: None,
        touched_at: None,
        idle_timeout: IdleTimeout {
            duration: seconds(900),
            source: TimeoutSource::Proven,
        },
        outage_budget: None,
        reset: Reset::Unproven,
        touch: Touch::Head,
        organisation: None,
    }
}

fn set(counts: &mut SessionCounts, id: u32, name: &str, intent: Intent, state: State) {
    let is_living = matches!(state, State::Alive | State::AtRisk);
    let view = SessionView {
        earlier: None,
        renew_at: None,
        mint_failures: 0,
        failure: None,
        id: SessionId(id),
        host: HostId(0),
        policy: Policy {
            intent,
            ..Policy::default()
        },
        state,
        token: None,
        is_newer_waiting: false,
        blocked: None,
        failures: 0,
        next: None,
        last_answer: None,
        live: is_living.then(live_token_view),
        death: None,
    };
    counts.set(&SessionName::new(name).unwrap(), &view);
}

fn keep(counts: &mut SessionCounts, id: u32, name: &str, state: State) {
    set(counts, id, name, Intent::Keep, state);
}

#[test]
fn all_is_well() {
    let mut counts = SessionCounts::default();
    keep(&mut counts, 0, "lobby", State::Alive);
    keep(&mut counts, 1, "wallboard", State::Alive);
    set(&mut counts, 2, "crm", Intent::Lapse, State::Alive);
    assert!(counts.is_complete());
    let line = "2 kept, 1 lapsing, 0 lost; next touch at 12:04 UTC";
    assert_eq!(counts.line(&reading(), true), line);
}

#[test]
fn what_is_not_well_is_counted_by_itself() {
    let mut counts = SessionCounts::default();
    keep(&mut counts, 0, "lobby", State::Alive);
    keep(&mut counts, 1, "wallboard", State::Alive);
    keep(&mut counts, 1, "wallboard", State::AtRisk);
    set(&mut counts, 2, "crm", Intent::Lapse, State::Alive);
    set(&mut counts, 2, "crm", Intent::Lapse, State::Lapsed);
    let line = "1 kept, 1 at risk, 0 lapsing, 1 lapsed, 0 lost; next touch at 12:04 UTC";
    assert_eq!(counts.line(&reading(), true), line);
    keep(&mut counts, 0, "lobby", State::Lost);
    keep(&mut counts, 1, "wallboard", State::Blocked);
    let line = "0 kept, 1 blocked, 0 lapsing, 1 lapsed, 1 lost";
    assert_eq!(counts.line(&reading(), true), line);
}

#[test]
fn what_is_waited_for_is_named_with_its_reason() {
    let mut counts = SessionCounts::default();
    keep(&mut counts, 0, "lobby", State::Alive);
    keep(&mut counts, 1, "wallboard", State::Unproven);
    set(&mut counts, 2, "crm", Intent::Lapse, State::Unproven);
    assert!(!counts.is_complete());
    let line = "waiting for 1 of 2 tokens: wallboard has no answer from the API";
    assert_eq!(counts.line(&reading(), false), line);
    assert_eq!(counts.line(&reading(), true), line);
    for (id, state) in [(3, State::Absent), (4, State::Blocked), (5, State::Lost)] {
        keep(&mut counts, id, &format!("desk{id}"), state);
    }
    let line = "waiting for 4 of 5 tokens: desk3 has no token yet, desk4 is blocked, desk5 was refused and 1 more";
    assert_eq!(counts.line(&reading(), false), line);
}

#[test]
fn a_lost_token_is_waited_for_until_the_start_is_over_and_counted_then() {
    let mut counts = SessionCounts::default();
    keep(&mut counts, 0, "lobby", State::Lost);
    let line = "waiting for 1 of 1 token: lobby was refused";
    assert_eq!(counts.line(&reading(), false), line);
    assert_eq!(counts.line(&reading(), true), "0 kept, 0 lapsing, 1 lost");
}

#[test]
fn without_sessions_to_keep_nothing_is_waited_for() {
    let mut counts = SessionCounts::default();
    assert!(counts.is_complete());
    set(&mut counts, 2, "crm", Intent::Lapse, State::Absent);
    assert!(counts.is_complete());
    assert_eq!(counts.line(&reading(), false), "0 kept, 1 lapsing, 0 lost");
}
