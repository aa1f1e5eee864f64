//! Rules 3, 6, 7 and 8 with several faults at once: no token is lost that a request could have kept
//! alive, and no fault causes requests without end.

use session_keepalive::keeper::{
    BlockReason, EventKind, Failure, HostId, Intent, Limits, Margin, NotTheApi, OnShutdown,
    Operation, Outcome, Policy, Refusal, Reset, SessionId, State, TimeoutReport, TokenReport,
    Touch, TouchPreference, Verdict,
};
use session_keepalive::time::ServerTime;

use crate::keeper::timeline::{Timeline, dead, head, outcome, seconds, throttled, unreachable};

const REQUESTS: [&str; 4] = ["peek", "touch_head", "touch_get", "read_timeout"];

fn requests(timeline: &Timeline) -> usize {
    REQUESTS.iter().map(|request| timeline.count(request)).sum()
}

fn timeout(organisation: Option<f64>) -> Verdict {
    Verdict::Timeout(TimeoutReport {
        organisation: organisation.map(seconds),
        groups: Vec::new(),
    })
}

fn lapse() -> Policy {
    Policy {
        intent: Intent::Lapse,
        ..head()
    }
}

/// Creates a timeline with many sessions, since each has a different jitter.
fn many(count: u32) -> Timeline {
    (1..=count).fold(Timeline::new(), |mut timeline, token| {
        let session = match token {
            1 => timeline.sessions[0],
            _ => timeline.add(head()),
        };
        let now = timeline.now;
        timeline.token_of(session, token, now)
    })
}

#[test]
fn a_silent_outage_that_ends_ten_seconds_before_the_deadline_loses_nothing() {
    for back_before in [10.0, 5.5, 4.0] {
        let timeline = many(200)
            .pass(300.0)
            .server(|server| server.hangs = true)
            .pass(898.0 - 300.0 - back_before)
            .server(|server| server.hangs = false)
            .pass(300.0);
        assert_eq!(timeline.count("lost"), 0, "{back_before}");
    }
}

#[test]
fn the_last_attempt_starts_at_its_moment_though_another_request_is_in_flight() {
    let timeline = Timeline::new()
        .token(1)
        .pass(300.0)
        .server(|server| server.is_silent = true)
        .pass(595.0);
    let deadline = timeline.view().live.unwrap().deadline.unwrap();
    let last_try_at = deadline - seconds(5.0);
    let last = timeline.unanswered.last().unwrap();
    assert_eq!(last.sent_at, last_try_at);
    assert!(matches!(last.operation, Operation::Touch(_)));
    let before = &timeline.unanswered[timeline.unanswered.len() - 2];
    assert!(before.sent_at < last_try_at);
}

#[test]
fn a_token_that_is_first_seen_near_its_end_is_not_touched_every_second() {
    for left in [0.5, 1.0, 2.0, 3.0, 10.0, 20.0] {
        for (margin, most) in [
            (Margin::Percent(50), 40),
            (Margin::Percent(90), 130),
            (Margin::Time(seconds(300.0)), 40),
        ] {
            for timeout_is in [timeout(Some(900.0)), unreachable()] {
                let policy = Policy { margin, ..head() };
                let mut timeline = Timeline::with(policy).server(|server| {
                    server.timeout_is = timeout_is.clone();
                });
                let session = timeline.sessions[0];
                let active_at = timeline.now - seconds(900.0 - left);
                timeline = timeline.token_of(session, 1, active_at).pass(3600.0);
                // A token with a second left cannot be kept: it ends before a second request can
                // be sent.
                let is_kept = timeline.count("lost") == 0;
                assert!(is_kept || left <= 1.0, "{left} {margin:?}");
                let asked = requests(&timeline);
                // A timeout that cannot be read is read again every minute.
                let most = most + timeline.count("read_timeout");
                assert!(asked <= most, "{left} {margin:?} {timeout_is:?}: {asked}");
            }
        }
    }
}

#[test]
fn a_lapsing_token_that_outlives_its_deadline_is_looked_at_slowly() {
    let mut timeline = Timeline::with(lapse());
    let session = timeline.sessions[0];
    // The server reports a deadline that is always a second away.
    timeline.server.idle_timeout = seconds(1e6);
    timeline.server.idles_later = seconds(0.0);
    let active_at = timeline.now;
    let timeline = timeline
        .server(|server| server.always = Some(alive_with_a_second_left()))
        .token_of(session, 1, active_at)
        .pass(3600.0);
    let asked = timeline.count("peek");
    assert!(asked <= 125, "{asked}");
}

fn alive_with_a_second_left() -> Verdict {
    Verdict::Alive(TokenReport {
        organisation: Some("o".into()),
        organisation_name: None,
        client: None,
        client_end: None,
        idles_at: Some(ServerTime::from_unix_milliseconds(1_764_001_001_000)),
    })
}

#[test]
fn a_deadline_more_than_eight_hours_ahead_proves_nothing() {
    for (timeout_is, most) in [(timeout(Some(900.0)), 600), (unreachable(), 3000)] {
        let timeline = Timeline::new()
            .server(|server| {
                server.idles_later = seconds(29_000.0);
                server.timeout_is = timeout_is;
            })
            .token(1)
            .pass(86_400.0);
        assert_eq!(timeline.count("lost"), 0);
        let asked = requests(&timeline);
        assert!(asked <= most, "{asked}");
    }
}

