//! Answers the queries of observers with slices of the daemon's state, carries out the commands
//! from the Unix socket, and answers each when it is done.

use std::collections::BTreeMap;
use std::ops::Bound;

use tokio::sync::oneshot;

use super::Daemon;
use crate::config::SessionName;
use crate::keeper::{
    Event, EventKind, Intent, NoTouch, OnShutdown, Operation, Outcome, SessionId, SessionView,
    State, Verdict,
};
use crate::log::{LogEvent, log_event};
use crate::status::phrases::{new_token, next};
use crate::status::{
    CommandResult, LoopState, NamedHistory, NamedView, Peer, Query, SessionCommand, SessionEntry,
    Snapshot,
};
use crate::sys::clock::ClockReading;
use crate::time::Instant;

/// The number of requesters that may wait for one result.
const WAITERS_MAX: usize = 16;

/// The answer to a command that would stop a daemon of a service manager, which restarts a daemon
/// that ends by itself (a hand-over relies on that). The new process would find its tokens revoked.
const STARTED_AGAIN: &str = "not stopped: the service manager would restart it at once, with revoked tokens; use systemctl stop, which revokes as configured";

impl Daemon {
    pub(super) fn handle_query(&mut self, query: Query) {
        // Sending fails if the observer has gone.
        match query {
            Query::Ping(answer) => drop(answer.send(())),
            Query::Slice(reader) => reader.read(&LentState {
                daemon: self,
                reading: self.machine.read_clock(),
            }),
            Query::Control(control, by, answer) => self.control(control, by, answer),
            Query::History(name, answer) => drop(answer.send(self.history(&name).map(Box::new))),
        }
    }

    /// Returns a snapshot of all sessions. Takes seconds for millions of them.
    pub(super) fn snapshot(&self, reading: &ClockReading) -> Snapshot {
        let named = |(name, id): (&_, &_)| self.named(name, *id, reading.boot);
        Snapshot {
            sessions: self.sessions.by_name.iter().filter_map(named).collect(),
            ..self.overview(reading)
        }
    }

    /// Returns a snapshot without sessions.
    fn overview(&self, reading: &ClockReading) -> Snapshot {
        let at = reading.boot;
        Snapshot {
            at,
            wall: reading.wall_at(at),
            started_at: self.started_at,
            is_stopping: self.stop.is_some(),
            sessions: Vec::new(),
            incidents: self
                .reporter
                .incidents
                .open()
                .filter_map(|open| self.incident_view(open, |at| reading.wall_at(at)))
                .collect(),
            last_incident: self
                .reporter
                .incidents
                .last_ended()
                .and_then(|ended| self.incident_view(ended, |at| reading.wall_at(at))),
            recent_events: self.reporter.log.recent_events(),
            last_warning_at: self.reporter.log.last_warning_at(),
            counters: self.reporter.counters.clone(),
            per_session_max: self.config.metrics.per_session_max,
            shard: self.config.shard,
        }
    }

    fn named(&self, name: &SessionName, id: SessionId, at: Instant) -> Option<NamedView> {
        let managed = self.sessions.by_id.get(&id)?;
        let view = self.sessions.keeper.view(id, at)?;
        Some(NamedView {
            name: name.clone(),
            api: managed.config.api.clone(),
            overridden: managed.intent.map(|_| managed.config.policy.intent),
            source: managed.config.token.clone(),
            pickup: self.sources.pickup(&managed.config.token),
            trouble: managed.reading.trouble.clone(),
            revoked: managed.revoked_as(view.token.map(|token| token.fingerprint)),
            incident: self.reporter.incidents.of_session(id).map(|open| open.id.0),
            is_region_doubtful: self.reporter.log.is_region_doubtful(&managed.config.api),
            day: self.reporter.histories.day_of(id),
            view,
        })
    }

    /// Returns the history of the session with this name.
    fn history(&self, name: &SessionName) -> Option<NamedHistory> {
        let reading = self.machine.read_clock();
        let id = *self.sessions.by_name.get(name)?;
        Some(NamedHistory {
            session: self.named(name, id, reading.boot)?,
            snapshot: self.overview(&reading),
            history: self.reporter.histories.of(id),
            host_events: self.reporter.histories.host_events(),
        })
    }

