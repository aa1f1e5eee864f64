//! A token that goes on living under another session's name: nobody ends what another one needs.

use std::collections::{BTreeMap, BTreeSet};

use super::Daemon;
use super::care::{Care, Reading};
use crate::config::{SessionConfig, SessionName};
use crate::keeper::{Instant, OnShutdown, SessionId};
use crate::observe::{Notice, tell_notice};
use crate::token::{Fingerprint, Identity};

impl Daemon {
    /// What is to be done with the token of a session that ends: one that another session
    /// waits for is left to it.
    pub(super) fn unless_claimed(&self, id: SessionId, wanted: OnShutdown) -> OnShutdown {
        let waits_for = |other: &SessionId| {
            let care = self.cares.by_id.get(other)?;
            let is_there = self.cares.by_name.get(&care.name) == Some(other);
            care.reading.shared.filter(|_| is_there)
        };
        let claimed: BTreeSet<_> = self
            .waiting_for_token
            .iter()
            .filter_map(waits_for)
            .collect();
        if self.cares.holds_any(id, &claimed) {
            OnShutdown::Leave
        } else {
            wanted
        }
    }

    /// The file of `from` is missing and its token is found in that of `to`, which has none of its
    /// own: it was renamed, and the session with it.
    pub(super) fn follow_renamed_file(
        &mut self,
        from: SessionId,
        to: SessionId,
        identity: Option<Identity>,
        now: Instant,
    ) -> bool {
        let (Some(old), Some(new)) = (self.cares.by_id.get(&from), self.cares.by_id.get(&to))
        else {
            return false;
        };
        let is_renamed = !new.has_token()
            && old.config.api == new.config.api
            && self.pools.is_missing(&old.name)
            && self.pools.of(&new.name).is_some();
        if !is_renamed {
            return false;
        }
        let (old, name, config) = (old.name.clone(), new.name.clone(), new.config.clone());
        self.keeper.handle_removed(to, OnShutdown::Leave, now, now);
        self.waiting_for_token.remove(&to);
        if let Some(care) = self.cares.by_id.get_mut(&to) {
            self.sources.do_not_read_again(to, care);
            self.sources.watch_no_more(to, care);
        }
        self.leaving.push(to);
        self.pools.forget(&old);
        self.config.sessions.remove(&old);
        if let Some(care) = self.cares.by_id.get(&from) {
            self.sources.watch_no_more(from, care);
        }
        self.rename(from, &name, &config, identity);
        if let Some(care) = self.cares.by_id.get(&from) {
            self.sources.watch_another(from, care);
        }
        self.account_for_sessions(now);
        true
    }

    /// Gives a session another name, and what goes with it; its token goes on living.
    pub(super) fn rename(
        &mut self,
        id: SessionId,
        new: &SessionName,
        config: &SessionConfig,
        identity: Option<Identity>,
    ) {
        let now = self.now();
        let Some(care) = self.cares.by_id.get_mut(&id) else {
            return;
        };
        let old = std::mem::replace(&mut care.name, new.clone());
        self.sources.do_not_read_again(id, care);
        care.configure(config.clone());
        care.reading = Reading {
            identity,
            ..Reading::default()
        };
        tell_notice(&Notice::Renamed {
            old: &old,
            new: &care.named(),
        });
        let policy = care.policy();
        self.sources.read_unless_held(id, care);
        self.cares.by_name.remove(&old);
        self.cares.by_name.insert(new.clone(), id);
        self.keeper.handle_policy(id, policy, now);
    }

    /// Gives sessions of those that are to go the names of those that are to come, where the
    /// token is the same: it is at the same place, or has moved to the place of the other.
    pub(super) fn rename_those_who_stay(
        &mut self,
        to_go: &mut BTreeSet<SessionName>,
        to_come: &mut Vec<SessionName>,
    ) {
        let mut places: BTreeMap<_, _> = to_go
            .iter()
            .filter_map(|name| self.cares.by_name.get(name))
            .filter_map(|id| Some((*id, self.cares.by_id.get(id)?)))
            .map(|(id, care)| ((care.config.token.clone(), care.config.api.clone()), id))
            .collect();
        to_come.retain(|name| {
            let Some(session) = self.config.sessions.get(name).cloned() else {
                return false;
            };
            let place = (session.token.clone(), session.api.clone());
            !places
                .remove(&place)
                .is_some_and(|id| self.rename_one_of(to_go, id, name, &session, None))
        });
        if to_go.is_empty() {
            return;
        }
        to_come.retain(|name| {
            let session = self.config.sessions.get(name).cloned();
            let Some((session, (fingerprint, identity))) = session
                .and_then(|it| Some((self.found_at(&it)?, it)))
                .map(|(found, it)| (it, found))
            else {
                return true;
            };
            let holder = self.cares.holder(fingerprint).filter(|id| {
                let holder = self.cares.by_id.get(id);
                holder.is_some_and(|care| care.config.api == session.api)
            });
            !holder.is_some_and(|id| self.rename_one_of(to_go, id, name, &session, identity))
        });
    }

    /// Renames a session if it is one of those that are to go; says whether it was.
    fn rename_one_of(
        &mut self,
        to_go: &mut BTreeSet<SessionName>,
        id: SessionId,
        name: &SessionName,
        session: &SessionConfig,
        identity: Option<Identity>,
    ) -> bool {
        let care = self.cares.by_id.get(&id);
        let is_to_go = care.is_some_and(|care| to_go.remove(&care.name));
        if is_to_go {
            self.rename(id, name, session, identity);
        }
        is_to_go
    }

    /// Which token is at a session's place, if that can be told at once.
    pub(super) fn found_at(
        &self,
        session: &SessionConfig,
    ) -> Option<(Fingerprint, Option<Identity>)> {
        let read = self.sources.read_at_once(&session.token)?.ok()?;
        Some((read.token.fingerprint(), read.identity))
    }

    /// Sessions in the order in which they are to end: first those that have no token, so that
    /// they lay no claim to that of another.
    pub(super) fn in_order_of_end(
        &self,
        names: impl IntoIterator<Item = SessionName>,
    ) -> Vec<(SessionName, SessionId)> {
        let of = |name: SessionName| self.cares.by_name.get(&name).map(|&id| (name, id));
        let has_token = |id: &SessionId| self.cares.by_id.get(id).is_some_and(Care::has_token);
        let (last, mut first): (Vec<_>, Vec<_>) = names
            .into_iter()
            .filter_map(of)
            .partition(|(_, id)| has_token(id));
        first.extend(last);
        first
    }

    /// Ends a session; its name is free at once.
    pub(super) fn remove(&mut self, name: &SessionName, wanted: OnShutdown, until: Instant) {
        if let Some(id) = self.cares.by_name.remove(name) {
            let now = self.now();
            self.keeper.handle_removed(id, wanted, until, now);
            self.cares.release(id);
            self.leaving.push(id);
        }
    }
}
