//! The events of sessions, for people and metrics: each occurrence is emitted once.

use std::sync::Arc;
use std::time::Duration;

use super::command::Operation;
use super::{
    Absence, BlockReason, ClientEnd, DeadlineBasis, Expiry, FailedRequests, Failure, Generation,
    MintFailure, Outcome, SessionId, TimeoutReport, Touch, Verdict,
};
use crate::time::Instant;
use crate::token::Fingerprint;

/// An event of a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// The session of the event.
    pub session: SessionId,
    /// The token that the event concerns, if there is one.
    pub token: Option<TokenId>,
    /// The instant of the event.
    pub at: Instant,
    /// The kind of the event, with its details.
    pub kind: EventKind,
}

/// The identity of one token of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TokenId {
    /// The number of the token among the session's tokens.
    pub generation: Generation,
    /// The only visible form of the token.
    pub fingerprint: Fingerprint,
}

/// The kind of an event, with its details.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EventKind {
    /// A request has an outcome, which may be a missing answer. Emitted for each request.
    Answered {
        /// The operation of the request.
        operation: Operation,
        /// The instant at which the request was sent.
        sent_at: Instant,
        /// The time for which the request had been due before it was sent, while no other request
        /// of the session was in flight.
        queued: Duration,
        /// The outcome of the request.
        outcome: Outcome,
    },
    /// A new token was found, which is not proven alive yet.
    Found,
    /// A request with a new token got no answer about it.
    Unanswered(FailureReason),
    /// The token was proven alive.
    Alive {
        /// True if the token replaces another one that was alive.
        replaces: bool,
    },
    /// A newer token was refused; the session keeps the earlier one.
    NewerRefused(Death),
    /// A newer token lives and belongs to another organisation or OAuth client; the session keeps
    /// the earlier one.
    NewerMismatched(Box<IssuerMismatch>),
    /// Attempts fail and the deadline is nearer than the margin allows.
    AtRisk(FailureReason),
    /// The idle deadline has passed without an accepted touch, but the server has not refused the
    /// token.
    PastDeadline(FailureReason),
    /// The API answers, but not about the token.
    Blocked(BlockReason),
    /// The token was at risk or blocked and is not any more.
    Recovered {
        /// The number of failed attempts before.
        failures: u32,
    },
    /// A 401 was not confirmed: the token is alive.
    Unconfirmed,
    /// A touch is refused although the token is alive; the other one is used.
    TouchRefused(Touch, FailureReason),
    /// A touch was accepted and did not move the deadline; the other one is tried.
    TouchExcluded(Touch),
    /// Neither touch moves the deadline: the organisation excludes these calls.
    Excluded,
    /// Touches move the deadline.
    ResetProven {
        /// The touch that moved the deadline.
        touch: Touch,
        /// True if the organisation seemed to exclude these calls before.
        was_excluded: bool,
    },
    /// The organisation's idle timeout was read for the first time, or changed.
    TimeoutRead(TimeoutReport),
    /// The token is not permitted to read the organisation's idle timeout, which is not a failure.
    /// The code of the answer is included.
    TimeoutNotPermitted(Arc<str>),
    /// The API refused the token although the intent was to keep it.
    Lost(Death),
    /// The token idled out as intended.
    Lapsed(Death),
    /// The token is revoked.
    Revoked {
        /// True if the API did not know the token before: nothing had to be revoked.
        was_gone: bool,
    },
    /// The revocation of the token failed.
    NotRevoked(FailureReason),
    /// The token was left as it was.
    Left,
    /// The expiry of the token comes nearer; nothing replaces the token before it.
    Expiring(Expiry),
    /// The OAuth client of the token is inactive or is to be deleted. Emitted once for each such state.
    ClientEnding(ClientEnd),
    /// A new token was issued for the session, which is not proven alive yet.
    Minted,
    /// No new token is issued. Emitted once for each kind of failure until a token is issued.
    MintFailed(MintFailure),
    /// The application uses the earlier token although a new one is proven alive.
    EarlierInUse,
    /// The earlier token is not used any more by this daemon.
    EarlierEnded(EarlierEnding),
}

/// The difference between the issuers of a session's token and of a newer one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IssuerMismatch {
    /// The part that differs.
    pub part: IssuerPart,
    /// The id of the session's token.
    pub present: Arc<str>,
    /// The id of the newer token.
    pub newer: Arc<str>,
}

