//! Decides when a session's token is read: at the start, when its file changed, before each touch,
//! and repeatedly while the session has no living token.
//!
//! *Invariant*: nothing here blocks. Tasks read files, follow paths and list directories on the
//! threads of [`crate::sys::files`].

mod readings;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::JoinSet;

pub(super) use self::readings::Reading;
use self::readings::{ReadReason, Readings};
use super::next_result;
use super::pools::{self, Changes, ListingExtent, PoolContents, Pools};
use super::session_table::{ManagedSession, ReadingState, SessionTable};
use crate::config::{PoolConfig, SessionName};
use crate::keeper::{SessionId, Timers};
use crate::log::{LogEvent, SessionNames, log_event};
use crate::status::phrases::Pickup;
use crate::sys::files;
use crate::time::Instant;
use crate::token::{
    FileChange, NoAnswer, ProbedPath, Read, ReadState, Reader, Source, SourceError, Token, Watch,
    Watched,
};

/// The first delay before a program runs again that gave no living token. It doubles each time.
const COMMAND_RETRY_AFTER: Duration = Duration::from_secs(2);
const COMMAND_RETRY_MAX: Duration = Duration::from_secs(300);

/// The interval at which the file of a session without a living token is read: some mounts report
/// no changes, and a file can be rewritten without a change of its size and times.
const FILE_RETRY_EVERY: Duration = Duration::from_secs(10);

/// The time by which a file is read before a touch is due. It exceeds the time limit for reading,
/// so that a new token is known by then.
const READ_AHEAD: Duration = Duration::from_secs(10);

/// The files, pools and programs from which the sessions get their tokens.
#[derive(Default)]
pub(super) struct Sources {
    pub(super) pools: Pools,
    /// Sessions whose source gave a token that another session holds.
    pub(super) waiting_for_token: BTreeSet<SessionId>,
    reader: Reader,
    pub(super) watch: Watch,
    /// The sessions of each watched file, except those that their file's name finds.
    by_path: BTreeMap<PathBuf, BTreeSet<SessionId>>,
    pub(super) readings: Readings,
    running: JoinSet<SourceEvent>,
    retries: Timers,
}

/// An event of the sources.
pub(super) enum SourceEvent {
    /// A file changed.
    Changed(FileChange),
    /// A source was read.
    Read(Reading),
    /// A path was followed.
    Probed(Arc<Path>, Result<ProbedPath, NoAnswer>),
    /// A directory was listed.
    Listed(PoolContents),
}

impl Sources {
    /// Watches the files of the configured sessions and the directories of the pools, and no
    /// others. Abandons readings for removed sessions and from places that are not the session's
    /// source any more.
    pub(super) fn watch(&mut self, sessions: &SessionTable) {
        self.by_path.clear();
        let mut paths = Vec::new();
        for id in sessions.by_name.values() {
            if let Some(managed) = sessions.by_id.get(id)
                && let Some(path) = self.reader.file(&managed.config.token)
            {
                self.index(*id, &managed.name, &path);
                paths.push(path);
            }
        }
        self.readings.retain(sessions);
        let files = paths.iter();
        let files = files.map(|path| (path.as_path(), file_kind(&self.pools, path)));
        let directories = self.pools.directories();
        let directories = directories.map(|path| (path, Watched::Directory));
        self.watch.set(files.chain(directories));
    }

    fn index(&mut self, id: SessionId, name: &SessionName, path: &Path) {
        if !self.is_member_of_name(name, path) {
            let ids = self.by_path.entry(path.to_owned()).or_default();
            ids.insert(id);
        }
    }

    /// Returns true if the path is the file of this name in the folder of a pool.
    fn is_member_of_name(&self, name: &SessionName, path: &Path) -> bool {
        path.file_name() == Some(name.as_str().as_ref())
            && file_kind(&self.pools, path) == Watched::Member
    }

