//! Runs the configured programs after events of sessions and of incidents.
//!
//! # Invariants
//!
//! *A hook delays nothing.* Its program is a task in a set of its own. Each hook runs one program
//! at a time; further events wait in a bounded queue. Those that find it full are collected into the
//! last run that waits for an event of the same kind, so that nothing is dropped.
//!
//! *One outage, few runs.* Events of sessions that follow from one incident are collected for a
//! while, which doubles with each run for that incident, and passed to one run.
//!
//! *A hook ends.* It has a time limit, after which its process group is terminated and then killed;
//! when the daemon stops, the limit is the end of `shutdown.grace`. Processes that left the group
//! are found by their environment ([`orphans`](crate::sys::orphans)).
//!
//! *A hook does not run in a loop.* If the tokens of a session are lost one after the other, its
//! hooks wait ever longer.
//!
//! *A hook gets no token.* It gets the same text as the log. Of this process's variables it sees
//! only those in `program::inherited`, without any that holds a session's token.

mod episodes;
mod occurrence;
mod running;

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use self::episodes::{Episodes, RepeatedLosses};
use self::occurrence::Occurrence;
pub(super) use self::occurrence::SessionPart;
use self::running::{ProgramRun, RunEnd, RunReport};
use super::next_result;
use crate::config::{Config, HookConfig, HookName, Occasion, SessionName};
use crate::keeper::{Event, SessionId, SessionView, Stage};
use crate::log::{EventText, HookEvent, SessionNames, log_hook_event};
use crate::status::IncidentView;
use crate::status::phrases::{Chain, human_duration};
use crate::sys::program;
use crate::time::Instant;
use crate::token::Fingerprint;

/// The number of runs that may wait for one hook before further events are collected.
const WAITING_MAX: usize = 64;

/// The longest time for which events that follow from an incident are collected.
const BATCH_MAX: Duration = Duration::from_secs(300);

/// The time between terminating and killing the programs that run at the end of the grace.
const KILLED_AFTER: Duration = Duration::from_millis(500);

/// The configured hooks, the events that wait for them and the programs that run.
#[derive(Default)]
pub(super) struct Hooks {
    episodes: Episodes,
    repeated: RepeatedLosses,
    by_name: BTreeMap<HookName, Hook>,
    tasks: JoinSet<(HookName, RunReport)>,
    /// The running hooks, including those that are not configured any more.
    running: BTreeMap<HookName, RunningHook>,
    inherited: Vec<(&'static str, OsString)>,
    shutdown: HookShutdown,
}

/// A configured hook and its queue.
struct Hook {
    config: HookConfig,
    queue: Queue,
}

/// A run that waits for its turn.
#[derive(Clone, Debug)]
struct QueuedRun {
    occurrence: Occurrence,
    /// The instant until which further events are collected.
    due_at: Option<Instant>,
}

/// A hook whose program runs.
struct RunningHook {
    occurrence: Occurrence,
    /// Ends the program when sent to; `None` once that is done.
    stop: Option<oneshot::Sender<()>>,
}

/// The progress of the hooks' shutdown.
#[derive(Clone, Copy, Default)]
enum HookShutdown {
    /// The daemon is not stopping.
    #[default]
    No,
    /// The grace has not ended.
    Until {
        terminate_at: Instant,
        kill_at: Instant,
    },
    /// The running programs were terminated, and no further ones are started.
    Terminated { kill_at: Instant },
    /// No program runs.
    Over,
}

impl Hooks {
    /// Applies a configuration. Running hooks are not disturbed. The queue of a hook is kept by the
    /// hook of the same name, or by a new hook that differs in nothing but the name; otherwise it
    /// is dropped, which is logged.
    pub(super) fn handle_config(&mut self, config: &Config) {
        let mut known = std::mem::take(&mut self.by_name);
        let mut new = Vec::new();
        for (name, hook) in &config.hooks {
            let queue = known.remove(name).map(|known| known.queue);
            if queue.is_none() {
                new.push(name);
            }
            let hook = Hook {
                config: hook.clone(),
                queue: queue.unwrap_or_default(),
            };
            self.by_name.insert(name.clone(), hook);
        }
        for (name, mut removed) in known {
            let renamed = new
                .iter()
                .position(|name| config.hooks.get(*name) == Some(&removed.config));
            if let Some(position) = renamed
                && let Some(hook) = self.by_name.get_mut(new.swap_remove(position))
            {
                hook.queue = removed.queue;
            } else if let dropped @ 1.. = removed.queue.clear() {
                let hook = name.as_str();
                log_hook_event(HookEvent::Removed { hook, dropped });
            }
        }
        let holds_a_token = |name: &str| {
            let mut sessions = config.sessions.values();
            sessions.any(|session| session.token.variable() == Some(name))
        };
        self.inherited = program::inherited(|name| std::env::var_os(name))
            .filter(|(name, _)| !holds_a_token(name))
            .collect();
    }

