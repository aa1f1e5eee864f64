//! Incidents: problems of an API host or an organisation, however many sessions they affect.
//!
//! Like the keeper, this module is arithmetic on instants: events and views go in with
//! `handle_*`, updates come out of [`Incidents::poll_update`].
//!
//! # The rules
//!
//! *Confirmed.* One failed request is no incident: a second failure opens one, of the same session
//! or of another, and so does a session that is at risk. A failure that the next request of its
//! session cures is forgotten.
//!
//! *One outage is one incident.* A host that is unreachable, does not answer in time or answers
//! with 5xx has one incident, whose class is that of the first failure.
//!
//! *Flapping is one incident.* An incident ends when no session has failed for a while; each time
//! that it comes back before its end, this time doubles.
//!
//! *Bounded.* At most [`INCIDENTS_MAX`] incidents are open and [`ENDED_MAX`] ended ones are
//! remembered. What is known of a session has a fixed size.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::event::{Death, Event, EventKind, FailureReason, Idleness};
use super::organisation::HostId;
use super::{
    BlockReason, Failure, Intent, NotTheApi, Operation, Outcome, Refusal, SessionId, SessionView,
    State, TimeoutReport, Verdict,
};
use crate::time::Instant;

/// The maximum number of open incidents.
const INCIDENTS_MAX: usize = 64;

/// The maximum number of ended incidents that are remembered.
const ENDED_MAX: usize = 8;

/// The maximum number of organisations whose idle timeout is remembered.
const ORGANISATIONS_MAX: usize = 1024;

/// The time without a failure after which an incident ends, and its limit after it came back.
const QUIET: Duration = Duration::from_secs(30);
const QUIET_MAX: Duration = Duration::from_secs(300);

/// The minimum time between two updates of an incident, apart from its end.
const UPDATE_EVERY: Duration = Duration::from_secs(30);

/// The number of an incident, counted from 1 since the start of the daemon.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct IncidentId(pub u32);

/// The kind of an incident.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum IncidentClass {
    /// The host cannot be reached.
    Unreachable,
    /// The host does not answer in time.
    TimingOut,
    /// The host answers with 408 or 5xx.
    Failing,
    /// TLS fails.
    Certificate,
    /// The host limits the rate of requests.
    Throttling,
    /// The host does not accept requests from this machine's address.
    AddressNotAllowed,
    /// A proxy or captive portal answers in place of the API.
    NotTheApi,
    /// The organisation does not count the touches.
    Excluded,
    /// The organisation's idle timeout became shorter.
    TimeoutShortened,
    /// The organisation's idle timeout was disabled.
    TimeoutDisabled,
}

impl IncidentClass {
    /// Returns the word for logs, metrics and hooks.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimingOut => "timing-out",
            Self::Failing => "failing",
            Self::Certificate => "certificate",
            Self::Throttling => "throttling",
            Self::AddressNotAllowed => "address-not-allowed",
            Self::NotTheApi => "not-the-api",
            Self::Excluded => "excluded",
            Self::TimeoutShortened => "timeout-shortened",
            Self::TimeoutDisabled => "timeout-disabled",
        }
    }

    /// Returns the class that stands for all classes that share one incident.
    fn family(self) -> Self {
        match self {
            Self::Unreachable | Self::TimingOut | Self::Failing => Self::Unreachable,
            Self::Certificate
            | Self::Throttling
            | Self::AddressNotAllowed
            | Self::NotTheApi
            | Self::Excluded
            | Self::TimeoutShortened
            | Self::TimeoutDisabled => self,
        }
    }

    /// Returns the class of a failure, or `None` if the failure concerns one token alone.
    #[must_use]
    pub fn of(reason: &FailureReason) -> Option<Self> {
        match reason {
            FailureReason::Unreachable(failure) => match failure {
                Failure::NameNotResolved
                | Failure::NotConnected
                | Failure::Broken
                | Failure::BodyTooLarge
                | Failure::HeaderTooLarge => Some(Self::Unreachable),
                Failure::Tls => Some(Self::Certificate),
                Failure::TimedOut => Some(Self::TimingOut),
                Failure::ServerError(_) => Some(Self::Failing),
                Failure::TouchRefused(_) | Failure::NotSent(_) => None,
            },
            FailureReason::Throttled { .. } => Some(Self::Throttling),
            FailureReason::Blocked(reason) => match reason {
                BlockReason::AddressNotAllowed => Some(Self::AddressNotAllowed),
                BlockReason::HeaderMissing | BlockReason::NotTheApi(_) => Some(Self::NotTheApi),
                BlockReason::Forbidden(_) | BlockReason::Rejected(..) => None,
            },
            FailureReason::OutOfTime | FailureReason::StillAlive => None,
        }
    }
}

