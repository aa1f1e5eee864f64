//! Describes an event for a hook, as variables and as JSON. It must never contain a token, only its
//! fingerprint.

use std::collections::BTreeMap;
use std::ffi::OsString;

use jiff::Timestamp;
use serde::Serialize;

use crate::config::{HookName, Occasion, PREFIX, SessionName};
use crate::keeper::{Event, Generation, SessionId, SessionView, TokenId};
use crate::log::{EventText, HookRun, SessionNames, bounded, escape_json};
use crate::status::IncidentView;
use crate::status::phrases::{append, counted, incident, incident_over};
use crate::time::Instant;
use crate::token::Fingerprint;

/// The version of the JSON. It grows when a key is removed or changes its meaning, not when one is
/// added.
const VERSION: u32 = 1;

/// The maximum number of sessions that a reason names.
const REASON_NAMES_MAX: usize = 5;

/// The description of one event of one or several sessions.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Occurrence {
    occasion: Occasion,
    incident: Option<IncidentPart>,
    at: String,
    sessions: BTreeMap<SessionId, SessionPart>,
}

/// The incident that an occurrence is about, or from which it follows.
#[derive(Clone, PartialEq, Debug)]
struct IncidentPart {
    id: u32,
    api: String,
    text: String,
    correlation_id: Option<String>,
}

/// The description of one session of an occurrence.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(in crate::daemon) struct SessionPart {
    session: String,
    fingerprint: Option<String>,
    previous_fingerprint: Option<String>,
    generation: Option<u32>,
    state: Option<&'static str>,
    intent: Option<&'static str>,
    api: String,
    reason: Option<String>,
    correlation_id: Option<String>,
    at: String,
}

/// The JSON of an occurrence for one hook. What several sessions do not share is `null`.
#[derive(Serialize)]
struct ForHook<'a> {
    hook: &'a str,
    version: u32,
    event: &'static str,
    session: Option<&'a str>,
    fingerprint: Option<&'a str>,
    previous_fingerprint: Option<&'a str>,
    generation: Option<u32>,
    state: Option<&'static str>,
    intent: Option<&'static str>,
    api: Option<&'a str>,
    reason: String,
    correlation_id: Option<&'a str>,
    at: &'a str,
    incident: Option<u32>,
    count: usize,
    sessions: Vec<&'a SessionPart>,
}

impl SessionPart {
    /// Describes an event of a session.
    pub(in crate::daemon) fn of_event(
        event: &Event,
        session: &SessionNames<'_>,
        view: Option<&SessionView>,
        text: EventText,
        at: Timestamp,
    ) -> Self {
        Self {
            reason: Some(text.sentence),
            correlation_id: text.correlation_id,
            ..Self::new(session.name, session.api.as_str(), event.token, view, at)
        }
    }

    /// Adds the token that this one replaces.
    pub(super) fn replacing(self, previous: Fingerprint) -> Self {
        Self {
            previous_fingerprint: Some(previous.to_string()),
            ..self
        }
    }

    /// Describes a session that an incident affects.
    pub(super) fn of_view(
        name: &SessionName,
        incident: &IncidentView,
        view: Option<&SessionView>,
        at: Timestamp,
    ) -> Self {
        let token = view.and_then(|view| view.token);
        Self::new(name, incident.api.as_str(), token, view, at)
    }

    fn new(
        name: &SessionName,
        api: &str,
        token: Option<TokenId>,
        view: Option<&SessionView>,
        at: Timestamp,
    ) -> Self {
        Self {
            session: name.to_string(),
            fingerprint: token.map(|token| token.fingerprint.to_string()),
            previous_fingerprint: None,
            generation: token.map(|token| {
                let Generation(generation) = token.generation;
                generation
            }),
            state: view.map(|view| view.state.as_str()),
            intent: view.map(|view| view.policy.intent.as_str()),
            api: api.to_owned(),
            reason: None,
            correlation_id: None,
            at: format!("{at:.3}"),
        }
    }
}

impl Occurrence {
    /// Describes an event of one session, or the first of several.
    pub(super) fn of_session(
        occasion: Occasion,
        session: SessionId,
        part: SessionPart,
        cause: Option<&IncidentView>,
        now: Instant,
    ) -> Self {
        Self {
            occasion,
            incident: cause.map(|cause| IncidentPart::new(cause, &incident(cause, now))),
            at: part.at.clone(),
            sessions: BTreeMap::from([(session, part)]),
        }
    }

