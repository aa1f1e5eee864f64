//! The status report as JSON, which `/status` returns and the command `status` reads.
//!
//! Fields without a value are omitted. The report must never contain a token. A [`Moment`] gives a
//! time both on the wall clock and relative to the report. Fields may be added within a version; a
//! change of a field's meaning requires a new version.

mod history;

use std::collections::BTreeMap;

pub use history::{HistoryReport, OutageReport, TimelineReport, TokenHistoryReport};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::history::{Quarter, SessionDay};
use super::selection::PageSelector;
use super::{
    IncidentView, NamedView, ReadinessSums, RecentEvent, Selection, SessionEntry, SessionSums,
    Snapshot,
};
use crate::config::SessionName;
use crate::keeper::{LastAnswer, Next, SessionView, State};
use crate::log::escape_json;
use crate::status::phrases::{
    advice, cause, incident, incident_over, incident_remedy, next, standing_of, title,
};
use crate::time::{Instant, rounded_seconds};

/// The version of the report format.
pub const VERSION: u32 = 1;

/// The state of the daemon and its sessions.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StatusReport {
    /// The version of the report format.
    pub version: u32,
    /// The program's version.
    pub program: String,
    /// The time of the report, in UTC.
    pub now: String,
    /// The start of the daemon.
    pub started: Moment,
    /// The part of the sessions that the daemon manages, in words; absent if it manages all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// True if the daemon is stopping.
    pub stopping: bool,
    /// True if every session with the intent to keep is proven alive and within its margin, and the
    /// daemon is not stopping.
    pub ready: bool,
    /// The readiness in words, with the first sessions that are not ready.
    pub summary: String,
    /// The open incidents.
    #[serde(default)]
    pub incidents: Vec<IncidentReport>,
    /// The incident that ended last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_incident: Option<IncidentReport>,
    /// The time of the last event that a person should look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_warning: Option<Moment>,
    /// The number of sessions with the intent to keep.
    pub kept: usize,
    /// The number of sessions with the intent to lapse.
    pub lapsing: usize,
    /// The number of sessions in each state, without empty states.
    pub states: BTreeMap<String, usize>,
    /// The number of sessions that need a person's attention.
    pub warnings: usize,
    /// The number of sessions that match the query, on all pages.
    pub matching: usize,
    /// The query of the next page, if this page does not show the last matching session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page: Option<String>,
    /// The sessions of the page, by name unless the query asks for another order.
    pub sessions: Vec<SessionReport>,
    /// The latest events, the oldest first; at most 100. If the query names a session, only its
    /// events.
    pub events: Vec<EventReport>,
}

/// A point in time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Moment {
    /// The time by the wall clock's present setting, in UTC.
    pub at: String,
    /// The seconds from `now` to the moment; negative if it has passed.
    ///
    /// The value does not depend on the wall clock.
    pub in_seconds: f64,
}

/// The state of one session.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionReport {
    /// The name of the session.
    pub name: String,
    /// The intent: `keep` or `lapse`.
    pub intent: String,
    /// The configured intent, if a user has ordered another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configured_intent: Option<String>,
    /// The state: `absent`, `unproven`, `alive`, `excluded`, `at risk`, `blocked`, `lost`, `lapsed`, `revoked`,
    /// `not revoked` or `left`.
    pub state: String,
    /// True if the session is ready. A session with the intent to lapse always is.
    pub ready: bool,
    /// True if a person should look.
    pub warning: bool,
    /// The advice for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// The state and its reason, in words.
    pub standing: String,
    /// The next step, in words.
    pub next_in_words: String,
    /// The next request and its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<NextReport>,
    /// The first 8 hex digits of the token's SHA-256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The generation, which grows with every new token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u32>,
    /// True if a newer token waits to be proven alive.
    pub newer_token_waits: bool,
    /// The token before the present one, while the application may still use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earlier_token: Option<EarlierTokenReport>,
    /// The time at which the daemon obtains a new token, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renews: Option<Moment>,
    /// The number of failed attempts to obtain a token since the last one was issued.
    pub failed_renewals: u32,
    /// The API that the token belongs to.
    pub api: String,
    /// The treatment of the token when the daemon stops: `revoke` or `leave`.
    pub on_shutdown: String,
    /// The number of failed requests since the last success.
    pub failures: u32,
    /// The time from which on the session has had a living token without interruption; a
    /// replacement of a living token is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alive_since: Option<Moment>,
    /// The last 24 hours, if anything failed or a token ended in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<DayReport>,
    /// The number of the open incident that affects the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<u32>,
    /// The reason for which the session is blocked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
    /// The problem with the source of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// The outcome of the last request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_answer: Option<AnswerReport>,
    /// The state of the token, if it lives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alive: Option<LiveTokenReport>,
}

