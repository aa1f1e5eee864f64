//! Reads a small regular file without ever waiting for it, and tells one state of a file from another.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use zeroize::Zeroizing;

use super::TOKEN_LENGTH_MAX;

/// The most that is read of anything: a token, CRLF, and one byte that tells that there is more.
pub(super) const READ_MAX: usize = TOKEN_LENGTH_MAX + 3;

/// The state of a file at one moment: if two are equal, the file has not changed in between.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified_seconds: i64,
    modified_nanoseconds: i64,
}

/// A token that more people can get at than should; it is used all the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Warning {
    /// Everyone on this machine can read the file.
    ReadableByAll(PathBuf, u32),
    /// The file's group, or everyone, can put another token in its place.
    WritableByOthers(PathBuf, u32),
}

/// What was in a file.
pub(super) struct Contents {
    /// At most [`READ_MAX`] bytes.
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// Taken before the bytes were read: a later change shows as another identity.
    pub(super) identity: Identity,
    pub(super) warning: Option<Warning>,
}

/// Why there are no contents.
#[derive(Debug)]
pub(super) enum NoContents {
    NotAFile,
    Failed(io::Error),
}

/// Reads the start of the regular file that the path leads to; symbolic links are followed.
pub(super) fn read(path: &Path) -> Result<Contents, NoContents> {
    // Asked before it is opened: opening alone can block (a pipe), or do
    // something (a watchdog device). Asked again after, since it may have been
    // replaced; then the flags keep the open from blocking.
    regular(&std::fs::metadata(path)?)?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from)?);
    let metadata = file.metadata()?;
    regular(&metadata)?;
    // Room to spare, so that the buffer never moves and no copy stays behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(READ_MAX + 64));
    file.take(READ_MAX as u64).read_to_end(&mut bytes)?;
    Ok(Contents {
        bytes,
        identity: Identity::from(&metadata),
        warning: Warning::about(path, metadata.mode()),
    })
}

fn regular(metadata: &Metadata) -> Result<(), NoContents> {
    if metadata.is_file() {
        Ok(())
    } else {
        Err(NoContents::NotAFile)
    }
}

impl Identity {
    /// The present state of the file that the path leads to; `None` if it leads nowhere.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        std::fs::metadata(path)
            .ok()
            .map(|metadata| Self::from(&metadata))
    }

    #[cfg(test)]
    pub(super) fn of_size(size: u64) -> Self {
        Self {
            device: 0,
            inode: 0,
            size,
            modified_seconds: 0,
            modified_nanoseconds: 0,
        }
    }
}

impl From<&Metadata> for Identity {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified_seconds: metadata.mtime(),
            modified_nanoseconds: metadata.mtime_nsec(),
        }
    }
}

impl Warning {
    fn about(path: &Path, mode: u32) -> Option<Self> {
        let permissions = mode & 0o7777;
        if mode & 0o022 != 0 {
            Some(Self::WritableByOthers(path.to_owned(), permissions))
        } else if mode & 0o004 != 0 {
            Some(Self::ReadableByAll(path.to_owned(), permissions))
        } else {
            None
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReadableByAll(path, mode) => write!(
                formatter,
                "file {} has mode {mode:04o}: everyone on this machine can read the token",
                path.display()
            ),
            Self::WritableByOthers(path, mode) => write!(
                formatter,
                "file {} has mode {mode:04o}: others than its owner can replace the token",
                path.display()
            ),
        }
    }
}

impl From<io::Error> for NoContents {
    fn from(cause: io::Error) -> Self {
        Self::Failed(cause)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use rustix::fs::{CWD, FileType};
    use tempfile::TempDir;

    use super::*;

    fn file(content: &[u8]) -> (TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        (directory, path)
    }

    #[test]
    fn a_private_file_is_read_without_a_warning() {
        let (_keep, path) = file(b"abc\n");
        let contents = read(&path).ok().unwrap();
        assert_eq!(*contents.bytes, b"abc\n");
        assert_eq!(Some(contents.identity), Identity::of(&path));
        assert_eq!(contents.warning, None);
    }

    #[test]
    fn a_file_others_can_get_at_is_read_with_a_warning() {
        let (_keep, path) = file(b"abc");
        let warning = |mode| {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            read(&path).ok().unwrap().warning
        };
        assert_eq!(warning(0o640), None);
        let readable = Warning::ReadableByAll(path.clone(), 0o644);
        assert_eq!(warning(0o644), Some(readable.clone()));
        let writable = Some(Warning::WritableByOthers(path.clone(), 0o660));
        assert_eq!(warning(0o660), writable);
        let told = format!(
            "file {} has mode 0644: everyone on this machine can read the token",
            path.display()
        );
        assert_eq!(readable.to_string(), told);
    }

    #[test]
    fn what_is_no_regular_file_is_refused_without_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        let private = Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, private, 0).unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        // A socket cannot even be opened: it is known for what it is all the same.
        let socket = directory.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for path in [&*pipe, &*link, &*socket, directory.path()] {
            let refused = read(path).err();
            assert!(matches!(refused, Some(NoContents::NotAFile)), "{refused:?}");
        }
    }

    #[test]
    fn a_huge_file_is_not_read_to_its_end() {
        let (_keep, path) = file(b"");
        let huge = File::options().write(true).open(&path).unwrap();
        huge.set_len(10 << 30).unwrap();
        assert_eq!(read(&path).ok().unwrap().bytes.len(), READ_MAX);
    }

    #[test]
    fn every_change_makes_another_identity() {
        let (keep, path) = file(b"abc");
        let before = Identity::of(&path);
        std::fs::write(&path, b"abcd").unwrap();
        let longer = Identity::of(&path);
        assert_ne!(longer, before);
        let other = keep.path().join("other");
        std::fs::write(&other, b"wxyz").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_ne!(Identity::of(&path), longer);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(Identity::of(&path), None);
    }
}