/// The subject of an incident: a host, or an organisation at it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct IncidentScope {
    /// The API host.
    pub host: HostId,
    /// The organisation's name, if the incident concerns only that.
    pub organisation: Option<Arc<str>>,
}

/// The cause of an incident.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IncidentCause {
    /// The reason of the latest failed request.
    Failure(FailureReason),
    /// Neither touch moves the idle deadline.
    Excluded,
    /// The shortest enabled idle timeout, before and after the change; `None` if all are disabled.
    Timeout {
        /// The timeout before.
        earlier: Duration,
        /// The timeout from now on.
        present: Option<Duration>,
    },
}

/// A problem of an API host or an organisation.
#[derive(Clone, PartialEq, Debug)]
pub struct Incident {
    /// The number of the incident.
    pub id: IncidentId,
    /// The class of the first failure.
    pub class: IncidentClass,
    /// The host or organisation.
    pub scope: IncidentScope,
    /// The cause, that of the latest failure.
    pub cause: IncidentCause,
    /// The correlation id of the latest failed answer that had one.
    pub correlation_id: Option<Arc<str>>,
    /// The instant at which the first failed request was sent.
    pub began_at: Instant,
    /// The first successful answer after the last failure.
    pub answered_at: Option<Instant>,
    /// The end, once the incident is over.
    pub ended_at: Option<Instant>,
    /// The largest number of sessions that the host or organisation had meanwhile.
    pub sessions: usize,
    /// The sessions that had a failed request.
    pub affected: BTreeSet<SessionId>,
    /// The sessions whose last request failed.
    pub failing: BTreeSet<SessionId>,
    /// The sessions that are at risk.
    pub at_risk: BTreeSet<SessionId>,
    /// The sessions that were at risk at any time.
    pub ever_at_risk: BTreeSet<SessionId>,
    /// The sessions whose tokens were lost because of the incident.
    pub lost: BTreeSet<SessionId>,
    /// True if the only session reported the failure before the incident opened.
    pub is_reported_by_session: bool,
    /// The time without a failure after which the incident ends.
    quiet: Duration,
    /// The instant from which no session fails.
    well_at: Option<Instant>,
    /// The last stage that was reported, and when.
    reported: (Stage, Instant),
}

/// The severity that an incident has reached.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    /// Requests fail.
    Open,
    /// A session is at risk.
    AtRisk,
    /// A token was lost.
    Lost,
    /// The incident is over.
    Over,
}

impl Incident {
    /// Returns true if the incident concerns more than one session. The incident of a single
    /// session is reported by the lines of that session.
    #[must_use]
    pub fn is_of_many(&self) -> bool {
        self.sessions > 1
    }

    fn stage(&self) -> Stage {
        if !self.lost.is_empty() {
            Stage::Lost
        } else if !self.ever_at_risk.is_empty() {
            Stage::AtRisk
        } else {
            Stage::Open
        }
    }

    /// Returns the instant of the next report, if the incident has become worse.
    fn worse_at(&self) -> Option<Instant> {
        let (reported, reported_at) = self.reported;
        // Sessions that are at risk no more are worth no line.
        let is_worse = match self.stage() {
            Stage::AtRisk => !self.at_risk.is_empty(),
            Stage::Open | Stage::Lost | Stage::Over => true,
        };
        (self.is_of_many() && is_worse && self.stage() > reported)
            .then(|| reported_at + UPDATE_EVERY)
    }

