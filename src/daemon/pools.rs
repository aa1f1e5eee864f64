//! Directories each of whose files is a session: files come, change and go while the daemon runs.
//!
//! What a file holds is read as any session's token is. Here it is only noticed which files
//! there are. Members are sessions like others: they stand in the configuration that is in
//! force, so that a reload compares them as it does all sessions.
//!
//! *Invariant*: nothing in a pool's directory keeps the daemon from starting or from caring
//! for other sessions. A name that another session has is that session's, and a file that a
//! session of the configuration names is that session's too.

mod pool;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use self::pool::{Changes, Pool};
use super::Daemon;
use crate::config::{Config, PoolConfig, SessionConfig, SessionName};
use crate::keeper::{Instant, OnShutdown, SessionId};
use crate::observe::{Notice, PoolNews, tell_notice};
use crate::token::{Listing, Source};

/// All pools.
#[derive(Default)]
pub(super) struct Pools {
    by_name: BTreeMap<SessionName, Pool>,
    /// Files that sessions of the configuration name.
    claimed: BTreeSet<PathBuf>,
}

/// The sessions of a configuration with those of the files that its pools have at this moment;
/// a pool without any counts as one session of its name.
pub(crate) fn sessions_now(config: &Config) -> BTreeMap<SessionName, SessionConfig> {
    let mut whole = config.clone();
    let mut pools = Pools::default();
    pools.complete(&mut whole, config, Instant::BOOT);
    for (name, config) in &config.pools {
        let pool = pools.by_name.get(name);
        if pool.is_none_or(|pool| pool.members().next().is_none()) {
            let session = || config.session(name.as_str());
            whole.sessions.entry(name.clone()).or_insert_with(session);
        }
    }
    whole.sessions
}

impl Pools {
    /// Adds the sessions of all pools to a configuration that was just read. Pools that had the
    /// same directory before go on as they were, the directories of others are listed.
    pub(super) fn complete(&mut self, config: &mut Config, before: &Config, now: Instant) {
        let Config {
            sessions, pools, ..
        } = config;
        self.claimed = sessions.values().filter_map(file).cloned().collect();
        self.by_name.retain(|name, _| {
            let directory = |config: &PoolConfig| config.token_dir().to_owned();
            let of = |pools: &BTreeMap<_, PoolConfig>| pools.get(name).map(directory);
            of(pools).is_some() && of(pools) == of(&before.pools)
        });
        for (name, config) in pools {
            let is_new = !self.by_name.contains_key(name);
            let pool = self.by_name.entry(name.clone()).or_default();
            if is_new {
                let changes = list(pool, config, sessions, &self.claimed, now);
                tell(name, config, &changes.news);
                // It is not watched yet: what changes until then is seen by one more look.
                pool.handle_change(now);
            }
            let members: Vec<_> = pool.members().cloned().collect();
            for member in members {
                let session = config.session(member.as_str());
                let is_claimed = file(&session).is_some_and(|it| self.claimed.contains(it));
                if is_claimed || sessions.contains_key(&member) {
                    pool.forget(&member);
                } else {
                    sessions.insert(member, session);
                }
            }
        }
    }

    /// Whether nobody knows what is in the directory of some pool.
    pub(super) fn is_any_away(&self) -> bool {
        self.by_name.values().any(Pool::is_away)
    }

    /// When a directory is to be listed.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.by_name.values().filter_map(Pool::poll_timeout).min()
    }

    /// The pool of this session, if it is a member of one.
    pub(super) fn of(&self, session: &SessionName) -> Option<&SessionName> {
        let mut pools = self.by_name.iter();
        pools
            .find(|(_, pool)| pool.has(session))
            .map(|(name, _)| name)
    }

    /// Whether the session is a member whose file is not where it was.
    pub(super) fn is_missing(&self, session: &SessionName) -> bool {
        let mut pools = self.by_name.values();
        pools.any(|pool| pool.has(session) && pool.is_missing(session))
    }

    /// The session is no member any more: another one has its token.
    pub(super) fn forget(&mut self, session: &SessionName) {
        self.by_name
            .values_mut()
            .for_each(|pool| pool.forget(session));
    }

    /// Takes in that the machine slept for so long.
    pub(super) fn handle_resume(&mut self, slept: Duration, now: Instant) {
        self.by_name
            .values_mut()
            .for_each(|pool| pool.handle_resume(slept, now));
    }

    /// The session is no member any more, and its name is free for a file of another pool.
    fn handle_freed(&mut self, session: &SessionName, now: Instant) {
        self.by_name
            .values_mut()
            .for_each(|pool| pool.handle_freed(session, now));
    }

    fn poll_due(&self, now: Instant) -> Option<SessionName> {
        let mut pools = self.by_name.iter();
        let is_due = |pool: &Pool| pool.poll_timeout().is_some_and(|at| at <= now);
        pools
            .find(|(_, pool)| is_due(pool))
            .map(|(name, _)| name.clone())
    }
}

