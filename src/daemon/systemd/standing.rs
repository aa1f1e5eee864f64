//! Summarises the states of the sessions in one line for `systemctl status`. It must never show
//! text from a server. Each change takes logarithmic time.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::SessionName;
use crate::keeper::{Intent, SessionId, SessionView, State};
use crate::status::phrases::{append, counted};
use crate::sys::clock::ClockReading;
use crate::time::Instant;

/// The number of missing sessions that the line names.
const NAMED_MAX: usize = 3;

/// The numbers of sessions by class.
#[derive(Debug, Default)]
pub(super) struct SessionCounts {
    by_session: BTreeMap<SessionId, SessionSlot>,
    counts: BTreeMap<Class, usize>,
    touches: BTreeSet<(Instant, SessionId)>,
    /// Kept sessions whose token was not proven alive, and the reason.
    missing: BTreeMap<SessionName, &'static str>,
}

/// The state of one session.
#[derive(Clone, Debug)]
struct SessionSlot {
    name: SessionName,
    class: Class,
    touch_at: Option<Instant>,
    missing: Option<&'static str>,
}

/// The classes by which sessions are counted, in the order of the line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Class {
    Kept,
    AtRisk,
    Excluded,
    Blocked,
    Unproven,
    Lapsing,
    Lapsed,
    Lost,
    Ended,
}

/// The classes that are shown even if their count is zero.
const ALWAYS_SHOWN: [Class; 3] = [Class::Kept, Class::Lapsing, Class::Lost];

const LABELS: [(Class, &str); 8] = [
    (Class::Kept, "kept"),
    (Class::AtRisk, "at risk"),
    (Class::Excluded, "excluded"),
    (Class::Blocked, "blocked"),
    (Class::Unproven, "unproven"),
    (Class::Lapsing, "lapsing"),
    (Class::Lapsed, "lapsed"),
    (Class::Lost, "lost"),
];

impl Class {
    fn of(view: &SessionView) -> Self {
        let is_kept = view.policy.intent == Intent::Keep;
        match view.state {
            State::Alive if is_kept => Self::Kept,
            State::AtRisk if is_kept => Self::AtRisk,
            State::Excluded if is_kept => Self::Excluded,
            State::Blocked if is_kept => Self::Blocked,
            State::Absent | State::Unproven if is_kept => Self::Unproven,
            State::Absent
            | State::Unproven
            | State::Alive
            | State::Excluded
            | State::AtRisk
            | State::Blocked => Self::Lapsing,
            State::Lapsed => Self::Lapsed,
            State::Lost => Self::Lost,
            State::Revoked | State::NotRevoked | State::Left => Self::Ended,
        }
    }
}

impl SessionCounts {
    /// Updates the state of a session.
    pub(super) fn set(&mut self, name: &SessionName, view: &SessionView) {
        let live = view.live.as_ref();
        let class = Class::of(view);
        let slot = SessionSlot {
            name: name.clone(),
            class,
            touch_at: live
                .and_then(|live| live.touch_at)
                .filter(|_| class == Class::Kept),
            missing: why_missing(view).filter(|_| view.policy.intent == Intent::Keep),
        };
        if let Some(old) = self.by_session.insert(view.id, slot.clone()) {
            *self.counts.entry(old.class).or_default() -= 1;
            if let Some(at) = old.touch_at {
                self.touches.remove(&(at, view.id));
            }
            self.missing.remove(&old.name);
        }
        *self.counts.entry(slot.class).or_default() += 1;
        if let Some(at) = slot.touch_at {
            self.touches.insert((at, view.id));
        }
        if let Some(why) = slot.missing {
            self.missing.insert(slot.name, why);
        }
    }

    /// Returns true if every kept session was proven alive in its present generation.
    pub(super) fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// Returns the line. `is_ready` is true if the service manager knows the daemon as ready.
    pub(super) fn line(&self, reading: &ClockReading, is_ready: bool) -> String {
        let is_waiting = !self.is_complete() && !is_ready;
        if is_waiting || self.count(Class::Unproven) > 0 {
            return self.waiting();
        }
        let mut line = String::new();
        for (class, word) in LABELS {
            let count = self.count(class);
            if count > 0 || ALWAYS_SHOWN.contains(&class) {
                let comma = if line.is_empty() { "" } else { ", " };
                append(&mut line, format_args!("{comma}{count} {word}"));
            }
        }
        if let Some(&(at, _)) = self.touches.first() {
            // The time is precise to the minute, so that the line stays true without a wake-up and
            // does not change with every touch of many sessions.
            let at = reading.wall_at(at).strftime("%H:%M");
            append(&mut line, format_args!("; next touch at {at} UTC"));
        }
        line
    }

    fn waiting(&self) -> String {
        let missing = self.missing.len();
        let others = [Class::Lapsing, Class::Lapsed, Class::Ended];
        let others: usize = others.iter().map(|&class| self.count(class)).sum();
        let kept = self.by_session.len() - others;
        let mut line = format!("waiting for {missing} of {}", counted(kept, "token"));
        for (number, (name, why)) in self.missing.iter().take(NAMED_MAX).enumerate() {
            let sign = if number == 0 { ":" } else { "," };
            append(&mut line, format_args!("{sign} {name} {why}"));
        }
        if missing > NAMED_MAX {
            append(&mut line, format_args!(" and {} more", missing - NAMED_MAX));
        }
        line
    }

    fn count(&self, class: Class) -> usize {
        self.counts.get(&class).copied().unwrap_or_default()
    }
}

/// Returns the reason for a session without a token that was proven alive. The text contains
/// nothing from a server.
fn why_missing(view: &SessionView) -> Option<&'static str> {
    if view.live.is_some() {
        return None;
    }
    match view.state {
        State::Absent => Some("has no token yet"),
        State::Blocked => Some("is blocked"),
        State::Lost => Some("was refused"),
        State::Unproven => Some("has no answer from the API"),
        State::Alive
        | State::Excluded
        | State::AtRisk
        | State::Lapsed
        | State::Revoked
        | State::NotRevoked
        | State::Left => None,
    }
}

#[cfg(test)]
mod tests;
