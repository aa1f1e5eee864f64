//! Rules 2, 3, 4, 5, 7 and 8: when a token that lives is touched.

use std::time::Duration;

use crate::keeper::timeline::{Timeline, seconds, unreachable};
use crate::keeper::{
    Failure, Instant, Intent, Margin, Policy, State, TimeoutReport, TimeoutSource, Verdict,
};

fn timeout(organisation: Option<f64>, groups: &[f64]) -> Verdict {
    Verdict::Timeout(TimeoutReport {
        organisation: organisation.map(seconds),
        groups: groups.iter().copied().map(seconds).collect(),
    })
}

fn idle_timeout(timeline: &Timeline) -> (Duration, TimeoutSource) {
    let idle_timeout = timeline.view().held.unwrap().idle_timeout;
    (idle_timeout.duration, idle_timeout.source)
}

#[test]
fn the_first_request_is_a_peek_and_then_the_timeout_is_read() {
    Timeline::new().token(1).pass(400.0).gives(&[
        "0 peek",
        "0 held",
        "1 read_timeout",
        "1 timeout read",
    ]);
}

#[test]
fn the_timeout_is_read_again_with_every_refresh_and_by_one_session() {
    let mut timeline = Timeline::new();
    let other = timeline.add(Policy::default());
    let now = timeline.now;
    let timeline = timeline.token(1).token_of(other, 2, now).pass(3700.0);
    assert_eq!(timeline.count("read_timeout"), 2);
}

#[test]
fn who_may_not_read_the_timeout_leaves_it_to_another_and_loses_nothing() {
    let forbidden = Verdict::Blocked(crate::keeper::Blockage::Forbidden("missing".into()));
    let mut timeline = Timeline::new();
    let other = timeline.add(Policy::default());
    let now = timeline.now;
    let timeline = timeline
        .server(|server| server.timeout_is = forbidden)
        .token(1)
        .token_of(other, 2, now)
        .pass(7300.0);
    assert_eq!(timeline.count("timeout not permitted"), 2);
    assert_eq!(timeline.count("read_timeout"), 2);
    assert_eq!(timeline.view().state, State::Held);
}

#[test]
fn the_idle_timeout_is_configured_or_proven_or_the_organisations_or_300_seconds() {
    let untold = |server: &mut crate::keeper::timeline::Server| server.tells_idles_at = false;
    let configured = Policy {
        idle_timeout: Some(seconds(600.0)),
        ..Policy::default()
    };
    let timeline = Timeline::with(configured).token(1).pass(3.0);
    assert_eq!(
        idle_timeout(&timeline),
        (seconds(600.0), TimeoutSource::Configured)
    );

    let timeline = Timeline::new().token(1).pass(500.0);
    assert_eq!(
        idle_timeout(&timeline),
        (seconds(900.0), TimeoutSource::Proven)
    );

    let timeline = Timeline::new()
        .server(untold)
        .server(|server| server.timeout_is = timeout(Some(900.0), &[600.0, 1200.0, 0.0]))
        .token(1)
        .pass(3.0);
    assert_eq!(
        idle_timeout(&timeline),
        (seconds(600.0), TimeoutSource::Organisation)
    );

    let timeline = Timeline::new()
        .server(untold)
        .server(|server| server.timeout_is = unreachable())
        .token(1)
        .pass(3.0);
    assert_eq!(
        idle_timeout(&timeline),
        (seconds(300.0), TimeoutSource::Assumed)
    );
}

#[test]
fn a_configured_timeout_that_is_proven_too_long_is_not_followed() {
    let too_long = Policy {
        idle_timeout: Some(seconds(28_800.0)),
        verify_every: 7,
        ..Policy::default()
    };
    let timeline = Timeline::with(too_long).token(1).pass(7200.0);
    assert_eq!(timeline.count("lost"), 0);
    let touches = timeline.count("touch_head");
    assert!((15..22).contains(&touches), "{touches}");
    assert_eq!(
        idle_timeout(&timeline),
        (seconds(900.0), TimeoutSource::Proven)
    );
}

#[test]
fn where_nothing_idles_out_the_token_is_peeked_at_slowly_and_never_touched() {
    let timeline = Timeline::new()
        .server(|server| {
            server.tells_idles_at = false;
            server.idle_timeout = seconds(1e6);
            server.timeout_is = timeout(None, &[]);
        })
        .token(1)
        .pass(3500.0);
    assert_eq!(timeline.count("touch_head"), 0);
    assert_eq!(timeline.count("peek"), 4);
    assert_eq!(timeline.view().held.unwrap().deadline, None);
}

