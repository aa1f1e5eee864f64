//! Manages pools: directories each of whose files is a session. Files may come, change and go while
//! the daemon runs.
//!
//! This module only finds out which files exist; their tokens are read like those of all sessions,
//! and a reload compares the members of a pool like all sessions.
//!
//! *Invariant*: nothing in a pool's directory can prevent the daemon from starting or from keeping
//! other sessions alive. A name that another session has stays with that session, and so does a
//! file that a session of the configuration names.

mod pool;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::join_all;

pub(super) use self::pool::{Changes, ListingExtent, PoolFolder, PoolListing};
use self::pool::{Owner, Pool};
use crate::config::{Config, PoolConfig, SessionConfig, SessionName, Shard};
use crate::keeper::SessionId;
use crate::log::{LogEvent, PoolEvent, log_event};
use crate::sys::files::{self, NoAnswer};
use crate::time::Instant;
use crate::token::{Listing, ListingError};

#[derive(Default)]
pub(super) struct Pools {
    by_name: BTreeMap<SessionName, Pool>,
    /// The files that sessions of the configuration name.
    claimed: BTreeSet<PathBuf>,
    /// The part of the files that are sessions of this daemon.
    shard: Option<Shard>,
    /// The directories that are being listed.
    listing: BTreeMap<PathBuf, IsOutdated>,
}

/// True if a directory changed after its listing began.
type IsOutdated = bool;

/// The folder of a pool and its content.
pub(super) struct PoolContents {
    pub(super) folder: PoolFolder,
    pub(super) listing: Result<PoolListing, ListingError>,
}

/// The contents of pools by the paths of their directories.
pub(super) type Listings = BTreeMap<PathBuf, PoolContents>;

/// Returns the sessions of a configuration, including those of the files that its pools have at
/// this moment. A pool without files counts as one session of the pool's name, and so does one
/// whose file system does not answer within [`files::TOKEN_LIMIT`].
pub(crate) fn sessions_now(config: &Config) -> BTreeMap<SessionName, SessionConfig> {
    let mut pools = Pools::default();
    let find_now = |path: &Path| {
        let at = path.to_owned();
        let found = files::run_blocking(files::TOKEN_LIMIT, move || {
            find(&at, ListingExtent::everything())
        });
        Some(found.unwrap_or_else(|cause| not_listed(path, files::TOKEN_LIMIT, cause)))
    };
    let mut sessions = pools.complete(config, find_now, Instant::BOOT);
    for (name, config) in &config.pools {
        let pool = pools.by_name.get(name);
        if pool.is_none_or(Pool::is_empty) {
            let session = || config.session(name.as_str());
            sessions.entry(name.clone()).or_insert_with(session);
        }
    }
    sessions
}

/// Lists the directories of all pools.
pub(super) async fn list_all(config: &Config) -> Listings {
    let directories = config.pools.values().map(PoolConfig::token_dir);
    let listings = directories.map(|directory| async move {
        let found = find_within(directory, ListingExtent::everything(), files::TOKEN_LIMIT).await;
        (directory.to_owned(), found)
    });
    join_all(listings).await.into_iter().collect()
}

impl Pools {
    /// Applies a configuration that was just read. Returns its sessions and those of all pools. A
    /// pool takes over the state of an earlier pool of the same folder, even if its name or path
    /// differ. All other pools start with the content that `find` returns, `None` if the
    /// directory is still being listed.
    pub(super) fn complete(
        &mut self,
        config: &Config,
        mut find: impl FnMut(&Path) -> Option<PoolContents>,
        now: Instant,
    ) -> BTreeMap<SessionName, SessionConfig> {
        let mut sessions = config.sessions.clone();
        let files = sessions.values().filter_map(|session| session.token.file());
        self.claimed = files.map(Path::to_owned).collect();
        self.shard = config.shard;
        // Files that sessions of other shards name are claimed as well.
        sessions.retain(|name, _| config.owns(name));
        let mut before: Vec<_> = std::mem::take(&mut self.by_name).into_values().collect();
        for (name, config) in &config.pools {
            let same_path = |pool: &Pool| pool.folder.path == config.token_dir();
            if let Some(pool) = take(&mut before, same_path) {
                self.by_name.insert(name.clone(), pool);
            }
        }
        for (name, config) in &config.pools {
            let (claimed, shard) = (&self.claimed, self.shard);
            if !self.by_name.contains_key(name) {
                let found = find(config.token_dir());
                let owner = |member: &SessionName| owner(member, config, &sessions, claimed, shard);
                let pool = if let Some(found) = found {
                    let (pool, events) = take_over_or_new(&mut before, found, owner, now);
                    log_events(name, config, &events);
                    pool
                } else {
                    self.listing.insert(config.token_dir().to_owned(), false);
                    begin_unlisted(config.token_dir(), now)
                };
                self.by_name.insert(name.clone(), pool);
            }
            let Some(pool) = self.by_name.get_mut(name) else {
                continue;
            };
            let members = pool.choose(|member| owner(member, config, &sessions, claimed, shard));
            let session = |member: &SessionName| (member.clone(), config.session(member.as_str()));
            let members: Vec<_> = members.map(session).collect();
            sessions.extend(members);
        }
        let pools = &self.by_name;
        self.listing
            .retain(|path, _| pools.values().any(|pool| pool.folder.path == *path));
        sessions
    }