    fn over_at(&self) -> Option<Instant> {
        self.well_at.map(|well_at| well_at + self.quiet)
    }

    fn record_failure(&mut self, session: SessionId, evidence: &FailedRequest) {
        self.affected.insert(session);
        self.failing.insert(session);
        self.cause = IncidentCause::Failure(evidence.reason.clone());
        if evidence.correlation_id.is_some() {
            self.correlation_id.clone_from(&evidence.correlation_id);
        }
        self.answered_at = None;
        if self.well_at.take().is_some() {
            self.quiet = (self.quiet * 2).min(QUIET_MAX);
        }
    }

    fn record_answer(&mut self, session: SessionId, at: Instant) {
        if self.answered_at.is_none() {
            self.answered_at = Some(at);
        }
        self.record_end(session, at);
    }

    /// Records that nothing is the matter with the session any more.
    fn record_end(&mut self, session: SessionId, at: Instant) {
        let was_failing = self.failing.remove(&session);
        self.at_risk.remove(&session);
        if was_failing && self.failing.is_empty() {
            self.well_at = Some(at);
        }
    }
}

/// A failed request.
#[derive(Clone, Debug)]
struct FailedRequest {
    session: SessionId,
    class: IncidentClass,
    reason: FailureReason,
    correlation_id: Option<Arc<str>>,
    sent_at: Instant,
    /// True if an event of the session reported the failure.
    is_reported: bool,
}

/// The facts about a session that incidents need.
#[derive(Clone, PartialEq, Debug)]
struct KnownSession {
    host: HostId,
    organisation: Option<Arc<str>>,
    /// The idle deadline, if the intent is to keep the token.
    deadline: Option<Instant>,
}

/// The sessions of a host or an organisation that have a living or unproven token.
#[derive(Default, Debug)]
struct ScopeSessions {
    living: BTreeSet<SessionId>,
    deadlines: BTreeSet<(Instant, SessionId)>,
}

/// The open incidents, the latest ended ones, and the facts from which they follow.
#[derive(Default, Debug)]
pub struct Incidents {
    sessions: BTreeMap<SessionId, KnownSession>,
    scopes: BTreeMap<IncidentScope, ScopeSessions>,
    /// The shortest enabled idle timeout of each organisation.
    timeouts: BTreeMap<IncidentScope, Option<Duration>>,
    /// The failures that nothing has confirmed yet.
    unconfirmed: BTreeMap<(HostId, IncidentClass), FailedRequest>,
    open: BTreeMap<(IncidentScope, IncidentClass), Incident>,
    /// The oldest first.
    ended: VecDeque<Incident>,
    updates: VecDeque<(IncidentId, Stage)>,
    last_id: u32,
}

impl Incidents {
    /// Handles an event of a session. `view` is the state of the session after it.
    pub fn handle_event(&mut self, event: &Event, view: Option<&SessionView>) {
        match view {
            Some(view) => self.handle_view(view),
            None => self.forget(event.session, event.at),
        }
        let (session, at) = (event.session, event.at);
        match &event.kind {
            EventKind::Answered {
                operation: Operation::Peek | Operation::Touch(_),
                sent_at,
                outcome,
                ..
            } => self.handle_outcome(event, *sent_at, outcome),
            // The answer of a cache looks like a success.
            EventKind::Blocked(reason @ BlockReason::NotTheApi(NotTheApi::Cached)) => {
                let reason = FailureReason::Blocked(reason.clone());
                self.handle_failure(event, at, &reason, None);
                self.note_reported(session);
            }
            EventKind::Unanswered(_) | EventKind::Blocked(_) => self.note_reported(session),
            EventKind::AtRisk(reason) | EventKind::PastDeadline(reason) => {
                self.handle_at_risk(session, reason, at);
            }
            EventKind::Recovered { .. } => self.end_risk(session),
            EventKind::Lost(death) => self.handle_lost(session, death, at),
            EventKind::Excluded => self.handle_excluded(event, view),
            EventKind::ResetProven { .. } => self.handle_reset_proven(session, at),
            EventKind::TimeoutRead(report) => self.handle_timeout_read(view, report, at),
            EventKind::Lapsed(_)
            | EventKind::Revoked { .. }
            | EventKind::NotRevoked(_)
            | EventKind::Left => self.end_session(session, at),
            EventKind::Answered { .. }
            | EventKind::Found
            | EventKind::Alive { .. }
            | EventKind::NewerRefused(_)
            | EventKind::NewerMismatched(_)
            | EventKind::Unconfirmed
            | EventKind::TouchRefused(..)
            | EventKind::TouchExcluded(_)
            | EventKind::TimeoutNotPermitted(_)
            | EventKind::Expiring(_)
            | EventKind::ClientEnding(_)
            | EventKind::Minted
            | EventKind::MintFailed(_)
            | EventKind::EarlierInUse
            | EventKind::EarlierEnded(_) => {}
        }
        self.turn(at);
    }

