//! Runs the configured programs after events of sessions.
//!
//! # Invariants
//!
//! *A hook delays nothing.* Its program is a task in a set of its own. Each hook runs one program
//! at a time; further events wait in a bounded queue, and those that find it full are counted and
//! logged once.
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
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use self::episodes::{Episodes, RepeatedLosses};
use self::occurrence::Occurrence;
use self::running::{ProgramRun, RunEnd, RunReport};
use super::next_result;
use crate::config::{Config, HookConfig, HookName, Occasion, SessionName};
use crate::keeper::{Event, SessionId, SessionView};
use crate::log::{EventText, HookEvent, SessionNames, log_hook_event};
use crate::status::phrases::{Chain, human_duration};
use crate::sys::program;
use crate::time::Instant;
use crate::token::Fingerprint;

/// The number of events that may wait for one hook.
const WAITING_MAX: usize = 64;

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

struct Hook {
    config: HookConfig,
    queue: Queue<QueuedEvent>,
}

/// An event that waits for a hook.
#[derive(Clone)]
struct QueuedEvent {
    session: SessionId,
    occasion: Occasion,
    occurrence: Arc<Occurrence>,
}

struct RunningHook {
    occurrence: Arc<Occurrence>,
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
    Until { warn_at: Instant, kill_at: Instant },
    /// The running programs were terminated, and no further ones are started.
    Warned { kill_at: Instant },
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

    /// Queues an event for the hooks that are configured for it, after it was logged.
    pub(super) fn handle_event(
        &mut self,
        event: &Event,
        session: &SessionNames<'_>,
        view: Option<&SessionView>,
        text: impl FnOnce() -> EventText,
        at: Timestamp,
    ) {
        self.repeated.handle_event(event);
        let Some(occasion) = self.episodes.handle_event(event) else {
            return;
        };
        let mut hooks = self.by_name.values();
        if hooks.any(|hook| hook.config.is_for(occasion, session.name)) {
            let occurrence = Occurrence::new(occasion, event, session, view, text(), at);
            let queued = QueuedEvent {
                session: event.session,
                occasion,
                occurrence: Arc::new(occurrence),
            };
            self.push(session.name, &queued);
        }
    }

    /// Queues the rotation of a token for the hooks that are configured for it. `event` is the one
    /// that proved the new token.
    pub(super) fn handle_rotated(
        &mut self,
        event: &Event,
        previous: Fingerprint,
        session: &SessionNames<'_>,
        view: Option<&SessionView>,
        text: EventText,
        at: Timestamp,
    ) {
        let occasion = Occasion::Rotated;
        let occurrence = Occurrence::new(occasion, event, session, view, text, at);
        let queued = QueuedEvent {
            session: event.session,
            occasion,
            occurrence: Arc::new(occurrence.replacing(previous)),
        };
        self.push(session.name, &queued);
    }

