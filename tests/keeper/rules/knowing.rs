//! Rule 3: the knowledge about the idle timeout, and its validity.

use std::time::Duration;

use session_keepalive::keeper::{Idleness, Intent, Policy, State, TimeoutReport, Verdict};

use crate::keeper::timeline::{Timeline, head, seconds};

fn timeout(organisation: Option<f64>) -> Verdict {
    Verdict::Timeout(TimeoutReport {
        organisation: organisation.map(seconds),
        groups: Vec::new(),
    })
}

#[test]
fn a_timeout_that_is_disabled_later_ends_the_touches() {
    let timeline = Timeline::new()
        .token(1)
        .pass(3500.0)
        .server(|server| {
            server.timeout_is = timeout(None);
            server.reports_idles_at = false;
            server.idle_timeout = seconds(1e6);
        })
        .pass(1000.0)
        .skip()
        .pass(7200.0);
    assert_eq!(timeline.count("touch_head"), 0);
    assert!((7..=9).contains(&timeline.count("peek")));
    assert_eq!(timeline.view().live.unwrap().deadline, None);
    let timeline = timeline
        .server(|server| {
            server.timeout_is = timeout(Some(7200.0));
            server.reports_idles_at = true;
            server.idle_timeout = seconds(7200.0);
        })
        .application(1)
        .pass(20_000.0);
    assert!(timeline.count("touch_head") > 2);
    assert_eq!(timeline.count("lost"), 0);
}

#[test]
fn a_wrong_date_loses_no_token_once_the_timeout_is_known() {
    for begins in [0.0, 0.5, 1.5, 500.0, 824.5] {
        for lasts in [0.5, 2.0, 20_000.0] {
            let timeline = Timeline::new();
            let timeline = if begins == 0.0 {
                timeline.server(|server| server.date_behind = seconds(7200.0))
            } else {
                timeline
            };
            let timeline = timeline
                .token(1)
                .pass(begins)
                .server(|server| server.date_behind = seconds(7200.0))
                .pass(lasts)
                .server(|server| server.date_behind = Duration::ZERO)
                .pass(3000.0);
            assert_eq!(timeline.count("lost"), 0, "{begins} {lasts}");
            let touches = timeline.count("touch_head");
            assert!(touches < 80, "{begins} {lasts}: {touches}");
        }
    }
}

#[test]
fn a_wrong_date_loses_no_token_although_others_may_idle_longer() {
    let both = Verdict::Timeout(TimeoutReport {
        organisation: Some(seconds(900.0)),
        groups: vec![seconds(28_800.0)],
    });
    let timeline = Timeline::new()
        .server(|server| server.timeout_is = both)
        .token(1)
        .pass(824.5)
        .server(|server| server.date_behind = seconds(600.0))
        .pass(1.0)
        .server(|server| server.date_behind = Duration::ZERO)
        .pass(3000.0);
    assert_eq!(timeline.count("lost"), 0);
}

#[test]
fn who_waits_by_an_assumed_timeout_waits_longer_once_it_is_known() {
    let mut timeline = Timeline::new().server(|server| server.reports_idles_at = false);
    let lapsing = timeline.add(Policy {
        intent: Intent::Lapse,
        ..head()
    });
    let now = timeline.now;
    let timeline = timeline.token_of(lapsing, 2, now).token(1).pass(10.0);
    let view = timeline.keeper.view(lapsing, timeline.now).unwrap();
    assert_eq!(view.next.unwrap().at, now + seconds(450.0));
    assert!(timeline.keeper.poll_timeout().unwrap() > now + seconds(390.0));
}

#[test]
fn a_configured_timeout_that_is_too_long_is_not_followed_after_a_change_either() {
    let too_long = Policy {
        idle_timeout: Some(seconds(7200.0)),
        verify_every: 20,
        ..head()
    };
    let timeline = Timeline::with(too_long)
        .token(1)
        .pass(3500.0)
        .server(|server| {
            server.timeout_is = timeout(Some(600.0));
            server.idle_timeout = seconds(600.0);
        })
        .application(1)
        .pass(7200.0);
    assert_eq!(timeline.count("lost"), 0);
}

#[test]
fn a_configured_timeout_that_was_too_long_is_forgotten_when_it_is_corrected() {
    let policy = |idle_timeout| Policy {
        idle_timeout,
        ..head()
    };
    let timeline = Timeline::with(policy(Some(seconds(28_800.0))))
        .server(|server| server.reports_idles_at = false)
        .token(1)
        .pass(300.0)
        .act(|keeper, id, now| keeper.handle_policy(id, policy(None), now))
        .pass(3600.0);
    assert_eq!(timeline.count("lost"), 0);
    assert!(timeline.count("touch_head") >= 8);
}

#[test]
fn a_configured_timeout_holds_from_the_first_look_on() {
    let policy = Policy {
        idle_timeout: Some(seconds(60.0)),
        ..head()
    };
    let timeline = Timeline::with(policy).token(1).pass(31.0);
    assert_eq!(timeline.count("touch_head"), 1);
}

#[test]
fn a_timeout_that_is_configured_later_is_proven_by_the_next_touch() {
    let policy = |idle_timeout| Policy {
        idle_timeout,
        verify_every: 20,
        ..head()
    };
    let timeline = Timeline::with(policy(None))
        .server(|server| server.reports_idles_at = false)
        .token(1)
        .pass(600.0)
        .server(|server| server.reports_idles_at = true)
        .act(|keeper, id, now| keeper.handle_policy(id, policy(Some(seconds(28_800.0))), now))
        .pass(3600.0);
    assert_eq!(timeline.count("lost"), 0);
}

#[test]
fn a_configured_timeout_does_not_hide_that_the_application_of_a_lapsing_token_is_active() {
    let policy = Policy {
        intent: Intent::Lapse,
        idle_timeout: Some(seconds(900.0)),
        ..head()
    };
    let mut timeline = Timeline::with(policy).token(1);
    for _ in 0..10 {
        timeline = timeline.pass(300.0).application(1);
    }
    let active_at = timeline.now;
    let deadline = timeline.view().live.unwrap().deadline.unwrap();
    assert!(deadline > active_at, "{deadline:?}");
    let timeline = timeline.skip().pass(1000.0);
    assert_eq!(timeline.count("lapsed"), 1);
    let Idleness::After(seen_after) = timeline.view().death.unwrap().idle else {
        panic!("after the deadline");
    };
    assert!(seen_after <= seconds(10.0), "{seen_after:?}");
}

#[test]
fn a_configured_timeout_that_is_longer_than_any_of_the_organisation_loses_no_token() {
    let wrong = Policy {
        idle_timeout: Some(seconds(7200.0)),
        ..head()
    };
    let timeline = Timeline::with(wrong)
        .server(|server| server.reports_idles_at = false)
        .token(1)
        .pass(20_000.0);
    assert_eq!(timeline.view().state, State::Alive);
    assert_eq!(timeline.count("lost"), 0);
    let touches = timeline.count("touch_head");
    assert!((40..60).contains(&touches), "{touches}");
}