    /// Returns the sessions whose file has this path.
    fn at_path(&self, path: &Path, sessions: &SessionTable) -> Vec<SessionId> {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.and_then(|name| SessionName::new(name).ok());
        let member = name.filter(|name| self.is_member_of_name(name, path));
        let member = member.and_then(|name| sessions.by_name.get(&name).copied());
        let member = member.filter(|id| {
            let managed = sessions.by_id.get(id);
            managed.is_some_and(|managed| managed.config.token.file() == Some(path))
        });
        let others = self.by_path.get(path).into_iter().flatten();
        member.into_iter().chain(others.copied()).collect()
    }

    /// Watches the file of one more session.
    pub(super) fn watch_session(&mut self, id: SessionId, managed: &ManagedSession) {
        if let Some(path) = self.reader.file(&managed.config.token) {
            let kind = file_kind(&self.pools, &path);
            self.watch.add(&path, kind);
            self.index(id, &managed.name, &path);
        }
    }

    /// Stops watching the file of a session, unless another session has the same file.
    pub(super) fn unwatch_session(&mut self, id: SessionId, managed: &ManagedSession) {
        let Some(path) = self.reader.file(&managed.config.token) else {
            return;
        };
        let mut has_watch = self.is_member_of_name(&managed.name, &path);
        if let Some(ids) = self.by_path.get_mut(&path) {
            has_watch |= ids.remove(&id);
            if !ids.is_empty() {
                return;
            }
            self.by_path.remove(&path);
        }
        if has_watch {
            self.watch.remove(&path);
        }
    }

    /// Returns the way in which a new token at the source is noticed, as far as is known.
    pub(super) fn pickup(&self, source: &Source) -> Pickup {
        match self.reader.file(source) {
            Some(path) if !self.watch.has_events(&path) => Pickup::AtNextReading,
            Some(_) | None => Pickup::AtOnce,
        }
    }

