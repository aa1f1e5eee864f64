//! What is wrong with a plan, in words, and what to change.

use std::mem::discriminant;
use std::time::Duration;

use crate::config::in_words;
use crate::keeper::{Flaw, Grade, Remedy};

/// One flaw, and whose it is.
pub(super) struct Finding {
    /// As it shows with the first of the idle timeouts.
    flaw: Flaw,
    /// The idle timeouts with which it shows.
    pub(super) idle_timeouts: Vec<Duration>,
    /// What helps with all of them.
    remedies: Vec<Remedy>,
    /// Whose it is.
    pub(super) title: String,
    /// The table of the key to change, with a dot; empty for what is common to all.
    pub(super) place: String,
    /// Whether it shows whatever the organisation's idle timeout.
    pub(super) is_certain: bool,
}

impl Finding {
    pub(super) fn new(flaw: Flaw, idle_timeout: Duration) -> Self {
        Self {
            remedies: flaw.remedies(idle_timeout),
            flaw,
            idle_timeouts: vec![idle_timeout],
            title: String::new(),
            place: String::new(),
            is_certain: false,
        }
    }

    /// Adds it to those found, or its idle timeout to one of the same kind.
    pub(super) fn merge(finding: Self, found: &mut Vec<Self>) {
        let is_same = |it: &&mut Self| discriminant(&it.flaw) == discriminant(&finding.flaw);
        match found.iter_mut().find(is_same) {
            Some(same) => {
                let others = finding.remedies;
                let both = |remedy: &Remedy| others.iter().find_map(|other| remedy.and(*other));
                same.remedies = same.remedies.iter().filter_map(both).collect();
                same.idle_timeouts.extend(finding.idle_timeouts);
            }
            None => found.push(finding),
        }
    }

    pub(super) fn grade(&self) -> Grade {
        self.flaw.grade()
    }

    /// Whether it cannot work, whatever the organisation's idle timeout.
    pub(super) fn is_fatal(&self) -> bool {
        self.grade() == Grade::Cannot && self.is_certain
    }

    /// Whether it shows with every one of so many idle timeouts.
    pub(super) fn is_of_all(&self, idle_timeouts: usize) -> bool {
        self.idle_timeouts.len() == idle_timeouts
    }

    /// The key of the session that it is about.
    pub(super) fn key(&self) -> &'static str {
        match self.flaw {
            Flaw::MarginCut { .. }
            | Flaw::MarginShort { .. }
            | Flaw::NeverProven { .. }
            | Flaw::FloorDecides { .. } => "margin",
            Flaw::FloorTooSlow { .. } | Flaw::TimeoutTooLong { .. } => "idle_timeout",
            Flaw::ExclusionLate { .. } => "verify_every",
            Flaw::InLine { .. } => "in_flight_max",
            Flaw::RevocationsCrowded { .. } => "grace",
        }
    }

    /// The word for machines.
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

    /// What is wrong, as a sentence without its end.
    pub(super) fn what(&self) -> String {
        let idle_timeout = self.idle_timeouts.first().copied().unwrap_or_default();
        let idle = in_words(idle_timeout);
        match self.flaw {
            Flaw::MarginCut { margin, cut_to } => format!(
                "the margin of {} does not fit into an idle timeout of {idle}: it is cut to {}",
                in_words(margin),
                in_words(cut_to)
            ),
            Flaw::MarginShort { lead, .. } => format!(
                "a touch comes {} before the deadline: if it hangs for the whole request timeout, there is no time for another one as long",
                in_words(lead)
            ),
            Flaw::FloorTooSlow { .. } => format!(
                "a token that idles out after {idle} cannot be kept: a session makes one request a second at the most"
            ),
            Flaw::NeverProven { .. } => format!(
                "touches are due every second, and none is ever proven to count: an exclusion or a shorter timeout is not found out (idle timeout {idle})"
            ),
            Flaw::FloorDecides { .. } => format!(
                "a touch and its proof take longer than the margin leaves of an idle timeout of {idle}: touches come as fast as they may, and not each is proven"
            ),
            Flaw::ExclusionLate { found_after, .. } => format!(
                "if an administrator excludes the touch from resetting the idle timer, that is found out after up to {}, when the token has idled out",
                in_words(found_after)
            ),
            Flaw::TimeoutTooLong { configured } => format!(
                "idle_timeout is {}, but tokens idle out after {idle}: the first proof corrects it, unless the server does not tell when tokens idle out",
                in_words(configured)
            ),
            Flaw::InLine { waits, lead, .. } => format!(
                "while requests hang, a session waits up to {} for its turn, and a touch comes {} before the deadline: some get no second try, and the outage budget does not hold",
                in_words(waits),
                in_words(lead)
            ),
            Flaw::RevocationsCrowded {
                tokens,
                answer_within,
                ..
            } => format!(
                "{tokens} tokens are revoked within the grace only if each answer takes no more than {}",
                in_words(Duration::from_millis(
                    u64::try_from(answer_within.as_millis()).unwrap_or(u64::MAX)
                ))
            ),
        }
    }

    /// With which idle timeouts it shows, if not with any.
    pub(super) fn when(&self) -> Option<String> {
        if self.is_certain {
            return None;
        }
        let idle_timeouts = self.idle_timeouts.iter().map(|it| in_words(*it));
        Some(format!(
            "if tokens idle out after {}",
            idle_timeouts.collect::<Vec<_>>().join(", ")
        ))
    }

    /// What to change; any of it is enough.
    pub(super) fn changes(&self) -> Vec<Change> {
        let remedies = self.remedies.iter();
        remedies.filter_map(|it| self.change(*it)).collect()
    }

    fn change(&self, remedy: Remedy) -> Option<Change> {
        let own = |key: &str| format!("{}{key}", self.place);
        let quoted = |duration| format!("\"{}\"", in_words(duration));
        let (key, bound, value) = match remedy {
            Remedy::MarginAtMost(margin) => (own("margin"), "or less", quoted(margin)),
            Remedy::MarginAtLeast(margin) => (own("margin"), "or more", quoted(margin)),
            Remedy::VerifyEveryAtMost(touches) => {
                (own("verify_every"), "or less", touches.to_string())
            }
            Remedy::IdleTimeoutAtMost(timeout) => (
                own("idle_timeout"),
                "or less, or leave the key out",
                quoted(timeout),
            ),
            Remedy::RequestTimeoutAtMost(timeout) => (
                "http.request_timeout".to_owned(),
                "or less",
                quoted(timeout),
            ),
            Remedy::InFlightAtLeast(requests) => {
                if requests > IN_FLIGHT_MAX {
                    return None;
                }
                (
                    "http.in_flight_max".to_owned(),
                    "or more",
                    requests.to_string(),
                )
            }
            Remedy::GraceAtLeast(grace) => ("shutdown.grace".to_owned(), "or more", quoted(grace)),
            Remedy::OrganisationAtLeast(timeout) => (
                "the organisation's idle timeout".to_owned(),
                "or more",
                quoted(timeout),
            ),
        };
        Some(Change { key, bound, value })
    }
}

/// The most that `http.in_flight_max` may be.
const IN_FLIGHT_MAX: u32 = 1024;

/// A key and its better value.
pub(super) struct Change {
    pub(super) key: String,
    pub(super) bound: &'static str,
    pub(super) value: String,
}
