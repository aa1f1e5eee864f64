//! Wipes what is left of a token that is of no use any more: the connections that carried it.
//!
//! The token itself, its header and everything else that was allocated for a request is
//! wiped when it is freed. But an HTTP/1.1 connection keeps the buffer of its last
//! request for the next one, so it is closed, and its buffer wiped with it.

use std::time::Duration;

use super::Daemon;
use crate::keeper::Instant;

/// How long a connection may outlive a token. Tokens that go together, or one after the
/// other as in a large installation, cost one handshake and not each one.
const CLOSE_AFTER: Duration = Duration::from_secs(2);

/// Whether and when connections are to be closed.
#[derive(Default)]
pub(super) struct Residue {
    close_at: Option<Instant>,
}

impl Residue {
    /// When [`Daemon::wipe_residue`] has something to do.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.close_at
    }
}

impl Daemon {
    /// Closes the connections once a token has gone. Requests in flight keep theirs
    /// until they are done.
    pub(super) fn wipe_residue(&mut self, now: Instant) {
        if self.cares.take_gone() {
            self.residue.close_at.get_or_insert(now + CLOSE_AFTER);
            self.offer_again();
        }
        if self.residue.close_at.take_if(|at| *at <= now).is_some() {
            self.drop_connections();
        }
    }
}
