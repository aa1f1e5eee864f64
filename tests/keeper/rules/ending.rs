//! Rules 1 and 11: the end of sessions.

use session_keepalive::keeper::{
    BlockReason, Intent, Keeper, OnShutdown, Policy, Refusal, State, TokenReport, Verdict,
};

use crate::keeper::timeline::{Timeline, dead, head, outcome, seconds, unreachable};

fn lapsing(on_shutdown: OnShutdown) -> Policy {
    Policy {
        intent: Intent::Lapse,
        on_shutdown,
        ..head()
    }
}

#[test]
fn kept_tokens_are_revoked_and_lapsing_ones_are_left() {
    let mut timeline = Timeline::new();
    let lapsing_session = timeline.add(lapsing(OnShutdown::Leave));
    let now = timeline.now;
    let timeline = timeline
        .token(1)
        .token_of(lapsing_session, 2, now)
        .pass(100.0)
        .skip()
        .shutdown(OnShutdown::Revoke, 10.0)
        .pass(60.0)
        .gives(&["100 left", "100 revoke", "100 revoked"]);
    assert!(timeline.keeper.is_stopped());
    assert_eq!(timeline.view().state, State::Revoked);
}

#[test]
fn a_lapsing_token_is_revoked_if_that_is_configured() {
    Timeline::with(lapsing(OnShutdown::Revoke))
        .token(1)
        .pass(100.0)
        .skip()
        .shutdown(OnShutdown::Revoke, 10.0)
        .pass(60.0)
        .gives(&["100 revoke", "100 revoked"]);
}

#[test]
fn a_hand_over_leaves_all_tokens() {
    let timeline = Timeline::new()
        .token(1)
        .pass(100.0)
        .skip()
        .shutdown(OnShutdown::Leave, 10.0)
        .pass(5000.0)
        .gives(&["100 left"]);
    assert!(timeline.keeper.is_stopped());
}

#[test]
fn a_stop_does_not_wait_for_what_is_in_flight_nor_for_the_floor() {
    Timeline::new()
        .token(1)
        .pass(823.9)
        .skip()
        .server(|server| server.is_silent = true)
        .pass(0.5)
        .gives(&["824 touch_head"])
        .server(|server| server.is_silent = false)
        .shutdown(OnShutdown::Revoke, 10.0)
        .pass(0.0)
        .gives(&["824 revoke", "824 revoked"])
        .late_answer(Verdict::Accepted)
        .pass(5000.0)
        .gives(&[]);
}

#[test]
fn a_revocation_that_fails_is_tried_again_within_the_grace() {
    let timeline = Timeline::new()
        .token(1)
        .pass(100.0)
        .skip()
        .server(|server| server.always = Some(unreachable()))
        .shutdown(OnShutdown::Revoke, 10.0)
        .pass(5.0);
    assert!((2..=4).contains(&timeline.count("revoke")));
    let timeline = timeline.server(|server| server.always = None).pass(5.0);
    assert_eq!(timeline.count("revoked"), 1);
    assert_eq!(timeline.view().state, State::Revoked);
}

#[test]
fn what_is_not_revoked_within_the_grace_is_given_up_and_told() {
    let timeline = Timeline::new()
        .token(1)
        .pass(100.0)
        .skip()
        .server(|server| server.is_silent = true)
        .shutdown(OnShutdown::Revoke, 10.0)
        .pass(9.9)
        .gives(&["100 revoke", "103 revoke", "107 revoke"]);
    assert!(!timeline.keeper.is_stopped());
    let timeline = timeline.pass(1.0).gives(&["110 not revoked"]);
    assert!(timeline.keeper.is_stopped());
    assert_eq!(timeline.view().state, State::NotRevoked);
}

#[test]
fn a_revocation_that_is_not_permitted_is_not_tried_again() {
    let forbidden = Verdict::Blocked(BlockReason::Forbidden("authz.policy.denied".into()));
    Timeline::new()
        .token(1)
        .pass(100.0)
        .skip()
        .server(|server| server.always = Some(forbidden))
        .shutdown(OnShutdown::Revoke, 10.0)
        .pass(20.0)
        .gives(&["100 revoke", "101 peek", "101 not revoked"]);
}

#[test]
fn a_dead_token_is_not_revoked() {
    let timeline = Timeline::new()
        .token(1)
        .kill(1)
        .pass(20.0)
        .skip()
        .shutdown(OnShutdown::Revoke, 10.0)
        .pass(20.0)
        .gives(&[]);
    assert!(timeline.keeper.is_stopped());
    assert_eq!(timeline.view().state, State::Lost);
}

