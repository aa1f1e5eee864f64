//! The dependencies of files on directory entries, in both directions, and the events of inotify,
//! reduced to what determines the affected files.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

use inotify::{EventMask, EventOwned, WatchDescriptor};

/// The files and directories, and the entries that they depend on.
#[derive(Default)]
pub(super) struct Index {
    paths: BTreeMap<Arc<Path>, BTreeSet<WatchedName>>,
    /// The reverse direction; an entry without a file is removed.
    entries: BTreeMap<WatchedName, BTreeSet<Arc<Path>>>,
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

    /// Returns true if an event can concern the file.
    pub(super) fn is_watched(&self, path: &Path) -> bool {
        self.paths
            .get(path)
            .is_some_and(|entries| !entries.is_empty())
    }

    /// Returns the files that depend on the entry.
    pub(super) fn of_entry(&self, entry: &WatchedName) -> impl Iterator<Item = &Arc<Path>> {
        self.entries.get(entry).into_iter().flatten()
    }

    /// Returns the listed directories that this watch belongs to.
    pub(super) fn of_listing(
        &self,
        directory: &WatchDescriptor,
    ) -> impl Iterator<Item = &Arc<Path>> {
        let itself = self.entries.get(&WatchedName::itself(directory.clone()));
        itself.into_iter().flatten()
    }

    /// Returns the files that depend on any entry of the directory.
    pub(super) fn of_directory(
        &self,
        directory: &WatchDescriptor,
    ) -> impl Iterator<Item = &Arc<Path>> {
        let first = WatchedName::itself(directory.clone());
        self.entries
            .range(first.clone()..)
            .take_while(move |(entry, _)| entry.directory == first.directory)
            .flat_map(|(_, paths)| paths)
    }

    /// Replaces the entries of the file; returns the directories that no file needs any more.
    #[must_use]
    pub(super) fn put(
        &mut self,
        path: &Arc<Path>,
        entries: BTreeSet<WatchedName>,
    ) -> BTreeSet<WatchDescriptor> {
        for entry in &entries {
            let paths = self.entries.entry(entry.clone()).or_default();
            paths.insert(path.clone());
        }
        let former = self.paths.remove(path).unwrap_or_default();
        let mut directories = BTreeSet::new();
        for entry in former.difference(&entries) {
            directories.insert(entry.directory.clone());
            if let Some(paths) = self.entries.get_mut(entry) {
                paths.remove(path);
                if paths.is_empty() {
                    self.entries.remove(entry);
                }
            }
        }
        self.paths.insert(path.clone(), entries);
        directories.retain(|directory| self.of_directory(directory).next().is_none());
        directories
    }

    /// Removes the file; returns the directories that no file needs any more.
    #[must_use]
    pub(super) fn remove(&mut self, path: &Arc<Path>) -> BTreeSet<WatchDescriptor> {
        let unneeded = self.put(path, BTreeSet::new());
        self.paths.remove(path);
        unneeded
    }

    /// Removes all entries and keeps the files.
    pub(super) fn clear_entries(&mut self) {
        self.entries.clear();
        self.paths.values_mut().for_each(BTreeSet::clear);
    }

    #[cfg(test)]
    pub(super) fn watches(&self) -> BTreeSet<WatchDescriptor> {
        let entries = self.entries.keys();
        entries.map(|entry| entry.directory.clone()).collect()
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
