//! The status as JSON: what `/status` answers and the command `status` reads.
//!
//! A field that is not known is left out. A [`Moment`] says when, on the wall clock and from
//! now. Fields may be added in a version; one that changes its meaning makes a new version.

mod story;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::urgency::Urgency;
use super::words::{advice, next, standing};
use super::{Happening, NamedView, Selection, Snapshot, readiness};
use crate::keeper::{HeldView, Instant, Intent, LastAnswer, Next, Reset};

pub use story::{CourseReport, OutageReport, StoryReport, TokenReport};

/// The version of the form.
pub const VERSION: u32 = 1;

/// How the daemon and its sessions do.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The version of this form.
    pub version: u32,
    /// The program's version.
    pub program: String,
    /// When this was true.
    pub now: String,
    /// When the daemon began.
    pub started: Moment,
    /// Whether the daemon is stopping.
    pub stopping: bool,
    /// Whether every session that is to be kept is proven alive and within its margin.
    pub ready: bool,
    /// The same in words, with the first that are not.
    pub summary: String,
    /// How many sessions are to be kept alive.
    pub kept: usize,
    /// How many are to lapse.
    pub lapsing: usize,
    /// How many sessions are in each state in which there are any.
    pub states: BTreeMap<String, usize>,
    /// At how many sessions a person should look.
    pub warnings: usize,
    /// How many sessions are as was asked for; `sessions` holds fewer if a limit was.
    pub matching: usize,
    /// The sessions, by name unless another order was asked for.
    pub sessions: Vec<SessionReport>,
    /// What happened last, the oldest first; at most 100. If one session was asked for, only its own.
    pub events: Vec<EventReport>,
}

/// A moment.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Moment {
    /// On the wall clock as it is set, in UTC.
    pub at: String,
    /// Seconds from `now` on; negative if it has passed. Does not depend on the wall clock.
    pub in_seconds: f64,
}

/// One session.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionReport {
    /// Its name.
    pub name: String,
    /// `keep` or `lapse`.
    pub intent: String,
    /// The intent of the configuration, where somebody wants another one for now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configured_intent: Option<String>,
    /// `absent`, `unproven`, `held`, `at risk`, `blocked`, `lost`, `lapsed`, `revoked`,
    /// `not revoked` or `left`.
    pub state: String,
    /// Whether it is as it should be. A lapsing session always is.
    pub ready: bool,
    /// Whether a person should look.
    pub warning: bool,
    /// What a person can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// How it stands and why, in words.
    pub standing: String,
    /// What happens next, in words.
    pub next_in_words: String,
    /// What is asked next, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<NextReport>,
    /// The first 8 hex digits of the token's SHA-256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Grows with every new token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u32>,
    /// Whether a newer token waits to be proven.
    pub newer_token_waits: bool,
    /// The API that the token belongs to.
    pub api: String,
    /// `revoke` or `leave`.
    pub on_shutdown: String,
    /// How many tries failed since the last success.
    pub failures: u32,
    /// What is in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
    /// What is wrong with the source of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// The last answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_answer: Option<AnswerReport>,
    /// What is known of the token, if it lives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<HeldReport>,
}

/// What is asked next.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NextReport {
    /// `peek`, `touch_head`, `touch_get`, `read_timeout` or `revoke`.
    pub operation: String,
    /// When; or until when an answer is waited for.
    pub at: Moment,
    /// Whether it is under way.
    pub under_way: bool,
}

/// The last answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AnswerReport {
    /// What was asked.
    pub operation: String,
    /// `accepted`, `alive`, `timeout`, `refused`, `blocked`, `throttled` or `unreachable`.
    pub verdict: String,
    /// The HTTP status, if there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// When.
    pub at: Moment,
}

/// What is known of a token that lives.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct HeldReport {
    /// The organisation's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// How long the token may idle.
    pub idle_timeout_seconds: f64,
    /// Where this is known from: `configured`, `proven`, `organisation` or `assumed`.
    pub idle_timeout_source: String,
    /// When the token was first proven alive.
    pub proven: Moment,
    /// When the server ends it if nobody touches it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Moment>,
    /// When the next touch is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub touch_due: Option<Moment>,
    /// From when on the deadline is nearer than the margin allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin: Option<Moment>,
    /// When the last accepted touch was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub touched: Option<Moment>,
    /// How long the API may be away from the next touch on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outage_budget_seconds: Option<f64>,
    /// Whether touches count: `unproven`, `proven`, `excluded` or `unprovable`.
    pub reset: String,
    /// The touch in use: `head` or `get`.
    pub touch: String,
}

/// Something that happened.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct EventReport {
    /// When.
    pub at: Moment,
    /// The session.
    pub session: String,
    /// The token that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The event's word.
    pub event: String,
    /// Whether a person should look.
    pub warning: bool,
    /// What the log said of it.
    pub text: String,
}

