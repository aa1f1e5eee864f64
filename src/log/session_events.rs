//! Logs the keeper's events, each once, in a sentence.
//!
//! ERROR means that the daemon stops, WARN that a person should look, INFO that a state changed,
//! and DEBUG is used for each request. A sentence is built only if it is logged or remembered,
//! because most events are neither.

mod sentence;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tracing::field::{DisplayValue, display};
use tracing::{Level, enabled};

use self::sentence::{level, sentence};
use super::TARGET;
use super::incident;
use super::line::Escaped;
use crate::config::{ApiBase, SessionName};
use crate::keeper::{
    Event, EventKind, Generation, Operation, Outcome, SessionId, SessionView, Stage,
};
use crate::status::phrases::{Pickup, next};
use crate::status::{IncidentView, RecentEvent, RecentEvents};
use crate::time::Instant;
use crate::token::{Fingerprint, Source};

/// Logs the events of sessions and remembers the latest.
#[derive(Debug, Default)]
pub struct Log {
    last_answer: Option<AnswerId>,
    /// The APIs at which a token was alive: their region is right.
    right_apis: BTreeSet<ApiBase>,
    recent_events: RecentEvents,
}

/// The names by which people know a session.
#[derive(Clone, Copy, Debug)]
pub struct SessionNames<'a> {
    /// The name in the configuration.
    pub name: &'a SessionName,
    /// The source of the session's token.
    pub source: &'a Source,
    /// The API that the token belongs to.
    pub api: &'a ApiBase,
    /// A token of the session that this daemon revoked earlier, and the time in words.
    pub revoked: Option<(Fingerprint, &'a str)>,
    /// The delay until a new token is noticed.
    pub pickup: Pickup,
}

/// An event in words for hooks: one line without control characters, bounded in length.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventText {
    /// The sentence of the log.
    pub sentence: String,
    /// The correlation id of the API, for which Genesys support asks.
    pub correlation_id: Option<String>,
}

/// The maximum length of each text in an [`EventText`], in characters.
const TEXT_CHARACTERS_MAX: usize = 2000;

/// The way in which an event is reported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reporting {
    /// The event follows from an incident, which is reported once for all sessions.
    WithIncident,
    /// The event is reported by itself.
    ByItself,
}

/// The last answer. Events that follow from it have the same instant and share its correlation id.
#[derive(Debug)]
struct AnswerId {
    session: SessionId,
    at: Instant,
    correlation_id: Arc<str>,
}

/// An event with the context that its sentence needs.
#[derive(Clone, Copy)]
struct EventSentence<'a> {
    event: &'a Event,
    session: &'a SessionNames<'a>,
    view: Option<&'a SessionView>,
    /// True if no token was alive at the session's API yet.
    is_region_doubtful: bool,
    now: Instant,
}

impl Log {
    /// Creates a log that remembers no events.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Logs one event. `view` is the state of the session after it, or `None` if the keeper has
    /// removed the session with this event. An event that follows from an incident is logged at
    /// DEBUG, since the line of the incident stands for it.
    pub fn handle_event(
        &mut self,
        event: &Event,
        session: &SessionNames<'_>,
        view: Option<&SessionView>,
        reporting: Reporting,
        now: Instant,
    ) {
        if let EventKind::Alive { .. } = event.kind
            && self.is_region_doubtful(session.api)
        {
            self.right_apis.insert(session.api.clone());
        }
        let event_sentence = self.sentence_of(event, session, view, now);
        if let EventKind::Answered {
            operation,
            sent_at,
            queued,
            outcome,
        } = &event.kind
        {
            self.remember(event, outcome);
            event_sentence.log_answer(*operation, *sent_at, *queued, outcome);
            return;
        }
        let level = match reporting {
            Reporting::WithIncident => Level::DEBUG,
            Reporting::ByItself => level(&event.kind),
        };
        let is_remembered = level <= Level::INFO;
        if !is_remembered && !is_on(level) {
            return;
        }
        let text = sentence(&event_sentence);
        event_sentence.log_change(level, &text, self.correlation_id(event));
        if is_remembered {
            self.recent_events.remember(RecentEvent {
                at: event.at,
                session: Some(session.name.clone()),
                fingerprint: event.token.map(|token| token.fingerprint),
                event: event.kind.as_str(),
                is_warning: level <= Level::WARN,
                text: text.into(),
            });
        }
    }

    /// Logs a change of an incident, and remembers it.
    pub fn handle_incident(&mut self, view: &IncidentView, stage: Stage, now: Instant) {
        let text = incident::sentence(view, stage, now);
        incident::log(view, stage, now, &text);
        let level = incident::level(view, stage);
        if level <= Level::INFO {
            self.recent_events.remember(RecentEvent {
                at: now,
                session: None,
                fingerprint: None,
                event: incident::event(stage),
                is_warning: level <= Level::WARN,
                text: text.into(),
            });
        }
    }

    /// Returns the latest events at INFO or above, the oldest first.
    #[must_use]
    pub fn recent_events(&self) -> Vec<Arc<RecentEvent>> {
        self.recent_events.all()
    }

