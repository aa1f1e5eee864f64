//! Binds the listeners for observers: a TCP address, or a Unix socket for its owner and group only.
//!
//! Creating the Unix socket must never remove any file but a socket on which no process listens.

use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use rustix::process::{geteuid, umask};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

/// The file name of the default socket.
pub const SOCKET_NAME: &str = "control.sock";

/// The daemon's folder in a shared runtime directory.
const FOLDER: &str = "session-keepalive";

/// The umask that gives a socket the mode 0660.
const SOCKET_UMASK: Mode = Mode::from_raw_mode(0o117);

/// The maximum number of connections that wait to be accepted, large enough that probes are not
/// refused while many clients connect.
const BACKLOG: u32 = 1024;

/// The possible directories of the default socket.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SocketPlaces {
    /// The value of `RUNTIME_DIRECTORY`, a directory that systemd creates for the daemon.
    pub runtime: Option<PathBuf>,
    /// The value of `XDG_RUNTIME_DIR`, the directory of a user's login session.
    pub user: Option<PathBuf>,
}

/// The reason for a listener that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The daemon cannot listen on the address.
    #[error("status.listen: nothing can listen on {address}")]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// The daemon itself already listens on the port, at another address.
    #[error("status.listen: this daemon listens on port {} itself: reload with listen = \"off\" first, then with {address}", address.port())]
    OwnPort {
        /// The address.
        address: SocketAddr,
    },
    /// The socket cannot be created.
    #[error("status.socket: no socket can be made at {}", path.display())]
    Unix {
        /// The path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The path holds something other than a socket that the daemon may replace.
    #[error("status.socket: {} is not a socket of this program and is not replaced", path.display())]
    Foreign {
        /// The path.
        path: PathBuf,
    },
    /// Another daemon answers on the socket.
    #[error("status.socket: another daemon answers on {}; each needs its own", path.display())]
    InUse {
        /// The path.
        path: PathBuf,
    },
    /// There is no directory for the socket.
    #[error(
        "there is no runtime directory: neither RUNTIME_DIRECTORY, nor /run/session-keepalive, nor XDG_RUNTIME_DIR"
    )]
    NoDirectory,
}

/// A bound listener.
pub struct Listener {
    kind: ListenerKind,
    place: String,
}

enum ListenerKind {
    Tcp(TcpListener, SocketAddr),
    Unix(
        UnixListener,
        #[expect(dead_code, reason = "removes the file when dropped")] SocketFile,
    ),
}

/// An accepted connection and its transport.
pub(crate) enum Accepted {
    /// A TCP connection and its local address.
    Tcp(TcpStream, SocketAddr),
    /// A connection over the Unix socket.
    Unix(UnixStream),
}

