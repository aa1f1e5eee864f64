//! Phrases the failures of obtaining new tokens, and the end of earlier ones.

use jiff::Timestamp;

use super::reason;
use crate::keeper::{
    ClientEnd, EarlierEnding, FailureReason, IssuerMismatch, IssuerPart, MintFailure,
};
use crate::token::Source;

/// Returns the reason for which no token is issued, with the remedy.
pub(crate) fn mint_failure(failure: &MintFailure, source: &Source) -> String {
    format!("{failure} ({source}); {}", mint_remedy(failure))
}

/// Returns what to do about a token that is not issued.
pub(crate) fn mint_remedy(failure: &MintFailure) -> &'static str {
    match failure {
        // The answer to the right credentials in the wrong region is the same.
        MintFailure::InvalidClient => {
            "check that this is the login host of the client's region, then the client's id and \
             secret; further attempts are made every 15m, and at once after `session-keepalive touch`"
        }
        MintFailure::WrongGrant => {
            "an administrator gives the OAuth client the grant type \"Client Credentials\""
        }
        MintFailure::Rejected(..) => {
            "check the OAuth client in the administration of the organisation"
        }
        MintFailure::Throttled(_) => "it is tried again later",
        MintFailure::NotTheLoginHost => "look for a proxy or a captive portal in front of it",
        MintFailure::Unreachable(_) => "it is retried; check the network and the proxy",
        MintFailure::SecretUnreadable(_) => "it is tried again",
        MintFailure::NothingNew => {
            "the program has to print a new token before the present one expires"
        }
    }
}

/// The remedy for an OAuth client that ends.
pub(crate) const OF_CLIENT_END: &str = "its tokens end with it: an administrator keeps the client, or the session needs a token of another one";

/// Returns the announced end of an OAuth client in words.
pub(crate) fn client_end(end: ClientEnd) -> String {
    let deleted = end.deleted_at.map(|at| {
        let at = Timestamp::from_millisecond(at.unix_milliseconds()).unwrap_or_default();
        format!(
            "is to be deleted at {}",
            at.strftime("%Y-%m-%d %H:%M:%S UTC")
        )
    });
    let inactive = end.is_inactive.then(|| "is inactive".to_owned());
    let parts: Vec<_> = inactive.into_iter().chain(deleted).collect();
    format!("its OAuth client {}", parts.join(" and "))
}

/// Returns the difference between the issuers of two tokens.
pub(crate) fn issuer_mismatch(mismatch: &IssuerMismatch) -> String {
    let part = match mismatch.part {
        IssuerPart::Organisation => "organisation",
        IssuerPart::Client => "OAuth client",
    };
    let IssuerMismatch { present, newer, .. } = mismatch;
    format!("of another {part} ({newer} instead of {present})")
}

/// Returns the end of an earlier token in words.
pub(crate) fn earlier_ended(ending: &EarlierEnding) -> String {
    match ending {
        EarlierEnding::Revoked => {
            "the earlier token is not used any more and was revoked".to_owned()
        }
        EarlierEnding::NotRevoked(failure) => not_revoked(failure),
        EarlierEnding::Left => "the earlier token was left to idle out or to expire".to_owned(),
        EarlierEnding::Ended => "the earlier token has ended".to_owned(),
    }
}

fn not_revoked(failure: &FailureReason) -> String {
    format!(
        "the earlier token was not revoked: {}; it lives until it idles out or expires",
        reason(failure)
    )
}