    /// Queues an event for the hooks that are configured for it, after it was logged. `cause` is the
    /// incident of several sessions from which it follows.
    #[expect(clippy::too_many_arguments, reason = "the facts of one event")]
    pub(super) fn handle_event(
        &mut self,
        event: &Event,
        session: &SessionNames<'_>,
        view: Option<&SessionView>,
        text: impl FnOnce() -> EventText,
        cause: Option<&IncidentView>,
        now: Instant,
        at: Timestamp,
    ) {
        self.repeated.handle_event(event);
        let Some(occasion) = self.episodes.handle_event(event) else {
            return;
        };
        let mut hooks = self.by_name.values();
        if hooks.any(|hook| hook.config.is_for(occasion, session.name)) {
            let part = SessionPart::of_event(event, session, view, text(), at);
            let occurrence = Occurrence::of_session(occasion, event.session, part, cause, now);
            for hook in self.by_name.values_mut() {
                if hook.config.is_for(occasion, session.name) {
                    hook.queue.push(occurrence.clone(), hook.config.batch, now);
                }
            }
        }
    }

    /// Returns the occasion of an incident that reached this stage, if a hook is configured for it
    /// or events that follow from the incident wait.
    pub(super) fn occasion_of(&self, stage: Stage) -> Option<Occasion> {
        let occasion = match stage {
            Stage::Open => Occasion::Incident,
            Stage::Over => Occasion::IncidentOver,
            Stage::AtRisk | Stage::Lost => return None,
        };
        let mut hooks = self.by_name.values();
        let is_of_interest = |hook: &Hook| {
            hook.config.on.contains(&occasion)
                || (stage == Stage::Over && !hook.queue.batches.is_empty())
        };
        hooks.any(is_of_interest).then_some(occasion)
    }

    /// Queues the beginning or the end of an incident, which affects these sessions.
    pub(super) fn handle_incident<'a>(
        &mut self,
        occasion: Occasion,
        incident: &IncidentView,
        sessions: impl Iterator<Item = (SessionId, &'a SessionName, Option<SessionView>)>,
        now: Instant,
        at: Timestamp,
    ) {
        let sessions: Vec<_> = sessions
            .map(|(id, name, view)| {
                let part = SessionPart::of_view(name, incident, view.as_ref(), at);
                (id, name, part)
            })
            .collect();
        for hook in self.by_name.values_mut() {
            if occasion == Occasion::IncidentOver {
                hook.queue.handle_incident_over(incident.id);
            }
            let affected = sessions
                .iter()
                .filter(|(_, name, _)| hook.config.is_for(occasion, name));
            let affected: BTreeMap<_, _> =
                affected.map(|(id, _, part)| (*id, part.clone())).collect();
            if !affected.is_empty() {
                let occurrence = Occurrence::of_incident(occasion, incident, affected, now, at);
                hook.queue.push_back(occurrence, None);
            }
        }
    }

    /// Queues the rotation of a token for the hooks that are configured for it. `part` describes the
    /// event that proved the new token.
    pub(super) fn handle_rotated(
        &mut self,
        session: SessionId,
        name: &SessionName,
        part: SessionPart,
        previous: Fingerprint,
        now: Instant,
    ) {
        let part = part.replacing(previous);
        let occurrence = Occurrence::of_session(Occasion::Rotated, session, part, None, now);
        for hook in self.by_name.values_mut() {
            if hook.config.is_for(Occasion::Rotated, name) {
                hook.queue.push(occurrence.clone(), hook.config.batch, now);
            }
        }
    }

