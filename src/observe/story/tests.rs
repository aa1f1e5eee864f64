//! What is remembered, what is counted together, and what is forgotten.

use super::*;
use crate::keeper::{Blockage, Failure, Operation, Reset, State, TokenReport, Touch, Verdict};
use crate::observe::fixture::{Tale, a_death, held, lost, view};

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

/// The counts of the entries.
fn counts(course: &Course) -> Vec<(&'static str, u32)> {
    let entries = course.entries();
    entries.map(|it| (it.fact.as_str(), it.count)).collect()
}

#[test]
fn answers_that_are_alike_are_one_entry_until_something_else_comes() {
    let tale = Tale::new()
        .tell(0, EventKind::Found)
        .answer(0, Operation::Peek, alive())
        .tell(1, EventKind::Held { replaces: false })
        .touch(10, 900)
        .answer(11, Operation::Peek, alive())
        .answer(20, HEAD, unreachable())
        .tell(21, EventKind::AtRisk(crate::keeper::Obstacle::OutOfTime))
        .answer(30, HEAD, unreachable())
        .answer(40, HEAD, throttled(9))
        .answer(50, HEAD, throttled(4))
        .touch(60, 900)
        .tell(61, EventKind::Recovered { failures: 4 })
        .answer(62, Operation::Peek, alive());
    assert_eq!(
        counts(&tale.course()),
        [
            ("answered", 3),
            ("failed", 2),
            ("at_risk", 1),
            ("failed", 2),
            ("answered", 2),
            ("recovered", 1)
        ]
    );
    let failed: Vec<_> = tale.course().entries().skip(1).take(1).cloned().collect();
    assert_eq!(
        (failed[0].from, failed[0].until),
        (Tale::at(21), Tale::at(31))
    );
    assert_eq!(failed[0].correlation_id.as_deref(), Some("c-1"));
}

#[test]
fn a_token_tells_its_touches_its_closest_moment_and_the_longest_outage_that_it_survived() {
    let mut proven = held();
    if let Some(held) = &mut proven.held {
        held.reset = Reset::Proven;
    }
    let told = Tale::new()
        .view(proven)
        .tell(0, EventKind::Found)
        .tell(1, EventKind::Held { replaces: false })
        .touch(10, 100)
        .answer(11, Operation::Peek, alive())
        .answer(60, HEAD, unreachable())
        .answer(70, HEAD, unreachable())
        .touch(90, 100)
        .answer(91, Operation::Peek, alive())
        .answer(92, Operation::Peek, alive())
        .answer(140, HEAD, unreachable())
        .touch(141, 100)
        .told(held());
    let chapter = &told.story.chapters[0];
    assert_eq!((chapter.heads, chapter.gets, chapter.proofs), (3, 0, 2));
    assert_eq!(chapter.touched, Some((Touch::Head, Tale::at(141))));
    assert_eq!(
        chapter.nearest,
        Some(Nearest {
            left: Duration::from_secs(20),
            at: Tale::at(90)
        })
    );
    assert_eq!(
        chapter.outage,
        Some(Outage {
            from: Tale::at(60),
            until: Tale::at(91),
            failures: 2
        })
    );
    assert_eq!((chapter.failures, chapter.failing()), (3, None));
}

#[test]
fn earlier_tokens_keep_their_verdict() {
    let told = Tale::new()
        .tell(0, EventKind::Found)
        .tell(1, EventKind::Held { replaces: false })
        .token(2)
        .tell(10, EventKind::Found)
        .token(3)
        .tell(20, EventKind::Found)
        .tell(21, EventKind::NewerRefused(a_death()))
        .token(4)
        .tell(30, EventKind::Found)
        .tell(31, EventKind::Held { replaces: true })
        .tell(40, EventKind::Lost(a_death()))
        .told(lost());
    let ends: Vec<_> = told
        .story
        .chapters
        .iter()
        .map(|it| it.end.as_ref().map(|(end, _)| end.as_str()))
        .collect();
    let expected = ["replaced", "overtaken", "newer_refused", "lost"];
    assert_eq!(ends, expected.map(Some));
}

