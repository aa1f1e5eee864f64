//! The lines that people read: a change here is a change that users see.

use std::time::Duration;

use proptest::prelude::*;

use super::super::fixture::{
    Names, a_death, failing, held, lines, now, seconds, token, view, waiting,
};
use super::*;
use crate::config::{LogFormat, LogLevel};
use crate::keeper::{
    Blockage, Death, Failure, HeldView, HostId, Idleness, Intent, Keeper, Limits, Obstacle,
    OnShutdown, Policy, Refusal, Reset, ServerTime, State, TimeoutReport, TokenId, TokenReport,
    Touch, Verdict,
};
use crate::token::Fingerprint;

fn happened(kind: EventKind) -> Event {
    Event {
        session: SessionId(0),
        token: Some(token()),
        at: now(),
        kind,
    }
}

fn told(format: LogFormat, events: Vec<(EventKind, SessionView)>) -> String {
    let names = Names::new();
    lines(LogLevel::Debug, format, || {
        let mut log = Log::new();
        for (kind, view) in events {
            log.tell(&happened(kind), &names.named(), Some(&view), now());
        }
    })
}

fn plain(events: Vec<(EventKind, SessionView)>) -> String {
    told(LogFormat::Plain, events).replace("2026-11-24T08:00:00.123Z ", "")
}

fn not_connected() -> Obstacle {
    Obstacle::Unreachable(Failure::NotConnected)
}

fn answered(verdict: Verdict, status: Option<u16>) -> EventKind {
    EventKind::Answered {
        operation: Operation::Peek,
        sent_at: now() - Duration::from_millis(31),
        outcome: Outcome {
            verdict,
            status,
            date: None,
            correlation_id: Some("c0ffee".into()),
        },
    }
}

fn excluded() -> SessionView {
    let mut view = held();
    view.held = view.held.map(|held| HeldView {
        reset: Reset::Excluded,
        ..held
    });
    view
}

fn older() -> SessionView {
    SessionView {
        token: Some(TokenId {
            fingerprint: Fingerprint::of(b"older"),
            ..token()
        }),
        ..held()
    }
}

fn past_deadline() -> SessionView {
    let mut view = failing(State::AtRisk);
    view.held = view.held.map(|held| HeldView {
        deadline: Some(now() - seconds(12)),
        ..held
    });
    view
}

fn lapsing() -> SessionView {
    let mut view = SessionView {
        policy: Policy {
            intent: Intent::Lapse,
            ..Policy::default()
        },
        held: held().held,
        ..waiting(State::Held, Operation::Peek, 902)
    };
    view.held = view.held.map(|held| HeldView {
        touch_at: None,
        outage_budget: None,
        ..held
    });
    view
}

