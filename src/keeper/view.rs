//! The state of a session at one instant, for observers.

use std::sync::Arc;
use std::time::Duration;

use super::event::{Death, FailureReason, TokenId};
use super::live_token::Risk;
use super::organisation::HostId;
use super::renewal::Renewals;
use super::schedule::IdleTimeout;
use super::session::{KeeperState, LastAnswer, Session, TokenEnding, TokenState};
use super::{BlockReason, ClientEnd, Expiry, Intent, Operation, Policy, Reset, SessionId, Touch};
use crate::time::Instant;

/// The state of a session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum State {
    /// The session has no token yet.
    Absent,
    /// The token is neither proven alive nor refused yet.
    Unproven,
    /// The token is alive.
    Alive,
    /// The token is alive, but no touch moves its idle deadline, so it ends then unless the
    /// application is active.
    Excluded,
    /// The token is alive, attempts fail and the deadline is nearer than the margin allows.
    AtRisk,
    /// The API answers, but not about the token.
    Blocked,
    /// The API refused the token although the intent was to keep it.
    Lost,
    /// The token idled out as intended.
    Lapsed,
    /// The daemon revoked the token.
    Revoked,
    /// The revocation of the token failed.
    NotRevoked,
    /// The token was left as it was when the session ended.
    Left,
}

impl State {
    /// All states, in the order in which a session goes through them.
    pub const ALL: [Self; 11] = [
        Self::Absent,
        Self::Unproven,
        Self::Alive,
        Self::Excluded,
        Self::AtRisk,
        Self::Blocked,
        Self::Lost,
        Self::Lapsed,
        Self::Revoked,
        Self::NotRevoked,
        Self::Left,
    ];

    /// Returns the word for people and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Unproven => "unproven",
            Self::Alive => "alive",
            Self::Excluded => "excluded",
            Self::AtRisk => "at risk",
            Self::Blocked => "blocked",
            Self::Lost => "lost",
            Self::Lapsed => "lapsed",
            Self::Revoked => "revoked",
            Self::NotRevoked => "not revoked",
            Self::Left => "left",
        }
    }
}

/// The state of a session, for observers.
#[derive(Clone, PartialEq, Debug)]
pub struct SessionView {
    /// The number of the session.
    pub id: SessionId,
    /// The API host of its token.
    pub host: HostId,
    /// Its policy.
    pub policy: Policy,
    /// Its state.
    pub state: State,
    /// The token by which people identify the session.
    pub token: Option<TokenId>,
    /// True if a newer token is not proven alive yet.
    pub is_newer_waiting: bool,
    /// The token before the present one, while the application may still use it, and true if it
    /// was seen to do so.
    pub earlier: Option<(TokenId, bool)>,
    /// The instant at which a new token is to be obtained.
    pub renew_at: Option<Instant>,
    /// The number of failed attempts to obtain a token since the last one was issued.
    pub mint_failures: u32,
    /// The reason for which answers do not concern the token.
    pub blocked: Option<BlockReason>,
    /// The number of failed attempts since the last success.
    pub failures: u32,
    /// The reason for which the last of them failed.
    pub failure: Option<FailureReason>,
    /// The next request, or the one in flight.
    pub next: Option<Next>,
    /// The last answer.
    pub last_answer: Option<LastAnswer>,
    /// The knowledge about the token, if it is alive.
    pub live: Option<LiveTokenView>,
    /// The circumstances of the token's refusal, if it was refused.
    pub death: Option<Death>,
}

/// The next request of a session, or the one in flight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Next {
    /// The instant at which the request is due; for one in flight, at which it is given up.
    pub at: Instant,
    /// The operation of the request.
    pub operation: Operation,
    /// True if the request is in flight.
    pub is_under_way: bool,
}

/// The knowledge about a living token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LiveTokenView {
    /// The instant at which the token was first proven alive.
    pub proven_at: Instant,
    /// The instant at which the server ends the token without a touch.
    pub deadline: Option<Instant>,
    /// The instant at which the next touch is due.
    pub touch_at: Option<Instant>,
    /// The instant from which the deadline is nearer than the margin allows.
    pub margin_at: Option<Instant>,
    /// The instant at which the last accepted touch was sent.
    pub touched_at: Option<Instant>,
    /// The effective idle timeout and its source.
    pub idle_timeout: IdleTimeout,
    /// The time from the next touch to the deadline: the longest outage from then on that the
    /// token survives.
    pub outage_budget: Option<Duration>,
    /// The knowledge about the effect of touches.
    pub reset: Reset,
    /// The touch in use.
    pub touch: Touch,
    /// The organisation's name.
    pub organisation: Option<Arc<str>>,
    /// The end of the token's lifetime.
    pub expiry: Option<Expiry>,
    /// The end of its OAuth client, if the API announces one.
    pub client_end: Option<ClientEnd>,
}