#[test]
fn where_something_refuses_head_the_token_is_kept_by_get() {
    let blocked = |reason| Verdict::Blocked(reason);
    let rejected = |status| blocked(BlockReason::Rejected(status, status.to_string().into()));
    let refusals = [
        rejected(400),
        blocked(BlockReason::Forbidden("403".into())),
        rejected(404),
        rejected(405),
        blocked(BlockReason::NotTheApi(NotTheApi::ProxyAuthentication)),
        rejected(421),
        rejected(425),
        throttled(60.0),
        rejected(451),
        Verdict::Unreachable(Failure::ServerError(500)),
        Verdict::Unreachable(Failure::ServerError(501)),
        Verdict::Unreachable(Failure::ServerError(520)),
        Verdict::Unreachable(Failure::TimedOut),
        Verdict::Unreachable(Failure::Broken),
        blocked(BlockReason::NotTheApi(NotTheApi::Redirect)),
        blocked(BlockReason::NotTheApi(NotTheApi::UnexpectedBody)),
        Verdict::Refused(Refusal::Unread),
    ];
    for refusal in refusals {
        for excludes_get_first in [false, true] {
            let timeline = Timeline::new()
                .server(|server| {
                    server.get_excluded = excludes_get_first;
                    server.head_excluded = excludes_get_first;
                })
                .token(1)
                .pass(if excludes_get_first { 800.0 } else { 300.0 })
                .server(|server| {
                    (server.get_excluded, server.head_excluded) = (false, false);
                    server.head_is = Some(refusal.clone());
                })
                .pass(40_000.0);
            assert_eq!(timeline.count("lost"), 0, "{refusal:?}");
            assert_eq!(timeline.view().state, State::Alive, "{refusal:?}");
            let heads = timeline.count("touch_head");
            assert!(heads <= 20, "{refusal:?}: {heads}");
        }
    }
}

#[test]
fn the_touch_that_was_refused_is_tried_again_after_hours() {
    let timeline = Timeline::new()
        .server(|server| {
            server.head_is = Some(Verdict::Blocked(BlockReason::Forbidden("no".into())));
        })
        .token(1)
        .pass(1000.0);
    assert_eq!(timeline.count("head refused"), 1);
    let timeline = timeline
        .server(|server| server.head_is = None)
        .skip()
        .pass(6.0 * 3600.0 + 1000.0);
    assert!(timeline.count("touch_head") > 0);
    assert_eq!(timeline.view().live.unwrap().touch, Touch::Head);
}

#[test]
fn an_exclusion_is_forgotten_after_hours_and_belongs_to_the_organisation() {
    let mut timeline = Timeline::new().server(|server| server.head_excluded = true);
    let second_session = timeline.add(head());
    let timeline = timeline.token(1).pass(1000.0);
    assert_eq!(timeline.count("head excluded"), 1);
    // Another session of the organisation starts with the knowledge of the first.
    let now = timeline.now;
    let timeline = timeline
        .skip()
        .token_of(second_session, 2, now)
        .pass(3600.0);
    assert_eq!(timeline.count("touch_head"), 0);
    let timeline = timeline
        .server(|server| server.head_excluded = false)
        .skip()
        .pass(7.0 * 3600.0);
    assert!(timeline.count("touch_head") > 0);
    assert_eq!(timeline.count("lost"), 0);
}

#[test]
fn what_was_throttled_while_it_was_to_lapse_is_touched_in_time_when_it_is_to_be_kept() {
    let throttled = throttled(3600.0);
    let timeline = Timeline::with(lapse())
        .token(1)
        .server(|server| server.idle_timeout = seconds(1200.0))
        .pass(895.0)
        .server(|server| server.always = Some(throttled))
        .pass(10.0)
        .act(|keeper, id, now| keeper.handle_policy(id, head(), now))
        .server(|server| server.always = None)
        .pass(600.0);
    assert_eq!(timeline.count("lost"), 0);
    assert!(timeline.count("touch_head") >= 1);
}

#[test]
fn a_timeout_that_is_made_shorter_while_a_retry_waits_moves_the_retry() {
    let throttled = throttled(440.0);
    let shorter = Policy {
        idle_timeout: Some(seconds(600.0)),
        ..head()
    };
    let timeline = Timeline::new()
        .token(1)
        .pass(500.0)
        .server(|server| server.always = Some(throttled))
        .pass(330.0);
    let touched_at = timeline.view().live.unwrap().touched_at.unwrap();
    let timeline = timeline
        .act(|keeper, id, now| keeper.handle_policy(id, shorter, now))
        .server(|server| (server.always, server.idle_timeout) = (None, seconds(600.0)));
    assert_eq!(
        timeline.view().live.unwrap().deadline,
        Some(touched_at + seconds(600.0))
    );
    let timeline = timeline.pass(600.0);
    assert_eq!(timeline.count("lost"), 0);
}

#[test]
fn a_postponed_touch_is_not_put_off_past_a_deadline_that_came_nearer() {
    let configured = |idle_timeout| Policy {
        idle_timeout: Some(seconds(idle_timeout)),
        ..head()
    };
    let timeline = Timeline::with(configured(28_800.0))
        .server(|server| {
            server.idle_timeout = seconds(28_800.0);
            server.timeout_is = Verdict::Blocked(BlockReason::Forbidden("no".into()));
            (server.head_excluded, server.get_excluded) = (true, true);
        })
        .token(1)
        .pass(15_000.0);
    assert_eq!(timeline.count("excluded"), 1);
    let shorter = configured(18_000.0);
    let timeline = timeline.act(|keeper, id, now| keeper.handle_policy(id, shorter, now));
    let live = timeline.view().live.unwrap();
    let next = timeline.view().next.unwrap();
    assert!(next.at <= live.deadline.unwrap(), "{next:?} {live:?}");
}

