//! The plan against the keeper itself, which lives through hours of virtual time with the simulated server.

mod life;

use std::time::Duration;

use super::{Course, Flaw, Hourly, Load, Plan, Share, Touches};
use crate::keeper::{Intent, Limits, Margin, Operation, Policy, State, Touch};
use life::{Life, hours, seconds};

/// Five minutes, a quarter of an hour, an hour, eight hours.
const IDLE_TIMEOUTS: [u64; 4] = [300, 900, 3600, 28_800];

fn plan(policy: Policy, idle_timeout: Duration) -> Plan {
    Plan::new(policy, &Limits::default(), idle_timeout)
}

fn kept(plan: &Plan) -> Touches {
    match plan.course {
        Course::Kept(touches) => touches,
        Course::Lapsing(_) => panic!("kept"),
    }
}

/// Policies of kept sessions, and how long the keeper is watched.
fn each_kept(mut check: impl FnMut(Policy, Duration, Duration, u64)) {
    let mut seed = 0;
    for idle_timeout in IDLE_TIMEOUTS.map(seconds) {
        for touch in [Touch::Head, Touch::Get] {
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
                        ..Policy::default()
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
        let what = format!("{policy:?} {idle_timeout:?} {planned:?}");
        assert_eq!(life.state(), State::Held, "{what}");

        let touches = life.touches(policy.touch);
        let within = planned.interval.least..=planned.interval.most;
        let first = touches[0].since(begin);
        assert!(within.contains(&first), "first {first:?} {what}");
        for pair in touches.windows(2) {
            let interval = pair[1].since(pair[0]);
            assert!(within.contains(&interval), "{interval:?} {what}");
        }
        let count = u128::try_from(touches.len()).unwrap();
        let fewest = span.as_nanos() / planned.interval.most.as_nanos();
        let most = span.as_nanos() / planned.interval.least.as_nanos();
        assert!((fewest..=most).contains(&count), "{count} {what}");

        // The first peek, the first touch's proof, and one for each so many touches.
        let proofs = 1 + (touches.len() - 1) / policy.verify_every as usize;
        let last_proof_is_to_come = touches.last().unwrap().until(life.now) == Duration::ZERO
            && *touches.last().unwrap() + planned.proof_after > life.now;
        let peeks = life.times(|it| it == Operation::Peek);
        assert_eq!(
            peeks.len() + usize::from(last_proof_is_to_come),
            1 + proofs,
            "{what}"
        );
        for peek in &peeks[1..] {
            let touch = touches.iter().rev().find(|touch| *touch < peek).unwrap();
            assert_eq!(peek.since(*touch), planned.proof_after, "{what}");
        }
        let reads = life.times(|it| it == Operation::ReadTimeout).len();
        let refreshes = span.saturating_sub(seconds(1)).as_secs() / 3600;
        assert_eq!(reads as u64, 1 + refreshes, "{what}");
        assert_eq!(
            touches.len() + peeks.len() + reads,
            life.sent.len(),
            "{what}"
        );
    });
}

#[test]
fn requests_an_hour_are_as_planned_on_average() {
    for idle_timeout in IDLE_TIMEOUTS.map(seconds) {
        for verify_every in [1, 5] {
            let policy = Policy {
                verify_every,
                ..Policy::default()
            };
            let plan = plan(policy, idle_timeout);
            let sessions = 5;
            let mut life = Life::new(policy, sessions, idle_timeout, 5);
            life.pass(hours(1).max(idle_timeout * 3));
            // Whoever began together has lost step by and by: what counts is what follows.
            let span = idle_timeout * 60;
            life.sent.clear();
            life.pass(span);
            let shares = [Share { plan, sessions }];
            let load = Load::new(&shares, 1, &Limits::default());
            let hours = span.as_secs_f64() / 3600.0;
            let near = |planned: f64, counted: usize, what: &str| {
                let counted = f64::from(u32::try_from(counted).unwrap()) / hours;
                let error = (counted - planned).abs() / planned;
                assert!(error < 0.03, "{what}: {counted} not {planned}, {plan:?}");
            };
            near(
                load.hourly.touches,
                life.touches(Touch::Head).len(),
                "touches",
            );
            let peeks = life.times(|it| it == Operation::Peek).len();
            near(load.hourly.peeks, peeks, "peeks");
            near(load.hourly.sum(), life.sent.len(), "all");
        }
    }
}

#[test]
fn many_that_began_together_ask_no_more_a_second_than_planned() {
    for (idle_timeout, sessions) in [(300, 400), (900, 400)] {
        let plan = plan(Policy::default(), seconds(idle_timeout));
        let load = Load::new(&[Share { plan, sessions }], 1, &Limits::default());
        let mut life = Life::new(Policy::default(), sessions, seconds(idle_timeout), 3);
        let began = life.now;
        life.pass(seconds(idle_timeout * 3));
        let mut by_second = std::collections::BTreeMap::<u64, u64>::new();
        for sent in &life.sent {
            *by_second.entry(sent.at.since(began).as_secs()).or_default() += 1;
        }
        assert_eq!(by_second[&0], load.start_burst);
        let busiest = by_second
            .iter()
            .filter(|(second, _)| **second > 1)
            .max_by_key(|it| it.1);
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
        let touches = life.touches(policy.touch);
        let retry_after = touches[1].since(touches[0]);
        let within = planned.retry_after.least..=planned.retry_after.most;
        assert!(within.contains(&retry_after), "{retry_after:?} {planned:?}");
        life.pass(seconds(10));
        assert_eq!(life.state(), State::Held);
    });
}

