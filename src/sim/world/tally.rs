//! What was counted.

use std::collections::BTreeMap;
use std::time::Duration;

use super::excuse::Excuse;

/// What was counted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Tally {
    /// How long sessions had a token that lived, summed up.
    pub(super) held: Duration,
    pub(super) requests: u64,
    /// Tokens that idled out although they were to be kept, by what excuses it.
    pub(super) excused: BTreeMap<Excuse, u32>,
    /// Tokens that were lost for another reason than idleness.
    pub(super) ended: u32,
    pub(super) lapsed: u32,
    pub(super) late: u32,
}

impl Tally {
    /// Adds what was counted elsewhere.
    pub(super) fn add(&mut self, other: &Self) {
        self.held += other.held;
        self.requests += other.requests;
        self.ended += other.ended;
        self.lapsed += other.lapsed;
        self.late += other.late;
        for (excuse, count) in &other.excused {
            *self.excused.entry(*excuse).or_default() += count;
        }
    }

    /// Session-years.
    pub(super) fn years(&self) -> f64 {
        self.held.as_secs_f64() / (365.0 * 86_400.0)
    }
}
