//! Logs facts about tokens that come from an earlier process or from another daemon.

use std::io;
use std::path::Path;

use tracing::{error, info, warn};

use crate::config::SessionName;
use crate::log::{SessionNames, TARGET};
use crate::status::phrases::{Chain, new_token};
use crate::token::Fingerprint;

/// A fact about a token that neither its source nor the API reports.
#[derive(Debug)]
pub enum TokenEvent<'a> {
    /// A session's source holds a token that this daemon revoked earlier.
    RevokedBefore {
        /// The session.
        session: &'a SessionNames<'a>,
        /// The token.
        fingerprint: Fingerprint,
        /// The time of the revocation, in words.
        when: &'a str,
    },
    /// Another daemon also holds the token.
    HeldElsewhere {
        /// The session of this daemon.
        session: &'a SessionName,
        /// The token.
        fingerprint: Fingerprint,
        /// The other daemon, in words.
        other: &'a str,
        /// True if the other daemon revokes the token when it stops.
        is_revoked_there: bool,
    },
    /// A token was issued for a session, which does not use it.
    Unwanted {
        /// The session.
        session: &'a SessionName,
        /// The token.
        fingerprint: Fingerprint,
        /// The reason for which it is not used.
        reason: UnwantedReason,
        /// The verdict of the last attempt to revoke it; `None` if it was revoked.
        failure: Option<&'static str>,
    },
    /// A login host did not answer before the stop ended.
    MintUnanswered,
    /// The list of revoked tokens cannot be kept across a restart.
    RevocationsForgotten {
        /// The file that cannot be used.
        path: &'a Path,
        /// The system's error.
        cause: &'a io::Error,
    },
}

/// The reason for which a session does not use a token that was issued for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnwantedReason {
    /// The session had ended, got another source or was ending with the daemon by then.
    TooLate,
    /// It is of another organisation or OAuth client than the session's living token.
    OtherIssuer,
}

impl UnwantedReason {
    fn as_str(self) -> &'static str {
        match self {
            Self::TooLate => "was obtained too late to be used",
            Self::OtherIssuer => "has another issuer and is not used",
        }
    }
}

pub(super) fn log(event: &TokenEvent<'_>) {
    match *event {
        TokenEvent::RevokedBefore {
            session,
            fingerprint,
            when,
        } => {
            let name = session.name.as_str();
            warn!(target: TARGET, event = "revoked_before", session = name, %fingerprint,
                "{name}: the token {fingerprint} is no longer valid: {when}; {}", new_token(session.source, session.pickup));
        }
        TokenEvent::HeldElsewhere {
            session,
            fingerprint,
            other,
            is_revoked_there,
        } => held_elsewhere(session, fingerprint, other, is_revoked_there),
        TokenEvent::Unwanted {
            session,
            fingerprint,
            reason,
            failure: None,
        } => {
            let reason = reason.as_str();
            info!(target: TARGET, event = "unwanted_revoked", session = session.as_str(), %fingerprint,
                "{session}: the token {fingerprint}, which {reason}, was revoked");
        }
        TokenEvent::Unwanted {
            session,
            fingerprint,
            reason,
            failure: Some(failure),
        } => {
            let reason = reason.as_str();
            error!(target: TARGET, event = "unwanted_not_revoked", session = session.as_str(), %fingerprint, failure,
                "{session}: the token {fingerprint} {reason} and could not be revoked ({failure}): it lives until it idles out or expires");
        }
        TokenEvent::MintUnanswered => {
            warn!(target: TARGET, event = "mint_unanswered",
                "a login host did not answer before the stop ended: a token that it may have issued lives until it idles out or expires");
        }
        TokenEvent::RevocationsForgotten { path, cause } => {
            warn!(target: TARGET, event = "revocations_forgotten",
                "{} cannot be used, so a token that is revoked when the daemon stops is not recognised at the next start: {}",
                path.display(), Chain(cause));
        }
    }
}

fn held_elsewhere(
    session: &SessionName,
    fingerprint: Fingerprint,
    other: &str,
    is_revoked_there: bool,
) {
    let what_follows = if is_revoked_there {
        "this daemon does not revoke it, but the other one does when it stops; set on_shutdown = \"leave\" there, or each needs its own token"
    } else {
        "this daemon does not revoke it"
    };
    warn!(target: TARGET, event = "held_elsewhere", session = session.as_str(), %fingerprint,
        "{session}: the token {fingerprint} is also held by {other}: {what_follows}");
}
