//! Rules 3, 4, 5, 7 and 8: when a token that lives is touched.

use crate::keeper::timeline::{Timeline, seconds, unreachable};
use crate::keeper::{
    Blockage, Failure, Intent, Margin, Policy, State, TimeoutReport, TimeoutSource, Verdict,
};

#[test]
fn the_first_request_is_a_peek_and_disturbs_nothing() {
    Timeline::new().token(1).pass(10.0).gives(&[
        "0 peek",
        "0 held",
        "1 read_timeout",
        "1 timeout read",
        "2 peek",
    ]);
}

#[test]
fn a_touch_is_due_at_the_margin_or_a_little_earlier() {
    Timeline::new()
        .token(1)
        .pass(10.0)
        .skip()
        .pass(900.0)
        .gives(&[]);
}

#[test]
fn a_session_with_time_left_is_quiet() {
    let timeline = Timeline::new()
        .token(1)
        .pass(10.0)
        .skip()
        .pass(380.0)
        .gives(&[]);
    assert_eq!(timeline.view().state, State::Held);
}
