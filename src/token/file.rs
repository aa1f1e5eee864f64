//! Reads the file of a token, and distinguishes the states of a file.

use std::fmt;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::TOKEN_LENGTH_MAX;

/// The largest number of bytes that are read: a token, CRLF, and one byte that reveals that
/// there is more.
pub(super) const READ_MAX: usize = TOKEN_LENGTH_MAX + 3;

/// The state of a file at one moment. If two states are equal, the file has not changed in
/// between, unless it was rewritten within one tick of the file system's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileState {
    device: u64,
    inode: u64,
    size: u64,
    modified_seconds: i64,
    modified_nanoseconds: i64,
    // A program can set the time of the last modification back, but not this time.
    changed_seconds: i64,
    changed_nanoseconds: i64,
}

/// A defect of the file of a token or a client's secret; it is used nevertheless.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Warning {
    /// All users of this machine can read the file.
    ReadableByAll(PathBuf, u32),
    /// The file's group, or all users, can replace the secret.
    WritableByOthers(PathBuf, u32),
    /// The file was removed or replaced in its original place; the old one is still mounted here.
    Unlinked(PathBuf),
}

impl FileState {
    /// Returns the present state of the file at the path; `None` if there is none.
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
            changed_seconds: 0,
            changed_nanoseconds: 0,
        }
    }
}

impl From<&Metadata> for FileState {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified_seconds: metadata.mtime(),
            modified_nanoseconds: metadata.mtime_nsec(),
            changed_seconds: metadata.ctime(),
            changed_nanoseconds: metadata.ctime_nsec(),
        }
    }
}

impl Warning {
    pub(super) fn about(path: &Path, metadata: &Metadata) -> Option<Self> {
        let mode = metadata.mode();
        let permissions = mode & 0o7777;
        if metadata.nlink() == 0 {
            Some(Self::Unlinked(path.to_owned()))
        } else if mode & 0o022 != 0 {
            Some(Self::WritableByOthers(path.to_owned(), permissions))
        } else if mode & 0o004 != 0 {
            Some(Self::ReadableByAll(path.to_owned(), permissions))
        } else {
            None
        }
    }
}

impl Warning {
    /// Returns the remedy.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::ReadableByAll(..) | Self::WritableByOthers(..) => {
                "chmod 0600, or 0640 for the daemon's group"
            }
            Self::Unlinked(_) => "mount its folder instead of the file",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReadableByAll(path, mode) => write!(
                formatter,
                "file {} has mode {mode:04o}: everyone on this machine can read it",
                path.display()
            ),
            Self::WritableByOthers(path, mode) => write!(
                formatter,
                "file {} has mode {mode:04o}: others than its owner can replace it",
                path.display()
            ),
            Self::Unlinked(path) => write!(
                formatter,
                "file {} was removed or replaced where it is mounted from, and what is written there later cannot be seen",
                path.display()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;
    use crate::sys::files;

    fn file(content: &[u8]) -> (TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        (directory, path)
    }

    fn read(path: &Path) -> (Vec<u8>, Metadata) {
        let whole = files::read_start(path, None, READ_MAX).unwrap();
        (whole.bytes.to_vec(), whole.metadata)
    }

    #[test]
    fn a_private_file_is_read_without_a_warning() {
        let (_keep, path) = file(b"abc\n");
        let (bytes, metadata) = read(&path);
        assert_eq!(bytes, b"abc\n");
        assert_eq!(Some(FileState::from(&metadata)), FileState::of(&path));
        assert_eq!(Warning::about(&path, &metadata), None);
    }

    #[test]
    fn a_file_others_can_get_at_is_read_with_a_warning() {
        let (_keep, path) = file(b"abc");
        let warning = |mode| {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            Warning::about(&path, &read(&path).1)
        };
        assert_eq!(warning(0o640), None);
        let readable = Warning::ReadableByAll(path.clone(), 0o644);
        assert_eq!(warning(0o644), Some(readable.clone()));
        let writable = Some(Warning::WritableByOthers(path.clone(), 0o660));
        assert_eq!(warning(0o660), writable);
        let expected = format!(
            "file {} has mode 0644: everyone on this machine can read it",
            path.display()
        );
        assert_eq!(readable.to_string(), expected);
    }

    #[test]
    fn a_huge_file_is_not_read_to_its_end() {
        let (_keep, path) = file(b"");
        let huge = File::options().write(true).open(&path).unwrap();
        huge.set_len(10 << 30).unwrap();
        assert_eq!(read(&path).0.len(), READ_MAX);
    }

    #[test]
    fn a_file_rewritten_with_its_size_and_time_kept_is_another_state() {
        let (_keep, path) = file(b"abc");
        let before = FileState::of(&path);
        let modified = path.metadata().unwrap().modified().unwrap();
        // The file system's clock ticks every few milliseconds.
        while FileState::of(&path) == before {
            std::fs::write(&path, b"xyz").unwrap();
            let file = File::options().write(true).open(&path).unwrap();
            file.set_modified(modified).unwrap();
        }
        assert_eq!(path.metadata().unwrap().modified().unwrap(), modified);
    }

    #[test]
    fn a_file_that_is_only_held_by_a_mount_is_read_with_a_warning() {
        let (_keep, path) = file(b"abc");
        let held = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let warning = Warning::about(&path, &held.metadata().unwrap());
        assert_eq!(warning, Some(Warning::Unlinked(path)));
    }

    #[test]
    fn every_change_makes_another_identity() {
        let (keep, path) = file(b"abc");
        let before = FileState::of(&path);
        std::fs::write(&path, b"abcd").unwrap();
        let longer = FileState::of(&path);
        assert_ne!(longer, before);
        let replacement = keep.path().join("other");
        std::fs::write(&replacement, b"wxyz").unwrap();
        std::fs::rename(&replacement, &path).unwrap();
        assert_ne!(FileState::of(&path), longer);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(FileState::of(&path), None);
    }
}
