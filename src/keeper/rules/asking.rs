//! Rules 9 and 10: what a refusal means, and what a new token does.

use crate::keeper::timeline::{Timeline, dead, seconds, unreachable};
use crate::keeper::{
    Blockage, Idleness, Intent, Margin, NotTheApi, Policy, Refusal, State, TokenReport, Touch,
    Verdict,
};

#[test]
fn a_refusal_is_confirmed_by_one_peek_and_then_nothing_more_is_asked() {
    let timeline = Timeline::new()
        .token(1)
        .pass(500.0)
        .skip()
        .kill(1)
        .pass(86_400.0)
        .gives(&["824 touch_head", "825 peek", "825 lost"]);
    let death = timeline.view().death.unwrap();
    assert!(matches!(death.idle, Idleness::Before(left) if left.as_secs() == 483));
    assert_eq!(death.since_touch.unwrap().as_secs(), 415);
    assert!(death.was_held);
    timeline
        .token(1)
        .pass(86_400.0)
        .gives(&[])
        .token(2)
        .pass(0.0)
        .gives(&["173300 peek", "173300 held"]);
}

#[test]
fn a_token_that_is_dead_at_the_start_gets_two_requests() {
    let timeline = Timeline::new()
        .server(|server| server.always = Some(dead()))
        .token(1)
        .pass(3600.0)
        .gives(&["0 peek", "1 peek", "1 lost"]);
    assert!(!timeline.view().death.unwrap().was_held);
}

#[test]
fn a_refusal_that_is_not_confirmed_is_none() {
    Timeline::new()
        .token(1)
        .pass(500.0)
        .skip()
        .server(|server| server.always = Some(Verdict::Refused(Refusal::Unread)))
        .pass(324.5)
        .gives(&["824 touch_head"])
        .server(|server| server.always = None)
        .pass(5.0)
        .gives(&["825 peek", "825 unconfirmed", "826 touch_get", "827 peek"]);
}

#[test]
fn a_touch_that_is_refused_though_the_token_lives_has_failed_and_the_other_is_tried() {
    let timeline = Timeline::new()
        .token(1)
        .pass(500.0)
        .server(|server| server.head_refused = true)
        .skip()
        .pass(3600.0);
    assert_eq!(timeline.count("touch_head"), 1);
    assert_eq!(timeline.count("unconfirmed"), 1);
    assert!(timeline.count("touch_get") >= 7);
    assert_eq!(timeline.view().state, State::Held);
}

#[test]
fn a_refused_touch_is_not_replaced_by_one_that_does_not_count() {
    let policy = Policy {
        touch: Touch::Get,
        ..Policy::default()
    };
    let timeline = Timeline::with(policy)
        .server(|server| (server.head_refused, server.get_excluded) = (true, true))
        .token(1)
        .pass(899.0);
    let touches = timeline.count("touch_head") + timeline.count("touch_get");
    assert!((3..40).contains(&touches), "{touches}");
}

#[test]
fn a_refused_reading_of_the_timeout_is_not_repeated() {
    let timeline = Timeline::new()
        .server(|server| server.timeout_is = dead())
        .token(1)
        .pass(300.0)
        .gives(&[
            "0 peek",
            "0 held",
            "1 read_timeout",
            "2 peek",
            "2 timeout not permitted",
            "2 unconfirmed",
        ]);
    assert_eq!(timeline.view().state, State::Held);
}

#[test]
fn a_refusal_without_a_code_is_no_death() {
    let timeline = Timeline::new()
        .token(1)
        .pass(500.0)
        .server(|server| server.always = Some(Verdict::Refused(Refusal::Unread)))
        .pass(86_400.0);
    assert_eq!(timeline.count("lost"), 0);
    assert_eq!(timeline.view().state, State::AtRisk);
}

#[test]
fn other_codes_block_and_are_told_once() {
    for blockage in [
        Blockage::AddressNotAllowed,
        Blockage::HeaderMissing,
        Blockage::Forbidden("authz.policy.denied".into()),
        Blockage::NotTheApi(NotTheApi::Redirect),
    ] {
        let blocked = Verdict::Blocked(blockage);
        let timeline = Timeline::new()
            .token(1)
            .pass(500.0)
            .skip()
            .server(|server| server.always = Some(blocked.clone()))
            .pass(350.0);
        assert_eq!(timeline.count("blocked"), 1);
        assert_eq!(timeline.view().state, State::Blocked);
        let timeline = timeline
            .server(|server| server.always = None)
            .skip()
            .pass(70.0);
        assert_eq!(timeline.count("recovered"), 1);
        assert_eq!(timeline.view().state, State::Held);
        // So it is with a token that is still to prove itself.
        let timeline = Timeline::new()
            .server(|server| server.always = Some(blocked))
            .token(1)
            .pass(600.0);
        assert_eq!(timeline.count("blocked"), 1);
        assert_eq!(timeline.view().state, State::Blocked);
        assert!(timeline.count("peek") < 20);
    }
}

