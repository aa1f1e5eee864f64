//! Rules 2, 3, 4, 5, 7 and 8: the touches of a living token.

use std::time::Duration;

use session_keepalive::keeper::{
    Failure, Intent, Margin, Policy, State, TimeoutReport, TimeoutSource, Verdict,
};
use session_keepalive::time::Instant;

use crate::keeper::timeline::{Timeline, head, seconds, unreachable};

fn timeout(organisation: Option<f64>, groups: &[f64]) -> Verdict {
    Verdict::Timeout(TimeoutReport {
        organisation: organisation.map(seconds),
        groups: groups.iter().copied().map(seconds).collect(),
    })
}

fn idle_timeout(timeline: &Timeline) -> (Duration, TimeoutSource) {
    let idle_timeout = timeline.view().live.unwrap().idle_timeout;
    (idle_timeout.duration, idle_timeout.source)
}

#[test]
fn the_first_request_is_a_peek_and_then_the_timeout_is_read() {
    Timeline::new().token(1).pass(400.0).gives(&[
        "0 peek",
        "0 alive",
        "1 read_timeout",
        "1 timeout read",
    ]);
}

#[test]
fn the_timeout_is_read_again_with_every_refresh_and_by_one_session() {
    let mut timeline = Timeline::new();
    let second_session = timeline.add(head());
    let now = timeline.now;
    let timeline = timeline
        .token(1)
        .token_of(second_session, 2, now)
        .pass(3700.0);
    assert_eq!(timeline.count("read_timeout"), 2);
}

#[test]
fn who_may_not_read_the_timeout_leaves_it_to_another_and_loses_nothing() {
    let forbidden = Verdict::Blocked(session_keepalive::keeper::BlockReason::Forbidden(
        "missing".into(),
    ));
    let mut timeline = Timeline::new();
    let second_session = timeline.add(head());
    let now = timeline.now;
    let timeline = timeline
        .server(|server| server.timeout_is = forbidden)
        .token(1)
        .token_of(second_session, 2, now)
        .pass(7300.0);
    assert_eq!(timeline.count("timeout not permitted"), 2);
    assert_eq!(timeline.count("read_timeout"), 2);
    assert_eq!(timeline.view().state, State::Alive);
}

#[test]
fn the_idle_timeout_is_configured_or_proven_or_the_organisations_or_300_seconds() {
    let without_deadline =
        |server: &mut crate::keeper::timeline::TimelineServer| server.reports_idles_at = false;
    let configured = Policy {
        idle_timeout: Some(seconds(600.0)),
        ..head()
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
        .server(without_deadline)
        .server(|server| server.timeout_is = timeout(Some(900.0), &[600.0, 1200.0, 0.0]))
        .token(1)
        .pass(3.0);
    assert_eq!(
        idle_timeout(&timeline),
        (seconds(600.0), TimeoutSource::Organisation)
    );

    let timeline = Timeline::new()
        .server(without_deadline)
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
        ..head()
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
            server.reports_idles_at = false;
            server.idle_timeout = seconds(1e6);
            server.timeout_is = timeout(None, &[]);
        })
        .token(1)
        .pass(3500.0);
    assert_eq!(timeline.count("touch_head"), 0);
    assert_eq!(timeline.count("peek"), 4);
    assert_eq!(timeline.view().live.unwrap().deadline, None);
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
        let policy = Policy { margin, ..head() };
        let timeline = Timeline::with(policy).token(1).pass(10.0);
        let live = timeline.view().live.unwrap();
        let (touch_at, margin_at) = (live.touch_at.unwrap(), live.margin_at.unwrap());
        assert!(touch_at < margin_at, "{margin:?}");
        assert!(margin_at.since(touch_at) <= seconds(100.0), "{margin:?}");
        assert_eq!(
            live.deadline.unwrap().since(margin_at),
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
    let live = timeline.view().live.unwrap();
    assert!(live.deadline.unwrap().since(active_at) >= seconds(898.0));
    assert!(live.touch_at.unwrap().since(active_at) >= seconds(390.0));
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
        timeline.view().live.unwrap().deadline,
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
            "1232 touch_head",
            "1251 touch_head",
            "1265 touch_head",
            "1276 touch_head",
            "1284 touch_head",
            "1290 touch_head",
            "1294 touch_head",
            "1298 touch_head",
            "1300 touch_head",
            "1302 touch_head",
            "1303 touch_head",
            "1304 touch_head",
            "1305 touch_head",
            "1306 touch_head",
            "1307 touch_head",
            "1308 touch_head",
            "1308 past deadline",
            "1325 touch_head",
            "1347 touch_head",
            "1364 touch_head",
            "1393 touch_head",
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
        assert_eq!(timeline.view().state, State::Alive, "begun at {begins}");
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
        .gives(&["824 touch_head", "889 touch_get", "889 at risk"]);
    Timeline::new()
        .token(1)
        .pass(500.0)
        .server(|server| server.always = Some(throttled(1e6)))
        .skip()
        .pass(840.0)
        .gives(&[
            "824 touch_head",
            "1303 touch_get",
            "1303 at risk",
            "1331 touch_head",
            "1331 past deadline",
        ]);
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
    let deadline = timeline.view().live.unwrap().deadline.unwrap();
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
                server.reports_idles_at = false;
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
        "0 alive",
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
        ..head()
    };
    Timeline::with(policy)
        .token(1)
        .pass(850.0)
        .application(1)
        .pass(2000.0)
        .gives(&[
            "0 peek",
            "0 alive",
            "900 peek",
            "1751 peek",
            "1752 peek",
            "1757 peek",
            "1757 lapsed",
        ]);
}

#[test]
fn a_token_with_two_seconds_left_is_touched_after_the_first_of_them() {
    let mut timeline = Timeline::new().server(|server| server.idle_timeout = seconds(6.0));
    let (session, begin) = (timeline.sessions[0], timeline.now);
    timeline = timeline
        .token_of(session, 1, begin - seconds(2.4))
        .pass(1.9);
    let touched_at = timeline.view().live.unwrap().touched_at;
    assert_eq!(touched_at, Some(begin + seconds(1.0)));
}

#[test]
fn a_session_is_ready_until_the_margin_of_its_token_has_passed() {
    let timeline = Timeline::new();
    assert!(!timeline.view().is_ready(timeline.now));
    let timeline = timeline.token(1).pass(10.0);
    let margin_at = timeline.view().live.unwrap().margin_at.unwrap();
    assert!(timeline.view().is_ready(margin_at - seconds(1.0)));
    assert!(!timeline.view().is_ready(margin_at));
    let lapse = Policy {
        intent: Intent::Lapse,
        ..head()
    };
    let timeline = Timeline::with(lapse);
    assert!(timeline.view().is_ready(timeline.now));
}

#[test]
fn the_time_that_was_left_shows_the_timeout_where_nothing_else_does() {
    let lapse = Policy {
        intent: Intent::Lapse,
        ..head()
    };
    let timeline = Timeline::with(lapse).token(1).pass(10.0);
    let left = seconds(899.0);
    assert_eq!(idle_timeout(&timeline), (left, TimeoutSource::Proven));
    // It is no news where the organisation says as much.
    let timeline = Timeline::new()
        .server(|server| server.timeout_is = timeout(Some(899.0), &[]))
        .token(1)
        .pass(10.0);
    assert_eq!(idle_timeout(&timeline), (left, TimeoutSource::Organisation));
}
