//! Writes the metrics of each session, for a limited number of sessions.

use super::measure;
use super::text::{Family, Text};
use crate::keeper::{Generation, Reset, SessionView, State};
use crate::status::{NamedView, Snapshot};
use crate::time::Instant;

const INFO: Family = Family::info(
    "session_keepalive_session_info",
    "Always 1: what is wanted for a session and which API its token belongs to.",
);
const STATE: Family = Family::gauge(
    "session_keepalive_session_state",
    "Is 1 for the state that a session is in, 0 for every other.",
);
const RESET: Family = Family::gauge(
    "session_keepalive_session_reset",
    "Is 1 for what is known of whether touches move the idle deadline, 0 for everything else; only while the token lives.",
);
const IDLE_TIMEOUT: Family = Family::gauge(
    "session_keepalive_session_idle_timeout_seconds",
    "The effective idle timeout, and where it is known from.",
);

type Measure = fn(&SessionView, Instant) -> Option<f64>;

/// The families that have at most one sample for each session.
const MEASURES: [(Family, Measure); 7] = [
    (
        Family::gauge(
            "session_keepalive_session_ready",
            "Is 1 if a session is as it should be: proven alive and within its margin. A lapsing session always is.",
        ),
        |view, now| Some(f64::from(u8::from(view.is_ready(now)))),
    ),
    (
        Family::gauge(
            "session_keepalive_session_generation",
            "Grows with every new token of a session.",
        ),
        |view, _| {
            let Generation(generation) = view.token?.generation;
            Some(f64::from(generation))
        },
    ),
    (
        Family::gauge(
            "session_keepalive_session_consecutive_failures",
            "How many tries failed since the last success.",
        ),
        |view, _| Some(f64::from(view.failures)),
    ),
    (
        Family::gauge(
            "session_keepalive_session_since_touch_seconds",
            "How long ago the last accepted touch was sent.",
        ),
        measure::since_touch,
    ),
    (
        Family::gauge(
            "session_keepalive_session_idle_deadline_seconds",
            "Time until the server ends the token if nobody touches it; negative if that has passed.",
        ),
        measure::until_deadline,
    ),
    (
        Family::gauge(
            "session_keepalive_session_next_request_seconds",
            "Time until something is asked next; 0 while a request is under way.",
        ),
        measure::until_next,
    ),
    (
        Family::gauge(
            "session_keepalive_session_outage_budget_seconds",
            "How long an outage may last that begins with the next touch; not there where touches do not count.",
        ),
        |view, _| measure::outage_budget(view),
    ),
];

const TROUBLE: Family = Family::gauge(
    "session_keepalive_session_token_source_trouble",
    "Is 1 if the source of the token cannot be read or holds no token: the status says why.",
);

/// Writes the metrics of each session.
pub(crate) fn write(text: &mut Text, snapshot: &Snapshot) {
    let mut info = text.family(&INFO);
    for session in &snapshot.sessions {
        let intent = ("intent", session.view.policy.intent.as_str());
        info.sample(&[label(session), intent, ("api", session.api.as_str())], 1);
    }
    let mut states = text.family(&STATE);
    for session in &snapshot.sessions {
        let words = State::ALL.into_iter().map(State::as_str);
        let is = session.view.state.as_str();
        states.one_of(label(session), "state", words, is);
    }
    for (family, measure) in &MEASURES {
        let mut samples = text.family(family);
        for session in &snapshot.sessions {
            samples.known(&[label(session)], measure(&session.view, snapshot.at));
        }
    }
    let mut timeouts = text.family(&IDLE_TIMEOUT);
    for session in &snapshot.sessions {
        if let Some(live) = &session.view.live {
            let source = ("source", live.idle_timeout.source.as_str());
            let timeout = measure::idle_timeout(live);
            timeouts.sample(&[label(session), source], timeout);
        }
    }
    let mut resets = text.family(&RESET);
    for session in &snapshot.sessions {
        if let Some(live) = &session.view.live {
            let words = Reset::ALL.into_iter().map(Reset::as_str);
            resets.one_of(label(session), "reset", words, live.reset.as_str());
        }
    }
    let mut troubles = text.family(&TROUBLE);
    for session in &snapshot.sessions {
        troubles.sample(&[label(session)], u8::from(session.trouble.is_some()));
    }
}

fn label(session: &NamedView) -> (&'static str, &str) {
    ("session", session.name.as_str())
}