impl SessionView {
    /// Returns true if the session is ready: its token is proven alive and not past its margin. A
    /// lapsing session is always ready.
    #[must_use]
    pub fn is_ready(&self, now: Instant) -> bool {
        self.policy.intent == Intent::Lapse
            || self
                .live
                .as_ref()
                .is_some_and(|live| live.margin_at.is_none_or(|margin_at| now < margin_at))
    }

    /// Returns the longest outage from the next touch on that the token survives.
    ///
    /// Returns `None` unless the intent is to keep the token and touches move the deadline.
    #[must_use]
    pub fn outage_budget(&self) -> Option<Duration> {
        let live = self.live.as_ref()?;
        let is_touched = self.policy.intent == Intent::Keep && live.reset != Reset::Excluded;
        live.outage_budget.filter(|_| is_touched)
    }
}

impl Session {
    /// Returns the state of the session for observers.
    pub(super) fn view(
        &self,
        now: Instant,
        shared: &KeeperState,
        renewals: &Renewals,
    ) -> SessionView {
        let tries = match (&self.present, &self.candidate) {
            (TokenState::Alive(live), _) => Some(&live.tries),
            (_, Some(candidate)) => Some(&candidate.tries),
            (TokenState::Absent | TokenState::Ended(_), None) => None,
        };
        SessionView {
            id: self.id,
            host: self.host,
            policy: *self.policy,
            state: self.state(),
            token: self.token(),
            is_newer_waiting: self.candidate.is_some()
                && matches!(self.present, TokenState::Alive(_)),
            earlier: self
                .earlier
                .as_ref()
                .map(|earlier| (earlier.token, earlier.is_in_use)),
            renew_at: renewals.next_at(self.id),
            mint_failures: renewals.failures(self.id),
            blocked: tries.and_then(|tries| tries.blocked.as_deref().cloned()),
            failures: tries.map_or(0, |tries| tries.failures),
            failure: tries.and_then(|tries| tries.reason.as_deref().cloned()),
            next: self.next(now, shared),
            last_answer: self.last_answer,
            live: self.live_token_view(now, shared),
            death: self.death().cloned(),
        }
    }

    pub(super) fn state(&self) -> State {
        match (&self.present, &self.candidate) {
            (TokenState::Alive(live), _) if live.risk != Risk::None => State::AtRisk,
            (TokenState::Alive(live), _) if live.tries.blocked.is_some() => State::Blocked,
            (TokenState::Alive(live), _)
                if self.policy.intent == Intent::Keep && live.reset == Reset::Excluded =>
            {
                State::Excluded
            }
            (TokenState::Alive(_), _) => State::Alive,
            (_, Some(candidate)) if candidate.tries.blocked.is_some() => State::Blocked,
            (_, Some(_)) => State::Unproven,
            (TokenState::Absent, None) => State::Absent,
            (TokenState::Ended(ended), None) => match &ended.end {
                TokenEnding::Lost(_) => State::Lost,
                TokenEnding::Lapsed(_) => State::Lapsed,
                TokenEnding::Revoked => State::Revoked,
                TokenEnding::NotRevoked => State::NotRevoked,
                TokenEnding::Left => State::Left,
            },
        }
    }

    fn death(&self) -> Option<&Death> {
        match (&self.present, &self.candidate) {
            (TokenState::Ended(ended), None) => match &ended.end {
                TokenEnding::Lost(death) | TokenEnding::Lapsed(death) => Some(death),
                TokenEnding::Revoked | TokenEnding::NotRevoked | TokenEnding::Left => None,
            },
            (TokenState::Absent | TokenState::Alive(_) | TokenState::Ended(_), _) => None,
        }
    }

    fn live_token_view(&self, now: Instant, shared: &KeeperState) -> Option<LiveTokenView> {
        let TokenState::Alive(live) = &self.present else {
            return None;
        };
        let context = self.context(live.organisation, shared);
        let touch_at = live.touch_at(&context, now);
        let keeps = self.policy.intent == Intent::Keep;
        let schedule = live.schedule(&context);
        Some(LiveTokenView {
            proven_at: live.proven_at,
            deadline: live.deadline,
            touch_at,
            margin_at: live
                .deadline
                .filter(|_| keeps)
                .map(|deadline| schedule.margin_at(deadline)),
            touched_at: live.touched_at,
            idle_timeout: live.idle_timeout(&context),
            outage_budget: live
                .deadline
                .zip(touch_at)
                .map(|(deadline, at)| deadline.since(at)),
            reset: live.reset,
            touch: self.touch(live, shared, now),
            organisation: context.organisation.name.clone(),
            expiry: live.expiry,
            client_end: shared
                .client_ends
                .get(&self.id)
                .filter(|announced| announced.is_current)
                .map(|announced| announced.end),
        })
    }
}
