//! Which socket, and whether it can be believed.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::config::quoted;
use crate::observe::endpoints::{Places, SOCKET_NAME};

/// The variable that sets `status.socket`.
const VARIABLE: &str = "SESSION_KEEPALIVE_STATUS__SOCKET";

/// What the runtime directories of the systemd service and its instances begin with.
const UNIT: &str = "session-keepalive";

/// Why there is no socket to ask.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum NotFound {
    /// There is none.
    #[error("no daemon is to be found: there is no socket at {}", listed(.0))]
    Nowhere(Vec<PathBuf>),
    /// There may be one that this user cannot see.
    #[error("{} cannot be looked into: ask as root, or as a member of the daemon's group", .0.display())]
    Hidden(PathBuf),
    /// There are several.
    #[error("there are several daemons: name one with --socket, {}", listed(.0))]
    Several(Vec<PathBuf>),
    /// It cannot be looked at.
    #[error("{} cannot be looked at", .0.display())]
    NotSeen(PathBuf, #[source] io::Error),
    /// It is something else.
    #[error("{} is not a socket", .0.display())]
    NoSocket(PathBuf),
    /// Somebody else may have put it there.
    #[error("{} belongs to user {owner}, neither to root, nor to you, nor to the owner of its directory: it is not believed", path.display())]
    Foreign { path: PathBuf, owner: u32 },
    /// Anybody may have put it there.
    #[error("{} belongs to user {owner} or is a link, and anybody can write to its directory: only a socket of root's or yours is believed there", path.display())]
    Open { path: PathBuf, owner: u32 },
    /// The instance's name is none.
    #[error("{} is not the name of an instance", quoted(.0))]
    NotAnInstance(String),
}

/// The socket to ask.
pub(super) fn find(named: Option<&Path>, instance: Option<&str>) -> Result<PathBuf, NotFound> {
    let named = match (named, instance) {
        (Some(path), _) => Some(path.to_owned()),
        (None, Some(instance)) => Some(of_instance(instance)?),
        (None, None) => from_environment(),
    };
    if let Some(path) = named {
        return believe(path);
    }
    let candidates = candidates();
    let mut found = Vec::new();
    for path in &candidates {
        match fs::symlink_metadata(path) {
            Ok(_) => found.push(path.clone()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let directory = path.parent().unwrap_or(path);
                return Err(NotFound::Hidden(directory.to_owned()));
            }
            Err(_) => {}
        }
    }
    match found.len() {
        0 => Err(NotFound::Nowhere(candidates)),
        1 => believe(found.remove(0)),
        _ => Err(NotFound::Several(found)),
    }
}

fn from_environment() -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os(VARIABLE)?);
    path.is_absolute().then_some(path)
}

fn of_instance(instance: &str) -> Result<PathBuf, NotFound> {
    if instance.is_empty() || instance.contains('/') {
        return Err(NotFound::NotAnInstance(instance.to_owned()));
    }
    Ok(Path::new("/run")
        .join(format!("{UNIT}-{instance}"))
        .join(SOCKET_NAME))
}

/// Where a daemon's socket may be: what the environment names, the service's, its instances'.
fn candidates() -> Vec<PathBuf> {
    let places = Places::of(|name| std::env::var_os(name));
    let mut directories = places.directories();
    if places.runtime.is_none() {
        directories.extend(instances());
    }
    directories
        .into_iter()
        .map(|it| it.join(SOCKET_NAME))
        .collect()
}

fn instances() -> Vec<PathBuf> {
    let entries = fs::read_dir("/run").into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            let rest = name.and_then(|name| name.strip_prefix(UNIT));
            rest.is_some_and(|rest| rest.starts_with('-')) && path.join(SOCKET_NAME).exists()
        })
        .collect();
    found.sort();
    found
}

/// The path, if what is there can only be a daemon's.
fn believe(path: PathBuf) -> Result<PathBuf, NotFound> {
    let found = match fs::metadata(&path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(NotFound::Nowhere(vec![path]));
        }
        Err(error) => return Err(NotFound::NotSeen(path, error)),
    };
    if !found.file_type().is_socket() {
        return Err(NotFound::NoSocket(path));
    }
    let directory = path
        .parent()
        .filter(|it| !it.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let around =
        fs::metadata(directory).map_err(|error| NotFound::NotSeen(directory.to_owned(), error))?;
    let owner = found.uid();
    let is_ours = owner == 0 || owner == geteuid().as_raw();
    if is_open(&around) {
        // As a volume of Kubernetes is. A link may lead to a socket of ours that is no daemon's.
        let is_link = fs::symlink_metadata(&path).is_ok_and(|it| it.is_symlink());
        return if is_ours && !is_link {
            Ok(path)
        } else {
            Err(NotFound::Open { path, owner })
        };
    }
    if is_ours || owner == around.uid() {
        Ok(path)
    } else {
        Err(NotFound::Foreign { path, owner })
    }
}

/// Whether this user may answer on a socket there.
pub(super) fn is_trusted(socket: &Path, uid: u32) -> bool {
    let directory = socket.parent().and_then(|it| fs::metadata(it).ok());
    uid == 0 || uid == geteuid().as_raw() || directory.is_some_and(|it| it.uid() == uid)
}

/// Others may write there, and remove what is not theirs.
fn is_open(directory: &Metadata) -> bool {
    directory.mode() & 0o002 != 0
}

fn listed(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join(", ")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_socket_of_ours_is_believed_in_a_directory_that_is_open_to_all() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o2777)).unwrap();
        let path = folder.path().join(SOCKET_NAME);
        let _listener = UnixListener::bind(&path).unwrap();
        assert_eq!(believe(path.clone()).unwrap(), path);
    }

    #[test]
    fn a_link_is_not_believed_in_a_directory_that_is_open_to_all() {
        let closed = tempfile::tempdir().unwrap();
        let target = closed.path().join("agent.sock");
        let _listener = UnixListener::bind(&target).unwrap();
        let open = tempfile::tempdir().unwrap();
        fs::set_permissions(open.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let link = open.path().join(SOCKET_NAME);
        symlink(&target, &link).unwrap();
        assert!(matches!(believe(link), Err(NotFound::Open { .. })));
    }
}