#[test]
fn a_steady_session_takes_no_more_however_long_it_lives() {
    let mut tale = Tale::new()
        .tell(0, EventKind::Found)
        .answer(0, Operation::Peek, alive())
        .tell(1, EventKind::Held { replaces: false })
        .touch(10, 900);
    let weight = tale.weight();
    for second in 20..20_000 {
        tale.add_answer(second, HEAD, Verdict::Accepted);
        tale.add_answer(second, Operation::Peek, alive());
    }
    assert_eq!(tale.weight(), weight);
    assert_eq!(counts(&tale.course()), [("answered", 39_962)]);
    assert!(weight < 700, "{weight}");
}

/// As much trouble as there can be: every entry is another, with texts as long as they may be.
fn trouble(stories: &mut Stories, session: u32, tokens: u32) {
    let code = |number: u32| format!("{number:0128}").into();
    let mut tell = |generation: u32, second: u64, kind| {
        let token = crate::keeper::TokenId {
            generation: crate::keeper::Generation(generation),
            fingerprint: crate::token::Fingerprint::of(&generation.to_be_bytes()),
        };
        let event = Event {
            session: SessionId(session),
            token: Some(token),
            at: Tale::at(second),
            kind,
        };
        stories.handle_event(&event, Some(&view(State::Blocked)));
    };
    for generation in 1..=tokens {
        tell(generation, 0, EventKind::Found);
        for second in 0..60 {
            let outcome = crate::keeper::Outcome {
                verdict: Verdict::Blocked(Blockage::Forbidden(code(generation * 100 + second))),
                status: Some(403),
                date: None,
                correlation_id: Some("5a0e5a0e-5a0e-5a0e-5a0e-5a0e5a0e5a0e".into()),
            };
            let kind = EventKind::Answered {
                operation: HEAD,
                sent_at: Tale::at(u64::from(second)),
                outcome,
            };
            tell(generation, u64::from(second), kind);
        }
        tell(generation, 60, EventKind::Lost(a_death()));
    }
}

#[test]
fn five_thousand_troubled_sessions_take_less_than_10_mb() {
    let mut stories = Stories::default();
    for session in 0..5000 {
        trouble(&mut stories, session, 1);
    }
    let before = stories.weight();
    for session in 0..5000 {
        trouble(&mut stories, session, 3);
    }
    let weight = stories.weight();
    let story = stories.of(SessionId(4999));
    println!(
        "5000 sessions: {weight} bytes, {before} while they came; {} tokens and {} entries each; {} and {} bytes are one",
        story.chapters.len(),
        story.course.len(),
        size_of::<Chapter>(),
        size_of::<Entry>(),
    );
    assert!(weight <= TOTAL_MAX, "{weight}");
    assert!(before <= TOTAL_MAX + TOTAL_MAX / 8, "{before}");
    assert!(story.chapters.len() >= 2 && story.course.len() >= 2);
    assert_eq!(story.chapters_forgotten, 2);
}

#[test]
fn one_session_alone_remembers_so_much_and_no_more() {
    let mut stories = Stories::default();
    trouble(&mut stories, 0, 20);
    let story = stories.of(SessionId(0));
    assert_eq!(
        (story.chapters.len(), story.course.len()),
        (CHAPTERS_MAX, COURSE_MAX)
    );
    assert_eq!(
        (story.chapters_forgotten, story.course.forgotten),
        (12, 1160)
    );
    for second in 0..100 {
        stories.handle_change(Change::NetworkChanged(1), Tale::at(second));
    }
    assert_eq!(stories.surroundings().len(), SURROUNDINGS_MAX);
    assert_eq!(stories.surroundings()[0].at, Tale::at(76));
    stories.forget(SessionId(0));
    assert_eq!(
        (stories.of(SessionId(0)), stories.weight()),
        (Story::default(), 0)
    );
}
