//! Comparisons of the plan with the keeper itself, over hours of virtual time with the simulated
//! server.

mod life;

use std::time::Duration;

use life::{Life, hours, seconds};

use crate::keeper::timeline::head;

use session_keepalive::keeper::{Flaw, Hourly, Load, Plan, PlannedRequests, Share, TouchSchedule};
use session_keepalive::keeper::{
    Intent, Limits, Margin, Operation, Policy, State, Touch, TouchPreference,
};

/// The tested idle timeouts in seconds, from the shortest to the longest documented one.
const IDLE_TIMEOUTS: [u64; 4] = [300, 900, 3600, 28_800];

fn plan(policy: Policy, idle_timeout: Duration) -> Plan {
    Plan::new(policy, &Limits::default(), idle_timeout)
}

fn kept(plan: &Plan) -> TouchSchedule {
    match plan.course {
        PlannedRequests::Kept(touches) => touches,
        PlannedRequests::Lapsing(_) => panic!("kept"),
    }
}

/// Calls `check` for many policies of kept sessions, each with an idle timeout, the time to observe
/// and a seed.
fn each_kept(mut check: impl FnMut(Policy, Duration, Duration, u64)) {
    let mut seed = 0;
    for idle_timeout in IDLE_TIMEOUTS.map(seconds) {
        for touch in [TouchPreference::Head, TouchPreference::Get] {
            for verify_every in [1, 5] {
                for margin in [
                    Margin::Percent(50),
                    Margin::Percent(90),
                    Margin::Time(seconds(45)),
                ] {
                    let policy = Policy {
                        margin,
                        touch,
                        verify_every,
                        ..head()
                    };
                    seed += 1;
                    check(policy, idle_timeout, hours(1).max(idle_timeout * 6), seed);
                }
            }
        }
    }
}

#[test]
fn a_kept_session_is_touched_proven_and_read_for_as_planned() {
    each_kept(|policy, idle_timeout, span, seed| {
        let plan = plan(policy, idle_timeout);
        let planned = kept(&plan);
        let mut life = Life::new(policy, 1, idle_timeout, seed);
        let begin = life.now;
        life.pass(span);
        let context = format!("{policy:?} {idle_timeout:?} {planned:?}");
        assert_eq!(life.state(), State::Alive, "{context}");

        let touches = life.touches(policy.touch.first());
        let within = planned.interval.least..=planned.interval.most;
        let first = touches[0].since(begin);
        assert!(within.contains(&first), "first {first:?} {context}");
        for pair in touches.windows(2) {
            let interval = pair[1].since(pair[0]);
            assert!(within.contains(&interval), "{interval:?} {context}");
        }
        let count = u128::try_from(touches.len()).unwrap();
        let fewest = span.as_nanos() / planned.interval.most.as_nanos();
        let most = span.as_nanos() / planned.interval.least.as_nanos();
        assert!((fewest..=most).contains(&count), "{count} {context}");

        // Proofs follow the first touch and then every `verify_every` touches. The answer to GET is
        // a proof, which every tenth time is confirmed.
        let every = match policy.touch.first() {
            Touch::Head => policy.verify_every as usize,
            Touch::Get => 10,
        };
        let proofs = 1 + (touches.len() - 1) / every;
        let is_last_proof_pending = touches.last().unwrap().until(life.now) == Duration::ZERO
            && *touches.last().unwrap() + planned.proof_after > life.now
            && (touches.len() - 1).is_multiple_of(every);
        let peeks = life.times(|operation| operation == Operation::Peek);
        assert_eq!(
            peeks.len() + usize::from(is_last_proof_pending),
            1 + proofs,
            "{context}"
        );
        for peek in &peeks[1..] {
            let touch = touches.iter().rev().find(|touch| *touch < peek).unwrap();
            assert_eq!(peek.since(*touch), planned.proof_after, "{context}");
        }
        let reads = life
            .times(|operation| operation == Operation::ReadTimeout)
            .len();
        let refreshes = span.saturating_sub(seconds(1)).as_secs() / 3600;
        assert_eq!(reads as u64, 1 + refreshes, "{context}");
        assert_eq!(
            touches.len() + peeks.len() + reads,
            life.sent.len(),
            "{context}"
        );
    });
}

