//! The state machine of one session: its token, a newer token, and its one request in flight.

mod answer;
mod prove;
mod renew;
mod stop;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
pub(super) use stop::PendingRevocations;

use super::backoff::{RefusedRequest, TIME_LIMIT_MIN, soon};
use super::candidate::Candidate;
use super::event::{Death, Event, EventKind, TokenId};
use super::live_token::{Context, FailedTouches, LiveToken, NextStep, Risk};
use super::organisation::{HostId, OrganisationId, Organisations};
use super::overlap::EarlierToken;
use super::policy::Limits;
use super::queues::QueuePlace;
use super::schedule::{IDLE_TIMEOUT_FALLBACK, IDLE_TIMEOUT_MAX};
use super::{
    ClientEnd, Command, Failure, Generation, Intent, Next, Operation, Outcome, Policy, SessionId,
    State, Ticket, Touch, TouchPreference, Verdict,
};
use crate::time::Instant;
use crate::token::Fingerprint;

/// The time after a request's time limit at which it is given up, should the daemon never report
/// its outcome.
const OVERDUE_AFTER: Duration = Duration::from_secs(5);

/// The occasion on which a token is offered to a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offer {
    /// The source was read; it may hold the same token as before.
    Seen,
    /// The source was written again, or an operator requested another attempt: a refused token is
    /// tried once more.
    Again,
}

/// The state that all sessions share.
#[derive(Debug)]
pub(super) struct KeeperState {
    pub(super) limits: Limits,
    pub(super) organisations: Organisations,
    /// The changes of organisations' timeouts that their members do not know yet.
    pub(super) changed: Vec<TimeoutChange>,
    pub(super) rng: Rng,
    /// The ends that were announced for the OAuth clients of sessions' tokens.
    pub(super) client_ends: BTreeMap<SessionId, AnnouncedEnd>,
    pub(super) events: VecDeque<Event>,
    pub(super) tickets: u64,
}

/// The end of an OAuth client that was announced for a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct AnnouncedEnd {
    pub(super) end: ClientEnd,
    /// False if a later answer reported no end. It stays known, so that servers which disagree do
    /// not cause an announcement each time.
    pub(super) is_current: bool,
}

/// A change of the knowledge about an organisation's timeouts.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeoutChange {
    pub(super) organisation: OrganisationId,
    pub(super) update: TimeoutUpdate,
}

/// The kind of a [`TimeoutChange`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TimeoutUpdate {
    /// The timeouts were read for the first time.
    Known,
    /// The timeouts cannot be read.
    Unreadable,
    /// The timeouts differ from the previous reading.
    Changed,
}

/// The token of one source, its policy and its request in flight.
///
/// There may be a million sessions: what few of them have at a time is in a box.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) host: HostId,
    /// Sessions that were added one after the other share equal policies.
    pub(super) policy: Arc<Policy>,
    pub(super) present: TokenState,
    /// A newer token, which replaces the present one once it is proven alive.
    pub(super) candidate: Option<Box<Candidate>>,
    /// The token before the present one, which the application may still use.
    pub(super) earlier: Option<Box<EarlierToken>>,
    /// The revocation of an earlier token that is not used any more.
    pub(super) release: Option<Box<PendingRevocations>>,
    /// True once the source was read or found empty; no new token is obtained before that.
    pub(super) is_source_known: bool,
    /// The lifetime of the last token with a known expiry.
    pub(super) lifetime: Option<Duration>,
    /// The instant of the next announcement, as it stands in the keeper's queue.
    pub(super) announce_at: Option<Instant>,
    pub(super) in_flight: Option<InFlight>,
    pub(super) last_sent_at: Option<Instant>,
    /// True if the last request was made to prove the newer token.
    pub(super) was_proving: bool,
    pub(super) last_answer: Option<LastAnswer>,
    /// The token that was refused last; no further request uses it.
    pub(super) refused: Option<Fingerprint>,
    /// The last new token of another issuer than the living one, and the instant of the answer.
    pub(super) mismatched: Option<Box<(Fingerprint, Instant)>>,
    /// The organisation for which [`EventKind::Excluded`] was emitted.
    pub(super) exclusion_reported: Option<OrganisationId>,
    pub(super) generations: u32,
    pub(super) stopping: Option<Box<PendingRevocations>>,
    /// The session's place in the queues of its host.
    pub(super) place: Option<QueuePlace>,
}

