//! Recording, grouping and dropping of entries.

use super::*;
use crate::keeper::{BlockReason, Failure, Operation, Reset, State, TokenReport, Touch, Verdict};
use crate::status::fixture::{HistoryFixture, a_death, alive_view, lost, view};

const HEAD: Operation = Operation::Touch(Touch::Head);

fn unreachable() -> Verdict {
    Verdict::Unreachable(Failure::NotConnected)
}

fn alive() -> Verdict {
    Verdict::Alive(TokenReport::default())
}

fn throttled(seconds: u64) -> Verdict {
    Verdict::Throttled {
        retry_after: Some(Duration::from_secs(seconds)),
    }
}

/// Returns the name and the count of each entry.
fn counts(timeline: &EventTimeline) -> Vec<(&'static str, u32)> {
    let entries = timeline.entries();
    entries
        .map(|entry| (entry.timeline_event.as_str(), entry.count))
        .collect()
}

#[test]
fn answers_that_are_alike_are_one_entry_until_something_else_comes() {
    let fixture = HistoryFixture::new()
        .event(0, EventKind::Found)
        .answer(0, Operation::Peek, alive())
        .event(1, EventKind::Alive { replaces: false })
        .touch(10, 900)
        .answer(11, Operation::Peek, alive())
        .answer(20, HEAD, unreachable())
        .event(
            21,
            EventKind::AtRisk(crate::keeper::FailureReason::OutOfTime),
        )
        .answer(30, HEAD, unreachable())
        .answer(40, HEAD, throttled(9))
        .answer(50, HEAD, throttled(4))
        .touch(60, 900)
        .event(61, EventKind::Recovered { failures: 4 })
        .answer(62, Operation::Peek, alive());
    assert_eq!(
        counts(&fixture.timeline()),
        [
            ("answered", 3),
            ("failed", 2),
            ("at_risk", 1),
            ("failed", 2),
            ("answered", 2),
            ("recovered", 1)
        ]
    );
    let failed: Vec<_> = fixture
        .timeline()
        .entries()
        .skip(1)
        .take(1)
        .cloned()
        .collect();
    assert_eq!(
        (failed[0].from, failed[0].until),
        (HistoryFixture::at(21), HistoryFixture::at(31))
    );
    assert_eq!(failed[0].correlation_id.as_deref(), Some("c-1"));
}

#[test]
fn a_token_tells_its_touches_its_closest_moment_and_the_longest_outage_that_it_survived() {
    let mut proven = alive_view();
    if let Some(live) = &mut proven.live {
        live.reset = Reset::Proven;
    }
    let named_history = HistoryFixture::new()
        .view(proven)
        .event(0, EventKind::Found)
        .event(1, EventKind::Alive { replaces: false })
        .touch(10, 100)
        .answer(11, Operation::Peek, alive())
        .answer(60, HEAD, unreachable())
        .answer(70, HEAD, unreachable())
        .touch(90, 100)
        .answer(91, Operation::Peek, alive())
        .answer(92, Operation::Peek, alive())
        .answer(140, HEAD, unreachable())
        .touch(141, 100)
        .history(alive_view());
    let token_history = &named_history.history.tokens[0];
    assert_eq!(
        (
            token_history.heads,
            token_history.gets,
            token_history.proofs
        ),
        (3, 0, 2)
    );
    assert_eq!(
        token_history.touched,
        Some((Touch::Head, HistoryFixture::at(141)))
    );
    assert_eq!(
        token_history.nearest,
        Some(Nearest {
            left: Duration::from_secs(20),
            at: HistoryFixture::at(90)
        })
    );
    assert_eq!(
        token_history.outage,
        Some(Outage {
            from: HistoryFixture::at(60),
            until: HistoryFixture::at(91),
            failures: 2
        })
    );
    assert_eq!((token_history.failures, token_history.failing()), (3, None));
}

#[test]
fn earlier_tokens_keep_their_verdict() {
    let named_history = HistoryFixture::new()
        .event(0, EventKind::Found)
        .event(1, EventKind::Alive { replaces: false })
        .token(2)
        .event(10, EventKind::Found)
        .token(3)
        .event(20, EventKind::Found)
        .event(21, EventKind::NewerRefused(a_death()))
        .token(4)
        .event(30, EventKind::Found)
        .event(31, EventKind::Alive { replaces: true })
        .event(40, EventKind::Lost(a_death()))
        .history(lost());
    let ends: Vec<_> = named_history
        .history
        .tokens
        .iter()
        .map(|token| token.end.as_ref().map(|(end, _)| end.as_str()))
        .collect();
    let expected = ["replaced", "overtaken", "newer_refused", "lost"];
    assert_eq!(ends, expected.map(Some));
}

