//! The dependencies of files on directory entries, in both directions, and the events of inotify,
//! reduced to what determines the affected files.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::ops::Bound::{Excluded, Unbounded};
use std::path::Path;
use std::sync::Arc;

use inotify::{EventMask, EventOwned, WatchDescriptor};

use super::Watched;

/// The files and directories, and the entries that they depend on.
#[derive(Default)]
pub(super) struct Index {
    paths: BTreeMap<Arc<Path>, WatchedPath>,
    /// The reverse direction of [`Dependence::On`].
    entries: BTreeSet<(WatchedName, Arc<Path>)>,
}

/// A file or directory.
struct WatchedPath {
    watched: Watched,
    dependence: Dependence,
}

/// The entries that a path depends on.
enum Dependence {
    /// These entries, in their order; none before the first probe.
    On(Box<[WatchedName]>),
    /// The name of the path in the watched directory above it, as for most files of a pool: there
    /// are many of them, and they need no entries of their own.
    OnListed,
}

/// The consequences of a change of the index.
#[derive(Default, PartialEq, Eq, Debug)]
#[must_use]
pub(super) struct Unneeded {
    /// The directories that no file needs any more.
    pub(super) directories: BTreeSet<WatchDescriptor>,
    /// The files that depended on a directory whose path leads elsewhere: they are to be probed.
    pub(super) members: Vec<Arc<Path>>,
}

impl Index {
    /// Returns all files.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Arc<Path>> {
        self.paths.keys()
    }

    /// Returns the file of this path, if it is known.
    pub(super) fn path(&self, path: &Path) -> Option<&Arc<Path>> {
        self.paths.get_key_value(path).map(|(path, _)| path)
    }

    /// Returns the use of the path, if it is known.
    pub(super) fn watched(&self, path: &Path) -> Option<Watched> {
        self.paths.get(path).map(|known| known.watched)
    }

    /// Returns true if an event can concern the file.
    pub(super) fn is_watched(&self, path: &Path) -> bool {
        match self.paths.get(path).map(|known| &known.dependence) {
            Some(Dependence::On(entries)) => !entries.is_empty(),
            Some(Dependence::OnListed) => true,
            None => false,
        }
    }

    /// Returns the files that depend on the entry.
    pub(super) fn of_entry(&self, entry: &WatchedName) -> Vec<Arc<Path>> {
        let name = Path::new(&entry.name);
        let listed = self.of_listing(&entry.directory).into_iter();
        let members = listed.filter_map(|directory| {
            let (path, known) = self.paths.get_key_value(&*directory.join(name))?;
            matches!(known.dependence, Dependence::OnListed).then(|| path.clone())
        });
        members.chain(self.that_depend_on(entry).cloned()).collect()
    }

    /// Returns the listed directories that this watch belongs to.
    pub(super) fn of_listing(&self, directory: &WatchDescriptor) -> Vec<Arc<Path>> {
        let itself = WatchedName::itself(directory.clone());
        self.that_depend_on(&itself).cloned().collect()
    }

    /// Returns the files that depend on any entry of the directory.
    pub(super) fn of_directory(&self, directory: &WatchDescriptor) -> Vec<Arc<Path>> {
        let own = self.range(directory, OsString::new());
        let own = own.take_while(|(entry, _)| entry.directory == *directory);
        let listed = self.of_listing(directory);
        let members = listed.iter().flat_map(|listed| self.members(listed));
        own.map(|(_, path)| path).chain(members).cloned().collect()
    }

    /// Returns true if some file depends on an entry of the directory.
    pub(super) fn needs(&self, directory: &WatchDescriptor) -> bool {
        let first = self.range(directory, OsString::new()).next();
        first.is_some_and(|(entry, _)| entry.directory == *directory)
    }

    /// Adds a path that is not known, without entries.
    pub(super) fn add(&mut self, path: &Arc<Path>, watched: Watched) {
        let dependence = Dependence::On(Box::default());
        let known = WatchedPath {
            watched,
            dependence,
        };
        self.paths.insert(path.clone(), known);
    }

    /// Replaces the entries of a known path.
    pub(super) fn put(&mut self, path: &Arc<Path>, entries: BTreeSet<WatchedName>) -> Unneeded {
        let is_member = self.is_listed(path, &entries);
        let Some(known) = self.paths.get_mut(path) else {
            return Unneeded::default();
        };
        let watched = known.watched;
        let dependence = if is_member {
            Dependence::OnListed
        } else {
            for entry in &entries {
                self.entries.insert((entry.clone(), path.clone()));
            }
            Dependence::On(entries.into_iter().collect())
        };
        let former = std::mem::replace(&mut known.dependence, dependence);
        let mut unneeded = Unneeded::default();
        let Dependence::On(former) = former else {
            return unneeded;
        };
        for entry in former {
            let is_kept = match &self.paths[path].dependence {
                Dependence::On(entries) => entries.contains(&entry),
                Dependence::OnListed => false,
            };
            if !is_kept {
                if watched == Watched::Directory && entry.name.is_empty() {
                    unneeded.members.extend(self.members(path).cloned());
                }
                let key = (entry, path.clone());
                self.entries.remove(&key);
                unneeded.directories.insert(key.0.directory);
            }
        }
        unneeded
            .directories
            .retain(|directory| !self.needs(directory));
        unneeded
    }

    /// Removes the path.
    pub(super) fn remove(&mut self, path: &Arc<Path>) -> Unneeded {
        let unneeded = self.put(path, BTreeSet::new());
        self.paths.remove(path);
        unneeded
    }

    /// Removes all entries and keeps the files.
    pub(super) fn clear_entries(&mut self) {
        self.entries.clear();
        for known in self.paths.values_mut() {
            known.dependence = Dependence::On(Box::default());
        }
    }

    /// Returns true if the path depends on nothing but its name in the directory above it, which is
    /// watched and listed.
    fn is_listed(&self, path: &Path, entries: &BTreeSet<WatchedName>) -> bool {
        let (Some(entry), 1) = (entries.first(), entries.len()) else {
            return false;
        };
        path.file_name() == Some(&entry.name)
            && path.parent().is_some_and(|parent| {
                let directory = self.paths.get(parent);
                directory.is_some_and(|known| known.is_listing_of(&entry.directory))
            })
    }

    /// Returns the files that need no entries of their own since this directory is listed.
    fn members(&self, directory: &Path) -> impl Iterator<Item = &Arc<Path>> {
        let after = self
            .paths
            .range::<Path, _>((Excluded(directory), Unbounded));
        let within = after.take_while(move |(path, _)| path.starts_with(directory));
        let members = within.filter(move |(path, known)| {
            matches!(known.dependence, Dependence::OnListed) && path.parent() == Some(directory)
        });
        members.map(|(path, _)| path)
    }

    fn that_depend_on(&self, entry: &WatchedName) -> impl Iterator<Item = &Arc<Path>> {
        let range = self.range(&entry.directory, entry.name.clone());
        range
            .take_while(move |(known, _)| known == entry)
            .map(|(_, path)| path)
    }

    /// Returns the entries from this name of the directory on.
    fn range(
        &self,
        directory: &WatchDescriptor,
        name: OsString,
    ) -> impl Iterator<Item = &(WatchedName, Arc<Path>)> {
        let first = WatchedName {
            directory: directory.clone(),
            name,
        };
        self.entries.range((first, Arc::from(Path::new("")))..)
    }

    #[cfg(test)]
    pub(super) fn entries_of(&self, path: &Path) -> usize {
        let entries = self.entries.iter();
        entries.filter(|(_, of)| **of == *path).count()
    }

    #[cfg(test)]
    pub(super) fn watches(&self) -> BTreeSet<WatchDescriptor> {
        let entries = self.entries.iter();
        entries.map(|(entry, _)| entry.directory.clone()).collect()
    }
}

