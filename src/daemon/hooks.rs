//! Runs the programs that are to be run when something happens to a session.
//!
//! # Invariants
//!
//! *A hook holds nothing up.* Its program is a task of its own set; each hook runs one at a
//! time, what happens meanwhile waits in a queue with a limit, and what finds no room is
//! counted and told once.
//!
//! *A hook ends.* It has a time limit, after which its process group is told to end and then
//! killed; when the daemon stops it has until the end of `shutdown.grace`.
//!
//! *A hook gets no token.* It is told what the log is told, and of our variables it sees
//! those in `program::inherited` alone, unless a session has its token in one of them.

mod episodes;
mod occurrence;
mod queue;
mod running;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use self::episodes::Episodes;
use self::occurrence::Occurrence;
use self::queue::{Pushed, Queue, WAITING_MAX};
use self::running::{End, Order, Report};
use super::{Daemon, tasks};
use crate::config::{Config, HookConfig, HookName, Occasion, SessionName};
use crate::keeper::{Event, Instant, SessionId, SessionView};
use crate::observe::words::{Chain, lasting};
use crate::observe::{HookNotice, tell_hook};
use crate::program;
use crate::token::Source;

/// What still runs when the daemon stops is told to end so long before it is killed.
const LAST_WARNING: Duration = Duration::from_millis(500);

/// All hooks.
#[derive(Default)]
pub(super) struct Hooks {
    episodes: Episodes,
    by_name: BTreeMap<HookName, Hook>,
    tasks: JoinSet<(HookName, Report)>,
    /// Those that run, whether they are configured any more or not.
    running: BTreeMap<HookName, Running>,
    inherited: Vec<(&'static str, OsString)>,
    ending: Ending,
}

struct Hook {
    config: HookConfig,
    queue: Queue<Arc<Occurrence>>,
}

struct Running {
    occurrence: Arc<Occurrence>,
    /// Ends it; gone if it was told to.
    stop: Option<oneshot::Sender<()>>,
}

/// How far the end has come.
#[derive(Clone, Copy, Default)]
enum Ending {
    /// The daemon does not stop.
    #[default]
    No,
    /// There is time left.
    Until { warn_at: Instant, kill_at: Instant },
    /// Who runs was told to end, and nothing is begun any more.
    Warned { kill_at: Instant },
    /// Nothing runs.
    Over,
}

impl Hooks {
    /// Takes in a configuration. Who runs is not disturbed; what waits is told to the hook that
    /// has the name by then, or to nobody.
    pub(super) fn handle_config(&mut self, config: &Config) {
        let mut known = std::mem::take(&mut self.by_name);
        for (name, hook) in &config.hooks {
            let queue = known.remove(name).map(|known| known.queue);
            let hook = Hook {
                config: hook.clone(),
                queue: queue.unwrap_or_default(),
            };
            self.by_name.insert(name.clone(), hook);
        }
        let holds_a_token = |name: &str| {
            let mut sessions = config.sessions.values();
            sessions.any(|it| matches!(&it.token, Source::Env(variable) if variable == name))
        };
        self.inherited = program::inherited(|name| std::env::var_os(name))
            .filter(|(name, _)| !holds_a_token(name))
            .collect();
    }

    /// Forgets a session.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.episodes.forget(session);
    }

    /// Takes in that the daemon stops, and how long that may take.
    pub(super) fn handle_stop(&mut self, grace: Duration, now: Instant) {
        self.ending = Ending::Until {
            warn_at: now + grace.saturating_sub(LAST_WARNING),
            kill_at: now + grace,
        };
    }