#[test]
fn a_steady_session_takes_no_more_however_long_it_lives() {
    let mut fixture = HistoryFixture::new()
        .event(0, EventKind::Found)
        .answer(0, Operation::Peek, alive())
        .event(1, EventKind::Alive { replaces: false })
        .touch(10, 900);
    let weight = fixture.weight();
    for second in 20..20_000 {
        fixture.add_answer(second, HEAD, Verdict::Accepted);
        fixture.add_answer(second, Operation::Peek, alive());
    }
    assert_eq!(fixture.weight(), weight);
    assert_eq!(counts(&fixture.timeline()), [("answered", 39_962)]);
    assert!(weight < 700, "{weight}");
}

/// Records the largest possible history: all entries differ, and their texts have the maximum
/// length.
fn trouble(histories: &mut SessionHistories, session: u32, tokens: u32) {
    let code = |number: u32| format!("{number:0128}").into();
    let mut record = |generation: u32, second: u64, kind| {
        let token = crate::keeper::TokenId {
            generation: crate::keeper::Generation(generation),
            fingerprint: crate::token::Fingerprint::of(&generation.to_be_bytes()),
        };
        let event = Event {
            session: SessionId(session),
            token: Some(token),
            at: HistoryFixture::at(second),
            kind,
        };
        histories.handle_event(&event, Some(&view(State::Blocked)));
    };
    for generation in 1..=tokens {
        record(generation, 0, EventKind::Found);
        for second in 0..60 {
            let outcome = crate::keeper::Outcome {
                verdict: Verdict::Blocked(BlockReason::Forbidden(code(generation * 100 + second))),
                status: Some(403),
                date: None,
                is_cached: false,
                correlation_id: Some("5a0e5a0e-5a0e-5a0e-5a0e-5a0e5a0e5a0e".into()),
            };
            let kind = EventKind::Answered {
                operation: HEAD,
                sent_at: HistoryFixture::at(u64::from(second)),
                queued: Duration::ZERO,
                outcome,
            };
            record(generation, u64::from(second), kind);
        }
        record(generation, 60, EventKind::Lost(a_death()));
    }
}

#[test]
fn five_thousand_troubled_sessions_take_less_than_10_mb() {
    let mut histories = SessionHistories::default();
    for session in 0..5000 {
        trouble(&mut histories, session, 1);
    }
    let before = histories.weight();
    for session in 0..5000 {
        trouble(&mut histories, session, 3);
    }
    let weight = histories.weight();
    let history = histories.of(SessionId(4999));
    println!(
        "5000 sessions: {weight} bytes, {before} while they came; {} tokens and {} entries each; {} and {} bytes are one",
        history.tokens.len(),
        history.timeline.len(),
        size_of::<TokenHistory>(),
        size_of::<TimelineEntry>(),
    );
    assert!(weight <= TOTAL_MAX, "{weight}");
    assert!(before <= TOTAL_MAX + TOTAL_MAX / 8, "{before}");
    assert!(history.tokens.len() >= 2 && history.timeline.len() >= 2);
    assert_eq!(history.tokens_forgotten, 2);
}

#[test]
fn one_session_alone_remembers_so_much_and_no_more() {
    let mut histories = SessionHistories::default();
    trouble(&mut histories, 0, 20);
    let history = histories.of(SessionId(0));
    assert_eq!(
        (history.tokens.len(), history.timeline.len()),
        (TOKENS_MAX, TIMELINE_MAX)
    );
    assert_eq!(
        (history.tokens_forgotten, history.timeline.forgotten),
        (12, 1160)
    );
    for second in 0..100 {
        histories.handle_change(HostChange::NetworkChanged(1), HistoryFixture::at(second));
    }
    assert_eq!(histories.host_events().len(), HOST_EVENTS_MAX);
    assert_eq!(histories.host_events()[0].at, HistoryFixture::at(76));
    histories.forget(SessionId(0));
    assert_eq!(
        (histories.of(SessionId(0)), histories.weight()),
        (SessionHistory::default(), 0)
    );
}