/// A part of a token's issuer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IssuerPart {
    /// The organisation in which the token is used.
    Organisation,
    /// The OAuth client that the token was issued to.
    Client,
}

/// The way in which an earlier token ended after a newer one had replaced it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EarlierEnding {
    /// It was not used any more and was revoked.
    Revoked,
    /// It was not used any more, and its revocation failed.
    NotRevoked(FailureReason),
    /// It was left to idle out.
    Left,
    /// It idled out or expired.
    Ended,
}

/// The severity of an event to a person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// A person should look.
    Warning,
    /// A state changed.
    Change,
    /// Of interest to whoever looks for a cause.
    Detail,
}

impl EventKind {
    /// The words of all events but answers, of which the metrics count the verdicts.
    pub const WORDS: [&str; 29] = [
        "found",
        "unanswered",
        "alive",
        "replaced",
        "newer_refused",
        "newer_mismatched",
        "at_risk",
        "past_deadline",
        "blocked",
        "recovered",
        "unconfirmed",
        "touch_refused",
        "touch_excluded",
        "excluded",
        "reset_proven",
        "exclusion_ended",
        "timeout_read",
        "timeout_not_permitted",
        "lost",
        "lapsed",
        "revoked",
        "not_revoked",
        "left",
        "expiring",
        "client_ending",
        "minted",
        "mint_failed",
        "earlier_in_use",
        "earlier_ended",
    ];

    /// Returns the word for machines: in the log, metrics and hooks.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Answered { .. } => "answered",
            Self::Found => "found",
            Self::Unanswered(_) => "unanswered",
            Self::Alive { replaces: false } => "alive",
            Self::Alive { replaces: true } => "replaced",
            Self::NewerRefused(_) => "newer_refused",
            Self::NewerMismatched(_) => "newer_mismatched",
            Self::AtRisk(_) => "at_risk",
            Self::PastDeadline(_) => "past_deadline",
            Self::Blocked(_) => "blocked",
            Self::Recovered { .. } => "recovered",
            Self::Unconfirmed => "unconfirmed",
            Self::TouchRefused(..) => "touch_refused",
            Self::TouchExcluded(_) => "touch_excluded",
            Self::Excluded => "excluded",
            Self::ResetProven {
                was_excluded: false,
                ..
            } => "reset_proven",
            Self::ResetProven {
                was_excluded: true, ..
            } => "exclusion_ended",
            Self::TimeoutRead(_) => "timeout_read",
            Self::TimeoutNotPermitted(_) => "timeout_not_permitted",
            Self::Lost(_) => "lost",
            Self::Lapsed(_) => "lapsed",
            Self::Revoked { .. } => "revoked",
            Self::NotRevoked(_) => "not_revoked",
            Self::Left => "left",
            Self::Expiring(_) => "expiring",
            Self::ClientEnding(_) => "client_ending",
            Self::Minted => "minted",
            Self::MintFailed(_) => "mint_failed",
            Self::EarlierInUse => "earlier_in_use",
            Self::EarlierEnded(_) => "earlier_ended",
        }
    }

    /// Returns how much the event matters to a person.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::Unanswered(_)
            | Self::NewerRefused(_)
            | Self::NewerMismatched(_)
            | Self::AtRisk(_)
            | Self::PastDeadline(_)
            | Self::Blocked(_)
            | Self::Excluded
            | Self::Lost(_)
            | Self::NotRevoked(_)
            | Self::Expiring(_)
            | Self::ClientEnding(_)
            | Self::MintFailed(_)
            | Self::EarlierEnded(EarlierEnding::NotRevoked(_)) => Severity::Warning,
            Self::Alive { .. }
            | Self::Recovered { .. }
            | Self::TouchRefused(..)
            | Self::TouchExcluded(_)
            | Self::ResetProven {
                was_excluded: true, ..
            }
            | Self::Lapsed(_)
            | Self::Revoked { .. }
            | Self::Left
            | Self::EarlierInUse
            | Self::EarlierEnded(
                EarlierEnding::Revoked | EarlierEnding::Left | EarlierEnding::Ended,
            ) => Severity::Change,
            Self::Answered { .. }
            | Self::Found
            | Self::Minted
            | Self::Unconfirmed
            | Self::ResetProven {
                was_excluded: false,
                ..
            }
            | Self::TimeoutRead(_)
            | Self::TimeoutNotPermitted(_) => Severity::Detail,
        }
    }

    /// Returns the facts about the token's death, if the API refused the token.
    #[must_use]
    pub fn death(&self) -> Option<&Death> {
        if let Self::NewerRefused(death) | Self::Lost(death) | Self::Lapsed(death) = self {
            Some(death)
        } else {
            None
        }
    }

    /// Returns true if no further request is made with the token.
    #[must_use]
    pub fn ends_token(&self) -> bool {
        self.death().is_some()
            || matches!(
                self,
                Self::NewerMismatched(_)
                    | Self::Revoked { .. }
                    | Self::NotRevoked(_)
                    | Self::Left
                    | Self::EarlierEnded(_)
            )
    }
}

