//! Rule 6: the proof that touches count.

use session_keepalive::keeper::{
    BlockReason, Failure, NotTheApi, Policy, Reset, State, TimeoutReport, Touch, TouchPreference,
    Verdict,
};

use crate::keeper::timeline::{GetShows, Timeline, head, seconds, unreachable};

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
        ..head()
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
            "429 proven",
            // The first answer that shows it is confirmed.
            "430 peek",
        ])
        .pass(5000.0);
    assert_eq!(timeline.count("touch_head"), 0);
    assert_eq!(timeline.view().live.unwrap().touch, Touch::Get);
    assert_eq!(timeline.view().state, State::Alive);
}

#[test]
fn the_reading_of_the_timeout_is_not_taken_for_the_effect_of_a_touch() {
    // GET /tokens/timeout resets the idle timer, HEAD does not: the deadline has moved since the
    // first peek, but not by the touch.
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
    assert_eq!(timeline.view().live.unwrap().reset, Reset::Excluded);
    assert_eq!(timeline.view().state, State::Excluded);
    // The requests of the application keep the token alive.
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
    // The next token belongs to the same organisation, so that the event is not emitted again.
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
    assert_eq!(timeline.count("no more excluded"), 1);
    assert_eq!(timeline.view().live.unwrap().reset, Reset::Proven);
}

#[test]
fn an_exclusion_that_ends_for_one_touch_alone_is_noticed() {
    for (preference, preferred) in [
        (TouchPreference::Head, Touch::Head),
        (TouchPreference::Get, Touch::Get),
    ] {
        let timeline = Timeline::with(preferring(preference))
            .server(|server| (server.head_excluded, server.get_excluded) = (true, true))
            .token(1)
            .pass(600.0)
            .server(|server| match preferred {
                Touch::Head => server.get_excluded = false,
                Touch::Get => server.head_excluded = false,
            })
            .pass(3000.0);
        assert_eq!(timeline.count("lost"), 0, "{preferred:?}");
        assert_eq!(timeline.view().live.unwrap().reset, Reset::Proven);
        assert_ne!(timeline.view().live.unwrap().touch, preferred);
    }
}

#[test]
fn what_reading_the_timeout_moved_is_no_proof_for_the_touch() {
    let policy = Policy {
        verify_every: 20,
        ..head()
    };
    let mut timeline = Timeline::with(policy).server(|server| server.head_excluded = true);
    let session = timeline.sessions[0];
    // The token has been idle for 300 s when it is first seen.
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
        .server(|server| server.reports_idles_at = false)
        .token(1)
        .pass(2000.0);
    assert_eq!(timeline.count("head excluded"), 0);
    assert_eq!(timeline.view().live.unwrap().reset, Reset::Unprovable);
    assert_eq!(
        timeline.view().live.unwrap().idle_timeout.duration,
        seconds(900.0)
    );
}

#[test]
fn a_proof_that_gets_no_answer_is_asked_for_again_before_the_next_touch() {
    let timeline = Timeline::new()
        .token(1)
        .pass(500.0)
        .server(|server| server.is_silent = true)
        .pass(330.0)
        .late_answer(Verdict::Accepted)
        .server(|server| (server.is_silent, server.always) = (false, Some(unreachable())))
        .skip()
        .pass(10.0);
    assert!(timeline.count("peek") >= 3);
    assert_eq!(timeline.count("touch_head"), 0);
}

#[test]
fn where_no_proof_is_to_be_had_both_touches_are_made_in_turn() {
    let portal = Verdict::Blocked(BlockReason::NotTheApi(NotTheApi::Redirect));
    let timeline = Timeline::new()
        .token(1)
        .pass(5.0)
        .server(|server| server.peek_is = Some(portal))
        .pass(900.0);
    assert_eq!(timeline.count("touch_head"), 1);
    assert_eq!(timeline.count("touch_get"), 1);
    // The answer to GET is a proof by itself.
    assert_eq!(timeline.count("proven"), 1);
    let timeline = timeline.skip().pass(3600.0);
    assert_eq!(timeline.count("lost"), 0);
    let (heads, gets) = (timeline.count("touch_head"), timeline.count("touch_get"));
    assert!(heads <= gets + 1, "{heads} {gets}");
}

