//! What happens to a pool: its directory goes and comes, some of its files are no sessions.

use std::path::Path;

use tracing::{info, warn};

use super::count;
use crate::config::SessionName;
use crate::keeper::OnShutdown;
use crate::observe::{Named, TARGET};
use crate::token::LISTED_MAX;

/// So many names are shown of a list; more would make a line that nobody reads.
const NAMES_MAX: usize = 5;

/// Something that happened to a pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PoolNews {
    /// Its directory cannot be listed: nothing counts as removed.
    Away {
        /// Why, with the directory's name.
        why: String,
        /// How many sessions go on with the tokens that they have.
        sessions: usize,
    },
    /// Its directory can be listed again.
    Back {
        /// How many sessions it had before.
        sessions: usize,
    },
    /// Files whose names are no session's: fit to be shown.
    Strange(Vec<String>),
    /// Files whose names are those of sessions elsewhere.
    Taken(Vec<String>),
    /// There are more files than a pool may have.
    Full,
}

/// Logs what happened to a pool of this name and directory.
pub(super) fn news(pool: &SessionName, directory: &Path, news: &PoolNews) {
    let name = pool.as_str();
    let directory = directory.display();
    match news {
        PoolNews::Away { why, sessions: 0 } => {
            info!(target: TARGET, event = "pool_away", pool = name, sessions = 0,
                "pool {name}: {why}; waiting for it");
        }
        PoolNews::Away { why, sessions } => {
            warn!(target: TARGET, event = "pool_away", pool = name, sessions,
                "pool {name}: {why}; nothing counts as removed, {} until {directory} is back",
                go_on(*sessions));
        }
        PoolNews::Back { sessions } => {
            info!(target: TARGET, event = "pool_back", pool = name, sessions,
                "pool {name}: {directory} is there");
        }
        PoolNews::Strange(names) => {
            warn!(target: TARGET, event = "pool_ignores", pool = name, files = names.len(),
                "pool {name}: {} of {directory} ignored, since a session's name is 1 to 64 of a-z, 0-9, '.', '_' and '-' and starts with a letter or digit: {}",
                count(names.len(), "file"), list(names));
        }
        PoolNews::Taken(names) => {
            warn!(target: TARGET, event = "pool_ignores", pool = name, files = names.len(),
                "pool {name}: {} of {directory} ignored, since another session has the same name: {}; rename one of them",
                count(names.len(), "file"), list(names));
        }
        PoolNews::Full => {
            warn!(target: TARGET, event = "pool_full", pool = name,
                "pool {name}: {directory} holds more than {LISTED_MAX} files, the most of a pool: others are ignored, and none counts as removed");
        }
    }
}

/// Logs that a session's file has gone, and with it the session.
pub(super) fn file_gone(session: &Named<'_>, wanted: OnShutdown) {
    let name = session.name.as_str();
    let what_follows = match wanted {
        OnShutdown::Revoke => "its token is revoked",
        OnShutdown::Leave => "its token is left to idle out",
    };
    info!(target: TARGET, event = "file_gone", session = name,
        "{name}: {} was removed: the session ends, {what_follows}", session.source);
}

fn go_on(sessions: usize) -> String {
    match sessions {
        1 => "its session goes on with the token it has".to_owned(),
        _ => format!("its {sessions} sessions go on with the tokens they have"),
    }
}

fn list(names: &[String]) -> String {
    let shown = names.get(..NAMES_MAX).unwrap_or(names).join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        others => format!("{shown} and {others} more"),
    }
}
