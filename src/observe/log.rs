//! Turns what the keeper tells into log lines: each event once, at the level of who must act.
//!
//! ERROR is for us alone, since we stop. WARN is for a person who should look, INFO for
//! a state that changed, DEBUG for each request. Nothing is put into words that is
//! neither logged nor remembered for those who look.

mod sentence;

use std::sync::Arc;

use tracing::field::{DisplayValue, display};
use tracing::{Level, enabled};

use self::sentence::{level, sentence};
use super::happening::Happenings;
use super::line::Escaped;
use super::words::next;
use super::{Happening, TARGET};
use crate::config::{ApiBase, SessionName};
use crate::keeper::{
    Event, EventKind, Generation, Instant, Operation, Outcome, SessionId, SessionView,
};
use crate::token::{Fingerprint, Source};

pub(super) use self::sentence::word;

/// Logs what happens to sessions.
#[derive(Debug, Default)]
pub struct Log {
    answered: Option<Answered>,
    happenings: Happenings,
}

/// A session by the names that people know it by.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// Its name in the configuration.
    pub name: &'a SessionName,
    /// Where its token comes from.
    pub source: &'a Source,
    /// The API that its token belongs to.
    pub api: &'a ApiBase,
}

/// An event in words for others than the log: one line without control characters, bounded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// What the log says of it.
    pub sentence: String,
    /// Support asks for it.
    pub correlation_id: Option<String>,
}

/// So many characters are told to others than the log.
const TOLD_MAX: usize = 2000;

/// The last answer: what follows from it is told at the same instant and shares its correlation id.
#[derive(Debug)]
struct Answered {
    session: SessionId,
    at: Instant,
    correlation_id: Arc<str>,
}

/// An event, and what is known around it.
#[derive(Clone, Copy)]
struct Telling<'a> {
    event: &'a Event,
    session: &'a Named<'a>,
    view: Option<&'a SessionView>,
    now: Instant,
}

impl Log {
    /// A log of which nothing was asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Logs one event. `view` is what the session is like after it, or `None` if the
    /// keeper has forgotten the session with this event.
    pub fn tell(
        &mut self,
        event: &Event,
        session: &Named<'_>,
        view: Option<&SessionView>,
        now: Instant,
    ) {
        let telling = Telling {
            event,
            session,
            view,
            now,
        };
        if let EventKind::Answered {
            operation,
            sent_at,
            outcome,
        } = &event.kind
        {
            self.remember(event, outcome);
            telling.answered(*operation, *sent_at, outcome);
            return;
        }
        let level = level(&event.kind);
        let is_remembered = level <= Level::INFO;
        if !is_remembered && !is_on(level) {
            return;
        }
        let said = sentence(&telling);
        telling.changed(&said, self.correlation_id(event));
        if is_remembered {
            self.happenings.remember(Happening {
                at: event.at,
                session: session.name.clone(),
                fingerprint: event.token.map(|token| token.fingerprint),
                event: word(&event.kind),
                is_warning: level <= Level::WARN,
                said: said.into(),
            });
        }
    }

    /// What happened last, the oldest first.
    #[must_use]
    pub fn happenings(&self) -> Vec<Arc<Happening>> {
        self.happenings.all()
    }

    /// Puts into words what [`Self::tell`] was told last.
    #[must_use]
    pub fn told(
        &self,
        event: &Event,
        session: &Named<'_>,
        view: Option<&SessionView>,
        now: Instant,
    ) -> Told {
        let telling = Telling {
            event,
            session,
            view,
            now,
        };
        let bounded = |text: &str| Escaped(text).to_string().chars().take(TOLD_MAX).collect();
        Told {
            sentence: bounded(&sentence(&telling)),
            correlation_id: self.correlation_id(event).map(bounded),
        }
    }

    fn remember(&mut self, event: &Event, outcome: &Outcome) {
        self.answered = outcome.correlation_id.clone().map(|it| Answered {
            session: event.session,
            at: event.at,
            correlation_id: it,
        });
    }

    fn correlation_id<'a>(&'a self, event: &'a Event) -> Option<&'a str> {
        let died_with = match &event.kind {
            EventKind::Lost(death) | EventKind::Lapsed(death) | EventKind::NewerRefused(death) => {
                death.correlation_id.as_deref()
            }
            EventKind::Answered { .. }
            | EventKind::Found
            | EventKind::Unanswered(_)
            | EventKind::Held { .. }
            | EventKind::AtRisk(_)
            | EventKind::PastDeadline(_)
            | EventKind::Blocked(_)
            | EventKind::Recovered { .. }
            | EventKind::Unconfirmed
            | EventKind::TouchExcluded(_)
            | EventKind::Excluded
            | EventKind::ResetProven { .. }
            | EventKind::TimeoutRead(_)
            | EventKind::TimeoutNotPermitted(_)
            | EventKind::Revoked
            | EventKind::NotRevoked(_)
            | EventKind::Left => None,
        };
        died_with.or_else(|| {
            let answered = self.answered.as_ref()?;
            let is_same = answered.session == event.session && answered.at == event.at;
            is_same.then_some(&*answered.correlation_id)
        })
    }
}

impl Telling<'_> {
    fn answered(&self, operation: Operation, sent_at: Instant, outcome: &Outcome) {
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
            took_seconds = took.as_secs_f64(),
            correlation_id = outcome.correlation_id.as_deref(),
            "{}",
            self.sentence_of_answer(operation, took, outcome)
        );
    }

    fn changed(&self, said: &str, correlation_id: Option<&str>) {
        macro_rules! at {
            ($level:expr) => {
                tracing::event!(
                    target: TARGET,
                    $level,
                    event = word(&self.event.kind),
                    session = self.session.name.as_str(),
                    fingerprint = self.fingerprint(),
                    generation = self.generation(),
                    state = self.view.map(|view| view.state.as_str()),
                    intent = self.view.map(|view| view.policy.intent.as_str()),
                    api = self.session.api.as_str(),
                    correlation_id,
                    "{said}"
                )
            };
        }
        match level(&self.event.kind) {
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

    /// What happens next with the session; `None` if it is done with and the event says so.
    fn next(&self) -> Option<String> {
        match (&self.event.kind, self.view) {
            (EventKind::Revoked | EventKind::NotRevoked(_) | EventKind::Left, _) => None,
            (_, Some(view)) => Some(next(view, self.now)),
            (_, None) => Some("nothing: the session has ended".to_owned()),
        }
    }
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
