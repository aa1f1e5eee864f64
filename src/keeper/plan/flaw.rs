//! The flaws of a plan, which cannot work or works worse than it seems, and their remedies.

use std::time::Duration;

use super::super::backoff::TIME_LIMIT_MIN;
use super::super::policy::Limits;
use super::super::schedule::{Margin, Schedule};
use super::{Plan, Share, TouchSchedule};
use crate::keeper::OnShutdown;
use crate::time::Instant;

/// The share of the idle timeout, in percent, to which a longer margin is cut.
const MARGIN_SHARE_MAX: u32 = 90;

/// The severity of a flaw.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Grade {
    /// The plan works, but not as well as it seems.
    Weak,
    /// A setting cannot have its intended effect.
    Cannot,
}

/// A flaw of a plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flaw {
    /// The margin is longer than nine tenths of the idle timeout and is cut to that.
    MarginCut {
        /// The configured margin.
        margin: Duration,
        /// The effective margin, which is the longest possible one.
        cut_to: Duration,
    },
    /// After a touch that lasts until its time limit there is no time for another whole attempt.
    MarginShort {
        /// The time from the touch to the deadline.
        lead: Duration,
        /// The shortest margin that is long enough, if there is one.
        margin: Option<Duration>,
        /// The longest request timeout that is short enough, if there is one.
        request_timeout: Option<Duration>,
    },
    /// The token idles out between two requests.
    FloorTooSlow {
        /// The shortest idle timeout that is long enough for this margin.
        idle_timeout: Duration,
    },
    /// A touch is always due before the previous one can be verified.
    NeverProven {
        /// The longest margin that leaves time for proofs, if there is one.
        margin: Option<Duration>,
        /// The shortest idle timeout that is long enough for this margin.
        idle_timeout: Duration,
    },
    /// The second between two requests, and not the margin, determines the time of touches.
    FloorDecides {
        /// The longest margin that takes effect, if there is one.
        margin: Option<Duration>,
        /// The shortest idle timeout that is long enough for this margin.
        idle_timeout: Duration,
    },
    /// An exclusion of the touch is detected after the token has idled out.
    ExclusionLate {
        /// The time from the beginning of the exclusion to its detection.
        found_after: Duration,
        /// The largest `verify_every` that detects it in time.
        verify_every: u32,
    },
    /// The configured idle timeout is longer than that of the organisation.
    TimeoutTooLong {
        /// The configured idle timeout.
        configured: Duration,
    },
    /// If all requests last until their time limit, a session waits for a free place in flight
    /// until its deadline has passed.
    InLine {
        /// The longest time of that wait.
        waits: Duration,
        /// The time from the touch to the deadline.
        lead: Duration,
        /// The smallest `in_flight_max` that is enough.
        in_flight_max: u32,
        /// The longest request timeout that is short enough, as the alternative.
        request_timeout: Duration,
    },
    /// Revocations are given up before they are sent unless the API answers fast.
    RevocationsCrowded {
        /// The number of tokens to be revoked.
        tokens: u32,
        /// The longest time that the API may take for an answer.
        answer_within: Duration,
        /// The grace that is enough for answers that take half a second.
        grace: Duration,
    },
}

impl Flaw {
    /// Returns the severity of the flaw.
    #[must_use]
    pub fn grade(&self) -> Grade {
        match self {
            Self::MarginCut { .. }
            | Self::FloorTooSlow { .. }
            | Self::NeverProven { .. }
            | Self::InLine { .. } => Grade::Cannot,
            Self::MarginShort { .. }
            | Self::FloorDecides { .. }
            | Self::ExclusionLate { .. }
            | Self::TimeoutTooLong { .. }
            | Self::RevocationsCrowded { .. } => Grade::Weak,
        }
    }

    /// Returns the remedies, each of which is enough by itself.
    #[must_use]
    pub fn remedies(&self, idle_timeout: Duration) -> Vec<Remedy> {
        let remedy = |setting, bound| Remedy { setting, bound };
        let at_most = |setting, time| remedy(setting, Bound::AtMost(SettingValue::Time(time)));
        let at_least = |setting, time| remedy(setting, Bound::AtLeast(SettingValue::Time(time)));
        match *self {
            Self::MarginCut { cut_to, .. } => vec![at_most(Setting::Margin, cut_to)],
            Self::MarginShort {
                margin,
                request_timeout,
                ..
            } => {
                let margin = margin.map(|margin| at_least(Setting::Margin, margin));
                let request = request_timeout.map(|time| at_most(Setting::RequestTimeout, time));
                margin.into_iter().chain(request).collect()
            }
            Self::FloorTooSlow { idle_timeout } => {
                vec![at_least(Setting::OrganisationTimeout, idle_timeout)]
            }
            Self::NeverProven {
                margin,
                idle_timeout,
            }
            | Self::FloorDecides {
                margin,
                idle_timeout,
            } => {
                let margin = margin.map(|margin| at_most(Setting::Margin, margin));
                let timeout = at_least(Setting::OrganisationTimeout, idle_timeout);
                margin.into_iter().chain([timeout]).collect()
            }
            Self::ExclusionLate { verify_every, .. } => {
                let touches = SettingValue::Count(verify_every);
                vec![remedy(Setting::VerifyEvery, Bound::AtMost(touches))]
            }
            Self::TimeoutTooLong { .. } => vec![at_most(Setting::IdleTimeout, idle_timeout)],
            Self::InLine {
                in_flight_max,
                request_timeout,
                ..
            } => {
                let requests = SettingValue::Count(in_flight_max);
                vec![
                    remedy(Setting::InFlightMax, Bound::AtLeast(requests)),
                    at_most(Setting::RequestTimeout, request_timeout),
                ]
            }
            Self::RevocationsCrowded { grace, .. } => vec![at_least(Setting::Grace, grace)],
        }
    }

