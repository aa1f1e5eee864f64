//! Watches token files, and directories of such files, and reports which to read or list again.
//!
//! A [`Watch`] never waits, opens no file and has no clock: the loop supplies the events and the
//! time, and runs each [`ProbeJob`] on a thread that may block.
//!
//! It watches directories, since a rename or the swap of a Kubernetes volume replaces the file. A
//! file itself is watched only for writes that do not close it, so that writing to other files of
//! a directory causes no event.
//!
//! *Invariant*: each probe resolves its path again, so a change of the file after its last probe
//! always causes an event. An added path is probed first; a caller that reads the paths which the
//! first probe finds changed misses no change. Exceptions are file systems without events (network
//! mounts), writes through another hard link, and the renaming of a plain directory further up;
//! therefore the loop also reads the file before every touch.

mod index;
mod probe;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt;
use inotify::{EventStream, Inotify, WatchDescriptor};

pub use self::index::FileChange;
use self::index::{ChangeKind, Index, NameChange, Unneeded};
pub use self::probe::{ProbeJob, ProbedPath};
use super::debounce::{DebounceStep, Debouncer, ReadState};
use super::{DirectoryId, FileState, Read, SourceError};
use crate::time::Instant;

/// The use of a watched path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Watched {
    /// A file that is read.
    File,
    /// A file in a watched directory. A write that does not close the file is not detected, which
    /// saves one watch for each file.
    Member,
    /// A directory that is listed.
    Directory,
}

/// The largest number of paths that are probed at the same time.
const PROBES_MAX: usize = 64;

/// A watch on the files of tokens, and on directories of such files.
#[derive(Default)]
pub struct Watch {
    /// `None` while inotify is not available.
    events: Option<EventStream<Vec<u8>>>,
    index: Index,
    debounce: Debouncer,
    /// The paths that are to be probed without an event.
    fresh: BTreeSet<Arc<Path>>,
    /// The paths that are being probed, with true for those that were fresh.
    probing: BTreeMap<Arc<Path>, bool>,
    /// The names that came or went in each directory that is to be listed; `None` if all may have
    /// changed.
    names: BTreeMap<Arc<Path>, Option<BTreeSet<OsString>>>,
    /// The directories of the pools, as their last probes found them.
    directories: BTreeMap<Arc<Path>, DirectoryId>,
    /// The watches that were removed while a probe may have relied on them.
    removed_watches: BTreeSet<WatchDescriptor>,
    trouble: Option<WatchTrouble>,
    /// True if a trouble was recorded. Further ones are dropped until the paths are set again.
    trouble_recorded: bool,
}

/// A path that was probed and is to be read, or listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settled {
    /// The path.
    pub path: Arc<Path>,
    /// The state of the file; `None` if there is no file or its state is unknown.
    pub identity: Option<FileState>,
    /// True if the probe was not caused by an event: the file has to be read only if its state
    /// differs from the one in which it was last read.
    pub is_fresh: bool,
    /// The names in the directory that came or went; `None` if all may have changed.
    pub names: Option<BTreeSet<OsString>>,
}

/// The reason for which some changes are not detected until the file is read for another reason.
#[derive(Debug, thiserror::Error)]
pub enum WatchTrouble {
    /// The system provides no inotify instance.
    #[error(
        "token files are not watched, only read at each touch: inotify is not available (see fs.inotify.max_user_instances)"
    )]
    Unavailable(#[source] io::Error),
    /// The limit of watches on this machine is reached.
    #[error(
        "directory {0} is not watched, its tokens are only read at each touch: fs.inotify.max_user_watches is reached"
    )]
    LimitReached(PathBuf),
    /// The system refuses a watch on this directory.
    #[error("directory {directory} is not watched, its tokens are only read at each touch")]
    Refused {
        /// The directory.
        directory: PathBuf,
        /// The error of the system.
        #[source]
        cause: io::Error,
    },
    /// The file system does not answer.
    #[error(
        "{0} is not watched, only looked at again from time to time: its file system does not answer"
    )]
    Unanswered(PathBuf),
}

