//! Probes a path: resolves it and watches the directories on its way. This part may block.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use inotify::{WatchMask, Watches};

use super::Watched;
use super::index::WatchedName;
use crate::sys::files;
use crate::sys::files::NoAnswer;
use crate::token::{DirectoryId, FileState};

/// The events that can change a file or the target of a path: neither opening nor reading nor
/// writing is among them.
const MASK: WatchMask = WatchMask::ATTRIB
    .union(WatchMask::CLOSE_WRITE)
    .union(WatchMask::CREATE)
    .union(WatchMask::DELETE)
    .union(WatchMask::DELETE_SELF)
    .union(WatchMask::MOVE)
    .union(WatchMask::MOVE_SELF)
    .union(WatchMask::ONLYDIR);

/// The events of a file itself. They are added to the present watch, which may be one of a
/// directory.
const FILE_MASK: WatchMask = WatchMask::MODIFY.union(WatchMask::MASK_ADD);

/// The number of times that a path is resolved, if it leads elsewhere meanwhile.
const ATTEMPTS_MAX: usize = 8;

/// The number of symbolic links that Linux follows in one path.
const LINKS_MAX: usize = 40;

/// A job that resolves a path and watches the directories on its way.
#[derive(Debug)]
pub struct ProbeJob {
    path: Arc<Path>,
    watched: Watched,
    /// `None` while inotify is not available.
    inotify: Option<Watches>,
}

/// The result of a probe.
#[derive(Debug)]
pub struct ProbedPath {
    pub(super) path: Arc<Path>,
    /// The entries that the path depends on; all of them are watched.
    pub(super) entries: BTreeSet<WatchedName>,
    /// The state of the file after the entries were watched.
    pub(super) identity: Option<FileState>,
    /// The directory, if the job was for a directory and it exists.
    pub(super) directory: Option<DirectoryId>,
    /// The directories that could not be watched.
    pub(super) failures: Vec<(PathBuf, io::Error)>,
}

impl ProbeJob {
    pub(super) fn new(path: Arc<Path>, watched: Watched, inotify: Option<Watches>) -> Self {
        Self {
            path,
            watched,
            inotify,
        }
    }

    /// Returns the path that is probed.
    #[must_use]
    pub fn path(&self) -> &Arc<Path> {
        &self.path
    }

    /// Runs the job on another thread, for 5s at most.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`] if the job was abandoned.
    pub async fn run(self) -> Result<ProbedPath, NoAnswer> {
        let place = match self.watched {
            Watched::File | Watched::Member => self.path.to_path_buf(),
            Watched::Directory => self.path.join("*"),
        };
        files::run(&place, files::TOKEN_LIMIT, move || self.run_here()).await
    }

    /// Runs the job on this thread, which may block for an unlimited time.
    #[must_use]
    pub fn run_here(self) -> ProbedPath {
        let Self {
            path,
            watched,
            inotify,
        } = self;
        let mut failures = Vec::new();
        let mut entries = BTreeSet::new();
        if let Some(mut inotify) = inotify {
            follow(&path, watched, &mut inotify, &mut entries, &mut failures);
        }
        let metadata = path.metadata().ok();
        let directory = metadata.as_ref().filter(|_| watched == Watched::Directory);
        ProbedPath {
            entries,
            identity: metadata.as_ref().map(FileState::from),
            directory: directory.map(DirectoryId::from),
            failures,
            path,
        }
    }
}

/// Watches the directories that the target of the path depends on, and the target itself.
fn follow(
    path: &Path,
    watched: Watched,
    inotify: &mut Watches,
    entries: &mut BTreeSet<WatchedName>,
    failures: &mut Vec<(PathBuf, io::Error)>,
) {
    let end = match watched {
        Watched::File => Some(FILE_MASK),
        Watched::Directory => Some(MASK),
        Watched::Member => None,
    };
    let mut steps = route(path);
    for _ in 0..ATTEMPTS_MAX {
        for step in steps.iter().cloned() {
            let name = step.name;
            match inotify.add(&step.directory, MASK) {
                Ok(directory) => _ = entries.insert(WatchedName { directory, name }),
                Err(cause) => failures.push((step.directory, cause)),
            }
        }
        match end.map(|mask| inotify.add(path, mask)) {
            Some(Ok(itself)) => _ = entries.insert(WatchedName::itself(itself)),
            Some(Err(cause)) if watched == Watched::Directory => {
                failures.push((path.to_path_buf(), cause));
            }
            // The reading of the file reports why it is not accessible.
            Some(Err(_)) | None => {}
        }
        // An entry that was created before its directory was watched caused no event, so the path
        // is resolved again.
        let afterwards = route(path);
        if afterwards == steps {
            break;
        }
        steps = afterwards;
    }
}