#[test]
fn a_token_comes_is_proven_and_is_touched() {
    let unproven = || waiting(State::Unproven, Operation::Peek, 2);
    insta::assert_snapshot!(plain(vec![
        (EventKind::Found, waiting(State::Unproven, Operation::Peek, 0)),
        (EventKind::Unanswered(not_connected()), unproven()),
        (answered(Verdict::Alive(TokenReport::default()), Some(200)), held()),
        (EventKind::Held { replaces: false }, held()),
        (EventKind::Held { replaces: false }, lapsing()),
        (EventKind::Held { replaces: true }, held()),
        (EventKind::ResetProven { touch: Touch::Head, was_excluded: false }, held()),
        (EventKind::TimeoutRead(TimeoutReport {
            organisation: Some(seconds(900)),
            groups: vec![seconds(300), seconds(600)],
        }), held()),
        (EventKind::TimeoutRead(TimeoutReport::default()), held()),
        (EventKind::TimeoutNotPermitted("missing.permissions".into()), held()),
    ]), @r"
    DEBUG wallboard ba7816bf found in file /run/wallboard/token; peek now
    WARN  wallboard ba7816bf unproven: no connection to the API (https://api.mypurecloud.de); look at the network and the proxy; whether the token lives is not known; peek in 2 s
    DEBUG wallboard ba7816bf peek: alive (200) in 31 ms correlation_id=c0ffee
    INFO  wallboard ba7816bf held and kept alive: organisation Example AG, idle deadline in 15 m; touch in 7 m 12 s, outage budget 7 m 48 s
    INFO  wallboard ba7816bf held and left to lapse: organisation Example AG; peek in 15 m 2 s, idle deadline in 15 m
    INFO  wallboard ba7816bf held and kept alive, in place of the earlier token: organisation Example AG, idle deadline in 15 m; touch in 7 m 12 s, outage budget 7 m 48 s
    DEBUG wallboard ba7816bf held: HEAD /api/v2/tokens/me moves the idle deadline; touch in 7 m 12 s, outage budget 7 m 48 s correlation_id=c0ffee
    DEBUG wallboard ba7816bf held: the organisation's idle timeout is 15 m, of groups 5 m, 10 m; touch in 7 m 12 s, outage budget 7 m 48 s correlation_id=c0ffee
    DEBUG wallboard ba7816bf held: the organisation's idle timeout is disabled; touch in 7 m 12 s, outage budget 7 m 48 s correlation_id=c0ffee
    DEBUG wallboard ba7816bf held: the token may not read the organisation's idle timeout (missing.permissions), which is no failure; touch in 7 m 12 s, outage budget 7 m 48 s correlation_id=c0ffee
    ");
}

#[test]
fn something_is_in_the_way() {
    let too_many = Verdict::Throttled {
        retry_after: Some(seconds(42)),
    };
    insta::assert_snapshot!(plain(vec![
        (answered(too_many, Some(429)), failing(State::Held)),
        (answered(Verdict::Unreachable(Failure::TimedOut), None), failing(State::Held)),
        (EventKind::AtRisk(not_connected()), failing(State::AtRisk)),
        (EventKind::AtRisk(Obstacle::Throttled { retry_after: None }), failing(State::AtRisk)),
        (EventKind::AtRisk(Obstacle::Unreachable(Failure::Tls)), failing(State::AtRisk)),
        (EventKind::PastDeadline(Obstacle::Unreachable(Failure::ServerError(503))), past_deadline()),
        (EventKind::Blocked(Blockage::AddressNotAllowed), failing(State::Blocked)),
        (EventKind::Blocked(Blockage::Forbidden("app.not.authorized.for.scope".into())), failing(State::Blocked)),
        (EventKind::Recovered { failures: 1 }, held()),
        (EventKind::Recovered { failures: 7 }, held()),
        (EventKind::Unconfirmed, held()),
    ]), @r"
    DEBUG wallboard ba7816bf peek: throttled (429) in 31 ms: retry after 42 s correlation_id=c0ffee
    DEBUG wallboard ba7816bf peek: unreachable in 31 ms: no answer in time correlation_id=c0ffee
    WARN  wallboard ba7816bf at risk after 3 failed tries: no connection to the API (https://api.mypurecloud.de); look at the network and the proxy; touch in 4 s, idle deadline in 15 m correlation_id=c0ffee
    WARN  wallboard ba7816bf at risk after 3 failed tries: the API takes no more requests for now (429); look at what else uses the token: they share 300 requests a minute; touch in 4 s, idle deadline in 15 m correlation_id=c0ffee
    WARN  wallboard ba7816bf at risk after 3 failed tries: no trusted TLS connection to the API (https://api.mypurecloud.de); look at this machine's clock, the trusted certificates and the proxy; touch in 4 s, idle deadline in 15 m correlation_id=c0ffee
    WARN  wallboard ba7816bf past its idle deadline: the server failed with 503 (https://api.mypurecloud.de); look at the status page of Genesys Cloud; the token is not refused and may still live; touch in 4 s, idle deadline passed 12 s ago correlation_id=c0ffee
    WARN  wallboard ba7816bf blocked: this machine's address is not on the organisation's list (ip.not.authorized); an administrator adds the address to the list; this says nothing about the token, which may be healthy; touch in 4 s, idle deadline in 15 m correlation_id=c0ffee
    WARN  wallboard ba7816bf blocked: not permitted (app.not.authorized.for.scope); look at the scopes of the OAuth client; this says nothing about the token, which may be healthy; touch in 4 s, idle deadline in 15 m correlation_id=c0ffee
    INFO  wallboard ba7816bf held again after 1 failed try; touch in 7 m 12 s, outage budget 7 m 48 s
    INFO  wallboard ba7816bf held again after 7 failed tries; touch in 7 m 12 s, outage budget 7 m 48 s
    DEBUG wallboard ba7816bf held: a 401 was not confirmed, the token lives; touch in 7 m 12 s, outage budget 7 m 48 s correlation_id=c0ffee
    ");
}

#[test]
fn the_organisation_excludes_calls() {
    insta::assert_snapshot!(plain(vec![
        (EventKind::TouchExcluded(Touch::Head), waiting(State::Held, Operation::Touch(Touch::Get), 0)),
        (EventKind::Excluded, excluded()),
        (EventKind::ResetProven { touch: Touch::Get, was_excluded: true }, held()),
    ]), @r"
    INFO  wallboard ba7816bf held: HEAD /api/v2/tokens/me was accepted but did not move the idle deadline; GET /api/v2/tokens/me is used for touches; touch now
    WARN  wallboard ba7816bf excluded: neither HEAD nor GET moves the idle deadline, so the organisation excludes these calls from its inactivity timeout; an administrator removes /api/v2/tokens/me from the excluded API calls, or the application is active by itself, or a new token comes before each deadline; touch in 7 m 12 s, idle deadline in 15 m
    INFO  wallboard ba7816bf held: GET /api/v2/tokens/me moves the idle deadline again: the exclusion has ended; touch in 7 m 12 s, outage budget 7 m 48 s
    ");
}

#[test]
fn a_token_ends() {
    let idle = Death {
        idle: Idleness::After(seconds(2)),
        ..a_death()
    };
    let at_first = Death {
        was_held: false,
        age: seconds(1),
        correlation_id: None,
        ..a_death()
    };
    insta::assert_snapshot!(plain(vec![
        (answered(Verdict::Refused(Refusal::BadCredentials), Some(401)), view(State::Lost)),
        (EventKind::Lost(a_death()), view(State::Lost)),
        (EventKind::Lost(idle.clone()), view(State::Lost)),
        (EventKind::Lost(at_first.clone()), view(State::Lost)),
        (EventKind::NewerRefused(at_first), older()),
        (EventKind::Lapsed(idle), view(State::Lapsed)),
        (EventKind::Revoked, view(State::Revoked)),
        (EventKind::NotRevoked(not_connected()), view(State::NotRevoked)),
        (EventKind::NotRevoked(Obstacle::OutOfTime), view(State::NotRevoked)),
        (EventKind::Left, view(State::Left)),
    ]), @r"
    DEBUG wallboard ba7816bf peek: refused (401) in 31 ms correlation_id=c0ffee
    WARN  wallboard ba7816bf lost: refused 23 h 59 m after it was first seen, 2 m after an accepted touch and 13 m before its idle deadline: this is not idleness but revocation, eviction by an eleventh token or the absolute lifetime; a new token in file /run/wallboard/token takes over at once; nothing until the token is replaced correlation_id=5a0e
    WARN  wallboard ba7816bf lost: refused 2 s after its idle deadline, which passed because touches failed or this machine slept; the last touch was accepted 2 m before; a new token in file /run/wallboard/token takes over at once; nothing until the token is replaced correlation_id=5a0e
    WARN  wallboard ba7816bf lost: refused at first: it was dead when it came; a new token in file /run/wallboard/token takes over at once; nothing until the token is replaced correlation_id=c0ffee
    WARN  wallboard ba7816bf newer token, refused at first: it was dead when it came; the earlier token da925a30 stays; a new token in file /run/wallboard/token takes over at once; touch in 7 m 12 s, outage budget 7 m 48 s correlation_id=c0ffee
    INFO  wallboard ba7816bf lapsed: refused 2 s after its idle deadline, as intended; nothing until the token is replaced
    INFO  wallboard ba7816bf revoked: the API takes this token no more
    WARN  wallboard ba7816bf not revoked: no connection to the API (https://api.mypurecloud.de); look at the network and the proxy; the token lives until it idles out or expires, unless it is revoked by hand correlation_id=c0ffee
    WARN  wallboard ba7816bf not revoked: the time for it was over; the token lives until it idles out or expires, unless it is revoked by hand correlation_id=c0ffee
    INFO  wallboard ba7816bf left as it is: the token lives until it idles out or expires
    ");
}

#[test]
fn machines_get_the_same_and_its_fields() {
    insta::assert_snapshot!(told(LogFormat::Json, vec![
        (answered(Verdict::Alive(TokenReport::default()), Some(200)), held()),
        (EventKind::Held { replaces: false }, held()),
        (EventKind::Lost(a_death()), view(State::Lost)),
    ]), @r#"
    {"timestamp":"2026-11-24T08:00:00.123Z","level":"DEBUG","message":"wallboard ba7816bf peek: alive (200) in 31 ms","event":"answered","session":"wallboard","fingerprint":"ba7816bf","generation":1,"operation":"peek","verdict":"alive","status":200,"took_seconds":0.031,"correlation_id":"c0ffee"}
    {"timestamp":"2026-11-24T08:00:00.123Z","level":"INFO","message":"wallboard ba7816bf held and kept alive: organisation Example AG, idle deadline in 15 m; touch in 7 m 12 s, outage budget 7 m 48 s","event":"held","session":"wallboard","fingerprint":"ba7816bf","generation":1,"state":"held","intent":"keep","api":"https://api.mypurecloud.de","correlation_id":"c0ffee"}
    {"timestamp":"2026-11-24T08:00:00.123Z","level":"WARN","message":"wallboard ba7816bf lost: refused 23 h 59 m after it was first seen, 2 m after an accepted touch and 13 m before its idle deadline: this is not idleness but revocation, eviction by an eleventh token or the absolute lifetime; a new token in file /run/wallboard/token takes over at once; nothing until the token is replaced","event":"lost","session":"wallboard","fingerprint":"ba7816bf","generation":1,"state":"lost","intent":"keep","api":"https://api.mypurecloud.de","correlation_id":"5a0e"}
    "#);
}

#[test]
fn what_follows_from_an_answer_has_its_correlation_id() {
    let names = Names::new();
    let heard = lines(LogLevel::Info, LogFormat::Plain, || {
        let mut log = Log::new();
        let mut tell = |event: &Event| log.tell(event, &names.named(), Some(&held()), now());
        let blocked = || EventKind::Blocked(Blockage::AddressNotAllowed);
        tell(&happened(answered(Verdict::Accepted, None)));
        tell(&happened(blocked()));
        let later = now() + seconds(1);
        tell(&Event {
            at: later,
            ..happened(blocked())
        });
        tell(&Event {
            session: SessionId(1),
            ..happened(blocked())
        });
    });
    let with_id = |line: &str| line.ends_with(" correlation_id=c0ffee");
    assert_eq!(
        heard.lines().map(with_id).collect::<Vec<_>>(),
        [true, false, false]
    );
}

#[test]
fn steady_state_is_silent_at_info() {
    let names = Names::new();
    let heard = lines(LogLevel::Info, LogFormat::Plain, || {
        let mut log = Log::new();
        for kind in [
            EventKind::Found,
            answered(Verdict::Accepted, Some(200)),
            EventKind::Unconfirmed,
            EventKind::ResetProven {
                touch: Touch::Head,
                was_excluded: false,
            },
            EventKind::TimeoutRead(TimeoutReport::default()),
        ] {
            log.tell(&happened(kind), &names.named(), Some(&held()), now());
        }
    });
    assert_eq!(heard, "");
}

#[test]
fn a_session_that_is_forgotten_with_the_event_is_told_all_the_same() {
    let names = Names::new();
    let heard = lines(LogLevel::Info, LogFormat::Plain, || {
        Log::new().tell(&happened(EventKind::Left), &names.named(), None, now());
        let unknown = Event {
            token: None,
            ..happened(EventKind::Revoked)
        };
        Log::new().tell(&unknown, &names.named(), None, now());
    });
    insta::assert_snapshot!(heard, @r"
    2026-11-24T08:00:00.123Z INFO  wallboard ba7816bf left as it is: the token lives until it idles out or expires
    2026-11-24T08:00:00.123Z INFO  wallboard revoked: the API takes this token no more
    ");
}

#[test]
fn a_keepers_own_events_are_told() {
    let names = Names::new();
    let mut keeper = Keeper::new(Limits::default(), 1);
    let id = keeper.handle_added(HostId(0), Policy::default());
    let heard = lines(LogLevel::Info, LogFormat::Plain, || {
        let mut log = Log::new();
        let mut drain = |keeper: &mut Keeper, now| {
            while let Some(event) = keeper.poll_event() {
                let view = keeper.view(event.session, now);
                log.tell(&event, &names.named(), view.as_ref(), now);
            }
        };
        keeper.handle_token(id, token().fingerprint, now());
        let command = keeper.poll_command(now()).unwrap();
        let lives = TokenReport {
            idles_at: Some(ServerTime::from_unix_milliseconds(900_000)),
            ..TokenReport::default()
        };
        let outcome = Outcome {
            verdict: Verdict::Alive(lives),
            status: Some(200),
            date: Some(ServerTime::from_unix_milliseconds(0)),
            correlation_id: None,
        };
        keeper.handle_outcome(command.ticket, &outcome, now());
        drain(&mut keeper, now());
        keeper.handle_removed(id, OnShutdown::Leave, now(), now());
        drain(&mut keeper, now());
    });
    insta::assert_snapshot!(heard, @r"
    2026-11-24T08:00:00.123Z INFO  wallboard ba7816bf held and kept alive: idle deadline in 14 m 59 s; touch in 6 m 49 s, outage budget 8 m 9 s
    2026-11-24T08:00:00.123Z INFO  wallboard ba7816bf left as it is: the token lives until it idles out or expires
    ");
}

proptest! {
    #[test]
    fn a_line_is_one_line_whatever_a_server_says(text in any::<String>()) {
        let fingerprint = Fingerprint::of(text.as_bytes());
        let code = || Arc::<str>::from(&*text);
        let mut view = held();
        view.token = Some(TokenId { fingerprint, ..token() });
        view.held = view.held.map(|held| HeldView {
            organisation: Some(code()),
            ..held
        });
        let events = [
            EventKind::Held { replaces: true },
            EventKind::Blocked(Blockage::Forbidden(code())),
            EventKind::AtRisk(Obstacle::Unreachable(Failure::NotSent(code()))),
            EventKind::Lost(Death { correlation_id: Some(code()), ..a_death() }),
        ];
        let events = events.map(|kind| (kind, view.clone()));
        let heard = told(LogFormat::Plain, events.to_vec());
        prop_assert_eq!(heard.matches('\n').count(), 4);
        prop_assert!(heard.lines().all(|line| line.starts_with("2026-11-24T08:00:00.123Z ")));
        prop_assert!(!heard.contains(|it: char| it != '\n' && it.is_control()));
        for line in told(LogFormat::Json, events.to_vec()).lines() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(line).is_ok());
        }
    }
}
