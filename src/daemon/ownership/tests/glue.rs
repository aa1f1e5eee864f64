//! Imitates the daemon's handling of reloads, listings and decisions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::super::Decision;
use super::model::{GRACE, Model, host};
use crate::config::{Difference, SessionConfig, SessionName};
use crate::daemon::session_table::{ManagedSession, ReadingState, SessionTable};
use crate::keeper::{OnShutdown, SessionId};
use crate::token::Source;

impl Model {
    pub(super) fn carry_out_decisions(&mut self) -> bool {
        let mut is_any = false;
        self.table.ownership.handle_pools(self.pools.is_any_away());
        while let Some(decision) = self.poll_decision() {
            is_any = true;
            self.print(|| format!("{decision:?}"));
            match decision {
                Decision::TakeOver {
                    holder,
                    claimant,
                    token,
                } => {
                    self.take_over(holder, claimant);
                    let given = self.table.keeper.handle_token(
                        holder,
                        token,
                        crate::keeper::Offer::Seen,
                        self.now,
                    );
                    assert_eq!(given, None, "the holder has the token");
                    self.table.handle_given_again(holder, token);
                }
                Decision::DropNewest { holder, proven } => {
                    let given = self.table.keeper.handle_token(
                        holder,
                        proven,
                        crate::keeper::Offer::Seen,
                        self.now,
                    );
                    assert_eq!(given, None, "the holder has the token");
                    assert!(self.table.handle_given_again(holder, proven));
                }
                Decision::CancelRevocation(id) => self.cancel_revocation(id),
                Decision::Revoke(id) => self.end(id, OnShutdown::Revoke),
                Decision::Leave(id) => {
                    self.drop_requests_of(id);
                    self.end(id, OnShutdown::Leave);
                }
            }
        }
        is_any
    }

    fn poll_decision(&mut self) -> Option<Decision> {
        let SessionTable {
            by_id, ownership, ..
        } = &mut self.table;
        let is_missing = |id| {
            let managed = by_id.get(&id);
            managed.is_some_and(|managed| self.pools.is_file_missing(&managed.name))
        };
        ownership.poll_decision(is_missing, self.now)
    }

    fn take_over(&mut self, holder: SessionId, claimant: SessionId) {
        let new = &self.table.by_id[&claimant];
        let (name, config) = (new.name.clone(), new.config.clone());
        self.waiting.remove(&claimant);
        self.end(claimant, OnShutdown::Leave);
        if self.leaving.contains(&holder) {
            self.cancel_revocation(holder);
        }
        let freed = self.table.is_configured(holder).then(|| {
            let old = self.table.by_id[&holder].name.clone();
            self.pools.forget(&old);
            self.config.sessions.remove(&old);
            old
        });
        self.rename(holder, &name, config);
        if let Some(freed) = freed {
            self.reassign_name(&freed);
        }
    }

    fn cancel_revocation(&mut self, id: SessionId) {
        self.drop_requests_of(id);
        self.table.keeper.handle_removal_cancelled(id, self.now);
        self.leaving.remove(&id);
    }

    fn end(&mut self, id: SessionId, on_shutdown: OnShutdown) {
        let until = self.now + GRACE;
        self.table
            .keeper
            .handle_removed(id, on_shutdown, until, self.now);
        self.leaving.insert(id);
    }

    fn rename(&mut self, id: SessionId, new: &SessionName, config: SessionConfig) {
        let was_configured = self.table.is_configured(id);
        let managed = self.table.by_id.get_mut(&id).unwrap();
        let old = std::mem::replace(&mut managed.name, new.clone());
        managed.configure(config);
        managed.reading = ReadingState::default();
        let policy = managed.policy();
        if was_configured {
            self.table.by_name.remove(&old);
        }
        self.table.by_name.insert(new.clone(), id);
        self.table.keeper.handle_policy(id, policy, self.now);
        if !self.table.by_id[&id].has_token() {
            self.read(id);
        }
    }

    fn depart(&mut self, name: &SessionName, on_shutdown: OnShutdown, is_of_pool: bool) {
        if let Some(id) = self.table.by_name.remove(name) {
            self.waiting.remove(&id);
            let ownership = &mut self.table.ownership;
            ownership.handle_departed(id, on_shutdown, is_of_pool, self.now);
            self.reread_waiting_sessions();
        }
    }

    fn add(&mut self, name: SessionName, session: SessionConfig) {
        let host = host(&session.api);
        let id = self.table.keeper.handle_added(host, *session.policy);
        self.table.by_name.insert(name.clone(), id);
        self.table
            .by_id
            .insert(id, Box::new(ManagedSession::new(name, session)));
        self.table.ownership.handle_added(id, host, self.now);
        self.read(id);
    }

