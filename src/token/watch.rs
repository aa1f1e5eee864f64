//! Says when a token's file should be read again, or a directory of such files listed.
//!
//! It watches directories: a file that is replaced by a rename, or by the swap
//! of a Kubernetes volume, is another file. A file itself is only watched for
//! who writes without closing it, so that writing to other files of a directory
//! wakes nobody. It never waits and has no clock: the loop brings the events
//! and the time.
//!
//! *Invariant*: a path is followed anew before each look, so whatever happens
//! to the file after it was last looked at is an event still to come. Set the
//! paths first and read them after, and no change is missed. Excepted are file
//! systems without events (network mounts), writes through another hard link,
//! and the renaming of a plain directory further up; therefore the loop reads
//! the file at every touch as well.

mod change;
mod index;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt;
use inotify::{EventStream, Inotify, WatchDescriptor, WatchMask};

pub use self::change::Change;
use self::change::{Entry, Kind, News};
use self::index::Index;
use super::route::route;
use super::settle::{Finding, Look, Settle};
use super::{Identity, Read, SourceError};
use crate::keeper::Instant;

/// What is done with a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Watched {
    /// A file that is read.
    File,
    /// A file in a watched directory; who writes to it without closing it goes unnoticed, which
    /// saves one watch for each.
    Member,
    /// A directory that is listed.
    Directory,
}

/// What changes a file or where a path leads; opening, reading and writing are not among it.
const MASK: WatchMask = WatchMask::ATTRIB
    .union(WatchMask::CLOSE_WRITE)
    .union(WatchMask::CREATE)
    .union(WatchMask::DELETE)
    .union(WatchMask::DELETE_SELF)
    .union(WatchMask::MOVE)
    .union(WatchMask::MOVE_SELF)
    .union(WatchMask::ONLYDIR);

/// What is done to a file itself. Added to what is watched there already: it may be a directory.
const FILE_MASK: WatchMask = WatchMask::MODIFY.union(WatchMask::MASK_ADD);

/// How often a path is followed anew because it led elsewhere in the meantime.
const ATTEMPTS_MAX: usize = 8;

/// How many files are looked at before the loop gets to do something else.
const LOOKS_MAX: usize = 64;

/// Watches the files of tokens, and directories of such files.
#[derive(Default)]
pub struct Watch {
    /// `None` while inotify is not available.
    events: Option<EventStream<Vec<u8>>>,
    index: Index,
    /// What is done with each path.
    watched: BTreeMap<Arc<Path>, Watched>,
    settle: Settle,
    trouble: Option<WatchTrouble>,
    /// Nothing more is said until the paths are set again.
    troubled: bool,
}

/// Why some changes go unnoticed until the file is next read for another reason.
#[derive(Debug, thiserror::Error)]
pub enum WatchTrouble {
    /// No inotify instance is to be had.
    #[error(
        "token files are not watched, only read at each touch: inotify is not available (see fs.inotify.max_user_instances)"
    )]
    Unavailable(#[source] io::Error),
    /// There are too many watches on this machine.
    #[error(
        "directory {0} is not watched, its tokens are only read at each touch: fs.inotify.max_user_watches is reached"
    )]
    LimitReached(PathBuf),
    /// The system does not let us watch this directory.
    #[error("directory {directory} is not watched, its tokens are only read at each touch")]
    Refused {
        /// The directory.
        directory: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
}