    /// Returns the variables that programs may see.
    pub(super) fn inherited(&self) -> &[(&'static str, OsString)] {
        &self.inherited
    }

    /// Removes a session.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.episodes.forget(session);
        self.repeated.forget(session);
    }

    /// Handles the beginning of the daemon's stop, which takes at most `grace`.
    pub(super) fn handle_stop(&mut self, grace: Duration, now: Instant) {
        self.shutdown = HookShutdown::Until {
            terminate_at: now + grace,
            kill_at: now + grace + KILLED_AFTER,
        };
    }

    /// Returns true if no program runs and no event waits.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty() && self.by_name.values().all(|hook| hook.queue.is_empty())
    }

    /// Returns the instant at which [`Self::turn`] is to be called again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self.shutdown {
            HookShutdown::No => self.next_delayed(),
            HookShutdown::Over => None,
            HookShutdown::Until { terminate_at, .. } => Some(terminate_at),
            HookShutdown::Terminated { kill_at } => Some(kill_at),
        }
    }

    /// Returns the earliest instant at which an event that is delayed by repeated losses may run.
    fn next_delayed(&self) -> Option<Instant> {
        let hooks = self.by_name.iter();
        let idle = hooks.filter(|(name, _)| !self.running.contains_key(*name));
        idle.flat_map(|(_, hook)| hook.queue.waiting.iter())
            .filter_map(|waiting| waits_until(waiting, &self.repeated))
            .min()
    }

    /// Starts the programs that are due, and ends those that have to end.
    pub(super) fn turn(&mut self, now: Instant) {
        match self.shutdown {
            HookShutdown::Until {
                terminate_at,
                kill_at,
            } if now >= terminate_at => {
                self.shutdown = HookShutdown::Terminated { kill_at };
                self.empty_queues();
                for running in self.running.values_mut() {
                    if let Some(stop) = running.stop.take() {
                        // Sending fails if the program has just ended by itself.
                        let _ended = stop.send(());
                    }
                }
            }
            HookShutdown::Terminated { kill_at } if now >= kill_at => {
                self.shutdown = HookShutdown::Over;
                // Dropping the tasks kills their programs.
                self.tasks = JoinSet::new();
                for (name, running) in std::mem::take(&mut self.running) {
                    log_hook_event(HookEvent::Failed {
                        run: running.occurrence.run(&name),
                        how: "was killed: the daemon stops",
                        stderr: "",
                    });
                }
                self.empty_queues();
            }
            HookShutdown::No => self.begin(Some(now)),
            // Delays do not apply during the stop, since delayed events would be lost.
            HookShutdown::Until { .. } => self.begin(None),
            HookShutdown::Terminated { .. } => {}
            HookShutdown::Over => self.empty_queues(),
        }
    }

    /// Starts programs for the events that are due at `now`, or for all if that is `None`.
    fn begin(&mut self, now: Option<Instant>) {
        let repeated = &self.repeated;
        let is_due = |waiting: &QueuedRun| {
            let until = waits_until(waiting, repeated);
            until.zip(now).is_none_or(|(until, now)| until <= now)
        };
        for (name, hook) in &mut self.by_name {
            if self.running.contains_key(name) {
                continue;
            }
            let Some(QueuedRun { occurrence, .. }) = hook.queue.pop_if(is_due) else {
                continue;
            };
            let (stop, stopped) = oneshot::channel();
            let program_run = ProgramRun {
                hook: name.to_string(),
                words: hook.config.command.words().to_vec(),
                inherited: self.inherited.clone(),
                variables: occurrence.variables(name),
                input: occurrence.json(name),
                time_limit: hook.config.timeout,
            };
            let finished = name.clone();
            self.tasks
                .spawn(async move { (finished, running::run(program_run, stopped).await) });
            let running = RunningHook {
                occurrence,
                stop: Some(stop),
            };
            self.running.insert(name.clone(), running);
        }
    }

    /// Waits for the end of a run, or for ever if no program runs. Cancel-safe.
    pub(super) async fn next(&mut self) {
        let (name, report) = next_result(&mut self.tasks).await;
        self.handle_end(&name, &report);
    }

    fn handle_end(&mut self, name: &HookName, report: &RunReport) {
        let Some(running) = self.running.remove(name) else {
            return;
        };
        let run = running.occurrence.run(name);
        let how = match &report.end {
            RunEnd::Succeeded => return log_hook_event(HookEvent::Succeeded(run)),
            RunEnd::NotRun(program, error) => format!("could not run {program}: {}", Chain(error)),
            RunEnd::Failed(status) => format!("failed: {status}"),
            RunEnd::TimedOut(limit) => {
                format!(
                    "did not end within {} and was ended",
                    human_duration(*limit)
                )
            }
            RunEnd::Stopped => "was ended: the daemon stops".to_owned(),
        };
        log_hook_event(HookEvent::Failed {
            run,
            how: &how,
            stderr: &report.stderr,
        });
    }

    fn empty_queues(&mut self) {
        for (name, hook) in &mut self.by_name {
            let dropped @ 1.. = hook.queue.clear() else {
                continue;
            };
            let hook = name.as_str();
            log_hook_event(HookEvent::NotRun { hook, dropped });
        }
    }
}

