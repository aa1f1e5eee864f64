//! Passes the events of sessions to the incidents, and the changes of incidents to everything that
//! reports them.

use jiff::Timestamp;

use super::Daemon;
use crate::config::SessionName;
use crate::keeper::{Event, EventKind, Incident, SessionId, SessionView, Stage};
use crate::status::{IncidentView, NAMED_MAX};
use crate::time::Instant;

impl Daemon {
    /// Handles an event of a session, and reports the incidents that it opens. `view` is the state
    /// of the session after it.
    pub(super) fn handle_incident_event(
        &mut self,
        event: &Event,
        view: Option<&SessionView>,
        now: Instant,
    ) {
        if self.stop.is_some() {
            return;
        }
        let keeper = &self.sessions.keeper;
        if let EventKind::TimeoutRead(_) = event.kind {
            // The timeout moves the deadlines of all sessions of the organisation.
            for view in keeper.views(now) {
                self.reporter.incidents.handle_view(&view);
            }
        }
        self.reporter.incidents.handle_event(event, view);
        self.report_updates(now);
    }

    /// Reports the incidents that became worse or are over.
    pub(super) fn report_incidents(&mut self, now: Instant) {
        if self.stop.is_none() {
            self.reporter.incidents.turn(now);
            self.report_updates(now);
        }
    }

    fn report_updates(&mut self, now: Instant) {
        while let Some((incident, stage)) = self.reporter.incidents.poll_update() {
            let wall_at = |at| self.machine.wall_at(at);
            let Some(view) = self.incident_view(&incident, wall_at) else {
                continue;
            };
            self.reporter.log.handle_incident(&view, stage, now);
            if let Some(occasion) = self.reporter.hooks.occasion_of(stage) {
                let sessions = self.sessions_of(&incident, stage);
                let named = sessions.iter().filter_map(|id| {
                    let name = &self.sessions.by_id.get(id)?.name;
                    Some((*id, name, self.sessions.keeper.view(*id, now)))
                });
                let at = self.machine.wall_at(now);
                self.reporter
                    .hooks
                    .handle_incident(occasion, &view, named, now, at);
            }
        }
    }

    /// Returns the sessions that a report of this stage lists.
    fn sessions_of(&self, incident: &Incident, stage: Stage) -> Vec<SessionId> {
        let mut sessions: Vec<_> = self.reporter.incidents.living(&incident.scope).collect();
        if stage == Stage::Over {
            sessions.extend(&incident.lost);
            sessions.sort_unstable();
            sessions.dedup();
        }
        sessions
    }

    /// Returns the incident of several sessions from which an event follows.
    pub(super) fn cause_of(&self, event: &Event) -> Option<IncidentView> {
        if self.stop.is_some() {
            return None;
        }
        let incident = self.reporter.incidents.cause_of(event)?;
        self.incident_view(incident, |at| self.machine.wall_at(at))
    }

    /// Returns an incident with the names of its sessions.
    pub(super) fn incident_view(
        &self,
        incident: &Incident,
        wall_at: impl Fn(Instant) -> Timestamp,
    ) -> Option<IncidentView> {
        let incidents = &self.reporter.incidents;
        let living: Vec<_> = incidents
            .living(&incident.scope)
            .take(NAMED_MAX + 1)
            .collect();
        let first_loss = incidents.first_loss(incident);
        Some(IncidentView {
            id: incident.id.0,
            class: incident.class,
            api: self.sessions.api(incident.scope.host)?.clone(),
            organisation: incident.scope.organisation.clone(),
            cause: incident.cause.clone(),
            correlation_id: incident.correlation_id.clone(),
            began_at: incident.began_at,
            began: wall_at(incident.began_at),
            answered_at: incident.answered_at,
            ended_at: incident.ended_at,
            sessions: incident.sessions,
            names: if incident.sessions <= NAMED_MAX {
                self.names_of(living.len(), living)
            } else {
                Vec::new()
            },
            failing: incident.failing.len(),
            at_risk: incident.at_risk.len(),
            ever_at_risk: incident.ever_at_risk.len(),
            at_risk_names: self.names_of(incident.at_risk.len(), incident.at_risk.iter().copied()),
            lost: incident.lost.len(),
            lost_names: self.names_of(incident.lost.len(), incident.lost.iter().copied()),
            is_reported_by_session: incident.is_reported_by_session,
            first_loss_at: first_loss.map(|(at, _)| at),
            first_loss: first_loss.and_then(|(_, id)| self.names_of(1, [id]).pop()),
        })
    }

    /// Returns the names of these sessions, or none if there are too many to name.
    fn names_of(
        &self,
        count: usize,
        sessions: impl IntoIterator<Item = SessionId>,
    ) -> Vec<SessionName> {
        if count > NAMED_MAX {
            return Vec::new();
        }
        let managed = sessions
            .into_iter()
            .filter_map(|id| self.sessions.by_id.get(&id));
        managed.map(|managed| managed.name.clone()).collect()
    }
}