    /// Returns true if a pool has the directory at this path.
    pub(super) fn has_folder(&self, path: &Path) -> bool {
        self.directories().any(|directory| directory == path)
    }

    /// Returns the directories of all pools.
    pub(super) fn directories(&self) -> impl Iterator<Item = &Path> {
        self.by_name.values().map(|pool| &*pool.folder.path)
    }

    /// Returns true if the content of some pool is unknown.
    pub(super) fn is_any_away(&self) -> bool {
        self.by_name.values().any(Pool::is_away)
    }

    /// Returns the instant at which the next directory is to be listed.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.by_name.values().filter_map(Pool::poll_timeout).min()
    }

    /// Returns the pool of which this session is a member, if any.
    pub(super) fn of(&self, session: &SessionName) -> Option<&SessionName> {
        let mut pools = self.by_name.iter();
        pools
            .find(|(_, pool)| pool.has(session))
            .map(|(name, _)| name)
    }

    /// Returns true if the session is a member whose file is missing, alone or with its directory.
    pub(super) fn is_missing(&self, session: &SessionName) -> bool {
        let mut pools = self.by_name.values();
        pools.any(|pool| pool.has(session) && pool.is_missing(session))
    }

    /// Returns true if the session is a member whose file is missing from a directory that exists.
    pub(super) fn is_file_missing(&self, session: &SessionName) -> bool {
        let mut pools = self.by_name.values();
        pools.any(|pool| pool.is_file_missing(session))
    }

    /// Handles a change of the directory at this path.
    pub(super) fn handle_change(&mut self, directory: &Path, now: Instant) {
        for pool in self.by_name.values_mut() {
            if pool.folder.path == directory {
                pool.handle_change(now);
            }
        }
    }

    /// Handles a change of these names in the directory at this path.
    pub(super) fn handle_changed_names(
        &mut self,
        directory: &Path,
        names: &BTreeSet<OsString>,
        now: Instant,
    ) {
        let names = names.iter().map(|name| name.to_str().map(str::to_owned));
        // A name that is not UTF-8 cannot be looked for.
        let Some(names) = names.collect::<Option<BTreeSet<_>>>() else {
            return self.handle_change(directory, now);
        };
        for pool in self.by_name.values_mut() {
            if pool.folder.path == directory {
                pool.handle_changed_names(names.iter().cloned());
            }
        }
    }

    /// Removes a member whose token another session has taken over.
    pub(super) fn forget(&mut self, session: &SessionName) {
        self.by_name
            .values_mut()
            .for_each(|pool| pool.forget(session));
    }

    /// Handles a suspension of the machine for the time `slept`.
    pub(super) fn handle_resume(&mut self, slept: Duration, now: Instant) {
        self.by_name
            .values_mut()
            .for_each(|pool| pool.handle_resume(slept, now));
    }

    /// Handles the listing of a directory. Returns the configuration of its pool and the changes
    /// that result. `sessions` contains the names of all sessions.
    pub(super) fn handle_listed(
        &mut self,
        found: PoolContents,
        configs: &BTreeMap<SessionName, PoolConfig>,
        sessions: &BTreeMap<SessionName, SessionId>,
        now: Instant,
    ) -> Option<(PoolConfig, Changes)> {
        let directory = found.folder.path.clone();
        let is_outdated = self.listing.remove(&directory)?;
        let mut pools = self.by_name.iter_mut();
        let (name, pool) = pools.find(|(_, pool)| pool.folder.path == directory)?;
        let (name, config) = (name.clone(), configs.get(name)?);
        pool.set_folder_if_unknown(found.folder);
        let changes = self.handle_listing(&name, config, found.listing, sessions, now);
        log_events(&name, config, &changes.events);
        if is_outdated {
            self.handle_change(&directory, now);
        }
        Some((config.clone(), changes))
    }

    /// Handles the listing of a pool's folder.
    pub(super) fn handle_listing<V>(
        &mut self,
        pool: &SessionName,
        config: &PoolConfig,
        listing: Result<PoolListing, ListingError>,
        sessions: &BTreeMap<SessionName, V>,
        now: Instant,
    ) -> Changes {
        let (claimed, shard) = (&self.claimed, self.shard);
        let owner = |member: &SessionName| owner(member, config, sessions, claimed, shard);
        let pool = self.by_name.get_mut(pool);
        pool.map(|pool| pool.handle_listing(listing, owner, now))
            .unwrap_or_default()
    }

    /// Gives a name that has become free to the first pool that has a file of that name, and
    /// returns that pool.
    pub(super) fn admit<V>(
        &mut self,
        name: &SessionName,
        configs: &BTreeMap<SessionName, PoolConfig>,
        sessions: &BTreeMap<SessionName, V>,
    ) -> Option<SessionName> {
        let (claimed, shard) = (&self.claimed, self.shard);
        let admits = |(pool, found): (&SessionName, &mut Pool)| {
            let owner = owner(name, configs.get(pool)?, sessions, claimed, shard);
            (owner == Owner::Nobody && found.admit(name)).then(|| pool.clone())
        };
        self.by_name.iter_mut().find_map(admits)
    }

    /// Returns a directory that is to be listed, as a whole or in part.
    pub(super) fn poll_listing(&mut self, now: Instant) -> Option<(PathBuf, ListingExtent)> {
        loop {
            let name = self.poll_due(now)?;
            let pool = self.by_name.get_mut(&name)?;
            let extent = pool.handle_listing_begun(now);
            let directory = pool.folder.path.clone();
            if let Some(is_outdated) = self.listing.get_mut(&directory) {
                *is_outdated = true;
                continue;
            }
            self.listing.insert(directory.clone(), false);
            return Some((directory, extent));
        }
    }

    pub(super) fn poll_due(&self, now: Instant) -> Option<SessionName> {
        let mut pools = self.by_name.iter();
        let is_due = |pool: &Pool| pool.poll_timeout().is_some_and(|at| at <= now);
        pools
            .find(|(_, pool)| is_due(pool))
            .map(|(name, _)| name.clone())
    }
}