#[test]
fn a_host_that_never_answers_does_not_hold_up_another() {
    let mut timeline = Timeline::new().act(|keeper, _, now| {
        let limits = Limits {
            in_flight_max: 8,
            ..Limits::default()
        };
        keeper.handle_limits(limits, now);
    });
    let healthy = timeline.add_at(HostId(1), head());
    for token in 10..410 {
        let session = timeline.add(head());
        let now = timeline.now;
        timeline = timeline.server(|server| server.is_silent = true);
        timeline = timeline.token_of(session, token, now);
    }
    let timeline = timeline.pass(0.0);
    assert_eq!(timeline.count("peek"), 8, "no more than may be in flight");
    let now = timeline.now;
    let timeline = timeline
        .server(|server| server.is_silent = false)
        .skip()
        .token_of(healthy, 1, now)
        .pass(0.0)
        .gives(&["0 peek", "0 alive"]);
    // The stop reaches the tokens of the other host as well.
    let timeline = timeline
        .server(|server| server.is_silent = true)
        .shutdown(OnShutdown::Revoke, 10.0)
        .pass(0.0);
    let revoked = |command: &session_keepalive::keeper::Command| {
        command.operation == Operation::Revoke && command.ticket.session == healthy
    };
    assert!(timeline.unanswered.iter().any(revoked));
}

#[test]
fn where_a_host_has_more_to_do_than_it_answers_the_nearest_deadline_goes_first() {
    let mut timeline = Timeline::new().act(|keeper, _, now| {
        let limits = Limits {
            in_flight_max: 1,
            ..Limits::default()
        };
        keeper.handle_limits(limits, now);
    });
    let late = timeline.add(head());
    let urgent = timeline.add(Policy {
        idle_timeout: Some(seconds(600.0)),
        ..head()
    });
    let now = timeline.now;
    let timeline = timeline.token_of(late, 2, now).token_of(urgent, 3, now);
    let timeline = timeline
        .pass(250.0)
        .server(|server| server.hangs = true)
        .token(1)
        .pass(250.0);
    // The new token takes the only place in flight at times; the session with the nearer deadline
    // takes it in between.
    let live = |session| timeline.keeper.view(session, timeline.now).unwrap();
    assert!(live(urgent).failures > 0);
}

#[test]
fn the_last_attempt_does_not_wait_for_a_place_at_a_host_that_hangs() {
    let mut timeline = Timeline::new()
        .act(|keeper, _, now| {
            let limits = Limits {
                in_flight_max: 1,
                ..Limits::default()
            };
            keeper.handle_limits(limits, now);
        })
        .token(1)
        .pass(400.0)
        .server(|server| server.is_silent = true);
    let kept = timeline.sessions[0];
    let deadline = timeline.view().live.unwrap().deadline.unwrap();
    // New tokens, which have less time, hold the only place.
    for token in 10..40 {
        let session = timeline.add(head());
        let now = timeline.now;
        timeline = timeline.token_of(session, token, now);
    }
    let left = deadline.since(timeline.now).as_secs_f64();
    let timeline = timeline.pass(left);
    let attempts = timeline.unanswered.iter();
    let attempts: Vec<_> = attempts
        .filter(|command| command.ticket.session == kept)
        .map(|command| deadline.since(command.sent_at))
        .collect();
    assert_eq!(attempts, [seconds(5.0)]);
}

#[test]
fn a_refusal_whose_reason_is_in_every_second_answer_is_reported_twice() {
    let forbidden = |code: &str| Verdict::Blocked(BlockReason::Forbidden(code.into()));
    let timeline = Timeline::new().token(1).pass(300.0).server(|server| {
        // The answer to HEAD has no body.
        server.head_is = Some(forbidden("403"));
        server.always = Some(forbidden("missing.permissions"));
    });
    let timeline = timeline.skip().pass(1100.0);
    assert!(timeline.count("touch_head") > 2 && timeline.count("touch_get") > 2);
    let reported = timeline.count("blocked");
    assert!((1..=2).contains(&reported), "{reported}");
}

#[test]
fn the_time_in_the_queue_is_counted_whatever_changes_meanwhile() {
    let limits = Limits {
        in_flight_max: 1,
        ..Limits::default()
    };
    let queued = |changes: bool| {
        let timeline = Timeline::new()
            .act(|keeper, _, now| keeper.handle_limits(limits, now))
            .token(1)
            .pass(400.0)
            .server(|server| server.is_silent = true);
        let kept = timeline.sessions[0];
        let touch_at = timeline.view().live.unwrap().touch_at.unwrap();
        let wait = touch_at.since(timeline.now).as_secs_f64();
        let mut timeline = timeline.pass(wait - 1.0);
        // The request for a new token holds the only place.
        let other = timeline.add(head());
        let now = timeline.now;
        let mut timeline = timeline.token_of(other, 2, now).pass(6.0);
        if changes {
            timeline = timeline.act(|keeper, _, now| keeper.handle_limits(limits, now));
        }
        let mut timeline = timeline.pass(30.0);
        let mut commands = timeline.unanswered.iter();
        let touch = commands
            .find(|command| command.ticket.session == kept)
            .unwrap();
        let failed = Outcome::without_answer(unreachable());
        let now = timeline.now;
        timeline.keeper.handle_outcome(touch.ticket, &failed, now);
        let events = std::iter::from_fn(|| timeline.keeper.poll_event());
        let mut queued = events.filter_map(|event| {
            let EventKind::Answered { queued, .. } = event.kind else {
                return None;
            };
            (event.session == kept).then_some(queued)
        });
        (queued.next().unwrap(), touch.sent_at.since(touch_at))
    };
    let (undisturbed, late) = queued(false);
    assert_eq!(undisturbed, late);
    assert!(late > seconds(5.0));
    assert_eq!(queued(true).0, late);
}

