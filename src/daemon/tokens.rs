//! Handles the events of the sources: passes a token that was read to the keeper, logs a problem
//! once, and adds and removes the sessions of a pool's files.

use super::Daemon;
use super::pools::PoolContents;
use super::sources::{Reading, SourceEvent};
use crate::config::{PoolConfig, SessionName};
use crate::keeper::{Offer, OnShutdown, SessionId};
use crate::log::{LogEvent, TokenEvent, log_event};
use crate::status::phrases::Chain;
use crate::time::Instant;
use crate::token::{Fingerprint, Read, SourceError, Token};

impl Daemon {
    /// Handles an event of the sources.
    pub(super) fn handle_source_event(&mut self, event: SourceEvent) {
        let now = self.machine.now();
        match event {
            SourceEvent::Changed(change) => self.sources.watch.handle_change(change, now),
            SourceEvent::Read(reading) => self.handle_reading(reading, now),
            SourceEvent::Probed(path, probed) => {
                self.sources
                    .handle_probed(&path, probed, &self.sessions, now);
            }
            SourceEvent::Listed(found) => self.handle_listed(found, now),
        }
    }

    /// Handles a reading of a session's source.
    fn handle_reading(&mut self, reading: Reading, now: Instant) {
        let id = reading.id;
        if !self.sessions.is_configured(id) {
            return;
        }
        let Some(managed) = self.sessions.by_id.get_mut(&id) else {
            return;
        };
        if reading.source != managed.config.token {
            // The source of the session was changed during the reading.
            self.sources.read(id, &managed.config.token);
            return;
        }
        if reading.is_outdated {
            self.sources.read(id, &managed.config.token);
        }
        let Some(result) = self.sources.handle_read(managed, reading, now) else {
            return;
        };
        match result {
            Ok(read) => self.handle_read(id, read, now),
            Err(error) => self.handle_unreadable(id, &error, now),
        }
    }

    pub(super) fn handle_read(&mut self, id: SessionId, read: Read, now: Instant) {
        let Some(managed) = self.sessions.by_id.get_mut(&id) else {
            return;
        };
        let trouble = read
            .warning
            .as_ref()
            .map(|warning| warning.to_string().into());
        if managed.reading.trouble != trouble {
            managed.reading.trouble = trouble;
            if let Some(warning) = &read.warning {
                let names = self.sources.names(managed);
                log_event(&LogEvent::SourceExposed(&names, warning));
            }
        }
        let fingerprint = read.token.fingerprint();
        let is_new = !managed.fingerprints().any(|known| known == fingerprint);
        let is_minting = managed.config.token.mint().is_some();
        let is_tried_again = std::mem::take(&mut managed.reading.is_tried_again);
        let is_unchanged = !is_tried_again
            && read.identity.is_some()
            && managed.reading.identity() == read.identity
            && managed.reading.fingerprint == Some(fingerprint);
        // A refused token is tried again if its file was written again, since the refusal may have
        // been temporary.
        let is_written_again = read.identity.is_some()
            && managed.reading.seen_as.is_some()
            && managed.reading.seen_as != read.identity;
        managed.reading.seen_as = read.identity;
        managed.reading.counts_as_changed = false;
        managed.reading.fingerprint = Some(fingerprint);
        if is_unchanged {
            self.sessions.ownership.handle_read(id, Some(fingerprint));
            // An unchanged file does not offer a token again that has ended.
            self.schedule_retry_unless_held(id, now);
        } else {
            let offer = if is_tried_again || is_written_again {
                Offer::Again
            } else {
                Offer::Seen
            };
            self.offer_token(id, read.token, offer, now);
            if is_new && is_minting {
                // It lay in a sink, so it may have been issued to an earlier client.
                self.sessions.keeper.handle_source_changed(id, now);
            }
        }
        if let Some(reported) = read.expiry {
            let expiry = self.expiry(reported, now);
            let keeper = &mut self.sessions.keeper;
            keeper.handle_expiry(id, fingerprint, expiry, now);
        }
        self.handle_program_ended(id, is_new, now);
        self.sessions.keeper.handle_source_known(id, now);
    }

    /// Passes a token to the keeper, unless another session holds the same token.
    pub(super) fn offer_token(&mut self, id: SessionId, token: Token, offer: Offer, now: Instant) {
        let fingerprint = token.fingerprint();
        self.sessions.ownership.handle_read(id, Some(fingerprint));
        self.carry_out_decisions(now);
        if !self.sessions.is_configured(id) {
            // A session that holds the token has taken this one's place.
            return;
        }
        let keeper = self.sessions.ownership.other_keeper(id, fingerprint);
        if let Some(managed) = self.sessions.by_id.get_mut(&id)
            && let Some(keeper) = keeper
        {
            // Without an identity, the file counts as changed when it is read again, after the
            // other session has dropped the token.
            managed.reading.counts_as_changed = true;
            self.sources.waiting_for_token.insert(id);
            let before = managed.reading.shared.replace(Box::new(fingerprint));
            if before.as_deref() == Some(&fingerprint) {
                return;
            }
            let describe = |id| {
                self.sessions
                    .by_id
                    .get(id)
                    .map(|managed| (&managed.name, managed.policy().intent))
            };
            if let (Some(own), Some(keeper)) = (describe(&id), describe(&keeper)) {
                log_event(&LogEvent::Shared {
                    fingerprint,
                    one: own,
                    other: keeper,
                });
            }
            return;
        }
        self.sources.waiting_for_token.remove(&id);
        if let Some(managed) = self.sessions.by_id.get_mut(&id) {
            managed.reading.shared = None;
        }
        self.log_earlier_revocation(id, fingerprint);
        let keeper = &mut self.sessions.keeper;
        if let Some(generation) = keeper.handle_token(id, fingerprint, offer, now) {
            self.sessions.add_token(id, generation, token);
            if let Some(managed) = self.sessions.by_id.get(&id) {
                self.others
                    .handle_token(id, fingerprint, &managed.config.api);
            }
        } else {
            self.sessions.handle_given_again(id, fingerprint);
        }
        self.schedule_retry_unless_held(id, now);
    }