/// Returns the instant until which a run waits: for further events, or because the tokens of its
/// session are lost one after the other.
fn waits_until(waiting: &QueuedRun, repeated: &RepeatedLosses) -> Option<Instant> {
    let session = waiting.occurrence.only_session();
    let repeated = session.and_then(|session| repeated.waits_until(session));
    waiting.due_at.into_iter().chain(repeated).max()
}

/// The runs that wait for one hook.
#[derive(Default, Debug)]
struct Queue {
    waiting: VecDeque<QueuedRun>,
    /// The number of runs so far for events that follow from each open incident.
    batches: BTreeMap<(u32, Occasion), u32>,
}

impl Queue {
    /// Adds an event of a session. It joins a run that waits for events of the same kind if both
    /// follow from the same incident, or if the queue is full.
    fn push(&mut self, new: Occurrence, batch: Duration, now: Instant) {
        let occasion = new.occasion();
        if let Some(incident) = new.incident() {
            let mut waiting = self.waiting.iter_mut();
            let same = waiting.find(|waiting| {
                waiting.occurrence.occasion() == occasion
                    && waiting.occurrence.incident() == Some(incident)
            });
            if let Some(same) = same {
                return same.occurrence.merge(new);
            }
            let runs = self.batches.entry((incident, occasion)).or_insert(0);
            let wait = batch.saturating_mul(1 << (*runs).min(16));
            *runs = runs.saturating_add(1);
            return self.push_back(new, Some(now + wait.min(BATCH_MAX.max(batch))));
        }
        let session = new.only_session();
        let is_older = |waiting: &&mut QueuedRun| {
            // If several tokens were lost meanwhile, only the last one matters.
            occasion == Occasion::Lost
                && waiting.occurrence.occasion() == occasion
                && waiting.occurrence.incident().is_none()
                && waiting.occurrence.only_session() == session
        };
        if let Some(older) = self.waiting.iter_mut().find(is_older) {
            older.occurrence.merge(new);
            return;
        }
        if self.waiting.len() >= WAITING_MAX {
            let mut waiting = self.waiting.iter_mut().rev();
            let last = waiting.find(|waiting| {
                waiting.occurrence.occasion() == occasion && waiting.occurrence.incident().is_none()
            });
            if let Some(last) = last {
                return last.occurrence.merge(new);
            }
        }
        self.push_back(new, None);
    }

    /// Appends a run. There are more than [`WAITING_MAX`] only for the first event of a kind.
    fn push_back(&mut self, occurrence: Occurrence, due_at: Option<Instant>) {
        self.waiting.push_back(QueuedRun { occurrence, due_at });
    }

    /// Ends the collection of events that follow from an incident.
    fn handle_incident_over(&mut self, incident: u32) {
        self.batches.retain(|(known, _), _| *known != incident);
        for waiting in &mut self.waiting {
            if waiting.occurrence.incident() == Some(incident) {
                waiting.due_at = None;
            }
        }
    }