    /// Returns the flaws of one session's plan, in an organisation whose tokens idle out after
    /// `idle_timeout`.
    #[must_use]
    pub fn of_session(plan: &Plan, limits: &Limits, idle_timeout: Duration) -> Vec<Self> {
        let too_long = plan
            .policy
            .idle_timeout
            .filter(|configured| *configured > idle_timeout);
        let too_long = too_long.map(|configured| Self::TimeoutTooLong { configured });
        let rest = match plan.touches() {
            None => [None; 3],
            Some(touches) => match floor(plan, limits) {
                // The flaws of the margin do not matter if the floor determines the time of touches.
                Some(floor) => [Some(floor), None, None],
                None => [
                    margin_cut(plan, &touches),
                    margin_short(plan, &touches, limits),
                    exclusion_late(plan, &touches, limits),
                ],
            },
        };
        too_long
            .into_iter()
            .chain(rest.into_iter().flatten())
            .collect()
    }

    /// Returns the flaws that follow from the number of sessions, with at most `in_flight_max`
    /// requests in flight at once and `grace` for the revocations.
    #[must_use]
    pub fn of_all(
        shares: &[Share],
        limits: &Limits,
        in_flight_max: u32,
        grace: Duration,
    ) -> Vec<Self> {
        let in_line = in_line(shares, limits, in_flight_max);
        let crowded = crowded(shares, in_flight_max, grace);
        in_line.into_iter().chain(crowded).collect()
    }
}

/// Returns the longest time for which a session waits for a free place in flight if every request
/// lasts until its time limit.
fn waits(sessions: u32, in_flight_max: u32, limits: &Limits) -> Duration {
    let rounds = sessions.div_ceil(in_flight_max.max(1));
    limits.request_timeout.saturating_mul(rounds)
}

fn floor(plan: &Plan, limits: &Limits) -> Option<Flaw> {
    // A cycle consists of a touch and its proof.
    let cycle = limits.floor * 2;
    let latest = |idle_timeout, margin| {
        let schedule = Schedule::new(idle_timeout, margin);
        let touch_at = schedule.touch_at(Instant::BOOT + idle_timeout, 0.0);
        touch_at.since(Instant::BOOT)
    };
    let touch_after = latest(plan.idle_timeout, plan.policy.margin);
    if touch_after >= cycle {
        return None;
    }
    let seconds = |most: Duration| (1..=most.as_secs()).map(Duration::from_secs);
    // A margin leaves a tenth of the idle timeout at least, and a touch comes after half of that.
    let longest = cycle * 20;
    let idle_timeout = seconds(longest)
        .find(|timeout| latest(*timeout, plan.policy.margin) >= cycle)
        .unwrap_or(longest);
    let margin = seconds(plan.idle_timeout)
        .take_while(|margin| latest(plan.idle_timeout, Margin::Time(*margin)) >= cycle)
        .last();
    Some(if plan.idle_timeout <= cycle {
        Flaw::FloorTooSlow { idle_timeout }
    } else if touch_after < limits.floor {
        Flaw::NeverProven {
            margin,
            idle_timeout,
        }
    } else {
        Flaw::FloorDecides {
            margin,
            idle_timeout,
        }
    })
}

fn margin_cut(plan: &Plan, touches: &TouchSchedule) -> Option<Flaw> {
    match plan.policy.margin {
        Margin::Time(margin) if margin > touches.margin => Some(Flaw::MarginCut {
            margin,
            cut_to: touches.margin,
        }),
        Margin::Time(_) | Margin::Percent(_) => None,
    }
}

fn margin_short(plan: &Plan, touches: &TouchSchedule, limits: &Limits) -> Option<Flaw> {
    let lead = plan.idle_timeout.saturating_sub(touches.interval.most);
    let rest = touches.retry_after.most + touches.last_try;
    let needed = limits.request_timeout + rest;
    if lead >= needed {
        return None;
    }
    let margin = round_up(touches.margin + needed.saturating_sub(lead));
    let longest = plan.idle_timeout.saturating_mul(MARGIN_SHARE_MAX) / 100;
    Some(Flaw::MarginShort {
        lead,
        margin: (margin <= longest).then_some(margin),
        request_timeout: Some(round_down(lead.saturating_sub(rest)))
            .filter(|timeout| *timeout >= TIME_LIMIT_MIN),
    })
}