impl Watch {
    /// Watches nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Watches these paths and no others; what is watched already is left alone.
    ///
    /// Where the last attempt failed, it is tried again.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its I/O driver enabled.
    pub fn set<'a>(&mut self, paths: impl IntoIterator<Item = (&'a Path, Watched)>) {
        self.troubled = false;
        if self.events.is_none() {
            match open() {
                Ok(events) => self.events = Some(events),
                Err(cause) => self.trouble(WatchTrouble::Unavailable(cause)),
            }
        }
        let wanted: BTreeMap<Arc<Path>, Watched> = paths
            .into_iter()
            .map(|(path, watched)| (Arc::from(path), watched))
            .collect();
        let unwanted: Vec<_> = self
            .watched
            .iter()
            .filter(|(path, watched)| wanted.get(*path) != Some(watched))
            .map(|(path, _)| path.clone())
            .collect();
        for path in unwanted {
            self.remove(&path);
        }
        for (path, watched) in wanted {
            self.add(&path, watched);
        }
    }

    /// Watches this path as well.
    pub fn add(&mut self, path: &Path, watched: Watched) {
        if !self.index.is_watched(path) {
            let path: Arc<Path> = match self.index.path(path) {
                Some(path) => path.clone(),
                None => path.into(),
            };
            self.watched.insert(path.clone(), watched);
            self.follow(&path);
        }
    }

    /// Watches this path no more.
    pub fn remove(&mut self, path: &Path) {
        if let Some((path, _)) = self.watched.remove_entry(path) {
            let unneeded = self.index.remove(&path);
            self.give_up(unneeded);
            self.settle.forget(&path);
        }
    }

    /// Waits for something to happen to the files; for ever if inotify is not available.
    ///
    /// Cancel-safe.
    pub async fn next(&mut self) -> Change {
        match &mut self.events {
            Some(events) => Change::of(events.next().await),
            None => std::future::pending().await,
        }
    }

    /// Something happened: the files concerned will be due for a look.
    pub fn handle_change(&mut self, change: Change, now: Instant) {
        let concerned: Vec<Arc<Path>> = match change.0 {
            Kind::Of(entry, News::Content) => self.index.of_entry(&entry).cloned().collect(),
            Kind::Of(entry, News::Name) => {
                let listings = self.index.of_listing(&entry.directory);
                listings
                    .chain(self.index.of_entry(&entry))
                    .cloned()
                    .collect()
            }
            Kind::OfDirectory(directory) => self.index.of_directory(&directory).cloned().collect(),
            Kind::Overflow => self.index.paths().cloned().collect(),
            Kind::Broken(cause) => {
                self.events = None;
                self.index.clear_entries();
                self.trouble(WatchTrouble::Unavailable(cause));
                self.index.paths().cloned().collect()
            }
        };
        for path in concerned {
            self.settle.handle_event(&path, now);
        }
    }

    /// A file that has changed, has come to rest and is to be read.
    ///
    /// Looks at a limited number of files; if more are due, so is [`Self::poll_timeout`].
    pub fn poll_settled(&mut self, now: Instant) -> Option<Arc<Path>> {
        for _ in 0..LOOKS_MAX {
            let path = self.settle.poll_look(now)?;
            self.follow(&path);
            match self.settle.handle_look(&path, Identity::of(&path), now) {
                Look::Wait => {}
                Look::Take => return Some(path),
            }
        }
        None
    }

    /// What came of reading a file, for whatever reason it was read: whether to
    /// believe it, or to wait since someone may still be writing.
    pub fn handle_read(
        &mut self,
        path: &Path,
        read: &Result<Read, SourceError>,
        now: Instant,
    ) -> Finding {
        match self.index.path(path) {
            Some(path) => self.settle.handle_read(path, read, now),
            None => Finding::Final,
        }
    }

    /// When [`Self::poll_settled`] has something to do next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.settle.poll_timeout()
    }

    /// Why some changes will go unnoticed: the first reason since the paths were set.
    pub fn poll_trouble(&mut self) -> Option<WatchTrouble> {
        self.trouble.take()
    }

    /// Watches the directories that decide where the path leads at this moment, and what is there.
    fn follow(&mut self, path: &Arc<Path>) {
        let watched = self.watched.get(path).copied();
        let end = match watched {
            Some(Watched::File) => Some(FILE_MASK),
            Some(Watched::Directory) => Some(MASK),
            Some(Watched::Member) | None => None,
        };
        let mut entries = BTreeSet::new();
        if let Some(mut watches) = self.events.as_ref().map(EventStream::watches) {
            let mut steps = route(path);
            for _ in 0..ATTEMPTS_MAX {
                for step in steps.iter().cloned() {
                    let name = step.name;
                    match watches.add(&step.directory, MASK) {
                        Ok(directory) => _ = entries.insert(Entry { directory, name }),
                        Err(cause) => self.not_watched(step.directory, cause),
                    }
                }
                match end.map(|mask| watches.add(path, mask)) {
                    Some(Ok(itself)) => _ = entries.insert(Entry::itself(itself)),
                    Some(Err(cause)) if watched == Some(Watched::Directory) => {
                        self.not_watched(path.to_path_buf(), cause);
                    }
                    // Who reads the file says why it cannot be.
                    Some(Err(_)) | None => {}
                }
                // What was created before its directory was watched made no event.
                let afterwards = route(path);
                if afterwards == steps {
                    break;
                }
                steps = afterwards;
            }
        }
        let unneeded = self.index.put(path, entries);
        self.give_up(unneeded);
    }

    fn give_up(&mut self, directories: BTreeSet<WatchDescriptor>) {
        if let Some(mut watches) = self.events.as_ref().map(EventStream::watches) {
            for directory in directories {
                // Fails if the directory has gone, and its watch with it.
                let _gone = watches.remove(directory);
            }
        }
    }

    fn not_watched(&mut self, directory: PathBuf, cause: io::Error) {
        let kind = cause.kind();
        if kind == io::ErrorKind::StorageFull {
            self.trouble(WatchTrouble::LimitReached(directory));
        } else if kind != io::ErrorKind::NotFound && kind != io::ErrorKind::NotADirectory {
            // Those two mean that it was replaced since it was found: the path leads elsewhere.
            self.trouble(WatchTrouble::Refused { directory, cause });
        }
    }

    fn trouble(&mut self, trouble: WatchTrouble) {
        if !self.troubled {
            self.troubled = true;
            self.trouble = Some(trouble);
        }
    }
}

fn open() -> io::Result<EventStream<Vec<u8>>> {
    Inotify::init()?.into_event_stream(vec![0; 4096])
}
