//! Signals become orders; a second one that ends the daemon ends it at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use futures_util::{Stream, StreamExt};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag;
use signal_hook_tokio::Signals;

use super::Order;
use crate::keeper::OnShutdown;

/// The exit status when a second signal ends the daemon: what was to be revoked may not be.
const IMPATIENT: i32 = 1;

/// The orders that signals give: SIGTERM and SIGINT stop, SIGQUIT stops and leaves
/// every token, SIGHUP reloads.
///
/// # Errors
///
/// If a handler cannot be registered.
pub fn orders() -> io::Result<impl Stream<Item = Order> + Unpin> {
    let is_stopping = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT, SIGQUIT] {
        // In this order: the first signal finds the flag down and raises it. It
        // works even if the loop is stuck.
        flag::register_conditional_shutdown(signal, IMPATIENT, Arc::clone(&is_stopping))?;
        flag::register(signal, Arc::clone(&is_stopping))?;
    }
    let signals = Signals::new([SIGTERM, SIGINT, SIGQUIT, SIGHUP])?;
    Ok(signals.map(|signal| match signal {
        SIGHUP => Order::Reload,
        SIGQUIT => Order::Stop {
            wanted: OnShutdown::Leave,
            why: "SIGQUIT",
        },
        SIGINT => Order::Stop {
            wanted: OnShutdown::Revoke,
            why: "SIGINT",
        },
        _ => Order::Stop {
            wanted: OnShutdown::Revoke,
            why: "SIGTERM",
        },
    }))
}
