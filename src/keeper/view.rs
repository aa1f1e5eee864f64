//! What observers see of a session at one moment.

use std::sync::Arc;
use std::time::Duration;

use super::event::{Death, TokenId};
use super::held::Risk;
use super::organisation::HostId;
use super::schedule::IdleTimeout;
use super::session::{End, LastAnswer, Present, Session, Shared};
use super::{Blockage, Instant, Intent, Operation, Policy, Reset, SessionId, Touch};

/// What a session goes through.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum State {
    /// There is no token yet.
    Absent,
    /// Nothing was heard about the token yet.
    Unproven,
    /// The token lives.
    Held,
    /// The token lives, tries are failing and the deadline is nearer than the margin allows.
    AtRisk,
    /// The API answers, but not about the token.
    Blocked,
    /// The token was refused while it was to be kept.
    Lost,
    /// The token idled out as intended.
    Lapsed,
    /// The token was revoked by us.
    Revoked,
    /// The token was to be revoked and was not.
    NotRevoked,
    /// The token was left as it is when the session ended.
    Left,
}

impl State {
    /// Every state, in the order in which a session meets them.
    pub const ALL: [Self; 10] = [
        Self::Absent,
        Self::Unproven,
        Self::Held,
        Self::AtRisk,
        Self::Blocked,
        Self::Lost,
        Self::Lapsed,
        Self::Revoked,
        Self::NotRevoked,
        Self::Left,
    ];

    /// The word for people and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Unproven => "unproven",
            Self::Held => "held",
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

/// What observers see of a session.
#[derive(Clone, PartialEq, Debug)]
pub struct SessionView {
    /// The session.
    pub id: SessionId,
    /// Where its token belongs.
    pub host: HostId,
    /// What it is to get.
    pub policy: Policy,
    /// What it goes through.
    pub state: State,
    /// The token people should know it by.
    pub token: Option<TokenId>,
    /// Whether a newer token waits to be proven.
    pub is_newer_waiting: bool,
    /// What is in the way.
    pub blocked: Option<Blockage>,
    /// How many tries failed since the last success.
    pub failures: u32,
    /// When something is asked next, and what.
    pub next: Option<Next>,
    /// The last answer.
    pub last_answer: Option<LastAnswer>,
    /// What is known of the token, if it lives.
    pub held: Option<HeldView>,
    /// Why it ended, if it did.
    pub death: Option<Death>,
}

/// What is asked next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Next {
    /// When; or until when an answer is waited for.
    pub at: Instant,
    /// What.
    pub operation: Operation,
    /// Whether it is under way already.
    pub is_under_way: bool,
}

/// What is known of a token that lives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeldView {
    /// When it was first proven alive.
    pub proven_at: Instant,
    /// When the server will end it if nobody touches it.
    pub deadline: Option<Instant>,
    /// When the next touch is due.
    pub touch_at: Option<Instant>,
    /// When the deadline is nearer than the margin allows.
    pub margin_at: Option<Instant>,
    /// When the last accepted touch was sent.
    pub touched_at: Option<Instant>,
    /// How long the token may idle, and where this is known from.
    pub idle_timeout: IdleTimeout,
    /// How long the server may be away from the next touch on.
    pub outage_budget: Option<Duration>,
    /// Whether touches count.
    pub reset: Reset,
    /// The touch in use.
    pub touch: Touch,
    /// The organisation's name.
    pub organisation: Option<Arc<str>>,
}

impl SessionView {
    /// Whether the session is as it should be: proven alive in its present generation,
    /// and not past its margin. Lapsing sessions are always.
    #[must_use]
    pub fn is_ready(&self, now: Instant) -> bool {
        self.policy.intent == Intent::Lapse
            || self
                .held
                .as_ref()
                .is_some_and(|held| held.margin_at.is_none_or(|margin_at| now < margin_at))
    }
}

impl Session {
    /// What observers see of the session.
    pub(super) fn view(&self, now: Instant, shared: &Shared) -> SessionView {
        let tries = match (&self.present, &self.candidate) {
            (Present::Held(held), _) => Some(&held.tries),
            (_, Some(candidate)) => Some(&candidate.tries),
            (Present::Absent | Present::Ended(_), None) => None,
        };
        SessionView {
            id: self.id,
            host: self.host,
            policy: self.policy,
            state: self.state(),
            token: self.token(),
            is_newer_waiting: self.candidate.is_some() && matches!(self.present, Present::Held(_)),
            blocked: tries.and_then(|tries| tries.blocked.clone()),
            failures: tries.map_or(0, |tries| tries.failures),
            next: self.next(now, shared),
            last_answer: self.last_answer,
            held: self.held_view(now, shared),
            death: self.death().cloned(),
        }
    }

    pub(super) fn state(&self) -> State {
        match (&self.present, &self.candidate) {
            (Present::Held(held), _) if held.risk != Risk::None => State::AtRisk,
            (Present::Held(held), _) if held.tries.blocked.is_some() => State::Blocked,
            (Present::Held(_), _) => State::Held,
            (_, Some(candidate)) if candidate.tries.blocked.is_some() => State::Blocked,
            (_, Some(_)) => State::Unproven,
            (Present::Absent, None) => State::Absent,
            (Present::Ended(ended), None) => match &ended.end {
                End::Lost(_) => State::Lost,
                End::Lapsed(_) => State::Lapsed,
                End::Revoked => State::Revoked,
                End::NotRevoked => State::NotRevoked,
                End::Left => State::Left,
            },
        }
    }

    fn death(&self) -> Option<&Death> {
        match (&self.present, &self.candidate) {
            (Present::Ended(ended), None) => match &ended.end {
                End::Lost(death) | End::Lapsed(death) => Some(death),
                End::Revoked | End::NotRevoked | End::Left => None,
            },
            (Present::Absent | Present::Held(_) | Present::Ended(_), _) => None,
        }
    }

    fn held_view(&self, now: Instant, shared: &Shared) -> Option<HeldView> {
        let Present::Held(held) = &self.present else {
            return None;
        };
        let outlook = self.outlook(held.organisation, shared);
        let touch_at = held.touch_at(&outlook, now);
        let keeps = self.policy.intent == Intent::Keep;
        let schedule = held.schedule(&outlook);
        Some(HeldView {
            proven_at: held.proven_at,
            deadline: held.deadline,
            touch_at,
            margin_at: held
                .deadline
                .filter(|_| keeps)
                .map(|it| schedule.margin_at(it)),
            touched_at: held.touched_at,
            idle_timeout: held.idle_timeout(&outlook),
            outage_budget: held
                .deadline
                .zip(touch_at)
                .map(|(deadline, at)| deadline.since(at)),
            reset: held.reset,
            touch: self.touch(),
            organisation: outlook.organisation.name.clone(),
        })
    }
}