/// The session's token.
#[derive(Debug)]
pub(super) enum TokenState {
    /// The session has no token yet.
    Absent,
    /// The token is alive.
    Alive(Box<LiveToken>),
    /// The token cannot or must not be used any more.
    Ended(Box<EndedToken>),
}

/// A token that cannot or must not be used any more.
#[derive(Debug)]
pub(super) struct EndedToken {
    pub(super) token: TokenId,
    pub(super) end: TokenEnding,
}

/// The way in which a token ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TokenEnding {
    /// The API refused the token although the intent was to keep it.
    Lost(Death),
    /// The token idled out as intended.
    Lapsed(Death),
    /// The daemon revoked the token.
    Revoked,
    /// The revocation failed.
    NotRevoked,
    /// The token was left as it was.
    Left,
}

/// The request whose answer is awaited.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) ticket: Ticket,
    pub(super) operation: Operation,
    pub(super) purpose: RequestPurpose,
    pub(super) sent_at: Instant,
    /// The time for which the request had been due before it was sent, while no other request of
    /// the session was in flight.
    pub(super) queued: Duration,
    pub(super) give_up_at: Instant,
}

/// The purpose of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RequestPurpose {
    /// Proves a new token alive.
    Prove,
    /// Performs the next step with a living token.
    Step(NextStep),
    /// Shows if the application still uses the earlier token.
    Overlap,
    /// Revokes the earlier token, or checks its revocation.
    Release,
    /// Revokes a token, or checks its revocation.
    Revoke,
}

/// A summary of the last answer, for people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LastAnswer {
    /// The operation of the request.
    pub operation: Operation,
    /// The verdict, as [`Verdict::as_str`] returns it.
    pub verdict: &'static str,
    /// The HTTP status.
    pub status: Option<u16>,
    /// The instant at which the answer arrived.
    pub at: Instant,
}

/// The next request of a session, its token and its instant.
pub(super) struct Choice {
    pub(super) at: Instant,
    pub(super) token: TokenId,
    pub(super) operation: Operation,
    pub(super) purpose: RequestPurpose,
}

/// The reason for not touching a token on request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoTouch {
    /// The intent is to let the token lapse; a touch would keep it alive.
    #[error("its intent is lapse, and a touch would keep it alive")]
    Lapsing,
    /// The session has no token that is proven alive.
    #[error("it is {}: there is no token that is known to live", .0.as_str())]
    NotAlive(State),
    /// The session is ending or has ended.
    #[error("it is being ended")]
    Ending,
}

impl Session {
    pub(super) fn new(id: SessionId, host: HostId, policy: Arc<Policy>) -> Self {
        Self {
            id,
            host,
            policy,
            present: TokenState::Absent,
            candidate: None,
            earlier: None,
            release: None,
            is_source_known: false,
            lifetime: None,
            announce_at: None,
            in_flight: None,
            last_sent_at: None,
            was_proving: false,
            last_answer: None,
            refused: None,
            mismatched: None,
            exclusion_reported: None,
            generations: 0,
            stopping: None,
            place: None,
        }
    }

    /// Returns the token by which people identify the session.
    pub(super) fn token(&self) -> Option<TokenId> {
        match (&self.present, &self.candidate) {
            (TokenState::Alive(live), _) => Some(live.token),
            (_, Some(candidate)) => Some(candidate.token),
            (TokenState::Ended(ended), None) => Some(ended.token),
            (TokenState::Absent, None) => None,
        }
    }

