//! Records the history of each session, so that the death of a token can be explained later.
//!
//! The history consists of the keeper's events and the host's events, and has no clock. It stores
//! facts, which are put into words only for a report. It must never grow without limit or hold a
//! token; it holds fingerprints only.
//!
//! # Invariants
//!
//! *Each history has a share of the memory.* The histories of all sessions together may have
//! [`TOTAL_MAX`] bytes, and each has the same share of that, up to what [`TIMELINE_MAX`] and
//! [`TOKENS_MAX`] allow. A history that exceeds its share drops its oldest entries, then its oldest
//! tokens except the last two. However many sessions there are, each has at least [`SHARE_MIN`].
//! When sessions are added, all histories are cut to their smaller shares as soon as the number of
//! sessions has grown by an eighth.
//!
//! *A repeated answer allocates nothing.* Answers that are alike are counted in one entry.

mod day;
#[cfg(test)]
mod tests;
mod timeline;
mod token_history;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

pub use day::{QUARTERS, Quarter, SessionDay};
use jiff::SignedDuration;
pub use timeline::{Answers, EventTimeline, TimelineEntry, TimelineEvent};
pub use token_history::{Nearest, Outage, TokenEnd, TokenHistory};

use super::{NamedView, Snapshot};
use crate::keeper::{Event, EventKind, SessionId, SessionView};
use crate::time::Instant;

/// The approximate limit for all histories together, in bytes. 5,000 sessions stay below it.
pub const TOTAL_MAX: usize = 8 * 1024 * 1024;

/// The minimum share of a history, in bytes.
pub const SHARE_MIN: usize = 1024;

/// The maximum number of timeline entries of a session.
pub const TIMELINE_MAX: usize = 40;

/// The maximum number of recorded tokens of a session.
pub const TOKENS_MAX: usize = 8;

/// The number of latest tokens that a history keeps even beyond its share.
const TOKENS_MIN: usize = 2;

/// The number of latest entries that a history keeps in preference to older tokens.
const TIMELINE_MIN: usize = 4;

/// The maximum number of recorded host events.
const HOST_EVENTS_MAX: usize = 24;

/// The histories of all sessions, and the events of the host.
#[derive(Debug, Default)]
pub struct SessionHistories {
    /// In boxes, because the nodes of a tree are filled by half.
    by_session: BTreeMap<SessionId, Box<SessionHistory>>,
    host_events: VecDeque<HostEvent>,
    /// The number of histories when all were last cut to their shares.
    cut_for: usize,
}

/// The history of one session.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SessionHistory {
    /// The session's tokens, the oldest first.
    pub tokens: Vec<TokenHistory>,
    /// The number of older tokens that were dropped.
    pub tokens_forgotten: u32,
    /// The events between each token's beginning and end.
    pub timeline: EventTimeline,
    /// The last 24 hours.
    pub day: SessionDay,
}

/// An event of the host, which concerns all sessions.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct HostEvent {
    /// The end of the event.
    pub at: Instant,
    /// The kind of event.
    pub change: HostChange,
}

/// The kind of a host event.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum HostChange {
    /// The machine was suspended for this long.
    Slept(Duration),
    /// The wall clock was set forward or back by this much.
    ClockStepped(SignedDuration),
    /// The network changed, and the next request of this many sessions was moved forward.
    NetworkChanged(usize),
}

/// A session's history, with the state of the session at one moment.
#[derive(Clone, PartialEq, Debug)]
pub struct NamedHistory {
    /// The session and its state.
    pub session: NamedView,
    /// The snapshot of that moment, without sessions.
    pub snapshot: Snapshot,
    /// The history of the session.
    pub history: SessionHistory,
    /// The events of the host, the oldest first.
    pub host_events: Vec<HostEvent>,
}

impl HostChange {
    /// Returns the machine-readable name.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Slept(_) => "slept",
            Self::ClockStepped(_) => "clock_stepped",
            Self::NetworkChanged(_) => "network_changed",
        }
    }
}

impl SessionHistories {
    /// Records an event of a session. `view` is the state of the session after it.
    pub fn handle_event(&mut self, event: &Event, view: Option<&SessionView>) {
        let history = self.by_session.entry(event.session).or_default();
        if history.handle_event(event, view) == Growth::Counted {
            return;
        }
        let sessions = self.by_session.len();
        let share = share(sessions);
        if sessions > self.cut_for + self.cut_for / 8 {
            self.cut_for = sessions;
            for history in self.by_session.values_mut() {
                history.shrink(share);
            }
        } else if let Some(history) = self.by_session.get_mut(&event.session) {
            history.shrink(share);
        }
    }

