//! Every event and every answer in words, and the known facts about a death.

use std::time::Duration;

use jiff::SignedDuration;

use super::*;
use crate::keeper::{
    Absence, BlockReason, EventKind, Failure, FailureReason, Idleness, Operation, Refusal,
    SessionView, State, TimeoutReport, TokenReport, Touch, Verdict,
};
use crate::status::fixture::{HistoryFixture, a_death, alive_view, failing, lost};
use crate::status::history::HostChange;

fn texts(named_history: &NamedHistory) -> String {
    let report = HistoryReport::of(named_history);
    let rows = report.course.iter();
    rows.flat_map(|row| [row.event.as_str(), " | ", row.text.as_str(), "\n"])
        .collect()
}

/// Returns an event of every kind.
fn kinds() -> Vec<EventKind> {
    let reason = || FailureReason::Unreachable(Failure::TimedOut);
    let read = TimeoutReport {
        organisation: Some(Duration::from_secs(900)),
        groups: vec![Duration::from_secs(1800), Duration::from_secs(600)],
    };
    vec![
        EventKind::Found,
        EventKind::Unanswered(reason()),
        EventKind::Alive { replaces: false },
        EventKind::AtRisk(reason()),
        EventKind::PastDeadline(reason()),
        EventKind::Blocked(BlockReason::AddressNotAllowed),
        EventKind::Recovered { failures: 1 },
        EventKind::Unconfirmed,
        EventKind::TouchExcluded(Touch::Head),
        EventKind::Excluded,
        EventKind::ResetProven {
            touch: Touch::Get,
            was_excluded: true,
        },
        EventKind::TimeoutRead(read),
        EventKind::TimeoutNotPermitted("missing.permissions".into()),
        EventKind::NewerRefused(a_death()),
        EventKind::Lapsed(a_death()),
        EventKind::Revoked { was_gone: false },
        EventKind::NotRevoked(FailureReason::OutOfTime),
        EventKind::Left,
        EventKind::Lost(a_death()),
    ]
}