    /// Returns the names of a session for log messages.
    pub(super) fn names<'a>(&self, managed: &'a ManagedSession) -> SessionNames<'a> {
        managed.names(self.pickup(&managed.config.token))
    }

    /// Starts to list a directory, as a whole or in part.
    pub(super) fn list(&mut self, directory: PathBuf, extent: ListingExtent) {
        self.running.spawn(async move {
            let found = pools::find_within(&directory, extent, files::LISTING_LIMIT).await;
            SourceEvent::Listed(found)
        });
    }

    /// Handles the listing of a directory. Returns the configuration of its pool and the
    /// changes that result.
    pub(super) fn handle_listed(
        &mut self,
        found: PoolContents,
        pools: &BTreeMap<SessionName, PoolConfig>,
        sessions: &SessionTable,
        now: Instant,
    ) -> Option<(PoolConfig, Changes)> {
        if let Ok(listing) = &found.listing {
            self.watch
                .handle_listed(&found.folder.path, listing.directory());
        }
        self.pools
            .handle_listed(found, pools, &sessions.by_name, now)
    }

    /// Starts to read a source. A source that is being read is read once more afterwards.
    pub(super) fn read(&mut self, id: SessionId, source: &Source) {
        self.start(id, source, None, ReadReason::Change);
    }

    fn start(
        &mut self,
        id: SessionId,
        source: &Source,
        known: Option<Weak<Token>>,
        reason: ReadReason,
    ) {
        // Links must not leave the folder of a pool.
        let folder = source.file().and_then(Path::parent);
        let within = folder.filter(|folder| self.pools.has_folder(folder));
        let within = within.map(Path::to_owned);
        self.readings.start(id, source, within, known, reason);
    }

    /// Reads the source of a session, unless the session has a token.
    pub(super) fn read_unless_held(&mut self, id: SessionId, managed: &ManagedSession) {
        if !managed.has_token() && managed.may_have_another() {
            let reason = match &managed.config.token {
                Source::Command(_) if managed.reading.is_slow => ReadReason::AfterTimeOut,
                Source::Command(_) => ReadReason::Change,
                Source::File(_) | Source::Credential(_) | Source::Env(_) | Source::Mint(_) => {
                    ReadReason::Blind
                }
            };
            self.start(id, &managed.config.token, None, reason);
        }
    }

    /// Reads a session's file at the time of a request, unless it was read ahead of the request.
    pub(super) fn read_with_request(&mut self, id: SessionId, managed: &mut ManagedSession) {
        if is_file(&managed.config.token) && !std::mem::take(&mut managed.reading.is_ahead) {
            let known = managed.newest_token();
            self.start(id, &managed.config.token, known, ReadReason::Blind);
        }
    }

    /// Schedules a reading of the session's file before the touch that is due at `touch_at`.
    pub(super) fn read_ahead(
        &mut self,
        id: SessionId,
        managed: &mut ManagedSession,
        touch_at: Instant,
        now: Instant,
    ) {
        let at = touch_at - READ_AHEAD;
        if is_file(&managed.config.token) && managed.has_token() && now < at {
            self.retries.set(id, at);
        }
    }

    /// Waits for the next event of the sources. Cancel-safe.
    pub(super) async fn next(&mut self) -> SourceEvent {
        tokio::select! {
            change = self.watch.next() => SourceEvent::Changed(change),
            reading = self.readings.next() => SourceEvent::Read(reading),
            event = next_result(&mut self.running) => event,
        }
    }

    /// Handles the probe of a path.
    pub(super) fn handle_probed(
        &mut self,
        path: &Arc<Path>,
        probed: Result<ProbedPath, NoAnswer>,
        sessions: &SessionTable,
        now: Instant,
    ) {
        let settled = match probed {
            Ok(probed) => self.watch.handle_probed(probed, now),
            Err(_) => self.watch.handle_unanswered(path, now),
        };
        let Some(settled) = settled else {
            return;
        };
        if self.pools.has_folder(&settled.path) {
            match &settled.names {
                Some(names) => self.pools.handle_changed_names(&settled.path, names, now),
                None => self.pools.handle_change(&settled.path, now),
            }
            return;
        }
        for id in self.at_path(&settled.path, sessions) {
            let Some(managed) = sessions.by_id.get(&id) else {
                continue;
            };
            let is_known = settled.is_fresh
                && settled.identity.is_some()
                && settled.identity == managed.reading.identity();
            if !is_known {
                self.read(id, &managed.config.token);
            }
        }
    }

    /// Evaluates a reading. Returns `None` if a writer of the file may not have finished.
    pub(super) fn handle_read(
        &mut self,
        managed: &mut ManagedSession,
        reading: Reading,
        now: Instant,
    ) -> Option<Result<Read, SourceError>> {
        let Reading {
            result, is_blind, ..
        } = reading;
        managed.reading.is_slow = matches!(
            result,
            Err(SourceError::TimedOut { .. } | SourceError::KeptOpen { .. })
        );
        if let Some(path) = self.reader.file(&managed.config.token) {
            let identity = result.as_ref().ok().and_then(|read| read.identity);
            if is_blind && identity.is_some() && identity != managed.reading.identity() {
                // The path may lead to another file than the one that is watched, for example
                // after a mount.
                self.watch.refresh(&path);
            }
            if self.watch.handle_read(&path, &result, now) == ReadState::Unfinished {
                return None;
            }
        }
        Some(result)
    }

    /// Starts the probes, readings and listings that are due.
    pub(super) fn turn(&mut self, sessions: &mut SessionTable, now: Instant) {
        while let Some(job) = self.watch.poll_probe(now) {
            let path = job.path().clone();
            self.running
                .spawn(async move { SourceEvent::Probed(path, job.run().await) });
        }
        while let Some((directory, extent)) = self.pools.poll_listing(now) {
            self.list(directory, extent);
        }
        while let Some(id) = self.retries.pop_due(now) {
            let Some(managed) = sessions.by_id.get_mut(&id) else {
                continue;
            };
            if managed.has_token() {
                if is_file(&managed.config.token) {
                    managed.reading.is_ahead = true;
                    let known = managed.newest_token();
                    self.start(id, &managed.config.token, known, ReadReason::Blind);
                }
            } else {
                self.read_unless_held(id, managed);
                if is_file(&managed.config.token) {
                    self.schedule_retry(id, managed, now);
                }
            }
        }
        if let Some(trouble) = self.watch.poll_trouble() {
            log_event(&LogEvent::WatchTrouble(&trouble));
        }
    }

    /// Schedules the next reading for a session without a living token.
    pub(super) fn schedule_retry(
        &mut self,
        id: SessionId,
        managed: &mut ManagedSession,
        now: Instant,
    ) {
        if !managed.may_have_another() {
            return;
        }
        let wait = match managed.config.token {
            Source::Command(_) => {
                let doublings = managed.reading.attempts.min(16);
                COMMAND_RETRY_AFTER
                    .saturating_mul(1 << doublings)
                    .min(COMMAND_RETRY_MAX)
            }
            Source::File(_) | Source::Credential(_) => FILE_RETRY_EVERY,
            Source::Env(_) | Source::Mint(_) => return,
        };
        managed.reading.attempts = managed.reading.attempts.saturating_add(1);
        self.retries.set(id, now + wait);
    }

    /// Cancels the scheduled reading of a session.
    pub(super) fn cancel_retry(&mut self, id: SessionId) {
        self.retries.cancel(id);
    }

    /// Reads the sources of the sessions that wait for a token of another session, after a token
    /// was dropped.
    pub(super) fn reread_waiting(&mut self, sessions: &SessionTable) {
        for id in std::mem::take(&mut self.waiting_for_token) {
            if let Some(managed) = sessions.by_id.get(&id) {
                self.read(id, &managed.config.token);
            }
        }
    }

    /// Reads the source of a session from the beginning, after it was configured or moved.
    pub(super) fn read_anew(&mut self, id: SessionId, managed: &mut ManagedSession) {
        self.cancel_retry(id);
        managed.reading = ReadingState::default();
        self.read(id, &managed.config.token);
    }

    /// Returns the instant at which [`Self::turn`] is to be called again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let next = [
            self.watch.poll_timeout(),
            self.retries.first_at(),
            self.pools.poll_timeout(),
        ];
        next.into_iter().flatten().min()
    }
}