#[test]
fn a_server_that_is_down_at_the_start_is_waited_for_and_not_hammered() {
    let timeline = Timeline::new()
        .server(|server| server.always = Some(unreachable()))
        .token(1)
        .pass(600.0);
    assert_eq!(timeline.count("unanswered"), 1);
    let asked = timeline.count("peek");
    assert!((20..45).contains(&asked), "{asked}");
    let timeline = timeline
        .skip()
        .server(|server| server.always = None)
        .pass(30.0);
    assert_eq!(timeline.count("held"), 1);
}

#[test]
fn a_new_token_becomes_the_sessions_when_it_proves_alive() {
    Timeline::new()
        .token(1)
        .pass(500.0)
        .skip()
        .token(2)
        .pass(300.0)
        .gives(&["500 peek", "500 held, replaced"]);
}

#[test]
fn a_new_token_that_is_refused_leaves_the_old_one_held() {
    let timeline = Timeline::new()
        .token(1)
        .token(2)
        .kill(2)
        .token(1)
        .pass(500.0)
        .skip();
    let timeline = timeline.token(2).pass(360.0).gives(&[
        "500 peek",
        "501 peek",
        "501 newer refused",
        "824 touch_head",
        "825 peek",
    ]);
    assert_eq!(timeline.view().state, State::Held);
    timeline.token(2).pass(200.0).gives(&[]);
}

#[test]
fn a_new_token_that_gets_no_answer_does_not_stop_the_touches_of_the_old_one() {
    let timeline = Timeline::new()
        .token(1)
        .pass(500.0)
        .server(|server| server.always = Some(unreachable()))
        .token(2)
        .pass(600.0);
    assert!(timeline.count("touch_head") > 3);
    assert!(timeline.count("peek") > 3);
    let timeline = timeline
        .skip()
        .server(|server| server.always = None)
        .pass(60.0);
    assert_eq!(timeline.count("held, replaced"), 1);
    assert_eq!(timeline.count("lost"), 0);
}

#[test]
fn a_new_token_is_asked_for_even_where_the_old_one_needs_every_second() {
    let timeline = Timeline::with(Policy {
        idle_timeout: Some(seconds(2.0)),
        ..Policy::default()
    })
    .token(1)
    .pass(10.0)
    .skip()
    .token(2)
    .pass(3.0);
    assert_eq!(timeline.count("held, replaced"), 1);
}

#[test]
fn an_answer_about_the_previous_token_is_dropped() {
    let timeline = Timeline::new()
        .server(|server| server.is_silent = true)
        .token(1)
        .pass(1.0)
        .gives(&["0 peek"])
        .token(2)
        .pass(1.0)
        .gives(&["1 peek"])
        .late_answer(dead())
        .pass(5.0)
        .gives(&[]);
    assert_eq!(timeline.view().state, State::Unproven);
}

#[test]
fn what_is_refused_while_it_is_to_lapse_has_lapsed() {
    let policy = Policy {
        intent: Intent::Lapse,
        ..Policy::default()
    };
    let timeline = Timeline::with(policy).token(1).pass(905.0);
    assert_eq!(timeline.view().state, State::Lapsed);
    assert!(matches!(
        timeline.view().death.unwrap().idle,
        Idleness::After(_)
    ));
}

#[test]
fn a_touch_that_something_before_the_api_refused_is_made_by_the_other_before_the_deadline() {
    let tight = Policy {
        margin: Margin::Time(seconds(30.0)),
        ..Policy::default()
    };
    let mut timeline = Timeline::with(tight)
        .token(1)
        .pass(800.0)
        .server(|server| server.always = Some(Verdict::Refused(Refusal::Unread)))
        .skip();
    while timeline.count("touch_head") == 0 {
        timeline = timeline.pass(0.1);
    }
    let blocked = Verdict::Blocked(Blockage::AddressNotAllowed);
    timeline = timeline.server(|server| server.always = Some(blocked));
    // The last try before the deadline is still to come, and takes its time.
    let left = 893.0 - (timeline.now.since_boot().as_secs_f64() - 1000.0);
    let alive = Verdict::Alive(TokenReport {
        organisation: Some("o".into()),
        ..TokenReport::default()
    });
    let timeline = timeline
        .pass(left)
        .skip()
        .server(|server| (server.always, server.is_silent) = (None, true))
        .pass(3.5)
        .late_answer(alive)
        .server(|server| server.is_silent = false)
        .pass(2.0);
    assert_eq!(timeline.count("unconfirmed"), 1);
    assert_eq!(timeline.count("touch_get"), 1);
    assert_eq!(timeline.view().state, State::Held);
}
