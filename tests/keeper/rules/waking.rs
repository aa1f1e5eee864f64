//! Rule 7 after a change of the network and after a suspension of the machine.

use std::time::Duration;

use session_keepalive::keeper::{
    BlockReason, HostId, Intent, Keeper, Limits, NotTheApi, Offer, OnShutdown, Operation, Policy,
    Verdict,
};
use session_keepalive::time::Instant;
use session_keepalive::token::Fingerprint;

use crate::keeper::timeline::{Timeline, dead, head, outcome, seconds, throttled, unreachable};

fn network_changes(timeline: Timeline) -> Timeline {
    timeline.act(|keeper, _, now| {
        keeper.handle_network_changed(now);
    })
}

fn portal() -> Verdict {
    Verdict::Blocked(BlockReason::NotTheApi(NotTheApi::Redirect))
}

#[test]
fn who_was_not_heard_asks_within_a_second_of_a_change_of_the_network() {
    for in_the_way in [unreachable(), portal()] {
        let timeline = Timeline::new()
            .server(|server| server.always = Some(in_the_way))
            .token(1)
            .pass(600.0)
            .server(|server| server.always = None)
            .skip();
        let timeline = network_changes(timeline).pass(1.0);
        assert_eq!(timeline.count("alive"), 1);
    }
}

#[test]
fn a_token_that_lives_is_touched_within_a_second_of_a_change_of_the_network() {
    let timeline = Timeline::new()
        .token(1)
        .pass(500.0)
        .server(|server| server.always = Some(unreachable()))
        .pass(450.0)
        .server(|server| server.always = None)
        .skip();
    let timeline = network_changes(timeline).pass(1.0);
    assert_eq!(timeline.count("touch_head"), 1);
}

#[test]
fn a_change_in_vain_makes_the_waits_begin_anew_and_grow() {
    let timeline = Timeline::new()
        .server(|server| server.always = Some(unreachable()))
        .token(1)
        .pass(3600.0)
        .skip();
    let timeline = network_changes(timeline).pass(20.0);
    let tries = timeline.count("peek");
    assert!((4..=7).contains(&tries), "{tries}");
    assert_eq!(timeline.skip().pass(300.0).count("peek") / 10, 1);
}

#[test]
fn a_change_of_the_network_moves_nobody_who_was_throttled_or_answered() {
    let throttled = throttled(60.0);
    let forbidden = Verdict::Blocked(BlockReason::Forbidden("no".into()));
    for answer in [throttled, forbidden] {
        let timeline = Timeline::new()
            .server(|server| server.always = Some(answer))
            .token(1)
            .pass(300.0)
            .skip();
        let next = timeline.view().next;
        let timeline = network_changes(timeline);
        assert_eq!(timeline.view().next, next);
    }
    let timeline = network_changes(Timeline::new().token(1).pass(10.0).skip());
    timeline.pass(300.0).gives(&[]);
}

#[test]
fn the_floor_holds_however_often_the_network_changes() {
    let mut timeline = Timeline::new()
        .server(|server| server.always = Some(unreachable()))
        .token(1)
        .pass(60.0)
        .skip();
    for _ in 0..600 {
        timeline = network_changes(timeline).pass(0.1);
    }
    assert!(timeline.count("peek") <= 60);
}

#[test]
fn a_revocation_does_not_wait_when_the_network_comes_back() {
    let timeline = Timeline::new()
        .token(1)
        .pass(10.0)
        .server(|server| server.always = Some(unreachable()))
        .shutdown(OnShutdown::Revoke, 60.0)
        .pass(30.0)
        .server(|server| server.always = None)
        .skip();
    let timeline = network_changes(timeline).pass(1.0);
    assert_eq!(timeline.count("revoked"), 1);
}

#[test]
fn many_who_were_not_heard_do_not_come_back_at_once() {
    let mut keeper = Keeper::new(Limits::default(), 1);
    let mut now = Instant::BOOT + seconds(1000.0);
    for number in 0_u32..1000 {
        let id = keeper.handle_added(HostId(0), head());
        keeper.handle_token(id, Fingerprint::of(&number.to_be_bytes()), Offer::Seen, now);
    }
    let ask = |keeper: &mut Keeper, now| {
        let mut asked = 0;
        while let Some(command) = keeper.poll_command(now) {
            keeper.handle_outcome(command.ticket, &outcome(unreachable(), None), now);
            asked += 1;
        }
        asked
    };
    for _ in 0..8 {
        assert_eq!(ask(&mut keeper, now), 1000);
        now = now + seconds(31.0);
    }
    ask(&mut keeper, now);
    now = now + seconds(10.0);
    assert_eq!(keeper.handle_network_changed(now), 1000);
    let per_tenth: Vec<u32> = (1..=10)
        .map(|tenth| ask(&mut keeper, now + Duration::from_millis(100 * tenth)))
        .collect();
    assert!(per_tenth.iter().all(|&asked| asked < 150), "{per_tenth:?}");
}