#[test]
fn a_shortened_timeout_is_followed_as_soon_as_it_is_read() {
    Timeline::new()
        .token(1)
        .pass(3500.0)
        .server(|server| {
            server.timeout_is = timeout(Some(300.0), &[]);
            server.idle_timeout = seconds(300.0);
        })
        .skip()
        .pass(300.0)
        .gives(&[
            "3601 read_timeout",
            "3601 timeout read",
            "3602 touch_head",
            "3603 peek",
            "3738 touch_head",
            "3739 peek",
            "3739 proven",
        ]);
}

#[test]
fn a_touch_is_due_at_the_margin_or_a_little_earlier_and_never_later() {
    for margin in [
        Margin::Percent(50),
        Margin::Percent(90),
        Margin::Time(seconds(60.0)),
    ] {
        let policy = Policy {
            margin,
            ..Policy::default()
        };
        let timeline = Timeline::with(policy).token(1).pass(10.0);
        let held = timeline.view().held.unwrap();
        let (touch_at, margin_at) = (held.touch_at.unwrap(), held.margin_at.unwrap());
        assert!(touch_at < margin_at, "{margin:?}");
        assert!(margin_at.since(touch_at) <= seconds(100.0), "{margin:?}");
        assert_eq!(
            held.deadline.unwrap().since(margin_at),
            margin.of(seconds(900.0))
        );
    }
}

#[test]
fn a_touch_moves_with_the_activity_of_the_application() {
    let timeline = Timeline::new()
        .token(1)
        .pass(825.0)
        .server(|server| server.always = Some(unreachable()))
        .pass(60.0)
        .server(|server| server.always = None)
        .application(1);
    let active_at = timeline.now;
    let timeline = timeline.skip().pass(30.0);
    assert_eq!(timeline.count("peek"), 1);
    let held = timeline.view().held.unwrap();
    assert!(held.deadline.unwrap().since(active_at) >= seconds(898.0));
    assert!(held.touch_at.unwrap().since(active_at) >= seconds(390.0));
}

#[test]
fn idle_time_counts_from_when_an_accepted_request_was_sent() {
    let timeline = Timeline::new()
        .token(1)
        .pass(500.0)
        .skip()
        .server(|server| server.is_silent = true)
        .pass(330.0)
        .gives(&["824 touch_head"]);
    let sent_at = timeline.unanswered[0].sent_at;
    let timeline = timeline.late_answer(Verdict::Accepted);
    assert_eq!(
        timeline.view().held.unwrap().deadline,
        Some(sent_at + seconds(900.0))
    );
}

#[test]
fn failures_are_retried_ever_later_and_once_more_before_the_deadline() {
    Timeline::new()
        .token(1)
        .pass(500.0)
        .skip()
        .server(|server| server.always = Some(unreachable()))
        .pass(900.0)
        .gives(&[
            "824 touch_head",
            "825 touch_head",
            "827 touch_head",
            "829 touch_head",
            "836 touch_head",
            "850 touch_head",
            "878 touch_head",
            "878 at risk",
            "902 touch_head",
            "919 touch_head",
            "935 touch_head",
            "953 touch_head",
            "968 touch_head",
            "996 touch_head",
            "1012 touch_head",
            "1033 touch_head",
            "1057 touch_head",
            "1080 touch_head",
            "1103 touch_head",
            "1128 touch_head",
            "1152 touch_head",
            "1179 touch_head",
            "1207 touch_head",
            "1236 touch_head",
            "1258 touch_head",
            "1280 touch_head",
            "1296 touch_head",
            "1303 touch_head",
            "1319 touch_head",
            "1319 past deadline",
            "1345 touch_head",
            "1367 touch_head",
            "1395 touch_head",
        ]);
}

#[test]
fn an_outage_as_long_as_the_margin_loses_nothing_whenever_it_begins() {
    for begins in 0..450 {
        let timeline = Timeline::new()
            .token(1)
            .pass(500.0 + f64::from(begins))
            .server(|server| server.always = Some(unreachable()))
            .pass(450.0)
            .server(|server| server.always = None)
            .skip()
            .pass(1000.0);
        assert_eq!(timeline.count("lost"), 0, "begun at {begins}");
        assert_eq!(timeline.view().state, State::Held, "begun at {begins}");
    }
}

