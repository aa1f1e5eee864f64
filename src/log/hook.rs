//! Logs the events of hooks, so that an operator learns of each run that failed or did not take
//! place.

use tracing::{debug, warn};

use super::TARGET;

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
    /// The hook's queue is full, so further events are dropped.
    Overflowed {
        /// The hook's name.
        hook: &'a str,
        /// The number of events in the queue.
        waiting: usize,
    },
    /// The queue has been worked off after events were dropped.
    CaughtUp {
        /// The hook's name.
        hook: &'a str,
        /// The number of dropped events.
        dropped: usize,
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
    /// The session that the hook was run for.
    pub session: &'a str,
    /// The occasion of the run.
    pub occasion: &'a str,
}

/// Logs an event of a hook.
pub fn log_hook_event(event: HookEvent<'_>) {
    match event {
        HookEvent::Succeeded(HookRun {
            hook,
            session,
            occasion,
        }) => debug!(target: TARGET, event = "hook_ran", hook, session, occasion,
            "hook {hook} ran for {session} {occasion}"),
        HookEvent::Failed {
            run:
                HookRun {
                    hook,
                    session,
                    occasion,
                },
            how,
            stderr,
        } => {
            let wrote = match stderr {
                "" => "it wrote nothing to standard error".to_owned(),
                stderr => format!("it wrote: {stderr}"),
            };
            warn!(target: TARGET, event = "hook_failed", hook, session, occasion,
                "hook {hook} for {session} {occasion} {how}; {wrote}");
        }
        HookEvent::Overflowed { hook, waiting } => {
            warn!(target: TARGET, event = "hook_overflowed", hook, waiting,
                "hook {hook}: {waiting} events wait for it already; it is not told of more until it has caught up");
        }
        HookEvent::CaughtUp { hook, dropped } => {
            warn!(target: TARGET, event = "hook_caught_up", hook, dropped,
                "hook {hook} has caught up: it was not told of {dropped} further events, which are in this log");
        }
        HookEvent::Removed { hook, dropped } => {
            warn!(target: TARGET, event = "hook_removed", hook, dropped,
                "hook {hook} was removed from the configuration: it was not told of {dropped} events that waited for it, which are in this log");
        }
        HookEvent::NotRun { hook, dropped } => {
            warn!(target: TARGET, event = "hook_not_run", hook, dropped,
                "hook {hook}: the daemon stops and has no time left to tell it of {dropped} more events");
        }
    }
}