    /// Handles a token that was read from the session's source. Returns its generation if it is
    /// new.
    pub(super) fn offer(
        &mut self,
        fingerprint: Fingerprint,
        offer: Offer,
        now: Instant,
        shared: &mut KeeperState,
    ) -> Option<Generation> {
        let is_known_dead = offer == Offer::Seen && self.refused == Some(fingerprint);
        if self.stopping.is_some() || is_known_dead {
            return None;
        }
        match &self.present {
            TokenState::Alive(live) if live.token.fingerprint == fingerprint => {
                self.drop_candidate();
                return None;
            }
            TokenState::Alive(_)
                if offer == Offer::Seen
                    && self
                        .mismatched
                        .as_ref()
                        .is_some_and(|known| known.0 == fingerprint) =>
            {
                // The next attempt comes later, as after another token.
                self.mismatched = Some(Box::new((fingerprint, now)));
                return None;
            }
            TokenState::Ended(ended)
                if ended.token.fingerprint == fingerprint && offer == Offer::Seen =>
            {
                return None;
            }
            TokenState::Absent | TokenState::Alive(_) | TokenState::Ended(_) => {}
        }
        let candidate = self.candidate.as_ref().map(|candidate| candidate.token);
        let earlier = self.earlier.as_ref().map(|earlier| earlier.token);
        let mut known = candidate.into_iter().chain(earlier);
        if known.any(|token| token.fingerprint == fingerprint) {
            return None;
        }
        self.drop_candidate();
        self.generations = self.generations.saturating_add(1);
        let token = TokenId {
            generation: Generation(self.generations),
            fingerprint,
        };
        self.candidate = Some(Box::new(Candidate::new(token, now)));
        self.emit(Some(token), EventKind::Found, now, shared);
        Some(token.generation)
    }

    /// Returns the touch to use next: the preferred one, unless only the other is known to work.
    /// After a failed touch it is the other one, which may get through where the first does not.
    pub(super) fn touch(&self, live: &LiveToken, shared: &KeeperState, now: Instant) -> Touch {
        let known = &shared.organisations.of(live.organisation).touches;
        let preferred = known.preferred(self.policy.touch, live.reset, now);
        let chosen = known.choose(preferred, now);
        let failed = live.failed_touches.last().map(|failed| failed.touch);
        let doubted = live.tries.doubt.as_ref().map(|doubt| doubt.request);
        let has_failed = failed == Some(chosen) || doubted == Some(RefusedRequest::Touch(chosen));
        // The knowledge about an exclusion may be outdated. After repeated failures an excluded
        // touch is therefore tried as well: it costs nothing, and it may be the one that works.
        let is_other_allowed = !known.is_excluded(chosen.other(), now)
            || !known.works(chosen, now)
            || live.tries.failures % 3 == 2;
        let is_other_preferred = live.wants_other_than(chosen)
            && !live.failed_touches.has(chosen.other())
            && !known.is_excluded(chosen.other(), now);
        if (has_failed && is_other_allowed) || (!has_failed && is_other_preferred) {
            chosen.other()
        } else {
            chosen
        }
    }

    /// Returns the session's place in the queues of its host, or `None` if it has no next request.
    pub(super) fn queue_place(&self, now: Instant, shared: &KeeperState) -> Option<QueuePlace> {
        if let Some(in_flight) = &self.in_flight {
            return Some(QueuePlace::InFlight(self.give_up_at(in_flight, shared)));
        }
        let choice = self.choose(now, shared)?;
        Some(match self.place {
            // A request that is due stays due since the same instant, whatever else changes.
            Some(QueuePlace::Ready { due_at, .. }) if choice.at <= now => QueuePlace::Ready {
                due_at,
                lost_at: self.lost_at(now),
            },
            _ => QueuePlace::Waiting(choice.at),
        })
    }

    /// Returns the instant at which a token of the session is lost without a request: its deadline,
    /// or the time limit of its revocation. If more requests are due at a host than it may have in
    /// flight, the earliest of these instants goes first.
    pub(super) fn lost_at(&self, now: Instant) -> Instant {
        if let Some(stopping) = &self.stopping {
            return stopping.until;
        }
        let live = match &self.present {
            // An unknown deadline counts as one whose touch has just become due.
            TokenState::Alive(live) if self.policy.intent == Intent::Keep => {
                live.deadline.or(Some(now + IDLE_TIMEOUT_FALLBACK / 2))
            }
            TokenState::Alive(_) => Some(now + IDLE_TIMEOUT_MAX),
            TokenState::Absent | TokenState::Ended(_) => None,
        };
        let candidate = self
            .candidate
            .as_ref()
            .map(|candidate| candidate.seen_at + IDLE_TIMEOUT_FALLBACK);
        let deadlines = live.into_iter().chain(candidate);
        deadlines.min().unwrap_or(now)
    }

