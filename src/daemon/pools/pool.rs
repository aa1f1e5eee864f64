//! Decides which files of a directory are sessions, and when a missing file counts as removed.
//!
//! This module is pure: it receives listings and the time. It must never read a clock or a file. A
//! missing file may be about to be replaced by a writer, or its volume may be unmounted, so it
//! counts as removed only after it was missing for [`REMOVED_AFTER`] from a directory that exists.
//!
//! *Invariant*: no file counts as missing while the directory is absent, unreadable, listed only in
//! part, or replaced by an empty one.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{SessionName, quoted};
use crate::log::PoolEvent;
use crate::status::phrases::Chain;
use crate::time::Instant;
use crate::token::{DirectoryId, LISTED_MAX, Listing, ListingError};

/// The time after which a missing file counts as removed: longer than a writer takes to replace it.
pub(super) const REMOVED_AFTER: Duration = Duration::from_secs(10);

/// The time for which no file counts as removed after the directory came back or was replaced,
/// since filling it takes time.
pub(super) const FILLED_AFTER: Duration = Duration::from_secs(60);

/// The interval at which a directory is listed without a notified change: some mounts report none.
pub(super) const LIST_EVERY: Duration = Duration::from_secs(60);

/// The sessions of a directory.
#[derive(Debug, Default)]
pub(super) struct Pool {
    /// The sessions, each with the instant at which its missing file counts as removed.
    members: BTreeMap<SessionName, Option<Instant>>,
    /// The directory in which their files were last seen.
    directory: Option<DirectoryId>,
    /// The instant before which no file counts as removed.
    filled_at: Option<Instant>,
    /// The logged reason for an unknown content.
    away: Option<String>,
    /// The place of the directory.
    pub(super) folder: PoolFolder,
    /// Files that could be sessions if other sessions did not have their name or file.
    others: BTreeSet<SessionName>,
    /// Files that are not sessions and were logged.
    ignored: BTreeSet<String>,
    is_full: bool,
    list_at: Option<Instant>,
    /// Names that came or went; only these are looked for unless the directory is listed anyway.
    changed: BTreeSet<String>,
}

/// The place of a pool's directory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::daemon) struct PoolFolder {
    /// The configured path.
    pub(in crate::daemon) path: PathBuf,
    /// The path with its links resolved, as far as it exists.
    canonical: PathBuf,
}

/// The owner of a file's name, or of the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Owner {
    /// There is no owner.
    Nobody,
    /// Another session has the name.
    OfName,
    /// A session of the configuration has the file.
    OfFile,
    /// Another shard manages the session.
    OtherShard,
}

impl PoolFolder {
    /// Creates the folder at a path with this canonical form.
    pub(in crate::daemon) fn new(path: &Path, canonical: PathBuf) -> Self {
        let path = path.to_owned();
        Self { path, canonical }
    }
}

/// The part of a directory that is to be listed.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::daemon) enum ListingExtent {
    /// The whole directory, whose pool has these sessions, in order.
    Whole(Vec<SessionName>),
    /// These names only.
    Names(BTreeSet<String>),
}

/// A listing of a directory. A whole one is compared with the sessions of the pool before it
/// reaches the loop, because a directory may have many files.
#[derive(Debug)]
pub(in crate::daemon) enum PoolListing {
    /// The listing of the whole directory.
    Whole(Comparison),
    /// A listing that looked for these names only.
    Names(BTreeSet<String>, Listing),
}

/// The differences between the files of a directory and the sessions of a pool.
#[derive(Debug)]
pub(in crate::daemon) struct Comparison {
    directory: DirectoryId,
    /// True if the listing contains all files.
    is_whole: bool,
    /// True if no file has the name of a session.
    is_empty: bool,
    /// The names of files that are not sessions. They become session names on the loop's thread,
    /// since what another thread allocates and the daemon keeps leaves gaps in memory.
    new: Vec<String>,
    /// The sessions that have no file; none if the listing is not whole.
    missing: BTreeSet<SessionName>,
    /// Other names, quoted for the log.
    strange: BTreeSet<String>,
}

