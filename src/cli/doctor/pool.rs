//! The pools: whether their directories can be listed, and the sessions that their files are.

use std::collections::BTreeMap;
use std::fs;

use super::check::Check;
use crate::config::{Config, SessionConfig, SessionName};
use crate::daemon;
use crate::token::Source;

/// The configured sessions and those of the files that the pools have now.
pub(super) fn with_files(config: &Config) -> BTreeMap<SessionName, SessionConfig> {
    let mut sessions = daemon::sessions_now(config);
    // A pool without files counts as a session of its name.
    sessions.retain(|name, session| {
        let is_pool = config.pools.contains_key(name) && !config.sessions.contains_key(name);
        let is_there = match &session.token {
            Source::File(path) => path.exists(),
            Source::Env(_) | Source::Credential(_) | Source::Command(_) => true,
        };
        is_there || !is_pool
    });
    sessions
}

/// Whether each directory can be listed.
pub(super) fn examine(config: &Config) -> Vec<Check> {
    const NAME: &str = "directory";
    let pools = config.pools.iter();
    pools
        .map(|(name, pool)| {
            let directory = pool.token_dir();
            match fs::read_dir(directory) {
                Ok(_) => Check::ok(
                    name.as_str(),
                    NAME,
                    format!("{} can be listed", directory.display()),
                ),
                Err(error) => Check::failure(
                    name.as_str(),
                    NAME,
                    format!("{}: {error}", directory.display()),
                )
                .advise("the daemon waits for it: look whether it is mounted, or mend token_dir"),
            }
        })
        .collect()
}
