//! The log lines of sessions. A change of these snapshots is a change that users see.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::{LogFormat, LogLevel};
use crate::keeper::{
    BlockReason, ClientEnd, Death, Failure, FailureReason, HostId, Idleness, Intent,
    IssuerMismatch, IssuerPart, Keeper, Limits, LiveTokenView, Offer, OnShutdown, Policy, Refusal,
    State, TimeoutReport, TokenId, TokenReport, Touch, Verdict,
};
use crate::status::fixture::{
    NamesFixture, a_death, alive_view, excluded_view, failing, incident_view, lines, now, seconds,
    token, view, waiting,
};
use crate::time::ServerTime;
use crate::token::Fingerprint;

fn happened(kind: EventKind) -> Event {
    Event {
        session: SessionId(0),
        token: Some(token()),
        at: now(),
        kind,
    }
}

fn logged(format: LogFormat, events: Vec<(EventKind, SessionView)>) -> String {
    let names = NamesFixture::new();
    lines(LogLevel::Debug, format, || {
        let mut log = Log::new();
        for (kind, view) in events {
            log.handle_event(
                &happened(kind),
                &names.named(),
                Some(&view),
                Reporting::ByItself,
                now(),
            );
        }
    })
}

fn plain(events: Vec<(EventKind, SessionView)>) -> String {
    logged(LogFormat::Plain, events).replace("2026-11-24T08:00:00.123Z ", "")
}

fn not_connected() -> FailureReason {
    FailureReason::Unreachable(Failure::NotConnected)
}

fn answered(verdict: Verdict, status: Option<u16>) -> EventKind {
    EventKind::Answered {
        operation: Operation::Peek,
        sent_at: now() - Duration::from_millis(31),
        queued: Duration::from_millis(2),
        outcome: Outcome {
            verdict,
            status,
            date: None,
            is_cached: false,
            correlation_id: Some("c0ffee".into()),
        },
    }
}

fn older() -> SessionView {
    SessionView {
        token: Some(TokenId {
            fingerprint: Fingerprint::of(b"older"),
            ..token()
        }),
        ..alive_view()
    }
}

fn past_deadline() -> SessionView {
    let mut view = failing(State::AtRisk);
    view.live = view.live.map(|live| LiveTokenView {
        deadline: Some(now() - seconds(12)),
        ..live
    });
    view
}

fn lapsing() -> SessionView {
    let mut view = SessionView {
        policy: Policy {
            intent: Intent::Lapse,
            ..Policy::default()
        },
        live: alive_view().live,
        ..waiting(State::Alive, Operation::Peek, 902)
    };
    view.live = view.live.map(|live| LiveTokenView {
        touch_at: None,
        outage_budget: None,
        ..live
    });
    view
}