#[test]
fn a_refusal_that_passes_costs_no_token() {
    for lasts in [0.5, 2.5, 4.0] {
        let timeline = Timeline::new()
            .token(1)
            .pass(820.0)
            .server(|server| server.always = None);
        let touch_at = timeline.view().live.unwrap().touch_at.unwrap();
        let wait = touch_at.since(timeline.now).as_secs_f64();
        let timeline = timeline
            .pass((wait - 0.1).max(0.0))
            .server(|server| server.always = Some(dead()))
            .pass(lasts)
            .server(|server| server.always = None)
            .pass(60.0);
        assert_eq!(timeline.count("lost"), 0, "{lasts}");
        assert_eq!(timeline.view().state, State::Alive);
    }
    // A new token takes time to reach all servers of the API.
    for lasts in [1.0, 3.0, 10.0, 14.0] {
        let timeline = Timeline::new()
            .server(|server| server.always = Some(dead()))
            .token(1)
            .pass(lasts)
            .server(|server| server.always = None)
            .pass(20.0);
        assert_eq!(timeline.count("lost"), 0, "{lasts}");
        assert_eq!(timeline.view().state, State::Alive);
    }
}

#[test]
fn a_token_that_is_written_again_after_its_refusal_is_tried_again() {
    let timeline = Timeline::new()
        .server(|server| server.always = Some(dead()))
        .token(1)
        .pass(60.0)
        .server(|server| server.always = None)
        .token(1)
        .pass(600.0);
    assert_eq!(timeline.view().state, State::Lost);
    let timeline = timeline.skip().token_again(1).pass(5.0);
    assert_eq!(timeline.view().state, State::Alive);
    // The same holds for a token that was alive.
    let timeline = timeline
        .server(|server| server.always = Some(dead()))
        .pass(900.0)
        .server(|server| server.always = None);
    assert_eq!(timeline.view().state, State::Lost);
    let timeline = timeline.token_again(1).application(1).pass(5.0);
    assert_eq!(timeline.view().state, State::Alive);
}

#[test]
fn answers_of_a_cache_exclude_nothing_and_lose_no_token() {
    let timeline = Timeline::new()
        .token(1)
        .pass(300.0)
        .server(|server| server.is_cached = true)
        .pass(40_000.0);
    for what in ["head excluded", "excluded", "lost", "blocked"] {
        assert_eq!(timeline.count(what), 0, "{what}");
    }
    assert_eq!(timeline.view().state, State::Alive);
}

#[test]
fn a_cache_that_repeats_the_first_answer_moves_no_deadline() {
    let timeline = Timeline::with(lapse())
        .server(|server| server.repeats_peek = true)
        .token(1)
        .pass(1.0);
    let deadline = |timeline: &Timeline| timeline.view().live.unwrap().deadline;
    let first = deadline(&timeline);
    let timeline = timeline.pass(1000.0);
    assert!(timeline.count("peek") >= 2, "{}", timeline.count("peek"));
    assert_eq!(deadline(&timeline), first);
}

#[test]
fn a_new_token_about_which_nothing_intelligible_is_heard_is_touched_all_the_same() {
    for verdict in [
        Verdict::Blocked(BlockReason::NotTheApi(NotTheApi::Encoded("gzip".into()))),
        Verdict::Blocked(BlockReason::NotTheApi(NotTheApi::UnexpectedBody)),
    ] {
        let timeline = Timeline::new()
            .server(|server| {
                server.always = Some(verdict.clone());
            })
            .token(1)
            .pass(3600.0);
        let touches = timeline.count("touch_head") + timeline.count("touch_get");
        assert!(touches >= 20, "{touches}");
        assert_eq!(timeline.view().state, State::Blocked);
        let lapsing = Timeline::with(lapse())
            .server(|server| server.always = Some(verdict))
            .token(1)
            .pass(3600.0);
        assert_eq!(lapsing.count("touch_head") + lapsing.count("touch_get"), 0);
    }
}

#[test]
fn a_timeout_that_is_enabled_later_is_noticed_in_time() {
    let timeline = Timeline::new()
        .server(|server| {
            server.reports_idles_at = false;
            server.idle_timeout = seconds(1e6);
            server.timeout_is = timeout(None);
        })
        .token(1)
        .pass(20_000.0);
    assert_eq!(timeline.count("touch_head"), 0);
    let timeline = timeline
        .application(1)
        .server(|server| {
            server.reports_idles_at = true;
            server.idle_timeout = seconds(300.0);
            server.timeout_is = timeout(Some(300.0));
        })
        .pass(3000.0);
    assert_eq!(timeline.count("lost"), 0);
    assert!(timeline.count("touch_head") > 10);
}

