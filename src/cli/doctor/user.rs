//! Chooses the user as whom `doctor` reads tokens and runs token commands.
//!
//! As root it must never follow links or run programs that another user controls, unless the
//! operator allows it with `--as-root`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};
use rustix::process::geteuid;

use super::check::Check;
use crate::cli::socket::SocketOptions;
use crate::config::{Config, SessionConfig};
use crate::sys::harden;
use crate::token::{Reader, Source};

const SUBJECT: &str = "doctor";
const NAME: &str = "user";

/// The permission to run token commands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Commands {
    /// Token commands are run.
    Run,
    /// Token commands are not run: this is root, and the daemon's user is unknown.
    NotAsRoot,
}

/// The numbers of a user and a group.
type Ids = (u32, u32);

/// As root, becomes the user of the daemon, or the owner of the tokens if no daemon answers.
///
/// # Errors
///
/// If the tokens belong to several users, or the system refuses the change of user.
pub(super) async fn become_owner(
    socket: Option<&SocketOptions>,
    config: &Config,
    as_root: bool,
) -> Result<(Vec<Check>, Commands), Check> {
    if !geteuid().is_root() || as_root {
        return Ok((Vec::new(), Commands::Run));
    }
    let daemon = match socket {
        Some(socket) => socket.peer().await,
        None => None,
    };
    let (ids, whose) = match daemon {
        Some(ids) => (Some(ids), "as whom the daemon runs"),
        None => (owner(config)?, "to whom the tokens belong"),
    };
    match ids {
        // A daemon that runs as root follows the same links and runs the same programs as root.
        Some((0, _)) => Ok((Vec::new(), Commands::Run)),
        None => Ok((Vec::new(), Commands::NotAsRoot)),
        Some((uid, gid)) => {
            switch_user((uid, gid)).map_err(|error| {
                let finding = format!("cannot go on as user {uid}: {error}");
                Check::failure(SUBJECT, NAME, finding).advise("run doctor as the daemon's user")
            })?;
            let finding = format!("looks as user {uid}, {whose}");
            Ok((vec![Check::ok(SUBJECT, NAME, finding)], Commands::Run))
        }
    }
}

fn switch_user((uid, gid): Ids) -> Result<(), nix::Error> {
    let gid = Gid::from_raw(gid);
    setgroups(&[gid])?;
    setgid(gid)?;
    setuid(Uid::from_raw(uid))?;
    // The kernel resets the dumpable flag to `fs.suid_dumpable` when the user changes.
    let _refused = harden::harden();
    Ok(())
}

/// Returns the owner of all tokens, or `None` if there are no tokens or root owns them all.
///
/// # Errors
///
/// If the tokens belong to several users.
fn owner(config: &Config) -> Result<Option<Ids>, Check> {
    let owner = |path: &Path| {
        // The owner of a link counts, since another user may have chosen its target.
        let found = fs::symlink_metadata(path).ok()?;
        Some((found.uid(), found.gid()))
    };
    let sessions = config.sessions.values();
    let files = sessions.filter_map(|session| Reader::default().file(&session.token));
    let mut owners: BTreeMap<u32, u32> = files.filter_map(|path| owner(&path)).collect();
    for pool in config.pools.values() {
        let directory = pool.token_dir();
        owners.extend(owner(directory));
        let members = fs::read_dir(directory).into_iter().flatten().flatten();
        owners.extend(members.filter_map(|member| owner(&member.path())));
    }
    if owners.len() < 2 {
        return Ok(owners.into_iter().next().filter(|(uid, _)| *uid != 0));
    }
    let users: BTreeSet<_> = owners.keys().map(u32::to_string).collect();
    let users: Vec<_> = users.into_iter().take(5).collect();
    let finding = format!(
        "the tokens belong to users {}, and no daemon answers that says as whom it reads them",
        users.join(", ")
    );
    Err(Check::failure(SUBJECT, NAME, finding).advise(
        "start the daemon, run doctor as its user, or read them and run token commands as root with --as-root",
    ))
}

/// Returns a warning that the session's token command was not run; `None` for other sources.
pub(super) fn not_run(name: &str, session: &SessionConfig) -> Option<Check> {
    let Source::Command(_) = session.token else {
        return None;
    };
    let finding = format!(
        "{} was not run: this is root, and no daemon answers that says as whom it runs",
        session.token
    );
    Some(Check::warning(name, "token", finding).advise(
        "start the daemon, run doctor as its user, or run token commands as root with --as-root",
    ))
}