    /// Logs that this daemon revoked the token earlier, if it did, before the API refuses the
    /// token.
    fn log_earlier_revocation(&mut self, id: SessionId, fingerprint: Fingerprint) {
        let wall = self.machine.wall_at(self.machine.now());
        let revoked = self.reporter.revocations.find(fingerprint, wall);
        let Some(managed) = self.sessions.by_id.get_mut(&id) else {
            return;
        };
        let revoked = revoked.map(|when| (fingerprint, when));
        if managed.revoked.as_deref() == revoked.as_ref() {
            return;
        }
        managed.revoked = revoked.map(Box::new);
        if let Some((fingerprint, when)) = managed.revoked.as_deref() {
            log_event(&LogEvent::Token(TokenEvent::RevokedBefore {
                session: &self.sources.names(managed),
                fingerprint: *fingerprint,
                when,
            }));
        }
    }

    pub(super) fn handle_unreadable(&mut self, id: SessionId, error: &SourceError, now: Instant) {
        let Some(managed) = self.sessions.by_id.get_mut(&id) else {
            return;
        };
        if managed.config.token.mint().is_some() {
            // There is no token of an earlier run to continue with, so a new one is issued.
            self.sessions.keeper.handle_source_known(id, now);
            return;
        }
        if error.is_unanswered() {
            // The content of the source is unknown, so it counts as before, or as unread.
        } else if error.is_absent() && self.sources.pools.of(&managed.name).is_some() {
            self.sessions.ownership.handle_missing(id);
        } else {
            self.sessions.ownership.handle_read(id, None);
        }
        if error.is_absent() && self.sources.pools.is_missing(&managed.name) {
            // The pool decides when the file counts as removed. The file is read again meanwhile,
            // since not every file system reports that it came back.
            self.schedule_retry_unless_held(id, now);
            return;
        }
        let trouble = Chain(error).to_string().into();
        if managed.reading.trouble.as_ref() != Some(&trouble) {
            let named = self.sources.names(managed);
            let is_waited_for = error.is_absent() || error.is_unanswered() && !managed.has_token();
            log_event(&match (is_waited_for, managed.has_token()) {
                (true, false) => LogEvent::Waiting(&named, error),
                (true, true) => LogEvent::SourceGone(&named),
                (false, _) => LogEvent::SourceFailed(&named, error),
            });
            managed.reading.trouble = Some(trouble);
        }
        if !error.is_unanswered() {
            managed.reading.counts_as_changed = true;
        }
        self.schedule_retry_unless_held(id, now);
        self.handle_program_ended(id, false, now);
    }

    fn schedule_retry_unless_held(&mut self, id: SessionId, now: Instant) {
        if let Some(managed) = self.sessions.by_id.get_mut(&id)
            && !managed.has_token()
        {
            self.sources.schedule_retry(id, managed, now);
        }
    }

    fn handle_listed(&mut self, found: PoolContents, now: Instant) {
        if self.stop.is_some() {
            return;
        }
        let configs = &self.config.pools;
        let listed = self
            .sources
            .handle_listed(found, configs, &self.sessions, now);
        let Some((pool, changes)) = listed else {
            return;
        };
        for member in &changes.removed {
            self.end_member(member, pool.on_removal(), now);
        }
        for member in &changes.added {
            self.begin_member(member, &pool, now);
        }
        for member in &changes.removed {
            self.reassign_name(member, now);
        }
        if !changes.removed.is_empty() {
            self.reporter.report_sessions(&self.sessions, now);
        }
    }

    fn begin_member(&mut self, member: &SessionName, pool: &PoolConfig, now: Instant) {
        let session = pool.session(member.as_str());
        let id = self.sessions.add(member.clone(), session, now);
        if let Some(view) = self.sessions.keeper.view(id, now) {
            self.reporter.systemd.handle_session(member, &view);
        }
        if let Some(managed) = self.sessions.by_id.get(&id) {
            // The file is watched before it is read, so that no change in between is missed.
            self.sources.watch_session(id, managed);
            self.sources.read(id, &managed.config.token);
        }
    }

    fn end_member(&mut self, member: &SessionName, on_shutdown: OnShutdown, now: Instant) {
        if let Some((id, managed)) = self.sessions.find_mut(member) {
            managed.is_file_gone = true;
            self.sources.unwatch_session(id, managed);
        }
        self.depart(member, on_shutdown, true, now);
    }

    /// Gives a free name to a pool that has a file of that name, which was ignored until then.
    pub(super) fn reassign_name(&mut self, name: &SessionName, now: Instant) {
        let configs = &self.config.pools;
        let pools = &mut self.sources.pools;
        let pool = pools.admit(name, configs, &self.sessions.by_name);
        if let Some(pool) = pool.and_then(|pool| configs.get(&pool)).cloned() {
            self.begin_member(name, &pool, now);
        }
    }
}
