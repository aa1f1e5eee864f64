//! Decides: what to ask, when, with which token, and what the answers mean for it.
//!
//! The keeper has no clock, network, file, log, task or randomness of its own.
//! `handle_*(.., now)` brings something in, `poll_*()` takes something out, and the
//! same inputs give the same outputs.
//!
//! # The rules
//!
//! Each is held by the test that is named beside it.
//!
//! 1. A session that is to lapse is only peeked at. Nothing else is asked with its token but the
//!    revocation, if that is configured: `a_lapsing_token_is_only_ever_peeked_at`,
//!    `a_lapsing_token_is_revoked_if_that_is_configured`.
//! 2. A token's first request is a peek, which disturbs nothing:
//!    `the_first_request_is_a_peek_and_then_the_timeout_is_read`.
//! 3. The organisation's timeout is read with a kept token at the start and with every refresh, and no
//!    answer to that is a failure: `the_timeout_is_read_again_with_every_refresh_and_by_one_session`,
//!    `who_may_not_read_the_timeout_leaves_it_to_another_and_loses_nothing`. The effective idle timeout
//!    is the configured one, the proven one, the least that the organisation enabled, or 300 s:
//!    `the_idle_timeout_is_configured_or_proven_or_the_organisations_or_300_seconds`. One that is
//!    proven to be shorter beats the configured one, and so does an organisation that has none as long:
//!    `a_configured_timeout_that_is_proven_too_long_is_not_followed`,
//!    `a_configured_timeout_that_is_longer_than_any_of_the_organisation_loses_no_token`. Where nothing
//!    idles out nothing is touched:
//!    `where_nothing_idles_out_the_token_is_peeked_at_slowly_and_never_touched`,
//!    `a_timeout_that_is_disabled_later_ends_the_touches`. No token is believed to have more time left
//!    than the longest of them: `a_wrong_date_loses_no_token_once_the_timeout_is_known`.
//! 4. A touch is due when the time left falls to the margin, less a jitter that draws it earlier:
//!    `a_touch_is_due_at_the_margin_or_a_little_earlier_and_never_later`. It moves with the activity of
//!    the application that shares the token: `a_touch_moves_with_the_activity_of_the_application`.
//! 5. Idle time counts from when an accepted request was sent:
//!    `idle_time_counts_from_when_an_accepted_request_was_sent`.
//! 6. A touch counts when a peek shows that the deadline moved: `the_first_touch_is_proven_by_a_peek`,
//!    `later_touches_are_proven_as_often_as_configured`. If HEAD does not move it, GET is tried, and if
//!    neither does, the operator is told: `where_head_does_not_count_get_is_used_from_then_on`,
//!    `where_neither_counts_the_operator_is_told_once`, and both are tried in turn:
//!    `an_exclusion_that_ends_for_one_touch_alone_is_noticed`.
//! 7. Failures are retried ever later, fitted into the time that is left:
//!    `failures_are_retried_ever_later_and_once_more_before_the_deadline`,
//!    `an_outage_as_long_as_the_margin_loses_nothing_whenever_it_begins`,
//!    `retry_after_is_honoured_but_for_one_last_try_before_the_deadline`. Only the API ends a token:
//!    `past_the_deadline_the_daemon_goes_on_asking_until_the_api_says_that_the_token_is_lost`.
//!    When the network changes, who heard nothing of the API asks again within a second and waits from
//!    the beginning: `who_was_not_heard_asks_within_a_second_of_a_change_of_the_network`, others do not:
//!    `a_change_of_the_network_moves_nobody_who_was_throttled_or_answered`. After the machine slept past
//!    the margin of a token, that is looked at before it is touched:
//!    `a_token_whose_margin_passed_in_sleep_is_looked_at_before_it_is_touched`,
//!    `one_that_died_in_sleep_costs_two_looks_and_no_touch`.
//! 8. Between two requests of a session lies a second, and one is in flight:
//!    `between_two_requests_of_a_session_lies_a_second_whatever_the_server_says`. The first try of a
//!    revocation alone does not wait: `a_stop_does_not_wait_for_what_is_in_flight_nor_for_the_floor`.
//! 9. A 401 is confirmed by one peek that reads its code; only `bad.credentials` ends a token, and then
//!    nothing more is asked: `a_refusal_is_confirmed_by_one_peek_and_then_nothing_more_is_asked`,
//!    `other_codes_block_and_are_told_once`, `a_refusal_without_a_code_is_no_death`.
//! 10. A new token becomes the session's when it proves alive, and late answers about the old one are
//!     dropped: `a_new_token_becomes_the_sessions_when_it_proves_alive`,
//!     `a_new_token_that_is_refused_leaves_the_old_one_held`,
//!     `an_answer_about_the_previous_token_is_dropped`.
//! 11. At the stop kept tokens are revoked and lapsing ones left, as configured, within the grace:
//!     `kept_tokens_are_revoked_and_lapsing_ones_are_left`,
//!     `a_revocation_that_fails_is_tried_again_within_the_grace`,
//!     `what_is_not_revoked_within_the_grace_is_given_up_and_told`, `a_hand_over_leaves_all_tokens`.
//!     A reload does not disturb what did not change:
//!     `a_changed_intent_is_followed_and_a_changed_margin_disturbs_nothing`.
//! 12. A token never gets here: the keeper knows fingerprints alone, and what it tells has no more:
//!     `nothing_the_keeper_tells_could_hold_a_token`.
//!
//! # Invariants
//!
//! *One request.* A session has one request in flight at the most, and its ticket is
//! the only one whose outcome is taken in.
//!
//! *One place.* A session that wants attention has exactly one place in `due`, which is
//! looked up again after everything that happens to it.
//!
//! *No surprise.* No number of a server is divided by or looped on; instants saturate.