#[test]
fn requests_an_hour_are_as_planned_on_average() {
    for idle_timeout in IDLE_TIMEOUTS.map(seconds) {
        for verify_every in [1, 5] {
            let policy = Policy {
                verify_every,
                ..head()
            };
            let plan = plan(policy, idle_timeout);
            let sessions = 5;
            let mut life = Life::new(policy, sessions, idle_timeout, 5);
            life.pass(hours(1).max(idle_timeout * 3));
            // The sessions start together, and the jitter spreads them. The mean is only correct
            // afterwards.
            let span = idle_timeout * 60;
            life.sent.clear();
            life.pass(span);
            let shares = [Share { plan, sessions }];
            let load = Load::new(&shares, 1, &Limits::default());
            let hours = span.as_secs_f64() / 3600.0;
            let assert_close = |planned: f64, counted: usize, name: &str| {
                let counted = f64::from(u32::try_from(counted).unwrap()) / hours;
                let error = (counted - planned).abs() / planned;
                assert!(error < 0.03, "{name}: {counted} not {planned}, {plan:?}");
            };
            assert_close(
                load.hourly.touches,
                life.touches(Touch::Head).len(),
                "touches",
            );
            let peeks = life.times(|operation| operation == Operation::Peek).len();
            assert_close(load.hourly.peeks, peeks, "peeks");
            assert_close(load.hourly.sum(), life.sent.len(), "all");
        }
    }
}

#[test]
fn many_that_began_together_ask_no_more_a_second_than_planned() {
    for (idle_timeout, sessions) in [(300, 400), (900, 400)] {
        let plan = plan(head(), seconds(idle_timeout));
        let load = Load::new(&[Share { plan, sessions }], 1, &Limits::default());
        let mut life = Life::new(head(), sessions, seconds(idle_timeout), 3);
        let began_at = life.now;
        life.pass(seconds(idle_timeout * 3));
        let mut by_second = std::collections::BTreeMap::<u64, u64>::new();
        for sent in &life.sent {
            *by_second
                .entry(sent.at.since(began_at).as_secs())
                .or_default() += 1;
        }
        assert_eq!(by_second[&0], load.start_burst);
        let busiest = by_second
            .iter()
            .filter(|(second, _)| **second > 1)
            .max_by_key(|(_, requests)| **requests);
        let (_, &busiest) = busiest.unwrap();
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let busiest = busiest as f64;
        let planned = load.in_step_a_second;
        let chance = 3.5 * planned.sqrt();
        assert!(busiest <= planned + chance, "{busiest} not {planned}");
        assert!(busiest >= planned - chance, "{busiest} not {planned}");
    }
}

#[test]
fn one_refused_connection_is_made_good_as_planned() {
    each_kept(|policy, idle_timeout, _, seed| {
        let planned = kept(&plan(policy, idle_timeout));
        let mut life = Life::new(policy, 1, idle_timeout, seed);
        life.pass(planned.interval.most * 2);
        life.pass_until_a_touch_is_near();
        life.outage(seconds(4)).pass(seconds(3));
        let touches = life.touches(policy.touch.first());
        let retry_after = touches[1].since(touches[0]);
        let within = planned.retry_after.least..=planned.retry_after.most;
        assert!(within.contains(&retry_after), "{retry_after:?} {planned:?}");
        life.pass(seconds(10));
        assert_eq!(life.state(), State::Alive);
    });
}

#[test]
fn an_outage_leaves_as_many_tries_before_the_deadline_as_planned() {
    each_kept(|policy, idle_timeout, _, seed| {
        let planned = kept(&plan(policy, idle_timeout));
        let mut life = Life::new(policy, 1, idle_timeout, seed);
        life.pass(planned.interval.most * 2);
        life.pass_until_a_touch_is_near();
        let deadline = life.alive().deadline.unwrap();
        let left = deadline.until(life.now);
        life.outage(idle_timeout).pass(left);
        let tries = life.touches(policy.touch.first());
        let tries = tries
            .iter()
            .filter(|tried_at| **tried_at < deadline)
            .count();
        let tries = u32::try_from(tries).unwrap();
        let within = planned.refused_tries.least..=planned.refused_tries.most;
        assert!(
            within.contains(&tries),
            "{tries} {planned:?} {policy:?} {idle_timeout:?}"
        );
    });
}

#[test]
fn an_outage_as_long_as_the_budget_loses_nothing_whenever_it_begins() {
    for (idle_timeout, step) in [(20, 1), (300, 7), (900, 19), (3600, 97), (28_800, 911)] {
        let planned = kept(&plan(head(), seconds(idle_timeout)));
        for begins in (0..idle_timeout).step_by(step) {
            let mut life = Life::new(head(), 1, seconds(idle_timeout), begins + 1);
            life.pass(seconds(idle_timeout * 2 + begins));
            life.outage(planned.outage_budget)
                .pass(seconds(idle_timeout * 2));
            assert_eq!(
                life.state(),
                State::Alive,
                "{idle_timeout} {begins} {planned:?}"
            );
        }
    }
}

