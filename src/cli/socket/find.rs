//! Finds the daemon's socket and verifies its owner.
//!
//! It must never return a socket that an untrusted user can have created.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::config::quoted;
use crate::http::{SOCKET_NAME, SocketPlaces};

/// The variable that sets `status.socket`.
const VARIABLE: &str = "SESSION_KEEPALIVE_STATUS__SOCKET";

/// The beginning of the names of the runtime directories of the service and its instances.
const UNIT: &str = "session-keepalive";

/// The reason for which no socket was found.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum NotFound {
    /// There is no socket.
    #[error("no daemon was found: there is no socket at {}", listed(.0))]
    Nowhere(Vec<PathBuf>),
    /// A directory that may hold the socket is hidden from this user.
    #[error("{} cannot be looked into: ask as root, or as a member of the daemon's group", .0.display())]
    Hidden(PathBuf),
    /// There are several sockets.
    #[error("there are several daemons: name one with --socket, {}", listed(.0))]
    Several(Vec<PathBuf>),
    /// The file's metadata cannot be read.
    #[error("{} cannot be looked at", .0.display())]
    NotSeen(PathBuf, #[source] io::Error),
    /// The file is not a socket.
    #[error("{} is not a socket", .0.display())]
    NoSocket(PathBuf),
    /// The socket belongs to an untrusted user.
    #[error("{} belongs to user {owner}, neither to root, nor to you, nor to the owner of its directory: it is not trusted", path.display())]
    Foreign { path: PathBuf, owner: u32 },
    /// Any user may have created the socket.
    #[error("{} belongs to user {owner} or is a link, and anybody can write to its directory: only a socket owned by root or you is trusted there", path.display())]
    Open { path: PathBuf, owner: u32 },
    /// The name is not that of an instance.
    #[error("{} is not the name of an instance", quoted(.0))]
    NotAnInstance(String),
}

/// Returns the path of the socket: the named one, that of the environment, or the only one there.
pub(super) fn find(named: Option<&Path>, instance: Option<&str>) -> Result<PathBuf, NotFound> {
    let named = match (named, instance) {
        (Some(path), _) => Some(path.to_owned()),
        (None, Some(instance)) => Some(of_instance(instance)?),
        (None, None) => from_environment(),
    };
    if let Some(path) = named {
        return verify(path);
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
        1 => verify(found.remove(0)),
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

/// Returns the possible paths of a socket: in the environment's directories, those of the service
/// and those of its instances.
fn candidates() -> Vec<PathBuf> {
    let places = SocketPlaces::of(|name| std::env::var_os(name));
    let mut directories = places.directories();
    if places.runtime.is_none() {
        directories.extend(instances());
    }
    directories
        .into_iter()
        .map(|directory| directory.join(SOCKET_NAME))
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

/// Returns the path if only a trusted user can have created the socket.
fn verify(path: PathBuf) -> Result<PathBuf, NotFound> {
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
        .filter(|directory| !directory.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let directory_metadata =
        fs::metadata(directory).map_err(|error| NotFound::NotSeen(directory.to_owned(), error))?;
    let owner = found.uid();
    let is_ours = owner == 0 || owner == geteuid().as_raw();
    if is_open(&directory_metadata) {
        // Volumes of Kubernetes are writable by all. A link in such a directory may lead to a
        // trusted user's socket that is not a daemon's.
        let is_link = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink());
        return if is_ours && !is_link {
            Ok(path)
        } else {
            Err(NotFound::Open { path, owner })
        };
    }
    if is_ours || owner == directory_metadata.uid() {
        Ok(path)
    } else {
        Err(NotFound::Foreign { path, owner })
    }
}

/// Returns true if a process of this user is trusted on the socket: root, this user, or the
/// directory's owner.
pub(super) fn is_trusted(socket: &Path, uid: u32) -> bool {
    let directory = socket
        .parent()
        .and_then(|directory| fs::metadata(directory).ok());
    uid == 0 || uid == geteuid().as_raw() || directory.is_some_and(|metadata| metadata.uid() == uid)
}

/// Returns true if every user can create files in the directory.
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
        assert_eq!(verify(path.clone()).unwrap(), path);
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
        assert!(matches!(verify(link), Err(NotFound::Open { .. })));
    }
}