    /// Handles the present state of a session, which an event of another session may have changed.
    pub fn handle_view(&mut self, view: &SessionView) {
        let has_token = match view.state {
            State::Unproven | State::Alive | State::Excluded | State::AtRisk | State::Blocked => {
                true
            }
            State::Absent
            | State::Lost
            | State::Lapsed
            | State::Revoked
            | State::NotRevoked
            | State::Left => false,
        };
        let known = has_token.then(|| {
            let live = view.live.as_ref();
            KnownSession {
                host: view.host,
                organisation: live.and_then(|live| live.organisation.clone()),
                deadline: live
                    .and_then(|live| live.deadline)
                    .filter(|_| view.policy.intent == Intent::Keep),
            }
        });
        self.know(view.id, known);
    }

    /// Removes a session that has ended.
    pub fn forget(&mut self, session: SessionId, now: Instant) {
        self.know(session, None);
        self.end_session(session, now);
    }

    /// Reports what is due: incidents that became worse or are over.
    pub fn turn(&mut self, now: Instant) {
        let mut over = Vec::new();
        for (key, incident) in &mut self.open {
            if incident.over_at().is_some_and(|over_at| over_at <= now) {
                over.push(key.clone());
            } else if incident.worse_at().is_some_and(|worse_at| worse_at <= now) {
                incident.reported = (incident.stage(), now);
                self.updates.push_back((incident.id, incident.stage()));
            }
        }
        for key in over {
            if let Some(mut incident) = self.open.remove(&key) {
                incident.ended_at = Some(now);
                self.updates.push_back((incident.id, Stage::Over));
                if self.ended.len() == ENDED_MAX {
                    self.ended.pop_front();
                }
                self.ended.push_back(incident);
            }
        }
    }