/// A name in a directory on which the target of a path depends.
#[derive(Clone, PartialEq, Eq, Debug)]
struct PathStep {
    /// The directory: absolute, and free of symbolic links at the time of the lookup.
    directory: PathBuf,
    name: OsString,
}

/// Returns the steps of a path: every symbolic link on the way and the file itself, or in its
/// place the first name on the way that does not exist.
///
/// For `/run/secrets/x/token` in a Kubernetes volume these are `token` and `..data` in
/// `/run/secrets/x`, and `token` in the target of `..data`. Plain directories on the way are not
/// steps: renaming one of them is not detected, unless it contains a step.
fn route(path: &Path) -> Vec<PathStep> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut steps = Vec::new();
    let mut here = PathBuf::from("/");
    let mut ahead: VecDeque<OsString> = names(&absolute).collect();
    let mut links = 0;
    while let Some(name) = ahead.pop_front() {
        if name == ".." {
            here.pop();
            continue;
        }
        let next = here.join(&name);
        let kind = next.symlink_metadata().map(|found| found.file_type());
        if kind.as_ref().is_ok_and(std::fs::FileType::is_dir) && !ahead.is_empty() {
            here = next;
            continue;
        }
        steps.push(PathStep {
            directory: here.clone(),
            name,
        });
        let Ok(target) = next.read_link() else { break };
        links += 1;
        if links > LINKS_MAX {
            break;
        }
        if target.is_absolute() {
            here = PathBuf::from("/");
        }
        for name in names(&target).collect::<Vec<_>>().into_iter().rev() {
            ahead.push_front(name);
        }
    }
    steps
}

fn names(path: &Path) -> impl Iterator<Item = OsString> + '_ {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsStr::new("..").to_owned()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Returns the steps below the directory, as text.
    fn steps(root: &Path, path: &str) -> Vec<String> {
        let below = |step: PathStep| {
            let whole = step.directory.join(step.name);
            let below = whole.strip_prefix(root).unwrap_or(&whole);
            below.display().to_string()
        };
        route(&root.join(path)).into_iter().map(below).collect()
    }

    fn root() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        (directory, root)
    }

    #[test]
    fn a_plain_file_depends_on_its_name_alone() {
        let (_keep, root) = root();
        std::fs::create_dir(root.join("a")).unwrap();
        std::fs::write(root.join("a/token"), "x").unwrap();
        assert_eq!(steps(&root, "a/token"), ["a/token"]);
        assert_eq!(steps(&root, "a/../a/./token"), ["a/token"]);
    }

    #[test]
    fn what_does_not_exist_ends_the_route() {
        let (_keep, root) = root();
        assert_eq!(steps(&root, "a/b/token"), ["a"]);
        std::fs::write(root.join("a"), "no directory").unwrap();
        assert_eq!(steps(&root, "a/b/token"), ["a"]);
    }

    #[test]
    fn every_link_on_the_way_counts() {
        let (_keep, root) = root();
        std::fs::create_dir(root.join("..v1")).unwrap();
        std::fs::write(root.join("..v1/token"), "x").unwrap();
        symlink("..v1", root.join("..data")).unwrap();
        symlink("..data/token", root.join("token")).unwrap();
        assert_eq!(steps(&root, "token"), ["token", "..data", "..v1/token"]);
        symlink(&root, root.join("..v1/back")).unwrap();
        assert_eq!(
            steps(&root, "..v1/back/..v1/token"),
            ["..v1/back", "..v1/token"]
        );
    }

    #[test]
    fn links_in_a_circle_end() {
        let (_keep, root) = root();
        symlink("b", root.join("a")).unwrap();
        symlink("a", root.join("b")).unwrap();
        assert_eq!(steps(&root, "a/token").len(), LINKS_MAX + 1);
    }
}