    fn begin_member(&mut self, name: &SessionName, pool: &SessionName) {
        let session = self.config.pools[pool].session(name.as_str());
        self.config.sessions.insert(name.clone(), session.clone());
        self.add(name.clone(), session);
    }

    fn reassign_name(&mut self, name: &SessionName) {
        if let Some(pool) = self
            .pools
            .admit(name, &self.config.pools, &self.config.sessions)
        {
            self.begin_member(name, &pool);
        }
    }

    pub(super) fn list(&mut self, pool: &SessionName) {
        let config = self.config.pools[pool].clone();
        let sessions = &self.config.sessions;
        let is_member = |name: &&SessionName| self.pools.of(name) == Some(pool);
        let members = sessions.keys().filter(is_member).cloned().collect();
        let listing = self.disk.find(config.token_dir(), members).listing;
        let changes = self
            .pools
            .handle_listing(pool, &config, listing, sessions, self.now);
        for member in &changes.removed {
            self.config.sessions.remove(member);
            self.depart(member, config.on_removal(), true);
        }
        for member in &changes.added {
            self.begin_member(member, pool);
        }
        for member in &changes.removed {
            self.reassign_name(member);
        }
    }

    /// Makes the written configuration active.
    pub(super) fn reload(&mut self) {
        let mut config = self.written.clone();
        let disk = &self.disk;
        let find = |path: &Path| Some(disk.find(path, Vec::new()));
        config.sessions = self.pools.complete(&self.written, find, self.now);
        let difference = Difference::between(&self.config.sessions, &config.sessions);
        let before = std::mem::replace(&mut self.config, config);
        let after = &self.config.sessions;
        let stays = |name: &SessionName| before.sessions[name].api == after[name].api;
        let moved = difference.token_moved.iter().cloned();
        let (moved, elsewhere): (Vec<_>, Vec<_>) = moved.partition(stays);
        let mut removed: BTreeSet<_> = difference.removed.iter().cloned().collect();
        let mut added = difference.added.clone();
        self.rename_in_place(&mut removed, &mut added);
        removed.extend(elsewhere.iter().cloned());
        added.extend(elsewhere);
        let (mut removed_by_source, mut removed_by_name) = (BTreeMap::new(), BTreeMap::new());
        for name in removed {
            removed_by_name.insert(name.clone(), self.table.by_name[&name]);
            removed_by_source.insert(
                before.sessions[&name].token.clone(),
                self.table.by_name[&name],
            );
            let session = &before.sessions[&name];
            let Source::File(path) = &session.token else {
                self.depart(&name, session.policy.on_shutdown, false);
                continue;
            };
            let mut pools = before.pools.values();
            let is_of_pool = pools.any(|pool| path.parent() == Some(pool.token_dir()));
            self.depart(&name, session.policy.on_shutdown, is_of_pool);
        }
        for name in moved {
            let id = self.configure(&name);
            self.table.ownership.handle_moved(id, self.now);
            self.read(id);
        }
        for name in &difference.changed {
            self.configure(name);
        }
        for name in added {
            let session = self.config.sessions[&name].clone();
            let before = removed_by_source
                .get(&session.token)
                .or(removed_by_name.get(&name))
                .copied();
            self.add(name.clone(), session);
            if let Some(before) = before {
                let ownership = &mut self.table.ownership;
                ownership.handle_succeeded(before, self.table.by_name[&name]);
            }
        }
    }

    fn configure(&mut self, name: &SessionName) -> SessionId {
        let id = self.table.by_name[name];
        let managed = self.table.by_id.get_mut(&id).unwrap();
        managed.configure(self.config.sessions[name].clone());
        let policy = managed.policy();
        self.table.keeper.handle_policy(id, policy, self.now);
        id
    }

    fn rename_in_place(
        &mut self,
        removed: &mut BTreeSet<SessionName>,
        added: &mut Vec<SessionName>,
    ) {
        let place = |config: &SessionConfig| (config.token.clone(), config.api.clone());
        let mut places: BTreeMap<_, _> = removed
            .iter()
            .map(|name| self.table.by_name[name])
            .map(|id| (place(&self.table.by_id[&id].config), id))
            .collect();
        added.retain(|name| {
            let session = self.config.sessions[name].clone();
            let Some(id) = places.remove(&place(&session)) else {
                return true;
            };
            removed.remove(&self.table.by_id[&id].name.clone());
            self.rename(id, name, session);
            false
        });
    }
}