#[test]
fn a_token_that_waits_to_be_proven_is_revoked_as_well() {
    Timeline::new()
        .token(1)
        .pass(100.0)
        .server(|server| server.is_silent = true)
        .token(2)
        .pass(0.5)
        .skip()
        .server(|server| server.is_silent = false)
        .shutdown(OnShutdown::Revoke, 10.0)
        .pass(20.0)
        .gives(&["100 revoke", "100 revoked", "100 revoke", "100 revoked"]);
}

#[test]
fn a_session_that_is_removed_ends_as_wanted_and_is_forgotten() {
    let timeline = Timeline::new()
        .token(1)
        .pass(100.0)
        .skip()
        .act(|keeper, id, now| {
            keeper.handle_removed(id, OnShutdown::Revoke, now + seconds(10.0), now);
        })
        .pass(20.0)
        .gives(&["100 revoke", "100 revoked"]);
    assert!(
        timeline
            .keeper
            .view(timeline.sessions[0], timeline.now)
            .is_none()
    );
    assert_eq!(timeline.keeper.poll_timeout(), None);
}

#[test]
fn a_stop_does_not_wait_for_a_removal_that_has_more_time() {
    let timeline = Timeline::new()
        .token(1)
        .pass(100.0)
        .server(|server| server.is_silent = true)
        .act(|keeper, id, now| {
            keeper.handle_removed(id, OnShutdown::Revoke, now + seconds(90.0), now);
        })
        .pass(1.0)
        .shutdown(OnShutdown::Revoke, 10.0)
        .pass(10.5);
    assert_eq!(timeline.count("not revoked"), 1);
    assert!(timeline.keeper.is_stopped());
}

#[test]
fn a_removal_that_is_called_off_goes_on_as_before() {
    let timeline = Timeline::new()
        .token(1)
        .pass(100.0)
        .skip()
        .server(|server| server.always = Some(unreachable()))
        .act(|keeper, id, now| {
            keeper.handle_removed(id, OnShutdown::Revoke, now + seconds(10.0), now);
        })
        .pass(0.5)
        .gives(&["100 revoke"])
        .server(|server| server.always = None)
        .act(Keeper::handle_removal_cancelled)
        .pass(20.0)
        // The API may have carried out the revocation although no answer arrived.
        .gives(&["101 peek"])
        .pass(5000.0);
    assert_eq!(timeline.count("revoke"), 0);
    assert_eq!(timeline.view().state, State::Alive);
    assert!(timeline.count("touch_head") > 0);
    assert_eq!(timeline.count("read_timeout"), 1);
}

#[test]
fn a_removal_that_is_called_off_with_a_newer_token_keeps_both() {
    let timeline = Timeline::new()
        .token(1)
        .pass(100.0)
        .server(|server| server.is_silent = true)
        .token(2)
        .pass(0.5)
        .skip()
        .act(|keeper, id, now| {
            keeper.handle_removed(id, OnShutdown::Revoke, now + seconds(10.0), now);
        })
        .act(Keeper::handle_removal_cancelled)
        .server(|server| server.is_silent = false)
        .pass(20.0)
        .gives(&["101 peek", "102 peek", "102 alive, replaced"]);
    assert_eq!(timeline.view().state, State::Alive);
}

#[test]
fn a_changed_intent_is_followed_and_a_changed_margin_disturbs_nothing() {
    let timeline = Timeline::new()
        .token(1)
        .pass(100.0)
        .skip()
        .act(|keeper, id, now| {
            keeper.handle_policy(
                id,
                Policy {
                    verify_every: 9,
                    ..head()
                },
                now,
            );
        })
        .pass(200.0)
        .gives(&[])
        .act(|keeper, id, now| keeper.handle_policy(id, lapsing(OnShutdown::Leave), now))
        .pass(700.0);
    assert_eq!(timeline.count("touch_head"), 0);
    assert_eq!(timeline.view().state, State::Lapsed);
}

#[test]
fn sessions_that_come_and_go_leave_nothing_behind() {
    let nameless = Verdict::Alive(TokenReport {
        organisation: None,
        organisation_name: None,
        client: None,
        client_end: None,
        idles_at: None,
    });
    let mut timeline = Timeline::new().server(|server| server.always = Some(nameless));
    for token in 1..=20 {
        let id = timeline.add(head());
        let now = timeline.now;
        timeline = timeline
            .token_of(id, token, now)
            .pass(1.0)
            .act(|keeper, _, now| keeper.handle_removed(id, OnShutdown::Leave, now, now));
    }
    assert_eq!(timeline.count("alive"), 20);
    let views: Vec<_> = timeline.keeper.views(timeline.now).collect();
    assert_eq!(
        views.len(),
        1,
        "only the session that never had a token is left"
    );
}

