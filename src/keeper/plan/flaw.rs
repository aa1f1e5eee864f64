//! Finds what cannot work in a plan, or works less well than it seems, and what to change.

use std::time::Duration;

use super::super::backoff::TIME_LIMIT_MIN;
use super::super::policy::Limits;
use super::super::schedule::{IDLE_TIMEOUT_MAX, Margin, Schedule};
use super::{Course, Plan, Remedy, Share, Touches};
use crate::keeper::{Instant, OnShutdown};

/// Margins longer than this share of the idle timeout, in percent, are cut.
const MARGIN_SHARE_MAX: u32 = 90;

/// How bad a flaw is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Grade {
    /// It works, but not as well as one may believe.
    Weak,
    /// A setting cannot do what it says.
    Cannot,
}

/// What is wrong with a plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flaw {
    /// The margin is not shorter than nine tenths of the idle timeout and is cut to that.
    MarginCut {
        /// As configured.
        margin: Duration,
        /// What is kept of it, and the longest that would be.
        cut_to: Duration,
    },
    /// After a touch that hangs there is no time for another whole try.
    MarginShort {
        /// From the touch to the deadline.
        lead: Duration,
        /// The margin that would be enough, if one could be.
        margin: Option<Duration>,
        /// The request timeout that would be short enough, if one could be.
        request_timeout: Option<Duration>,
    },
    /// The token idles out between two requests.
    FloorTooSlow {
        /// The shortest idle timeout that would do for this margin.
        idle_timeout: Duration,
    },
    /// A touch is always due before the last one could be proven.
    NeverProven {
        /// The longest margin that would leave time for proofs, if one would.
        margin: Option<Duration>,
        /// The shortest idle timeout that would do for this margin.
        idle_timeout: Duration,
    },
    /// The second between two requests, not the margin, decides when touches come.
    FloorDecides {
        /// The longest margin that would be honoured, if one would.
        margin: Option<Duration>,
        /// The shortest idle timeout that would do for this margin.
        idle_timeout: Duration,
    },
    /// An exclusion of the touch is found out when the token has idled out.
    ExclusionLate {
        /// How long after its beginning.
        found_after: Duration,
        /// The longest `verify_every` that would find it out in time.
        verify_every: u32,
    },
    /// The configured idle timeout is longer than what the organisation has.
    TimeoutTooLong {
        /// As configured.
        configured: Duration,
    },
    /// While requests hang, a session waits for its turn until its deadline has passed.
    InLine {
        /// How long it waits.
        waits: Duration,
        /// From the touch to the deadline.
        lead: Duration,
        /// So many in flight would be enough.
        in_flight_max: u32,
        /// Or this request timeout.
        request_timeout: Duration,
    },
    /// Revocations are given up before their turn unless the API answers this fast.
    RevocationsCrowded {
        /// How many tokens are to be revoked.
        tokens: u32,
        /// How fast the API would have to answer.
        answer_within: Duration,
        /// The grace that would be enough for answers that take half a second.
        grace: Duration,
    },
}

impl Flaw {
    /// How bad it is.
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

    /// What to change: any of these is enough.
    #[must_use]
    pub fn remedies(&self, idle_timeout: Duration) -> Vec<Remedy> {
        match *self {
            Self::MarginCut { cut_to, .. } => vec![Remedy::MarginAtMost(cut_to)],
            Self::MarginShort {
                margin,
                request_timeout,
                ..
            } => margin
                .map(Remedy::MarginAtLeast)
                .into_iter()
                .chain(request_timeout.map(Remedy::RequestTimeoutAtMost))
                .collect(),
            Self::FloorTooSlow { idle_timeout } => {
                vec![Remedy::OrganisationAtLeast(idle_timeout)]
            }
            Self::NeverProven {
                margin,
                idle_timeout,
            }
            | Self::FloorDecides {
                margin,
                idle_timeout,
            } => margin
                .map(Remedy::MarginAtMost)
                .into_iter()
                .chain([Remedy::OrganisationAtLeast(idle_timeout)])
                .collect(),
            Self::ExclusionLate { verify_every, .. } => {
                vec![Remedy::VerifyEveryAtMost(verify_every)]
            }
            Self::TimeoutTooLong { .. } => vec![Remedy::IdleTimeoutAtMost(idle_timeout)],
            Self::InLine {
                in_flight_max,
                request_timeout,
                ..
            } => {
                vec![
                    Remedy::InFlightAtLeast(in_flight_max),
                    Remedy::RequestTimeoutAtMost(request_timeout),
                ]
            }
            Self::RevocationsCrowded { grace, .. } => vec![Remedy::GraceAtLeast(grace)],
        }
    }

