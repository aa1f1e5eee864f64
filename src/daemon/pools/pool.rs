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
        listing: Result<Listing, ListingError>,
        owner: impl Fn(&SessionName) -> Owner,
        now: Instant,
    ) -> Changes {
        let mut changes = Changes::default();
        if let Ok(listing) = &listing
            && let Some(looked_for) = &listing.looked_for
        {
            self.compare_names(looked_for, listing, owner, now, &mut changes);
            return changes;
        }
        self.list_at = Some(now + LIST_EVERY);
        match listing {
            Err(error) => changes
                .events
                .extend(self.set_away(Chain(&error).to_string())),
            Ok(listing) => {
                let (names, strange) = separate_names(&listing.names);
                let is_another = self
                    .directory
                    .is_some_and(|directory| directory != listing.directory);
                if is_another && names.is_empty() && !self.members.is_empty() {
                    let why = "its directory was replaced by an empty one, as when a volume is not mounted";
                    changes.events.extend(self.set_away(why.to_owned()));
                } else {
                    if is_another || self.away.is_some() {
                        self.filled_at = Some(now + FILLED_AFTER);
                        // Files that were missing from the earlier directory may appear in this
                        // one.
                        self.members
                            .values_mut()
                            .for_each(|removed_at| *removed_at = None);
                    }
                    self.directory = Some(listing.directory);
                    if self.away.take().is_some() {
                        let sessions = self.members.len();
                        changes.events.push(PoolEvent::Back { sessions });
                    }
                    self.compare(&names, strange, listing.is_whole, owner, now, &mut changes);
                }
            }
        }
        changes
    }

    /// Handles a change of the directory.
    pub(super) fn handle_change(&mut self, now: Instant) {
        self.list_at = Some(now);
    }

    /// Handles a change of these names in the directory.
    pub(super) fn handle_changed_names(&mut self, names: impl IntoIterator<Item = String>) {
        self.changed.extend(names);
    }

    /// Records that a listing begins. Returns the names that are looked for; `None` if the whole
    /// directory is to be listed.
    pub(super) fn handle_listing_begun(&mut self, now: Instant) -> Option<BTreeSet<String>> {
        let changed = std::mem::take(&mut self.changed);
        if self.list_at.is_some_and(|at| at <= now) || changed.is_empty() {
            self.list_at = None;
            return None;
        }
        Some(changed)
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

    fn compare(
        &mut self,
        names: &BTreeSet<SessionName>,
        strange: BTreeSet<String>,
        is_whole: bool,
        owner: impl Fn(&SessionName) -> Owner,
        now: Instant,
        changes: &mut Changes,
    ) {
        let removed_at = (now + REMOVED_AFTER).max(self.filled_at.unwrap_or(now));
        for (name, missing) in &mut self.members {
            if names.contains(name) || !is_whole {
                *missing = None;
            } else if *missing.get_or_insert(removed_at) <= now {
                changes.removed.push(name.clone());
            }
        }
        for name in &changes.removed {
            self.members.remove(name);
        }
        let next_removed_at = self.members.values().flatten().min().copied();
        self.list_at = self.list_at.into_iter().chain(next_removed_at).min();
        let (mut added, mut taken) = (Vec::new(), BTreeSet::new());
        self.others.clear();
        for name in names {
            if self.members.contains_key(name) {
                continue;
            }
            let owner = owner(name);
            if owner == Owner::Nobody {
                added.push(name.clone());
                continue;
            }
            if owner == Owner::OfName {
                taken.insert(name.as_str().to_owned());
            }
            self.others.insert(name.clone());
        }
        self.members
            .extend(added.iter().map(|name| (name.clone(), None)));
        changes.added = added;
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
fn separate_names(names: &[String]) -> (BTreeSet<SessionName>, BTreeSet<String>) {
    let (mut sound, mut strange) = (BTreeSet::new(), BTreeSet::new());
    for name in names {
        match SessionName::new(name) {
            Ok(name) => _ = sound.insert(name),
            Err(_) => _ = strange.insert(quoted(name)),
        }
    }
    (sound, strange)
}