/// The last 24 hours of a session, in quarters of an hour.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DayReport {
    /// The beginning of the first quarter.
    pub from: Moment,
    /// One character for each quarter, the oldest first and the present one last: `-` no living
    /// token, `+` a token lived and no request failed, `!` requests failed, `x` a token was lost.
    pub quarters: String,
}

/// A token that was replaced.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct EarlierTokenReport {
    /// The first 8 hex digits of the token's SHA-256.
    pub fingerprint: String,
    /// True if the application was seen to use it after it was replaced.
    pub in_use: bool,
}

/// The next request of a session.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NextReport {
    /// The operation: `peek`, `touch_head`, `touch_get`, `read_timeout` or `revoke`.
    pub operation: String,
    /// The time of the request, or the time limit of its answer if the request is under way.
    pub at: Moment,
    /// True if the request is under way.
    pub under_way: bool,
}

/// The outcome of the last request.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AnswerReport {
    /// The operation of the request.
    pub operation: String,
    /// The verdict: `accepted`, `alive`, `timeout`, `refused`, `blocked`, `throttled` or
    /// `unreachable`.
    pub verdict: String,
    /// The HTTP status, if there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The time of the answer.
    pub at: Moment,
}

/// The state of a token that lives.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LiveTokenReport {
    /// The organisation's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// The effective idle timeout.
    pub idle_timeout_seconds: f64,
    /// The source of the idle timeout: `configured`, `proven`, `organisation` or `assumed`.
    pub idle_timeout_source: String,
    /// The time at which the token was first proven alive.
    pub proven: Moment,
    /// The time at which the server ends the token unless it is touched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Moment>,
    /// The time at which the next touch is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub touch_due: Option<Moment>,
    /// The time from which on the deadline is nearer than the margin allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin: Option<Moment>,
    /// The time at which the last accepted touch was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub touched: Option<Moment>,
    /// The longest outage from the next touch on that the token survives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outage_budget_seconds: Option<f64>,
    /// The knowledge about whether touches move the deadline: `unproven`, `proven`, `excluded` or
    /// `unprovable`.
    pub reset: String,
    /// The touch in use: `head` or `get`.
    pub touch: String,
    /// The end of the token's lifetime, which no request extends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Moment>,
    /// The origin of the expiry: `reported` or `estimated`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiry_source: Option<String>,
    /// True if the OAuth client of the token is inactive.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub client_inactive: bool,
    /// The time at which the OAuth client of the token is deleted, by the clock of the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_deleted: Option<String>,
}

/// An event of a session.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct EventReport {
    /// The time of the event.
    pub at: Moment,
    /// The name of the session; absent for an incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The fingerprint of the token that the event is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The event's machine-readable name.
    pub event: String,
    /// True if a person should look.
    pub warning: bool,
    /// The sentence of the log.
    pub text: String,
}