#[test]
fn past_the_deadline_nobody_waits_as_long_as_a_throttling_server_asks() {
    let throttled = throttled(3600.0);
    let timeline = Timeline::new()
        .token(1)
        .pass(500.0)
        .server(|server| server.always = Some(throttled))
        .pass(800.0)
        .skip()
        .pass(60.0);
    let touches = timeline.count("touch_head") + timeline.count("touch_get");
    assert!((2..=5).contains(&touches), "{touches}");
}

#[test]
fn a_touch_without_an_answer_is_followed_by_a_look_which_tells_whether_it_counted() {
    let timeline = Timeline::new()
        .token(1)
        .pass(500.0)
        .skip()
        .server(|server| server.hangs = true)
        .pass(330.0)
        // The touch reached the server, but its answer was lost.
        .application(1)
        .server(|server| server.hangs = false)
        .pass(60.0);
    assert_eq!(timeline.count("touch_head"), 1);
    assert_eq!(timeline.count("peek"), 1);
    let live = timeline.view().live.unwrap();
    assert!(live.deadline.unwrap() > timeline.now + seconds(800.0));
}

#[test]
fn a_token_that_no_touch_keeps_is_looked_at_two_seconds_after_its_deadline() {
    let timeline = Timeline::new()
        .server(|server| (server.head_excluded, server.get_excluded) = (true, true))
        .token(1)
        .pass(890.0)
        .skip()
        .pass(30.0);
    assert_eq!(timeline.count("lost"), 1);
    // The refusal is confirmed twice, with 5 s in between.
    let death = timeline.view().death.unwrap();
    let session_keepalive::keeper::Idleness::After(after) = death.idle else {
        panic!("{death:?}");
    };
    assert!(after <= seconds(10.0), "{after:?}");
}

#[test]
fn a_date_that_is_wrong_once_loses_no_token_where_the_timeout_cannot_be_read() {
    for behind in [600.0, 900.0, 7200.0] {
        let timeline = Timeline::new()
            .pass(10_000.0)
            .server(|server| {
                server.timeout_is = Verdict::Blocked(BlockReason::Forbidden("no".into()));
                server.date_behind = seconds(behind);
            })
            .token(1)
            .pass(2.0)
            .server(|server| server.date_behind = seconds(0.0))
            .pass(7200.0);
        assert_eq!(timeline.count("lost"), 0, "{behind}");
        assert!(timeline.count("touch_head") < 40);
    }
}

// Each test below fails for a mutation of the keeper that no other test detects.

#[test]
fn a_success_makes_the_waits_begin_anew() {
    let timeline = Timeline::new()
        .token(1)
        .pass(500.0)
        .server(|server| server.always = Some(unreachable()))
        .pass(600.0)
        .server(|server| server.always = None)
        .pass(100.0);
    assert_eq!(timeline.view().failures, 0);
    let touch_at = timeline.view().live.unwrap().touch_at.unwrap();
    let wait = touch_at.since(timeline.now).as_secs_f64();
    let timeline = timeline
        .pass(wait - 1.0)
        .server(|server| server.always = Some(unreachable()))
        .skip()
        .pass(8.0);
    assert!(timeline.count("touch_head") >= 4);
}

#[test]
fn the_deadline_of_a_peek_counts_from_when_it_was_sent() {
    let timeline = Timeline::new()
        .server(|server| server.is_silent = true)
        .token(1)
        .pass(9.0);
    let (sent_at, answered_at) = (timeline.unanswered[0].sent_at, timeline.now);
    let date = ServerTime::from_unix_milliseconds(1_764_000_000_000);
    let report = TokenReport {
        organisation: Some("o".into()),
        organisation_name: None,
        client: None,
        client_end: None,
        idles_at: Some(ServerTime::from_unix_milliseconds(1_764_000_900_000)),
    };
    let answer = outcome(Verdict::Alive(report), Some(date));
    let ticket = timeline.unanswered[0].ticket;
    let timeline = timeline.act(|keeper, _, now| keeper.handle_outcome(ticket, &answer, now));
    let deadline = timeline.view().live.unwrap().deadline.unwrap();
    assert_eq!(deadline, sent_at + seconds(899.0));
    assert!(answered_at > sent_at);
}

#[test]
fn the_deadline_of_a_later_answer_counts_from_when_it_was_asked_for_as_well() {
    let get = Policy {
        touch: TouchPreference::Get,
        ..head()
    };
    // A peek with a token that is to lapse, and a touch whose answer shows the deadline.
    for (policy, request) in [(lapse(), "peek"), (get, "touch_get")] {
        let timeline = Timeline::with(policy)
            .token(1)
            .pass(300.0)
            .skip()
            .server(|server| server.is_silent = true)
            .pass_until(request)
            .pass(7.0);
        let asked = timeline.unanswered[0];
        let report = TokenReport {
            organisation: Some("o".into()),
            organisation_name: None,
            client: None,
            client_end: None,
            idles_at: Some(ServerTime::from_unix_milliseconds(1_764_002_900_000)),
        };
        let date = ServerTime::from_unix_milliseconds(1_764_002_000_000);
        let answer = outcome(Verdict::Alive(report), Some(date));
        let timeline =
            timeline.act(|keeper, _, now| keeper.handle_outcome(asked.ticket, &answer, now));
        let deadline = timeline.view().live.unwrap().deadline.unwrap();
        assert_eq!(deadline, asked.sent_at + seconds(899.0), "{asked:?}");
    }
}