mod backoff;
mod candidate;
mod command;
mod due;
mod event;
mod held;
mod instant;
mod intent;
mod organisation;
mod outcome;
mod plan;
mod policy;
mod proof;
mod schedule;
mod session;
mod view;

#[cfg(test)]
mod rules;
#[cfg(test)]
mod timeline;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

pub use command::{Command, Generation, Operation, SessionId, Ticket, Touch};
pub use event::{Death, Event, EventKind, Idleness, Obstacle, TokenId};
pub use instant::{Instant, ServerTime};
pub use intent::{Intent, OnShutdown};
pub use organisation::HostId;
pub use outcome::{
    Blockage, Failure, NotTheApi, Outcome, Refusal, TimeoutReport, TokenReport, Verdict,
};
pub use plan::{Bounds, Course, Flaw, Grade, Hourly, Load, Looks, Plan, Remedy, Share, Touches};
pub use policy::{Limits, Policy, Span};
pub use proof::Reset;
pub use schedule::{IdleTimeout, Margin, Schedule, TimeoutSource};
pub use session::{End, LastAnswer, NoTouch};
pub use view::{HeldView, Next, SessionView, State};

use crate::token::Fingerprint;
use due::Due;
use organisation::Organisations;
use session::{Session, Shared};

/// Decides for any number of sessions, organisations and hosts.
#[derive(Debug)]
pub struct Keeper {
    sessions: BTreeMap<SessionId, Session>,
    shared: Shared,
    due: Due,
    /// Sessions that are being ended, by the daemon's stop or by a reload.
    stopping: BTreeSet<SessionId>,
    /// Those of them that are to be forgotten when they ended.
    leaving: BTreeSet<SessionId>,
    next_id: u32,
}

impl Keeper {
    /// A keeper without sessions; equal seeds draw equal jitter.
    #[must_use]
    pub fn new(limits: Limits, seed: u64) -> Self {
        Self {
            sessions: BTreeMap::new(),
            shared: Shared {
                limits,
                organisations: Organisations::default(),
                changed: Vec::new(),
                rng: fastrand::Rng::with_seed(seed),
                events: VecDeque::new(),
                tickets: 0,
            },
            due: Due::default(),
            stopping: BTreeSet::new(),
            leaving: BTreeSet::new(),
            next_id: 0,
        }
    }

    /// Takes other limits, as after a reload.
    pub fn handle_limits(&mut self, limits: Limits, now: Instant) {
        self.shared.limits = limits;
        for id in self.ids() {
            self.settle(id, now);
        }
    }

    /// Takes a session under care; it is absent until it has a token.
    pub fn handle_added(&mut self, host: HostId, policy: Policy) -> SessionId {
        let id = SessionId(self.next_id);
        self.next_id += 1;
        self.sessions.insert(id, Session::new(id, host, policy));
        id
    }

