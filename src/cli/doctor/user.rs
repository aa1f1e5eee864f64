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
use super::service::ServiceUser;
use crate::cli::socket::SocketOptions;
use crate::config::{Config, SessionConfig};
use crate::sys::harden;
use crate::token::Reader;

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

/// As root, becomes the user of the daemon; if no daemon answers, that of the unit, or the owner of
/// the tokens.
///
/// # Errors
///
/// If the tokens belong to several users, or the system refuses the change of user.
pub(super) async fn become_owner(
    socket: Option<&SocketOptions>,
    config: &Config,
    unit: Option<&str>,
    as_root: bool,
) -> Result<(Vec<Check>, Commands), Check> {
    if !geteuid().is_root() || as_root {
        return Ok((Vec::new(), Commands::Run));
    }
    let daemon = match socket {
        Some(socket) => socket.peer().await,
        None => None,
    };
    let service = match (daemon, unit) {
        (Some((uid, gid, pid)), _) => Some(ServiceUser::of_process(uid, gid, pid)),
        (None, Some(unit)) => ServiceUser::of_unit(unit).await,
        (None, None) => None,
    };
    if let Some(service) = service {
        return become_service(&service, daemon.is_some()).map(|checks| (checks, Commands::Run));
    }
    let Some((uid, gid)) = owner(config)? else {
        return Ok((Vec::new(), Commands::NotAsRoot));
    };
    switch_user(uid, gid, &[]).map_err(|error| not_switched(uid, error))?;
    let finding = format!("checks as user {uid}, who owns the tokens");
    Ok((vec![Check::ok(SUBJECT, NAME, finding)], Commands::Run))
}

/// Becomes the user of the service. One that runs as root follows the same links and runs the same
/// programs as root.
fn become_service(service: &ServiceUser, is_running: bool) -> Result<Vec<Check>, Check> {
    let credentials = service.use_credentials();
    let ServiceUser {
        uid, gid, groups, ..
    } = service;
    let whose = match (&service.unit, is_running) {
        (Some(unit), true) => format!("as whom {unit} runs"),
        (Some(unit), false) => format!("as whom {unit} would run"),
        (None, _) => "as whom the daemon runs".to_owned(),
    };
    let reading = credentials.map_or_else(String::new, |directory| {
        format!(", with the credentials in {}", directory.display())
    });
    if *uid == 0 {
        let is_known = service.unit.is_some();
        let finding = format!("checks as root, {whose}{reading}");
        return Ok(is_known
            .then(|| Check::ok(SUBJECT, NAME, finding))
            .into_iter()
            .collect());
    }
    switch_user(*uid, *gid, groups).map_err(|error| not_switched(*uid, error))?;
    let among = match groups.as_slice() {
        [] => String::new(),
        groups => {
            let groups: Vec<_> = groups.iter().map(u32::to_string).collect();
            format!(" in groups {}", groups.join(", "))
        }
    };
    let finding = format!("checks as user {uid}{among}, {whose}{reading}");
    Ok(vec![Check::ok(SUBJECT, NAME, finding)])
}

fn not_switched(uid: u32, error: nix::Error) -> Check {
    let finding = format!("cannot switch to user {uid}: {error}");
    Check::failure(SUBJECT, NAME, finding).advise("run doctor as the daemon's user")
}

fn switch_user(uid: u32, gid: u32, groups: &[u32]) -> Result<(), nix::Error> {
    let gid = Gid::from_raw(gid);
    let all = groups.iter().copied().map(Gid::from_raw).chain([gid]);
    setgroups(&all.collect::<Vec<_>>())?;
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
    let files = sessions.filter_map(|session| Reader::default().secret_file(&session.token));
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
        "the tokens belong to users {}, and no daemon answers that shows which user it runs as",
        users.join(", ")
    );
    Err(Check::failure(SUBJECT, NAME, finding).advise(
        "start the daemon, run doctor as its user, or read them and run token commands as root with --as-root",
    ))
}

/// Returns a warning that the program which prints the session's token or secret was not run; `None`
/// if there is none.
pub(super) fn not_run(name: &str, session: &SessionConfig) -> Option<Check> {
    session.token.program()?;
    let finding = format!(
        "{} was not run: this is root, and no daemon answers that shows which user it runs as",
        session.token
    );
    Some(Check::warning(name, "token", finding).advise(
        "start the daemon, run doctor as its user, or run token commands as root with --as-root",
    ))
}
