//! When a session's token is read: at the start, when its file changed, and again while there is none that lives.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::care::{Care, Cares};
use super::tasks;
use crate::keeper::{Instant, SessionId};
use crate::token::{
    Change, Finding, Identity, Read, Reader, Source, SourceError, Watch, WatchTrouble, Watched,
};

/// A program that gave no living token is run again after this, and ever later.
const COMMAND_AGAIN: Duration = Duration::from_secs(2);
const COMMAND_AGAIN_MAX: Duration = Duration::from_secs(300);
/// A file of a session without a living token is looked at again this often:
/// some mounts tell nothing of changes.
const FILE_AGAIN: Duration = Duration::from_secs(60);

/// So many programs that print tokens run at a time; the time limit of others begins with their turn.
const COMMANDS_MAX: usize = 8;

/// What reading a source gave.
pub(super) struct Reading {
    pub(super) id: SessionId,
    /// The place as it was configured when the reading began.
    pub(super) source: Source,
    pub(super) result: Result<Read, SourceError>,
}

/// Where tokens come from.
#[derive(Default)]
pub(super) struct Sources {
    reader: Reader,
    watch: Watch,
    by_path: BTreeMap<PathBuf, BTreeSet<SessionId>>,
    /// Directories whose files are sessions.
    directories: BTreeSet<PathBuf>,
    /// Those of them that are to be listed.
    changed: Vec<Arc<Path>>,
    running: JoinSet<Reading>,
    room: Room,
    /// Sessions whose source is being read.
    read_now: BTreeSet<SessionId>,
    again: BTreeSet<(Instant, SessionId)>,
}

/// Room for the programs that print tokens.
struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(COMMANDS_MAX)))
    }
}

impl Sources {
    /// Watches the files of these sessions and these directories, and no others.
    pub(super) fn watch(&mut self, cares: &Cares, directories: BTreeSet<PathBuf>) {
        self.by_path.clear();
        self.directories = directories;
        for id in cares.by_name.values() {
            let care = cares.by_id.get(id);
            if let Some(path) = care.and_then(|care| self.reader.file(&care.config.token)) {
                self.by_path.entry(path).or_default().insert(*id);
            }
        }
        let files = self.by_path.keys();
        let files = files.map(|path| (path.as_path(), file_kind(&self.directories, path)));
        let directories = self.directories.iter();
        let directories = directories.map(|path| (path.as_path(), Watched::Directory));
        self.watch.set(files.chain(directories));
    }

    /// Watches the file of one more session.
    pub(super) fn watch_another(&mut self, id: SessionId, care: &Care) {
        if let Some(path) = self.reader.file(&care.config.token) {
            let kind = file_kind(&self.directories, &path);
            self.watch.add(&path, kind);
            self.by_path.entry(path).or_default().insert(id);
        }
    }

