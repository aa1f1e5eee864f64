//! A simulated organisation: its server, the network to it, and the changes by its administrators.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use session_keepalive::keeper::{HostId, Outcome};
use session_keepalive::sim::{ApiOperation, GroupBundle, IdleDate, IdleSettings, Server, Settings};
use session_keepalive::time::Instant;

use super::network::{RequestFate, Weather};
use super::scenario::{Climate, Scenario};
use super::value_history::ValueHistory;

/// The group of some users.
pub(super) const GROUP: &str = "wallboards";

pub(super) struct Site {
    pub(super) server: Server,
    pub(super) host: HostId,
    pub(super) weather: Weather,
    pub(super) timeouts: ValueHistory<IdleSettings>,
    pub(super) exclusions: ValueHistory<Vec<ApiOperation>>,
    pub(super) idle_dates: ValueHistory<IdleDate>,
    /// The instants of the answers with a wrong `Date`.
    pub(super) skewed_at: Vec<Instant>,
    /// The instants of the answers of a cache.
    pub(super) cached_at: Vec<Instant>,
    /// True if the current connection has stopped answering, until a request on it times out.
    pub(super) is_wedged: bool,
    /// The instant until which the API refuses every token, as after an internal failure.
    pub(super) refuses_until: Instant,
    /// The kind of fault of the last request.
    pub(super) fault: Option<&'static str>,
    /// The last answer to each `GET`, as stored by a cache.
    pub(super) cache: BTreeMap<(String, session_keepalive::keeper::Operation), Outcome>,
}

impl Site {
    pub(super) fn new(number: usize, scenario: &Scenario, random: &mut Rng) -> Self {
        let mut settings = Settings {
            timeout: IdleSettings::of_organisation(scenario.idle_timeout(random)),
            ..Settings::default()
        };
        if random.u8(0..4) == 0 {
            bundle(&mut settings.timeout, scenario.idle_timeout(random));
        }
        if random.u8(0..6) == 0 {
            settings.idle_date = IdleDate::Absent;
        } else if random.u8(0..4) == 0 {
            settings.idle_date = IdleDate::Previous;
        }
        if scenario.climate == Climate::Chaotic && random.u8(0..5) == 0 {
            settings.excluded = exclusion(random);
        }
        settings.lifetime = Duration::from_secs(3600 * random.u64(12..=48));
        Self {
            host: HostId(u32::try_from(number / 2).unwrap_or(0)),
            weather: Weather::Fine,
            timeouts: ValueHistory::new(settings.timeout.clone()),
            exclusions: ValueHistory::new(settings.excluded.clone()),
            idle_dates: ValueHistory::new(settings.idle_date),
            skewed_at: Vec::new(),
            cached_at: Vec::new(),
            is_wedged: false,
            refuses_until: Instant::BOOT,
            fault: None,
            cache: BTreeMap::new(),
            server: Server::new(settings, random.u64(..)),
        }
    }

    /// Changes the idle timeout, as an administrator; returns a description of the change.
    pub(super) fn change_timeout(
        &mut self,
        scenario: &Scenario,
        now: Instant,
        random: &mut Rng,
    ) -> String {
        let mut timeout = self.timeouts.last().clone();
        match random.u8(0..8) {
            0 => timeout = IdleSettings::disabled(),
            1 => bundle(&mut timeout, scenario.idle_timeout(random)),
            2 => timeout.groups_enabled = false,
            3 if timeout.groups_enabled => timeout.organisation = None,
            _ => timeout.organisation = Some(scenario.idle_timeout(random)),
        }
        self.server
            .alter(now, |settings| settings.timeout = timeout.clone());
        let description = format!("idle timeout becomes {timeout:?}");
        self.timeouts.change(timeout, now);
        description
    }

    /// Changes the excluded operations, as an administrator; returns a description of the change.
    pub(super) fn change_exclusion(&mut self, now: Instant, random: &mut Rng) -> String {
        let excluded = if random.bool() {
            Vec::new()
        } else {
            exclusion(random)
        };
        self.server
            .alter(now, |settings| settings.excluded.clone_from(&excluded));
        let description = format!("excluded are {excluded:?}");
        self.exclusions.change(excluded, now);
        description
    }

    /// Changes what `dateTokenIdles` shows; returns a description of the change.
    pub(super) fn change_idle_date(&mut self, now: Instant) -> String {
        let idle_date = match self.idle_dates.last() {
            IdleDate::Shown => IdleDate::Previous,
            IdleDate::Previous => IdleDate::Absent,
            IdleDate::Absent => IdleDate::Shown,
        };
        self.server
            .alter(now, |settings| settings.idle_date = idle_date);
        self.idle_dates.change(idle_date, now);
        format!("dateTokenIdles is {idle_date:?}")
    }

    /// Returns the fate of a request on its way to the server.
    pub(super) fn request_fate(&self, now: Instant, random: &mut Rng) -> RequestFate {
        // A request must reach the server to be refused, whatever the weather.
        if now < self.refuses_until {
            return RequestFate::Arrives(Duration::from_millis(random.u64(5..200)));
        }
        self.weather.request_fate(random)
    }

    /// Returns the idle timeout of a token of a member of these groups.
    pub(super) fn idle_timeout(&self, groups: &[String]) -> Option<Duration> {
        let precedence = self.server.settings().precedence;
        self.timeouts.last().effective(groups, precedence)
    }
}

fn bundle(timeout: &mut IdleSettings, idle_timeout: Duration) {
    timeout.groups_enabled = true;
    timeout.bundles = vec![GroupBundle {
        priority: 1,
        timeout: idle_timeout,
        groups: vec![GROUP.to_owned()],
    }];
}

fn exclusion(random: &mut Rng) -> Vec<ApiOperation> {
    let all = [
        ApiOperation::HeadMe,
        ApiOperation::GetMe,
        ApiOperation::GetTimeout,
    ];
    all.into_iter().filter(|_| random.bool()).collect()
}