/// Returns the pool of a folder for whose path there was no pool before.
fn take_over_or_new(
    before: &mut Vec<Pool>,
    found: PoolContents,
    owner: impl Fn(&SessionName) -> Owner,
    now: Instant,
) -> (Pool, Vec<PoolEvent>) {
    let PoolContents { folder, listing } = found;
    let directory = listing.as_ref().ok().map(PoolListing::directory);
    let known = take(before, |pool| pool.is_of(&folder, directory));
    let mut events = Vec::new();
    let mut pool = known.unwrap_or_else(|| {
        let mut pool = Pool::default();
        events = pool.handle_listing(listing, owner, now).events;
        pool
    });
    pool.folder = folder;
    // The folder is not watched by this path yet. One more listing finds the changes until then.
    pool.handle_change(now);
    (pool, events)
}

/// Returns the pool of a folder whose first listing is in progress.
fn begin_unlisted(path: &Path, now: Instant) -> Pool {
    let mut pool = Pool::default();
    pool.folder = PoolFolder::new(path, path.components().collect());
    pool.handle_change(now);
    pool
}

/// Finds and lists a folder on another thread, which is abandoned after the time limit.
pub(super) async fn find_within(
    path: &Path,
    extent: ListingExtent,
    time_limit: Duration,
) -> PoolContents {
    let at = path.to_owned();
    // The path stands for all names in the folder, so the listing counts towards the limits of the
    // folder's own files and not of the files beside the folder.
    let place = path.join("*");
    let found = files::run(&place, time_limit, move || find(&at, extent)).await;
    found.unwrap_or_else(|cause| not_listed(path, time_limit, cause))
}

fn not_listed(path: &Path, time_limit: Duration, cause: NoAnswer) -> PoolContents {
    PoolContents {
        folder: PoolFolder::new(path, path.components().collect()),
        listing: Err(ListingError::TooSlow {
            directory: path.to_owned(),
            time_limit,
            cause,
        }),
    }
}

/// Finds the folder at a path and lists it, as a whole or in part. The folder may be absent. This may
/// hang.
fn find(path: &Path, extent: ListingExtent) -> PoolContents {
    let canonical = path.ancestors().find_map(|ancestor| {
        let rest = path.strip_prefix(ancestor).ok()?;
        Some(ancestor.canonicalize().ok()?.join(rest))
    });
    // Collecting the components removes the slash at the end that joining an empty path leaves.
    let canonical = canonical.as_deref().unwrap_or(path).components().collect();
    let listing = match &extent {
        ListingExtent::Names(names) => Listing::of_names(path, names),
        ListingExtent::Whole(_) => Listing::of(path),
    };
    PoolContents {
        folder: PoolFolder::new(path, canonical),
        listing: listing.map(|listing| PoolListing::new(listing, extent)),
    }
}

fn take(pools: &mut Vec<Pool>, predicate: impl Fn(&Pool) -> bool) -> Option<Pool> {
    let position = pools.iter().position(predicate)?;
    Some(pools.remove(position))
}

/// Returns the owner of a file in a pool or of its name.
fn owner<V>(
    member: &SessionName,
    pool: &PoolConfig,
    sessions: &BTreeMap<SessionName, V>,
    claimed: &BTreeSet<PathBuf>,
    shard: Option<Shard>,
) -> Owner {
    if shard.is_some_and(|shard| !shard.owns(member)) {
        Owner::OtherShard
    } else if claimed.contains(&pool.token_dir().join(member.as_str())) {
        Owner::OfFile
    } else if sessions.contains_key(member) {
        Owner::OfName
    } else {
        Owner::Nobody
    }
}

fn log_events(pool: &SessionName, config: &PoolConfig, events: &[PoolEvent]) {
    for event in events {
        log_event(&LogEvent::Pool(pool, config.token_dir(), event));
    }
}
