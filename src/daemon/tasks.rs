//! Waits for the tasks of one of the loop's sets.

use std::future::pending;
use std::panic::resume_unwind;

use tokio::task::JoinSet;

/// What the next task brings, `None` if it was dropped; for ever if there is none. Cancel-safe.
///
/// # Panics
///
/// If the task did: a bug, which main reports.
pub(super) async fn next<T: 'static>(tasks: &mut JoinSet<T>) -> Option<T> {
    match tasks.join_next().await {
        None => pending().await,
        Some(Ok(brought)) => Some(brought),
        Some(Err(error)) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_dropped) => None,
        },
    }
}