    /// Describes the beginning or the end of an incident.
    pub(super) fn of_incident(
        occasion: Occasion,
        view: &IncidentView,
        sessions: BTreeMap<SessionId, SessionPart>,
        now: Instant,
        at: Timestamp,
    ) -> Self {
        let text = match view.ended_at {
            Some(_) => incident_over(view),
            None => incident(view, now),
        };
        Self {
            occasion,
            incident: Some(IncidentPart::new(view, &text)),
            at: format!("{at:.3}"),
            sessions,
        }
    }

    /// Adds the events of further sessions. A later event of a session replaces an earlier one.
    pub(super) fn merge(&mut self, later: Self) {
        self.sessions.extend(later.sessions);
        if later.incident.is_some() {
            self.incident = later.incident;
        }
    }

    pub(super) fn occasion(&self) -> Occasion {
        self.occasion
    }

    /// Returns the incident from which the events follow.
    pub(super) fn incident(&self) -> Option<u32> {
        self.incident.as_ref().map(|incident| incident.id)
    }

    /// Returns the number of sessions.
    pub(super) fn count(&self) -> usize {
        self.sessions.len()
    }

    /// Returns the session, if there is only one.
    pub(super) fn only_session(&self) -> Option<SessionId> {
        let mut sessions = self.sessions.keys().copied();
        sessions.next().filter(|_| self.sessions.len() == 1)
    }

    /// Returns the names of a hook's run for this occurrence, for log messages.
    pub(super) fn run<'a>(&'a self, hook: &'a HookName) -> HookRun<'a> {
        HookRun {
            hook: hook.as_str(),
            session: self.only().map(|part| part.session.as_str()),
            sessions: self.sessions.len(),
            occasion: self.occasion.as_str(),
        }
    }

    /// Returns the variables. Unknown values are empty.
    pub(super) fn variables(&self, hook: &HookName) -> Vec<(String, OsString)> {
        let whole = self.for_hook(hook);
        let number = |number: Option<u32>| number.map(|number| number.to_string());
        let (generation, incident) = (number(whole.generation), number(whole.incident));
        let count = whole.count.to_string();
        [
            ("EVENT", whole.event),
            ("HOOK", whole.hook),
            ("SESSION", whole.session.unwrap_or_default()),
            ("FINGERPRINT", whole.fingerprint.unwrap_or_default()),
            (
                "PREVIOUS_FINGERPRINT",
                whole.previous_fingerprint.unwrap_or_default(),
            ),
            ("GENERATION", generation.as_deref().unwrap_or_default()),
            ("STATE", whole.state.unwrap_or_default()),
            ("INTENT", whole.intent.unwrap_or_default()),
            ("API", whole.api.unwrap_or_default()),
            ("REASON", &whole.reason),
            ("CORRELATION_ID", whole.correlation_id.unwrap_or_default()),
            ("AT", whole.at),
            ("INCIDENT", incident.as_deref().unwrap_or_default()),
            ("COUNT", &count),
        ]
        .map(|(name, value)| (format!("{PREFIX}{name}"), value.into()))
        .to_vec()
    }

    /// Returns one JSON object and a line ending.
    pub(super) fn json(&self, hook: &HookName) -> Vec<u8> {
        let json = serde_json::to_string(&self.for_hook(hook));
        (escape_json(json.expect("text and numbers are JSON")) + "\n").into_bytes()
    }

    fn for_hook<'a>(&'a self, hook: &'a HookName) -> ForHook<'a> {
        let only = self.only();
        let incident = self.incident.as_ref();
        let mut sessions = self.sessions.values();
        let first = sessions.next();
        let is_same = |api: &&str| sessions.all(|part| part.api == *api);
        let api = first.map(|part| part.api.as_str()).filter(is_same);
        ForHook {
            hook: hook.as_str(),
            version: VERSION,
            event: self.occasion.as_str(),
            session: only.map(|part| part.session.as_str()),
            fingerprint: only.and_then(|part| part.fingerprint.as_deref()),
            previous_fingerprint: only.and_then(|part| part.previous_fingerprint.as_deref()),
            generation: only.and_then(|part| part.generation),
            state: only.and_then(|part| part.state),
            intent: only.and_then(|part| part.intent),
            api: incident.map(|incident| incident.api.as_str()).or(api),
            reason: self.reason(),
            correlation_id: only
                .and_then(|part| part.correlation_id.as_deref())
                .or_else(|| incident?.correlation_id.as_deref()),
            at: &self.at,
            incident: self.incident(),
            count: self.sessions.len(),
            sessions: self.sessions.values().collect(),
        }
    }

    fn only(&self) -> Option<&SessionPart> {
        let mut sessions = self.sessions.values();
        sessions.next().filter(|_| self.sessions.len() == 1)
    }

