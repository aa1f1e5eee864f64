//! What the server saw of one token, and what became of it.

use std::time::Duration;

use super::Operation;
use crate::keeper::Instant;

/// What became of a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It lives.
    Living,
    /// It idled out.
    Lapsed(Instant),
    /// It reached the end of its lifetime.
    Expired(Instant),
    /// It was revoked, by itself or by an administrator.
    Revoked(Instant),
    /// It made room for a newer token of its user.
    Evicted(Instant),
}

/// What the server saw of one token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    calls: [u32; Operation::COUNT],
    /// Calls that were answered with 2xx.
    pub accepted: u32,
    /// Calls that were answered with 401 `bad.credentials`.
    pub refused: u32,
    /// Calls that arrived when the token was dead, whatever they were answered with.
    pub after_death: u32,
    /// Calls that were rate limited.
    pub throttled: u32,
    /// How often a call over HTTP reset the idle timer.
    pub resets: u32,
    /// How often the application that shares the token reset it.
    pub resets_by_application: u32,
    /// When the token was added.
    pub added_at: Instant,
    /// The last activity that counted; at first when the token was added.
    pub last_reset_at: Instant,
    /// When a call over HTTP arrived last.
    pub last_call_at: Option<Instant>,
    /// The least time between two calls over HTTP.
    pub shortest_gap: Option<Duration>,
    /// What became of the token.
    pub fate: Fate,
}

impl Fate {
    /// Whether the token lives.
    #[must_use]
    pub fn is_living(self) -> bool {
        self == Self::Living
    }
}

impl Record {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            calls: [0; Operation::COUNT],
            accepted: 0,
            refused: 0,
            after_death: 0,
            throttled: 0,
            resets: 0,
            resets_by_application: 0,
            added_at: now,
            last_reset_at: now,
            last_call_at: None,
            shortest_gap: None,
            fate: Fate::Living,
        }
    }

    /// How many calls of this operation arrived, whether they were processed or not.
    #[must_use]
    pub fn calls(&self, operation: Operation) -> u32 {
        self.calls[operation as usize]
    }

    /// How many calls arrived altogether.
    #[must_use]
    pub fn calls_in_all(&self) -> u32 {
        self.calls
            .iter()
            .fold(0, |sum, calls| sum.saturating_add(*calls))
    }

    /// When the token idled out, if that was its fate.
    #[must_use]
    pub fn lapsed_at(&self) -> Option<Instant> {
        match self.fate {
            Fate::Lapsed(at) => Some(at),
            Fate::Living | Fate::Expired(_) | Fate::Revoked(_) | Fate::Evicted(_) => None,
        }
    }

    /// When the token was revoked, if that was its fate.
    #[must_use]
    pub fn revoked_at(&self) -> Option<Instant> {
        match self.fate {
            Fate::Revoked(at) => Some(at),
            Fate::Living | Fate::Expired(_) | Fate::Lapsed(_) | Fate::Evicted(_) => None,
        }
    }

    pub(super) fn note_arrival(&mut self, operation: Operation, now: Instant) {
        let calls = &mut self.calls[operation as usize];
        *calls = calls.saturating_add(1);
        if let Some(last) = self.last_call_at {
            let gap = now.since(last);
            self.shortest_gap = Some(self.shortest_gap.map_or(gap, |least| least.min(gap)));
        }
        self.last_call_at = Some(now);
        if !self.fate.is_living() {
            self.after_death = self.after_death.saturating_add(1);
        }
    }
}