#[test]
fn a_token_comes_is_proven_and_is_touched() {
    let unproven = || waiting(State::Unproven, Operation::Peek, 2);
    insta::assert_snapshot!(plain(vec![
        (EventKind::Found, waiting(State::Unproven, Operation::Peek, 0)),
        (EventKind::Unanswered(not_connected()), unproven()),
        (answered(Verdict::Alive(TokenReport::default()), Some(200)), alive_view()),
        (EventKind::Alive { replaces: false }, alive_view()),
        (EventKind::Alive { replaces: false }, lapsing()),
        (EventKind::Alive { replaces: true }, alive_view()),
        (EventKind::ResetProven { touch: Touch::Head, was_excluded: false }, alive_view()),
        (EventKind::TimeoutRead(TimeoutReport {
            organisation: Some(seconds(900)),
            groups: vec![seconds(300), seconds(600)],
        }), alive_view()),
        (EventKind::TimeoutRead(TimeoutReport::default()), alive_view()),
        (EventKind::TimeoutNotPermitted("missing.permissions".into()), alive_view()),
    ]), @r"
    DEBUG wallboard ba7816bf found in file /run/wallboard/token; peek now
    WARN  wallboard ba7816bf unproven: no connection to the API (https://api.mypurecloud.de); check the network and the proxy; whether the token lives is not known; peek in 2s
    DEBUG wallboard ba7816bf peek: alive (200) in 31ms correlation_id=c0ffee
    INFO  wallboard ba7816bf alive and kept: organisation Example AG, idle deadline in 15m; touch in 7m 12s, outage budget 7m 48s
    INFO  wallboard ba7816bf alive and left to lapse: organisation Example AG; peek in 15m 2s, idle deadline in 15m
    INFO  wallboard ba7816bf alive and kept, in place of the earlier token: organisation Example AG, idle deadline in 15m; touch in 7m 12s, outage budget 7m 48s
    DEBUG wallboard ba7816bf alive: HEAD /api/v2/tokens/me moves the idle deadline; touch in 7m 12s, outage budget 7m 48s correlation_id=c0ffee
    DEBUG wallboard ba7816bf alive: the organisation's idle timeout is 15m, of groups 5m, 10m; touch in 7m 12s, outage budget 7m 48s correlation_id=c0ffee
    DEBUG wallboard ba7816bf alive: the organisation's idle timeout is disabled; touch in 7m 12s, outage budget 7m 48s correlation_id=c0ffee
    DEBUG wallboard ba7816bf alive: the token may not read the organisation's idle timeout (missing.permissions), which is no failure; touch in 7m 12s, outage budget 7m 48s correlation_id=c0ffee
    ");
}

#[test]
fn something_is_in_the_way() {
    let too_many = Verdict::Throttled {
        retry_after: Some(seconds(42)),
    };
    insta::assert_snapshot!(plain(vec![
        (answered(too_many, Some(429)), failing(State::Alive)),
        (answered(Verdict::Unreachable(Failure::TimedOut), None), failing(State::Alive)),
        (EventKind::AtRisk(not_connected()), failing(State::AtRisk)),
        (EventKind::AtRisk(FailureReason::Throttled { retry_after: None }), failing(State::AtRisk)),
        (EventKind::AtRisk(FailureReason::Unreachable(Failure::Tls)), failing(State::AtRisk)),
        (EventKind::PastDeadline(FailureReason::Unreachable(Failure::ServerError(503))), past_deadline()),
        (EventKind::Blocked(BlockReason::AddressNotAllowed), failing(State::Blocked)),
        (EventKind::Blocked(BlockReason::Forbidden("app.not.authorized.for.scope".into())), failing(State::Blocked)),
        (EventKind::Recovered { failures: 1 }, alive_view()),
        (EventKind::Recovered { failures: 7 }, alive_view()),
        (EventKind::Unconfirmed, alive_view()),
    ]), @r"
    DEBUG wallboard ba7816bf peek: throttled (429) in 31ms: no more requests for another 42s correlation_id=c0ffee
    DEBUG wallboard ba7816bf peek: unreachable in 31ms: no answer in time correlation_id=c0ffee
    WARN  wallboard ba7816bf at risk after 3 failed tries: no connection to the API (https://api.mypurecloud.de); check the network and the proxy; touch in 4s, idle deadline in 15m correlation_id=c0ffee
    WARN  wallboard ba7816bf at risk after 3 failed tries: the API accepts no more requests for now (429); check what else uses the token: they share 300 requests a minute; touch in 4s, idle deadline in 15m correlation_id=c0ffee
    WARN  wallboard ba7816bf at risk after 3 failed tries: no trusted TLS connection to the API (https://api.mypurecloud.de); check this machine's clock, the trusted certificates and the proxy; touch in 4s, idle deadline in 15m correlation_id=c0ffee
    WARN  wallboard ba7816bf past its idle deadline: the server failed with 503 (https://api.mypurecloud.de); check the status page of Genesys Cloud; the token is not refused and may still live; touch in 4s, idle deadline passed 12s ago correlation_id=c0ffee
    WARN  wallboard ba7816bf blocked: this machine's address is not on the organisation's list (ip.not.authorized); an administrator adds the address to the list; this says nothing about the token, which may be healthy; touch in 4s, idle deadline in 15m correlation_id=c0ffee
    WARN  wallboard ba7816bf blocked: not permitted (app.not.authorized.for.scope); check the scopes of the OAuth client; this says nothing about the token, which may be healthy; touch in 4s, idle deadline in 15m correlation_id=c0ffee
    INFO  wallboard ba7816bf alive again after 1 failed try; touch in 7m 12s, outage budget 7m 48s
    INFO  wallboard ba7816bf alive again after 7 failed tries; touch in 7m 12s, outage budget 7m 48s
    DEBUG wallboard ba7816bf alive: a 401 was not confirmed, the token lives; touch in 7m 12s, outage budget 7m 48s correlation_id=c0ffee
    ");
}

#[test]
fn the_organisation_excludes_calls() {
    insta::assert_snapshot!(plain(vec![
        (EventKind::TouchExcluded(Touch::Head), waiting(State::Alive, Operation::Touch(Touch::Get), 0)),
        (EventKind::Excluded, excluded_view()),
        (EventKind::ResetProven { touch: Touch::Get, was_excluded: true }, alive_view()),
    ]), @r"
    INFO  wallboard ba7816bf alive: HEAD /api/v2/tokens/me was accepted but did not move the idle deadline; GET /api/v2/tokens/me is used for touches; touch now
    WARN  wallboard ba7816bf excluded: neither HEAD nor GET moves the idle deadline, so the organisation excludes these calls from its inactivity timeout; an administrator removes /api/v2/tokens/me from the excluded API calls, or the application is active itself, or a new token comes before each deadline; touch in 7m 12s, idle deadline in 15m
    INFO  wallboard ba7816bf alive: GET /api/v2/tokens/me moves the idle deadline again: the exclusion has ended; touch in 7m 12s, outage budget 7m 48s
    ");
}

#[test]
fn a_token_ends() {
    let idle = Death {
        idle: Idleness::After(seconds(2)),
        ..a_death()
    };
    let at_first = Death {
        was_alive: false,
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
        (EventKind::NewerMismatched(Box::new(IssuerMismatch {
            part: IssuerPart::Client,
            present: "c-1".into(),
            newer: "c-2".into(),
        })), older()),
        (EventKind::ClientEnding(ClientEnd {
            is_inactive: true,
            deleted_at: Some(ServerTime::from_unix_milliseconds(1_795_507_200_000)),
        }), alive_view()),
        (EventKind::Lapsed(idle), view(State::Lapsed)),
        (EventKind::Revoked { was_gone: false }, view(State::Revoked)),
        (EventKind::Revoked { was_gone: true }, view(State::Revoked)),
        (EventKind::NotRevoked(not_connected()), view(State::NotRevoked)),
        (EventKind::NotRevoked(FailureReason::OutOfTime), view(State::NotRevoked)),
        (EventKind::Left, view(State::Left)),
    ]), @r"
    DEBUG wallboard ba7816bf peek: refused (401) in 31ms correlation_id=c0ffee
    WARN  wallboard ba7816bf lost: refused 23h 59m after it was first seen, 2m after an accepted touch and 13m before its idle deadline, which the API reported 1m 58s before: revocation, eviction by an eleventh token, the absolute lifetime, a disabled client, or idleness if the timeout was shortened meanwhile or the reported time was wrong; a new token in file /run/wallboard/token takes over at once; nothing until the token is replaced correlation_id=5a0e
    WARN  wallboard ba7816bf lost: refused 2s after its idle deadline, which the API reported 1m 58s before; no failed request explains that; the last touch was accepted 2m before; a new token in file /run/wallboard/token takes over at once; nothing until the token is replaced correlation_id=5a0e
    WARN  wallboard ba7816bf lost: is the region right? https://api.mypurecloud.de (eu-central-1) was asked, and no token was alive there yet; refused from the first answer on: it was dead when it came or within seconds, or belongs to another region; a new token in file /run/wallboard/token takes over at once; nothing until the token is replaced correlation_id=c0ffee
    WARN  wallboard ba7816bf newer token, refused from the first answer on: it was dead when it came or within seconds, or belongs to another region; the earlier token da925a30 stays; a new token in file /run/wallboard/token takes over at once; touch in 7m 12s, outage budget 7m 48s correlation_id=c0ffee
    WARN  wallboard ba7816bf newer token, of another OAuth client (c-2 instead of c-1): it is not used, and the earlier token da925a30 stays; another one is obtained every 15m; check file /run/wallboard/token; touch in 7m 12s, outage budget 7m 48s correlation_id=c0ffee
    WARN  wallboard ba7816bf alive, but its OAuth client is inactive and is to be deleted at 2026-11-24 08:00:00 UTC; its tokens end with it: an administrator keeps the client, or the session needs a token of another one; touch in 7m 12s, outage budget 7m 48s correlation_id=c0ffee
    INFO  wallboard ba7816bf lapsed: refused 2s after its idle deadline, which the API reported 1m 58s before; it idled out as intended, as far as can be known; nothing until the token is replaced
    INFO  wallboard ba7816bf revoked
    INFO  wallboard ba7816bf revocation not needed: the API no longer knew the token
    WARN  wallboard ba7816bf not revoked: no connection to the API (https://api.mypurecloud.de); check the network and the proxy; if the token lives, it does until it idles out or expires, or is revoked by hand correlation_id=c0ffee
    WARN  wallboard ba7816bf not revoked: the time limit was reached; if the token lives, it does until it idles out or expires, or is revoked by hand correlation_id=c0ffee
    INFO  wallboard ba7816bf left as it is: if the token lives, it does until it idles out or expires
    ");
}

#[test]
fn where_no_token_was_alive_yet_the_region_comes_before_all_else() {
    let at_first = || Death {
        was_alive: false,
        age: seconds(16),
        correlation_id: None,
        ..a_death()
    };
    insta::assert_snapshot!(plain(vec![
        (EventKind::Lost(at_first()), view(State::Lost)),
        (EventKind::Alive { replaces: false }, alive_view()),
        (EventKind::Lost(at_first()), view(State::Lost)),
    ]), @r"
    WARN  wallboard ba7816bf lost: is the region right? https://api.mypurecloud.de (eu-central-1) was asked, and no token was alive there yet; refused from the first answer on: it was dead when it came or within seconds, or belongs to another region; a new token in file /run/wallboard/token takes over at once; nothing until the token is replaced
    INFO  wallboard ba7816bf alive and kept: organisation Example AG, idle deadline in 15m; touch in 7m 12s, outage budget 7m 48s
    WARN  wallboard ba7816bf lost: refused from the first answer on: it was dead when it came or within seconds, or belongs to another region; a new token in file /run/wallboard/token takes over at once; nothing until the token is replaced
    ");
}

#[test]
fn machines_get_the_same_and_its_fields() {
    insta::assert_snapshot!(logged(LogFormat::Json, vec![
        (answered(Verdict::Alive(TokenReport::default()), Some(200)), alive_view()),
        (EventKind::Alive { replaces: false }, alive_view()),
        (EventKind::Lost(a_death()), view(State::Lost)),
    ]), @r#"
    {"timestamp":"2026-11-24T08:00:00.123Z","level":"DEBUG","message":"wallboard ba7816bf peek: alive (200) in 31ms","event":"answered","session":"wallboard","fingerprint":"ba7816bf","generation":1,"operation":"peek","verdict":"alive","status":200,"queued_seconds":0.002,"took_seconds":0.031,"correlation_id":"c0ffee"}
    {"timestamp":"2026-11-24T08:00:00.123Z","level":"INFO","message":"wallboard ba7816bf alive and kept: organisation Example AG, idle deadline in 15m; touch in 7m 12s, outage budget 7m 48s","event":"alive","session":"wallboard","fingerprint":"ba7816bf","generation":1,"state":"alive","intent":"keep","api":"https://api.mypurecloud.de","correlation_id":"c0ffee"}
    {"timestamp":"2026-11-24T08:00:00.123Z","level":"WARN","message":"wallboard ba7816bf lost: refused 23h 59m after it was first seen, 2m after an accepted touch and 13m before its idle deadline, which the API reported 1m 58s before: revocation, eviction by an eleventh token, the absolute lifetime, a disabled client, or idleness if the timeout was shortened meanwhile or the reported time was wrong; a new token in file /run/wallboard/token takes over at once; nothing until the token is replaced","event":"lost","session":"wallboard","fingerprint":"ba7816bf","generation":1,"state":"lost","intent":"keep","api":"https://api.mypurecloud.de","correlation_id":"5a0e"}
    "#);
}

#[test]
fn what_follows_from_an_incident_is_told_at_debug_and_not_remembered() {
    let names = NamesFixture::new();
    let mut recent_events = Vec::new();
    let output = lines(LogLevel::Info, LogFormat::Plain, || {
        let mut log = Log::new();
        let event = happened(EventKind::AtRisk(not_connected()));
        let view = failing(State::AtRisk);
        let session = names.named();
        log.handle_event(
            &event,
            &session,
            Some(&view),
            Reporting::WithIncident,
            now(),
        );
        for stage in [Stage::Open, Stage::AtRisk, Stage::Over] {
            log.handle_incident(&incident_view(), stage, now());
        }
        recent_events = log.recent_events();
    });
    insta::assert_snapshot!(output, @r"
    2026-11-24T08:00:00.123Z WARN  API unreachable: no connection to the API (https://api.mypurecloud.de) since 07:59:30 UTC; 300 sessions; the first token dies in 2m 24s; check the network and the proxy
    2026-11-24T08:00:00.123Z WARN  API unreachable for 30s: 0 of 300 sessions at risk; the first token dies in 2m 24s
    2026-11-24T08:00:00.123Z INFO  API unreachable: over after 0s, from 07:59:30 UTC to 07:59:30 UTC; none of 300 sessions was at risk, no token was lost
    ");
    let names: Vec<_> = recent_events.iter().map(|event| event.event).collect();
    assert_eq!(names, ["incident", "incident_worse", "incident_over"]);
    assert!(recent_events.iter().all(|event| event.session.is_none()));
}

#[test]
fn what_follows_from_an_answer_has_its_correlation_id() {
    let names = NamesFixture::new();
    let output = lines(LogLevel::Info, LogFormat::Plain, || {
        let mut log = Log::new();
        let mut log_event = |event: &Event| {
            log.handle_event(
                event,
                &names.named(),
                Some(&alive_view()),
                Reporting::ByItself,
                now(),
            );
        };
        let blocked = || EventKind::Blocked(BlockReason::AddressNotAllowed);
        log_event(&happened(answered(Verdict::Accepted, None)));
        log_event(&happened(blocked()));
        let later = now() + seconds(1);
        log_event(&Event {
            at: later,
            ..happened(blocked())
        });
        log_event(&Event {
            session: SessionId(1),
            ..happened(blocked())
        });
    });
    let with_id = |line: &str| line.ends_with(" correlation_id=c0ffee");
    assert_eq!(
        output.lines().map(with_id).collect::<Vec<_>>(),
        [true, false, false]
    );
}

#[test]
fn steady_state_is_silent_at_info() {
    let names = NamesFixture::new();
    let output = lines(LogLevel::Info, LogFormat::Plain, || {
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
            log.handle_event(
                &happened(kind),
                &names.named(),
                Some(&alive_view()),
                Reporting::ByItself,
                now(),
            );
        }
    });
    assert_eq!(output, "");
}

#[test]
fn a_session_that_is_forgotten_with_the_event_is_told_all_the_same() {
    let names = NamesFixture::new();
    let output = lines(LogLevel::Info, LogFormat::Plain, || {
        Log::new().handle_event(
            &happened(EventKind::Left),
            &names.named(),
            None,
            Reporting::ByItself,
            now(),
        );
        let unknown = Event {
            token: None,
            ..happened(EventKind::Revoked { was_gone: false })
        };
        Log::new().handle_event(&unknown, &names.named(), None, Reporting::ByItself, now());
    });
    insta::assert_snapshot!(output, @r"
    2026-11-24T08:00:00.123Z INFO  wallboard ba7816bf left as it is: if the token lives, it does until it idles out or expires
    2026-11-24T08:00:00.123Z INFO  wallboard revoked
    ");
}

#[test]
fn a_keepers_own_events_are_told() {
    let names = NamesFixture::new();
    let mut keeper = Keeper::new(Limits::default(), 1);
    let id = keeper.handle_added(HostId(0), Policy::default());
    let output = lines(LogLevel::Info, LogFormat::Plain, || {
        let mut log = Log::new();
        let mut drain = |keeper: &mut Keeper, now| {
            while let Some(event) = keeper.poll_event() {
                let view = keeper.view(event.session, now);
                log.handle_event(
                    &event,
                    &names.named(),
                    view.as_ref(),
                    Reporting::ByItself,
                    now,
                );
            }
        };
        keeper.handle_token(id, token().fingerprint, Offer::Seen, now());
        let command = keeper.poll_command(now()).unwrap();
        let lives = TokenReport {
            idles_at: Some(ServerTime::from_unix_milliseconds(900_000)),
            ..TokenReport::default()
        };
        let outcome = Outcome {
            verdict: Verdict::Alive(lives),
            status: Some(200),
            date: Some(ServerTime::from_unix_milliseconds(0)),
            is_cached: false,
            correlation_id: None,
        };
        keeper.handle_outcome(command.ticket, &outcome, now());
        drain(&mut keeper, now());
        keeper.handle_removed(id, OnShutdown::Leave, now(), now());
        drain(&mut keeper, now());
    });
    insta::assert_snapshot!(output, @r"
    2026-11-24T08:00:00.123Z INFO  wallboard ba7816bf alive and kept: idle deadline in 14m 59s; touch in 6m 49s, outage budget 8m 9s
    2026-11-24T08:00:00.123Z INFO  wallboard ba7816bf left as it is: if the token lives, it does until it idles out or expires
    ");
}

proptest! {
    #[test]
    fn a_line_is_one_line_whatever_a_server_says(text in any::<String>()) {
        let fingerprint = Fingerprint::of(text.as_bytes());
        let code = || Arc::<str>::from(&*text);
        let mut view = alive_view();
        view.token = Some(TokenId { fingerprint, ..token() });
        view.live = view.live.map(|live| LiveTokenView {
            organisation: Some(code()),
            ..live
        });
        let events = [
            EventKind::Alive { replaces: true },
            EventKind::Blocked(BlockReason::Forbidden(code())),
            EventKind::AtRisk(FailureReason::Unreachable(Failure::NotSent(code()))),
            EventKind::Lost(Death { correlation_id: Some(code()), ..a_death() }),
        ];
        let events = events.map(|kind| (kind, view.clone()));
        let output = logged(LogFormat::Plain, events.to_vec());
        prop_assert_eq!(output.matches('\n').count(), 4);
        prop_assert!(output.lines().all(|line| line.starts_with("2026-11-24T08:00:00.123Z ")));
        let is_harmful = |character: char| character != '\n' && character.is_control();
        prop_assert!(!output.contains(is_harmful));
        for line in logged(LogFormat::Json, events.to_vec()).lines() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(line).is_ok());
        }
    }
}