impl ListingExtent {
    /// Returns the extent of a first listing: the whole directory, whose pool has no sessions.
    pub(in crate::daemon) fn everything() -> Self {
        Self::Whole(Vec::new())
    }
}

impl PoolListing {
    /// Compares the listing with the sessions of the pool. May take a while.
    pub(in crate::daemon) fn new(listing: Listing, extent: ListingExtent) -> Self {
        match extent {
            ListingExtent::Whole(members) => Self::Whole(Comparison::new(&listing, &members)),
            ListingExtent::Names(names) => Self::Names(names, listing),
        }
    }

    /// Returns the identity of the directory.
    pub(in crate::daemon) fn directory(&self) -> DirectoryId {
        match self {
            Self::Whole(comparison) => comparison.directory,
            Self::Names(_, listing) => listing.directory,
        }
    }
}

impl Comparison {
    fn new(listing: &Listing, members: &[SessionName]) -> Self {
        let (names, strange) = separate_names(&listing.names);
        let missing = members.iter().filter(|name| !names.contains(name.as_str()));
        let missing = missing.take_while(|_| listing.is_whole).cloned().collect();
        let is_new = |name: &&str| {
            let place = members.binary_search_by(|member| member.as_str().cmp(name));
            place.is_err()
        };
        Self {
            directory: listing.directory,
            is_whole: listing.is_whole,
            is_empty: names.is_empty(),
            missing,
            new: names
                .into_iter()
                .filter(is_new)
                .map(str::to_owned)
                .collect(),
            strange,
        }
    }
}

/// The changes that result from a listing.
#[derive(PartialEq, Eq, Debug, Default)]
pub(in crate::daemon) struct Changes {
    /// Files that have become sessions.
    pub(in crate::daemon) added: Vec<SessionName>,
    /// Sessions whose files count as removed, and which are not members any more.
    pub(in crate::daemon) removed: Vec<SessionName>,
    /// The events for the log.
    pub(super) events: Vec<PoolEvent>,
}

impl Pool {
    /// Handles a listing of the directory. `owner` returns the owner of a file's name or of the
    /// file.
    pub(super) fn handle_listing(
        &mut self,
        listing: Result<PoolListing, ListingError>,
        owner: impl Fn(&SessionName) -> Owner,
        now: Instant,
    ) -> Changes {
        let mut changes = Changes::default();
        match listing {
            Ok(PoolListing::Names(looked_for, listing)) => {
                self.compare_names(&looked_for, &listing, owner, now, &mut changes);
            }
            Ok(PoolListing::Whole(comparison)) => {
                self.list_at = Some(now + LIST_EVERY);
                self.handle_comparison(comparison, owner, now, &mut changes);
            }
            Err(error) => {
                self.list_at = Some(now + LIST_EVERY);
                let away = self.set_away(Chain(&error).to_string());
                changes.events.extend(away);
            }
        }
        changes
    }

    fn handle_comparison(
        &mut self,
        comparison: Comparison,
        owner: impl Fn(&SessionName) -> Owner,
        now: Instant,
        changes: &mut Changes,
    ) {
        let directory = comparison.directory;
        let is_another = self.directory.is_some_and(|known| known != directory);
        if is_another && comparison.is_empty && !self.members.is_empty() {
            let why = "its directory was replaced by an empty one, as when a volume is not mounted";
            changes.events.extend(self.set_away(why.to_owned()));
            return;
        }
        if is_another || self.away.is_some() {
            self.filled_at = Some(now + FILLED_AFTER);
            // Files that were missing from the earlier directory may appear in this one.
            self.members
                .values_mut()
                .for_each(|removed_at| *removed_at = None);
        }
        self.directory = Some(directory);
        if self.away.take().is_some() {
            let sessions = self.members.len();
            changes.events.push(PoolEvent::Back { sessions });
        }
        self.apply(comparison, owner, now, changes);
    }

    /// Handles a change of the directory.
    pub(super) fn handle_change(&mut self, now: Instant) {
        self.list_at = Some(now);
    }

    /// Handles a change of these names in the directory.
    pub(super) fn handle_changed_names(&mut self, names: impl IntoIterator<Item = String>) {
        self.changed.extend(names);
    }

