//! Lists the files of a directory that may hold tokens. It reads names, and never opens a file.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{DirEntry, FileType, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use crate::sys::files::NoAnswer;

/// The largest number of files of one directory that are listed. If there are more, the file
/// system decides which of them are listed.
pub const LISTED_MAX: usize = 1_000_000;

/// The number of times that a directory is listed, if it is replaced meanwhile.
const ATTEMPTS_MAX: usize = 3;

/// The ends of the names of temporary files.
const TEMPORARY: [&str; 3] = ["~", ".tmp", ".swp"];

/// The identity of a directory, independent of its path: another mount or a new directory at the
/// same path has another identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DirectoryId {
    device: u64,
    inode: u64,
    /// The time of creation, if the file system records it: a new directory can reuse the inode of
    /// a removed one.
    created: Option<Duration>,
}

/// The files of a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    /// The identity of the directory.
    pub directory: DirectoryId,
    /// The names, in no order. Bytes that are not UTF-8 are replaced by `�`.
    pub names: Vec<String>,
    /// True if the listing contains all files, or all that were looked for.
    pub is_whole: bool,
}

/// The reason for a failed listing.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    /// The directory does not exist, or not yet, or is not a directory.
    #[error("directory {0} does not exist")]
    Absent(PathBuf),
    /// The directory exists, but the daemon cannot read it.
    #[error("directory {directory} cannot be read")]
    NotReadable {
        /// The directory.
        directory: PathBuf,
        /// The error of the system.
        #[source]
        cause: io::Error,
    },
    /// The listing was abandoned.
    #[error("directory {directory} cannot be listed within {}s", time_limit.as_secs())]
    TooSlow {
        /// The directory.
        directory: PathBuf,
        /// The time limit of the listing.
        time_limit: Duration,
        /// The reason.
        #[source]
        cause: NoAnswer,
    },
}

impl ListingError {
    fn new(directory: &Path, cause: io::Error) -> Self {
        let directory = directory.to_owned();
        let absent = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
        if absent.contains(&cause.kind()) {
            Self::Absent(directory)
        } else {
            Self::NotReadable { directory, cause }
        }
    }
}

impl Listing {
    /// Lists the possible token files: neither directories nor hidden nor temporary files.
    ///
    /// # Errors
    ///
    /// [`ListingError`], also if only a part of the directory could be read.
    pub fn of(directory: &Path) -> Result<Self, ListingError> {
        list(directory, LISTED_MAX).map_err(|cause| ListingError::new(directory, cause))
    }

    /// Looks for these names only; the time does not depend on the size of the directory.
    ///
    /// # Errors
    ///
    /// [`ListingError`] if the directory cannot be found.
    pub fn of_names(directory: &Path, names: &BTreeSet<String>) -> Result<Self, ListingError> {
        let metadata = directory.metadata();
        let metadata = metadata.map_err(|cause| ListingError::new(directory, cause))?;
        let is_there = |name: &&String| {
            let path = || directory.join(name);
            let is_file = |found: Metadata| !is_directory(found.file_type(), path);
            !is_ignored(OsStr::new(name)) && path().symlink_metadata().is_ok_and(is_file)
        };
        Ok(Self {
            directory: DirectoryId::from(&metadata),
            names: names.iter().filter(is_there).cloned().collect(),
            is_whole: true,
        })
    }
}

impl From<&Metadata> for DirectoryId {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            created: metadata
                .created()
                .ok()
                .and_then(|created| created.duration_since(UNIX_EPOCH).ok()),
        }
    }
}

fn list(directory: &Path, files_max: usize) -> io::Result<Listing> {
    let mut listing = list_once(directory, files_max)?;
    for _ in 1..ATTEMPTS_MAX {
        if listing.directory == DirectoryId::from(&directory.metadata()?) {
            break;
        }
        listing = list_once(directory, files_max)?;
    }
    Ok(listing)
}