    /// What is wrong with one session's plan where tokens idle out after `idle_timeout`.
    #[must_use]
    pub fn of_session(plan: &Plan, limits: &Limits, idle_timeout: Duration) -> Vec<Self> {
        let too_long = plan.policy.idle_timeout.filter(|it| *it > idle_timeout);
        let too_long = too_long.map(|configured| Self::TimeoutTooLong { configured });
        let Course::Kept(touches) = plan.course else {
            return too_long.into_iter().collect();
        };
        let floor = floor(plan, limits);
        // Where a second is an age, nothing else is worth saying.
        if floor.is_some() {
            return too_long.into_iter().chain(floor).collect();
        }
        let rest = [
            margin_cut(plan, &touches),
            margin_short(plan, &touches, limits),
            exclusion_late(plan, &touches, limits),
        ];
        too_long
            .into_iter()
            .chain(rest.into_iter().flatten())
            .collect()
    }

    /// What is wrong with how many sessions there are, for so many requests in flight at once.
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

/// How long a session waits for its turn at the most if every request hangs.
fn waits(sessions: u32, in_flight_max: u32, limits: &Limits) -> Duration {
    let rounds = sessions.div_ceil(in_flight_max.max(1));
    limits.request_timeout.saturating_mul(rounds)
}

fn floor(plan: &Plan, limits: &Limits) -> Option<Flaw> {
    // A touch and its proof.
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
    let seconds = (1..=IDLE_TIMEOUT_MAX.as_secs()).map(Duration::from_secs);
    let idle_timeout = seconds
        .clone()
        .find(|it| latest(*it, plan.policy.margin) >= cycle);
    let idle_timeout = idle_timeout.unwrap_or(IDLE_TIMEOUT_MAX);
    let shorter = seconds.take_while(|it| *it < plan.idle_timeout);
    let fits = |margin: &Duration| latest(plan.idle_timeout, Margin::Time(*margin)) >= cycle;
    let margin = shorter.take_while(fits).last();
    Some(if plan.idle_timeout < cycle {
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

fn margin_cut(plan: &Plan, touches: &Touches) -> Option<Flaw> {
    match plan.policy.margin {
        Margin::Time(margin) if margin > touches.margin => Some(Flaw::MarginCut {
            margin,
            cut_to: touches.margin,
        }),
        Margin::Time(_) | Margin::Percent(_) => None,
    }
}

fn margin_short(plan: &Plan, touches: &Touches, limits: &Limits) -> Option<Flaw> {
    let lead = plan.idle_timeout.saturating_sub(touches.interval.most);
    let rest = touches.retry_after.most + touches.last_try;
    let needed = limits.request_timeout + rest;
    if lead >= needed {
        return None;
    }
    let margin = up(touches.margin + needed.saturating_sub(lead));
    let longest = plan.idle_timeout.saturating_mul(MARGIN_SHARE_MAX) / 100;
    Some(Flaw::MarginShort {
        lead,
        margin: (margin <= longest).then_some(margin),
        request_timeout: Some(down(lead.saturating_sub(rest))).filter(|it| *it >= TIME_LIMIT_MIN),
    })
}

fn exclusion_late(plan: &Plan, touches: &Touches, limits: &Limits) -> Option<Flaw> {
    // The other touch comes after the proof.
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
    let kept = shares.iter().filter_map(|share| match share.plan.course {
        Course::Kept(touches) => Some((share, touches)),
        Course::Lapsing(_) => None,
    });
    let leads = kept.map(|(share, touches)| {
        share
            .plan
            .idle_timeout
            .saturating_sub(touches.interval.most)
    });
    let lead = leads.min()?;
    let sessions = shares
        .iter()
        .fold(0_u32, |sum, share| sum.saturating_add(share.sessions));
    let waits = waits(sessions, in_flight_max, limits);
    // Whoever finds room at once has no one to wait for.
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
        request_timeout: down(round),
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
        grace: up(TIME_LIMIT_MIN.saturating_mul(rounds)),
    })
}

/// The next whole second.
fn up(duration: Duration) -> Duration {
    let seconds = duration.as_secs();
    Duration::from_secs(if duration.subsec_nanos() > 0 {
        seconds.saturating_add(1)
    } else {
        seconds
    })
}

/// The whole seconds, or tenths below one.
fn down(duration: Duration) -> Duration {
    if duration >= Duration::from_secs(1) {
        return Duration::from_secs(duration.as_secs());
    }
    Duration::from_millis(u64::from(duration.subsec_millis()) / 100 * 100)
}
