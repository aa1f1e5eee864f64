//! Rules 1 and 8 where somebody asks for a touch before it is due.

use crate::keeper::timeline::{Timeline, seconds, unreachable};
use crate::keeper::{Intent, NoTouch, OnShutdown, Policy, State, Verdict};

fn want(timeline: Timeline) -> (Timeline, Result<(), NoTouch>) {
    let mut answer = Ok(());
    let timeline = timeline.act(|keeper, id, now| answer = keeper.handle_touch_wanted(id, now));
    (timeline, answer)
}

#[test]
fn a_touch_that_is_asked_for_is_sent_at_once_and_the_next_one_is_counted_from_it() {
    let timeline = Timeline::new().token(1).pass(100.0).skip();
    let (timeline, answer) = want(timeline);
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
        (timeline, answer) = want(timeline);
        assert_eq!(answer, Ok(()));
        timeline = timeline.pass(0.1);
    }
    let timeline = timeline.pass(10.0);
    // One for each second in which it was asked for, and one proof.
    assert!(timeline.count("touch_head") <= 3, "floor");
    assert!(timeline.count("touch_head") >= 2);
}

#[test]
fn a_wait_for_an_api_that_did_not_answer_is_cut_short_and_one_that_it_asked_for_is_not() {
    let silent = |timeline: Timeline| timeline.server(|it| it.always = Some(unreachable()));
    let timeline = silent(Timeline::new().token(1).pass(400.0))
        .pass(120.0)
        .skip();
    let (timeline, _) = want(timeline);
    let timeline = timeline.pass(1.1);
    assert!(timeline.count("touch_head") >= 1);

    let throttled = Verdict::Throttled {
        retry_after: Some(seconds(60.0)),
    };
    let timeline = Timeline::new()
        .token(1)
        .pass(300.0)
        .server(|it| it.always = Some(throttled))
        .pass(130.0)
        .skip();
    let (timeline, answer) = want(timeline);
    assert_eq!(answer, Ok(()));
    assert_eq!(timeline.pass(1.1).count("touch_head"), 0);
}

#[test]
fn a_lapsing_token_is_not_touched_whoever_asks() {
    let lapse = Policy {
        intent: Intent::Lapse,
        ..Policy::default()
    };
    let (timeline, answer) = want(Timeline::with(lapse).token(1).pass(10.0).skip());
    assert_eq!(answer, Err(NoTouch::Lapsing));
    assert_eq!(timeline.pass(2000.0).count("touch_head"), 0);
    // Nor one that is to lapse from now on.
    let (timeline, answer) = want(Timeline::new().token(1).pass(10.0).skip());
    assert_eq!(answer, Ok(()));
    let timeline = timeline
        .act(|keeper, id, now| keeper.handle_policy(id, lapse, now))
        .pass(2000.0);
    assert_eq!(timeline.count("touch_head"), 0);
}

#[test]
fn without_a_living_token_there_is_nothing_to_touch() {
    let (_, answer) = want(Timeline::new());
    assert_eq!(answer, Err(NoTouch::NotHeld(State::Absent)));
    let (_, answer) = want(Timeline::new().token(1).kill(1).pass(5.0));
    assert_eq!(answer, Err(NoTouch::NotHeld(State::Lost)));
    let ended = Timeline::new()
        .token(1)
        .pass(5.0)
        .shutdown(OnShutdown::Leave, 1.0);
    assert_eq!(want(ended).1, Err(NoTouch::Ending));
}