    /// Returns the instant at which a request is given up: the end of its time limit, or the last
    /// attempt before the deadline if the request was sent before that.
    fn give_up_at(&self, in_flight: &InFlight, shared: &KeeperState) -> Instant {
        let TokenState::Alive(live) = &self.present else {
            return in_flight.give_up_at;
        };
        if in_flight.purpose == RequestPurpose::Revoke {
            return in_flight.give_up_at;
        }
        let context = self.context(live.organisation, shared);
        let soonest = in_flight.sent_at + shared.limits.floor;
        let last_try_at = live.last_try_at(&context, soonest);
        last_try_at.map_or(in_flight.give_up_at, |at| at.min(in_flight.give_up_at))
    }

    /// Returns the request that is due, if any, and records it as in flight.
    pub(super) fn send(&mut self, now: Instant, shared: &mut KeeperState) -> Option<Command> {
        if let Some(overdue) = self.overdue(now, shared) {
            let outcome = Outcome::without_answer(Verdict::Unreachable(Failure::TimedOut));
            self.receive(overdue, &outcome, now, shared);
        }
        if self.in_flight.is_some() {
            return None;
        }
        let choice = self.choose(now, shared).filter(|choice| choice.at <= now)?;
        let time_limit = self.time_limit(&choice, now, shared);
        if let RequestPurpose::Step(step) = choice.purpose {
            self.with_live_token(shared, |live, context| {
                live.record_absence(context, now);
                live.record_sent(step, now);
            });
        }
        shared.tickets += 1;
        let ticket = Ticket {
            session: self.id,
            generation: choice.token.generation,
            number: shared.tickets,
        };
        self.last_sent_at = Some(now);
        self.was_proving = choice.purpose == RequestPurpose::Prove;
        if let (RequestPurpose::Prove, Some(candidate)) = (choice.purpose, &mut self.candidate) {
            candidate.was_touched_last = matches!(choice.operation, Operation::Touch(_));
        }
        // The stop of the daemon waits for revocations, so these are given up sooner.
        let overdue_after = match choice.purpose {
            RequestPurpose::Revoke => TIME_LIMIT_MIN,
            RequestPurpose::Prove
            | RequestPurpose::Step(_)
            | RequestPurpose::Overlap
            | RequestPurpose::Release => OVERDUE_AFTER,
        };
        self.in_flight = Some(InFlight {
            ticket,
            operation: choice.operation,
            purpose: choice.purpose,
            sent_at: now,
            queued: match self.place {
                Some(QueuePlace::Ready { due_at, .. }) => now.since(due_at),
                Some(QueuePlace::Waiting(_) | QueuePlace::InFlight(_)) | None => Duration::ZERO,
            },
            give_up_at: now + time_limit + overdue_after,
        });
        Some(Command {
            ticket,
            operation: choice.operation,
            sent_at: now,
            time_limit,
        })
    }