    /// Returns the time of the last event that a person should look at.
    #[must_use]
    pub fn last_warning_at(&self) -> Option<Instant> {
        self.recent_events.last_warning_at()
    }

    /// Returns true if no token was alive at this API yet, whose region may then be the wrong one.
    #[must_use]
    pub fn is_region_doubtful(&self, api: &ApiBase) -> bool {
        !self.right_apis.contains(api)
    }

    /// Returns the texts of the event that was last passed to [`Self::handle_event`].
    #[must_use]
    pub fn text(
        &self,
        event: &Event,
        session: &SessionNames<'_>,
        view: Option<&SessionView>,
        now: Instant,
    ) -> EventText {
        let event_sentence = self.sentence_of(event, session, view, now);
        EventText {
            sentence: bounded(&sentence(&event_sentence)),
            correlation_id: self.correlation_id(event).map(bounded),
        }
    }

    fn sentence_of<'a>(
        &self,
        event: &'a Event,
        session: &'a SessionNames<'a>,
        view: Option<&'a SessionView>,
        now: Instant,
    ) -> EventSentence<'a> {
        EventSentence {
            event,
            session,
            view,
            is_region_doubtful: self.is_region_doubtful(session.api),
            now,
        }
    }

    fn remember(&mut self, event: &Event, outcome: &Outcome) {
        let correlation_id = outcome.correlation_id.clone();
        self.last_answer = correlation_id.map(|correlation_id| AnswerId {
            session: event.session,
            at: event.at,
            correlation_id,
        });
    }

    fn correlation_id<'a>(&'a self, event: &'a Event) -> Option<&'a str> {
        let death = event.kind.death();
        let death_id = death.and_then(|death| death.correlation_id.as_deref());
        death_id.or_else(|| {
            let answer = self.last_answer.as_ref()?;
            let is_same = answer.session == event.session && answer.at == event.at;
            is_same.then_some(&*answer.correlation_id)
        })
    }
}

impl EventSentence<'_> {
    fn log_answer(
        &self,
        operation: Operation,
        sent_at: Instant,
        queued: Duration,
        outcome: &Outcome,
    ) {
        if !enabled!(target: TARGET, Level::DEBUG) {
            return;
        }
        let took = self.event.at.since(sent_at);
        tracing::debug!(
            target: TARGET,
            event = "answered",
            session = self.session.name.as_str(),
            fingerprint = self.fingerprint(),
            generation = self.generation(),
            operation = operation.as_str(),
            verdict = outcome.verdict.as_str(),
            status = outcome.status,
            queued_seconds = queued.as_secs_f64(),
            took_seconds = took.as_secs_f64(),
            correlation_id = outcome.correlation_id.as_deref(),
            "{}",
            self.sentence_of_answer(operation, took, outcome)
        );
    }

    fn log_change(&self, level: Level, sentence: &str, correlation_id: Option<&str>) {
        macro_rules! at {
            ($level:expr) => {
                tracing::event!(
                    target: TARGET,
                    $level,
                    event = self.event.kind.as_str(),
                    session = self.session.name.as_str(),
                    fingerprint = self.fingerprint(),
                    generation = self.generation(),
                    state = self.view.map(|view| view.state.as_str()),
                    intent = self.view.map(|view| view.policy.intent.as_str()),
                    api = self.session.api.as_str(),
                    correlation_id,
                    "{sentence}"
                )
            };
        }
        match level {
            Level::ERROR => at!(Level::ERROR),
            Level::WARN => at!(Level::WARN),
            Level::INFO => at!(Level::INFO),
            Level::DEBUG | Level::TRACE => at!(Level::DEBUG),
        }
    }

    fn fingerprint(&self) -> Option<DisplayValue<Fingerprint>> {
        self.event.token.map(|token| display(token.fingerprint))
    }

    fn generation(&self) -> Option<u32> {
        let Generation(generation) = self.event.token?.generation;
        Some(generation)
    }

    /// Returns the next step for the session, or `None` if the event ends the session and says so.
    fn next(&self) -> Option<String> {
        match (&self.event.kind, self.view) {
            (EventKind::Revoked { .. } | EventKind::NotRevoked(_) | EventKind::Left, _) => None,
            (_, Some(view)) => Some(next(view, self.now)),
            (_, None) => Some("nothing: the session has ended".to_owned()),
        }
    }
}

/// Returns the text without control characters and bounded in length.
pub(crate) fn bounded(text: &str) -> String {
    Escaped(text)
        .to_string()
        .chars()
        .take(TEXT_CHARACTERS_MAX)
        .collect()
}

fn is_on(level: Level) -> bool {
    match level {
        Level::ERROR => enabled!(target: TARGET, Level::ERROR),
        Level::WARN => enabled!(target: TARGET, Level::WARN),
        Level::INFO => enabled!(target: TARGET, Level::INFO),
        Level::DEBUG | Level::TRACE => enabled!(target: TARGET, Level::DEBUG),
    }
}

#[cfg(test)]
mod tests;
