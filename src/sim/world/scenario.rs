//! What kind of world: how long, how many sessions, how rough.

use std::time::Duration;

use fastrand::Rng;

use crate::keeper::{Intent, Margin, OnShutdown, Policy, Touch};

use super::history::Memory;

const DAY: Duration = Duration::from_secs(86_400);

/// What kind of world.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scenario {
    pub(super) seed: u64,
    pub(super) climate: Climate,
    /// How long until everything is shut down.
    pub(super) lasts: Duration,
    pub(super) sessions: usize,
    pub(super) sites: usize,
    /// How often something happens to a session or a site, on average.
    pub(super) calm: Duration,
    /// How many steps lie between two looks at every session.
    pub(super) look_every: u64,
    /// Idle timeouts in seconds, each as likely as the others.
    pub(super) idle_timeouts: &'static [u64],
    pub(super) memory: Memory,
}

/// How rough.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Climate {
    /// Nothing fails, and no loss is excused.
    Healthy,
    /// Whatever can go wrong does.
    Chaotic,
}

impl Scenario {
    /// Some days in which everything goes wrong.
    pub(super) fn chaotic(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        Self {
            seed,
            climate: Climate::Chaotic,
            lasts: DAY * random.u32(1..=4),
            sessions: random.usize(1..=5),
            sites: random.usize(1..=3),
            calm: Duration::from_secs(random.u64(1800..=36_000)),
            look_every: 1,
            idle_timeouts: &[300, 300, 600, 900, 900, 1800, 3600, 7200, 28_800],
            memory: Memory::Short,
        }
    }

    /// Some days in which nothing goes wrong.
    pub(super) fn healthy(seed: u64) -> Self {
        Self {
            climate: Climate::Healthy,
            ..Self::chaotic(seed)
        }
    }

    /// Years of many sessions, with mostly long idle timeouts: short ones cost time.
    pub(super) fn years(seed: u64, years: u32, sessions: usize) -> Self {
        Self {
            lasts: DAY * 365 * years,
            sessions,
            sites: 12,
            calm: DAY * 20,
            look_every: 500,
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

    /// A policy for a session whose tokens may idle for `idle_timeout`.
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
            touch: if random.u8(0..3) == 0 {
                Touch::Get
            } else {
                Touch::Head
            },
            verify_every: if random.bool() { 1 } else { random.u32(1..=20) },
            on_shutdown: if random.u8(0..4) == 0 {
                OnShutdown::Leave
            } else {
                OnShutdown::Revoke
            },
        }
    }

    /// How long until something happens again that happens every `calm` times `factor`.
    pub(super) fn pause(&self, factor: f64, random: &mut Rng) -> Duration {
        self.calm.mul_f64(factor * (0.05 + 1.9 * random.f64()))
    }
}
