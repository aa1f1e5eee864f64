//! Describes the flaws of a plan, and the changes that remove them.

use std::mem::discriminant;
use std::time::Duration;

use crate::config::exact_duration;
use crate::keeper::{Bound, Flaw, Grade, Remedy, Setting, SettingValue};

/// The largest value that `http.in_flight_max` may have.
const IN_FLIGHT_MAX: u32 = 1024;

/// A flaw of a plan, and the sessions that have it.
pub(super) struct PlanWarning {
    /// The flaw with the first of the idle timeouts.
    flaw: Flaw,
    /// The idle timeouts with which the flaw appears.
    pub(super) idle_timeouts: Vec<Duration>,
    /// The sessions that have the flaw, for people.
    pub(super) title: String,
    /// The possible changes, any one of which removes the flaw with all these idle timeouts.
    pub(super) changes: Vec<KeyChange>,
    /// True if the flaw appears with every possible idle timeout of the organisation.
    pub(super) is_certain: bool,
}

/// A configuration key, and the bound of its better values.
pub(super) struct KeyChange {
    pub(super) key: String,
    pub(super) bound: &'static str,
    pub(super) value: String,
}

impl PlanWarning {
    /// Returns a warning for each kind of flaw. `flaws` has the flaws of all possible idle
    /// timeouts; `table` returns the table of a session's key, with a dot.
    pub(super) fn of(
        flaws: &[(Duration, Flaw)],
        idle_timeouts: usize,
        title: &str,
        table: impl Fn(&str) -> String,
    ) -> Vec<Self> {
        let mut warnings = Vec::<Self>::new();
        for (_, flaw) in flaws {
            let is_kind = |other: &Flaw| discriminant(other) == discriminant(flaw);
            if warnings.iter().any(|warning| is_kind(&warning.flaw)) {
                continue;
            }
            let same = flaws.iter().filter(|(_, other)| is_kind(other));
            let remedies = same.clone().map(|(timeout, flaw)| flaw.remedies(*timeout));
            let remedies = remedies.reduce(|remedies, others| {
                let both = |remedy: &Remedy| others.iter().find_map(|other| remedy.and(*other));
                remedies.iter().filter_map(both).collect()
            });
            let timeouts: Vec<_> = same.map(|(timeout, _)| *timeout).collect();
            let remedies = remedies.unwrap_or_default();
            warnings.push(Self {
                flaw: *flaw,
                is_certain: timeouts.len() == idle_timeouts,
                idle_timeouts: timeouts,
                title: title.to_owned(),
                changes: remedies
                    .into_iter()
                    .filter_map(|remedy| KeyChange::new(remedy, &table))
                    .collect(),
            });
        }
        warnings
    }

    pub(super) fn grade(&self) -> Grade {
        self.flaw.grade()
    }

    /// Returns true if the flaw makes the plan fail with every possible idle timeout.
    pub(super) fn is_fatal(&self) -> bool {
        self.grade() == Grade::Cannot && self.is_certain
    }