/// Returns true if the source is a file of any kind.
fn is_file(source: &Source) -> bool {
    match source {
        Source::File(_) | Source::Credential(_) => true,
        Source::Env(_) | Source::Command(_) | Source::Mint(_) => false,
    }
}

fn file_kind(pools: &Pools, path: &Path) -> Watched {
    match path.parent() {
        Some(directory) if pools.has_folder(directory) => Watched::Member,
        Some(_) | None => Watched::File,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_program_that_is_not_the_sessions_any_more_is_given_up_at_once() {
        let command = |words: [&str; 2]| Source::Command(words.map(str::to_owned).to_vec());
        let (old, new) = (command(["sleep", "1000"]), command(["echo", "abc"]));
        let id = SessionId(1);
        let mut sources = Sources::default();
        sources.read(id, &old);
        sources.read(id, &new);
        let next = tokio::time::timeout(Duration::from_secs(25), sources.next());
        let Ok(SourceEvent::Read(reading)) = next.await else {
            panic!("the new program printed a token");
        };
        assert!(reading.source == new && reading.result.is_ok());
        assert!(!reading.is_outdated);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_changes_while_a_file_is_read_is_read_once_more() {
        let folder = tempfile::tempdir().unwrap();
        let source = Source::File(folder.path().join("token"));
        let id = SessionId(1);
        let mut sources = Sources::default();
        sources.read(id, &source);
        sources.read(id, &source);
        let SourceEvent::Read(reading) = sources.next().await else {
            panic!("nothing else is done");
        };
        assert!(reading.is_outdated);
    }
}
