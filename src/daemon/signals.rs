//! Turns signals into commands. A second signal to stop ends the process at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use futures_util::{Stream, StreamExt};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag;
use signal_hook_tokio::Signals;

use super::DaemonCommand;
use crate::keeper::OnShutdown;

/// The exit status after a second signal to stop, when tokens may not have been revoked.
const SECOND_SIGNAL_STATUS: i32 = 1;

/// Returns the commands that signals give: SIGTERM and SIGINT stop, SIGQUIT stops and leaves every
/// token, SIGHUP reloads.
///
/// # Errors
///
/// If a handler cannot be registered.
pub fn commands() -> io::Result<impl Stream<Item = DaemonCommand> + Unpin> {
    let is_stopping = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT, SIGQUIT] {
        // The order matters: the first signal finds the flag unset and sets it, the second one
        // finds it set. This works even if the loop is stuck.
        flag::register_conditional_shutdown(
            signal,
            SECOND_SIGNAL_STATUS,
            Arc::clone(&is_stopping),
        )?;
        flag::register(signal, Arc::clone(&is_stopping))?;
    }
    let signals = Signals::new([SIGTERM, SIGINT, SIGQUIT, SIGHUP])?;
    Ok(signals.map(|signal| match signal {
        SIGHUP => DaemonCommand::Reload,
        SIGQUIT => DaemonCommand::Stop {
            on_shutdown: OnShutdown::Leave,
            why: "SIGQUIT",
        },
        SIGINT => DaemonCommand::Stop {
            on_shutdown: OnShutdown::Revoke,
            why: "SIGINT",
        },
        _ => DaemonCommand::Stop {
            on_shutdown: OnShutdown::Revoke,
            why: "SIGTERM",
        },
    }))
}