#[test]
fn retry_after_is_honoured_but_for_one_last_try_before_the_deadline() {
    let throttled = |wait| Verdict::Throttled {
        retry_after: Some(seconds(wait)),
    };
    Timeline::new()
        .token(1)
        .pass(500.0)
        .server(|server| server.always = Some(throttled(60.0)))
        .skip()
        .pass(410.0)
        .gives(&["824 touch_head", "889 touch_head", "889 at risk"]);
    Timeline::new()
        .token(1)
        .pass(500.0)
        .server(|server| server.always = Some(throttled(1e6)))
        .skip()
        .pass(1500.0)
        .gives(&["824 touch_head", "1303 touch_head", "1303 at risk"]);
}

#[test]
fn past_the_deadline_the_daemon_goes_on_asking_until_the_api_says_that_the_token_is_lost() {
    let timeline = Timeline::new()
        .token(1)
        .pass(500.0)
        .server(|server| server.always = Some(unreachable()))
        .pass(3600.0);
    assert_eq!(timeline.count("past deadline"), 1);
    assert_eq!(timeline.count("lost"), 0);
    let asked = timeline.count("touch_head");
    assert!((90..260).contains(&asked), "{asked}");
    assert_eq!(timeline.view().state, State::AtRisk);
}

#[test]
fn a_request_ends_before_the_last_try_is_due() {
    let timeline = Timeline::new()
        .token(1)
        .pass(500.0)
        .server(|server| server.always = Some(Verdict::Unreachable(Failure::TimedOut)))
        .pass(785.0)
        .server(|server| server.is_silent = true)
        .pass(25.0);
    let deadline = timeline.view().held.unwrap().deadline.unwrap();
    let last_try_at = deadline - seconds(5.0);
    for command in &timeline.unanswered {
        if command.sent_at < last_try_at {
            assert!(
                command.sent_at + command.time_limit <= last_try_at,
                "{command:?}"
            );
        } else if command.sent_at < deadline {
            assert!(
                command.sent_at + command.time_limit <= deadline,
                "{command:?}"
            );
        }
    }
    assert!(!timeline.unanswered.is_empty());
}

#[test]
fn between_two_requests_of_a_session_lies_a_second_whatever_the_server_says() {
    let absurd = [
        timeout(Some(1.0), &[]),
        timeout(Some(1e-9), &[0.0]),
        timeout(None, &[1e18]),
    ];
    for timeout_is in absurd {
        let timeline = Timeline::new()
            .server(|server| {
                server.timeout_is = timeout_is;
                server.idle_timeout = seconds(1.5);
                server.tells_idles_at = false;
            })
            .token(1)
            .pass(60.0);
        let requests = ["peek", "touch_head", "touch_get", "read_timeout"];
        let asked: usize = requests.iter().map(|request| timeline.count(request)).sum();
        assert!(asked <= 61, "{asked}");
    }
}

#[test]
fn an_answer_that_never_comes_is_given_up() {
    let timeline = Timeline::new()
        .server(|server| server.is_silent = true)
        .token(1)
        .pass(60.0);
    assert_eq!(timeline.count("peek"), 3);
    assert_eq!(timeline.count("unanswered"), 1);
}

#[test]
fn a_token_that_idles_already_is_touched_at_once() {
    let mut timeline = Timeline::new();
    let session = timeline.sessions[0];
    timeline.server.idle_timeout = seconds(900.0);
    let active_at = Instant::BOOT + seconds(120.0);
    timeline.token_of(session, 1, active_at).pass(5.0).gives(&[
        "0 peek",
        "0 held",
        "1 read_timeout",
        "1 timeout read",
        "2 touch_head",
        "3 peek",
        "3 proven",
    ]);
}

#[test]
fn a_lapsing_token_is_only_ever_peeked_at() {
    let policy = Policy {
        intent: Intent::Lapse,
        ..Policy::default()
    };
    Timeline::with(policy)
        .token(1)
        .pass(850.0)
        .application(1)
        .pass(2000.0)
        .gives(&[
            "0 peek",
            "0 held",
            "900 peek",
            "1751 peek",
            "1752 peek",
            "1752 lapsed",
        ]);
}
