//! Takes in what the sources gave: a token for the keeper, or trouble to be told once.

use super::Daemon;
use super::sources::Reading;
use crate::keeper::{Instant, SessionId};
use crate::observe::words::Chain;
use crate::observe::{Notice, tell_notice};
use crate::token::{Identity, Read, SourceError, Token};

impl Daemon {
    /// Takes in what a session's source gave.
    pub(super) fn handle_reading(&mut self, reading: Reading, now: Instant) {
        let id = reading.id;
        self.sources.handle_end_of_reading(id);
        let Some(care) = self.cares.by_id.get_mut(&id) else {
            return;
        };
        if self.leaving.contains(&id) {
            return;
        }
        if reading.source != care.config.token {
            // The configuration names another place meanwhile.
            self.sources.read(id, &care.config.token);
            return;
        }
        let Some(result) = self.sources.handle_read(care, reading, now) else {
            return;
        };
        match result {
            Ok(read) => self.handle_read(id, read, now),
            Err(error) => self.handle_unreadable(id, &error, now),
        }
    }

    pub(super) fn handle_read(&mut self, id: SessionId, read: Read, now: Instant) {
        let Some(care) = self.cares.by_id.get_mut(&id) else {
            return;
        };
        care.reading.identity = read.identity;
        let told = read.warning.as_ref().map(|it| it.to_string().into());
        if care.reading.told != told {
            if let Some(warning) = &read.warning {
                tell_notice(&Notice::SourceExposed(&care.named(), warning));
            }
            care.reading.told = told;
        }
        self.take_token(id, read.token, read.identity, now);
    }

    /// Hands a token to the keeper, unless another session holds the same.
    fn take_token(
        &mut self,
        id: SessionId,
        token: Token,
        identity: Option<Identity>,
        now: Instant,
    ) {
        let fingerprint = token.fingerprint();
        let other = self.cares.other_holder(id, fingerprint);
        if other.is_some_and(|other| self.follow_renamed_file(other, id, identity, now)) {
            return;
        }
        if let Some(care) = self.cares.by_id.get_mut(&id)
            && let Some(other) = other
        {
            // To be read again when the other session has let go of it.
            care.reading.identity = None;
            self.waiting_for_token.insert(id);
            if care.reading.shared.replace(fingerprint) == Some(fingerprint) {
                return;
            }
            let of = |id| {
                self.cares
                    .by_id
                    .get(id)
                    .map(|care| (&care.name, care.policy().intent))
            };
            if let (Some(one), Some(other)) = (of(&id), of(&other)) {
                tell_notice(&Notice::Shared {
                    fingerprint,
                    one,
                    other,
                });
            }
            return;
        }
        self.waiting_for_token.remove(&id);
        if let Some(care) = self.cares.by_id.get_mut(&id) {
            care.reading.shared = None;
        }
        if let Some(generation) = self.keeper.handle_token(id, fingerprint, now) {
            self.cares.take(id, generation, token);
        }
        self.read_again_unless_held(id, now);
    }

    /// A token was let go of: who was refused it, because another session held it, may have it.
    pub(super) fn offer_again(&mut self) {
        for id in std::mem::take(&mut self.waiting_for_token) {
            if let Some(care) = self.cares.by_id.get(&id) {
                self.sources.read(id, &care.config.token);
            }
        }
    }

    pub(super) fn handle_unreadable(&mut self, id: SessionId, error: &SourceError, now: Instant) {
        let Some(care) = self.cares.by_id.get_mut(&id) else {
            return;
        };
        if error.is_absent() && self.pools.is_missing(&care.name) {
            // Whether it has gone is the pool's to say; if it comes back, the file system may not.
            self.read_again_unless_held(id, now);
            return;
        }
        let told = Chain(error).to_string().into();
        if care.reading.told.as_ref() != Some(&told) {
            let named = care.named();
            tell_notice(&match (error.is_absent(), care.has_token()) {
                (true, false) => Notice::Waiting(&named, error),
                (true, true) => Notice::SourceGone(&named),
                (false, _) => Notice::SourceFailed(&named, error),
            });
            care.reading.told = Some(told);
        }
        care.reading.identity = None;
        self.read_again_unless_held(id, now);
    }

    fn read_again_unless_held(&mut self, id: SessionId, now: Instant) {
        if let Some(care) = self.cares.by_id.get_mut(&id)
            && !care.has_token()
        {
            self.sources.read_again(id, care, now);
        }
    }
}
