//! Lists the files of a directory that may hold tokens: names alone, nothing is opened.

use std::ffi::OsStr;
use std::fs::{DirEntry, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// The most files of one directory that are listed; which of more are is up to the file system.
pub const LISTED_MAX: usize = 100_000;

/// How often a directory is listed anew because it was replaced meanwhile.
const ATTEMPTS_MAX: usize = 3;

/// What the names of temporary files end in.
const TEMPORARY: [&str; 3] = ["~", ".tmp", ".swp"];

/// The directory itself, whatever its path: another mount or another directory is another place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DirectoryId {
    device: u64,
    inode: u64,
    /// Where the file system tells it: a directory that was removed leaves its inode to the next.
    created: Option<Duration>,
}

/// What was found in a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    /// Which directory it was.
    pub directory: DirectoryId,
    /// The names, in no order. Bytes that are no UTF-8 stand there as `�`.
    pub names: Vec<String>,
    /// Whether there are no others.
    pub is_whole: bool,
}

/// Why there is no listing.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    /// The directory does not exist, or not yet, or is no directory.
    #[error("directory {0} does not exist")]
    Absent(PathBuf),
    /// The directory is there, but not for us.
    #[error("directory {directory} cannot be read")]
    NotReadable {
        /// The directory.
        directory: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
}

impl Listing {
    /// Lists what may be a token's file: no directories, nothing hidden and nothing temporary.
    ///
    /// # Errors
    ///
    /// [`ListingError`]; a directory of which only a part could be read is one.
    pub fn of(directory: &Path) -> Result<Self, ListingError> {
        list(directory, LISTED_MAX).map_err(|cause| {
            let directory = directory.to_owned();
            let absent = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
            if absent.contains(&cause.kind()) {
                ListingError::Absent(directory)
            } else {
                ListingError::NotReadable { directory, cause }
            }
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
        if is_passed_over(&name) || is_directory(&entry) {
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

/// Whether a name is not meant for us: what editors, writers and Kubernetes put beside the files.
fn is_passed_over(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".") || TEMPORARY.iter().any(|end| name.ends_with(end.as_bytes()))
}

/// Whether it is a directory or a link to one. What has gone meanwhile is none.
fn is_directory(entry: &DirEntry) -> bool {
    entry.file_type().is_ok_and(|kind| {
        let leads_to_one = || entry.path().metadata().is_ok_and(|found| found.is_dir());
        kind.is_dir() || kind.is_symlink() && leads_to_one()
    })
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
        let made = || {
            std::fs::create_dir(&path).unwrap();
            DirectoryId::from(&path.metadata().unwrap())
        };
        let first = made();
        std::fs::remove_dir(&path).unwrap();
        assert_ne!(made(), first);
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
            assert!(is_passed_over(OsStr::new(name)), "{name}");
        }
        for name in ["alice", "tmp", "alice.swp.x", "a.b-c_d", "Alice", "4913"] {
            assert!(!is_passed_over(OsStr::new(name)), "{name}");
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