fn exclusion_late(plan: &Plan, touches: &TouchSchedule, limits: &Limits) -> Option<Flaw> {
    // The other touch, which keeps the token alive, is sent after the proof.
    let in_time = plan.idle_timeout.saturating_sub(limits.floor);
    if touches.exclusion_found_after <= in_time {
        return None;
    }
    let touches_in_time =
        in_time.saturating_sub(limits.floor).as_nanos() / touches.interval.most.as_nanos().max(1);
    let verify_every = u32::try_from(touches_in_time).unwrap_or(u32::MAX).max(1);
    (verify_every < plan.policy.verify_every).then_some(Flaw::ExclusionLate {
        found_after: touches.exclusion_found_after,
        verify_every,
    })
}

fn in_line(shares: &[Share], limits: &Limits, in_flight_max: u32) -> Option<Flaw> {
    let leads = shares.iter().filter_map(|share| {
        let touches = share.plan.touches()?;
        Some(
            share
                .plan
                .idle_timeout
                .saturating_sub(touches.interval.most),
        )
    });
    let lead = leads.min()?;
    let sessions = shares
        .iter()
        .fold(0_u32, |sum, share| sum.saturating_add(share.sessions));
    let waits = waits(sessions, in_flight_max, limits);
    // If all sessions fit in flight at once, none of them waits.
    if sessions <= in_flight_max || waits <= lead {
        return None;
    }
    let rounds = lead.as_nanos() / limits.request_timeout.as_nanos().max(1);
    let rounds = u32::try_from(rounds).unwrap_or(u32::MAX).max(1);
    let round = lead / sessions.div_ceil(in_flight_max.max(1)).max(1);
    Some(Flaw::InLine {
        waits,
        lead,
        in_flight_max: sessions.div_ceil(rounds),
        request_timeout: round_down(round),
    })
}

fn crowded(shares: &[Share], in_flight_max: u32, grace: Duration) -> Option<Flaw> {
    let revoked = shares
        .iter()
        .filter(|share| share.plan.policy.on_shutdown == OnShutdown::Revoke);
    let tokens = revoked.fold(0_u32, |sum, share| sum.saturating_add(share.sessions));
    let rounds = tokens.div_ceil(in_flight_max.max(1)).max(1);
    let answer_within = grace / rounds;
    (answer_within < TIME_LIMIT_MIN).then(|| Flaw::RevocationsCrowded {
        tokens,
        answer_within,
        grace: round_up(TIME_LIMIT_MIN.saturating_mul(rounds)),
    })
}

/// Rounds up to a whole second.
fn round_up(duration: Duration) -> Duration {
    let seconds = duration.as_secs();
    Duration::from_secs(if duration.subsec_nanos() > 0 {
        seconds.saturating_add(1)
    } else {
        seconds
    })
}

/// Rounds down to a whole second, or to a tenth of a second below one.
fn round_down(duration: Duration) -> Duration {
    if duration >= Duration::from_secs(1) {
        return Duration::from_secs(duration.as_secs());
    }
    Duration::from_millis(u64::from(duration.subsec_millis()) / 100 * 100)
}

/// A setting on which a plan depends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Setting {
    /// `margin` of a session.
    Margin,
    /// `verify_every` of a session.
    VerifyEvery,
    /// `idle_timeout` of a session.
    IdleTimeout,
    /// `http.request_timeout`.
    RequestTimeout,
    /// `http.in_flight_max`.
    InFlightMax,
    /// `shutdown.grace`.
    Grace,
    /// The organisation's own idle timeout.
    OrganisationTimeout,
}

/// The value of a setting.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SettingValue {
    /// A duration.
    Time(Duration),
    /// A number.
    Count(u32),
}

/// The values that are enough.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// This value and less.
    AtMost(SettingValue),
    /// This value and more.
    AtLeast(SettingValue),
}

/// A change of one setting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Remedy {
    /// The setting to change.
    pub setting: Setting,
    /// The values that are enough.
    pub bound: Bound,
}

impl Remedy {
    /// Returns the change that satisfies both remedies; `None` if they are of different kinds.
    #[must_use]
    pub fn and(self, other: Self) -> Option<Self> {
        let bound = match (self.bound, other.bound) {
            (Bound::AtMost(one), Bound::AtMost(two)) => Bound::AtMost(one.min(two)),
            (Bound::AtLeast(one), Bound::AtLeast(two)) => Bound::AtLeast(one.max(two)),
            (Bound::AtMost(_), Bound::AtLeast(_)) | (Bound::AtLeast(_), Bound::AtMost(_)) => {
                return None;
            }
        };
        (self.setting == other.setting).then_some(Self { bound, ..self })
    }
}