impl Daemon {
    /// Lists the directories that are due, and takes in what changed.
    pub(super) fn look_at_pools(&mut self, now: Instant) {
        while let Some(directory) = self.sources.poll_directory() {
            for (name, pool) in &mut self.pools.by_name {
                let config = self.config.pools.get(name);
                if config.is_some_and(|config| config.token_dir() == &*directory) {
                    pool.handle_change(now);
                }
            }
        }
        while let Some(name) = self.pools.poll_due(now) {
            self.look_at_pool(&name, now);
        }
    }

    fn look_at_pool(&mut self, name: &SessionName, now: Instant) {
        let (Some(pool), Some(config)) = (
            self.pools.by_name.get_mut(name),
            self.config.pools.get(name).cloned(),
        ) else {
            debug_assert!(false, "every pool is one of the configuration");
            return;
        };
        let claimed = &self.pools.claimed;
        let changes = list(pool, &config, &self.config.sessions, claimed, now);
        tell(name, &config, &changes.news);
        let someone_goes = !changes.gone.is_empty();
        for (member, id) in self.in_order_of_end(changes.gone) {
            self.end_member(&member, id, config.on_removal(), now);
        }
        for member in &changes.come {
            self.begin_member(member, &config);
        }
        if someone_goes {
            self.account_for_sessions(now);
        }
    }

    fn begin_member(&mut self, member: &SessionName, pool: &PoolConfig) {
        let session = pool.session(member.as_str());
        self.config.sessions.insert(member.clone(), session.clone());
        let id = self.add(member.clone(), session);
        if let Some(view) = self.keeper.view(id, self.now()) {
            self.systemd.handle_session(member, &view);
        }
        if let Some(care) = self.cares.by_id.get(&id) {
            // Watched first, read then: no change is missed in between.
            self.sources.watch_another(id, care);
            self.sources.read(id, &care.config.token);
        }
    }

    fn end_member(
        &mut self,
        member: &SessionName,
        id: SessionId,
        wanted: OnShutdown,
        now: Instant,
    ) {
        self.config.sessions.remove(member);
        let wanted = match wanted {
            OnShutdown::Revoke if !self.is_moved(member, id) => self.unless_claimed(id, wanted),
            OnShutdown::Revoke | OnShutdown::Leave => OnShutdown::Leave,
        };
        if let Some(care) = self.cares.by_id.get_mut(&id) {
            tell_notice(&Notice::FileGone(&care.named(), wanted));
            self.sources.do_not_read_again(id, care);
            self.sources.watch_no_more(id, care);
        }
        self.remove(member, wanted, now + self.config.shutdown.grace);
        self.pools.handle_freed(member, now);
    }

    /// Whether the token of a session that ends is in the file of that name of some pool. As long
    /// as the name was taken, nobody asked for it there.
    fn is_moved(&self, member: &SessionName, id: SessionId) -> bool {
        let mut pools = self.config.pools.values();
        pools.any(|pool| {
            let found = self.found_at(&pool.session(member.as_str()));
            found.is_some_and(|(token, _)| self.cares.holds_any(id, &BTreeSet::from([token])))
        })
    }
}

fn list(
    pool: &mut Pool,
    config: &PoolConfig,
    sessions: &BTreeMap<SessionName, SessionConfig>,
    claimed: &BTreeSet<PathBuf>,
    now: Instant,
) -> Changes {
    let mut listing = Listing::of(config.token_dir());
    if let Ok(listing) = &mut listing {
        let is_claimed = |name: &String| claimed.contains(&config.token_dir().join(name));
        listing.names.retain(|name| !is_claimed(name));
    }
    pool.handle_listing(listing, |name| !sessions.contains_key(name), now)
}

fn tell(pool: &SessionName, config: &PoolConfig, news: &[PoolNews]) {
    for news in news {
        tell_notice(&Notice::Pool(pool, config.token_dir(), news));
    }
}

fn file(session: &SessionConfig) -> Option<&PathBuf> {
    match &session.token {
        Source::File(path) => Some(path),
        Source::Env(_) | Source::Credential(_) | Source::Command(_) => None,
    }
}