    /// Records an event of the host.
    pub fn handle_change(&mut self, change: HostChange, at: Instant) {
        if self.host_events.len() == HOST_EVENTS_MAX {
            self.host_events.pop_front();
        }
        self.host_events.push_back(HostEvent { at, change });
    }

    /// Drops the history of a session.
    pub fn forget(&mut self, session: SessionId) {
        self.by_session.remove(&session);
        self.cut_for = self.cut_for.min(self.by_session.len());
    }

    /// Returns the history of a session, which is empty for an unknown one.
    #[must_use]
    pub fn of(&self, session: SessionId) -> SessionHistory {
        let history = self.by_session.get(&session);
        history
            .map(|history| (**history).clone())
            .unwrap_or_default()
    }

    /// Returns the last 24 hours of a session, which are empty for an unknown one.
    #[must_use]
    pub fn day_of(&self, session: SessionId) -> SessionDay {
        let history = self.by_session.get(&session);
        history
            .map(|history| history.day.clone())
            .unwrap_or_default()
    }

    /// Returns the events of the host, the oldest first.
    #[must_use]
    pub fn host_events(&self) -> Vec<HostEvent> {
        self.host_events.iter().copied().collect()
    }

    /// Returns the memory of all histories in bytes, without the overhead of the allocator.
    #[must_use]
    pub fn weight(&self) -> usize {
        let histories = self.by_session.values();
        histories.map(|history| history.weight()).sum()
    }
}

/// The effect of an event on the size of a history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Growth {
    /// The event was counted or ignored, without a new allocation.
    Counted,
    /// The history takes more memory than before.
    Grown,
}

impl SessionHistory {
    fn handle_event(&mut self, event: &Event, view: Option<&SessionView>) -> Growth {
        // Every event that the history records is about a token.
        let Some(token) = event.token else {
            return Growth::Counted;
        };
        let day = if self.day.handle_event(event) {
            Growth::Grown
        } else {
            Growth::Counted
        };
        if let EventKind::Found = event.kind {
            for token_history in &mut self.tokens {
                token_history.handle_newer_found(event.at);
            }
            grow(&mut self.tokens, TokenHistory::new(token, event.at));
            return Growth::Grown;
        }
        if let EventKind::Alive { replaces: true } = event.kind {
            for token_history in &mut self.tokens {
                token_history.handle_newer_alive(token.generation, event.at);
            }
        }
        let mut tokens = self.tokens.iter_mut().rev();
        let token_history = tokens.find(|history| history.token.generation == token.generation);
        let ended =
            token_history.map_or(Growth::Counted, |history| history.handle_event(event, view));
        match self.timeline.handle_event(event, token.generation) {
            Growth::Counted if ended == Growth::Counted => day,
            Growth::Counted | Growth::Grown => Growth::Grown,
        }
    }

    /// Drops the oldest entries and tokens until the history fits its share.
    fn shrink(&mut self, share: usize) {
        while self.tokens.len() > TOKENS_MAX {
            self.forget_oldest_token();
        }
        while self.timeline.len() > TIMELINE_MAX {
            self.timeline.forget_oldest();
        }
        let mut weight = self.weight();
        while weight > share {
            if self.timeline.len() > TIMELINE_MIN {
                self.timeline.forget_oldest();
            } else if self.tokens.len() > TOKENS_MIN {
                self.forget_oldest_token();
            } else if self.timeline.len() > 1 {
                self.timeline.forget_oldest();
            } else {
                break;
            }
            self.tokens.shrink_to_fit();
            weight = self.weight();
        }
    }

    fn forget_oldest_token(&mut self) {
        self.tokens.remove(0);
        self.tokens_forgotten = self.tokens_forgotten.saturating_add(1);
    }

    /// Returns the memory of the history in bytes, without the overhead of the allocator.
    fn weight(&self) -> usize {
        let tokens: usize = self.tokens.iter().map(TokenHistory::weight).sum();
        let spare = self.tokens.capacity() - self.tokens.len();
        let lists = tokens + spare * size_of::<TokenHistory>() + self.timeline.weight();
        size_of::<Self>() + lists + self.day.weight()
    }
}

/// Returns the share of each history in bytes if there are this many sessions.
fn share(sessions: usize) -> usize {
    (TOTAL_MAX / sessions.max(1)).max(SHARE_MIN)
}

/// Adds an item without spare capacity, because most lists here stay short.
fn grow<T>(list: &mut Vec<T>, item: T) {
    list.reserve_exact(1);
    list.push(item);
}

/// Returns the memory of a shared text in bytes: its content and its two reference counts.
fn text_weight(text: &str) -> usize {
    text.len() + 2 * size_of::<usize>()
}