    /// Records that a listing begins. Returns what is to be listed.
    pub(super) fn handle_listing_begun(&mut self, now: Instant) -> ListingExtent {
        let changed = std::mem::take(&mut self.changed);
        if self.list_at.is_some_and(|at| at <= now) || changed.is_empty() {
            self.list_at = None;
            return ListingExtent::Whole(self.members.keys().cloned().collect());
        }
        ListingExtent::Names(changed)
    }

    /// Handles a suspension of the machine, which also suspended the writers: the wait for missing
    /// files is extended.
    pub(super) fn handle_resume(&mut self, slept: Duration, now: Instant) {
        self.filled_at = self.filled_at.map(|at| at + slept);
        for removed_at in self.members.values_mut().flatten() {
            *removed_at = (*removed_at + slept).max(now + REMOVED_AFTER);
        }
        self.list_at = Some(now);
    }

    /// Returns true if it is the pool of this folder: the canonical paths are equal, or `directory`
    /// is the one in which its files were last seen.
    pub(super) fn is_of(&self, folder: &PoolFolder, directory: Option<DirectoryId>) -> bool {
        self.folder.canonical == folder.canonical
            || self.directory.is_some() && self.directory == directory
    }

    /// Sets the place of the directory, unless the directory was found before.
    pub(super) fn set_folder_if_unknown(&mut self, folder: PoolFolder) {
        if self.directory.is_none() {
            self.folder = folder;
        }
    }

    /// Chooses the sessions again after other sessions came or went. Returns them.
    pub(super) fn choose(
        &mut self,
        owner: impl Fn(&SessionName) -> Owner,
    ) -> impl Iterator<Item = &SessionName> {
        let is_free = |name: &SessionName| owner(name) == Owner::Nobody;
        let mut taken = Vec::new();
        self.members.retain(|name, _| {
            let is_free = is_free(name);
            if !is_free {
                taken.push(name.clone());
            }
            is_free
        });
        let members = &mut self.members;
        self.others.retain(|name| {
            let is_free = is_free(name);
            if is_free {
                members.insert(name.clone(), None);
            }
            !is_free
        });
        if !taken.is_empty() {
            // A listing in progress was compared with these as members, and would forget them.
            self.list_at = Some(Instant::BOOT);
        }
        self.others.extend(taken);
        self.members.keys()
    }

    /// Handles a name that has become free. Returns true if it becomes a session of this pool.
    pub(super) fn admit(&mut self, name: &SessionName) -> bool {
        let is_there = self.others.remove(name);
        if is_there {
            self.ignored.remove(name.as_str());
            self.members.insert(name.clone(), None);
        }
        is_there
    }

