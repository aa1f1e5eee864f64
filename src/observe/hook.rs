//! What becomes of hooks, for people: who runs one has to know that it did not.

use tracing::{debug, warn};

use super::TARGET;

/// Something that happened to a hook.
#[derive(Clone, Copy, Debug)]
pub enum HookNotice<'a> {
    /// Its program ended well.
    Succeeded(Run<'a>),
    /// Its program did not do what it was to do.
    Failed {
        /// The run.
        run: Run<'a>,
        /// What happened, in words that follow the hook's name.
        how: &'a str,
        /// What it wrote to standard error, bounded.
        said: &'a str,
    },
    /// More happens than it can be told.
    Overflowed {
        /// Its name.
        hook: &'a str,
        /// How much waits.
        waiting: usize,
    },
    /// What was not told to it, after all that waited was.
    CaughtUp {
        /// Its name.
        hook: &'a str,
        /// How much was not told.
        dropped: usize,
    },
    /// What will never be told to it, because the daemon stops.
    NotRun {
        /// Its name.
        hook: &'a str,
        /// How much.
        dropped: usize,
    },
}

/// One run of a hook.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// The hook's name.
    pub hook: &'a str,
    /// The session that it was run for.
    pub session: &'a str,
    /// What it was run for.
    pub occasion: &'a str,
}

/// Logs what happened to a hook.
pub fn tell_hook(notice: HookNotice<'_>) {
    match notice {
        HookNotice::Succeeded(Run {
            hook,
            session,
            occasion,
        }) => debug!(target: TARGET, event = "hook_ran", hook, session, occasion,
            "hook {hook} ran for {session} {occasion}"),
        HookNotice::Failed {
            run:
                Run {
                    hook,
                    session,
                    occasion,
                },
            how,
            said,
        } => {
            let wrote = match said {
                "" => "it wrote nothing to standard error".to_owned(),
                said => format!("it wrote: {said}"),
            };
            warn!(target: TARGET, event = "hook_failed", hook, session, occasion,
                "hook {hook} for {session} {occasion} {how}; {wrote}");
        }
        HookNotice::Overflowed { hook, waiting } => {
            warn!(target: TARGET, event = "hook_overflowed", hook, waiting,
                "hook {hook}: {waiting} events wait for it already; it is not told of more until it has caught up");
        }
        HookNotice::CaughtUp { hook, dropped } => {
            warn!(target: TARGET, event = "hook_caught_up", hook, dropped,
                "hook {hook} has caught up: it was not told of {dropped} further events, which are in this log");
        }
        HookNotice::NotRun { hook, dropped } => {
            warn!(target: TARGET, event = "hook_not_run", hook, dropped,
                "hook {hook}: the daemon stops and has no time left to tell it of {dropped} more events");
        }
    }
}
