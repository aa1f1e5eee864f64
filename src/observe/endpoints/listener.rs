//! Where observers come in: a TCP address, or a Unix socket that only its owner and group can open.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::process::{geteuid, umask};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

/// The file that the socket of the default is.
pub const SOCKET_NAME: &str = "control.sock";

/// Our folder in a directory that others use as well.
const FOLDER: &str = "session-keepalive";

/// Owner and group may read and write, others nothing: mode 0660.
const OTHERS: Mode = Mode::from_raw_mode(0o117);

/// How many connections may wait to be accepted: a probe is to wait behind no crowd.
const BACKLOG: u32 = 1024;

/// Where the socket of the default may be.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Places {
    /// `RUNTIME_DIRECTORY`: what systemd made for us.
    pub runtime: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`: what the session of a user has.
    pub user: Option<PathBuf>,
}

/// Why nobody can be let in.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address cannot be listened on.
    #[error("status.listen: nothing can listen on {address}")]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The port is one of our own, which another address of it would share.
    #[error("status.listen: this daemon listens on port {} itself: reload with listen = \"off\" first, then with {address}", address.port())]
    OwnPort {
        /// The address.
        address: SocketAddr,
    },
    /// The socket cannot be made.
    #[error("status.socket: no socket can be made at {}", path.display())]
    Unix {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something else is there.
    #[error("status.socket: {} is not a socket of ours and stays", path.display())]
    Foreign {
        /// The path.
        path: PathBuf,
    },
    /// Another daemon answers there.
    #[error("status.socket: another daemon answers on {}; give each its own", path.display())]
    InUse {
        /// The path.
        path: PathBuf,
    },
    /// There is no directory to put it into.
    #[error(
        "there is no runtime directory: neither RUNTIME_DIRECTORY, nor /run/session-keepalive, nor XDG_RUNTIME_DIR"
    )]
    NoDirectory,
}

/// A bound listener.
pub struct Listener {
    kind: Kind,
    place: String,
}

enum Kind {
    Tcp(TcpListener, SocketAddr),
    Unix(
        UnixListener,
        #[expect(dead_code, reason = "removes the file when dropped")] SocketFile,
    ),
}

/// A connection, and through which door it came.
pub(super) enum Accepted {
    /// Over TCP, on this address of ours.
    Tcp(TcpStream, SocketAddr),
    /// Over the Unix socket.
    Unix(UnixStream),
}

impl Places {
    /// What the environment says.
    pub fn of(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Self {
        let absolute = |name| {
            let path = PathBuf::from(variable(name)?);
            path.is_absolute().then_some(path)
        };
        // systemd lists several with colons between them.
        let runtime = variable("RUNTIME_DIRECTORY").and_then(|list| {
            let first = list.to_str()?.split(':').next()?.to_owned();
            first.starts_with('/').then(|| PathBuf::from(first))
        });
        Self {
            runtime,
            user: absolute("XDG_RUNTIME_DIR"),
        }
    }

    /// The directories that may hold the socket, the likeliest first.
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
    /// [`BindError::Tcp`].
    pub fn tcp(address: SocketAddr) -> Result<Self, BindError> {
        let bound = || {
            let socket = if address.is_ipv4() {
                TcpSocket::new_v4()
            } else {
                TcpSocket::new_v6()
            }?;
            // The connections of an earlier process may linger.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            let listener = socket.listen(BACKLOG)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, bound) = bound().map_err(|source| BindError::Tcp { address, source })?;
        Ok(Self {
            kind: Kind::Tcp(listener, bound),
            place: bound.to_string(),
        })
    }

    /// Makes a socket at this path, in place of one that an earlier process left.
    ///
    /// # Errors
    ///
    /// If there is something that is no socket of ours, if another daemon answers there, or if
    /// none can be made.
    pub fn unix(path: &Path) -> Result<Self, BindError> {
        clear(path)?;
        let fail = |source| BindError::Unix {
            path: path.to_owned(),
            source,
        };
        // Made with its mode: there is no moment at which others could open it.
        let before = umask(OTHERS);
        let bound = StdUnixListener::bind(path);
        umask(before);
        let listener = bound.map_err(fail)?;
        let file = SocketFile::of(path).map_err(fail)?;
        listener.set_nonblocking(true).map_err(fail)?;
        let listener = UnixListener::from_std(listener).map_err(fail)?;
        Ok(Self {
            kind: Kind::Unix(listener, file),
            place: path.display().to_string(),
        })
    }

    /// Makes the socket in the first directory that takes it.
    ///
    /// # Errors
    ///
    /// Why the likeliest one does not, or [`BindError::NoDirectory`].
    pub fn in_runtime_directory(places: &Places) -> Result<Self, BindError> {
        let mut trouble = None;
        for directory in places.directories() {
            // Made for a user's session; systemd and packages make their own.
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

    /// Where it is, for people.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Whether it is a TCP listener.
    #[must_use]
    pub fn is_tcp(&self) -> bool {
        matches!(self.kind, Kind::Tcp(..))
    }

    /// Waits for a connection. Cancel-safe.
    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        match &self.kind {
            Kind::Tcp(listener, address) => {
                let (stream, _) = listener.accept().await?;
                // One that listens everywhere is asked on loopback as well.
                let address = stream.local_addr().unwrap_or(*address);
                Ok(Accepted::Tcp(stream, address))
            }
            Kind::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok(Accepted::Unix(stream))
            }
        }
    }
}

/// Removes a socket that an earlier process of ours left behind.
fn clear(path: &Path) -> Result<(), BindError> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    let path = path.to_owned();
    let is_ours = found.uid() == geteuid().as_raw() || geteuid().is_root();
    if !found.file_type().is_socket() || !is_ours {
        return Err(BindError::Foreign { path });
    }
    match StdUnixStream::connect(&path) {
        Ok(_) => Err(BindError::InUse { path }),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(&path).map_err(|source| BindError::Unix { path, source })
        }
        // Whose it is is not known.
        Err(source) => Err(BindError::Unix { path, source }),
    }
}

/// The socket's file, which goes with the listener.
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
    /// Another daemon may have put its own there.
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|there| there == self.identity) {
            let _gone = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}
