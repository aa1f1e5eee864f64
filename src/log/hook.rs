//! Logs the events of hooks, so that an operator learns of each run that failed or did not take
//! place.

use tracing::{debug, warn};

use super::TARGET;
use crate::status::phrases::counted;

/// An event of a hook.
#[derive(Clone, Copy, Debug)]
pub enum HookEvent<'a> {
    /// The program succeeded.
    Succeeded(HookRun<'a>),
    /// The program could not be run, failed or was ended.
    Failed {
        /// The run.
        run: HookRun<'a>,
        /// The failure, in words that follow the hook's name.
        how: &'a str,
        /// The program's output on standard error, bounded.
        stderr: &'a str,
    },
    /// The hook was removed from the configuration while events waited in its queue.
    Removed {
        /// The hook's name.
        hook: &'a str,
        /// The number of events that the hook was not run for.
        dropped: usize,
    },
    /// The daemon stopped while events waited in the queue.
    NotRun {
        /// The hook's name.
        hook: &'a str,
        /// The number of events that the hook was not run for.
        dropped: usize,
    },
}

/// One run of a hook.
#[derive(Clone, Copy, Debug)]
pub struct HookRun<'a> {
    /// The hook's name.
    pub hook: &'a str,
    /// The session that the hook was run for, if there is only one.
    pub session: Option<&'a str>,
    /// The number of sessions that the hook was run for.
    pub sessions: usize,
    /// The occasion of the run.
    pub occasion: &'a str,
}

impl HookRun<'_> {
    fn subject(&self) -> String {
        self.session
            .map_or_else(|| counted(self.sessions, "session"), str::to_owned)
    }
}

/// Logs an event of a hook.
pub fn log_hook_event(event: HookEvent<'_>) {
    match event {
        HookEvent::Succeeded(run) => {
            let HookRun {
                hook,
                session,
                sessions,
                occasion,
            } = run;
            debug!(target: TARGET, event = "hook_ran", hook, session, sessions, occasion,
                "hook {hook} ran for {} {occasion}", run.subject());
        }
        HookEvent::Failed { run, how, stderr } => {
            let HookRun {
                hook,
                session,
                sessions,
                occasion,
            } = run;
            let wrote = match stderr {
                "" => "it wrote nothing to standard error".to_owned(),
                stderr => format!("it wrote: {stderr}"),
            };
            warn!(target: TARGET, event = "hook_failed", hook, session, sessions, occasion,
                "hook {hook} for {} {occasion} {how}; {wrote}", run.subject());
        }
        HookEvent::Removed { hook, dropped } => {
            warn!(target: TARGET, event = "hook_removed", hook, dropped,
                "hook {hook} was removed from the configuration: {dropped} waiting events were not delivered to it; they are in this log");
        }
        HookEvent::NotRun { hook, dropped } => {
            warn!(target: TARGET, event = "hook_not_run", hook, dropped,
                "hook {hook}: the daemon stops before {dropped} more events could be delivered");
        }
    }
}