    /// Returns the kind of the flaw, for machines.
    pub(super) fn kind(&self) -> &'static str {
        match self.flaw {
            Flaw::MarginCut { .. } => "margin_cut",
            Flaw::MarginShort { .. } => "margin_short",
            Flaw::FloorTooSlow { .. } => "floor_too_slow",
            Flaw::NeverProven { .. } => "never_proven",
            Flaw::FloorDecides { .. } => "floor_decides",
            Flaw::ExclusionLate { .. } => "exclusion_late",
            Flaw::TimeoutTooLong { .. } => "idle_timeout_too_long",
            Flaw::InLine { .. } => "in_flight_max_small",
            Flaw::RevocationsCrowded { .. } => "grace_short",
        }
    }

    /// Returns the description of the flaw, a sentence without its full stop.
    pub(super) fn problem(&self) -> String {
        let idle_timeout = self.idle_timeouts.first().copied().unwrap_or_default();
        let idle = exact_duration(idle_timeout);
        match self.flaw {
            Flaw::MarginCut { margin, cut_to } => format!(
                "the margin of {} does not fit into an idle timeout of {idle}: it is cut to {}",
                exact_duration(margin),
                exact_duration(cut_to)
            ),
            Flaw::MarginShort { lead, .. } => format!(
                "a touch comes {} before the deadline: if it hangs for the whole request timeout, there is no time for another one as long",
                exact_duration(lead)
            ),
            Flaw::FloorTooSlow { .. } => format!(
                "a token that idles out after {idle} cannot be kept: a session makes at most one request a second"
            ),
            Flaw::NeverProven { .. } => format!(
                "touches are due every second, and none is ever proven to count: an exclusion or a shorter timeout is not detected (idle timeout {idle})"
            ),
            Flaw::FloorDecides { .. } => format!(
                "a touch and its proof take longer than the margin leaves of an idle timeout of {idle}: touches come as fast as they may, and not each is proven"
            ),
            Flaw::ExclusionLate { found_after, .. } => format!(
                "if an administrator excludes the touch from resetting the idle timer, that is detected after up to {}, when the token has idled out",
                exact_duration(found_after)
            ),
            Flaw::TimeoutTooLong { configured } => format!(
                "idle_timeout is {}, but tokens idle out after {idle}: the first proof corrects it, unless the server does not report when tokens idle out",
                exact_duration(configured)
            ),
            Flaw::InLine { waits, lead, .. } => format!(
                "while requests hang, a session waits up to {} for its turn, and a touch comes {} before the deadline: some get no second try, and the outage budget does not hold",
                exact_duration(waits),
                exact_duration(lead)
            ),
            Flaw::RevocationsCrowded {
                tokens,
                answer_within,
                ..
            } => format!(
                "{tokens} tokens are revoked within the grace only if each answer takes no more than {}",
                exact_duration(Duration::from_millis(
                    u64::try_from(answer_within.as_millis()).unwrap_or(u64::MAX)
                ))
            ),
        }
    }

    /// Returns the idle timeouts with which the flaw appears, or `None` if it always does.
    pub(super) fn when(&self) -> Option<String> {
        if self.is_certain {
            return None;
        }
        let idle_timeouts = self
            .idle_timeouts
            .iter()
            .map(|timeout| exact_duration(*timeout));
        Some(format!(
            "if tokens idle out after {}",
            idle_timeouts.collect::<Vec<_>>().join(", ")
        ))
    }
}

impl KeyChange {
    /// Returns the change for people, or `None` if the key cannot have such a value.
    fn new(remedy: Remedy, table: impl Fn(&str) -> String) -> Option<Self> {
        let own = |key: &str| table(key) + key;
        let (bound, limit) = match remedy.bound {
            Bound::AtMost(limit) if remedy.setting == Setting::IdleTimeout => {
                ("or less, or leave the key out", limit)
            }
            Bound::AtMost(limit) => ("or less", limit),
            Bound::AtLeast(limit) => ("or more", limit),
        };
        let value = match limit {
            SettingValue::Time(time) => format!("\"{}\"", exact_duration(time)),
            SettingValue::Count(number) => number.to_string(),
        };
        if remedy.setting == Setting::InFlightMax && limit > SettingValue::Count(IN_FLIGHT_MAX) {
            return None;
        }
        let key = match remedy.setting {
            Setting::Margin => own("margin"),
            Setting::VerifyEvery => own("verify_every"),
            Setting::IdleTimeout => own("idle_timeout"),
            Setting::RequestTimeout => "http.request_timeout".to_owned(),
            Setting::InFlightMax => "http.in_flight_max".to_owned(),
            Setting::Grace => "shutdown.grace".to_owned(),
            Setting::OrganisationTimeout => "the organisation's idle timeout".to_owned(),
        };
        Some(Self { key, bound, value })
    }
}
