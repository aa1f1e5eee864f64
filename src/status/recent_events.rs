//! Remembers the latest log events of sessions for the status report.
//!
//! Its size is bounded: the oldest event is dropped for the newest.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::config::SessionName;
use crate::time::Instant;
use crate::token::Fingerprint;

/// The maximum number of remembered events.
const REMEMBERED_MAX: usize = 100;

/// An event that changed a session's state or needs a person's attention.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecentEvent {
    /// The time of the event.
    pub at: Instant,
    /// The session; `None` for an incident.
    pub session: Option<SessionName>,
    /// The fingerprint of the token that the event is about.
    pub fingerprint: Option<Fingerprint>,
    /// The event's machine-readable name.
    pub event: &'static str,
    /// True if a person should look.
    pub is_warning: bool,
    /// The sentence of the log.
    pub text: Box<str>,
}

/// The latest events.
#[derive(Debug, Default)]
pub(crate) struct RecentEvents {
    events: VecDeque<Arc<RecentEvent>>,
    last_warning_at: Option<Instant>,
}

impl RecentEvents {
    /// Adds an event, and drops the oldest one if there are too many.
    pub(crate) fn remember(&mut self, event: RecentEvent) {
        if event.is_warning {
            self.last_warning_at = Some(event.at);
        }
        if self.events.len() == REMEMBERED_MAX {
            self.events.pop_front();
        }
        self.events.push_back(Arc::new(event));
    }

    /// Returns all remembered events, the oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<RecentEvent>> {
        self.events.iter().map(Arc::clone).collect()
    }

    /// Returns the time of the last warning, even if its event was dropped.
    pub(crate) fn last_warning_at(&self) -> Option<Instant> {
        self.last_warning_at
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{now, seconds};
    use super::*;

    fn event(second: u64, is_warning: bool) -> RecentEvent {
        RecentEvent {
            at: now() + seconds(second),
            session: SessionName::new("wallboard").ok(),
            fingerprint: None,
            event: "lost",
            is_warning,
            text: "lost".into(),
        }
    }

    #[test]
    fn the_last_warning_is_remembered_longer_than_its_event() {
        let mut recent_events = RecentEvents::default();
        assert_eq!(recent_events.last_warning_at(), None);
        recent_events.remember(event(7, true));
        for second in 8..250 {
            recent_events.remember(event(second, false));
        }
        assert!(recent_events.all().iter().all(|event| !event.is_warning));
        assert_eq!(recent_events.last_warning_at(), Some(now() + seconds(7)));
    }

    #[test]
    fn only_the_last_are_remembered() {
        let mut recent_events = RecentEvents::default();
        for second in 0..250 {
            recent_events.remember(event(second, true));
        }
        let all = recent_events.all();
        assert_eq!(all.len(), REMEMBERED_MAX);
        assert_eq!(all.first().unwrap().at, now() + seconds(150));
        assert_eq!(all.last().unwrap().at, now() + seconds(249));
    }
}