#[test]
fn a_token_whose_margin_passed_in_sleep_is_looked_at_before_it_is_touched() {
    Timeline::new()
        .token(1)
        .pass(10.0)
        .skip()
        .sleep(600.0)
        .pass(4.0)
        .gives(&["610 peek", "612 touch_head", "613 peek", "613 proven"]);
}

#[test]
fn one_that_the_application_kept_alive_meanwhile_is_not_touched() {
    Timeline::new()
        .token(1)
        .pass(10.0)
        .skip()
        .application(1)
        .sleep(600.0)
        .application(1)
        .pass(300.0)
        .gives(&["610 peek"]);
}

#[test]
fn one_that_died_in_sleep_costs_three_looks_and_no_touch() {
    Timeline::new()
        .token(1)
        .pass(10.0)
        .skip()
        .sleep(28_800.0)
        .pass(3600.0)
        .gives(&["28810 peek", "28811 peek", "28816 peek", "28816 lost"]);
}

#[test]
fn a_short_sleep_changes_nothing() {
    let timeline = Timeline::new().token(1).pass(10.0).skip();
    let next = timeline.view().next;
    let timeline = timeline.sleep(100.0);
    assert_eq!(timeline.view().next, next);
}

#[test]
fn just_before_the_deadline_a_touch_is_not_put_off_by_a_look() {
    let timeline = Timeline::new().token(1).pass(10.0).skip();
    let deadline = timeline.view().live.unwrap().deadline.unwrap();
    let left = deadline.since(timeline.now).as_secs_f64();
    let timeline = timeline.sleep(left - 1.0).pass(0.9);
    assert_eq!(timeline.count("touch_head"), 1);
    assert_eq!(timeline.pass(900.0).count("lost"), 0);
}

#[test]
fn a_lapsing_token_is_only_looked_at_after_sleep() {
    Timeline::with(Policy {
        intent: Intent::Lapse,
        ..head()
    })
    .token(1)
    .pass(10.0)
    .skip()
    .sleep(3600.0)
    .pass(3600.0)
    .gives(&["3610 peek", "3611 peek", "3616 peek", "3616 lapsed"]);
}

#[test]
fn what_was_in_flight_over_a_sleep_is_asked_anew_and_its_answer_dropped() {
    let timeline = Timeline::new()
        .server(|server| server.is_silent = true)
        .token(1)
        .pass(1.0)
        .gives(&["0 peek"])
        .sleep(3600.0)
        .pass(1.0);
    assert_eq!(timeline.view().failures, 0);
    assert!(timeline.view().next.unwrap().is_under_way);
    let timeline = timeline.gives(&["3601 peek"]).late_answer(dead());
    assert_eq!(timeline.view().failures, 0);
    timeline.gives(&[]);
}

#[test]
fn many_that_slept_past_their_margin_are_looked_at_within_a_second_and_not_at_once() {
    let timeline = (1..=100).fold(Timeline::new(), |mut timeline, token| {
        let session = match token {
            1 => timeline.sessions[0],
            _ => timeline.add(head()),
        };
        let now = timeline.now;
        timeline.token_of(session, token, now)
    });
    let timeline = timeline.pass(10.0).skip().sleep(600.0).pass(0.5);
    let half = timeline.count(Operation::Peek.as_str());
    assert!((25..=75).contains(&half), "{half}");
    assert_eq!(timeline.pass(0.5).count(Operation::Peek.as_str()), 100);
}

#[test]
fn a_touch_that_is_proven_to_count_follows_the_look_after_sleep_within_a_second() {
    let mut timeline = Timeline::new().token(1).pass(450.0).skip().sleep(600.0);
    timeline = timeline.pass_until("peek");
    assert_eq!(timeline.pass(1.1).count("touch_head"), 1);
}

#[test]
fn a_token_that_is_to_lapse_is_not_looked_at_before_it_can_have_lapsed() {
    let lapse = Policy {
        intent: Intent::Lapse,
        ..head()
    };
    let timeline = Timeline::with(lapse)
        .token(1)
        .pass(850.0)
        .application(1)
        .pass(100.0)
        .skip();
    let deadline = timeline.view().live.unwrap().deadline.unwrap();
    let left = deadline.since(timeline.now).as_secs_f64();
    let timeline = timeline.sleep(left + 0.5).pass(1.2);
    assert_eq!(timeline.count("peek"), 0);
    assert_eq!(timeline.pass(1.0).count("peek"), 1);
}
