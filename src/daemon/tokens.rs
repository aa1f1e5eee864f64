//! Takes in what the sources gave: a token for the keeper, or trouble to be told once.

use super::Daemon;
use super::sources::Reading;
use crate::keeper::{Instant, SessionId};
use crate::observe::{Notice, tell_notice};
use crate::token::{Read, SourceError, Token};

impl Daemon {
    /// Takes in what a session's source gave.
    pub(super) fn handle_reading(&mut self, reading: Reading, now: Instant) {
        let id = reading.0;
        let Some(care) = self.cares.by_id.get_mut(&id) else {
            return;
        };
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
        let told = read.warning.as_ref().map(ToString::to_string);
        if care.reading.told != told {
            if let Some(warning) = &read.warning {
                tell_notice(&Notice::SourceExposed(&care.named(), warning));
            }
            care.reading.told = told;
        }
        self.take_token(id, read.token, now);
    }

    /// Hands a token to the keeper, unless another session holds the same.
    fn take_token(&mut self, id: SessionId, token: Token, now: Instant) {
        let fingerprint = token.fingerprint();
        if let Some(other) = self.cares.other_holder(id, fingerprint) {
            let of = |id| {
                self.cares
                    .by_id
                    .get(id)
                    .map(|care| (&care.name, care.config.intent))
            };
            if let (Some(one), Some(other)) = (of(&id), of(&other)) {
                tell_notice(&Notice::Shared {
                    fingerprint,
                    one,
                    other,
                });
            }
        } else if let Some(generation) = self.keeper.handle_token(id, fingerprint, now) {
            self.cares.take(id, generation, token);
        }
        self.read_again_unless_held(id, now);
    }

    pub(super) fn handle_unreadable(&mut self, id: SessionId, error: &SourceError, now: Instant) {
        let Some(care) = self.cares.by_id.get_mut(&id) else {
            return;
        };
        let told = error.to_string();
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
