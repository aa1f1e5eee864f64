//! Finds the directory entries that decide which file a path leads to.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

/// As many symbolic links as Linux follows in one path.
const LINKS_MAX: usize = 40;

/// A name in a directory on which it depends where a path leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Step {
    /// Absolute, and free of symbolic links when it was looked at.
    pub(super) directory: PathBuf,
    pub(super) name: OsString,
}

/// The steps of a path: every symbolic link on the way and the file itself, or
/// in its place the first name on the way that does not exist.
///
/// For `/run/secrets/x/token` in a Kubernetes volume these are `token` and
/// `..data` in `/run/secrets/x`, and `token` in the directory `..data` leads
/// to. Plain directories on the way are no steps: that one of them is renamed
/// goes unseen, unless it is the one that holds a step.
pub(super) fn route(path: &Path) -> Vec<Step> {
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
        steps.push(Step {
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

    /// The steps below the directory, as text.
    fn steps(root: &Path, path: &str) -> Vec<String> {
        let below = |step: Step| {
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
