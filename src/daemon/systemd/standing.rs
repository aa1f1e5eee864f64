//! How the sessions stand, in one line for `systemctl status`; every change costs a logarithm.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::SessionName;
use crate::daemon::clock::Reading;
use crate::keeper::{Instant, Intent, SessionId, SessionView, State};
use crate::observe::words::append;

/// So many sessions are named that are waited for.
const NAMED_MAX: usize = 3;

/// How the sessions stand.
#[derive(Debug, Default)]
pub(super) struct Standing {
    by_session: BTreeMap<SessionId, Place>,
    counts: BTreeMap<Class, usize>,
    touches: BTreeSet<(Instant, SessionId)>,
    /// Kept sessions whose token was not proven alive, and why.
    missing: BTreeMap<SessionName, &'static str>,
}

/// Where one session stands.
#[derive(Clone, Debug)]
struct Place {
    name: SessionName,
    class: Class,
    touch_at: Option<Instant>,
    missing: Option<&'static str>,
}

/// What sessions are counted as, in the order in which they are told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Class {
    Kept,
    AtRisk,
    Blocked,
    Unproven,
    Lapsing,
    Lapsed,
    Lost,
    Ended,
}

/// These are told even where there are none.
const ALWAYS_TOLD: [Class; 3] = [Class::Kept, Class::Lapsing, Class::Lost];

const TOLD: [(Class, &str); 7] = [
    (Class::Kept, "kept"),
    (Class::AtRisk, "at risk"),
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
            State::Held if is_kept => Self::Kept,
            State::AtRisk if is_kept => Self::AtRisk,
            State::Blocked if is_kept => Self::Blocked,
            State::Absent | State::Unproven if is_kept => Self::Unproven,
            State::Absent | State::Unproven | State::Held | State::AtRisk | State::Blocked => {
                Self::Lapsing
            }
            State::Lapsed => Self::Lapsed,
            State::Lost => Self::Lost,
            State::Revoked | State::NotRevoked | State::Left => Self::Ended,
        }
    }
}

impl Standing {
    /// Takes in how a session stands.
    pub(super) fn set(&mut self, name: &SessionName, view: &SessionView) {
        let held = view.held.as_ref();
        let class = Class::of(view);
        let place = Place {
            name: name.clone(),
            class,
            touch_at: held
                .and_then(|held| held.touch_at)
                .filter(|_| class == Class::Kept),
            missing: why_missing(view).filter(|_| view.policy.intent == Intent::Keep),
        };
        if let Some(was) = self.by_session.insert(view.id, place.clone()) {
            *self.counts.entry(was.class).or_default() -= 1;
            if let Some(at) = was.touch_at {
                self.touches.remove(&(at, view.id));
            }
            self.missing.remove(&was.name);
        }
        *self.counts.entry(place.class).or_default() += 1;
        if let Some(at) = place.touch_at {
            self.touches.insert((at, view.id));
        }
        if let Some(why) = place.missing {
            self.missing.insert(place.name, why);
        }
    }

    /// Whether every kept session was proven alive in its present generation.
    pub(super) fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// The line; `is_ready` says whether the service manager waits no longer.
    pub(super) fn line(&self, reading: &Reading, is_ready: bool) -> String {
        let is_waiting = !self.is_complete() && !is_ready;
        if is_waiting || self.count(Class::Unproven) > 0 {
            return self.waiting();
        }
        let mut line = String::new();
        for (class, word) in TOLD {
            let count = self.count(class);
            if count > 0 || ALWAYS_TOLD.contains(&class) {
                let comma = if line.is_empty() { "" } else { ", " };
                append(&mut line, format_args!("{comma}{count} {word}"));
            }
        }
        if let Some(&(at, _)) = self.touches.first() {
            // To the minute: it stays true without a wake-up, and among many
            // sessions does not change with every touch.
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
        let plural = if kept == 1 { "" } else { "s" };
        let mut line = format!("waiting for {missing} of {kept} token{plural}");
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

/// Why a session's token is not proven alive. Nothing that a server said is in it.
fn why_missing(view: &SessionView) -> Option<&'static str> {
    if view.held.is_some() {
        return None;
    }
    match view.state {
        State::Absent => Some("has no token yet"),
        State::Blocked => Some("is blocked"),
        State::Lost => Some("was refused"),
        State::Unproven => Some("has no answer from the API"),
        State::Held
        | State::AtRisk
        | State::Lapsed
        | State::Revoked
        | State::NotRevoked
        | State::Left => None,
    }
}

#[cfg(test)]
mod tests;