    fn control(
        &mut self,
        control: SessionCommand,
        by: Peer,
        answer: oneshot::Sender<CommandResult>,
    ) {
        let done = match control {
            _ if self.stop.is_some() => CommandResult::Refused("the daemon is stopping".to_owned()),
            SessionCommand::Touch(name) => match self.touch(&name, by) {
                Ok(id) => return self.reporter.touch_waiters.wait(id, answer),
                Err(done) => done,
            },
            SessionCommand::Intend(name, intent) => self.change_intent(&name, intent, by),
            SessionCommand::Reload => {
                log_event(&LogEvent::Asked { what: "reload", by });
                return self.reload(Some(answer));
            }
            SessionCommand::Stop(OnShutdown::Revoke) if self.reporter.systemd.is_present() => {
                CommandResult::Refused(STARTED_AGAIN.to_owned())
            }
            SessionCommand::Stop(on_shutdown) => {
                log_event(&LogEvent::Asked { what: "stop", by });
                self.listeners.is_answer_awaited = true;
                self.begin_stop(on_shutdown, "the command of a user");
                CommandResult::Done(match on_shutdown {
                    OnShutdown::Revoke => "stopping, and revoking as configured".to_owned(),
                    OnShutdown::Leave => "stopping, and leaving every token".to_owned(),
                })
            }
        };
        // Sending fails if the requester has gone.
        drop(answer.send(done));
    }

    fn touch(&mut self, name: &SessionName, by: Peer) -> Result<SessionId, CommandResult> {
        let now = self.machine.now();
        let &id = self
            .sessions
            .by_name
            .get(name)
            .ok_or(CommandResult::NoSuchSession)?;
        match self.sessions.keeper.handle_touch_wanted(id, now) {
            Ok(()) => {}
            Err(NoTouch::NotAlive(state @ (State::Lost | State::Absent)))
                if state == State::Lost || self.is_minting(id) =>
            {
                if let Some(managed) = self.sessions.by_id.get_mut(&id) {
                    managed.reading.is_tried_again = true;
                    self.sources.read(id, &managed.config.token);
                }
                let what = if self.is_minting(id) {
                    self.sessions.keeper.handle_renewal_wanted(id);
                    "a new token is requested"
                } else {
                    "its token is read and tried again"
                };
                log_event(&LogEvent::TouchWanted { session: name, by });
                return Err(CommandResult::Done(format!(
                    "{name} is {}: {what} now; see status for the result",
                    state.as_str()
                )));
            }
            Err(why) => {
                return Err(CommandResult::Refused(format!(
                    "{name} is not touched: {why}"
                )));
            }
        }
        log_event(&LogEvent::TouchWanted { session: name, by });
        Ok(id)
    }

    fn is_minting(&self, id: SessionId) -> bool {
        let managed = self.sessions.by_id.get(&id);
        managed.is_some_and(|managed| managed.config.token.mint().is_some())
    }

    fn change_intent(&mut self, name: &SessionName, intent: Intent, by: Peer) -> CommandResult {
        let now = self.machine.now();
        let Some((id, managed)) = self.sessions.find_mut(name) else {
            return CommandResult::NoSuchSession;
        };
        let is_configured = managed.config.policy.intent == intent;
        if managed.policy().intent == intent {
            return CommandResult::Done(format!(
                "{name} already has the intent {}",
                intent.as_str()
            ));
        }
        managed.intent = (!is_configured).then_some(intent);
        let on_shutdown = managed.policy().on_shutdown;
        if intent == Intent::Keep {
            self.sources.read_unless_held(id, managed);
        }
        self.sessions.update_policy(id, now);
        log_event(&LogEvent::IntentChanged {
            session: (name, intent),
            by,
            is_configured,
        });
        let until = if is_configured {
            "as configured"
        } else {
            "until it is changed back, its configuration changes or the daemon restarts"
        };
        let at_the_end = match on_shutdown {
            OnShutdown::Revoke => "revoked",
            OnShutdown::Leave => "left as it is",
        };
        let source = self
            .sessions
            .by_id
            .get(&id)
            .map(|managed| managed.config.token.clone());
        let next = self
            .sessions
            .keeper
            .view(id, now)
            .map_or_else(String::new, |view| match (view.state, &source) {
                (State::Lapsed | State::Lost, Some(source)) if intent == Intent::Keep => format!(
                    "; its present token has ended for good: {}",
                    new_token(source, self.sources.pickup(source))
                ),
                _ => format!("; {}", next(&view, now)),
            });
        self.reporter.report_sessions(&self.sessions, now);
        CommandResult::Done(format!(
            "{name} has the intent {} from now on, {until}; at the stop its token is {at_the_end}{next}",
            intent.as_str()
        ))
    }
}

/// The daemon's state at the time of a reading.
struct LentState<'a> {
    daemon: &'a Daemon,
    reading: ClockReading,
}