impl Watch {
    /// Creates a watch without paths.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Watches these paths and no others; present watches stay unchanged.
    ///
    /// If inotify could not be opened before, it is opened again.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its I/O driver enabled.
    pub fn set<'a>(&mut self, paths: impl IntoIterator<Item = (&'a Path, Watched)>) {
        self.trouble_recorded = false;
        if self.events.is_none() {
            match open() {
                Ok(events) => self.events = Some(events),
                Err(cause) => self.trouble(WatchTrouble::Unavailable(cause)),
            }
        }
        let requested: BTreeMap<&Path, Watched> = paths.into_iter().collect();
        let obsolete: Vec<_> = self
            .index
            .paths()
            .filter(|path| requested.get(&***path) != self.index.watched(path).as_ref())
            .cloned()
            .collect();
        for path in obsolete {
            self.remove(&path);
        }
        for (path, watched) in requested {
            self.add(path, watched);
        }
    }

    /// Adds this path.
    pub fn add(&mut self, path: &Path, watched: Watched) {
        if !self.index.is_watched(path) {
            let path: Arc<Path> = match self.index.path(path) {
                Some(path) => path.clone(),
                None => path.into(),
            };
            // The index knows the path at once; its directories are watched by the first probe.
            self.index.add(&path, watched);
            self.fresh.insert(path);
        }
    }

    /// Schedules a probe of a path that may lead elsewhere without an event, as after a mount.
    pub fn refresh(&mut self, path: &Path) {
        if let Some(path) = self.index.path(path) {
            self.fresh.insert(path.clone());
        }
    }

    /// Handles the listing of a directory: the path is probed if it leads to another directory than
    /// the watched one.
    pub fn handle_listed(&mut self, path: &Path, directory: DirectoryId) {
        if self
            .directories
            .get(path)
            .is_some_and(|watched| *watched != directory)
        {
            self.refresh(path);
        }
    }

    /// Returns true if changes of the path cause events, as far as is known: the first probe may
    /// not have finished.
    #[must_use]
    pub fn has_events(&self, path: &Path) -> bool {
        let is_probed = !self.fresh.contains(path) && !self.probing.contains_key(path);
        self.events.is_some() && (self.index.is_watched(path) || !is_probed)
    }

    /// Stops watching this path.
    pub fn remove(&mut self, path: &Path) {
        if let Some(path) = self.index.path(path).cloned() {
            let unneeded = self.index.remove(&path);
            self.let_go(unneeded);
            self.debounce.forget(&path);
            self.fresh.remove(&path);
            self.directories.remove(&path);
            self.names.remove(&path);
        }
    }

    /// Waits for a change of the files; for ever if inotify is not available.
    ///
    /// Cancel-safe.
    pub async fn next(&mut self) -> FileChange {
        match &mut self.events {
            Some(events) => FileChange::of(events.next().await),
            None => std::future::pending().await,
        }
    }

    /// Handles a change: the files concerned become due for a probe.
    pub fn handle_change(&mut self, change: FileChange, now: Instant) {
        let affected: Vec<Arc<Path>> = match change.0 {
            ChangeKind::Of(entry, NameChange::Content) => self.index.of_entry(&entry),
            ChangeKind::Of(entry, NameChange::Name) => {
                for path in self.index.of_listing(&entry.directory) {
                    let names = self.names.entry(path.clone());
                    if let Some(names) = names.or_insert_with(|| Some(BTreeSet::new())) {
                        names.insert(entry.name.clone());
                    }
                    self.debounce.handle_event(&path, now);
                }
                self.index.of_entry(&entry)
            }
            ChangeKind::OfDirectory(directory) => self.index.of_directory(&directory),
            ChangeKind::Overflow => self.index.paths().cloned().collect(),
            ChangeKind::Broken(cause) => {
                self.events = None;
                self.index.clear_entries();
                self.trouble(WatchTrouble::Unavailable(cause));
                self.index.paths().cloned().collect()
            }
        };
        for path in affected {
            if self.index.watched(&path) == Some(Watched::Directory) {
                self.names.insert(path.clone(), None);
            }
            self.debounce.handle_event(&path, now);
        }
    }

    /// Returns the probe of a path that is due. Its result is passed to [`Self::handle_probed`].
    pub fn poll_probe(&mut self, now: Instant) -> Option<ProbeJob> {
        while self.probing.len() < PROBES_MAX {
            if let Some(path) = self.fresh.pop_first() {
                if self.probing.contains_key(&path) {
                    // The running probe may find an old state, so the path is probed once more.
                    self.debounce.handle_event(&path, now);
                    continue;
                }
                return self.probe(path, true);
            }
            let path = self.debounce.poll_probe(now)?;
            if self.probing.contains_key(&path) {
                self.debounce.postpone(&path, now);
                continue;
            }
            self.debounce.begin_probe(&path);
            return self.probe(path, false);
        }
        None
    }

    /// Handles the result of a probe; returns the path if it is to be read.
    pub fn handle_probed(&mut self, probed: ProbedPath, now: Instant) -> Option<Settled> {
        let path = probed.path;
        let is_fresh = self.probing.remove(&path)?;
        let is_lost = probed
            .entries
            .iter()
            .any(|entry| self.removed_watches.contains(&entry.directory));
        if self.probing.is_empty() {
            self.removed_watches.clear();
        }
        if self.index.path(&path).is_none() {
            let added = probed.entries.into_iter().map(|entry| entry.directory);
            let added = added.filter(|directory| !self.index.needs(directory));
            self.remove_watches(added.collect());
            return None;
        }
        for (directory, cause) in probed.failures {
            self.record_failure(directory, cause);
        }
        if is_lost {
            self.fresh.insert(path.clone());
        }
        let unneeded = self.index.put(&path, probed.entries);
        self.let_go(unneeded);
        if let Some(directory) = probed.directory {
            self.directories.insert(path.clone(), directory);
        }
        self.after_probe(path, probed.identity, is_fresh, now)
    }

    /// Handles a probe that was abandoned because the file system did not answer.
    pub fn handle_unanswered(&mut self, path: &Arc<Path>, now: Instant) -> Option<Settled> {
        let is_fresh = self.probing.remove(path)?;
        if self.probing.is_empty() {
            self.removed_watches.clear();
        }
        self.index.path(path)?;
        self.trouble(WatchTrouble::Unanswered(path.to_path_buf()));
        // The path is read nevertheless: the reading reports what is wrong with the file.
        self.after_probe(path.clone(), None, is_fresh, now)
    }

    fn after_probe(
        &mut self,
        path: Arc<Path>,
        identity: Option<FileState>,
        is_fresh: bool,
        now: Instant,
    ) -> Option<Settled> {
        let is_due =
            is_fresh || self.debounce.handle_probe(&path, identity, now) == DebounceStep::Take;
        is_due.then(|| Settled {
            names: self.names.remove(&path).flatten().filter(|_| !is_fresh),
            path,
            identity,
            is_fresh,
        })
    }

    fn probe(&mut self, path: Arc<Path>, is_fresh: bool) -> Option<ProbeJob> {
        let watched = self.index.watched(&path)?;
        self.probing.insert(path.clone(), is_fresh);
        let inotify = self.events.as_ref().map(EventStream::watches);
        Some(ProbeJob::new(path, watched, inotify))
    }

    /// Handles the result of reading a file, for whatever reason it was read. Returns
    /// [`ReadState::Unfinished`] if a writer may not have finished.
    pub fn handle_read(
        &mut self,
        path: &Path,
        read: &Result<Read, SourceError>,
        now: Instant,
    ) -> ReadState {
        match self.index.path(path) {
            Some(path) => self.debounce.handle_read(path, read, now),
            None => ReadState::Final,
        }
    }

    /// Returns the time of the next probe.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.probing.len() >= PROBES_MAX {
            // The end of a running probe makes room for the next one.
            None
        } else if self.fresh.is_empty() {
            self.debounce.poll_timeout()
        } else {
            Some(Instant::BOOT)
        }
    }

    /// Returns the first trouble since the paths were set, once.
    pub fn poll_trouble(&mut self) -> Option<WatchTrouble> {
        self.trouble.take()
    }

    fn let_go(&mut self, unneeded: Unneeded) {
        self.fresh.extend(unneeded.members);
        self.remove_watches(unneeded.directories);
    }

    fn remove_watches(&mut self, directories: BTreeSet<WatchDescriptor>) {
        if !self.probing.is_empty() {
            // For a directory that is already watched, the kernel returns the present watch to a
            // running probe, and that watch is about to be removed.
            self.removed_watches.extend(directories.iter().cloned());
        }
        if let Some(mut watches) = self.events.as_ref().map(EventStream::watches) {
            for directory in directories {
                // This fails if the directory was removed, since its watch was removed with it.
                let _gone = watches.remove(directory);
            }
        }
    }

    fn record_failure(&mut self, directory: PathBuf, cause: io::Error) {
        let kind = cause.kind();
        if kind == io::ErrorKind::StorageFull {
            self.trouble(WatchTrouble::LimitReached(directory));
        } else if kind != io::ErrorKind::NotFound && kind != io::ErrorKind::NotADirectory {
            // These two kinds mean that the directory was replaced meanwhile: an event follows.
            self.trouble(WatchTrouble::Refused { directory, cause });
        }
    }

    fn trouble(&mut self, trouble: WatchTrouble) {
        if !self.trouble_recorded {
            self.trouble_recorded = true;
            self.trouble = Some(trouble);
        }
    }
}

fn open() -> io::Result<EventStream<Vec<u8>>> {
    Inotify::init()?.into_event_stream(vec![0; 4096])
}