/// The reason for the failure of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FailureReason {
    /// No usable answer arrived.
    Unreachable(Failure),
    /// The API limited the rate of requests.
    Throttled {
        /// The delay that the API asks for, if it does.
        retry_after: Option<Duration>,
    },
    /// The answer did not come from the API, or did not concern the token.
    Blocked(BlockReason),
    /// The time limit passed.
    OutOfTime,
    /// The revocation was answered, and the token is still alive.
    StillAlive,
}

impl FailureReason {
    /// Returns the reason for which an outcome does not concern the token, if that is so.
    #[must_use]
    pub fn of(verdict: &Verdict) -> Option<Self> {
        match verdict {
            Verdict::Unreachable(failure) => Some(Self::Unreachable(failure.clone())),
            Verdict::Throttled { retry_after } => Some(Self::Throttled {
                retry_after: *retry_after,
            }),
            Verdict::Blocked(reason) => Some(Self::Blocked(reason.clone())),
            Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) | Verdict::Refused(_) => {
                None
            }
        }
    }

    /// Returns the reason for which a request had no usable answer.
    pub(super) fn of_missing(verdict: &Verdict) -> Self {
        Self::of(verdict).unwrap_or(Self::OutOfTime)
    }
}

/// The circumstances in which a token was refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Death {
    /// The correlation id of the refusal, which the vendor's support asks for.
    pub correlation_id: Option<Arc<str>>,
    /// The distance of the refusal from the idle deadline.
    pub idle: Idleness,
    /// The way in which the deadline was known; `None` if none was.
    pub basis: Option<DeadlineBasis>,
    /// The requests that failed after the last accepted touch.
    pub failed: Option<Box<FailedRequests>>,
    /// The time around the deadline in which no request was made although one was due.
    pub absence: Option<Absence>,
    /// The time from the last accepted touch to the refusal.
    pub since_touch: Option<Duration>,
    /// The time from the first sight of the token to the refusal.
    pub age: Duration,
    /// True if the token was ever proven alive.
    pub was_alive: bool,
    /// True if the last touch was proven to move the idle deadline, and nothing has cast doubt on
    /// that since.
    pub was_proven: bool,
    /// True if the organisation excludes these calls, as far as is known.
    pub excluded: bool,
    /// The expiry of the token, if it explains the refusal.
    pub expired: Option<Expiry>,
}

/// The distance of a refusal from the idle deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Idleness {
    /// The refusal came this long before the deadline.
    Before(Duration),
    /// The refusal came this long after the deadline.
    After(Duration),
    /// No deadline was known.
    Unknown,
}

impl Idleness {
    /// Compares a refusal with the deadline.
    pub(super) fn of(deadline: Option<Instant>, refused_at: Instant) -> Self {
        match deadline {
            Some(deadline) if refused_at < deadline => Self::Before(deadline.since(refused_at)),
            Some(deadline) => Self::After(refused_at.since(deadline)),
            None => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_at_the_deadline_is_idleness_and_one_before_it_is_not() {
        let seconds = |seconds| Instant::BOOT + Duration::from_secs(seconds);
        let idle = |refused_at| Idleness::of(Some(seconds(10)), seconds(refused_at));
        assert_eq!(idle(7), Idleness::Before(Duration::from_secs(3)));
        assert_eq!(idle(10), Idleness::After(Duration::ZERO));
        assert_eq!(idle(12), Idleness::After(Duration::from_secs(2)));
        assert_eq!(Idleness::of(None, seconds(10)), Idleness::Unknown);
    }
}