/// A problem of an API host or an organisation.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct IncidentReport {
    /// The number of the incident since the start of the daemon.
    pub id: u32,
    /// The class: `unreachable`, `timing-out`, `failing`, `certificate`, `throttling`,
    /// `address-not-allowed`, `not-the-api`, `excluded`, `timeout-shortened` or `timeout-disabled`.
    pub class: String,
    /// The API.
    pub api: String,
    /// The organisation, if the incident concerns only that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// The subject and the trouble, such as `API unreachable`.
    pub title: String,
    /// The cause, in words.
    pub cause: String,
    /// The incident in one line.
    pub text: String,
    /// The advice for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// The time at which the first failed request was sent.
    pub began: Moment,
    /// The first successful answer after the last failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Moment>,
    /// The end, once the incident is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Moment>,
    /// The number of sessions of the API or organisation.
    pub sessions: usize,
    /// Their names, if there are at most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// The number of sessions whose last request failed.
    pub failing: usize,
    /// The number of sessions that are at risk.
    pub at_risk: usize,
    /// The number of tokens that were lost.
    pub lost: usize,
    /// The first idle deadline of the kept sessions, while requests fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_loss: Option<Moment>,
    /// The session of that deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_loss_session: Option<String>,
    /// The correlation id of the latest failed answer that had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

/// The sums over all sessions for a [`StatusReport`], and the sessions of its page.
#[derive(Debug)]
pub struct StatusSums {
    readiness: ReadinessSums,
    sessions: usize,
    states: [usize; State::ALL.len()],
    warnings: usize,
    selection: Selection,
    page: PageSelector,
}

impl SessionSums for StatusSums {
    fn add(&mut self, session: &SessionEntry<'_>, at: Instant) {
        self.readiness.add(session, at);
        self.sessions += 1;
        let state = session.view.state;
        if let Some(place) = State::ALL.iter().position(|known| *known == state) {
            self.states[place] += 1;
        }
        self.warnings += usize::from(session.urgency(at).is_warning());
        self.page.add(session, at);
    }
}

impl StatusSums {
    /// Creates sums for the report with the selected sessions.
    #[must_use]
    pub fn new(selection: Selection) -> Self {
        Self {
            readiness: ReadinessSums::default(),
            sessions: 0,
            states: Default::default(),
            warnings: 0,
            page: PageSelector::new(selection.clone()),
            selection,
        }
    }

    /// Returns the report without its sessions, and the names of these in their order.
    ///
    /// `overview` may lack sessions.
    #[must_use]
    pub fn report(self, overview: &Snapshot) -> (StatusReport, Vec<SessionName>) {
        let page = self.page.page();
        let kept = self.readiness.kept();
        let states = State::ALL.into_iter().zip(self.states);
        let recent_events = overview.recent_events.iter();
        let report = StatusReport {
            version: VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            now: format!("{:.3}", overview.wall),
            started: Moment::of(overview.started_at, overview),
            shard: overview.shard.map(|shard| shard.to_string()),
            stopping: overview.is_stopping,
            ready: self.readiness.is_ready(overview.is_stopping),
            summary: self.readiness.summary(overview),
            incidents: overview
                .incidents
                .iter()
                .map(|open| IncidentReport::of(open, overview))
                .collect(),
            last_incident: overview
                .last_incident
                .as_ref()
                .map(|ended| IncidentReport::of(ended, overview)),
            last_warning: overview.last_warning_at.map(|at| Moment::of(at, overview)),
            kept,
            lapsing: self.sessions - kept,
            states: states
                .filter(|(_, count)| *count > 0)
                .map(|(state, count)| (state.as_str().to_owned(), count))
                .collect(),
            warnings: self.warnings,
            matching: page.matching,
            next_page: page.next,
            sessions: Vec::new(),
            events: recent_events
                .filter(|event| {
                    let session = event.session.as_ref();
                    self.selection
                        .is_about(session.map_or("", SessionName::as_str))
                })
                .map(|event| EventReport::of(event, overview))
                .collect(),
        };
        (report, page.names)
    }
}

