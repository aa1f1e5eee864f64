//! Rules 9 and 10: refusals and new tokens.

use session_keepalive::keeper::{
    BlockReason, Idleness, Intent, Margin, NotTheApi, Policy, Refusal, State, TouchPreference,
    Verdict,
};

use crate::keeper::timeline::{Timeline, dead, head, seconds, unreachable};

#[test]
fn a_refusal_is_confirmed_by_two_peeks_and_then_nothing_more_is_asked() {
    let timeline = Timeline::new()
        .token(1)
        .pass(500.0)
        .skip()
        .kill(1)
        .pass(86_400.0)
        .gives(&["824 touch_head", "825 peek", "830 peek", "830 lost"]);
    let death = timeline.view().death.unwrap();
    assert!(matches!(death.idle, Idleness::Before(left) if left.as_secs() == 478));
    assert_eq!(death.since_touch.unwrap().as_secs(), 420);
    assert!(death.was_alive);
    timeline
        .token(1)
        .pass(86_400.0)
        .gives(&[])
        .token(2)
        .pass(0.0)
        .gives(&["173300 peek", "173300 alive"]);
}

#[test]
fn a_token_that_is_dead_at_the_start_is_looked_at_for_15_seconds() {
    let timeline = Timeline::new()
        .server(|server| server.always = Some(dead()))
        .token(1)
        .pass(3600.0)
        .gives(&["0 peek", "2 peek", "5 peek", "15 peek", "15 lost"]);
    assert!(!timeline.view().death.unwrap().was_alive);
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
        .gives(&[
            "825 peek",
            "825 unconfirmed",
            "826 touch_get",
            "826 proven",
            "827 peek",
        ]);
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
    assert_eq!(timeline.view().state, State::Alive);
}

#[test]
fn a_refused_touch_is_not_replaced_by_one_that_does_not_count() {
    let policy = Policy {
        touch: TouchPreference::Get,
        ..head()
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
        .pass(100.0)
        .gives(&[
            "0 peek",
            "0 alive",
            "1 read_timeout",
            "2 peek",
            "2 timeout not permitted",
            "2 unconfirmed",
        ]);
    assert_eq!(timeline.view().state, State::Alive);
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
        BlockReason::AddressNotAllowed,
        BlockReason::HeaderMissing,
        BlockReason::Forbidden("authz.policy.denied".into()),
        BlockReason::NotTheApi(NotTheApi::Redirect),
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
        assert_eq!(timeline.view().state, State::Alive);
        // The same holds for a token that is not proven alive yet.
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
    assert_eq!(timeline.count("alive"), 1);
}

#[test]
fn a_new_token_becomes_the_sessions_when_it_proves_alive() {
    Timeline::new()
        .token(1)
        .pass(500.0)
        .skip()
        .token(2)
        .pass(300.0)
        .gives(&["500 peek", "500 alive, replaced"]);
}

#[test]
fn a_new_token_that_is_refused_leaves_the_old_one_alive() {
    let timeline = Timeline::new()
        .token(1)
        .token(2)
        .kill(2)
        .token(1)
        .pass(500.0)
        .skip();
    let timeline = timeline.token(2).pass(360.0).gives(&[
        "500 peek",
        "502 peek",
        "505 peek",
        "515 peek",
        "515 newer refused",
        "824 touch_head",
        "825 peek",
    ]);
    assert_eq!(timeline.view().state, State::Alive);
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
    assert_eq!(timeline.count("alive, replaced"), 1);
    assert_eq!(timeline.count("lost"), 0);
}

#[test]
fn a_new_token_is_asked_for_even_where_the_old_one_needs_every_second() {
    let timeline = Timeline::with(Policy {
        idle_timeout: Some(seconds(2.0)),
        ..head()
    })
    .token(1)
    .pass(10.0)
    .skip()
    .token(2)
    .pass(3.0);
    assert_eq!(timeline.count("alive, replaced"), 1);
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
        ..head()
    };
    let timeline = Timeline::with(policy).token(1).pass(910.0);
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
        ..head()
    };
    let mut timeline = Timeline::with(tight)
        .token(1)
        .pass(800.0)
        .server(|server| server.always = Some(Verdict::Refused(Refusal::Unread)))
        .skip();
    timeline = timeline.pass_until("touch_head");
    let blocked = Verdict::Blocked(BlockReason::AddressNotAllowed);
    timeline = timeline.server(|server| server.always = Some(blocked));
    // The peek that shows the token to be alive is answered just before the deadline.
    let left = 893.0 - (timeline.now.since_boot().as_secs_f64() - 1000.0);
    let timeline = timeline
        .pass(left)
        .skip()
        .server(|server| server.always = None)
        .pass(3.5);
    assert_eq!(timeline.count("recovered"), 1);
    assert_eq!(timeline.count("touch_get"), 1);
    assert_eq!(timeline.view().state, State::Alive);
}

#[test]
fn a_token_that_cannot_be_looked_at_is_touched_by_one_and_the_other() {
    let portal = Verdict::Blocked(BlockReason::NotTheApi(NotTheApi::UnexpectedBody));
    let timeline = Timeline::new()
        .server(|server| server.always = Some(portal))
        .token(1)
        .pass(600.0);
    assert!(timeline.count("touch_head") >= 1);
    assert!(timeline.count("touch_get") >= 1);
}

#[test]
fn a_refused_touch_is_followed_by_the_other_at_once_however_long_its_confirmation_took() {
    let mut timeline = Timeline::new()
        .token(1)
        .pass(800.0)
        .server(|server| server.always = Some(Verdict::Refused(Refusal::Unread)))
        .skip();
    timeline = timeline.pass_until("touch_head");
    let blocked = Verdict::Blocked(BlockReason::AddressNotAllowed);
    timeline = timeline
        .server(|server| server.always = Some(blocked))
        .pass(200.0)
        .server(|server| server.always = None)
        .skip();
    timeline = timeline.pass_until("unconfirmed");
    assert_eq!(timeline.pass(1.1).count("touch_get"), 1);
}

#[test]
fn a_refusal_long_after_another_is_the_first_of_a_new_row() {
    let timeline = Timeline::new()
        .server(|server| server.always = Some(dead()))
        .token(1)
        .pass(0.0)
        .server(|server| server.always = Some(unreachable()))
        .pass(100.0)
        .server(|server| server.always = Some(dead()))
        .skip()
        .pass(40.0);
    let (peeks, lost) = (timeline.count("peek"), timeline.count("lost"));
    assert_eq!((peeks, lost), (4, 1));
}

#[test]
fn a_new_token_whose_touches_are_accepted_is_touched_seldom_and_by_one_of_them() {
    let portal = Verdict::Blocked(BlockReason::NotTheApi(NotTheApi::UnexpectedBody));
    let timeline = Timeline::new()
        .server(|server| server.peek_is = Some(portal))
        .token(1)
        .pass(600.0);
    let (heads, gets) = (timeline.count("touch_head"), timeline.count("touch_get"));
    assert_eq!((heads, gets), (4, 0));
    assert_eq!(timeline.view().state, State::Blocked);
}

#[test]
fn a_new_token_that_is_refused_without_a_code_is_looked_at_again_before_that_is_told() {
    Timeline::new()
        .server(|server| server.always = Some(Verdict::Refused(Refusal::Unread)))
        .token(1)
        .pass(0.0)
        .server(|server| server.always = None)
        .pass(1.5)
        .gives(&["0 peek", "1 peek", "1 alive"]);
}