#[test]
fn a_revocation_without_an_answer_is_tried_three_times_within_the_grace() {
    for grace in [4.0, 8.0, 10.0, 90.0] {
        let timeline = Timeline::new()
            .token(1)
            .pass(100.0)
            .server(|server| server.hangs = true)
            .shutdown(OnShutdown::Revoke, grace)
            .pass(grace + 1.0);
        let tries = timeline.count("revoke");
        assert!((3..=8).contains(&tries), "{grace}: {tries}");
        assert_eq!(timeline.count("not revoked"), 1);
        assert!(timeline.keeper.is_stopped());
    }
}

#[test]
fn an_answer_that_is_not_the_apis_own_revokes_nothing_by_itself() {
    // A proxy answers in place of the API, and the token is still alive.
    let timeline = Timeline::new()
        .token(1)
        .pass(100.0)
        .skip()
        .server(|server| (server.is_a_proxy, server.keeps_revoked) = (true, true))
        .shutdown(OnShutdown::Revoke, 10.0)
        .pass(11.0);
    assert_eq!(timeline.count("revoked"), 0);
    assert_eq!(timeline.count("not revoked"), 1);
    // The API revokes the token, but a gateway removes the correlation id from its answers.
    Timeline::new()
        .token(1)
        .pass(100.0)
        .skip()
        .server(|server| server.is_a_proxy = true)
        .shutdown(OnShutdown::Revoke, 10.0)
        .pass(11.0)
        .gives(&["100 revoke", "101 peek", "101 revoked"]);
}

#[test]
fn a_refusal_that_passes_is_not_taken_for_a_revocation() {
    for refusal in [
        Verdict::Refused(Refusal::Unread),
        Verdict::Refused(Refusal::BadCredentials),
    ] {
        let timeline = Timeline::new()
            .token(1)
            .pass(100.0)
            .skip()
            .server(|server| server.always = Some(refusal.clone()))
            .shutdown(OnShutdown::Revoke, 10.0)
            .pass(2.0)
            .server(|server| server.always = None)
            .pass(9.0);
        assert_eq!(timeline.count("revoked"), 1, "{refusal:?}");
        assert!(timeline.count("revoke") >= 2, "{refusal:?}");
    }
}

#[test]
fn a_token_that_the_api_does_not_know_any_more_needs_no_revocation() {
    Timeline::new()
        .token(1)
        .pass(100.0)
        .skip()
        .kill(1)
        .server(|server| server.always = Some(dead()))
        .shutdown(OnShutdown::Revoke, 10.0)
        .pass(11.0)
        .gives(&["100 revoke", "101 peek", "103 peek", "103 revoked_before"]);
}

#[test]
fn a_session_that_is_removed_and_stopped_at_once_is_revoked_once() {
    let timeline = Timeline::new()
        .token(1)
        .pass(100.0)
        .skip()
        .server(|server| server.is_silent = true)
        .act(|keeper, id, now| {
            keeper.handle_removed(id, OnShutdown::Revoke, now + seconds(90.0), now);
        })
        .pass(0.0)
        .shutdown(OnShutdown::Revoke, 10.0)
        .pass(0.0)
        .gives(&["100 revoke"])
        .late_answer(Verdict::Accepted)
        .gives(&["100 revoked"]);
    assert!(timeline.keeper.is_stopped());
}

#[test]
fn a_token_that_was_revoked_before_its_removal_was_called_off_is_not_tried_again() {
    let timeline = Timeline::new()
        .token(1)
        .pass(100.0)
        .server(|server| server.peek_is = Some(unreachable()))
        .token(2)
        .pass(0.5)
        .act(|keeper, id, now| {
            keeper.handle_removed(id, OnShutdown::Revoke, now + seconds(10.0), now);
        });
    let mut timeline = timeline.skip();
    let command = timeline.keeper.poll_command(timeline.now).unwrap();
    let now = timeline.now;
    timeline
        .keeper
        .handle_outcome(command.ticket, &outcome(Verdict::Accepted, None), now);
    let timeline = timeline
        .act(Keeper::handle_removal_cancelled)
        .server(|server| server.peek_is = None)
        .kill(1)
        .token(1)
        .pass(60.0);
    assert_eq!(timeline.count("revoked"), 1);
    assert_eq!(timeline.count("alive"), 1);
    assert_eq!(timeline.view().state, State::Alive);
}
