//! Rule 6: whether touches count.

use crate::keeper::timeline::{Timeline, seconds};
use crate::keeper::{Policy, Reset, State, TimeoutReport, Touch, Verdict};

#[test]
fn the_first_touch_is_proven_by_a_peek() {
    Timeline::new()
        .token(1)
        .pass(400.0)
        .skip()
        .pass(50.0)
        .gives(&["409 touch_head", "410 peek", "410 proven"]);
}

#[test]
fn later_touches_are_proven_as_often_as_configured() {
    let policy = Policy {
        verify_every: 3,
        ..Policy::default()
    };
    let timeline = Timeline::with(policy)
        .token(1)
        .pass(450.0)
        .skip()
        .pass(5.0 * 430.0);
    assert_eq!(timeline.count("touch_head"), 5);
    assert_eq!(timeline.count("peek"), 1);
}

#[test]
fn where_head_does_not_count_get_is_used_from_then_on() {
    let timeline = Timeline::new()
        .server(|server| server.head_excluded = true)
        .token(1)
        .pass(400.0)
        .skip()
        .pass(80.0)
        .gives(&[
            "409 touch_head",
            "410 peek",
            "415 touch_head",
            "416 peek",
            "416 head excluded",
            "429 touch_get",
            "430 peek",
            "430 proven",
        ])
        .pass(5000.0);
    assert_eq!(timeline.count("touch_head"), 0);
    assert_eq!(timeline.view().held.unwrap().touch, Touch::Get);
    assert_eq!(timeline.view().state, State::Held);
}

#[test]
fn the_reading_of_the_timeout_is_not_taken_for_the_effect_of_a_touch() {
    // GET /tokens/timeout resets the idle timer, HEAD does not: the deadline has
    // moved since the first look, and not by the touch.
    let timeline = Timeline::new()
        .server(|server| server.head_excluded = true)
        .token(1)
        .pass(412.0);
    assert_eq!(timeline.count("read_timeout"), 1);
    assert_eq!(timeline.count("touch_head"), 1);
    assert_eq!(timeline.count("proven"), 0);
}

#[test]
fn an_exclusion_is_found_out_in_time_even_where_the_timeout_is_a_few_seconds() {
    let timeline = Timeline::new()
        .server(|server| {
            server.head_excluded = true;
            server.idle_timeout = seconds(6.0);
            server.timeout_is = Verdict::Timeout(TimeoutReport {
                organisation: Some(seconds(6.0)),
                groups: Vec::new(),
            });
        })
        .token(1)
        .pass(600.0);
    assert_eq!(timeline.count("lost"), 0);
    assert!(timeline.count("touch_head") <= 3);
}

#[test]
fn the_next_token_begins_with_the_touch_that_counts() {
    let timeline = Timeline::new()
        .server(|server| server.head_excluded = true)
        .token(1)
        .pass(500.0)
        .skip()
        .token(2)
        .pass(2000.0);
    assert_eq!(timeline.count("touch_head"), 0);
    assert_eq!(timeline.count("head excluded"), 0);
}

#[test]
fn where_neither_counts_the_operator_is_told_once() {
    let timeline = Timeline::new()
        .server(|server| (server.head_excluded, server.get_excluded) = (true, true))
        .token(1)
        .pass(860.0);
    assert_eq!(timeline.count("excluded"), 1);
    assert_eq!(timeline.view().held.unwrap().reset, Reset::Excluded);
    // The application keeps the token alive by itself.
    let timeline = timeline
        .application(1)
        .skip()
        .pass(860.0)
        .application(1)
        .pass(860.0);
    assert_eq!(timeline.count("excluded"), 0);
    assert_eq!(timeline.count("lost"), 0);
    let timeline = timeline.pass(100.0);
    assert_eq!(timeline.count("lost"), 1);
    let death = timeline.view().death.unwrap();
    assert!(death.excluded);
    // The next token belongs to the same organisation: no news.
    let timeline = timeline.skip().token(2).pass(860.0);
    assert_eq!(timeline.count("excluded"), 0);
}

#[test]
fn where_neither_counts_nothing_is_hammered() {
    let timeline = Timeline::new()
        .server(|server| (server.head_excluded, server.get_excluded) = (true, true))
        .token(1)
        .pass(899.0);
    let touches = timeline.count("touch_head") + timeline.count("touch_get");
    assert!((3..16).contains(&touches), "{touches}");
    assert!(timeline.count("peek") < 18);
}

#[test]
fn an_exclusion_that_ends_is_noticed() {
    let timeline = Timeline::new()
        .server(|server| (server.head_excluded, server.get_excluded) = (true, true))
        .token(1)
        .pass(600.0)
        .server(|server| (server.head_excluded, server.get_excluded) = (false, false))
        .skip()
        .pass(300.0);
    assert_eq!(timeline.count("proven"), 1);
    assert_eq!(timeline.view().held.unwrap().reset, Reset::Proven);
}

#[test]
fn an_exclusion_that_ends_for_one_touch_alone_is_noticed() {
    for preferred in [Touch::Head, Touch::Get] {
        let policy = Policy {
            touch: preferred,
            ..Policy::default()
        };
        let timeline = Timeline::with(policy)
            .server(|server| (server.head_excluded, server.get_excluded) = (true, true))
            .token(1)
            .pass(600.0)
            .server(|server| match preferred {
                Touch::Head => server.get_excluded = false,
                Touch::Get => server.head_excluded = false,
            })
            .pass(3000.0);
        assert_eq!(timeline.count("lost"), 0, "{preferred:?}");
        assert_eq!(timeline.view().held.unwrap().reset, Reset::Proven);
        assert_ne!(timeline.view().held.unwrap().touch, preferred);
    }
}

#[test]
fn what_reading_the_timeout_moved_is_no_proof_for_the_touch() {
    let policy = Policy {
        verify_every: 20,
        ..Policy::default()
    };
    let mut timeline = Timeline::with(policy).server(|server| server.head_excluded = true);
    let session = timeline.sessions[0];
    // The token has idled for a while when it is first seen.
    let active_at = timeline.now - seconds(300.0);
    timeline = timeline.token_of(session, 1, active_at).pass(7200.0);
    assert_eq!(timeline.count("lost"), 0);
    assert_eq!(timeline.count("head excluded"), 1);
}

#[test]
fn an_exclusion_that_begins_is_noticed_before_the_token_is_lost() {
    let timeline = Timeline::new()
        .token(1)
        .pass(500.0)
        .server(|server| server.head_excluded = true)
        .pass(5000.0);
    assert_eq!(timeline.count("head excluded"), 1);
    assert_eq!(timeline.count("lost"), 0);
}

#[test]
fn where_the_server_does_not_tell_nothing_is_concluded() {
    let timeline = Timeline::new()
        .server(|server| server.tells_idles_at = false)
        .token(1)
        .pass(2000.0);
    assert_eq!(timeline.count("head excluded"), 0);
    assert_eq!(timeline.view().held.unwrap().reset, Reset::Unprovable);
    assert_eq!(
        timeline.view().held.unwrap().idle_timeout.duration,
        seconds(900.0)
    );
}
