//! Decides which files of a directory are sessions, and when one that is missing has gone.
//!
//! Pure: it is given listings and the time. A file that is missing says little: a writer
//! may be replacing it, a volume may be away. So it must stay away for [`GONE_AFTER`]
//! while the rest of its directory is there.
//!
//! *Invariant*: as long as the directory is away, unreadable, not listed to its end, or
//! another one that is empty, no file counts as missing.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::config::{SessionName, quoted};
use crate::keeper::Instant;
use crate::observe::PoolNews;
use crate::observe::words::Chain;
use crate::token::{DirectoryId, Listing, ListingError};

/// How long a file must be missing to have gone: longer than any writer takes to put
/// another in its place.
pub(super) const GONE_AFTER: Duration = Duration::from_secs(10);

/// How long nothing has gone after the directory came back or was replaced: whoever fills
/// it needs time for it.
pub(super) const FILLED_AFTER: Duration = Duration::from_secs(60);

/// A directory is listed this often without being told to: some mounts tell nothing of changes.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The sessions of a directory.
#[derive(Debug, Default)]
pub(super) struct Pool {
    /// The sessions, and when one whose file is missing has gone.
    members: BTreeMap<SessionName, Option<Instant>>,
    /// The directory in which their files were seen last.
    directory: Option<DirectoryId>,
    /// Before this nothing has gone.
    filled_at: Option<Instant>,
    /// What was told of a directory that is away.
    away: Option<String>,
    /// Files that are there and no session: told once.
    ignored: BTreeSet<String>,
    is_full: bool,
    look_at: Option<Instant>,
}

/// What a listing changes.
#[derive(PartialEq, Eq, Debug, Default)]
pub(super) struct Changes {
    /// Files that are sessions from now on.
    pub(super) come: Vec<SessionName>,
    /// Sessions whose files have gone: members no more.
    pub(super) gone: Vec<SessionName>,
    /// What people should know.
    pub(super) news: Vec<PoolNews>,
}

impl Pool {
    /// Takes in what is in the directory. A name that is not free belongs to another session.
    pub(super) fn handle_listing(
        &mut self,
        listing: Result<Listing, ListingError>,
        is_free: impl Fn(&SessionName) -> bool,
        now: Instant,
    ) -> Changes {
        self.look_at = Some(now + LOOK_EVERY);
        let mut changes = Changes::default();
        match listing {
            Err(error) => changes.news.extend(self.go_away(Chain(&error).to_string())),
            Ok(listing) => {
                let (names, strange) = sorted(&listing.names);
                let is_another = self.directory.is_some_and(|it| it != listing.directory);
                if is_another && names.is_empty() && !self.members.is_empty() {
                    let why = "its directory was replaced by an empty one, as when a volume is not mounted";
                    changes.news.extend(self.go_away(why.to_owned()));
                } else {
                    if is_another || self.away.is_some() {
                        self.filled_at = Some(now + FILLED_AFTER);
                        // What was missing in the one before may come in this one.
                        self.members
                            .values_mut()
                            .for_each(|gone_at| *gone_at = None);
                    }
                    self.directory = Some(listing.directory);
                    if self.away.take().is_some() {
                        let sessions = self.members.len();
                        changes.news.push(PoolNews::Back { sessions });
                    }
                    self.compare(
                        &names,
                        strange,
                        listing.is_whole,
                        is_free,
                        now,
                        &mut changes,
                    );
                }
            }
        }
        changes
    }

    /// Something happened to the directory.
    pub(super) fn handle_change(&mut self, now: Instant) {
        self.look_at = Some(now);
    }

    /// The machine slept, and so did whoever is writing: what is missing is waited for anew.
    pub(super) fn handle_resume(&mut self, slept: Duration, now: Instant) {
        self.filled_at = self.filled_at.map(|at| at + slept);
        for gone_at in self.members.values_mut().flatten() {
            *gone_at = (*gone_at + slept).max(now + GONE_AFTER);
        }
        self.look_at = Some(now);
    }

    /// A name that was another session's is free.
    pub(super) fn handle_freed(&mut self, name: &SessionName, now: Instant) {
        if self.ignored.contains(name.as_str()) {
            self.look_at = Some(now);
        }
    }

    /// When the directory is to be listed.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.look_at
    }

    /// The sessions.
    pub(super) fn members(&self) -> impl Iterator<Item = &SessionName> {
        self.members.keys()
    }

    /// Whether it is one of the sessions.
    pub(super) fn has(&self, name: &SessionName) -> bool {
        self.members.contains_key(name)
    }

    /// Whether the file of the session is not where it was.
    pub(super) fn is_missing(&self, name: &SessionName) -> bool {
        let missing = self.members.get(name).is_some_and(Option::is_some);
        missing || self.away.is_some()
    }

    /// The session is no member any more.
    pub(super) fn forget(&mut self, name: &SessionName) {
        self.members.remove(name);
    }

    /// Whether nobody knows what is in the directory.
    pub(super) fn is_away(&self) -> bool {
        self.away.is_some()
    }

    fn go_away(&mut self, why: String) -> Option<PoolNews> {
        // From when it comes back files are missing anew.
        self.members
            .values_mut()
            .for_each(|gone_at| *gone_at = None);
        if self.away.as_ref() == Some(&why) {
            return None;
        }
        self.away = Some(why.clone());
        let sessions = self.members.len();
        Some(PoolNews::Away { why, sessions })
    }

    fn compare(
        &mut self,
        names: &BTreeSet<SessionName>,
        strange: BTreeSet<String>,
        is_whole: bool,
        is_free: impl Fn(&SessionName) -> bool,
        now: Instant,
        changes: &mut Changes,
    ) {
        let gone_at = (now + GONE_AFTER).max(self.filled_at.unwrap_or(now));
        for (name, missing) in &mut self.members {
            if names.contains(name) || !is_whole {
                *missing = None;
            } else if *missing.get_or_insert(gone_at) <= now {
                changes.gone.push(name.clone());
            }
        }
        for name in &changes.gone {
            self.members.remove(name);
        }
        let next_gone_at = self.members.values().flatten().min().copied();
        self.look_at = self.look_at.into_iter().chain(next_gone_at).min();
        let (mut come, mut taken) = (Vec::new(), BTreeSet::new());
        for name in names {
            if self.members.contains_key(name) {
            } else if is_free(name) {
                come.push(name.clone());
            } else {
                taken.insert(name.as_str().to_owned());
            }
        }
        self.members
            .extend(come.iter().map(|name| (name.clone(), None)));
        changes.come = come;
        let untold = |names: &BTreeSet<String>| -> Vec<String> {
            names.difference(&self.ignored).cloned().collect()
        };
        let (untold_strange, untold_taken) = (untold(&strange), untold(&taken));
        if !untold_strange.is_empty() {
            changes.news.push(PoolNews::Strange(untold_strange));
        }
        if !untold_taken.is_empty() {
            changes.news.push(PoolNews::Taken(untold_taken));
        }
        self.ignored = strange.into_iter().chain(taken).collect();
        if !is_whole && !std::mem::replace(&mut self.is_full, true) {
            changes.news.push(PoolNews::Full);
        }
        self.is_full = !is_whole;
    }
}

/// The names of sessions, and all others as they may be shown.
fn sorted(names: &[String]) -> (BTreeSet<SessionName>, BTreeSet<String>) {
    let (mut sound, mut strange) = (BTreeSet::new(), BTreeSet::new());
    for name in names {
        match SessionName::new(name) {
            Ok(name) => _ = sound.insert(name),
            Err(_) => _ = strange.insert(quoted(name)),
        }
    }
    (sound, strange)
}