fn list_once(directory: &Path, files_max: usize) -> io::Result<Listing> {
    let id = DirectoryId::from(&directory.metadata()?);
    let mut names = Vec::new();
    let mut is_whole = true;
    for entry in directory.read_dir()? {
        let entry = entry?;
        let name = entry.file_name();
        if is_ignored(&name) || is_listed_directory(&entry) {
            continue;
        }
        if names.len() >= files_max {
            is_whole = false;
            break;
        }
        names.push(name.to_string_lossy().into_owned());
    }
    Ok(Listing {
        directory: id,
        names,
        is_whole,
    })
}

/// Returns true for a name that editors, writers or Kubernetes use beside the token files.
fn is_ignored(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".") || TEMPORARY.iter().any(|end| name.ends_with(end.as_bytes()))
}

/// Returns true for a directory or a link to one, and false for an entry that was removed.
fn is_listed_directory(entry: &DirEntry) -> bool {
    let kind = entry.file_type();
    kind.is_ok_and(|kind| is_directory(kind, || entry.path()))
}

fn is_directory(kind: FileType, path: impl Fn() -> PathBuf) -> bool {
    let links_to_directory = || path().metadata().is_ok_and(|found| found.is_dir());
    kind.is_dir() || kind.is_symlink() && links_to_directory()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(listing: io::Result<Listing>) -> Vec<String> {
        let mut names = listing.unwrap().names;
        names.sort();
        names
    }

    #[test]
    fn a_directory_that_is_made_anew_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        let create = || {
            std::fs::create_dir(&path).unwrap();
            DirectoryId::from(&path.metadata().unwrap())
        };
        let first = create();
        std::fs::remove_dir(&path).unwrap();
        assert_ne!(create(), first);
    }

    #[test]
    fn what_is_put_beside_the_files_is_passed_over() {
        for name in [
            ".hidden",
            "..data",
            "..2026_11_24",
            ".alice.swp",
            "alice~",
            "alice.tmp",
            "alice.swp",
            ".",
        ] {
            assert!(is_ignored(OsStr::new(name)), "{name}");
        }
        for name in ["alice", "tmp", "alice.swp.x", "a.b-c_d", "Alice", "4913"] {
            assert!(!is_ignored(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn files_and_links_to_files_are_listed_and_directories_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for name in ["alice", "Bob", "carol.tmp", ".dave"] {
            std::fs::write(at(name), "abc").unwrap();
        }
        std::fs::write(
            at("x").with_file_name(OsString::from_vec(vec![b'e', 0xff])),
            "",
        )
        .unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        symlink("folder", at("linked-folder")).unwrap();
        symlink("alice", at("frank")).unwrap();
        symlink("nowhere", at("grace")).unwrap();
        let found = names(list(directory.path(), 10));
        assert_eq!(found, ["Bob", "alice", "e\u{fffd}", "frank", "grace"]);
        let looked_for = [
            "alice",
            "carol.tmp",
            ".dave",
            "linked-folder",
            "grace",
            "henry",
        ];
        let looked_for: BTreeSet<_> = looked_for.map(str::to_owned).into();
        let listing = Listing::of_names(directory.path(), &looked_for).unwrap();
        assert_eq!(listing.names, ["alice", "grace"]);
    }

    #[test]
    fn no_more_are_listed_than_the_limit() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            std::fs::write(directory.path().join(name), "abc").unwrap();
        }
        let listing = list(directory.path(), 2).unwrap();
        assert_eq!((listing.names.len(), listing.is_whole), (2, false));
        assert!(list(directory.path(), 3).unwrap().is_whole);
    }

    #[test]
    fn a_directory_that_is_not_there_is_told_from_one_that_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let absent = Listing::of(&directory.path().join("absent"));
        assert!(matches!(absent, Err(ListingError::Absent(_))));
        let file = directory.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(Listing::of(&file), Err(ListingError::Absent(_))));
        symlink("loop", directory.path().join("loop")).unwrap();
        let refused = Listing::of(&directory.path().join("loop"));
        assert!(matches!(refused, Err(ListingError::NotReadable { .. })));
    }

    #[test]
    fn another_directory_at_the_same_path_is_another_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        std::fs::create_dir(&path).unwrap();
        let first = Listing::of(&path).unwrap().directory;
        assert_eq!(Listing::of(&path).unwrap().directory, first);
        std::fs::rename(&path, folder.path().join("old")).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert_ne!(Listing::of(&path).unwrap().directory, first);
    }
}