impl StatusReport {
    /// Returns the report with its sessions as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        json(self)
    }

    /// Returns the JSON before and after the sessions of a report that has none, between which
    /// the
    /// [JSON of the sessions](SessionReport::to_json) fits.
    #[must_use]
    pub fn to_json_around_sessions(&self) -> (String, String) {
        // A quotation mark inside a string is escaped, so this text occurs only once.
        const KEY: &str = "\"sessions\":[";
        let mut head = json(self);
        let at = head.find(KEY).map_or(head.len(), |at| at + KEY.len());
        let tail = head.split_off(at);
        (head, tail)
    }
}

impl Moment {
    fn of(at: Instant, snapshot: &Snapshot) -> Self {
        let ahead = at.until(snapshot.at).as_secs_f64();
        let behind = snapshot.at.since(at).as_secs_f64();
        Self {
            at: format!("{:.3}", snapshot.wall_at(at)),
            in_seconds: rounded_seconds(ahead - behind),
        }
    }
}

impl SessionReport {
    /// Returns the report of one session.
    #[must_use]
    pub fn of(session: &NamedView, snapshot: &Snapshot) -> Self {
        let view = &session.view;
        let trouble = session.trouble.as_deref();
        Self {
            name: session.name.to_string(),
            intent: view.policy.intent.as_str().to_owned(),
            configured_intent: session.overridden.map(|intent| intent.as_str().to_owned()),
            state: view.state.as_str().to_owned(),
            ready: view.is_ready(snapshot.at),
            warning: session.entry().urgency(snapshot.at).is_warning(),
            advice: advice(view, &session.source, session.pickup),
            standing: standing_of(session, snapshot.at),
            next_in_words: next(view, snapshot.at),
            next: view.next.map(|next| NextReport::of(next, snapshot)),
            fingerprint: view.token.map(|token| token.fingerprint.to_string()),
            generation: view.token.map(|token| token.generation.0),
            newer_token_waits: view.is_newer_waiting,
            earlier_token: view.earlier.map(|(token, in_use)| EarlierTokenReport {
                fingerprint: token.fingerprint.to_string(),
                in_use,
            }),
            renews: view.renew_at.map(|at| Moment::of(at, snapshot)),
            failed_renewals: view.mint_failures,
            api: session.api.as_str().to_owned(),
            on_shutdown: view.policy.on_shutdown.as_str().to_owned(),
            failures: view.failures,
            alive_since: session.day.alive_since.map(|at| Moment::of(at, snapshot)),
            day: DayReport::of(&session.day, snapshot),
            incident: session.incident,
            blocked: view.blocked.as_ref().map(ToString::to_string),
            trouble: trouble.map(str::to_owned),
            last_answer: view
                .last_answer
                .map(|answer| AnswerReport::of(answer, snapshot)),
            alive: LiveTokenReport::of(view, snapshot),
        }
    }

    /// Returns the session as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        json(self)
    }
}