#[test]
fn where_a_touch_was_proven_before_it_is_made_while_no_other_proof_is_to_be_had() {
    let portal = Verdict::Blocked(BlockReason::NotTheApi(NotTheApi::Redirect));
    let mut timeline = Timeline::new().token(1).pass(500.0);
    assert_eq!(timeline.view().live.unwrap().touch, Touch::Head);
    timeline = timeline
        .server(|server| server.peek_is = Some(portal))
        .skip()
        .pass(3600.0);
    assert_eq!(timeline.count("touch_get"), 0);
    assert_eq!(timeline.count("blocked"), 1);
    assert_eq!(timeline.count("recovered"), 0);
    assert_eq!(timeline.count("lost"), 0);
}

#[test]
fn a_touch_that_failed_before_it_was_due_is_mended_by_a_look() {
    let mut timeline = Timeline::new()
        .token(1)
        .pass(100.0)
        .server(|server| server.head_is = Some(Verdict::Unreachable(Failure::TimedOut)))
        .skip()
        .act(|keeper, id, now| keeper.handle_touch_wanted(id, now).unwrap());
    timeline = timeline.pass(0.1);
    assert_eq!(timeline.view().failures, 1);
    let timeline = timeline.pass(5.0);
    assert_eq!(timeline.count("peek"), 1);
    assert_eq!(timeline.view().failures, 0);
}

#[test]
fn where_touches_are_excluded_a_token_that_outlives_its_deadline_is_not_hammered() {
    let timeline = Timeline::new()
        .server(|server| (server.head_excluded, server.get_excluded) = (true, true))
        .token(1)
        .pass(860.0)
        .server(|server| {
            server.reports_idles_at = false;
            server.idle_timeout = seconds(1e6);
        })
        .skip()
        .pass(300.0);
    assert!(timeline.count("peek") < 20);
}

#[test]
fn where_touches_are_excluded_a_look_before_the_deadline_does_not_replace_the_one_after_it() {
    let timeline = Timeline::new()
        .server(|server| (server.head_excluded, server.get_excluded) = (true, true))
        .token(1)
        .pass(860.0);
    let deadline = timeline.view().live.unwrap().deadline.unwrap();
    let left = deadline.since(timeline.now).as_secs_f64();
    let timeline = timeline
        .pass(left - 1.5)
        .act(|keeper, id, now| keeper.handle_touch_wanted(id, now).unwrap())
        .pass(1.4)
        .skip()
        .server(|server| server.idle_timeout = seconds(1e6))
        .pass(3.5);
    assert_eq!(timeline.count("peek"), 1);
}

#[test]
fn an_excluded_touch_is_made_now_and_then_where_the_other_one_fails() {
    let get = Policy {
        touch: TouchPreference::Get,
        ..head()
    };
    let timeline = Timeline::with(get)
        .server(|server| server.get_excluded = true)
        .token(1)
        .pass(900.0)
        .server(|server| {
            server.head_is = Some(Verdict::Unreachable(Failure::ServerError(503)));
        })
        .skip()
        .pass(430.0);
    timeline.gives(&[
        "1271 touch_head",
        "1272 touch_head",
        "1274 touch_get",
        "1275 peek",
        "1275 get excluded",
        "1277 touch_head",
        "1278 touch_head",
        "1279 touch_get",
        "1279 head refused",
        "1280 peek",
        "1280 excluded",
    ]);
}

#[test]
fn a_proof_that_something_else_answers_is_asked_for_more_and_more_slowly() {
    let portal = Verdict::Blocked(BlockReason::NotTheApi(NotTheApi::Redirect));
    Timeline::new()
        .token(1)
        .pass(5.0)
        .skip()
        .server(|server| server.peek_is = Some(portal))
        .pass(530.0)
        .gives(&[
            "409 touch_head",
            "410 peek",
            "410 blocked",
            "413 peek",
            "422 peek",
            "467 peek",
            "512 peek",
        ]);
}

#[test]
fn a_touch_whose_proof_got_no_answer_is_made_again_and_not_the_other_one() {
    let timeline = Timeline::new()
        .token(1)
        .pass(5.0)
        .server(|server| server.peek_is = Some(unreachable()))
        .pass(1700.0);
    assert!(timeline.count("touch_head") >= 3);
    assert_eq!(timeline.count("touch_get"), 0);
}