    /// Returns the state beside the token on which the next step with it depends.
    pub(super) fn context<'a>(
        &'a self,
        organisation: OrganisationId,
        shared: &'a KeeperState,
    ) -> Context<'a> {
        let organisation = shared.organisations.of(organisation);
        Context {
            policy: &self.policy,
            limits: &shared.limits,
            organisation,
            is_reader: organisation.reader() == Some(self.id),
        }
    }

    /// Returns true if a request with this token may follow.
    pub(super) fn holds(&self, generation: Generation) -> bool {
        let ending = self.stopping.iter().flat_map(|ending| ending.tokens());
        let mut tokens = self.tokens().chain(ending);
        tokens.any(|token| token.generation == generation)
    }

    /// Returns the tokens of the session, without those that its end revokes.
    fn tokens(&self) -> impl Iterator<Item = TokenId> {
        let live = match &self.present {
            TokenState::Alive(live) => Some(live.token),
            TokenState::Absent | TokenState::Ended(_) => None,
        };
        let candidate = self.candidate.as_ref().map(|candidate| candidate.token);
        let earlier = self.earlier.as_ref().map(|earlier| earlier.token);
        let released = self.release.iter().flat_map(|release| release.tokens());
        let present = live.into_iter().chain(candidate);
        present.chain(earlier).chain(released)
    }

    /// Queues an event.
    fn emit(&self, token: Option<TokenId>, kind: EventKind, at: Instant, shared: &mut KeeperState) {
        shared.events.push_back(Event {
            session: self.id,
            token,
            at,
            kind,
        });
    }

    /// Returns the ticket of the request in flight if its time is over and the daemon has not
    /// reported an outcome.
    fn overdue(&self, now: Instant, shared: &KeeperState) -> Option<Ticket> {
        let in_flight = self.in_flight.as_ref()?;
        (self.give_up_at(in_flight, shared) <= now).then_some(in_flight.ticket)
    }

    /// Drops the newer token and its request in flight.
    fn drop_candidate(&mut self) {
        if let Some(candidate) = self.candidate.take()
            && self
                .in_flight
                .as_ref()
                .is_some_and(|in_flight| in_flight.ticket.generation == candidate.token.generation)
        {
            self.in_flight = None;
        }
    }

    /// Handles a change of the knowledge about the organisation's timeouts.
    pub(super) fn update_timeout(&mut self, update: TimeoutUpdate, shared: &KeeperState) {
        if let TokenState::Alive(live) = &mut self.present {
            live.record_setting();
        }
        self.with_live_token(
            shared,
            match update {
                TimeoutUpdate::Known => LiveToken::timeout_known,
                TimeoutUpdate::Unreadable => LiveToken::timeout_unreadable,
                TimeoutUpdate::Changed => LiveToken::timeout_changed,
            },
        );
    }

    /// Applies `update` to the living token, if the session has one.
    fn with_live_token(
        &mut self,
        shared: &KeeperState,
        update: impl FnOnce(&mut LiveToken, &Context<'_>),
    ) {
        match std::mem::replace(&mut self.present, TokenState::Absent) {
            TokenState::Alive(mut live) => {
                let context = self.context(live.organisation, shared);
                update(&mut live, &context);
                self.present = TokenState::Alive(live);
            }
            state @ (TokenState::Absent | TokenState::Ended(_)) => self.present = state,
        }
    }

    /// Returns the next request or the one in flight, for people.
    pub(super) fn next(&self, now: Instant, shared: &KeeperState) -> Option<Next> {
        if let Some(in_flight) = &self.in_flight {
            let operation = in_flight.operation;
            return Some(Next {
                at: self.give_up_at(in_flight, shared),
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

    /// Replaces the policy; the knowledge about the token stays.
    pub(super) fn change_policy(&mut self, policy: Arc<Policy>, shared: &mut KeeperState) {
        if policy.touch != self.policy.touch
            && let TokenState::Alive(live) = &mut self.present
        {
            // An operator who changes the preferred touch expects that it is tried, whatever the
            // keeper knows about it.
            let organisation = shared.organisations.of_mut(live.organisation);
            match policy.touch {
                TouchPreference::Auto => organisation.touches.forget_own_answer(),
                TouchPreference::Head => organisation.touches.include(Touch::Head),
                TouchPreference::Get => organisation.touches.include(Touch::Get),
            }
            live.failed_touches = FailedTouches::default();
        }
        let intent_changed = policy.intent != self.policy.intent;
        let timeout_changed = policy.idle_timeout != self.policy.idle_timeout;
        self.policy = policy;
        if let TokenState::Alive(live) = &mut self.present {
            live.record_setting();
        }
        if let TokenState::Alive(live) = &mut self.present
            && intent_changed
        {
            live.is_touch_requested = false;
            // A pending verification belongs to the previous intent.
            live.verification = None;
            live.risk = Risk::None;
            let may_read = self.policy.intent == Intent::Keep;
            shared
                .organisations
                .set_reading(self.id, live.organisation, may_read);
        }
        if timeout_changed {
            self.with_live_token(shared, LiveToken::timeout_configured);
        }
    }

    /// Returns the next request, due or not: the earlier one of the two tokens' next requests.
    pub(super) fn choose(&self, now: Instant, shared: &KeeperState) -> Option<Choice> {
        if let Some(stopping) = &self.stopping {
            return self.choose_revocation(stopping, now, shared);
        }
        let floor_at = self.floor_at(shared);
        let candidate = self.candidate.as_ref().map(|candidate| {
            let (at, operation) = candidate.next(&self.policy, floor_at, now);
            Choice {
                at,
                token: candidate.token,
                operation,
                purpose: RequestPurpose::Prove,
            }
        });
        let live = self.choose_for_live_token(floor_at, now, shared);
        let choice = match (live, candidate) {
            // If both are due, the tokens take turns.
            (Some(live), Some(candidate)) if live.at == candidate.at && self.was_proving => {
                Some(live)
            }
            (Some(live), Some(candidate)) if live.at < candidate.at => Some(live),
            (live, None) => live,
            (_, candidate) => candidate,
        };
        match (choice, self.choose_for_earlier(floor_at, now, shared)) {
            (Some(choice), Some(earlier)) if earlier.at < choice.at => Some(earlier),
            (None, earlier) => earlier,
            (choice, _) => choice,
        }
    }

    fn choose_for_live_token(
        &self,
        floor_at: Instant,
        now: Instant,
        shared: &KeeperState,
    ) -> Option<Choice> {
        let TokenState::Alive(live) = &self.present else {
            return None;
        };
        let context = self.context(live.organisation, shared);
        let (at, step) = live.next_step(&context, floor_at, now);
        Some(Choice {
            at,
            token: live.token,
            operation: match step {
                NextStep::Confirm | NextStep::Verify | NextStep::Peek => Operation::Peek,
                NextStep::Touch => Operation::Touch(self.touch(live, shared, at)),
                NextStep::ReadTimeout => Operation::ReadTimeout,
            },
            purpose: RequestPurpose::Step(step),
        })
    }

    /// Returns the earliest instant at which the session may send its next request.
    pub(super) fn floor_at(&self, shared: &KeeperState) -> Instant {
        self.last_sent_at
            .map_or(Instant::BOOT, |sent_at| sent_at + shared.limits.floor)
    }

    /// Returns the time limit of the request.
    pub(super) fn time_limit(
        &self,
        choice: &Choice,
        now: Instant,
        shared: &KeeperState,
    ) -> Duration {
        let longest = shared.limits.request_timeout;
        if let (RequestPurpose::Revoke, Some(stopping)) = (choice.purpose, &self.stopping) {
            let left = stopping.until.until(now);
            return left.min(stopping.attempt).min(longest).max(TIME_LIMIT_MIN);
        }
        let fit = match &self.present {
            TokenState::Alive(live) => live.fit(&self.context(live.organisation, shared)),
            TokenState::Absent | TokenState::Ended(_) => None,
        };
        fit.map_or(longest, |fit| fit.time_limit(now, longest))
    }

    /// Handles the request for a touch. A retry delay after a missing answer is cut short; a delay
    /// that the API asked for is not.
    pub(super) fn request_touch(
        &mut self,
        now: Instant,
        shared: &mut KeeperState,
    ) -> Result<(), NoTouch> {
        if self.stopping.is_some() {
            return Err(NoTouch::Ending);
        }
        if self.policy.intent == Intent::Lapse {
            return Err(NoTouch::Lapsing);
        }
        let state = self.state();
        match &mut self.present {
            TokenState::Alive(live) => {
                live.is_touch_requested = true;
                live.tries.network_changed(now, &mut shared.rng);
                Ok(())
            }
            TokenState::Absent | TokenState::Ended(_) => Err(NoTouch::NotAlive(state)),
        }
    }

    /// Handles a change of the network. Returns true if a retry is made sooner.
    ///
    /// A request in flight continues: it may be the one that gets through, and its connection
    /// attempt has a time limit of its own.
    pub(super) fn network_changed(&mut self, now: Instant, shared: &mut KeeperState) -> bool {
        let live = match &mut self.present {
            TokenState::Alive(live) => Some(&mut live.tries),
            TokenState::Absent | TokenState::Ended(_) => None,
        };
        let candidate = self.candidate.as_mut().map(|candidate| {
            // The proxy that answered before may not be on the new network, so that a peek can
            // prove the token alive.
            candidate.blocked_answers = 0;
            &mut candidate.tries
        });
        let stopping = self.stopping.as_mut().map(|stopping| &mut stopping.tries);
        let mut is_sooner = false;
        for tries in [live, candidate, stopping].into_iter().flatten() {
            is_sooner |= tries.network_changed(now, &mut shared.rng);
        }
        is_sooner
    }

    /// Handles the end of a suspension of the machine. A request in flight is dropped: its
    /// connection is dead, and waiting for its timeout would use up the time that is left.
    pub(super) fn handle_wake(&mut self, slept: Duration, now: Instant, shared: &mut KeeperState) {
        self.in_flight = None;
        self.network_changed(now, shared);
        let peek_at = soon(now, &mut shared.rng);
        self.with_live_token(shared, |live, context| {
            live.handle_resume(slept, context, peek_at, now);
        });
    }
}
