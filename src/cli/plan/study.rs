//! What a configuration makes the daemon do: equal sessions together, for each idle timeout.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::IDLE_TIMEOUTS;
use super::finding::Finding;
use crate::config::{Loaded, Origin, SessionConfig, SessionName};
use crate::daemon;
use crate::keeper::{Flaw, Intent, Limits, Load, Plan, Policy, Share};

/// All that is foretold.
pub(super) struct Study {
    pub(super) groups: Vec<Group>,
    /// What all sessions ask together, by the organisation's idle timeout.
    pub(super) totals: Vec<Total>,
    pub(super) findings: Vec<Finding>,
    pub(super) limits: Limits,
    pub(super) in_flight_max: u32,
    pub(super) grace: Duration,
    /// How many organisations there are, if each API is one.
    pub(super) organisations: u32,
}

/// Sessions that are to get the same.
pub(super) struct Group {
    pub(super) names: Vec<SessionName>,
    pub(super) sessions: u32,
    pub(super) policy: Policy,
    /// One for each idle timeout that comes into question.
    pub(super) plans: Vec<Plan>,
}

/// What all sessions ask together.
pub(super) struct Total {
    pub(super) idle_timeout: Duration,
    pub(super) load: Load,
}

impl Study {
    /// Studies the configuration for the organisation's idle timeout, if that is known.
    pub(super) fn new(loaded: &Loaded, idle_timeout: Option<Duration>) -> Self {
        let config = &loaded.config;
        let limits = daemon::limits(config);
        let sessions = daemon::sessions_now(config);
        let mut groups = groups(&sessions);
        let idle_timeouts = idle_timeouts(&groups, idle_timeout);
        for group in &mut groups {
            let own = group.policy.idle_timeout.filter(|_| idle_timeout.is_none());
            let own = own.map_or_else(|| idle_timeouts.clone(), |own| vec![own]);
            let plan = |idle_timeout| Plan::new(group.policy, &limits, idle_timeout);
            group.plans = own.into_iter().map(plan).collect();
        }
        let mut study = Self {
            totals: Vec::new(),
            findings: Vec::new(),
            in_flight_max: config.http.in_flight_max.get(),
            grace: config.shutdown.grace,
            organisations: organisations(&sessions),
            groups,
            limits,
        };
        study.find_of_groups(idle_timeout, loaded);
        study.sum_up(&idle_timeouts);
        study
            .findings
            .sort_by_key(|finding| std::cmp::Reverse(finding.grade()));
        study
    }

    /// Whether a setting cannot work, whatever the organisation's idle timeout.
    pub(super) fn cannot_work(&self) -> bool {
        self.findings.iter().any(Finding::is_fatal)
    }

    /// How many sessions there are.
    pub(super) fn sessions(&self) -> u32 {
        let sessions = self.groups.iter().map(|group| group.sessions);
        sessions.fold(0, u32::saturating_add)
    }

    fn find_of_groups(&mut self, given: Option<Duration>, loaded: &Loaded) {
        for group in &self.groups {
            let is_known = given.is_some() || group.policy.idle_timeout.is_some();
            let mut found = Vec::new();
            for plan in &group.plans {
                let idle_timeout = given.unwrap_or(plan.idle_timeout);
                for flaw in Flaw::of_session(plan, &self.limits, idle_timeout) {
                    let finding = Finding::new(flaw, idle_timeout);
                    Finding::merge(finding, &mut found);
                }
            }
            for mut finding in found {
                finding.title = group.title();
                finding.place = group.place(loaded, finding.key());
                finding.is_certain = is_known || finding.is_of_all(group.plans.len());
                self.findings.push(finding);
            }
        }
    }

    fn sum_up(&mut self, idle_timeouts: &[Duration]) {
        let mut found = Vec::new();
        for &idle_timeout in idle_timeouts {
            let share = |group: &Group| Share {
                plan: Plan::new(group.policy, &self.limits, idle_timeout),
                sessions: group.sessions,
            };
            let shares: Vec<_> = self.groups.iter().map(share).collect();
            let load = Load::new(&shares, self.organisations, &self.limits);
            self.totals.push(Total { idle_timeout, load });
            for flaw in Flaw::of_all(&shares, &self.limits, self.in_flight_max, self.grace) {
                Finding::merge(Finding::new(flaw, idle_timeout), &mut found);
            }
        }
        for mut finding in found {
            finding.title = format!("all {} sessions", self.sessions());
            finding.is_certain = finding.is_of_all(idle_timeouts.len());
            self.findings.push(finding);
        }
    }
}

impl Group {
    /// The sessions as they are named to people.
    pub(super) fn title(&self) -> String {
        match self.names.as_slice() {
            [name] => format!("session {name}"),
            [first, second] => format!("sessions {first} and {second}"),
            [first, ..] => format!("{} sessions ({first}, …)", self.sessions),
            [] => format!("{} sessions", self.sessions),
        }
    }

    /// Where a key of theirs is to be changed.
    fn place(&self, loaded: &Loaded, key: &str) -> String {
        let own = |name: &&SessionName| {
            loaded.origin(&["sessions", name.as_str(), key]) != Origin::Default
        };
        match self.names.as_slice() {
            [name] => format!("sessions.{name}."),
            names => match names.iter().find(own) {
                Some(name) => format!("sessions.{name}."),
                None => "defaults.".to_owned(),
            },
        }
    }
}

fn groups(sessions: &BTreeMap<SessionName, SessionConfig>) -> Vec<Group> {
    let mut by_policy = BTreeMap::<Policy, Group>::new();
    for (name, session) in sessions {
        let policy = daemon::policy(session);
        let group = by_policy.entry(policy).or_insert_with(|| Group {
            names: Vec::new(),
            sessions: 0,
            policy,
            plans: Vec::new(),
        });
        group.names.push(name.clone());
        group.sessions = group.sessions.saturating_add(1);
    }
    let mut groups: Vec<_> = by_policy.into_values().collect();
    groups.sort_by(|one, other| one.names.cmp(&other.names));
    groups
}

/// The idle timeouts of the organisation that come into question.
fn idle_timeouts(groups: &[Group], given: Option<Duration>) -> Vec<Duration> {
    let configured: Option<Vec<_>> = groups.iter().map(|it| it.policy.idle_timeout).collect();
    let longest = configured.and_then(|them| them.into_iter().max());
    given
        .or(longest)
        .map_or_else(|| IDLE_TIMEOUTS.to_vec(), |known| vec![known])
}

fn organisations(sessions: &BTreeMap<SessionName, SessionConfig>) -> u32 {
    let sessions = sessions.values();
    let kept = sessions.filter(|session| session.intent == Intent::Keep);
    let apis: BTreeSet<_> = kept.map(|session| session.api.as_str()).collect();
    u32::try_from(apis.len()).unwrap_or(u32::MAX)
}