#[test]
fn an_outage_leaves_as_many_tries_before_the_deadline_as_planned() {
    each_kept(|policy, idle_timeout, _, seed| {
        let planned = kept(&plan(policy, idle_timeout));
        let mut life = Life::new(policy, 1, idle_timeout, seed);
        life.pass(planned.interval.most * 2);
        life.pass_until_a_touch_is_near();
        let deadline = life.held().deadline.unwrap();
        let rest = deadline.until(life.now);
        life.outage(idle_timeout).pass(rest);
        let tries = life.touches(policy.touch);
        let tries = tries.iter().filter(|it| **it < deadline).count();
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
        let planned = kept(&plan(Policy::default(), seconds(idle_timeout)));
        for begins in (0..idle_timeout).step_by(step) {
            let mut life = Life::new(Policy::default(), 1, seconds(idle_timeout), begins + 1);
            life.pass(seconds(idle_timeout * 2 + begins));
            life.outage(planned.outage_budget)
                .pass(seconds(idle_timeout * 2));
            assert_eq!(
                life.state(),
                State::Held,
                "{idle_timeout} {begins} {planned:?}"
            );
        }
    }
}

#[test]
fn a_lapsing_session_is_only_looked_at_and_as_often_as_planned() {
    let policy = Policy {
        intent: Intent::Lapse,
        ..Policy::default()
    };
    let each = IDLE_TIMEOUTS.map(seconds).into_iter();
    for (idle_timeout, is_configured) in each.flat_map(|it| [(it, false), (it, true)]) {
        let policy = Policy {
            idle_timeout: is_configured.then_some(idle_timeout),
            ..policy
        };
        let plan = plan(policy, idle_timeout);
        let Course::Lapsing(looks) = plan.course else {
            panic!("lapsing");
        };
        for active_every in [7, 60, 211, 290] {
            let mut life = Life::new(policy, 1, idle_timeout, active_every);
            let span = hours(2).max(idle_timeout * 3);
            for _ in 0..span.as_secs() / active_every {
                life.pass(seconds(active_every)).application();
            }
            assert_eq!(life.state(), State::Held);
            let peeks = life.times(|it| it == Operation::Peek);
            assert_eq!(peeks.len(), life.sent.len());
            for pair in peeks.windows(2) {
                assert!(pair[1].since(pair[0]) <= looks.every, "{looks:?}");
            }
            let an_hour =
                f64::from(u32::try_from(peeks.len()).unwrap()) * 3600.0 / span.as_secs_f64();
            assert!(an_hour <= looks.an_hour.most + 1.0, "{an_hour} {looks:?}");
            assert!(an_hour >= looks.an_hour.least - 1.0, "{an_hour} {looks:?}");
            assert!((Hourly::of(&plan).sum() - looks.an_hour.most).abs() < 1e-9);

            // The application is active no more.
            life.sent.clear();
            let active_at = life.now;
            life.pass(idle_timeout + seconds(30));
            assert_eq!(life.state(), State::Lapsed);
            let peeks = life.times(|_| true);
            let [.., first, confirmed] = peeks.as_slice() else {
                panic!("two peeks");
            };
            let seen_after = first.since(active_at + idle_timeout);
            assert!(seen_after <= looks.lapse_seen_after, "{seen_after:?}");
            assert_eq!(confirmed.since(*first), looks.confirmed_after);
        }
    }
}

#[test]
fn where_a_second_is_an_age_the_plan_says_what_the_keeper_cannot_do() {
    for (idle_timeout, is_kept, is_proven) in [(1, false, false), (2, true, false), (4, true, true)]
    {
        let idle_timeout = seconds(idle_timeout);
        let plan = plan(Policy::default(), idle_timeout);
        let flaws = Flaw::of_session(&plan, &Limits::default(), idle_timeout);
        let tells = |is_it: fn(&Flaw) -> bool| flaws.iter().any(is_it);
        let never_kept = tells(|flaw| matches!(flaw, Flaw::FloorTooSlow { .. }));
        let never_proven = tells(|flaw| matches!(flaw, Flaw::NeverProven { .. }));
        let mut life = Life::new(Policy::default(), 1, idle_timeout, 1);
        life.latency = Duration::from_millis(200);
        life.pass(seconds(600));
        assert_eq!(
            (life.state() == State::Held, !never_kept),
            (is_kept, is_kept)
        );
        let peeks = life.times(|it| it == Operation::Peek).len();
        let is_planned = !never_kept && !never_proven;
        assert_eq!((peeks > 100, is_planned), (is_proven, is_proven), "{peeks}");
    }
}
