//! Measures sessions at one moment, and writes the metrics of each, for a limited number of
//! sessions.
//!
//! A number is `None` where there is nothing to measure.

use super::MetricsFormat;
use super::text::{Family, Samples, Text};
use crate::keeper::{Generation, LiveTokenView, Reset, SessionView, State};
use crate::status::{NamedView, Snapshot};
use crate::time::{Instant, rounded_seconds};

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
            samples.known(&[label(session)], since_touch(&session.view, snapshot.at));
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
                until_deadline(&session.view, snapshot.at),
            );
        },
    ),
    (
        Family::gauge(
            "session_keepalive_session_next_request_seconds",
            "Time until the next request; 0 while a request is in flight.",
        ),
        |samples, session, snapshot| {
            samples.known(&[label(session)], until_next(&session.view, snapshot.at));
        },
    ),
    (
        Family::gauge(
            "session_keepalive_session_outage_budget_seconds",
            "The longest outage that the session survives if it begins with the next touch; absent where touches do not count.",
        ),
        |samples, session, _| {
            samples.known(&[label(session)], outage_budget(&session.view));
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
                let timeout = idle_timeout(live);
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

/// Returns the time since the last accepted touch was sent, in seconds.
pub(crate) fn since_touch(view: &SessionView, now: Instant) -> Option<f64> {
    let touched_at = view.live.as_ref()?.touched_at?;
    Some(rounded_seconds(now.since(touched_at).as_secs_f64()))
}

/// Returns the time until the idle deadline, in seconds; negative if it has passed.
pub(crate) fn until_deadline(view: &SessionView, now: Instant) -> Option<f64> {
    let deadline = view.live.as_ref()?.deadline?;
    let (ahead, behind) = (deadline.until(now), now.since(deadline));
    Some(rounded_seconds(ahead.as_secs_f64() - behind.as_secs_f64()))
}

/// Returns the time until the next request, in seconds; 0 while a request is under way.
fn until_next(view: &SessionView, now: Instant) -> Option<f64> {
    let next = view.next?;
    let ahead = next.at.until(now).as_secs_f64();
    Some(if next.is_under_way {
        0.0
    } else {
        rounded_seconds(ahead)
    })
}

/// Returns the longest outage from the next touch on that the token survives, in seconds.
pub(crate) fn outage_budget(view: &SessionView) -> Option<f64> {
    Some(rounded_seconds(view.outage_budget()?.as_secs_f64()))
}

/// Returns the effective idle timeout, in seconds.
pub(crate) fn idle_timeout(live: &LiveTokenView) -> f64 {
    rounded_seconds(live.idle_timeout.duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::fixture::{alive_view, now, seconds, view};

    #[test]
    fn what_has_passed_is_negative_and_what_is_under_way_is_next_now() {
        let mut session = alive_view();
        assert_eq!(until_deadline(&session, now()), Some(900.0));
        assert_eq!(until_deadline(&session, now() + seconds(901)), Some(-1.0));
        assert_eq!(until_next(&session, now()), Some(432.0));
        session.next.as_mut().unwrap().is_under_way = true;
        assert_eq!(until_next(&session, now()), Some(0.0));
    }

    #[test]
    fn nothing_is_invented_where_nothing_is_known() {
        let absent = view(State::Absent);
        assert_eq!(since_touch(&absent, now()), None);
        assert_eq!(until_deadline(&absent, now()), None);
        assert_eq!(until_next(&absent, now()), None);
        assert_eq!(outage_budget(&absent), None);
    }

    #[test]
    fn touches_that_do_not_count_buy_no_outage() {
        let mut session = alive_view();
        assert_eq!(outage_budget(&session), Some(468.0));
        session.live.as_mut().unwrap().reset = Reset::Excluded;
        assert_eq!(outage_budget(&session), None);
    }
}
