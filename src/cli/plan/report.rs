//! Computes the plan of a configuration: for each group of equal sessions and each idle timeout.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::IDLE_TIMEOUTS;
use super::warning::PlanWarning;
use crate::config::{Loaded, SessionConfig, SessionName};
use crate::daemon;
use crate::keeper::{Bounds, Flaw, Intent, Limits, Load, Plan, Policy, Share};
use crate::token::Sink;

/// The plan of a configuration: groups, totals and warnings.
pub(super) struct PlanReport {
    pub(super) groups: Vec<SessionGroup>,
    /// The requests of all sessions, one entry for each idle timeout of the organisation.
    pub(super) totals: Vec<Total>,
    pub(super) findings: Vec<PlanWarning>,
    pub(super) limits: Limits,
    pub(super) in_flight_max: u32,
    pub(super) grace: Duration,
    /// The number of organisations with kept sessions; each API counts as one organisation.
    pub(super) organisations: u32,
}

/// Sessions with the same policy.
pub(super) struct SessionGroup {
    pub(super) names: Vec<SessionName>,
    pub(super) sessions: u32,
    pub(super) policy: Policy,
    /// The sinks of these sessions, in the order of their names.
    pub(super) sinks: Vec<(SessionName, Sink)>,
    /// One plan for each possible idle timeout.
    pub(super) plans: Vec<Plan>,
}

/// The requests of all sessions together for one idle timeout.
pub(super) struct Total {
    pub(super) idle_timeout: Duration,
    pub(super) load: Load,
    /// The number of tokens that are obtained in a day, as far as it can be predicted.
    pub(super) tokens_a_day: Option<Bounds<f64>>,
}

impl PlanReport {
    /// Plans these sessions of the configuration for the given idle timeout of the organisation, or
    /// for the possible ones if none is given.
    pub(super) fn new(
        loaded: &Loaded,
        sessions: &BTreeMap<SessionName, SessionConfig>,
        idle_timeout: Option<Duration>,
    ) -> Self {
        let config = &loaded.config;
        let limits = daemon::limits(config);
        let mut groups = groups(sessions);
        let idle_timeouts = idle_timeouts(&groups, idle_timeout);
        for group in &mut groups {
            let own = group.policy.idle_timeout.filter(|_| idle_timeout.is_none());
            let own = own.map_or_else(|| idle_timeouts.clone(), |own| vec![own]);
            let plan = |idle_timeout| Plan::new(group.policy, &limits, idle_timeout);
            group.plans = own.into_iter().map(plan).collect();
        }
        let mut report = Self {
            totals: Vec::new(),
            findings: Vec::new(),
            in_flight_max: config.http.in_flight_max.get(),
            grace: config.shutdown.grace,
            organisations: organisations(sessions),
            groups,
            limits,
        };
        for group in &report.groups {
            let mut flaws = Vec::new();
            for plan in &group.plans {
                let timeout = idle_timeout.unwrap_or(plan.idle_timeout);
                let of_session = Flaw::of_session(plan, &limits, timeout);
                flaws.extend(of_session.into_iter().map(|flaw| (timeout, flaw)));
            }
            let table = |key: &str| group.table(loaded, key);
            let found = PlanWarning::of(&flaws, group.plans.len(), &group.title(), table);
            report.findings.extend(found);
        }
        let mut flaws = Vec::new();
        for &timeout in &idle_timeouts {
            let share = |group: &SessionGroup| Share {
                plan: Plan::new(group.policy, &limits, timeout),
                sessions: group.sessions,
            };
            let shares: Vec<_> = report.groups.iter().map(share).collect();
            report.totals.push(Total {
                idle_timeout: timeout,
                load: Load::new(&shares, report.organisations, &limits),
                tokens_a_day: tokens_a_day(&shares),
            });
            let of_all = Flaw::of_all(&shares, &limits, report.in_flight_max, report.grace);
            flaws.extend(of_all.into_iter().map(|flaw| (timeout, flaw)));
        }
        let title = format!("all {} sessions", report.sessions());
        let found = PlanWarning::of(&flaws, idle_timeouts.len(), &title, |_| String::new());
        report.findings.extend(found);
        report
            .findings
            .sort_by_key(|finding| std::cmp::Reverse(finding.grade()));
        report
    }