#[test]
fn every_event_is_put_into_words() {
    let lines: String = (0..)
        .zip(kinds())
        .map(|(second, kind)| {
            let is_found = kind == EventKind::Found;
            let fixture = if is_found {
                HistoryFixture::new()
            } else {
                HistoryFixture::new().event(0, EventKind::Found)
            };
            let text = texts(&fixture.event(second, kind).history(alive_view()));
            text.lines().last().unwrap_or_default().to_owned() + "\n"
        })
        .collect();
    insta::assert_snapshot!(lines, @r"
    found | token b40711a8 was found
    unanswered | unproven: the API has not answered about the token, which may be alive
    alive | token b40711a8 was proven alive
    at_risk | at risk: requests fail, and the idle deadline is nearer than the margin
    past_deadline | past its idle deadline: the token is not refused and may still live
    blocked | blocked: the API answers, but not about the token
    recovered | well again after 1 failed try
    unconfirmed | the 401 was not confirmed: the token lives
    touch_excluded | HEAD was accepted and did not move the idle deadline: GET is used for touches
    excluded | excluded: neither HEAD nor GET moves the idle deadline
    reset_proven | proven: a touch by GET moves the idle deadline
    timeout_read | the organisation's idle timeout is 15m, the shortest of its groups 10m
    timeout_not_permitted | the token may not read the organisation's idle timeout, which is no failure
    newer_refused | token b40711a8 was refused; the earlier one stayed
    lapsed | token b40711a8 lapsed, as intended
    revoked | token b40711a8 was revoked by the daemon
    not_revoked | token b40711a8 was to be revoked, and was not
    left | token b40711a8 was left as it is
    lost | token b40711a8 was lost
    ");
}

#[test]
fn every_answer_is_put_into_words() {
    let touch = Operation::Touch(Touch::Head);
    let alive = || Verdict::Alive(TokenReport::default());
    let mut fixture = HistoryFixture::new().event(0, EventKind::Found);
    for (second, operation, verdict) in [
        (1, Operation::Peek, alive()),
        (2, touch, Verdict::Accepted),
        (3, Operation::Touch(Touch::Get), alive()),
        (4, Operation::Peek, alive()),
        (
            5,
            Operation::ReadTimeout,
            Verdict::Timeout(TimeoutReport::default()),
        ),
        (
            6,
            Operation::ReadTimeout,
            Verdict::Blocked(BlockReason::Forbidden("403".into())),
        ),
        (7, touch, Verdict::Refused(Refusal::Unread)),
        (
            8,
            Operation::Peek,
            Verdict::Refused(Refusal::BadCredentials),
        ),
        (9, touch, Verdict::Throttled { retry_after: None }),
        (10, touch, Verdict::Unreachable(Failure::TimedOut)),
        (11, touch, Verdict::Unreachable(Failure::TimedOut)),
        (
            12,
            Operation::ReadTimeout,
            Verdict::Unreachable(Failure::Tls),
        ),
        (
            13,
            Operation::Revoke,
            Verdict::Blocked(BlockReason::AddressNotAllowed),
        ),
    ] {
        fixture.add_answer(second, operation, verdict);
    }
    let fixture = fixture
        .change(20, HostChange::Slept(Duration::from_secs(1200)))
        .change(21, HostChange::ClockStepped(SignedDuration::from_secs(-90)))
        .change(22, HostChange::NetworkChanged(1));
    insta::assert_snapshot!(texts(&fixture.history(alive_view())), @r"
    found | token b40711a8 was found
    answered | answered: 1 touch by HEAD, 1 touch by GET, 2 peeks, 1 read the organisation's idle timeout
    refused | touch by HEAD was answered with 401
    refused | peek was answered with 401
    failed | touch by HEAD failed: the API accepts no more requests for now (429)
    failed | touch by HEAD failed twice: no answer in time
    failed | read the organisation's idle timeout failed: no trusted TLS connection to the API
    failed | revocation failed: this machine's address is not on the organisation's list (ip.not.authorized)
    slept | the machine slept for 20m: tokens continued to idle
    clock_stepped | the wall clock was set back by 1m 30s
    network_changed | the network changed: 1 session without an answer asked again
    ");
}

#[test]
fn what_is_written_is_read_back_as_it_was() {
    let named_history = HistoryFixture::new()
        .event(0, EventKind::Found)
        .touch(10, 900)
        .event(1000, EventKind::Lost(a_death()))
        .history(lost());
    let report = HistoryReport::of(&named_history);
    let read: HistoryReport = serde_json::from_slice(&report.to_json()).unwrap();
    assert_eq!(read, report);
    assert_eq!(read.tokens[0].correlation_id.as_deref(), Some("5a0e"));
    assert_eq!(read.tokens[0].end.as_deref(), Some("lost"));
    assert!((read.tokens[0].found.in_seconds + 1800.0).abs() < 1e-9);
}

#[test]
fn a_death_after_the_deadline_is_told_with_the_sleep_before_it() {
    let death = crate::keeper::Death {
        idle: Idleness::After(Duration::from_secs(300)),
        since_touch: Some(Duration::from_secs(1200)),
        absence: Some(Absence::Slept(Duration::from_secs(1100))),
        ..a_death()
    };
    let named_history = HistoryFixture::new()
        .event(0, EventKind::Found)
        .touch(100, 900)
        .change(50, HostChange::Slept(Duration::from_secs(4000)))
        .change(1290, HostChange::Slept(Duration::from_secs(1100)))
        .event(1300, EventKind::Lost(death.clone()))
        .history(SessionView {
            death: Some(death),
            ..lost()
        });
    let report = HistoryReport::of(&named_history);
    insta::assert_snapshot!(report.known.join("\n"), @r"
    the machine slept for 18m 20s and woke 10s before the refusal
    support can look up the refusal by its correlation id 5a0e
    ");
    insta::assert_snapshot!(report.advice.join("\n"), @r"
    keep this machine awake: no daemon can touch a token while it sleeps
    a new token in file /run/wallboard/token takes over at once
    ");
}

#[test]
fn what_is_in_the_way_is_told_with_where_to_look() {
    let named_history = HistoryFixture::new()
        .event(0, EventKind::Found)
        .event(1, EventKind::Alive { replaces: false })
        .touch(10, 900)
        .answer(
            1700,
            Operation::Peek,
            Verdict::Unreachable(Failure::NameNotResolved),
        )
        .answer(
            1710,
            Operation::Peek,
            Verdict::Unreachable(Failure::NameNotResolved),
        )
        .history(failing(State::AtRisk));
    let report = HistoryReport::of(&named_history);
    insta::assert_snapshot!(report.known.join("\n"), @r"2 requests in a row have failed for 1m 40s: the API's host name was not resolved");
    insta::assert_snapshot!(report.advice.join("\n"), @r"check the name service (DNS)");
}
