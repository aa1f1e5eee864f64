//! One token under care: what it goes through, and the one request it may have in flight.

mod answer;
mod choose;
mod prove;
mod stop;
mod wake;
mod want;

use std::collections::VecDeque;
use std::time::Duration;

use fastrand::Rng;

use super::candidate::Candidate;
use super::event::{Death, Event, EventKind, TokenId};
use super::held::{Held, Outlook, Risk, Step};
use super::organisation::{HostId, OrganisationId, Organisations};
use super::policy::Limits;
use super::proof::Exclusions;
use super::{
    Command, Failure, Generation, Instant, Intent, Next, Operation, Outcome, Policy, SessionId,
    Ticket, Touch, Verdict,
};
use crate::token::Fingerprint;

pub use want::NoTouch;

pub(super) use stop::Stopping;

/// How much longer than its time limit an answer is waited for.
const OVERDUE_AFTER: Duration = Duration::from_secs(5);

/// What a session shares with all others.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) limits: Limits,
    pub(super) organisations: Organisations,
    /// Organisations whose timeouts were read and are not what they were.
    pub(super) changed: Vec<Change>,
    pub(super) rng: Rng,
    pub(super) events: VecDeque<Event>,
    pub(super) tickets: u64,
}

/// What was read of an organisation's timeouts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) organisation: OrganisationId,
    pub(super) news: News,
}

/// What is new about an organisation's timeouts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum News {
    /// They were read for the first time.
    Known,
    /// They are not what they were.
    Changed,
}

/// One token under care.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) host: HostId,
    pub(super) policy: Policy,
    pub(super) present: Present,
    /// A newer token, which takes the present one's place when it proves alive.
    pub(super) candidate: Option<Candidate>,
    pub(super) in_flight: Option<InFlight>,
    pub(super) last_sent_at: Option<Instant>,
    /// Whether the last request was to prove the newer token.
    pub(super) was_proving: bool,
    pub(super) last_answer: Option<LastAnswer>,
    /// The token that was refused last: not one further request with it.
    pub(super) refused: Option<Fingerprint>,
    pub(super) exclusions: Exclusions,
    /// The touch that was refused last though the token lived.
    pub(super) refused_touch: Option<Touch>,
    pub(super) generations: u32,
    pub(super) stopping: Option<Stopping>,
    /// Its place among those who are due.
    pub(super) due_at: Option<Instant>,
}

/// The session's token.
#[derive(Debug)]
pub(super) enum Present {
    /// There is none.
    Absent,
    /// It lives.
    Held(Box<Held>),
    /// It is of no more use.
    Ended(Ended),
}

/// A token that is of no more use.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) token: TokenId,
    pub(super) end: End,
}

/// How a token ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// Refused while it was to be kept.
    Lost(Death),
    /// Idled out as intended.
    Lapsed(Death),
    /// Revoked by us.
    Revoked,
    /// To be revoked by us, and not.
    NotRevoked,
    /// Left as it was.
    Left,
}

/// The request that is under way.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) ticket: Ticket,
    pub(super) operation: Operation,
    pub(super) purpose: Purpose,
    pub(super) sent_at: Instant,
    pub(super) give_up_at: Instant,
}

/// What a request is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// To prove a new token.
    Prove,
    /// The next step with a token that lives.
    Step(Step),
    /// To revoke a token.
    Revoke,
}

/// The last answer, for people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LastAnswer {
    /// What was asked.
    pub operation: Operation,
    /// The verdict's word.
    pub verdict: &'static str,
    /// The HTTP status.
    pub status: Option<u16>,
    /// When it came.
    pub at: Instant,
}

impl Session {
    pub(super) fn new(id: SessionId, host: HostId, policy: Policy) -> Self {
        Self {
            id,
            host,
            policy,
            present: Present::Absent,
            candidate: None,
            in_flight: None,
            last_sent_at: None,
            was_proving: false,
            last_answer: None,
            refused: None,
            exclusions: Exclusions::default(),
            refused_touch: None,
            generations: 0,
            stopping: None,
            due_at: None,
        }
    }

    /// The token people should know the session by.
    pub(super) fn token(&self) -> Option<TokenId> {
        match (&self.present, &self.candidate) {
            (Present::Held(held), _) => Some(held.token),
            (_, Some(candidate)) => Some(candidate.token),
            (Present::Ended(ended), None) => Some(ended.token),
            (Present::Absent, None) => None,
        }
    }

    /// Takes in a token that was read from the session's source.
    pub(super) fn offer(
        &mut self,
        fingerprint: Fingerprint,
        now: Instant,
        shared: &mut Shared,
    ) -> Option<Generation> {
        if self.stopping.is_some() || self.refused == Some(fingerprint) {
            return None;
        }
        match &self.present {
            Present::Held(held) if held.token.fingerprint == fingerprint => {
                self.drop_candidate();
                return None;
            }
            Present::Ended(ended) if ended.token.fingerprint == fingerprint => return None,
            Present::Absent | Present::Held(_) | Present::Ended(_) => {}
        }
        if self
            .candidate
            .as_ref()
            .is_some_and(|it| it.token.fingerprint == fingerprint)
        {
            return None;
        }
        self.drop_candidate();
        self.generations = self.generations.saturating_add(1);
        let token = TokenId {
            generation: Generation(self.generations),
            fingerprint,
        };
        self.candidate = Some(Candidate::new(token, now));
        self.tell(Some(token), EventKind::Found, now, shared);
        Some(token.generation)
    }