fn alive_elsewhere() -> Verdict {
    Verdict::Alive(TokenReport {
        organisation: Some("elsewhere".into()),
        ..TokenReport::default()
    })
}

/// Two sessions of one organisation, of which the first reads its timeout.
fn two_of_one_organisation() -> (Timeline, SessionId) {
    let mut timeline = Timeline::new();
    let other = timeline.add(head());
    let now = timeline.now;
    let timeline = timeline.token(1).token_of(other, 2, now).pass(10.0);
    assert_eq!(timeline.count("read_timeout"), 1);
    let views: Vec<_> = timeline.keeper.views(timeline.now).collect();
    let ids: Vec<_> = views.iter().map(|view| view.id).collect();
    assert_eq!(ids, timeline.sessions, "in the order in which they came");
    (timeline.skip(), other)
}

#[test]
fn a_token_of_another_organisation_leaves_the_first_one_to_the_other_sessions() {
    let (timeline, other) = two_of_one_organisation();
    let timeline = timeline
        .server(|server| server.always = Some(alive_elsewhere()))
        .token(3)
        .pass(0.0)
        .server(|server| server.always = None)
        .pass(3700.0);
    // The first organisation is read once, at its refresh, and the new one at once and then.
    assert_eq!(timeline.count("read_timeout"), 3);
    assert_eq!(timeline.count("timeout read"), 1);
    let timeline = timeline
        .act(|keeper, _, now| keeper.handle_removed(other, OnShutdown::Leave, now, now))
        .skip()
        .pass(3700.0);
    assert_eq!(timeline.count("read_timeout"), 1);
}

#[test]
fn a_session_hears_nothing_of_an_organisation_that_its_token_left() {
    let (timeline, _) = two_of_one_organisation();
    let timeline = timeline
        .server(|server| server.always = Some(alive_elsewhere()))
        .token(3)
        .pass(0.0)
        .server(|server| server.always = None)
        .pass(3590.0)
        .server(|server| server.timeout_is = timeout(Some(600.0)));
    let before = timeline.view().live.unwrap();
    // The other session reads first, which does not concern this one.
    let after = timeline.skip().pass_until("timeout read").view();
    let after = after.live.unwrap();
    assert_eq!(after.touched_at, before.touched_at);
    assert_eq!(after.deadline, before.deadline);
    assert_eq!(after.reset, Reset::Proven);
}

#[test]
fn another_session_reads_the_timeout_when_its_reader_ends() {
    let (timeline, _) = two_of_one_organisation();
    let removed = timeline
        .act(|keeper, id, now| keeper.handle_removed(id, OnShutdown::Leave, now, now))
        .pass(3700.0);
    assert_eq!(removed.count("read_timeout"), 1);
    let (timeline, _) = two_of_one_organisation();
    let lost = timeline.kill(1).pass(3700.0);
    assert_eq!(lost.count("lost"), 1);
    assert_eq!(lost.count("read_timeout"), 1);
}

#[test]
fn a_peek_does_not_extend_a_configured_deadline() {
    let policy = Policy {
        idle_timeout: Some(seconds(600.0)),
        ..head()
    };
    let timeline = Timeline::with(policy).token(1).pass(400.0);
    let live = timeline.view().live.unwrap();
    assert_eq!(
        live.deadline,
        Some(live.touched_at.unwrap() + seconds(600.0))
    );
}

#[test]
fn a_token_that_is_shown_again_takes_the_place_of_one_that_waits_to_be_proven() {
    let timeline = Timeline::new()
        .token(1)
        .pass(10.0)
        .server(|server| server.always = Some(unreachable()))
        .token(2)
        .pass(1.0);
    assert!(timeline.view().is_newer_waiting);
    let timeline = timeline.token(1).server(|server| server.always = None);
    assert!(!timeline.view().is_newer_waiting);
    let timeline = timeline.skip().pass(60.0);
    assert_eq!(timeline.count("alive, replaced"), 0);
}

#[test]
fn a_pending_proof_does_not_outlive_a_change_of_the_intent() {
    let timeline = Timeline::new()
        .token(1)
        .pass(300.0)
        .server(|server| server.is_silent = true)
        .pass(110.0)
        .late_answer(Verdict::Accepted)
        .server(|server| server.is_silent = false)
        .act(|keeper, id, now| keeper.handle_policy(id, lapse(), now))
        .skip()
        .pass(5.0);
    assert_eq!(timeline.count("peek"), 0);
}

#[test]
fn a_change_of_the_preferred_touch_forgets_what_was_found_out() {
    let get = Policy {
        touch: TouchPreference::Get,
        ..head()
    };
    let timeline = Timeline::new()
        .server(|server| server.head_excluded = true)
        .token(1)
        .pass(500.0)
        .act(|keeper, id, now| keeper.handle_policy(id, get, now))
        .server(|server| server.head_excluded = false)
        .act(|keeper, id, now| keeper.handle_policy(id, head(), now));
    assert_eq!(timeline.view().live.unwrap().touch, Touch::Head);
}

#[test]
fn new_limits_hold_at_once() {
    let timeline = Timeline::with(lapse()).token(1).pass(10.0);
    let before = timeline.keeper.poll_timeout().unwrap();
    let timeline = timeline.act(|keeper, _, now| {
        let limits = Limits {
            peek_every: seconds(60.0),
            ..Limits::default()
        };
        keeper.handle_limits(limits, now);
    });
    let after = timeline.keeper.poll_timeout().unwrap();
    assert!(after < before, "{after:?} {before:?}");
}

