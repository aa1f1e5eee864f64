//! Carries out the decisions about the tokens of sessions that left the configuration.

use std::collections::{BTreeMap, BTreeSet};

use super::Daemon;
use super::ownership::Decision;
use super::session_table::{ReadingState, SessionTable};
use crate::config::{SessionConfig, SessionName};
use crate::keeper::{Offer, OnShutdown, SessionId};
use crate::log::{LogEvent, log_event};
use crate::time::Instant;
use crate::token::Fingerprint;

impl Daemon {
    /// Carries out all decisions that are due. Returns true if there was any.
    pub(super) fn carry_out_decisions(&mut self, now: Instant) -> bool {
        let mut is_any = false;
        self.sessions
            .ownership
            .handle_pools(self.sources.pools.is_any_away());
        while let Some(decision) = self.poll_decision(now) {
            is_any = true;
            match decision {
                Decision::TakeOver {
                    holder,
                    claimant,
                    token,
                } => {
                    self.take_over(holder, claimant, now);
                    // If the holder's earlier source gave a newer token, that one is dropped: it is
                    // not the token of the new source.
                    self.drop_newer(holder, token, now);
                }
                Decision::DropNewest { holder, proven } => {
                    if !self.drop_newer(holder, proven, now) {
                        self.sessions.ownership.forget(holder);
                        self.end(holder, OnShutdown::Leave, now);
                    }
                }
                Decision::CancelRevocation(id) => self.cancel_end(id, now),
                Decision::Revoke(id) => self.end(id, OnShutdown::Revoke, now),
                Decision::Leave(id) => {
                    // Otherwise a revocation that is in flight could still be processed.
                    self.requests.drop_of(id);
                    self.end(id, OnShutdown::Leave, now);
                }
            }
        }
        is_any
    }

    /// Drops a token that is newer than this one. Returns false if the session does not hold this
    /// one as its present token.
    fn drop_newer(&mut self, id: SessionId, token: Fingerprint, now: Instant) -> bool {
        let keeper = &mut self.sessions.keeper;
        let generation = keeper.handle_token(id, token, Offer::Seen, now);
        generation.is_none() && self.sessions.handle_given_again(id, token)
    }

    fn poll_decision(&mut self, now: Instant) -> Option<Decision> {
        let SessionTable {
            by_id, ownership, ..
        } = &mut self.sessions;
        let is_missing = |id| {
            let managed = by_id.get(&id);
            managed.is_some_and(|managed| self.sources.pools.is_file_missing(&managed.name))
        };
        ownership.poll_decision(is_missing, now)
    }

    /// Removes a session from the configured ones. It is kept until its tokens are decided on, but
    /// its name is free at once.
    pub(super) fn depart(
        &mut self,
        name: &SessionName,
        on_shutdown: OnShutdown,
        is_of_pool: bool,
        now: Instant,
    ) {
        let Some(id) = self.sessions.by_name.remove(name) else {
            return;
        };
        self.sources.cancel_retry(id);
        self.sources.waiting_for_token.remove(&id);
        let ownership = &mut self.sessions.ownership;
        ownership.handle_departed(id, on_shutdown, is_of_pool, now);
        // Sessions that have the same token in their source may be able to use it.
        self.sources.reread_waiting(&self.sessions);
    }

    /// Replaces the claimant, which has no token, by the holder of the token.
    fn take_over(&mut self, holder: SessionId, claimant: SessionId, now: Instant) {
        let Some(new) = self.sessions.by_id.get(&claimant) else {
            return;
        };
        self.sources.cancel_retry(claimant);
        self.sources.unwatch_session(claimant, new);
        self.sources.waiting_for_token.remove(&claimant);
        let (name, config, intent) = (new.name.clone(), new.config.clone(), new.intent);
        let reading = ReadingState {
            seen_as: new.reading.seen_as,
            counts_as_changed: new.reading.counts_as_changed,
            fingerprint: new.reading.fingerprint,
            ..ReadingState::default()
        };
        self.end(claimant, OnShutdown::Leave, now);
        self.cancel_end(holder, now);
        let missing = self
            .sessions
            .by_id
            .get(&holder)
            .filter(|_| self.sessions.is_configured(holder));
        let freed = missing.map(|old| {
            // The holder's own file is missing. If it comes back, it is a new session.
            self.sources.pools.forget(&old.name);
            self.sources.unwatch_session(holder, old);
            old.name.clone()
        });
        self.rename(holder, &name, &config, reading, now);
        if let Some(managed) = self.sessions.by_id.get_mut(&holder) {
            managed.is_file_gone = false;
            self.sources.watch_session(holder, managed);
            if intent.is_some() {
                managed.intent = intent;
                self.sessions.update_policy(holder, now);
            }
        }
        if let Some(freed) = freed {
            self.reassign_name(&freed, now);
        }
        self.reporter.report_sessions(&self.sessions, now);
    }

    /// Cancels the end of a session, if it is ending.
    fn cancel_end(&mut self, id: SessionId, now: Instant) {
        if self.sessions.cancel_end(id, now) {
            self.requests.drop_of(id);
        }
    }

    /// Ends a session, and revokes or leaves its tokens.
    fn end(&mut self, id: SessionId, on_shutdown: OnShutdown, now: Instant) {
        let Some(managed) = self.sessions.by_id.get_mut(&id) else {
            return;
        };
        let on_shutdown = if managed.is_held_elsewhere() {
            OnShutdown::Leave
        } else {
            on_shutdown
        };
        if std::mem::take(&mut managed.is_file_gone) {
            log_event(&LogEvent::FileGone(
                &self.sources.names(managed),
                on_shutdown,
            ));
        }
        let until = now + self.config.shutdown.grace;
        self.sessions.end(id, on_shutdown, until, now);
    }

    /// Gives a session another name and configuration. Its token stays alive.
    fn rename(
        &mut self,
        id: SessionId,
        new: &SessionName,
        config: &SessionConfig,
        reading: ReadingState,
        now: Instant,
    ) {
        let was_configured = self.sessions.is_configured(id);
        let Some(managed) = self.sessions.by_id.get_mut(&id) else {
            return;
        };
        let old = std::mem::replace(&mut managed.name, new.clone());
        self.sources.cancel_retry(id);
        managed.configure(config.clone());
        managed.reading = reading;
        log_event(&LogEvent::Renamed {
            old: &old,
            new: &self.sources.names(managed),
        });
        self.sources.read_unless_held(id, managed);
        if was_configured {
            self.sessions.by_name.remove(&old);
        }
        self.sessions.by_name.insert(new.clone(), id);
        self.sessions.update_policy(id, now);
    }

    /// Renames removed sessions to added ones that have the same source and API. `sessions` are
    /// those of the new configuration.
    pub(super) fn rename_in_place(
        &mut self,
        removed: &mut BTreeSet<SessionName>,
        added: &mut Vec<SessionName>,
        sessions: &BTreeMap<SessionName, SessionConfig>,
        now: Instant,
    ) {
        let mut places = BTreeMap::new();
        for name in removed.iter() {
            if let Some((id, managed)) = self.sessions.find_mut(name) {
                let place = (managed.config.token.clone(), managed.config.api.clone());
                places.insert(place, (id, name.clone()));
            }
        }
        added.retain(|name| {
            let Some(session) = sessions.get(name) else {
                return false;
            };
            let place = (session.token.clone(), session.api.clone());
            let Some((id, old)) = places.remove(&place) else {
                return true;
            };
            removed.remove(&old);
            self.rename(id, name, session, ReadingState::default(), now);
            false
        });
    }
}