#[test]
fn a_pending_proof_comes_before_a_touch_that_is_due_while_there_is_time() {
    let touched = || {
        Timeline::new()
            .token(1)
            .pass(450.0)
            .skip()
            .pass_until("touch_head")
            .skip()
    };
    // The daemon does not run until the next touch is due.
    let mut timeline = touched();
    timeline.now = timeline.now + seconds(470.0);
    timeline.pass(1.5).gives(&["1294 peek", "1295 touch_head"]);
    // One second before the deadline a touch is all there is time for.
    let mut timeline = touched();
    timeline.now = timeline.now + seconds(899.0);
    timeline.pass(1.5).gives(&["1723 touch_head", "1724 peek"]);
}

fn preferring(touch: TouchPreference) -> Policy {
    Policy { touch, ..head() }
}

#[test]
fn where_the_answer_to_get_shows_the_moved_deadline_a_touch_is_one_request() {
    let timeline = Timeline::with(preferring(TouchPreference::Get))
        .token(1)
        .pass(400.0)
        .skip()
        .pass(50.0)
        // The first answer that shows it is confirmed.
        .gives(&["409 touch_get", "409 proven", "410 peek"])
        .pass(100.0 * 440.0);
    let (touches, peeks) = (timeline.count("touch_get"), timeline.count("peek"));
    assert!(touches >= 100, "{touches}");
    assert_eq!(peeks, touches / 10, "every tenth is confirmed again");
    assert_eq!(timeline.count("touch_head"), 0);
}

#[test]
fn auto_uses_get_alone_once_its_answer_is_confirmed() {
    let timeline = Timeline::with(Policy::default())
        .token(1)
        .pass(400.0)
        .skip()
        .pass(900.0)
        .gives(&[
            "409 touch_head",
            "410 peek",
            "410 proven",
            "824 touch_get",
            "824 proven",
            "825 peek",
            "1252 touch_get",
        ])
        .pass(5.0 * 440.0);
    assert_eq!(timeline.count("touch_get"), 5);
    assert_eq!(timeline.count("peek") + timeline.count("touch_head"), 0);
    // What was confirmed with one token holds for the others of the organisation.
    let timeline = timeline.skip().token(2).pass(450.0);
    assert_eq!(timeline.count("touch_get"), 1);
    assert_eq!(timeline.count("touch_head"), 0);
}

#[test]
fn verifications_by_peeks_are_not_counted_by_touches_that_prove_themselves() {
    let policy = Policy {
        verify_every: 7,
        ..Policy::default()
    };
    let timeline = Timeline::with(policy)
        .token(1)
        .pass(7.0 * 900.0)
        .skip()
        .pass(20.0 * 440.0);
    assert_eq!(timeline.count("touch_head"), 0);
    assert_eq!(timeline.count("peek"), 2);
}

#[test]
fn auto_goes_back_to_head_where_the_answer_to_get_shows_the_old_deadline() {
    for since in [0.0, 5000.0] {
        let mut timeline = Timeline::with(Policy::default()).token(1).pass(since);
        timeline = timeline
            .server(|server| server.get_shows = GetShows::Before)
            .pass(1500.0)
            .skip()
            .pass(5.0 * 3600.0);
        assert_eq!(timeline.count("touch_get"), 0, "{since}");
        let (heads, peeks) = (timeline.count("touch_head"), timeline.count("peek"));
        assert!(heads > 40 && heads.abs_diff(peeks) <= 1, "{heads} {peeks}");
        // After hours it is tried once more.
        timeline = timeline.skip().pass(3600.0);
        assert_eq!(timeline.count("touch_get"), 1, "{since}");
    }
}

#[test]
fn an_answer_that_shows_what_did_not_happen_loses_no_token() {
    for preference in TouchPreference::ALL {
        let timeline = Timeline::with(preferring(preference))
            .server(|server| {
                server.get_excluded = true;
                server.get_shows = GetShows::Wish;
            })
            .token(1)
            .pass(100_000.0);
        assert_eq!(timeline.count("lost"), 0, "{preference:?}");
        assert!(timeline.count("touch_get") <= 10, "{preference:?}");
    }
}

#[test]
fn auto_keeps_a_token_where_get_does_not_count_and_where_head_does_not() {
    for (head_excluded, get_excluded) in [(true, false), (false, true)] {
        let timeline = Timeline::with(Policy::default())
            .token(1)
            .pass(5000.0)
            .server(|server| {
                (server.head_excluded, server.get_excluded) = (head_excluded, get_excluded);
            })
            .pass(50_000.0);
        assert_eq!(timeline.count("lost"), 0);
        assert_eq!(timeline.count("excluded"), 0);
    }
}
