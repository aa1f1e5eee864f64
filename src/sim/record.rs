//! The server's record of one token: its calls and its fate.

use std::time::Duration;

use super::ApiOperation;
use crate::time::Instant;

/// The state of a token, and the instant of its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// The token is alive.
    Living,
    /// The token idled out.
    Lapsed(Instant),
    /// The token reached the end of its lifetime.
    Expired(Instant),
    /// The token was revoked, by a request with the token itself, by an administrator or by a newer
    /// token with the same value.
    Revoked(Instant),
    /// The server ended the token to make room for a newer token of its user.
    Evicted(Instant),
}

/// The server's record of one token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    calls: [u32; ApiOperation::COUNT],
    /// The number of calls that the API answered with 2xx.
    pub accepted: u32,
    /// The number of calls that the API answered with 401 `bad.credentials`.
    pub refused: u32,
    /// The number of calls that arrived when the token was dead, whatever the answer.
    pub after_death: u32,
    /// The number of calls that exceeded the rate limit.
    pub throttled: u32,
    /// The number of calls over HTTP that reset the idle timer.
    pub resets: u32,
    /// The number of times that the application that shares the token reset the idle timer.
    pub resets_by_application: u32,
    /// The instant at which the token was added.
    pub added_at: Instant,
    /// The instant of the last activity that reset the idle timer; initially `added_at`.
    pub last_reset_at: Instant,
    /// The instant at which the last call over HTTP arrived.
    pub last_call_at: Option<Instant>,
    /// The shortest time between two consecutive calls over HTTP.
    pub shortest_gap: Option<Duration>,
    /// The state of the token.
    pub fate: Fate,
}

impl Fate {
    /// Returns true if the token is alive.
    #[must_use]
    pub fn is_living(self) -> bool {
        self == Self::Living
    }
}

impl Record {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            calls: [0; ApiOperation::COUNT],
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

    /// Returns the number of calls of this operation that arrived, processed or not.
    #[must_use]
    pub fn calls(&self, operation: ApiOperation) -> u32 {
        self.calls[operation as usize]
    }

    /// Returns the number of calls of all operations that arrived.
    #[must_use]
    pub fn calls_in_all(&self) -> u32 {
        self.calls
            .iter()
            .fold(0, |sum, calls| sum.saturating_add(*calls))
    }

    /// Returns the instant at which the token idled out; `None` if it did not.
    #[must_use]
    pub fn lapsed_at(&self) -> Option<Instant> {
        match self.fate {
            Fate::Lapsed(at) => Some(at),
            Fate::Living | Fate::Expired(_) | Fate::Revoked(_) | Fate::Evicted(_) => None,
        }
    }

    /// Returns the instant at which the token was revoked; `None` if it was not.
    #[must_use]
    pub fn revoked_at(&self) -> Option<Instant> {
        match self.fate {
            Fate::Revoked(at) => Some(at),
            Fate::Living | Fate::Expired(_) | Fate::Lapsed(_) | Fate::Evicted(_) => None,
        }
    }

    pub(super) fn record_arrival(&mut self, operation: ApiOperation, now: Instant) {
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