impl LoopState for LentState<'_> {
    fn at(&self) -> Instant {
        self.reading.boot
    }

    fn overview(&self) -> Snapshot {
        self.daemon.overview(&self.reading)
    }

    fn visit(
        &self,
        after: Option<&SessionName>,
        max: usize,
        visitor: &mut dyn FnMut(SessionEntry<'_>),
    ) -> Option<SessionName> {
        let sessions = &self.daemon.sessions;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = sessions
            .by_name
            .range::<SessionName, _>((from, Bound::Unbounded));
        let mut last = None;
        for (name, id) in rest.by_ref().take(max) {
            last = Some(name);
            if let Some(managed) = sessions.by_id.get(id)
                && let Some(view) = sessions.keeper.view(*id, self.at())
            {
                visitor(SessionEntry {
                    name,
                    trouble: managed.reading.trouble.as_deref(),
                    view: &view,
                });
            }
        }
        rest.next().and(last).cloned()
    }

    fn session(&self, name: &SessionName) -> Option<NamedView> {
        let id = *self.daemon.sessions.by_name.get(name)?;
        self.daemon.named(name, id, self.at())
    }
}

/// Requesters that wait for the result of one command.
#[derive(Debug, Default)]
pub(super) struct Waiters(Vec<oneshot::Sender<CommandResult>>);

impl Waiters {
    /// Adds a requester that waits for `what`, or refuses it if too many wait.
    pub(super) fn add(&mut self, requester: oneshot::Sender<CommandResult>, what: &str) {
        self.0.retain(|waiting| !waiting.is_closed());
        if self.0.len() < WAITERS_MAX {
            self.0.push(requester);
        } else {
            let refusal = format!("too many clients wait for {what} already");
            drop(requester.send(CommandResult::Refused(refusal)));
        }
    }

    /// Answers all requesters.
    pub(super) fn answer(&mut self, result: &CommandResult) {
        for requester in self.0.drain(..) {
            // Sending fails if the requester has gone.
            drop(requester.send(result.clone()));
        }
    }
}

/// The requesters that wait for the answers to touches.
#[derive(Debug, Default)]
pub(super) struct TouchWaiters(BTreeMap<SessionId, Waiters>);

impl TouchWaiters {
    fn wait(&mut self, id: SessionId, requester: oneshot::Sender<CommandResult>) {
        let waiters = self.0.entry(id).or_default();
        waiters.add(requester, "this touch");
    }

    /// Answers the requesters that wait for this event.
    pub(super) fn handle_event(&mut self, event: &Event, view: Option<&SessionView>, now: Instant) {
        if self.0.contains_key(&event.session)
            && let Some(result) = answer(event, view, now)
            && let Some(mut waiters) = self.0.remove(&event.session)
        {
            waiters.answer(&result);
        }
    }
}

fn answer(event: &Event, view: Option<&SessionView>, now: Instant) -> Option<CommandResult> {
    let view = view.filter(|view| has_living_token(view.state));
    if let EventKind::Answered {
        operation: operation @ Operation::Touch(_),
        outcome,
        ..
    } = &event.kind
    {
        let next = view.map_or_else(String::new, |view| format!("; {}", next(view, now)));
        let method = operation.as_str();
        return Some(match &outcome.verdict {
            Verdict::Accepted | Verdict::Alive(_) => CommandResult::Done(format!(
                "touched: {method} accepted{}{next}",
                deadline(view, now)
            )),
            Verdict::Timeout(_)
            | Verdict::Refused(_)
            | Verdict::Blocked(_)
            | Verdict::Throttled { .. }
            | Verdict::Unreachable(_) => CommandResult::Refused(format!(
                "not touched: {method} {}{}{next}",
                outcome.verdict.as_str(),
                correlation(outcome)
            )),
        });
    }
    // A token that has ended is not touched again, so the wait ends without an answer of the API.
    view.is_none()
        .then(|| CommandResult::Refused("not touched: the token ended".to_owned()))
}

fn has_living_token(state: State) -> bool {
    match state {
        State::Alive | State::Excluded | State::AtRisk | State::Blocked => true,
        State::Absent
        | State::Unproven
        | State::Lost
        | State::Lapsed
        | State::Revoked
        | State::NotRevoked
        | State::Left => false,
    }
}

fn deadline(view: Option<&SessionView>, now: Instant) -> String {
    let live = view.and_then(|view| view.live.as_ref());
    live.and_then(|live| live.deadline)
        .map_or_else(String::new, |deadline| {
            let left = crate::status::phrases::human_duration(deadline.until(now));
            format!(", idle deadline in {left}")
        })
}

fn correlation(outcome: &Outcome) -> String {
    outcome
        .correlation_id
        .as_deref()
        .map_or_else(String::new, |id| format!(" (correlation id {id})"))
}
