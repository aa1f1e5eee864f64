//! One organisation: its server, the road to it, and what its administrators changed when.

use std::time::Duration;

use fastrand::Rng;

use crate::keeper::{HostId, Instant};
use crate::sim::{GroupBundle, IdleDate, IdleTimeout, Operation, Server, Settings};

use super::chronicle::Chronicle;
use super::road::Weather;
use super::scenario::{Climate, Scenario};

/// The group that some users are in.
pub(super) const GROUP: &str = "wallboards";

/// One organisation.
pub(super) struct Site {
    pub(super) server: Server,
    pub(super) host: HostId,
    pub(super) weather: Weather,
    pub(super) timeouts: Chronicle<IdleTimeout>,
    pub(super) exclusions: Chronicle<Vec<Operation>>,
    pub(super) idle_dates: Chronicle<IdleDate>,
    /// When an answer was given a wrong `Date`.
    pub(super) skewed: Vec<Instant>,
}

impl Site {
    pub(super) fn new(number: usize, scenario: &Scenario, random: &mut Rng) -> Self {
        let mut settings = Settings {
            timeout: IdleTimeout::of_organisation(scenario.idle_timeout(random)),
            ..Settings::default()
        };
        if random.u8(0..4) == 0 {
            bundle(&mut settings.timeout, scenario.idle_timeout(random));
        }
        if random.u8(0..6) == 0 {
            settings.idle_date = IdleDate::Absent;
        }
        if scenario.climate == Climate::Chaotic && random.u8(0..5) == 0 {
            settings.excluded = exclusion(random);
        }
        settings.lifetime = Duration::from_secs(3600 * random.u64(12..=48));
        Self {
            host: HostId(u32::try_from(number / 2).unwrap_or(0)),
            weather: Weather::Fine,
            timeouts: Chronicle::new(settings.timeout.clone()),
            exclusions: Chronicle::new(settings.excluded.clone()),
            idle_dates: Chronicle::new(settings.idle_date),
            skewed: Vec::new(),
            server: Server::new(settings, random.u64(..)),
        }
    }

    /// An administrator changes the timeout; says to what.
    pub(super) fn change_timeout(
        &mut self,
        scenario: &Scenario,
        now: Instant,
        random: &mut Rng,
    ) -> String {
        let mut timeout = self.timeouts.last().clone();
        match random.u8(0..8) {
            0 => timeout = IdleTimeout::disabled(),
            1 => bundle(&mut timeout, scenario.idle_timeout(random)),
            2 => timeout.groups_enabled = false,
            3 if timeout.groups_enabled => timeout.organisation = None,
            _ => timeout.organisation = Some(scenario.idle_timeout(random)),
        }
        self.server
            .alter(now, |settings| settings.timeout = timeout.clone());
        let what = format!("idle timeout becomes {timeout:?}");
        self.timeouts.change(timeout, now);
        what
    }

    /// An administrator excludes other operations; says which.
    pub(super) fn change_exclusion(&mut self, now: Instant, random: &mut Rng) -> String {
        let excluded = if random.bool() {
            Vec::new()
        } else {
            exclusion(random)
        };
        self.server
            .alter(now, |settings| settings.excluded.clone_from(&excluded));
        let what = format!("excluded are {excluded:?}");
        self.exclusions.change(excluded, now);
        what
    }

    /// The server begins or ceases to say when tokens idle out; says which.
    pub(super) fn change_idle_date(&mut self, now: Instant) -> String {
        let idle_date = match self.idle_dates.last() {
            IdleDate::Shown => IdleDate::Absent,
            IdleDate::Absent => IdleDate::Shown,
        };
        self.server
            .alter(now, |settings| settings.idle_date = idle_date);
        self.idle_dates.change(idle_date, now);
        format!("dateTokenIdles is {idle_date:?}")
    }

    /// How long a token of a member of these groups may idle.
    pub(super) fn idle_timeout(&self, groups: &[String]) -> Option<Duration> {
        let precedence = self.server.settings().precedence;
        self.timeouts.last().effective(groups, precedence)
    }
}

fn bundle(timeout: &mut IdleTimeout, idle_timeout: Duration) {
    timeout.groups_enabled = true;
    timeout.bundles = vec![GroupBundle {
        priority: 1,
        timeout: idle_timeout,
        groups: vec![GROUP.to_owned()],
    }];
}

fn exclusion(random: &mut Rng) -> Vec<Operation> {
    let all = [Operation::HeadMe, Operation::GetMe, Operation::GetTimeout];
    all.into_iter().filter(|_| random.bool()).collect()
}