    /// Watches the file of a session no more, unless it is another's as well.
    pub(super) fn watch_no_more(&mut self, id: SessionId, care: &Care) {
        if let Some(path) = self.reader.file(&care.config.token)
            && let Some(ids) = self.by_path.get_mut(&path)
        {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_path.remove(&path);
                self.watch.remove(&path);
            }
        }
    }

    /// A directory that is to be listed, since names in it came or went.
    pub(super) fn poll_directory(&mut self) -> Option<Arc<Path>> {
        self.changed.pop()
    }

    /// Reads a source that can be read at once; `None` for a command.
    pub(super) fn read_at_once(&self, source: &Source) -> Option<Result<Read, SourceError>> {
        self.reader.read_at_once(source)
    }

    /// Reads a source that can be read at once; `None` for a command, which is started.
    pub(super) fn read_first(
        &mut self,
        id: SessionId,
        source: &Source,
    ) -> Option<Result<Read, SourceError>> {
        let result = self.reader.read_at_once(source);
        if result.is_none() {
            self.read(id, source);
        }
        result
    }

    /// Starts to read a source, unless that is being done.
    pub(super) fn read(&mut self, id: SessionId, source: &Source) {
        if self.read_now.insert(id) {
            let (reader, source) = (self.reader, source.clone());
            let room = match source {
                Source::Command(_) => Some(Arc::clone(&self.room.0)),
                Source::File(_) | Source::Credential(_) | Source::Env(_) => None,
            };
            self.running.spawn(async move {
                let _place = match room {
                    Some(room) => room.acquire_owned().await.ok(),
                    None => None,
                };
                let result = reader.read(&source).await;
                Reading { id, source, result }
            });
        }
    }

    /// Reads the source of a session that has no token.
    pub(super) fn read_unless_held(&mut self, id: SessionId, care: &Care) {
        if !care.has_token() && care.may_have_another() {
            self.read(id, &care.config.token);
        }
    }

    /// Reads a session's file if it is not what was read last: some mounts tell nothing of changes.
    pub(super) fn read_if_changed(&mut self, id: SessionId, care: &Care) {
        if let Some(path) = self.reader.file(&care.config.token)
            && let Some(identity) = Identity::of(&path)
            && care.reading.identity != Some(identity)
        {
            self.read(id, &care.config.token);
        }
    }

    /// Something that happened to the sources. Cancel-safe.
    pub(super) async fn next(&mut self) -> Happening {
        loop {
            tokio::select! {
                change = self.watch.next() => return Happening::Changed(change),
                reading = tasks::next(&mut self.running) => if let Some(reading) = reading {
                    return Happening::Read(reading);
                },
            }
        }
    }

    /// Takes in that files changed.
    pub(super) fn handle_change(&mut self, change: Change, now: Instant) {
        self.watch.handle_change(change, now);
    }

    /// A reading is over, whatever it gave.
    pub(super) fn handle_end_of_reading(&mut self, id: SessionId) {
        self.read_now.remove(&id);
    }

    /// Judges what was read; `None` if a writer may not be done yet.
    pub(super) fn handle_read(
        &mut self,
        care: &Care,
        reading: Reading,
        now: Instant,
    ) -> Option<Result<Read, SourceError>> {
        let result = reading.result;
        if let Some(path) = self.reader.file(&care.config.token)
            && self.watch.handle_read(&path, &result, now) == Finding::Unfinished
        {
            return None;
        }
        Some(result)
    }

    /// Starts the readings that are due.
    pub(super) fn turn(&mut self, cares: &mut Cares, now: Instant) {
        while let Some(path) = self.watch.poll_settled(now) {
            if self.directories.contains(&*path) {
                self.changed.push(path);
            } else {
                self.read_path(&path, cares);
            }
        }
        while let Some(&(at, id)) = self.again.first().filter(|(at, _)| *at <= now) {
            self.again.remove(&(at, id));
            let Some(care) = cares.by_id.get_mut(&id) else {
                continue;
            };
            care.reading.again_at = None;
            if care.has_token() {
                continue;
            }
            if let Source::Command(_) = care.config.token {
                self.read_unless_held(id, care);
            } else {
                self.read_if_changed(id, care);
                self.read_again(id, care, now);
            }
        }
    }

    /// A session has no living token: its source is to be read again later.
    pub(super) fn read_again(&mut self, id: SessionId, care: &mut Care, now: Instant) {
        if !care.may_have_another() {
            return;
        }
        let wait = match care.config.token {
            Source::Command(_) => {
                let doublings = care.reading.attempts.min(16);
                COMMAND_AGAIN
                    .saturating_mul(1 << doublings)
                    .min(COMMAND_AGAIN_MAX)
            }
            Source::File(_) | Source::Credential(_) => FILE_AGAIN,
            Source::Env(_) => return,
        };
        care.reading.attempts = care.reading.attempts.saturating_add(1);
        self.do_not_read_again(id, care);
        care.reading.again_at = Some(now + wait);
        self.again.insert((now + wait, id));
    }

    /// A session's token lives.
    pub(super) fn do_not_read_again(&mut self, id: SessionId, care: &mut Care) {
        if let Some(at) = care.reading.again_at.take() {
            self.again.remove(&(at, id));
        }
    }

    /// When [`Self::turn`] is to be called again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let again = self.again.first().map(|&(at, _)| at);
        self.watch.poll_timeout().into_iter().chain(again).min()
    }

    /// Why some changes go unnoticed.
    pub(super) fn poll_trouble(&mut self) -> Option<WatchTrouble> {
        self.watch.poll_trouble()
    }

    fn read_path(&mut self, path: &Path, cares: &Cares) {
        let ids: Vec<_> = self
            .by_path
            .get(path)
            .into_iter()
            .flatten()
            .copied()
            .collect();
        for id in ids {
            if let Some(care) = cares.by_id.get(&id) {
                self.read(id, &care.config.token);
            }
        }
    }
}

fn file_kind(directories: &BTreeSet<PathBuf>, path: &Path) -> Watched {
    match path.parent() {
        Some(directory) if directories.contains(directory) => Watched::Member,
        Some(_) | None => Watched::File,
    }
}

/// What happened to the sources.
pub(super) enum Happening {
    /// A file changed.
    Changed(Change),
    /// A source was read.
    Read(Reading),
}