    /// Whether nothing runs and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty() && self.by_name.values().all(|hook| hook.queue.is_empty())
    }

    /// When [`Self::turn`] is to be called again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self.ending {
            Ending::No | Ending::Over => None,
            Ending::Until { warn_at, .. } => Some(warn_at),
            Ending::Warned { kill_at } => Some(kill_at),
        }
    }

    /// Begins what can begin, and ends what has to.
    pub(super) fn turn(&mut self, now: Instant) {
        match self.ending {
            Ending::Until { warn_at, kill_at } if now >= warn_at => {
                self.ending = Ending::Warned { kill_at };
                self.empty_queues();
                for running in self.running.values_mut() {
                    if let Some(stop) = running.stop.take() {
                        // It may have ended by itself.
                        let _ended = stop.send(());
                    }
                }
            }
            Ending::Warned { kill_at } if now >= kill_at => {
                self.ending = Ending::Over;
                // Who is dropped is killed.
                self.tasks = JoinSet::new();
                for (name, running) in std::mem::take(&mut self.running) {
                    tell_hook(HookNotice::Failed {
                        run: running.occurrence.run(&name),
                        how: "was killed: the daemon stops",
                        said: "",
                    });
                }
                self.empty_queues();
            }
            Ending::No | Ending::Until { .. } => self.begin(),
            Ending::Warned { .. } => {}
            Ending::Over => self.empty_queues(),
        }
    }

    fn begin(&mut self) {
        for (name, hook) in &mut self.by_name {
            if self.running.contains_key(name) {
                continue;
            }
            let Some(occurrence) = hook.queue.pop() else {
                continue;
            };
            let (stop, stopped) = oneshot::channel();
            let order = Order {
                words: hook.config.command.words().to_vec(),
                inherited: self.inherited.clone(),
                variables: occurrence.variables(name),
                input: occurrence.json(name),
                time_limit: hook.config.timeout,
            };
            let finished = name.clone();
            self.tasks
                .spawn(async move { (finished, running::run(order, stopped).await) });
            let running = Running {
                occurrence,
                stop: Some(stop),
            };
            self.running.insert(name.clone(), running);
            if let Some(dropped) = hook.queue.poll_dropped() {
                let hook = name.as_str();
                tell_hook(HookNotice::CaughtUp { hook, dropped });
            }
        }
    }

    /// The next run that has ended; for ever if nothing runs. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<(HookName, Report)> {
        tasks::next(&mut self.tasks).await
    }

    /// Takes in that a run has ended.
    pub(super) fn handle_end(&mut self, name: &HookName, report: &Report) {
        let Some(running) = self.running.remove(name) else {
            return;
        };
        let run = running.occurrence.run(name);
        let how = match &report.end {
            End::Succeeded => return tell_hook(HookNotice::Succeeded(run)),
            End::NotRun(program, error) => format!("could not run {program}: {}", Chain(error)),
            End::Failed(status) => format!("failed: {status}"),
            End::TimedOut(limit) => {
                format!("did not end within {} and was ended", lasting(*limit))
            }
            End::Stopped => "was ended: the daemon stops".to_owned(),
        };
        tell_hook(HookNotice::Failed {
            run,
            how: &how,
            said: &report.said,
        });
    }

    fn push(&mut self, occasion: Occasion, session: &SessionName, occurrence: &Arc<Occurrence>) {
        for (name, hook) in &mut self.by_name {
            if hook.config.is_for(occasion, session)
                && hook.queue.push(Arc::clone(occurrence)) == Pushed::FirstDropped
            {
                tell_hook(HookNotice::Overflowed {
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
            tell_hook(HookNotice::NotRun { hook, dropped });
        }
    }
}

impl Daemon {
    /// Tells the hooks that are for it of an event, after the log was told.
    pub(super) fn tell_hooks(&mut self, event: &Event, view: Option<&SessionView>, now: Instant) {
        let occasion = self.hooks.episodes.handle_event(event);
        let care = self.cares.by_id.get(&event.session);
        let (Some(occasion), Some(care)) = (occasion, care) else {
            return;
        };
        let mut hooks = self.hooks.by_name.values();
        if !hooks.any(|hook| hook.config.is_for(occasion, &care.name)) {
            return;
        }
        let named = care.named();
        let told = self.log.told(event, &named, view, now);
        let at = (self.clock)().wall_at(event.at);
        let occurrence = Occurrence::new(occasion, event, &named, view, told, at);
        self.hooks.push(occasion, &care.name, &Arc::new(occurrence));
    }
}