impl DayReport {
    fn of(day: &SessionDay, snapshot: &Snapshot) -> Option<Self> {
        let (from, quarters) = day.quarters(snapshot.at)?;
        Some(Self {
            from: Moment::of(from, snapshot),
            quarters: quarters.into_iter().map(Quarter::as_char).collect(),
        })
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

impl LiveTokenReport {
    fn of(view: &SessionView, snapshot: &Snapshot) -> Option<Self> {
        let live = view.live.as_ref()?;
        let moment = |at: Option<Instant>| at.map(|at| Moment::of(at, snapshot));
        Some(Self {
            organisation: live.organisation.as_deref().map(str::to_owned),
            idle_timeout_seconds: rounded_seconds(live.idle_timeout.duration.as_secs_f64()),
            idle_timeout_source: live.idle_timeout.source.as_str().to_owned(),
            proven: Moment::of(live.proven_at, snapshot),
            deadline: moment(live.deadline),
            touch_due: moment(live.touch_at),
            margin: moment(live.margin_at),
            touched: moment(live.touched_at),
            outage_budget_seconds: view
                .outage_budget()
                .map(|budget| rounded_seconds(budget.as_secs_f64())),
            reset: live.reset.as_str().to_owned(),
            touch: live.touch.as_str().to_owned(),
            expires: moment(live.expiry.map(|expiry| expiry.at)),
            expiry_source: live.expiry.map(|expiry| expiry.source.as_str().to_owned()),
            client_inactive: live.client_end.is_some_and(|end| end.is_inactive),
            client_deleted: live.client_end.and_then(|end| {
                let at = Timestamp::from_millisecond(end.deleted_at?.unix_milliseconds());
                at.ok().map(|at| at.to_string())
            }),
        })
    }
}

impl EventReport {
    fn of(event: &RecentEvent, snapshot: &Snapshot) -> Self {
        let fingerprint = event.fingerprint;
        Self {
            at: Moment::of(event.at, snapshot),
            session: event.session.as_ref().map(ToString::to_string),
            fingerprint: fingerprint.map(|fingerprint| fingerprint.to_string()),
            event: event.event.to_owned(),
            warning: event.is_warning,
            text: event.text.to_string(),
        }
    }
}

impl IncidentReport {
    fn of(view: &IncidentView, snapshot: &Snapshot) -> Self {
        let moment = |at| Moment::of(at, snapshot);
        Self {
            id: view.id,
            class: view.class.as_str().to_owned(),
            api: view.api.as_str().to_owned(),
            organisation: view.organisation.as_deref().map(str::to_owned),
            title: title(view),
            cause: cause(view),
            text: match view.ended_at {
                Some(_) => incident_over(view),
                None => incident(view, snapshot.at),
            },
            advice: incident_remedy(view).map(str::to_owned),
            began: moment(view.began_at),
            answered: view.answered_at.map(moment),
            ended: view.ended_at.map(moment),
            sessions: view.sessions,
            names: view.names.iter().map(ToString::to_string).collect(),
            failing: view.failing,
            at_risk: view.at_risk,
            lost: view.lost,
            first_loss: view.first_loss_at.map(moment),
            first_loss_session: view.first_loss.as_ref().map(ToString::to_string),
            correlation_id: view.correlation_id.as_deref().map(str::to_owned),
        }
    }
}

fn json(report: &impl Serialize) -> String {
    // Serialization cannot fail: a report holds only strings, numbers and lists of them.
    escape_json(serde_json::to_string(report).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{alive_view, lost, named_view, snapshot};
    use super::*;

    #[test]
    fn what_is_written_is_read_back_as_it_was() {
        let snapshot = snapshot(vec![named_view("a", alive_view()), named_view("b", lost())]);
        let sums = snapshot.sums(StatusSums::new(Selection::default()));
        let (mut report, names) = sums.report(&snapshot);
        assert_eq!(names.len(), 2);
        // Text that looks like the key of the sessions is where they do not belong.
        report.program = "\"sessions\":[\"".to_owned();
        let (head, tail) = report.to_json_around_sessions();
        let sessions = snapshot.sessions.iter();
        report.sessions = sessions
            .map(|session| SessionReport::of(session, &snapshot))
            .collect();
        let list: Vec<_> = report.sessions.iter().map(SessionReport::to_json).collect();
        let json = head + &list.join(",") + &tail;
        let read: StatusReport = serde_json::from_str(&json).unwrap();
        assert_eq!(read, report);
        assert_eq!(read.states["alive"], 1);
        assert_eq!(read.kept, 2);
        let live = read.sessions[0].alive.as_ref().unwrap();
        assert!((live.deadline.as_ref().unwrap().in_seconds - 900.0).abs() < 1e-9);
        assert!((read.started.in_seconds + 3600.0).abs() < 1e-9);
        assert_eq!(read.sessions[1].alive, None);
    }
}