    /// The touch to use next: the preferred one, unless only the other is known to work.
    pub(super) fn touch(&self) -> Touch {
        let touch = self.exclusions.choose(self.policy.touch);
        let is_refused = self.refused_touch == Some(touch);
        if is_refused && !self.exclusions.has(touch.other()) {
            touch.other()
        } else {
            touch
        }
    }

    /// When the session wants attention.
    pub(super) fn wants_at(&self, now: Instant, shared: &Shared) -> Option<Instant> {
        if let Some(in_flight) = &self.in_flight {
            return Some(in_flight.give_up_at);
        }
        self.choose(now, shared).map(|choice| choice.at)
    }

    /// Sends what is due, if anything is.
    pub(super) fn send(&mut self, now: Instant, shared: &mut Shared) -> Option<Command> {
        if let Some(overdue) = self.overdue(now) {
            let outcome = Outcome {
                verdict: Verdict::Unreachable(Failure::TimedOut),
                status: None,
                date: None,
                correlation_id: None,
            };
            self.receive(overdue, &outcome, now, shared);
        }
        if self.in_flight.is_some() {
            return None;
        }
        let choice = self.choose(now, shared).filter(|choice| choice.at <= now)?;
        let time_limit = self.time_limit(&choice, now, shared);
        if let (Purpose::Step(Step::Touch), Present::Held(held)) =
            (choice.purpose, &mut self.present)
        {
            held.is_touch_wanted = false;
        }
        shared.tickets += 1;
        let ticket = Ticket {
            session: self.id,
            generation: choice.token.generation,
            number: shared.tickets,
        };
        self.last_sent_at = Some(now);
        self.was_proving = choice.purpose == Purpose::Prove;
        self.in_flight = Some(InFlight {
            ticket,
            operation: choice.operation,
            purpose: choice.purpose,
            sent_at: now,
            give_up_at: now + time_limit + OVERDUE_AFTER,
        });
        Some(Command {
            ticket,
            operation: choice.operation,
            sent_at: now,
            time_limit,
        })
    }

    /// What is known when the next step with a token that lives is chosen.
    pub(super) fn outlook<'a>(
        &'a self,
        organisation: OrganisationId,
        shared: &'a Shared,
    ) -> Outlook<'a> {
        let organisation = shared.organisations.of(organisation);
        Outlook {
            policy: &self.policy,
            limits: &shared.limits,
            organisation,
            is_reader: organisation.reader() == Some(self.id),
        }
    }

    /// Tells what happened.
    fn tell(&self, token: Option<TokenId>, kind: EventKind, at: Instant, shared: &mut Shared) {
        shared.events.push_back(Event {
            session: self.id,
            token,
            at,
            kind,
        });
    }

    /// The request that was never answered, not even by the daemon.
    fn overdue(&self, now: Instant) -> Option<Ticket> {
        let in_flight = self.in_flight.as_ref()?;
        (in_flight.give_up_at <= now).then_some(in_flight.ticket)
    }

    /// Forgets the newer token and what is in flight with it.
    fn drop_candidate(&mut self) {
        if let Some(candidate) = self.candidate.take()
            && self
                .in_flight
                .as_ref()
                .is_some_and(|it| it.ticket.generation == candidate.token.generation)
        {
            self.in_flight = None;
        }
    }

    /// Takes in that the organisation's timeouts are known, or are not what they were.
    pub(super) fn timeout_read(&mut self, news: News, shared: &Shared) {
        self.with_held(
            shared,
            match news {
                News::Known => Held::timeout_known,
                News::Changed => Held::timeout_changed,
            },
        );
    }

    /// Tells the token that lives, if one does, what is to be known of its idle timeout.
    fn with_held(&mut self, shared: &Shared, learn: impl FnOnce(&mut Held, &Outlook<'_>)) {
        match std::mem::replace(&mut self.present, Present::Absent) {
            Present::Held(mut held) => {
                let outlook = self.outlook(held.organisation, shared);
                learn(&mut held, &outlook);
                self.present = Present::Held(held);
            }
            other @ (Present::Absent | Present::Ended(_)) => self.present = other,
        }
    }

    /// What is asked next, for people.
    pub(super) fn next(&self, now: Instant, shared: &Shared) -> Option<Next> {
        if let Some(in_flight) = &self.in_flight {
            let operation = in_flight.operation;
            return Some(Next {
                at: in_flight.give_up_at,
                operation,
                is_under_way: true,
            });
        }
        let choice = self.choose(now, shared)?;
        Some(Next {
            at: choice.at,
            operation: choice.operation,
            is_under_way: false,
        })
    }

    /// Takes another policy; what was learned of the token stays.
    pub(super) fn change_policy(&mut self, policy: Policy, shared: &mut Shared) {
        if policy.touch != self.policy.touch {
            self.exclusions = Exclusions::default();
            self.refused_touch = None;
        }
        let intent_changed = policy.intent != self.policy.intent;
        let timeout_changed = policy.idle_timeout != self.policy.idle_timeout;
        self.policy = policy;
        if let Present::Held(held) = &mut self.present
            && intent_changed
        {
            held.is_touch_wanted = false;
            // A touch that was on trial belongs to the other intent.
            held.trial = None;
            held.risk = Risk::None;
            let may_read = policy.intent == Intent::Keep;
            shared
                .organisations
                .set_reading(self.id, held.organisation, may_read);
        }
        if timeout_changed {
            self.with_held(shared, Held::timeout_configured);
        }
    }
}
