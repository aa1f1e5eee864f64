//! Logs the events of pools: an unreadable directory, ignored files, removed sessions.

use std::path::Path;

use tracing::{info, warn};

use super::list;
use crate::config::SessionName;
use crate::keeper::OnShutdown;
use crate::log::{SessionNames, TARGET};
use crate::status::phrases::counted;
use crate::token::LISTED_MAX;

/// The maximum number of names that a line lists, to keep it readable.
const NAMES_MAX: usize = 5;

/// An event of a pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PoolEvent {
    /// The directory cannot be listed; no session counts as removed.
    Away {
        /// The reason, with the directory's name.
        why: String,
        /// The number of sessions that continue with their present tokens.
        sessions: usize,
    },
    /// The directory can be listed again.
    Back {
        /// The number of sessions that the pool had before.
        sessions: usize,
    },
    /// Files whose names are not valid session names; the names are safe to show.
    Strange(Vec<String>),
    /// Files whose names are already used by sessions outside the pool.
    Taken(Vec<String>),
    /// The directory holds more files than a pool may have.
    Full,
}

/// Logs an event of the pool with this name and directory.
pub(super) fn log(pool: &SessionName, directory: &Path, event: &PoolEvent) {
    let name = pool.as_str();
    let directory = directory.display();
    match event {
        PoolEvent::Away { why, sessions: 0 } => {
            info!(target: TARGET, event = "pool_away", pool = name, sessions = 0,
                "pool {name}: {why}; waiting for it");
        }
        PoolEvent::Away { why, sessions } => {
            warn!(target: TARGET, event = "pool_away", pool = name, sessions,
                "pool {name}: {why}; nothing counts as removed, {} until {directory} is back",
                go_on(*sessions));
        }
        PoolEvent::Back { sessions } => {
            info!(target: TARGET, event = "pool_back", pool = name, sessions,
                "pool {name}: {directory} is available");
        }
        PoolEvent::Strange(names) => {
            warn!(target: TARGET, event = "pool_ignores", pool = name, files = names.len(),
                "pool {name}: {} of {directory} ignored, since a session's name is 1 to 64 of a-z, 0-9, '.', '_' and '-' and starts with a letter or digit: {}",
                counted(names.len(), "file"), list(names, NAMES_MAX));
        }
        PoolEvent::Taken(names) => {
            warn!(target: TARGET, event = "pool_ignores", pool = name, files = names.len(),
                "pool {name}: {} of {directory} ignored, since another session has the same name: {}; rename one of them",
                counted(names.len(), "file"), list(names, NAMES_MAX));
        }
        PoolEvent::Full => {
            warn!(target: TARGET, event = "pool_full", pool = name,
                "pool {name}: {directory} has more than {LISTED_MAX} files, the limit of a pool: others are ignored, and none counts as removed");
        }
    }
}

/// Logs the removal of a session's file, which ends the session.
pub(super) fn file_gone(session: &SessionNames<'_>, on_shutdown: OnShutdown) {
    let name = session.name.as_str();
    let what_follows = match on_shutdown {
        OnShutdown::Revoke => "its token is revoked",
        OnShutdown::Leave => "its token is left to idle out",
    };
    info!(target: TARGET, event = "file_gone", session = name,
        "{name}: {} was removed: the session ends, {what_follows}", session.source);
}

fn go_on(sessions: usize) -> String {
    match sessions {
        1 => "its session continues with its token".to_owned(),
        _ => format!("its {sessions} sessions continue with their tokens"),
    }
}
