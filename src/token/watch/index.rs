//! Which file depends on which directory entries, and the other way round.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use inotify::WatchDescriptor;

use super::change::Entry;

/// The files and directories, and the entries they depend on.
#[derive(Default)]
pub(super) struct Index {
    paths: BTreeMap<Arc<Path>, BTreeSet<Entry>>,
    /// The same the other way round; an entry without a file is not kept.
    entries: BTreeMap<Entry, BTreeSet<Arc<Path>>>,
}

impl Index {
    /// All files.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Arc<Path>> {
        self.paths.keys()
    }

    /// The file of this path, if it is known.
    pub(super) fn path(&self, path: &Path) -> Option<&Arc<Path>> {
        self.paths.get_key_value(path).map(|(path, _)| path)
    }

    /// Whether some event can concern the file.
    pub(super) fn is_watched(&self, path: &Path) -> bool {
        self.paths
            .get(path)
            .is_some_and(|entries| !entries.is_empty())
    }

    /// The files that depend on the entry.
    pub(super) fn of_entry(&self, entry: &Entry) -> impl Iterator<Item = &Arc<Path>> {
        self.entries.get(entry).into_iter().flatten()
    }

    /// The directories in which a name of this one is listed.
    pub(super) fn of_listing(
        &self,
        directory: &WatchDescriptor,
    ) -> impl Iterator<Item = &Arc<Path>> {
        let itself = self.entries.get(&Entry::itself(directory.clone()));
        itself.into_iter().flatten()
    }

    /// The files that depend on any entry of the directory.
    pub(super) fn of_directory(
        &self,
        directory: &WatchDescriptor,
    ) -> impl Iterator<Item = &Arc<Path>> {
        let first = Entry::itself(directory.clone());
        self.entries
            .range(first.clone()..)
            .take_while(move |(entry, _)| entry.directory == first.directory)
            .flat_map(|(_, paths)| paths)
    }

    /// Replaces the entries the file depends on; says which directories nobody needs any more.
    #[must_use]
    pub(super) fn put(
        &mut self,
        path: &Arc<Path>,
        entries: BTreeSet<Entry>,
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

    /// Drops the file; says which directories nobody needs any more.
    #[must_use]
    pub(super) fn remove(&mut self, path: &Arc<Path>) -> BTreeSet<WatchDescriptor> {
        let unneeded = self.put(path, BTreeSet::new());
        self.paths.remove(path);
        unneeded
    }

    /// Keeps the files, but none is watched any more.
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