    /// Returns the instant at which [`Self::turn`] is to be called again.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let open = self.open.values();
        open.flat_map(|incident| [incident.over_at(), incident.worse_at()])
            .flatten()
            .min()
    }

    /// Returns the next change of an incident that is to be reported, with the stage that it has
    /// reached.
    pub fn poll_update(&mut self) -> Option<(Incident, Stage)> {
        let (id, stage) = self.updates.pop_front()?;
        self.find(id).map(|incident| (incident.clone(), stage))
    }

    /// Returns the open incidents.
    pub fn open(&self) -> impl Iterator<Item = &Incident> {
        self.open.values()
    }

    /// Returns the incident that ended last.
    #[must_use]
    pub fn last_ended(&self) -> Option<&Incident> {
        self.ended.back()
    }

    /// Returns the open incident that affects the session now, if there is one.
    #[must_use]
    pub fn of_session(&self, session: SessionId) -> Option<&Incident> {
        self.open.values().find(|incident| {
            incident.failing.contains(&session) || incident.lost.contains(&session)
        })
    }

    /// Returns the incident of many sessions from which an event follows, after the event was
    /// handled.
    #[must_use]
    pub fn cause_of(&self, event: &Event) -> Option<&Incident> {
        let session = event.session;
        let of = |is_it: &dyn Fn(&Incident) -> bool| self.open.values().find(|open| is_it(open));
        let incident = match &event.kind {
            EventKind::AtRisk(reason)
            | EventKind::PastDeadline(reason)
            | EventKind::Unanswered(reason)
            | EventKind::TouchRefused(_, reason) => self.of_failure(session, reason),
            EventKind::Blocked(reason) => {
                self.of_failure(session, &FailureReason::Blocked(reason.clone()))
            }
            EventKind::Recovered { .. } => of(&|open| open.affected.contains(&session)),
            EventKind::Lost(_) => of(&|open| open.lost.contains(&session)),
            EventKind::Excluded | EventKind::ResetProven { .. } => of(&|open| {
                open.class == IncidentClass::Excluded && open.affected.contains(&session)
            }),
            EventKind::Answered { .. }
            | EventKind::Found
            | EventKind::Alive { .. }
            | EventKind::NewerRefused(_)
            | EventKind::NewerMismatched(_)
            | EventKind::Unconfirmed
            | EventKind::TouchExcluded(_)
            | EventKind::TimeoutRead(_)
            | EventKind::TimeoutNotPermitted(_)
            | EventKind::Lapsed(_)
            | EventKind::Revoked { .. }
            | EventKind::NotRevoked(_)
            | EventKind::Left
            | EventKind::Expiring(_)
            | EventKind::ClientEnding(_)
            | EventKind::Minted
            | EventKind::MintFailed(_)
            | EventKind::EarlierInUse
            | EventKind::EarlierEnded(_) => None,
        };
        incident.filter(|incident| incident.is_of_many())
    }

    /// Returns the sessions of a host or organisation that have a living or unproven token.
    pub fn living(&self, scope: &IncidentScope) -> impl Iterator<Item = SessionId> {
        let sessions = self.scopes.get(scope).into_iter();
        sessions.flat_map(|sessions| sessions.living.iter().copied())
    }

    /// Returns the first idle deadline of the kept sessions while requests fail, and its session.
    #[must_use]
    pub fn first_loss(&self, incident: &Incident) -> Option<(Instant, SessionId)> {
        if incident.failing.is_empty() {
            return None;
        }
        let sessions = self.scopes.get(&incident.scope)?;
        sessions.deadlines.first().copied()
    }

    fn find(&self, id: IncidentId) -> Option<&Incident> {
        let mut all = self.open.values().chain(&self.ended);
        all.find(|incident| incident.id == id)
    }

    fn of_failure(&self, session: SessionId, reason: &FailureReason) -> Option<&Incident> {
        let class = IncidentClass::of(reason)?;
        let host = self.sessions.get(&session)?.host;
        self.open.get(&(of_host(host), class.family()))
    }

    fn know(&mut self, session: SessionId, known: Option<KnownSession>) {
        if self.sessions.get(&session) == known.as_ref() {
            return;
        }
        if let Some(earlier) = self.sessions.remove(&session) {
            for scope in scopes(&earlier) {
                if let Some(sessions) = self.scopes.get_mut(&scope) {
                    sessions.living.remove(&session);
                    if let Some(deadline) = earlier.deadline {
                        sessions.deadlines.remove(&(deadline, session));
                    }
                    if sessions.living.is_empty() {
                        self.scopes.remove(&scope);
                    }
                }
            }
        }
        if let Some(known) = known {
            for scope in scopes(&known) {
                let sessions = self.scopes.entry(scope).or_default();
                sessions.living.insert(session);
                if let Some(deadline) = known.deadline {
                    sessions.deadlines.insert((deadline, session));
                }
            }
            self.sessions.insert(session, known);
        }
    }

    fn handle_outcome(&mut self, event: &Event, sent_at: Instant, outcome: &Outcome) {
        match &outcome.verdict {
            Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) if outcome.is_cached => {
                return;
            }
            // Something in front of the API may have refused a request without a body.
            Verdict::Refused(Refusal::Unread) => return,
            Verdict::Accepted
            | Verdict::Alive(_)
            | Verdict::Timeout(_)
            | Verdict::Refused(Refusal::BadCredentials)
            | Verdict::Blocked(_)
            | Verdict::Throttled { .. }
            | Verdict::Unreachable(_) => {}
        }
        match FailureReason::of(&outcome.verdict) {
            Some(reason) if IncidentClass::of(&reason).is_some() => {
                let correlation_id = outcome.correlation_id.clone();
                self.handle_failure(event, sent_at, &reason, correlation_id);
            }
            // The API itself answered, if only that the token may not do this.
            Some(_) | None => self.handle_answer(event.session, event.at),
        }
    }

    fn handle_failure(
        &mut self,
        event: &Event,
        sent_at: Instant,
        reason: &FailureReason,
        correlation_id: Option<Arc<str>>,
    ) {
        let Some(class) = IncidentClass::of(reason) else {
            return;
        };
        let Some(host) = self.sessions.get(&event.session).map(|known| known.host) else {
            return;
        };
        let failed = FailedRequest {
            session: event.session,
            class,
            reason: reason.clone(),
            correlation_id,
            sent_at,
            is_reported: false,
        };
        let scope = of_host(host);
        if let Some(incident) = self.open.get_mut(&(scope.clone(), class.family())) {
            let sessions = self
                .scopes
                .get(&scope)
                .map_or(0, |known| known.living.len());
            incident.sessions = incident.sessions.max(sessions);
            incident.record_failure(event.session, &failed);
            return;
        }
        match self.unconfirmed.remove(&(host, class.family())) {
            None => {
                self.unconfirmed.insert((host, class.family()), failed);
            }
            Some(first) => self.open_host_incident(scope, &[&first, &failed], event.at),
        }
    }

    /// Opens the incident of a host that these failed requests show, the oldest first.
    fn open_host_incident(
        &mut self,
        scope: IncidentScope,
        failed: &[&FailedRequest],
        now: Instant,
    ) {
        let Some(first) = failed.first() else {
            return;
        };
        let cause = IncidentCause::Failure(first.reason.clone());
        if let Some(incident) = self.begin(scope, first.class, cause, first.sent_at, now) {
            for failed in failed {
                incident.record_failure(failed.session, failed);
                incident.is_reported_by_session |= failed.is_reported && !incident.is_of_many();
            }
        }
    }

    fn begin(
        &mut self,
        scope: IncidentScope,
        class: IncidentClass,
        cause: IncidentCause,
        began_at: Instant,
        now: Instant,
    ) -> Option<&mut Incident> {
        if self.open.len() >= INCIDENTS_MAX {
            return None;
        }
        self.last_id = self.last_id.saturating_add(1);
        let id = IncidentId(self.last_id);
        let living = self.scopes.get(&scope).map(|known| known.living.len());
        let incident = Incident {
            id,
            class,
            scope: scope.clone(),
            cause,
            correlation_id: None,
            began_at,
            answered_at: None,
            ended_at: None,
            sessions: living.unwrap_or(0).max(1),
            affected: BTreeSet::new(),
            failing: BTreeSet::new(),
            at_risk: BTreeSet::new(),
            ever_at_risk: BTreeSet::new(),
            lost: BTreeSet::new(),
            is_reported_by_session: false,
            quiet: QUIET,
            well_at: None,
            reported: (Stage::Open, now),
        };
        self.updates.push_back((id, Stage::Open));
        let key = (scope, class.family());
        self.open.insert(key.clone(), incident);
        self.open.get_mut(&key)
    }

    fn handle_answer(&mut self, session: SessionId, at: Instant) {
        let Some(host) = self.sessions.get(&session).map(|known| known.host) else {
            return;
        };
        self.forget_unconfirmed(session);
        for ((scope, _), incident) in &mut self.open {
            if *scope == of_host(host) {
                incident.record_answer(session, at);
            }
        }
    }

    fn handle_at_risk(&mut self, session: SessionId, reason: &FailureReason, at: Instant) {
        if let Some(class) = IncidentClass::of(reason)
            && let Some(host) = self.sessions.get(&session).map(|known| known.host)
            && let Some(mut first) = self.unconfirmed.remove(&(host, class.family()))
        {
            first.is_reported |= first.session == session;
            self.open_host_incident(of_host(host), &[&first], at);
        }
        for incident in self.open.values_mut() {
            if incident.failing.contains(&session) {
                incident.at_risk.insert(session);
                incident.ever_at_risk.insert(session);
            }
        }
    }

    fn end_risk(&mut self, session: SessionId) {
        for incident in self.open.values_mut() {
            incident.at_risk.remove(&session);
        }
    }

    fn handle_lost(&mut self, session: SessionId, death: &Death, at: Instant) {
        for incident in self.open.values_mut() {
            // A token that was refused before its idle deadline did not idle out, unless the timeout
            // became shorter.
            let has_idled_out = !matches!(death.idle, Idleness::Before(_))
                || incident.class == IncidentClass::TimeoutShortened;
            let is_consequence = incident.affected.contains(&session) && has_idled_out;
            if is_consequence {
                incident.lost.insert(session);
            }
        }
        self.end_session(session, at);
    }

    fn handle_excluded(&mut self, event: &Event, view: Option<&SessionView>) {
        let Some(scope) = view.and_then(of_organisation) else {
            return;
        };
        let (class, at) = (IncidentClass::Excluded, event.at);
        let key = (scope.clone(), class);
        if !self.open.contains_key(&key) {
            self.begin(scope, class, IncidentCause::Excluded, at, at);
        }
        if let Some(incident) = self.open.get_mut(&key) {
            incident.affected.insert(event.session);
            incident.failing.insert(event.session);
            incident.well_at = None;
        }
    }

    fn handle_reset_proven(&mut self, session: SessionId, at: Instant) {
        for incident in self.open.values_mut() {
            if incident.class == IncidentClass::Excluded {
                incident.record_answer(session, at);
            }
        }
    }

    fn handle_timeout_read(
        &mut self,
        view: Option<&SessionView>,
        report: &TimeoutReport,
        at: Instant,
    ) {
        let Some(scope) = view.and_then(of_organisation) else {
            return;
        };
        let present = report
            .organisation
            .iter()
            .chain(&report.groups)
            .min()
            .copied();
        if self.timeouts.len() >= ORGANISATIONS_MAX && !self.timeouts.contains_key(&scope) {
            return;
        }
        let Some(Some(earlier)) = self.timeouts.insert(scope.clone(), present) else {
            return;
        };
        let class = match present {
            None => IncidentClass::TimeoutDisabled,
            Some(present) if present < earlier => IncidentClass::TimeoutShortened,
            Some(_) => return,
        };
        self.open.remove(&(scope.clone(), class));
        let affected: BTreeSet<_> = self.living(&scope).collect();
        let cause = IncidentCause::Timeout { earlier, present };
        if let Some(incident) = self.begin(scope, class, cause, at, at) {
            incident.affected = affected;
            incident.well_at = Some(at);
            // By then every token was touched under the new timeout, or has idled out.
            incident.quiet = present.unwrap_or(QUIET);
        }
    }

    /// Ends the part of a session whose token has ended.
    fn end_session(&mut self, session: SessionId, at: Instant) {
        self.forget_unconfirmed(session);
        for incident in self.open.values_mut() {
            incident.record_end(session, at);
        }
    }

    /// Records that an event of the session reported its failure.
    fn note_reported(&mut self, session: SessionId) {
        for first in self.unconfirmed.values_mut() {
            first.is_reported |= first.session == session;
        }
    }

    fn forget_unconfirmed(&mut self, session: SessionId) {
        self.unconfirmed.retain(|_, first| first.session != session);
    }
}

fn of_host(host: HostId) -> IncidentScope {
    IncidentScope {
        host,
        organisation: None,
    }
}

fn of_organisation(view: &SessionView) -> Option<IncidentScope> {
    let organisation = view.live.as_ref()?.organisation.clone()?;
    Some(IncidentScope {
        host: view.host,
        organisation: Some(organisation),
    })
}

fn scopes(known: &KnownSession) -> impl Iterator<Item = IncidentScope> + use<> {
    let organisation = known.organisation.clone().map(|name| IncidentScope {
        host: known.host,
        organisation: Some(name),
    });
    std::iter::once(of_host(known.host)).chain(organisation)
}

#[cfg(test)]
mod tests;