#[test]
fn a_lapsing_session_is_only_looked_at_and_as_often_as_planned() {
    let policy = Policy {
        intent: Intent::Lapse,
        ..head()
    };
    let each = IDLE_TIMEOUTS.map(seconds).into_iter();
    for (idle_timeout, is_configured) in
        each.flat_map(|timeout| [(timeout, false), (timeout, true)])
    {
        let policy = Policy {
            idle_timeout: is_configured.then_some(idle_timeout),
            ..policy
        };
        let plan = plan(policy, idle_timeout);
        let PlannedRequests::Lapsing(planned) = plan.course else {
            panic!("lapsing");
        };
        for active_every in [7, 60, 211, 290] {
            let mut life = Life::new(policy, 1, idle_timeout, active_every);
            let span = hours(2).max(idle_timeout * 3);
            for _ in 0..span.as_secs() / active_every {
                life.pass(seconds(active_every)).application();
            }
            assert_eq!(life.state(), State::Alive);
            let peeks = life.times(|operation| operation == Operation::Peek);
            assert_eq!(peeks.len(), life.sent.len());
            for pair in peeks.windows(2) {
                assert!(pair[1].since(pair[0]) <= planned.every, "{planned:?}");
            }
            let an_hour =
                f64::from(u32::try_from(peeks.len()).unwrap()) * 3600.0 / span.as_secs_f64();
            assert!(
                an_hour <= planned.an_hour.most + 1.0,
                "{an_hour} {planned:?}"
            );
            assert!(
                an_hour >= planned.an_hour.least - 1.0,
                "{an_hour} {planned:?}"
            );
            assert!((Hourly::of(&plan).sum() - planned.an_hour.most).abs() < 1e-9);

            // The application stops using the token.
            life.sent.clear();
            let active_at = life.now;
            life.pass(idle_timeout + seconds(30));
            assert_eq!(life.state(), State::Lapsed);
            let peeks = life.times(|_| true);
            let [.., first, _, confirmed] = peeks.as_slice() else {
                panic!("three peeks");
            };
            let seen_after = first.since(active_at + idle_timeout);
            assert!(seen_after <= planned.lapse_seen_after, "{seen_after:?}");
            assert_eq!(confirmed.since(*first), planned.confirmed_after);
        }
    }
}

#[test]
fn where_a_second_is_an_age_the_plan_says_what_the_keeper_cannot_do() {
    for (idle_timeout, is_kept, is_proven) in
        [(1, false, false), (2, false, false), (4, true, true)]
    {
        let idle_timeout = seconds(idle_timeout);
        let plan = plan(head(), idle_timeout);
        let flaws = Flaw::of_session(&plan, &Limits::default(), idle_timeout);
        let has_flaw = |is_kind: fn(&Flaw) -> bool| flaws.iter().any(is_kind);
        let never_kept = has_flaw(|flaw| matches!(flaw, Flaw::FloorTooSlow { .. }));
        let never_proven = has_flaw(|flaw| matches!(flaw, Flaw::NeverProven { .. }));
        let mut life = Life::new(head(), 1, idle_timeout, 1);
        life.latency = Duration::from_millis(200);
        life.pass(seconds(600));
        assert_eq!(
            (life.state() == State::Alive, !never_kept),
            (is_kept, is_kept)
        );
        let peeks = life.times(|operation| operation == Operation::Peek).len();
        let is_planned = !never_kept && !never_proven;
        assert_eq!((peeks > 100, is_planned), (is_proven, is_proven), "{peeks}");
    }
}

#[test]
fn where_touches_come_every_other_second_the_interval_leaves_room_for_a_proof() {
    let planned = kept(&plan(head(), seconds(3)));
    assert_eq!(planned.interval.most, seconds(3));
}

/// The flaws of a kept session, whose organisation has the idle timeout that it was planned for.
fn flaws(margin: Margin, idle_timeout: u64, verify_every: u32) -> Vec<Flaw> {
    let policy = Policy {
        margin,
        verify_every,
        ..head()
    };
    let plan = plan(policy, seconds(idle_timeout));
    Flaw::of_session(&plan, &Limits::default(), seconds(idle_timeout))
}