    /// Returns the instant at which the directory is to be listed.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if self.changed.is_empty() {
            self.list_at
        } else {
            Some(Instant::BOOT)
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Returns true if it is one of the sessions.
    pub(super) fn has(&self, name: &SessionName) -> bool {
        self.members.contains_key(name)
    }

    /// Returns true if the file of the session is missing, alone or with its directory.
    pub(super) fn is_missing(&self, name: &SessionName) -> bool {
        self.is_file_missing(name) || self.away.is_some()
    }

    /// Returns true if the file of the session is missing from the directory, which exists.
    pub(super) fn is_file_missing(&self, name: &SessionName) -> bool {
        self.members.get(name).is_some_and(Option::is_some)
    }

    /// Removes a session.
    pub(super) fn forget(&mut self, name: &SessionName) {
        self.members.remove(name);
    }

    /// Returns true if the content of the directory is unknown.
    pub(super) fn is_away(&self) -> bool {
        self.away.is_some() || self.directory.is_none()
    }

    fn set_away(&mut self, why: String) -> Option<PoolEvent> {
        // The time for which a file is missing starts again when the directory comes back.
        self.members
            .values_mut()
            .for_each(|removed_at| *removed_at = None);
        if self.away.as_ref() == Some(&why) {
            return None;
        }
        self.away = Some(why.clone());
        let sessions = self.members.len();
        Some(PoolEvent::Away { why, sessions })
    }

    /// Compares a listing that looked for these names only. The whole directory is listed where
    /// that does not show all that follows.
    fn compare_names(
        &mut self,
        looked_for: &BTreeSet<String>,
        listing: &Listing,
        owner: impl Fn(&SessionName) -> Owner,
        now: Instant,
        changes: &mut Changes,
    ) {
        let is_another = self.directory != Some(listing.directory);
        let has_room = !self.is_full && self.members.len() + looked_for.len() <= LISTED_MAX;
        if is_another || self.away.is_some() || !has_room {
            self.list_at = Some(now);
            return;
        }
        let found: BTreeSet<_> = listing.names.iter().collect();
        for text in looked_for {
            let is_there = found.contains(text);
            let name = SessionName::new(text).ok();
            let missing = name.as_ref().and_then(|name| self.members.get_mut(name));
            match (name, missing) {
                (_, Some(missing)) if is_there => *missing = None,
                // A whole listing decides then if the file is still missing.
                (_, Some(missing)) => {
                    let removed_at = (now + REMOVED_AFTER).max(self.filled_at.unwrap_or(now));
                    let removed_at = *missing.get_or_insert(removed_at);
                    self.list_at = self.list_at.into_iter().chain([removed_at]).min();
                }
                (Some(name), None) if is_there && owner(&name) == Owner::Nobody => {
                    self.others.remove(&name);
                    self.members.insert(name.clone(), None);
                    changes.added.push(name);
                }
                (_, None) if is_there => self.list_at = Some(now),
                (Some(name), None) => _ = self.others.remove(&name),
                (None, None) => {}
            }
        }
    }

    fn apply(
        &mut self,
        comparison: Comparison,
        owner: impl Fn(&SessionName) -> Owner,
        now: Instant,
        changes: &mut Changes,
    ) {
        let Comparison {
            missing,
            new,
            strange,
            is_whole,
            ..
        } = comparison;
        let removed_at = (now + REMOVED_AFTER).max(self.filled_at.unwrap_or(now));
        for name in &missing {
            if let Some(at) = self.members.get_mut(name)
                && *at.get_or_insert(removed_at) <= now
            {
                self.members.remove(name);
                changes.removed.push(name.clone());
            }
        }
        for (name, removed_at) in &mut self.members {
            removed_at.take_if(|_| !missing.contains(name));
        }
        let next_removed_at = self.members.values().flatten().min().copied();
        self.list_at = self.list_at.into_iter().chain(next_removed_at).min();
        let mut taken = BTreeSet::new();
        self.others.clear();
        for name in new {
            let Ok(name) = SessionName::new(&name) else {
                continue;
            };
            if self.members.contains_key(&name) {
                continue;
            }
            let owner = owner(&name);
            if owner == Owner::Nobody {
                changes.added.push(name);
                continue;
            }
            if owner == Owner::OfName {
                taken.insert(name.as_str().to_owned());
            }
            self.others.insert(name);
        }
        let added = changes.added.iter().map(|name| (name.clone(), None));
        self.members.extend(added);
        let unlogged = |names: &BTreeSet<String>| -> Vec<String> {
            names.difference(&self.ignored).cloned().collect()
        };
        let (new_strange, new_taken) = (unlogged(&strange), unlogged(&taken));
        if !new_strange.is_empty() {
            changes.events.push(PoolEvent::Strange(new_strange));
        }
        if !new_taken.is_empty() {
            changes.events.push(PoolEvent::Taken(new_taken));
        }
        self.ignored = strange.into_iter().chain(taken).collect();
        if !is_whole && !std::mem::replace(&mut self.is_full, true) {
            changes.events.push(PoolEvent::Full);
        }
        self.is_full = !is_whole;
    }
}

/// Separates the valid session names from the other names, which are quoted for the log.
fn separate_names(names: &[String]) -> (BTreeSet<&str>, BTreeSet<String>) {
    let (mut sound, mut strange) = (BTreeSet::new(), BTreeSet::new());
    for name in names {
        if SessionName::new(name).is_ok() {
            sound.insert(name.as_str());
        } else {
            strange.insert(quoted(name));
        }
    }
    (sound, strange)
}
