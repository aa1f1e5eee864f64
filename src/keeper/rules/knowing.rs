//! Rule 3: what is believed of the idle timeout, and for how long.

use crate::keeper::timeline::{Timeline, seconds};
use crate::keeper::{TimeoutReport, Verdict};

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
            server.tells_idles_at = false;
            server.idle_timeout = seconds(1e6);
        })
        .pass(1000.0)
        .skip()
        .pass(7200.0);
    assert_eq!(timeline.count("touch_head"), 0);
    assert!((7..=9).contains(&timeline.count("peek")));
    assert_eq!(timeline.view().held.unwrap().deadline, None);
    let timeline = timeline
        .server(|server| {
            server.timeout_is = timeout(Some(7200.0));
            server.tells_idles_at = true;
            server.idle_timeout = seconds(7200.0);
        })
        .application(1)
        .pass(20_000.0);
    assert!(timeline.count("touch_head") > 2);
    assert_eq!(timeline.count("lost"), 0);
}
