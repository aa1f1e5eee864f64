//! Writes the metrics of each session, for a limited number of sessions.

use super::text::{Family, Samples, Text};
use super::{MetricsFormat, measure};
use crate::keeper::{Generation, Reset, State};
use crate::status::{NamedView, Snapshot};

/// The number of sessions in a piece of a family.
const PIECE: usize = 500;

/// The typical size of the samples of one session in one family, in bytes.
const SAMPLES_SIZE: usize = 200;

/// Writes the samples of one session in one family.
type Write = fn(&mut Samples<'_>, &NamedView, &Snapshot);

/// The families, in the order of the text.
const FAMILIES: [(Family, Write); 15] = [
    (
        Family::info(
            "session_keepalive_session_info",
            "Always 1; the labels are the session's intent and the API of its token.",
        ),
        |samples, session, _| {
            let intent = ("intent", session.view.policy.intent.as_str());
            samples.sample(&[label(session), intent, ("api", session.api.as_str())], 1);
        },
    ),
    (
        Family::gauge(
            "session_keepalive_session_state",
            "1 for the state of a session, 0 for all other states.",
        ),
        |samples, session, _| {
            let words = State::ALL.into_iter().map(State::as_str);
            let is = session.view.state.as_str();
            samples.one_of(label(session), "state", words, is);
        },
    ),
    (
        Family::gauge(
            "session_keepalive_session_ready",
            "1 if a session is OK: proven alive and within its margin. A lapsing session always is.",
        ),
        |samples, session, snapshot| {
            samples.sample(
                &[label(session)],
                u8::from(session.view.is_ready(snapshot.at)),
            );
        },
    ),
    (
        Family::gauge(
            "session_keepalive_session_in_incident",
            "1 if an open incident affects a session.",
        ),
        |samples, session, _| {
            samples.sample(&[label(session)], u8::from(session.incident.is_some()));
        },
    ),
    (
        Family::gauge(
            "session_keepalive_session_generation",
            "The generation of a session's token, which grows with every new token.",
        ),
        |samples, session, _| {
            let token = session.view.token;
            let generation = token.map(|token| {
                let Generation(generation) = token.generation;
                generation
            });
            samples.known(&[label(session)], generation);
        },
    ),
    (
        Family::gauge(
            "session_keepalive_session_consecutive_failures",
            "Failed attempts since the last success.",
        ),
        |samples, session, _| {
            samples.sample(&[label(session)], session.view.failures);
        },
    ),
    (
        Family::gauge(
            "session_keepalive_session_since_touch_seconds",
            "Time since the last accepted touch was sent.",
        ),
        |samples, session, snapshot| {
            samples.known(
                &[label(session)],
                measure::since_touch(&session.view, snapshot.at),
            );
        },
    ),
    (
        Family::gauge(
            "session_keepalive_session_idle_deadline_seconds",
            "Time until the server ends the token unless it is touched; negative if that has passed.",
        ),
        |samples, session, snapshot| {
            samples.known(
                &[label(session)],
                measure::until_deadline(&session.view, snapshot.at),
            );
        },
    ),
    (
        Family::gauge(
            "session_keepalive_session_next_request_seconds",
            "Time until the next request; 0 while a request is in flight.",
        ),
        |samples, session, snapshot| {
            samples.known(
                &[label(session)],
                measure::until_next(&session.view, snapshot.at),
            );
        },
    ),
    (
        Family::gauge(
            "session_keepalive_session_outage_budget_seconds",
            "The longest outage that the session survives if it begins with the next touch; absent where touches do not count.",
        ),
        |samples, session, _| {
            samples.known(&[label(session)], measure::outage_budget(&session.view));
        },
    ),
    (
        Family::gauge(
            "session_keepalive_session_idle_timeout_seconds",
            "The effective idle timeout and its source.",
        ),
        |samples, session, _| {
            if let Some(live) = &session.view.live {
                let source = ("source", live.idle_timeout.source.as_str());
                let timeout = measure::idle_timeout(live);
                samples.sample(&[label(session), source], timeout);
            }
        },
    ),
    (
        Family::gauge(
            "session_keepalive_session_reset",
            "1 for what is known about the effect of touches on the idle deadline, 0 for all other values; only while the token lives.",
        ),
        |samples, session, _| {
            if let Some(live) = &session.view.live {
                let words = Reset::ALL.into_iter().map(Reset::as_str);
                samples.one_of(label(session), "reset", words, live.reset.as_str());
            }
        },
    ),
    (
        Family::gauge(
            "session_keepalive_token_expires_timestamp_seconds",
            "The end of the token's lifetime, which no request extends, in seconds since 1970; only if it is known.",
        ),
        |samples, session, snapshot| {
            let expiry = session.view.live.as_ref().and_then(|live| live.expiry);
            let at = expiry.map(|expiry| snapshot.wall_at(expiry.at).as_second());
            samples.known(&[label(session)], at);
        },
    ),
    (
        Family::gauge(
            "session_keepalive_session_failed_renewals",
            "The number of failed attempts to obtain a token since the last one was issued.",
        ),
        |samples, session, _| {
            samples.sample(&[label(session)], session.view.mint_failures);
        },
    ),
    (
        Family::gauge(
            "session_keepalive_session_token_source_trouble",
            "1 if the source of the token cannot be read or holds no token; the status has the reason.",
        ),
        |samples, session, _| {
            samples.sample(&[label(session)], u8::from(session.trouble.is_some()));
        },
    ),
];

/// Returns the metrics of each session in pieces. Writing a piece takes about a millisecond.
pub(crate) fn pieces(
    snapshot: &Snapshot,
    form: MetricsFormat,
) -> impl Iterator<Item = Vec<u8>> + '_ {
    let sessions = snapshot.sessions.as_slice();
    FAMILIES.iter().flat_map(move |(family, write)| {
        // A family without samples has a head nevertheless.
        let first = sessions.len().min(PIECE);
        let (first, rest) = sessions.split_at(first);
        let pieces =
            std::iter::once((true, first)).chain(rest.chunks(PIECE).map(|piece| (false, piece)));
        pieces.map(move |(is_first, piece)| {
            let mut text = Text::new(form, (piece.len() + 1) * SAMPLES_SIZE);
            let mut samples = if is_first {
                text.family(family)
            } else {
                text.rest_of(family)
            };
            for session in piece {
                write(&mut samples, session, snapshot);
            }
            text.into_bytes()
        })
    })
}

fn label(session: &NamedView) -> (&'static str, &str) {
    ("session", session.name.as_str())
}