    /// Removes a session.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.episodes.forget(session);
        self.repeated.forget(session);
    }

    /// Handles the beginning of the daemon's stop, which takes at most `grace`.
    pub(super) fn handle_stop(&mut self, grace: Duration, now: Instant) {
        self.shutdown = HookShutdown::Until {
            warn_at: now + grace,
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
            HookShutdown::Until { warn_at, .. } => Some(warn_at),
            HookShutdown::Warned { kill_at } => Some(kill_at),
        }
    }

    /// Returns the earliest instant at which an event that is delayed by repeated losses may run.
    fn next_delayed(&self) -> Option<Instant> {
        let hooks = self.by_name.iter();
        let idle = hooks.filter(|(name, _)| !self.running.contains_key(*name));
        idle.flat_map(|(_, hook)| hook.queue.iter())
            .filter_map(|waiting| self.repeated.waits_until(waiting.session))
            .min()
    }

    /// Starts the programs that are due, and ends those that have to end.
    pub(super) fn turn(&mut self, now: Instant) {
        match self.shutdown {
            HookShutdown::Until { warn_at, kill_at } if now >= warn_at => {
                self.shutdown = HookShutdown::Warned { kill_at };
                self.empty_queues();
                for running in self.running.values_mut() {
                    if let Some(stop) = running.stop.take() {
                        // Sending fails if the program has just ended by itself.
                        let _ended = stop.send(());
                    }
                }
            }
            HookShutdown::Warned { kill_at } if now >= kill_at => {
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
            HookShutdown::Warned { .. } => {}
            HookShutdown::Over => self.empty_queues(),
        }
    }

    /// Starts programs for the events that are due at `now`, or for all if that is `None`.
    fn begin(&mut self, now: Option<Instant>) {
        let repeated = &self.repeated;
        let is_due = |waiting: &QueuedEvent| {
            let until = repeated.waits_until(waiting.session);
            until.zip(now).is_none_or(|(until, now)| until <= now)
        };
        for (name, hook) in &mut self.by_name {
            if self.running.contains_key(name) {
                continue;
            }
            let Some(QueuedEvent { occurrence, .. }) = hook.queue.pop_if(is_due) else {
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
            if let Some(dropped) = hook.queue.poll_dropped() {
                let hook = name.as_str();
                log_hook_event(HookEvent::CaughtUp { hook, dropped });
            }
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

    fn push(&mut self, session: &SessionName, new: &QueuedEvent) {
        let is_older = |waiting: &QueuedEvent| {
            (waiting.session, waiting.occasion) == (new.session, Occasion::Lost)
                && new.occasion == Occasion::Lost
        };
        for (name, hook) in &mut self.by_name {
            if hook.config.is_for(new.occasion, session)
                // If several tokens were lost meanwhile, only the last one matters, so a later loss
                // replaces an earlier one.
                && let Some(new) = hook.queue.replace(is_older, new.clone())
                && hook.queue.push(new) == Pushed::FirstDropped
            {
                log_hook_event(HookEvent::Overflowed {
                    hook: name.as_str(),
                    waiting: WAITING_MAX,
                });
            }
        }
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

/// The events that wait for one hook.
#[derive(Debug)]
struct Queue<T> {
    waiting: VecDeque<T>,
    dropped: usize,
}

/// The result of pushing an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pushed {
    /// The event waits.
    Waits,
    /// The event was dropped, as the first one since the queue was empty.
    FirstDropped,
    /// The event was dropped, after others.
    Dropped,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            dropped: 0,
        }
    }
}

impl<T> Queue<T> {
    /// Appends an event if the queue is not full.
    fn push(&mut self, occurrence: T) -> Pushed {
        // Once an event was dropped, all further ones are dropped until the queue is empty: the
        // hook then gets the first events without a gap, and one message counts the others.
        if self.dropped == 0 && self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(occurrence);
            return Pushed::Waits;
        }
        self.dropped += 1;
        match self.dropped {
            1 => Pushed::FirstDropped,
            _ => Pushed::Dropped,
        }
    }

    /// Removes and returns the first event that satisfies the predicate.
    fn pop_if(&mut self, is_due: impl Fn(&T) -> bool) -> Option<T> {
        let position = self.waiting.iter().position(is_due)?;
        self.waiting.remove(position)
    }

    /// Replaces the first event that satisfies the predicate. Returns the new one if there is none.
    fn replace(&mut self, is_old: impl Fn(&T) -> bool, new: T) -> Option<T> {
        match self.waiting.iter_mut().find(|waiting| is_old(waiting)) {
            Some(old) => {
                *old = new;
                None
            }
            None => Some(new),
        }
    }

    /// Returns all events in order.
    fn iter(&self) -> impl Iterator<Item = &T> {
        self.waiting.iter()
    }

    /// Returns the number of dropped events, once the queue is empty.
    fn poll_dropped(&mut self) -> Option<usize> {
        let is_over = self.waiting.is_empty() && self.dropped > 0;
        is_over.then(|| std::mem::take(&mut self.dropped))
    }

    /// Empties the queue. Returns the number of events that never ran, including the dropped ones.
    fn clear(&mut self) -> usize {
        let waited = self.waiting.len();
        self.waiting.clear();
        waited + std::mem::take(&mut self.dropped)
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_counted_and_told_when_the_rest_has_had_its_turn() {
        let mut queue = Queue::default();
        let pushed: Vec<_> = (0..1000).map(|number| queue.push(number)).collect();
        let count = |what| pushed.iter().filter(|pushed| **pushed == what).count();
        assert_eq!(count(Pushed::Waits), WAITING_MAX);
        assert_eq!(count(Pushed::FirstDropped), 1);
        assert_eq!(count(Pushed::Dropped), 1000 - WAITING_MAX - 1);
        assert_eq!(queue.pop_if(|_| true), Some(0));
        assert_eq!(queue.poll_dropped(), None);
        assert_eq!(queue.push(1000), Pushed::Dropped);
        while queue.pop_if(|_| true).is_some() {}
        assert_eq!(queue.poll_dropped(), Some(1001 - WAITING_MAX));
        assert_eq!(queue.poll_dropped(), None);
        assert_eq!(queue.push(1001), Pushed::Waits);
    }

    #[test]
    fn what_never_had_its_turn_is_counted_at_the_end() {
        let mut queue = Queue::default();
        for number in 0..100 {
            queue.push(number);
        }
        queue.pop_if(|_| true);
        assert_eq!(queue.clear(), 99);
        assert!(queue.is_empty() && queue.clear() == 0);
    }

    #[test]
    fn what_is_not_due_keeps_its_place_and_holds_up_nothing_else() {
        let mut queue = Queue::default();
        for number in 0..4 {
            queue.push(number);
        }
        assert_eq!(queue.pop_if(|number| *number > 1), Some(2));
        assert_eq!(queue.replace(|number| *number == 1, 10), None);
        assert_eq!(queue.replace(|number| *number == 1, 11), Some(11));
        assert_eq!(queue.iter().copied().collect::<Vec<_>>(), [0, 10, 3]);
    }
}
