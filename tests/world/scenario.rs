//! The parameters of a world: its duration, its sessions and its faults.

use std::time::Duration;

use fastrand::Rng;
use session_keepalive::keeper::{Intent, Margin, OnShutdown, Policy, TouchPreference};

use super::history::Memory;

const DAY: Duration = Duration::from_secs(86_400);

/// The parameters of a world.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scenario {
    pub(super) seed: u64,
    pub(super) climate: Climate,
    /// The time until the shutdown.
    pub(super) duration: Duration,
    pub(super) sessions: usize,
    pub(super) sites: usize,
    /// The mean interval between the events of a session or a site, before its factor.
    pub(super) mean_interval: Duration,
    /// The number of runs of the keeper between two checks of every session.
    pub(super) check_every: u64,
    /// The idle timeouts in seconds, chosen with equal probability.
    pub(super) idle_timeouts: &'static [u64],
    pub(super) memory: Memory,
    /// The preferred touch of all sessions; `None` for random ones.
    pub(super) touch: Option<TouchPreference>,
}

/// The presence of faults.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Climate {
    /// Nothing fails, and every lapse of a kept token is an error.
    Healthy,
    /// All kinds of fault occur.
    Chaotic,
}

impl Scenario {
    /// Returns a world of some days with all kinds of fault.
    pub(super) fn chaotic(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        Self {
            seed,
            climate: Climate::Chaotic,
            duration: DAY * random.u32(1..=4),
            sessions: random.usize(1..=5),
            sites: random.usize(1..=3),
            mean_interval: Duration::from_secs(random.u64(1800..=36_000)),
            check_every: 1,
            idle_timeouts: &[300, 300, 600, 900, 900, 1800, 3600, 7200, 28_800],
            memory: Memory::Short,
            touch: None,
        }
    }

    /// Returns a world of some days without faults.
    pub(super) fn healthy(seed: u64) -> Self {
        Self {
            climate: Climate::Healthy,
            ..Self::chaotic(seed)
        }
    }

    /// Returns a world of years with many sessions. The idle timeouts are mostly long, because
    /// short ones take long to simulate.
    pub(super) fn years(seed: u64, years: u32, sessions: usize) -> Self {
        Self {
            duration: DAY * 365 * years,
            sessions,
            sites: 12,
            mean_interval: DAY * 20,
            check_every: 500,
            idle_timeouts: &[
                300, 3600, 14_400, 14_400, 28_800, 28_800, 28_800, 28_800, 28_800, 28_800, 28_800,
                28_800, 28_800, 28_800, 28_800, 28_800, 28_800, 28_800, 28_800, 28_800, 28_800,
                28_800, 28_800, 28_800, 28_800,
            ],
            ..Self::chaotic(seed)
        }
    }

    pub(super) fn idle_timeout(&self, random: &mut Rng) -> Duration {
        let seconds = self.idle_timeouts[random.usize(0..self.idle_timeouts.len())];
        Duration::from_secs(seconds)
    }

    /// Returns a random policy for a session whose tokens have this idle timeout.
    pub(super) fn policy(&self, idle_timeout: Option<Duration>, random: &mut Rng) -> Policy {
        let intent = match random.u8(0..5) {
            0 => Intent::Lapse,
            _ => Intent::Keep,
        };
        let margin = match random.u8(0..4) {
            0 => Margin::Percent(random.u8(10..=90)),
            1 => Margin::Time(Duration::from_secs(random.u64(20..=240))),
            _ => Margin::default(),
        };
        let configured = match random.u8(0..8) {
            0 => idle_timeout,
            1 if self.climate == Climate::Chaotic => Some(self.idle_timeout(random)),
            _ => None,
        };
        Policy {
            intent,
            margin,
            idle_timeout: configured,
            touch: self
                .touch
                .unwrap_or(TouchPreference::ALL[random.usize(0..3)]),
            verify_every: if random.bool() { 1 } else { random.u32(1..=20) },
            on_shutdown: if random.u8(0..4) == 0 {
                OnShutdown::Leave
            } else {
                OnShutdown::Revoke
            },
            lifetime: None,
            renewal: None,
        }
    }

    /// Returns a random time until the next event of a kind whose mean interval is
    /// `mean_interval * factor`.
    pub(super) fn interval(&self, factor: f64, random: &mut Rng) -> Duration {
        self.mean_interval
            .mul_f64(factor * (0.05 + 1.9 * random.f64()))
    }
}
