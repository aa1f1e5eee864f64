//! The statistics of a world.

use std::collections::BTreeMap;
use std::time::Duration;

use super::loss_reason::LossReason;
use super::told::CauseGrade;

/// The statistics of one world, or of several.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct WorldSummary {
    /// The total time for which sessions had a living token.
    pub(super) live: Duration,
    pub(super) requests: u64,
    /// The number of kept tokens that idled out, by reason.
    pub(super) loss_reasons: BTreeMap<LossReason, u32>,
    /// The number of tokens that were lost for a reason other than idleness.
    pub(super) ended: u32,
    pub(super) lapsed: u32,
    pub(super) late: u32,
    /// The number of deaths by the grade of what is told about their causes.
    pub(super) told: BTreeMap<CauseGrade, u32>,
    /// The longest time by which a claimed idle deadline was later than the real one, by the way in
    /// which it was known.
    pub(super) claimed_late: BTreeMap<&'static str, Duration>,
    /// The number of occurrences of each kind of fault.
    pub(super) faults: BTreeMap<&'static str, u32>,
}

impl WorldSummary {
    /// Adds the statistics of another world.
    pub(super) fn add(&mut self, summary: &Self) {
        self.live += summary.live;
        self.requests += summary.requests;
        self.ended += summary.ended;
        self.lapsed += summary.lapsed;
        self.late += summary.late;
        for (fault, count) in &summary.faults {
            *self.faults.entry(fault).or_default() += count;
        }
        for (told, count) in &summary.told {
            *self.told.entry(*told).or_default() += count;
        }
        for (basis, late) in &summary.claimed_late {
            let longest = self.claimed_late.entry(basis).or_default();
            *longest = (*late).max(*longest);
        }
        for (loss_reason, count) in &summary.loss_reasons {
            *self.loss_reasons.entry(*loss_reason).or_default() += count;
        }
    }

    /// Counts a fault, if there was one.
    pub(super) fn count_fault(&mut self, fault: Option<&'static str>) {
        if let Some(fault) = fault {
            *self.faults.entry(fault).or_default() += 1;
        }
    }

    /// Returns the total time in session-years.
    pub(super) fn years(&self) -> f64 {
        self.live.as_secs_f64() / (365.0 * 86_400.0)
    }
}
