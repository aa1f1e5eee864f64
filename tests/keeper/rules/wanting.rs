//! Rules 1 and 8 for touches on request.

use session_keepalive::keeper::{Intent, NoTouch, OnShutdown, Policy, State};

use crate::keeper::timeline::{Timeline, head, seconds, throttled, unreachable};

fn request_touch(timeline: Timeline) -> (Timeline, Result<(), NoTouch>) {
    let mut answer = Ok(());
    let timeline = timeline.act(|keeper, id, now| answer = keeper.handle_touch_wanted(id, now));
    (timeline, answer)
}

#[test]
fn a_touch_that_is_asked_for_is_sent_at_once_and_the_next_one_is_counted_from_it() {
    let timeline = Timeline::new().token(1).pass(100.0).skip();
    let (timeline, answer) = request_touch(timeline);
    assert_eq!(answer, Ok(()));
    let timeline = timeline
        .pass(5.0)
        .gives(&["100 touch_head", "101 peek", "101 proven"]);
    let next = timeline.view().next.unwrap();
    assert!(next.at > timeline.now + seconds(390.0), "{next:?}");
}

#[test]
fn a_touch_that_is_asked_for_keeps_the_floor_and_is_sent_once_however_often_it_is_asked_for() {
    let mut timeline = Timeline::new().token(1).pass(100.0).skip();
    for _ in 0..20 {
        let answer;
        (timeline, answer) = request_touch(timeline);
        assert_eq!(answer, Ok(()));
        timeline = timeline.pass(0.1);
    }
    let timeline = timeline.pass(10.0);
    // The touches are requested for two seconds, and the floor allows one request a second, be it
    // a touch or a proof.
    assert!(timeline.count("touch_head") <= 3, "floor");
    assert!(timeline.count("touch_head") >= 2);
}

#[test]
fn a_wait_for_an_api_that_did_not_answer_is_cut_short_and_one_that_it_asked_for_is_not() {
    let silent = |timeline: Timeline| timeline.server(|server| server.always = Some(unreachable()));
    let timeline = silent(Timeline::new().token(1).pass(400.0))
        .pass(120.0)
        .skip();
    let (timeline, _) = request_touch(timeline);
    let timeline = timeline.pass(1.1);
    assert!(timeline.count("touch_head") >= 1);

    let throttled = throttled(60.0);
    let timeline = Timeline::new()
        .token(1)
        .pass(300.0)
        .server(|server| server.always = Some(throttled))
        .pass(130.0)
        .skip();
    let (timeline, answer) = request_touch(timeline);
    assert_eq!(answer, Ok(()));
    assert_eq!(timeline.pass(1.1).count("touch_head"), 0);
}

#[test]
fn a_lapsing_token_is_not_touched_whoever_asks() {
    let lapse = Policy {
        intent: Intent::Lapse,
        ..head()
    };
    let (timeline, answer) = request_touch(Timeline::with(lapse).token(1).pass(10.0).skip());
    assert_eq!(answer, Err(NoTouch::Lapsing));
    assert_eq!(timeline.pass(2000.0).count("touch_head"), 0);
    // A later change of the intent cancels a touch that was requested.
    let (timeline, answer) = request_touch(Timeline::new().token(1).pass(10.0).skip());
    assert_eq!(answer, Ok(()));
    let timeline = timeline
        .act(|keeper, id, now| keeper.handle_policy(id, lapse, now))
        .pass(2000.0);
    assert_eq!(timeline.count("touch_head"), 0);
}

#[test]
fn without_a_living_token_there_is_nothing_to_touch() {
    let (_, answer) = request_touch(Timeline::new());
    assert_eq!(answer, Err(NoTouch::NotAlive(State::Absent)));
    let (_, answer) = request_touch(Timeline::new().token(1).kill(1).pass(20.0));
    assert_eq!(answer, Err(NoTouch::NotAlive(State::Lost)));
    let ended = Timeline::new()
        .token(1)
        .pass(5.0)
        .shutdown(OnShutdown::Leave, 1.0);
    assert_eq!(request_touch(ended).1, Err(NoTouch::Ending));
}