#[test]
fn a_timeout_of_the_organisation_that_changed_forgets_the_proven_one() {
    let timeline = Timeline::new()
        .token(1)
        .pass(3500.0)
        .server(|server| {
            server.timeout_is = timeout(Some(300.0));
            server.idle_timeout = seconds(300.0);
            server.reports_idles_at = false;
        })
        .pass(150.0);
    let live = timeline.view().live.unwrap();
    assert_eq!(live.idle_timeout.duration, seconds(300.0));
}

#[test]
fn a_wait_that_the_server_asked_for_ends_with_a_success() {
    let throttled = throttled(3600.0);
    let timeline = Timeline::new()
        .token(1)
        .pass(500.0)
        .server(|server| server.always = Some(throttled))
        .pass(400.0)
        .server(|server| server.always = None)
        .skip()
        .pass(410.0);
    // The last attempt before the deadline succeeded.
    assert_eq!(timeline.count("touch_get"), 1);
    let touched_at = timeline.now;
    let timeline = timeline.skip().pass(450.0);
    assert_eq!(timeline.count("touch_head"), 1);
    let next = timeline.view().live.unwrap().touched_at.unwrap();
    assert!(next.since(touched_at) < seconds(450.0));
}

#[test]
fn a_timeout_that_is_configured_otherwise_is_proven_anew() {
    let shorter = Policy {
        idle_timeout: Some(seconds(600.0)),
        ..head()
    };
    let timeline = Timeline::new().token(1).pass(500.0);
    assert_eq!(timeline.view().live.unwrap().reset, Reset::Proven);
    let timeline = timeline.act(|keeper, id, now| keeper.handle_policy(id, shorter, now));
    assert_eq!(timeline.view().live.unwrap().reset, Reset::Unproven);
}

#[test]
fn a_timeout_of_the_organisation_that_changed_is_looked_at_and_proven_anew() {
    let mut timeline = Timeline::new()
        .token(1)
        .pass(3590.0)
        .server(|server| {
            server.timeout_is = timeout(Some(850.0));
            server.idle_timeout = seconds(850.0);
        })
        .skip();
    timeline = timeline.pass_until("timeout read");
    assert_eq!(timeline.view().live.unwrap().reset, Reset::Unproven);
    let timeline = timeline.skip().pass(1.5);
    assert_eq!(timeline.count("peek"), 1);
}

#[test]
fn a_change_of_the_intent_takes_back_what_the_other_one_wanted() {
    let policy = |intent| Policy { intent, ..head() };
    let change = |timeline: Timeline, intent| {
        timeline.act(|keeper, id, now| keeper.handle_policy(id, policy(intent), now))
    };
    // A touch that was asked for.
    let timeline = Timeline::new().token(1).pass(100.0).skip();
    let timeline = timeline.act(|keeper, id, now| keeper.handle_touch_wanted(id, now).unwrap());
    let timeline = change(change(timeline, Intent::Lapse), Intent::Keep);
    timeline.pass(60.0).gives(&[]);
    // The risk to lose a token that may now go.
    let timeline = Timeline::new()
        .token(1)
        .pass(500.0)
        .server(|server| server.always = Some(unreachable()))
        .pass(600.0);
    assert_eq!(timeline.view().state, State::AtRisk);
    let timeline = change(timeline, Intent::Lapse);
    assert_eq!(timeline.view().state, State::Alive);
}

#[test]
fn a_token_that_is_to_lapse_from_now_on_is_not_used_to_read_the_timeout() {
    let timeline = Timeline::new()
        .server(|server| server.idle_timeout = seconds(28_800.0))
        .token(1)
        .pass(100.0)
        .skip()
        .act(|keeper, id, now| keeper.handle_policy(id, lapse(), now))
        .pass(7200.0);
    assert_eq!(timeline.count("read_timeout"), 0);
    // Kept again, it is.
    let timeline = timeline
        .act(|keeper, id, now| keeper.handle_policy(id, head(), now))
        .pass(10.0);
    assert_eq!(timeline.count("read_timeout"), 1);
}

#[test]
fn a_touch_that_is_preferred_from_now_on_is_tried_although_it_failed() {
    let throttled = throttled(60.0);
    let timeline = Timeline::new()
        .token(1)
        .pass(500.0)
        .server(|server| server.always = Some(throttled))
        .pass(400.0);
    assert_eq!(timeline.count("touch_get"), 1);
    assert_eq!(timeline.view().live.unwrap().touch, Touch::Head);
    let get = Policy {
        touch: TouchPreference::Get,
        ..head()
    };
    let timeline = timeline.act(|keeper, id, now| keeper.handle_policy(id, get, now));
    assert_eq!(timeline.view().live.unwrap().touch, Touch::Get);
}

#[test]
fn another_session_reads_the_timeout_on_time_when_its_reader_ends_shortly_before() {
    let (timeline, other) = two_of_one_organisation();
    let timeline = timeline.pass(3580.0).skip();
    let next = timeline.keeper.view(other, timeline.now).unwrap().next;
    let timeline = timeline
        .act(|keeper, id, now| keeper.handle_removed(id, OnShutdown::Leave, now, now))
        .pass(15.0);
    assert!(next.unwrap().at > timeline.now, "nothing else reminds it");
    assert_eq!(timeline.count("read_timeout"), 1);
}