    /// Returns true if a setting cannot work with any idle timeout of the organisation.
    pub(super) fn cannot_work(&self) -> bool {
        self.findings.iter().any(PlanWarning::is_fatal)
    }

    /// Returns the number of sessions.
    pub(super) fn sessions(&self) -> u32 {
        let sessions = self.groups.iter().map(|group| group.sessions);
        sessions.fold(0, u32::saturating_add)
    }
}

impl SessionGroup {
    /// Returns the title of the group for people, with the names of few sessions.
    pub(super) fn title(&self) -> String {
        match self.names.as_slice() {
            [name] => format!("session {name}"),
            [first, second] => format!("sessions {first} and {second}"),
            [first, ..] => format!("{} sessions ({first}, …)", self.sessions),
            [] => format!("{} sessions", self.sessions),
        }
    }

    /// Returns the table in which a key of the sessions is to be changed, with a dot.
    fn table(&self, loaded: &Loaded, key: &str) -> String {
        let own = |name: &&SessionName| loaded.is_set(&["sessions", name.as_str(), key]);
        match self.names.as_slice() {
            [name] => format!("sessions.{name}."),
            names => match names.iter().find(own) {
                Some(name) => format!("sessions.{name}."),
                None => "defaults.".to_owned(),
            },
        }
    }
}

/// Returns the number of tokens that all sessions obtain in a day.
fn tokens_a_day(shares: &[Share]) -> Option<Bounds<f64>> {
    let each = shares.iter().filter_map(|share| {
        let of_one = share.plan.tokens_a_day()?;
        let sessions = f64::from(share.sessions);
        Some(Bounds {
            least: sessions * of_one.least,
            most: sessions * of_one.most,
        })
    });
    each.reduce(|sum, more| Bounds {
        least: sum.least + more.least,
        most: sum.most + more.most,
    })
}

fn groups(sessions: &BTreeMap<SessionName, SessionConfig>) -> Vec<SessionGroup> {
    let mut by_policy = BTreeMap::<Policy, SessionGroup>::new();
    for (name, session) in sessions {
        let policy = *session.policy;
        let group = by_policy.entry(policy).or_insert_with(|| SessionGroup {
            names: Vec::new(),
            sessions: 0,
            policy,
            sinks: Vec::new(),
            plans: Vec::new(),
        });
        let sinks = session.sinks.iter().cloned();
        group.sinks.extend(sinks.map(|sink| (name.clone(), sink)));
        group.names.push(name.clone());
        group.sessions = group.sessions.saturating_add(1);
    }
    let mut groups: Vec<_> = by_policy.into_values().collect();
    groups.sort_by(|left, right| left.names.cmp(&right.names));
    groups
}

/// Returns the possible idle timeouts of the organisation: the given one, the longest configured
/// one if all groups configure one, or [`IDLE_TIMEOUTS`].
fn idle_timeouts(groups: &[SessionGroup], given: Option<Duration>) -> Vec<Duration> {
    let configured: Option<Vec<_>> = groups
        .iter()
        .map(|group| group.policy.idle_timeout)
        .collect();
    let longest = configured.and_then(|timeouts| timeouts.into_iter().max());
    given
        .or(longest)
        .map_or_else(|| IDLE_TIMEOUTS.to_vec(), |known| vec![known])
}

fn organisations(sessions: &BTreeMap<SessionName, SessionConfig>) -> u32 {
    let sessions = sessions.values();
    let kept = sessions.filter(|session| session.policy.intent == Intent::Keep);
    let apis: BTreeSet<_> = kept.map(|session| session.api.as_str()).collect();
    u32::try_from(apis.len()).unwrap_or(u32::MAX)
}