    /// Changes what a session is to get; what is known of its token stays.
    pub fn handle_policy(&mut self, id: SessionId, policy: Policy, now: Instant) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.change_policy(policy, &mut self.shared);
            self.settle(id, now);
        }
    }

    /// Touches a session's token as soon as the floor and the API allow, whatever is due.
    ///
    /// # Errors
    ///
    /// [`NoTouch`]: why it is not touched.
    pub fn handle_touch_wanted(&mut self, id: SessionId, now: Instant) -> Result<(), NoTouch> {
        let session = self.sessions.get_mut(&id).ok_or(NoTouch::Ending)?;
        session.want_touch(now, &mut self.shared)?;
        self.settle(id, now);
        Ok(())
    }

    /// Ends a session and forgets it; what is wanted is done with its token, and revocations
    /// are tried until `until`.
    pub fn handle_removed(
        &mut self,
        id: SessionId,
        wanted: OnShutdown,
        until: Instant,
        now: Instant,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.stop(wanted, until, now, &mut self.shared);
        self.stopping.insert(id);
        self.leaving.insert(id);
        self.settle(id, now);
    }

    /// Takes in a token that was read from a session's source.
    ///
    /// Returns the generation that it is from now on, or `None` if it is nothing
    /// new: the daemon then goes on with what it has.
    pub fn handle_token(
        &mut self,
        id: SessionId,
        fingerprint: Fingerprint,
        now: Instant,
    ) -> Option<Generation> {
        let session = self.sessions.get_mut(&id)?;
        let generation = session.offer(fingerprint, now, &mut self.shared);
        self.settle(id, now);
        generation
    }

    /// Takes in what came of a request. An outcome whose ticket is stale is dropped.
    pub fn handle_outcome(&mut self, ticket: Ticket, outcome: &Outcome, now: Instant) {
        if let Some(session) = self.sessions.get_mut(&ticket.session) {
            session.receive(ticket, outcome, now, &mut self.shared);
            self.settle(ticket.session, now);
        }
    }

    /// Takes in that the network is not what it was: sessions that heard nothing of the API
    /// ask again within a second, whatever they were waiting for. Says how many do.
    pub fn handle_network_changed(&mut self, now: Instant) -> usize {
        let mut sooner = 0;
        for id in self.ids() {
            if let Some(session) = self.sessions.get_mut(&id)
                && session.network_changed(now, &mut self.shared)
            {
                sooner += 1;
                self.settle(id, now);
            }
        }
        sooner
    }

    /// Takes in that the machine slept for so long: what was in flight is dropped, by the daemon
    /// as well, and tokens whose margin passed meanwhile are looked at before they are touched.
    pub fn handle_resume(&mut self, slept: Duration, now: Instant) {
        for id in self.ids() {
            if let Some(session) = self.sessions.get_mut(&id) {
                session.resumed(slept, now, &mut self.shared);
                self.settle(id, now);
            }
        }
    }

    /// Ends all sessions: revoked is what is to be revoked, unless all is to be left.
    /// Revocations are tried until `until`.
    pub fn handle_shutdown(&mut self, wanted: OnShutdown, until: Instant, now: Instant) {
        for id in self.ids() {
            if let Some(session) = self.sessions.get_mut(&id) {
                let wanted = match wanted {
                    OnShutdown::Revoke => session.policy.on_shutdown,
                    OnShutdown::Leave => OnShutdown::Leave,
                };
                session.stop(wanted, until, now, &mut self.shared);
                self.stopping.insert(id);
            }
            self.settle(id, now);
        }
    }

    /// The request to be sent next, if one is due. To be called until there is none.
    pub fn poll_command(&mut self, now: Instant) -> Option<Command> {
        while let Some(id) = self.due.first_until(now) {
            let Some(session) = self.sessions.get_mut(&id) else {
                debug_assert!(false, "a session that is due exists");
                return None;
            };
            if session
                .stopping
                .as_ref()
                .is_some_and(|stopping| stopping.until <= now)
            {
                session.give_up(now, &mut self.shared);
            }
            let command = session.send(now, &mut self.shared);
            self.settle(id, now);
            if command.is_some() {
                return command;
            }
        }
        None
    }

    /// What happened, oldest first. To be called until there is nothing.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.shared.events.pop_front()
    }

    /// When [`Self::poll_command`] is to be called again.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due.first_at()
    }

    /// Whether every session that was to be ended has ended.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopping.is_empty()
    }

    /// Whether a session is under care, or about to end.
    #[must_use]
    pub fn knows(&self, id: SessionId) -> bool {
        self.sessions.contains_key(&id)
    }

    /// What observers see of one session.
    #[must_use]
    pub fn view(&self, id: SessionId, now: Instant) -> Option<SessionView> {
        self.sessions
            .get(&id)
            .map(|session| session.view(now, &self.shared))
    }

    /// What observers see of all sessions, in the order in which they were added.
    pub fn views(&self, now: Instant) -> impl Iterator<Item = SessionView> {
        self.sessions
            .values()
            .map(move |session| session.view(now, &self.shared))
    }

    fn ids(&self) -> Vec<SessionId> {
        self.sessions.keys().copied().collect()
    }

    /// Looks up again when a session, and those it changed something for, want attention.
    fn settle(&mut self, id: SessionId, now: Instant) {
        while let Some(change) = self.shared.changed.pop() {
            let members: Vec<_> = self
                .shared
                .organisations
                .of(change.organisation)
                .members()
                .collect();
            for member in members {
                if let Some(session) = self.sessions.get_mut(&member) {
                    session.timeout_read(change.news, &self.shared);
                    self.place(member, now);
                }
            }
        }
        while let Some(reader) = self.shared.organisations.poll_new_reader() {
            self.place(reader, now);
        }
        self.place(id, now);
        self.forget(id);
    }

    fn place(&mut self, id: SessionId, now: Instant) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let wants_at = session.wants_at(now, &self.shared);
        let wants_at = match &session.stopping {
            Some(stopping) => wants_at.map(|at| at.min(stopping.until)),
            None => wants_at,
        };
        self.due.set(id, session.due_at, wants_at);
        session.due_at = wants_at;
    }

    fn forget(&mut self, id: SessionId) {
        if !self.sessions.get(&id).is_some_and(Session::is_stopped) {
            return;
        }
        self.stopping.remove(&id);
        if self.leaving.remove(&id)
            && let Some(session) = self.sessions.remove(&id)
        {
            self.shared.organisations.forget(id, session.host);
        }
    }
}