impl WatchedPath {
    /// Returns true if it is a listed directory with this watch.
    fn is_listing_of(&self, directory: &WatchDescriptor) -> bool {
        let Dependence::On(entries) = &self.dependence else {
            return false;
        };
        let is_itself =
            |entry: &WatchedName| entry.name.is_empty() && entry.directory == *directory;
        self.watched == Watched::Directory && entries.iter().any(is_itself)
    }
}

/// A change; [`Watch::handle_change`](super::Watch::handle_change) finds the affected files.
#[derive(Debug)]
pub struct FileChange(pub(super) ChangeKind);

#[derive(Debug)]
pub(super) enum ChangeKind {
    /// A change of a name in a directory.
    Of(WatchedName, NameChange),
    /// A change of the directory or the file itself: it was removed or moved, or its permissions or
    /// its content changed.
    OfDirectory(WatchDescriptor),
    /// Events were lost.
    Overflow,
    /// The event stream failed: no more events follow.
    Broken(io::Error),
}

/// The kind of a change of a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NameChange {
    /// The name was created or removed, or leads elsewhere.
    Name,
    /// The file of the name changed.
    Content,
}

/// A name in a watched directory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct WatchedName {
    pub(super) directory: WatchDescriptor,
    pub(super) name: OsString,
}

impl NameChange {
    fn of(mask: EventMask) -> Self {
        let names = EventMask::CREATE
            .union(EventMask::DELETE)
            .union(EventMask::MOVED_FROM)
            .union(EventMask::MOVED_TO);
        if mask.intersects(names) {
            Self::Name
        } else {
            Self::Content
        }
    }
}

impl WatchedName {
    /// Creates the name that stands for the directory, or the file, itself.
    pub(super) fn itself(directory: WatchDescriptor) -> Self {
        Self {
            directory,
            name: OsString::new(),
        }
    }
}

impl FileChange {
    /// Converts an item of the event stream; `None` is the end of the stream.
    pub(super) fn of(event: Option<io::Result<EventOwned>>) -> Self {
        Self(match event {
            Some(Ok(event)) if event.mask.contains(EventMask::Q_OVERFLOW) => ChangeKind::Overflow,
            Some(Ok(event)) => match event.name {
                Some(name) => {
                    let directory = event.wd;
                    ChangeKind::Of(WatchedName { directory, name }, NameChange::of(event.mask))
                }
                None => ChangeKind::OfDirectory(event.wd),
            },
            Some(Err(cause)) => ChangeKind::Broken(cause),
            None => ChangeKind::Broken(io::ErrorKind::UnexpectedEof.into()),
        })
    }
}