impl Report {
    /// The snapshot as a report.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        Self::selected(snapshot, &Selection::default())
    }

    /// The snapshot as a report that holds only some of the sessions.
    #[must_use]
    pub fn selected(snapshot: &Snapshot, selection: &Selection) -> Self {
        let mut states: BTreeMap<&str, usize> = BTreeMap::new();
        for session in &snapshot.sessions {
            *states.entry(session.view.state.as_str()).or_default() += 1;
        }
        let states = states.into_iter();
        let is_warning = |it: &&NamedView| urgency(it, snapshot).is_warning();
        let kept = snapshot.kept();
        let (matching, sessions) = selection.choose(snapshot);
        let happenings = snapshot
            .happenings
            .iter()
            .filter(|it| selection.is_about(it.session.as_str()));
        Self {
            version: VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            now: format!("{:.3}", snapshot.wall),
            started: Moment::of(snapshot.started_at, snapshot),
            stopping: snapshot.is_stopping,
            ready: snapshot.is_ready(),
            summary: readiness(snapshot, false).said.trim_end().to_owned(),
            kept,
            lapsing: snapshot.sessions.len() - kept,
            states: states.map(|(it, count)| (it.to_owned(), count)).collect(),
            warnings: snapshot.sessions.iter().filter(is_warning).count(),
            matching,
            sessions: sessions
                .into_iter()
                .map(|it| SessionReport::of(it, snapshot))
                .collect(),
            events: happenings.map(|it| EventReport::of(it, snapshot)).collect(),
        }
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Strings, numbers and lists of them: nothing that JSON cannot hold.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Moment {
    fn of(at: Instant, snapshot: &Snapshot) -> Self {
        let ahead = at.until(snapshot.at).as_secs_f64();
        let behind = snapshot.at.since(at).as_secs_f64();
        Self {
            at: format!("{:.3}", snapshot.wall_at(at)),
            in_seconds: milliseconds(ahead - behind),
        }
    }
}

impl SessionReport {
    /// One session as a report.
    #[must_use]
    pub fn of(session: &NamedView, snapshot: &Snapshot) -> Self {
        let view = &session.view;
        let trouble = session.trouble.as_deref();
        Self {
            name: session.name.to_string(),
            intent: view.policy.intent.as_str().to_owned(),
            configured_intent: session.overridden.map(|it| it.as_str().to_owned()),
            state: view.state.as_str().to_owned(),
            ready: view.is_ready(snapshot.at),
            warning: urgency(session, snapshot).is_warning(),
            advice: advice(view, &session.source),
            standing: standing(view, trouble, snapshot.at),
            next_in_words: next(view, snapshot.at),
            next: view.next.map(|it| NextReport::of(it, snapshot)),
            fingerprint: view.token.map(|token| token.fingerprint.to_string()),
            generation: view.token.map(|token| token.generation.0),
            newer_token_waits: view.is_newer_waiting,
            api: session.api.as_str().to_owned(),
            on_shutdown: view.policy.on_shutdown.as_str().to_owned(),
            failures: view.failures,
            blocked: view.blocked.as_ref().map(ToString::to_string),
            trouble: trouble.map(str::to_owned),
            last_answer: view.last_answer.map(|it| AnswerReport::of(it, snapshot)),
            held: view
                .held
                .as_ref()
                .map(|held| HeldReport::of(held, view.policy.intent, snapshot)),
        }
    }
}

impl NextReport {
    fn of(next: Next, snapshot: &Snapshot) -> Self {
        Self {
            operation: next.operation.as_str().to_owned(),
            at: Moment::of(next.at, snapshot),
            under_way: next.is_under_way,
        }
    }
}

impl AnswerReport {
    fn of(last: LastAnswer, snapshot: &Snapshot) -> Self {
        Self {
            operation: last.operation.as_str().to_owned(),
            verdict: last.verdict.to_owned(),
            status: last.status,
            at: Moment::of(last.at, snapshot),
        }
    }
}

impl HeldReport {
    fn of(held: &HeldView, intent: Intent, snapshot: &Snapshot) -> Self {
        let moment = |at: Option<Instant>| at.map(|at| Moment::of(at, snapshot));
        let is_touched = intent == Intent::Keep && held.reset != Reset::Excluded;
        Self {
            organisation: held.organisation.as_deref().map(str::to_owned),
            idle_timeout_seconds: milliseconds(held.idle_timeout.duration.as_secs_f64()),
            idle_timeout_source: held.idle_timeout.source.as_str().to_owned(),
            proven: Moment::of(held.proven_at, snapshot),
            deadline: moment(held.deadline),
            touch_due: moment(held.touch_at),
            margin: moment(held.margin_at),
            touched: moment(held.touched_at),
            outage_budget_seconds: held
                .outage_budget
                .filter(|_| is_touched)
                .map(|budget| milliseconds(budget.as_secs_f64())),
            reset: held.reset.as_str().to_owned(),
            touch: held.touch.as_str().to_owned(),
        }
    }
}

impl EventReport {
    fn of(happening: &Happening, snapshot: &Snapshot) -> Self {
        Self {
            at: Moment::of(happening.at, snapshot),
            session: happening.session.to_string(),
            fingerprint: happening.fingerprint.map(|it| it.to_string()),
            event: happening.event.to_owned(),
            warning: happening.is_warning,
            text: happening.said.to_string(),
        }
    }
}

fn urgency(session: &NamedView, snapshot: &Snapshot) -> Urgency {
    Urgency::of(&session.view, session.trouble.as_deref(), snapshot.at)
}

/// Nobody reads more than thousandths of a second.
fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{held, lost, named_view, snapshot};
    use super::*;

    #[test]
    fn what_is_written_is_read_back_as_it_was() {
        let report = Report::of(&snapshot(vec![
            named_view("a", held()),
            named_view("b", lost()),
        ]));
        let read: Report = serde_json::from_slice(&report.to_json()).unwrap();
        assert_eq!(read, report);
        assert_eq!(read.states["held"], 1);
        assert_eq!(read.kept, 2);
        let held = read.sessions[0].held.as_ref().unwrap();
        assert!((held.deadline.as_ref().unwrap().in_seconds - 900.0).abs() < 1e-9);
        assert!((read.started.in_seconds + 3600.0).abs() < 1e-9);
        assert_eq!(read.sessions[1].held, None);
    }
}