#[test]
fn each_flaw_of_a_session_comes_with_what_would_be_enough() {
    let half = Margin::Percent(50);
    assert_eq!(flaws(half, 900, 1), []);
    assert_eq!(
        flaws(Margin::Time(seconds(280)), 300, 1),
        [Flaw::MarginCut {
            margin: seconds(280),
            cut_to: seconds(270),
        }]
    );
    assert_eq!(flaws(Margin::Time(seconds(270)), 300, 1), []);
    assert_eq!(
        flaws(Margin::Time(seconds(10)), 900, 1),
        [Flaw::MarginShort {
            lead: seconds(19),
            margin: Some(seconds(12)),
            request_timeout: Some(seconds(13)),
        }]
    );
    assert_eq!(flaws(Margin::Time(seconds(12)), 900, 1), []);
    assert_eq!(
        flaws(half, 5, 1),
        [Flaw::MarginShort {
            lead: seconds(2),
            margin: None,
            request_timeout: Some(Duration::from_millis(700)),
        }]
    );
    assert_eq!(
        flaws(half, 900, 50),
        [Flaw::ExclusionLate {
            found_after: seconds(50 * 441 + 1),
            verify_every: 2,
        }]
    );
    assert_eq!(flaws(half, 900, 2), []);
}

#[test]
fn where_the_floor_decides_the_plan_says_what_would_be_enough() {
    let (half, most) = (Margin::Percent(50), Margin::Percent(90));
    let too_slow = Flaw::FloorTooSlow {
        idle_timeout: seconds(5),
    };
    assert_eq!(flaws(half, 1, 1), [too_slow]);
    assert_eq!(flaws(half, 2, 1), [too_slow]);
    let decides = |margin: Option<u64>, idle_timeout| Flaw::FloorDecides {
        margin: margin.map(seconds),
        idle_timeout: seconds(idle_timeout),
    };
    assert_eq!(flaws(half, 3, 1), [decides(None, 5)]);
    assert_eq!(flaws(half, 4, 1), [decides(Some(1), 5)]);
    assert_eq!(flaws(most, 20, 1), [decides(Some(16), 40)]);
    assert_eq!(
        flaws(most, 10, 1),
        [Flaw::NeverProven {
            margin: Some(seconds(7)),
            idle_timeout: seconds(40),
        }]
    );
    assert_eq!(flaws(most, 40, 1), []);
    // A token that idles out within the second that lies between requests leaves no attempt.
    let tries = kept(&plan(head(), seconds(1))).refused_tries;
    assert_eq!((tries.least, tries.most), (0, 0));
}

#[test]
fn more_sessions_than_may_be_in_flight_are_too_many_where_they_wait_past_the_deadline() {
    let plan = plan(head(), seconds(900));
    let of_all = |sessions, grace| {
        let shares = [Share { plan, sessions }];
        Flaw::of_all(&shares, &Limits::default(), 64, seconds(grace))
    };
    assert_eq!(of_all(64, 1), []);
    assert_eq!(of_all(65, 1), []);
    // 47 rounds of 15 s, and 459 s from the touch to the deadline.
    let crowded = Flaw::RevocationsCrowded {
        tokens: 3000,
        answer_within: seconds(10) / 47,
        grace: seconds(24),
    };
    let in_line = Flaw::InLine {
        waits: seconds(705),
        lead: seconds(459),
        in_flight_max: 100,
        request_timeout: seconds(9),
    };
    assert_eq!(of_all(3000, 10), [in_line, crowded]);
    assert_eq!(of_all(3000, 24), [in_line]);
    assert_eq!(of_all(1920, 15), []);
    assert!(in_line.grade() > crowded.grade());
    let share = Share {
        plan,
        sessions: 3600,
    };
    let load = Load::new(&[share], 1, &Limits::default());
    assert!((load.mean_a_second() * 3600.0 - load.hourly.sum()).abs() < 1e-6);
    assert!(load.mean_a_second() > 1.0);
}

#[test]
fn forty_seconds_leave_time_for_a_proof_with_every_margin() {
    let percents = (1..=90).map(Margin::Percent);
    let times = (1..=28_800)
        .step_by(7)
        .map(|time| Margin::Time(seconds(time)));
    for margin in percents.chain(times) {
        let is_of_floor = |flaw: &Flaw| {
            matches!(
                flaw,
                Flaw::FloorTooSlow { .. } | Flaw::NeverProven { .. } | Flaw::FloorDecides { .. }
            )
        };
        assert!(!flaws(margin, 40, 1).iter().any(is_of_floor), "{margin:?}");
    }
}