    /// Returns the sentence of the log, or one about several sessions.
    fn reason(&self) -> String {
        let incident = self
            .incident
            .as_ref()
            .map(|incident| incident.text.as_str());
        if let (Occasion::Incident | Occasion::IncidentOver, Some(text)) = (self.occasion, incident)
        {
            return text.to_owned();
        }
        if let Some(reason) = self.only().and_then(|part| part.reason.clone()) {
            return reason;
        }
        let parts = self.sessions.values();
        let names: Vec<_> = parts
            .take(REASON_NAMES_MAX)
            .map(|part| part.session.as_str())
            .collect();
        let mut reason = format!(
            "{} {}: {}",
            counted(self.sessions.len(), "session"),
            self.occasion.as_str().replace('-', " "),
            names.join(", ")
        );
        if let more @ 1.. = self.sessions.len() - names.len() {
            append(&mut reason, format_args!(" and {more} more"));
        }
        if let Some(text) = incident {
            append(&mut reason, format_args!("; {text}"));
        }
        reason
    }
}

impl IncidentPart {
    fn new(view: &IncidentView, text: &str) -> Self {
        Self {
            id: view.id,
            api: view.api.as_str().to_owned(),
            text: bounded(text),
            correlation_id: view.correlation_id.as_deref().map(bounded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::HOOK_VARIABLES;
    use crate::status::fixture::{incident_view, now};

    fn part(session: &str) -> SessionPart {
        SessionPart {
            session: session.to_owned(),
            fingerprint: Some("ba7816bf".to_owned()),
            previous_fingerprint: None,
            generation: Some(2),
            state: Some("lost"),
            intent: Some("keep"),
            api: "https://api.mypurecloud.de".to_owned(),
            reason: Some(format!("{session} ba7816bf lost: why; what next")),
            correlation_id: None,
            at: "2026-11-24T08:00:00.123Z".to_owned(),
        }
    }

    fn occurrence() -> Occurrence {
        let part = part("wallboard");
        Occurrence::of_session(Occasion::Lost, SessionId(0), part, None, now())
    }

    fn json(occurrence: &Occurrence) -> String {
        let hook = HookName::new("page").unwrap();
        String::from_utf8(occurrence.json(&hook)).unwrap()
    }

    #[test]
    fn the_json_is_one_documented_line() {
        insta::assert_snapshot!(json(&occurrence()), @r#"{"hook":"page","version":1,"event":"lost","session":"wallboard","fingerprint":"ba7816bf","previous_fingerprint":null,"generation":2,"state":"lost","intent":"keep","api":"https://api.mypurecloud.de","reason":"wallboard ba7816bf lost: why; what next","correlation_id":null,"at":"2026-11-24T08:00:00.123Z","incident":null,"count":1,"sessions":[{"session":"wallboard","fingerprint":"ba7816bf","previous_fingerprint":null,"generation":2,"state":"lost","intent":"keep","api":"https://api.mypurecloud.de","reason":"wallboard ba7816bf lost: why; what next","correlation_id":null,"at":"2026-11-24T08:00:00.123Z"}]}"#);
    }

    #[test]
    fn several_sessions_that_follow_from_an_incident_are_told_at_once_and_each_once() {
        let cause = incident_view();
        let of = |number: u32, occasion| {
            let part = part(&format!("kiosk-{number}"));
            Occurrence::of_session(occasion, SessionId(number), part, Some(&cause), now())
        };
        let mut several = of(0, Occasion::AtRisk);
        for number in [1, 2, 3, 4, 5, 6, 1] {
            several.merge(of(number, Occasion::AtRisk));
        }
        let json: serde_json::Value = serde_json::from_str(&json(&several)).unwrap();
        assert_eq!(json["sessions"].as_array().unwrap().len(), 7);
        assert_eq!((&json["count"], &json["incident"]), (&7.into(), &1.into()));
        assert!(json["session"].is_null() && json["fingerprint"].is_null());
        insta::assert_snapshot!(json["reason"].as_str().unwrap(), @"7 sessions at risk: kiosk-0, kiosk-1, kiosk-2, kiosk-3, kiosk-4 and 2 more; API unreachable: no connection to the API (https://api.mypurecloud.de) since 07:59:30 UTC; 300 sessions; the first token dies in 2m 24s");
    }

    #[test]
    fn each_documented_variable_is_there_and_no_other() {
        let variables = occurrence().variables(&HookName::new("page").unwrap());
        let names: Vec<_> = variables
            .iter()
            .map(|(name, _)| &name[PREFIX.len()..])
            .collect();
        assert_eq!(names, HOOK_VARIABLES);
        let manual = include_str!("../../../packaging/docs/hooks.md");
        for name in names {
            let row = format!("| `{name}` | `{}` |", name.to_lowercase());
            assert!(manual.contains(&row), "{row}");
        }
    }
}