    /// Removes and returns the first run that satisfies the predicate.
    fn pop_if(&mut self, is_due: impl Fn(&QueuedRun) -> bool) -> Option<QueuedRun> {
        let position = self.waiting.iter().position(is_due)?;
        self.waiting.remove(position)
    }

    /// Empties the queue. Returns the number of events that never reached the hook.
    fn clear(&mut self) -> usize {
        let waiting = self.waiting.drain(..);
        let events = waiting.map(|waiting| waiting.occurrence.count());
        events.sum()
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::EventText;
    use crate::status::fixture::{NamesFixture, incident_view, now, seconds, wall_clock};

    fn occurrence(session: u32, occasion: Occasion, cause: Option<&IncidentView>) -> Occurrence {
        let names = NamesFixture::new();
        let event = Event {
            session: SessionId(session),
            token: None,
            at: now(),
            kind: crate::keeper::EventKind::Found,
        };
        let text = EventText {
            sentence: format!("session {session}"),
            correlation_id: None,
        };
        let part = SessionPart::of_event(&event, &names.named(), None, text, wall_clock());
        Occurrence::of_session(occasion, event.session, part, cause, now())
    }

    /// Returns the number of sessions of each waiting run.
    fn counts(queue: &Queue) -> Vec<usize> {
        let waiting = queue.waiting.iter();
        waiting.map(|waiting| waiting.occurrence.count()).collect()
    }

    #[test]
    fn what_finds_no_room_is_in_the_next_run_and_nothing_is_dropped() {
        let mut queue = Queue::default();
        for session in 0..1000 {
            queue.push(
                occurrence(session, Occasion::Lost, None),
                seconds(10),
                now(),
            );
        }
        queue.push(occurrence(0, Occasion::Blocked, None), seconds(10), now());
        let counts = counts(&queue);
        assert_eq!(counts.len(), WAITING_MAX + 1);
        assert_eq!(counts[WAITING_MAX - 2..], [1, 1000 - WAITING_MAX + 1, 1]);
        assert_eq!(queue.clear(), 1001);
        assert!(queue.is_empty() && queue.clear() == 0);
    }

    #[test]
    fn events_that_follow_from_an_incident_are_collected_ever_longer_until_it_is_over() {
        let (mut queue, cause) = (Queue::default(), incident_view());
        let mut at = now();
        let mut waits = Vec::new();
        for session in 0..7 {
            for more in [0, 100] {
                let new = occurrence(session + more, Occasion::AtRisk, Some(&cause));
                queue.push(new, seconds(10), at);
            }
            assert_eq!(counts(&queue), [2]);
            let due_at = queue.waiting[0].due_at.unwrap();
            waits.push(due_at.since(at).as_secs());
            assert!(
                queue
                    .pop_if(|waiting| waiting.due_at <= Some(due_at))
                    .is_some()
            );
            at = due_at;
        }
        assert_eq!(waits, [10, 20, 40, 80, 160, 300, 300]);
        queue.push(occurrence(0, Occasion::Lost, Some(&cause)), seconds(10), at);
        assert_eq!(queue.waiting[0].due_at, Some(at + seconds(10)));
        queue.handle_incident_over(cause.id);
        assert_eq!(queue.waiting[0].due_at, None);
        assert!(queue.batches.is_empty());
    }

    #[test]
    fn only_the_last_token_of_a_session_that_is_lost_while_the_hook_is_busy_matters() {
        let mut queue = Queue::default();
        for session in [1, 2, 1] {
            queue.push(
                occurrence(session, Occasion::Lost, None),
                seconds(10),
                now(),
            );
        }
        queue.push(occurrence(1, Occasion::Revoked, None), seconds(10), now());
        assert_eq!(counts(&queue), [1, 1, 1]);
        let second =
            queue.pop_if(|waiting| waiting.occurrence.only_session() == Some(SessionId(2)));
        assert_eq!(second.unwrap().occurrence.occasion(), Occasion::Lost);
        assert_eq!(counts(&queue), [1, 1], "what is not due keeps its place");
    }
}