#[test]
fn where_a_host_has_more_to_do_than_it_answers_tokens_to_be_kept_go_before_those_to_lapse() {
    let mut timeline = Timeline::with(lapse()).act(|keeper, _, now| {
        let limits = Limits {
            in_flight_max: 1,
            ..Limits::default()
        };
        keeper.handle_limits(limits, now);
    });
    let kept = timeline.add(head());
    let third = timeline.add(head());
    timeline = timeline.token(1).pass(490.0);
    let now = timeline.now;
    timeline = timeline.token_of(kept, 2, now).pass(401.0);
    let now = timeline.now;
    let timeline = timeline
        .server(|server| server.is_silent = true)
        .token_of(third, 3, now)
        .pass(20.0);
    // The first request holds the only place until both of the others are due.
    let sessions: Vec<_> = timeline
        .unanswered
        .iter()
        .map(|command| command.ticket.session)
        .collect();
    assert_eq!(sessions, [third, kept]);
}

#[test]
fn what_a_cache_stored_of_a_deadline_is_not_believed() {
    let timeline = Timeline::with(lapse())
        .token(1)
        .pass(500.0)
        .application(1)
        .server(|server| {
            server.is_cached = true;
            server.idles_later = seconds(5000.0);
        });
    let before = timeline.view().live.unwrap().deadline;
    let timeline = timeline.skip().pass(402.0);
    assert!(timeline.count("peek") >= 1);
    assert_eq!(timeline.view().live.unwrap().deadline, before);
}

#[test]
fn an_answer_that_comes_again_with_its_date_is_that_of_a_cache() {
    let report = TokenReport {
        organisation: Some("o".into()),
        organisation_name: None,
        client: None,
        client_end: None,
        idles_at: Some(ServerTime::from_unix_milliseconds(1_764_000_900_000)),
    };
    let date = ServerTime::from_unix_milliseconds(1_764_000_000_000);
    let stored = outcome(Verdict::Alive(report), Some(date));
    let mut timeline = Timeline::with(lapse())
        .server(|server| server.is_silent = true)
        .token(1);
    let mut deadlines = Vec::new();
    for _ in 0..3 {
        timeline = timeline.skip().pass_until("peek");
        let ticket = timeline.unanswered.remove(0).ticket;
        timeline = timeline.act(|keeper, _, now| keeper.handle_outcome(ticket, &stored, now));
        deadlines.push(timeline.view().live.unwrap().deadline);
    }
    // After the first look a stored answer cannot be distinguished from another.
    assert_eq!(deadlines[1], deadlines[2]);
}

#[test]
fn what_the_application_did_after_our_last_touch_holds_when_the_timeout_becomes_known() {
    let timeline = Timeline::new()
        .server(|server| server.timeout_is = unreachable())
        .token(1)
        .pass(450.0)
        .sleep(600.0)
        .application(1)
        .pass(1.0)
        .server(|server| server.timeout_is = timeout(Some(900.0)));
    let before = timeline.view().live.unwrap();
    assert!(before.deadline.unwrap().since(timeline.now) > seconds(890.0));
    let timeline = timeline.skip().pass(61.0);
    assert_eq!(timeline.count("timeout read"), 1);
    let after = timeline.view().live.unwrap();
    assert_eq!(after.touched_at, before.touched_at);
    assert_eq!(after.deadline, before.deadline);
}

#[test]
fn a_touch_that_is_not_permitted_is_made_by_the_other_one_a_second_later() {
    let forbidden = Verdict::Blocked(BlockReason::Forbidden("no".into()));
    let mut timeline = Timeline::new()
        .token(1)
        .pass(500.0)
        .server(|server| server.head_is = Some(forbidden))
        .skip();
    timeline = timeline.pass_until("touch_head");
    assert_eq!(timeline.view().failures, 1);
    timeline.pass(75.0).gives(&[
        "824 touch_head",
        "825 touch_get",
        "825 head refused",
        "825 proven",
        "826 peek",
    ]);
}

#[test]
fn a_new_token_that_must_wait_does_not_hold_up_the_touches_of_the_old_one() {
    let throttled = throttled(3600.0);
    let timeline = Timeline::new()
        .token(1)
        .pass(500.0)
        .server(|server| server.peek_is = Some(throttled))
        .token(2)
        .pass(0.5)
        .server(|server| server.peek_is = None)
        .skip()
        .pass(1400.0);
    assert_eq!(timeline.count("touch_head"), 3);
    assert_eq!(timeline.count("lost"), 0);
}

#[test]
fn where_the_other_touch_is_excluded_one_that_is_refused_is_told_after_a_look() {
    let get = Policy {
        touch: TouchPreference::Get,
        ..head()
    };
    let forbidden = Verdict::Blocked(BlockReason::Forbidden("no".into()));
    Timeline::with(get)
        .server(|server| server.get_excluded = true)
        .token(1)
        .pass(900.0)
        .server(|server| server.head_is = Some(forbidden))
        .skip()
        .pass(378.0)
        .gives(&[
            "1271 touch_head",
            "1271 blocked",
            "1276 peek",
            "1276 head refused",
            "1277 touch_get",
            "1277 recovered",
        ]);
}

#[test]
fn a_cache_that_answers_looks_at_a_lapsing_token_is_not_asked_every_second() {
    let timeline = Timeline::with(lapse())
        .token(1)
        .pass(890.0)
        .application(1)
        .server(|server| server.is_cached = true)
        .skip()
        .pass(310.0);
    assert!((1..=4).contains(&timeline.count("peek")));
}