impl SocketPlaces {
    /// Reads the directories from the environment.
    pub fn of(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Self {
        let absolute = |name| {
            let path = PathBuf::from(variable(name)?);
            path.is_absolute().then_some(path)
        };
        // systemd separates several directories with colons.
        let runtime = variable("RUNTIME_DIRECTORY").and_then(|list| {
            let first = list.to_str()?.split(':').next()?.to_owned();
            first.starts_with('/').then(|| PathBuf::from(first))
        });
        Self {
            runtime,
            user: absolute("XDG_RUNTIME_DIR"),
        }
    }

    /// Returns the directories that may hold the socket, the most likely first.
    #[must_use]
    pub fn directories(&self) -> Vec<PathBuf> {
        if let Some(runtime) = &self.runtime {
            return vec![runtime.clone()];
        }
        let system = Path::new("/run").join(FOLDER);
        let user = self.user.as_ref().map(|user| user.join(FOLDER));
        std::iter::once(system).chain(user).collect()
    }
}

impl Listener {
    /// Listens on a TCP address.
    ///
    /// # Errors
    ///
    /// [`BindError::Tcp`] if the address cannot be bound.
    pub fn tcp(address: SocketAddr) -> Result<Self, BindError> {
        let bind = || {
            let socket = if address.is_ipv4() {
                TcpSocket::new_v4()
            } else {
                TcpSocket::new_v6()
            }?;
            // Connections of an earlier process in TIME_WAIT must not prevent binding.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            let listener = socket.listen(BACKLOG)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, bound) = bind().map_err(|source| BindError::Tcp { address, source })?;
        Ok(Self {
            kind: ListenerKind::Tcp(listener, bound),
            place: bound.to_string(),
        })
    }

    /// Creates a socket at this path, in place of one that an earlier process left behind.
    ///
    /// # Errors
    ///
    /// If the path holds something other than a socket of the daemon's user (or of any user, if the
    /// daemon runs as root), if another daemon answers on it, or if the socket cannot be created.
    pub fn unix(path: &Path) -> Result<Self, BindError> {
        clear(path)?;
        let fail = |source| BindError::Unix {
            path: path.to_owned(),
            source,
        };
        // The umask sets the mode at creation, so that other users cannot open the socket before a
        // later chmod.
        let before = umask(SOCKET_UMASK);
        let bound = StdUnixListener::bind(path);
        umask(before);
        let listener = bound.map_err(fail)?;
        let file = SocketFile::of(path).map_err(fail)?;
        listener.set_nonblocking(true).map_err(fail)?;
        let listener = UnixListener::from_std(listener).map_err(fail)?;
        Ok(Self {
            kind: ListenerKind::Unix(listener, file),
            place: path.display().to_string(),
        })
    }

    /// Creates the socket in the first possible directory.
    ///
    /// # Errors
    ///
    /// The error of the most likely directory that exists, or [`BindError::NoDirectory`].
    pub fn in_runtime_directory(places: &SocketPlaces) -> Result<Self, BindError> {
        let mut trouble = None;
        for directory in places.directories() {
            // The folder in a user's runtime directory may not exist yet. systemd and packages
            // create the others, for which this fails without harm.
            let made = fs::DirBuilder::new().mode(0o750).create(&directory);
            if made.is_err() && !directory.is_dir() {
                continue;
            }
            match Self::unix(&directory.join(SOCKET_NAME)) {
                Ok(listener) => return Ok(listener),
                Err(error) => trouble = trouble.or(Some(error)),
            }
        }
        Err(trouble.unwrap_or(BindError::NoDirectory))
    }

    /// Returns the address or path, for people.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Returns true for a TCP listener.
    #[must_use]
    pub fn is_tcp(&self) -> bool {
        matches!(self.kind, ListenerKind::Tcp(..))
    }

    /// Waits for a connection. Cancel-safe.
    pub(crate) async fn accept(&self) -> io::Result<Accepted> {
        match &self.kind {
            ListenerKind::Tcp(listener, address) => {
                let (stream, _) = listener.accept().await?;
                // A listener on all addresses also accepts on loopback, where other rules apply, so
                // the address must be that of the connection.
                let address = stream.local_addr().unwrap_or(*address);
                Ok(Accepted::Tcp(stream, address))
            }
            ListenerKind::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok(Accepted::Unix(stream))
            }
        }
    }
}

/// Removes a socket that an earlier process left behind.
///
/// The socket must belong to the same user, unless the daemon runs as root.
fn clear(path: &Path) -> Result<(), BindError> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    let path = path.to_owned();
    let is_ours = found.uid() == geteuid().as_raw() || geteuid().is_root();
    if !found.file_type().is_socket() || !is_ours {
        return Err(BindError::Foreign { path });
    }
    match probe(&path) {
        // A full queue also means that another daemon listens.
        Ok(()) | Err(Errno::AGAIN) => Err(BindError::InUse { path }),
        Err(Errno::CONNREFUSED) => {
            fs::remove_file(&path).map_err(|source| BindError::Unix { path, source })
        }
        // The socket has been removed meanwhile.
        Err(Errno::NOENT) => Ok(()),
        // It is unknown if another daemon listens, so the socket must stay.
        Err(errno) => Err(BindError::Unix {
            path,
            source: errno.into(),
        }),
    }
}

/// Connects to a socket without blocking, to find out if a daemon listens.
fn probe(path: &Path) -> Result<(), Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)
}

/// The file of the socket, which is removed with the listener.
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            identity: identity(path)?,
        })
    }
}

impl Drop for SocketFile {
    /// Removes the file, unless another daemon has since put its own socket at the path.
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|present| present == self.identity) {
            let _gone = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}
