//! Writes the aggregate metrics of all sessions.
//!
//! The number of samples does not depend on the number of sessions.

use super::sessions::{idle_timeout, outage_budget, since_touch, until_deadline};
use super::text::{Family, Text};
use crate::keeper::{Intent, Reset, SessionView, State, TimeoutSource};
use crate::status::{SessionEntry, SessionSums, Snapshot};
use crate::time::Instant;

const EACH_SHOWN: Family = Family::gauge(
    "session_keepalive_per_session_metrics_enabled",
    "1 if each session has metrics of its own; 0 if there are more sessions than metrics.per_session_max, so that only aggregate metrics are exposed.",
);
const SESSIONS: Family = Family::gauge(
    "session_keepalive_sessions",
    "Sessions by intent and state.",
);
const NOT_READY: Family = Family::gauge(
    "session_keepalive_sessions_not_ready",
    "Kept sessions that are not proven alive or are past their margin.",
);
const FAILING: Family = Family::gauge(
    "session_keepalive_sessions_failing",
    "Sessions with a failed attempt since their last success.",
);
const TROUBLED: Family = Family::gauge(
    "session_keepalive_sessions_with_source_trouble",
    "Sessions whose token source cannot be read or holds no token.",
);
const BY_RESET: Family = Family::gauge(
    "session_keepalive_sessions_by_reset",
    "Sessions with a living token by the effect of touches on its idle deadline.",
);
const BY_SOURCE: Family = Family::gauge(
    "session_keepalive_sessions_by_idle_timeout_source",
    "Sessions with a living token by the source of its idle timeout.",
);
const DEADLINE_MIN: Family = Family::gauge(
    "session_keepalive_idle_deadline_min_seconds",
    "The least time until an idle deadline, of the kept sessions; negative if one has passed.",
);
const BUDGET_MIN: Family = Family::gauge(
    "session_keepalive_outage_budget_min_seconds",
    "The least outage that all kept sessions survive if it begins with their next touch.",
);
const SINCE_TOUCH_MAX: Family = Family::gauge(
    "session_keepalive_since_touch_max_seconds",
    "The longest time since an accepted touch was sent, of the kept sessions.",
);
const IDLE_TIMEOUT_MIN: Family = Family::gauge(
    "session_keepalive_idle_timeout_min_seconds",
    "The shortest effective idle timeout of a kept session.",
);
const IDLE_TIMEOUT_MAX: Family = Family::gauge(
    "session_keepalive_idle_timeout_max_seconds",
    "The longest effective idle timeout of a kept session.",
);
const FAILURES_MAX: Family = Family::gauge(
    "session_keepalive_consecutive_failures_max",
    "The largest number of failed attempts since a session's last success.",
);

/// The sums, minima and maxima over all sessions.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Totals {
    sessions: usize,
    states: [[u64; State::ALL.len()]; Intent::ALL.len()],
    not_ready: u64,
    troubled: u64,
    failing: u64,
    failures_max: u32,
    resets: [u64; Reset::ALL.len()],
    sources: [u64; TimeoutSource::ALL.len()],
    deadline_min: Option<f64>,
    budget_min: Option<f64>,
    since_touch_max: Option<f64>,
    idle_timeout_min: Option<f64>,
    idle_timeout_max: Option<f64>,
}

/// Writes the aggregate metrics of all sessions.
pub(crate) fn write(text: &mut Text, totals: &Totals, is_each_shown: bool) {
    text.family(&EACH_SHOWN)
        .sample(&[], u8::from(is_each_shown));
    let mut sessions = text.family(&SESSIONS);
    for (intent, row) in Intent::ALL.into_iter().zip(totals.states) {
        let intent = ("intent", intent.as_str());
        for (state, count) in State::ALL.into_iter().zip(row) {
            sessions.sample(&[intent, ("state", state.as_str())], count);
        }
    }
    text.family(&NOT_READY).sample(&[], totals.not_ready);
    text.family(&FAILING).sample(&[], totals.failing);
    text.family(&TROUBLED).sample(&[], totals.troubled);
    let mut by_reset = text.family(&BY_RESET);
    for (reset, count) in Reset::ALL.into_iter().zip(totals.resets) {
        by_reset.sample(&[("reset", reset.as_str())], count);
    }
    let mut by_source = text.family(&BY_SOURCE);
    for (source, count) in TimeoutSource::ALL.into_iter().zip(totals.sources) {
        by_source.sample(&[("source", source.as_str())], count);
    }
    for (family, value) in [
        (&DEADLINE_MIN, totals.deadline_min),
        (&BUDGET_MIN, totals.budget_min),
        (&SINCE_TOUCH_MAX, totals.since_touch_max),
        (&IDLE_TIMEOUT_MIN, totals.idle_timeout_min),
        (&IDLE_TIMEOUT_MAX, totals.idle_timeout_max),
    ] {
        text.family(family).known(&[], value);
    }
    text.family(&FAILURES_MAX).sample(&[], totals.failures_max);
}

impl SessionSums for Totals {
    fn add(&mut self, session: &SessionEntry<'_>, at: Instant) {
        let view = session.view;
        self.sessions += 1;
        self.troubled += u64::from(session.trouble.is_some());
        self.count(view);
        self.not_ready += u64::from(!view.is_ready(at));
        if view.policy.intent == Intent::Keep {
            let deadline = until_deadline(view, at);
            let timeout = view.live.as_ref().map(idle_timeout);
            fold(&mut self.deadline_min, deadline, f64::min);
            fold(&mut self.budget_min, outage_budget(view), f64::min);
            let since_touch = since_touch(view, at);
            fold(&mut self.since_touch_max, since_touch, f64::max);
            fold(&mut self.idle_timeout_min, timeout, f64::min);
            fold(&mut self.idle_timeout_max, timeout, f64::max);
        }
    }
}

impl Totals {
    /// Returns true if each session has metrics of its own, since there are at most
    /// [`per_session_max`](Snapshot::per_session_max) of them.
    #[must_use]
    pub fn is_each_shown(&self, overview: &Snapshot) -> bool {
        self.sessions <= overview.per_session_max
    }

    /// Returns true if every session with the intent to keep is proven alive and within its margin,
    /// and the daemon is not stopping.
    pub(crate) fn is_ready(&self, overview: &Snapshot) -> bool {
        !overview.is_stopping && self.not_ready == 0
    }

    fn count(&mut self, view: &SessionView) {
        let is_intent = |intent: &Intent| *intent == view.policy.intent;
        let is_state = |state: &State| *state == view.state;
        let intent = Intent::ALL.iter().position(is_intent);
        let state = State::ALL.iter().position(is_state);
        if let (Some(intent), Some(state)) = (intent, state) {
            self.states[intent][state] += 1;
        }
        self.failing += u64::from(view.failures > 0);
        self.failures_max = self.failures_max.max(view.failures);
        if let Some(live) = &view.live {
            let is_source = |source: &TimeoutSource| *source == live.idle_timeout.source;
            if let Some(reset) = Reset::ALL.iter().position(|reset| *reset == live.reset) {
                self.resets[reset] += 1;
            }
            if let Some(source) = TimeoutSource::ALL.iter().position(is_source) {
                self.sources[source] += 1;
            }
        }
    }
}

fn fold(total: &mut Option<f64>, value: Option<f64>, combine: fn(f64, f64) -> f64) {
    if let Some(value) = value {
        *total = Some(total.map_or(value, |total| combine(total, value)));
    }
}
