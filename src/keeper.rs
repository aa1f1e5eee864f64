//! The decisions of the daemon: which request is sent, when, with which token, and what the
//! answers mean for it.
//!
//! The keeper never reads a clock, opens a connection or a file, writes a log, spawns a task or
//! draws randomness of its own. `handle_*(.., now)` passes something in, `poll_*()` takes
//! something out, and the same inputs give the same outputs.
//!
//! # The rules
//!
//! Each rule is covered by the tests that are named beside it.
//!
//! 1. A lapsing session only peeks. The one other request with its token is the revocation, if
//!    that is configured:
//!    - `a_lapsing_token_is_only_ever_peeked_at`,
//!    - `a_lapsing_token_is_revoked_if_that_is_configured`.
//! 2. The first request with a token is a peek, which does not reset the idle timer:
//!    - `the_first_request_is_a_peek_and_then_the_timeout_is_read`.
//! 3. The idle timeout is read, proven, configured or assumed:
//!    - One session of the organisation reads the timeout with a kept token, at the start and with
//!      every refresh: `the_timeout_is_read_again_with_every_refresh_and_by_one_session`.
//!    - A failed reading is not a failure of the session:
//!      `who_may_not_read_the_timeout_leaves_it_to_another_and_loses_nothing`.
//!    - The effective idle timeout is the configured one, the proven one, the shortest that the
//!      organisation enabled, or 300 s:
//!      `the_idle_timeout_is_configured_or_proven_or_the_organisations_or_300_seconds`.
//!    - A shorter proven timeout takes precedence over the configured one:
//!      `a_configured_timeout_that_is_proven_too_long_is_not_followed`.
//!    - So does the organisation's, if all of its timeouts are shorter than the configured one:
//!      `a_configured_timeout_that_is_longer_than_any_of_the_organisation_loses_no_token`.
//!    - Without an idle timeout there are no touches:
//!      `where_nothing_idles_out_the_token_is_peeked_at_slowly_and_never_touched`,
//!      `a_timeout_that_is_disabled_later_ends_the_touches`.
//!    - A timeout that is enabled later is detected in time:
//!      `a_timeout_that_is_enabled_later_is_noticed_in_time`.
//!    - No token is assumed to have more time left than the longest of these timeouts, nor than
//!      8 hours: `a_wrong_date_loses_no_token_once_the_timeout_is_known`,
//!      `a_deadline_more_than_eight_hours_ahead_proves_nothing`,
//!      `a_date_that_is_wrong_once_loses_no_token_where_the_timeout_cannot_be_read`.
//! 4. A touch is due when the time left falls to the margin, with up to 10 s for the last attempt:
//!    - Jitter makes it earlier, never later:
//!      `a_touch_is_due_at_the_margin_or_a_little_earlier_and_never_later`.
//!    - Activity of the application that shares the token postpones it:
//!      `a_touch_moves_with_the_activity_of_the_application`.
//! 5. Idle time counts from the moment at which an accepted request was sent:
//!    - `idle_time_counts_from_when_an_accepted_request_was_sent`.
//! 6. A touch counts if the deadline is seen to have moved, in the answer to a `GET` itself or in a
//!    peek after a `HEAD`:
//!    - The effect is verified at the first touch and every `verify_every` touches:
//!      `the_first_touch_is_proven_by_a_peek`, `later_touches_are_proven_as_often_as_configured`.
//!    - A `GET` whose answer shows the moved deadline needs no peek, once a peek has confirmed such
//!      an answer; every tenth is confirmed again:
//!      `where_the_answer_to_get_shows_the_moved_deadline_a_touch_is_one_request`,
//!      `an_answer_that_shows_what_did_not_happen_loses_no_token`.
//!    - `touch = "auto"` prefers `GET` where that is so, and `HEAD` elsewhere:
//!      `auto_uses_get_alone_once_its_answer_is_confirmed`,
//!      `auto_goes_back_to_head_where_the_answer_to_get_shows_the_old_deadline`.
//!    - If `HEAD` does not move the deadline or is refused, `GET` is used, and the reverse:
//!      `where_head_does_not_count_get_is_used_from_then_on`,
//!      `where_something_refuses_head_the_token_is_kept_by_get`.
//!    - This knowledge belongs to the organisation and expires after hours:
//!      `an_exclusion_is_forgotten_after_hours_and_belongs_to_the_organisation`.
//!    - If neither touch counts, one event reports it:
//!      `where_neither_counts_the_operator_is_told_once`.
//!    - Both touches are then tried in turn:
//!      `an_exclusion_that_ends_for_one_touch_alone_is_noticed`.
//!    - The answer of a cache is no evidence:
//!      `answers_of_a_cache_exclude_nothing_and_lose_no_token`.
//! 7. Failed requests are retried with growing delays that fit into the time left:
//!    - The last attempt starts at a fixed time before the deadline:
//!      `failures_are_retried_ever_later_and_once_more_before_the_deadline`,
//!      `the_last_attempt_starts_at_its_moment_though_another_request_is_in_flight`,
//!      `the_last_attempt_does_not_wait_for_a_place_at_a_host_that_hangs`,
//!      `a_silent_outage_that_ends_ten_seconds_before_the_deadline_loses_nothing`,
//!      `an_outage_as_long_as_the_margin_loses_nothing_whenever_it_begins`.
//!    - `Retry-After` is honoured, except by that attempt:
//!      `retry_after_is_honoured_but_for_one_last_try_before_the_deadline`.
//!    - A deadline that moves also moves the next attempt:
//!      `a_timeout_that_is_made_shorter_while_a_retry_waits_moves_the_retry`.
//!    - Only the API ends a token:
//!      `past_the_deadline_the_daemon_goes_on_asking_until_the_api_says_that_the_token_is_lost`.
//!    - When the network changes, a session whose last failure may be due to the network retries
//!      within a second and starts with the shortest delay:
//!      `who_was_not_heard_asks_within_a_second_of_a_change_of_the_network`.
//!    - A session that the API answered keeps its schedule:
//!      `a_change_of_the_network_moves_nobody_who_was_throttled_or_answered`.
//!    - A token whose margin passed while the machine was suspended is peeked at before it is
//!      touched: `a_token_whose_margin_passed_in_sleep_is_looked_at_before_it_is_touched`,
//!      `one_that_died_in_sleep_costs_three_looks_and_no_touch`.
//! 8. A session has one request in flight, and sends at most one request each second:
//!    - `between_two_requests_of_a_session_lies_a_second_whatever_the_server_says`.
//!    - No state makes that the steady rate:
//!      `a_token_that_is_first_seen_near_its_end_is_not_touched_every_second`.
//!    - The first attempt of a revocation does not wait:
//!      `a_stop_does_not_wait_for_what_is_in_flight_nor_for_the_floor`.
//!    - A slow host does not delay the sessions of another:
//!      `a_host_that_never_answers_does_not_hold_up_another`.
//! 9. A 401 is confirmed by a peek that reads its code:
//!    - Only `bad.credentials` ends a token, after a second confirmation seconds later:
//!      `a_refusal_is_confirmed_by_two_peeks_and_then_nothing_more_is_asked`,
//!      `a_refusal_that_passes_costs_no_token`, `other_codes_block_and_are_told_once`,
//!      `a_refusal_without_a_code_is_no_death`.
//!    - A token that was never proven alive is peeked at for 15 s:
//!      `a_token_that_is_dead_at_the_start_is_looked_at_for_15_seconds`.
//!    - No further request uses the token until its source is written again:
//!      `a_token_that_is_written_again_after_its_refusal_is_tried_again`.
//! 10. A new token replaces the session's token once it is proven alive:
//!     - `a_new_token_becomes_the_sessions_when_it_proves_alive`,
//!       `a_new_token_that_is_refused_leaves_the_old_one_alive`.
//!     - Late answers about the old token are dropped:
//!       `an_answer_about_the_previous_token_is_dropped`.
//! 11. The stop revokes or leaves each token as configured, within the grace:
//!     - `kept_tokens_are_revoked_and_lapsing_ones_are_left`,
//!       `a_revocation_that_fails_is_tried_again_within_the_grace`,
//!       `a_revocation_without_an_answer_is_tried_three_times_within_the_grace`,
//!       `what_is_not_revoked_within_the_grace_is_given_up_and_told`.
//!     - A hand-over leaves all tokens: `a_hand_over_leaves_all_tokens`.
//!     - Only an answer of the API itself proves a revocation:
//!       `an_answer_that_is_not_the_apis_own_revokes_nothing_by_itself`,
//!       `a_refusal_that_passes_is_not_taken_for_a_revocation`.
//!     - A removal can be cancelled: `a_removal_that_is_called_off_goes_on_as_before`.
//!     - A reload changes only what differs in the configuration:
//!       `a_changed_intent_is_followed_and_a_changed_margin_disturbs_nothing`.
//! 12. The keeper never holds a token. It knows fingerprints only, and so do its events:
//!     - `nothing_the_keeper_tells_could_hold_a_token`.
//! 13. A connection on which a request timed out is not used again: a rule of the daemon
//!     (`daemon::connections`), not of the keeper.
//! 14. The expiry of a token is announced before it, each threshold once:
//!     - `an_expiry_is_announced_at_a_quarter_a_tenth_and_a_fiftieth_of_the_lifetime`.
//!     - There is nothing to announce while the token is renewed in time:
//!       `a_token_is_replaced_before_it_expires_and_nothing_is_announced`.
//!     - A refusal at the expiry is explained by it: `a_refusal_at_the_expiry_is_the_expiry`.
//!     - So is the end of the OAuth client that answers report:
//!       `the_end_of_a_client_is_announced_once_whatever_follows`.
//! 15. A session that obtains its own tokens always has a living one where the login host issues it:
//!     - At the start and after a loss: `a_session_without_a_token_gets_one_at_once`,
//!       `a_lost_token_is_replaced_but_not_more_often_than_once_a_minute`.
//!     - Whatever the answers are, a session makes at most 60 attempts in an hour, and a login host
//!       gets a burst of 5 and then one every 2 s:
//!       `no_answers_lead_to_more_than_sixty_attempts_in_an_hour`,
//!       `sessions_that_start_together_are_served_one_after_the_other`.
//!     - Refused credentials are tried once more and then every 15 minutes:
//!       `refused_credentials_are_tried_again_every_fifteen_minutes`.
//!     - The replaced token is only peeked at, and released once it is not used for the overlap:
//!       `a_replaced_token_that_is_not_used_is_revoked_after_the_overlap`,
//!       `a_replaced_token_that_is_in_use_is_left_alive_until_its_expiry`,
//!       `a_replaced_token_whose_deadline_a_shorter_timeout_moved_is_observed_for_longer`,
//!       `a_replaced_token_that_expires_within_the_overlap_is_not_revoked`,
//!       `a_pending_revocation_of_a_replaced_token_outlasts_the_next_replacement`,
//!       `a_stop_revokes_both_tokens_of_an_overlap`.
//!     - A new token of another organisation or OAuth client does not replace a living one, unless
//!       the source changed; another one is obtained 15 minutes later:
//!       `a_new_token_of_another_organisation_or_client_does_not_replace_a_living_one`,
//!       `after_a_change_of_the_source_the_new_token_may_have_another_client`,
//!       `a_lost_token_is_replaced_by_one_of_another_client`.
//!
//! # Invariants
//!
//! *One request.* A session has at most one request in flight, and only the outcome with the
//! ticket of that request is accepted.
//!
//! *One place.* A session with a next request has exactly one place in the queue `due`, which is
//! computed again after every change of the session.
//!
//! *No overflow, no endless loop.* No number that a server sent is a divisor or a loop bound;
//! instants saturate.

mod backoff;
mod candidate;
mod circumstances;
mod command;
mod event;
mod expiry;
mod incident;
mod live_token;
mod organisation;
mod outcome;
mod overlap;
mod plan;
mod policy;
mod proof;
mod queues;
mod renewal;
mod schedule;
mod session;
mod timers;
mod view;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

pub use circumstances::{Absence, DeadlineBasis, FailedRequests};
pub use command::{Command, Generation, Operation, SessionId, Ticket, Touch};
pub use event::{
    Death, EarlierEnding, Event, EventKind, FailureReason, Idleness, IssuerMismatch, IssuerPart,
    Severity, TokenId,
};
pub use expiry::{Expiry, ExpirySource};
pub use incident::{
    Incident, IncidentCause, IncidentClass, IncidentId, IncidentScope, Incidents, Stage,
};
pub use organisation::HostId;
use organisation::Organisations;
pub use outcome::{
    BlockReason, ClientEnd, Failure, HEADER_FIELDS_MAX, HEADER_SIZE_MAX, NotTheApi, Outcome,
    Refusal, TimeoutReport, TokenReport, Verdict,
};
pub use plan::{
    Bound, Bounds, Flaw, Grade, Hourly, Load, PeekSchedule, Plan, PlannedRequests, Remedy, Setting,
    SettingValue, Share, TouchSchedule,
};
pub use policy::{Intent, Limits, OnShutdown, Policy, TimeRange, TouchPreference};
pub use proof::Reset;
use queues::{QueuePlace, RequestQueues};
use renewal::Renewals;
pub use renewal::{
    LoginId, MINT_BURST, MINT_INTERVAL, MintCommand, MintFailure, MintOutcome, Renewal,
};
pub(crate) use schedule::IDLE_TIMEOUT_MAX;
pub use schedule::{IdleTimeout, Margin, Schedule, TimeoutSource};
use session::{KeeperState, Session};
pub use session::{LastAnswer, NoTouch, Offer, TokenEnding};
pub(crate) use timers::Timers;
pub use view::{LiveTokenView, Next, SessionView, State};

use crate::time::Instant;
use crate::token::Fingerprint;

/// The number of events for which the empty queue keeps its memory.
const EVENTS_KEPT: usize = 64;

/// The state of all sessions, organisations and hosts, and the queue of their requests.
#[derive(Debug)]
pub struct Keeper {
    /// In boxes, because the nodes of a tree are filled by half.
    sessions: BTreeMap<SessionId, Box<Session>>,
    shared: KeeperState,
    queues: RequestQueues,
    /// The sessions that are ending, by the daemon's stop or by a reload, with the time limit of
    /// their revocations.
    stopping: Timers,
    /// The ending sessions that are deleted once they have ended.
    removed: BTreeSet<SessionId>,
    renewals: Renewals,
    /// The policy that a session got last.
    last_policy: Arc<Policy>,
    /// The sessions whose token's expiry is to be announced, ordered by the instant of that.
    announcements: BTreeSet<(Instant, SessionId)>,
    next_id: u32,
}

impl Keeper {
    /// Creates a keeper without sessions; equal seeds draw equal jitter.
    #[must_use]
    pub fn new(limits: Limits, seed: u64) -> Self {
        Self {
            sessions: BTreeMap::new(),
            shared: KeeperState {
                limits,
                organisations: Organisations::default(),
                changed: Vec::new(),
                rng: fastrand::Rng::with_seed(seed),
                events: VecDeque::new(),
                client_ends: BTreeMap::new(),
                tickets: 0,
            },
            queues: RequestQueues::default(),
            stopping: Timers::default(),
            removed: BTreeSet::new(),
            renewals: Renewals::default(),
            last_policy: Arc::default(),
            announcements: BTreeSet::new(),
            next_id: 0,
        }
    }

    /// Replaces the limits, as after a reload.
    pub fn handle_limits(&mut self, limits: Limits, now: Instant) {
        self.shared.limits = limits;
        for id in self.ids() {
            self.reschedule(id, now);
        }
    }

    /// Adds a session and returns its id; the session is absent until it has a token.
    pub fn handle_added(&mut self, host: HostId, policy: Policy) -> SessionId {
        let id = SessionId(self.next_id);
        self.next_id += 1;
        let policy = self.share(policy);
        self.sessions
            .insert(id, Box::new(Session::new(id, host, policy)));
        id
    }

    /// Replaces the policy of a session; the knowledge about its token stays.
    pub fn handle_policy(&mut self, id: SessionId, policy: Policy, now: Instant) {
        let policy = self.share(policy);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.change_policy(policy, &mut self.shared);
            session.estimate_expiry();
            self.reschedule(id, now);
        }
    }

    /// Returns the policy in a place that it shares with the last one, if they are equal.
    fn share(&mut self, policy: Policy) -> Arc<Policy> {
        if *self.last_policy != policy {
            self.last_policy = Arc::new(policy);
        }
        Arc::clone(&self.last_policy)
    }

    /// Schedules a touch of the session's token as soon as the floor and the API allow,
    /// independent of the deadline.
    ///
    /// # Errors
    ///
    /// [`NoTouch`] if the token cannot be touched, with the reason.
    pub fn handle_touch_wanted(&mut self, id: SessionId, now: Instant) -> Result<(), NoTouch> {
        let session = self.sessions.get_mut(&id).ok_or(NoTouch::Ending)?;
        session.request_touch(now, &mut self.shared)?;
        self.reschedule(id, now);
        Ok(())
    }

    /// Ends a session and deletes it; its token is revoked or left, as `on_shutdown` specifies.
    /// Revocations are tried until `until`.
    pub fn handle_removed(
        &mut self,
        id: SessionId,
        on_shutdown: OnShutdown,
        until: Instant,
        now: Instant,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.stop(on_shutdown, until, now, &mut self.shared);
        self.removed.insert(id);
        self.stopping.limit(id, until);
        self.reschedule(id, now);
    }

    /// Cancels the removal of a session. The daemon drops a revocation that is in flight.
    pub fn handle_removal_cancelled(&mut self, id: SessionId, now: Instant) {
        if let (true, Some(session)) = (self.removed.remove(&id), self.sessions.get_mut(&id)) {
            self.stopping.cancel(id);
            session.cancel_stop(now, &mut self.shared);
            self.reschedule(id, now);
        }
    }

    /// Handles a token that was read from a session's source. A refused token is tried again
    /// only if it is offered with [`Offer::Again`].
    ///
    /// Returns the generation of the token, or `None` if the token is not new: the daemon then
    /// continues with the tokens that it has.
    pub fn handle_token(
        &mut self,
        id: SessionId,
        fingerprint: Fingerprint,
        offer: Offer,
        now: Instant,
    ) -> Option<Generation> {
        let session = self.sessions.get_mut(&id)?;
        let generation = session.offer(fingerprint, offer, now, &mut self.shared);
        self.reschedule(id, now);
        generation
    }

    /// Handles the expiry of a token, as its source reports it; the token is known by its
    /// fingerprint.
    pub fn handle_expiry(
        &mut self,
        id: SessionId,
        fingerprint: Fingerprint,
        expiry: Expiry,
        now: Instant,
    ) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.set_expiry(fingerprint, expiry);
            self.reschedule(id, now);
        }
    }

    /// Handles the first reading of a session's source, whether it holds a token or not: from then on
    /// the session may obtain new tokens.
    pub fn handle_source_known(&mut self, id: SessionId, now: Instant) {
        if let Some(session) = self.sessions.get_mut(&id)
            && !std::mem::replace(&mut session.is_source_known, true)
            && session.policy.renewal.is_some()
        {
            self.reschedule(id, now);
        }
    }

    /// Makes the next attempt to obtain a token as soon as the limits allow, whatever failed before.
    pub fn handle_renewal_wanted(&mut self, id: SessionId) {
        self.renewals.retry_now(id);
    }

    /// Allows the next token to be of another organisation or OAuth client: the session's present
    /// tokens come from another place than the next one will.
    pub fn handle_source_changed(&mut self, id: SessionId, now: Instant) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.forget_issuer();
            self.reschedule(id, now);
        }
    }

    /// Returns the next attempt to obtain a token if one is due. The daemon calls this until it
    /// returns `None`.
    pub fn poll_mint(&mut self, now: Instant) -> Option<MintCommand> {
        self.renewals.poll(now)
    }

    /// Handles the outcome of an attempt to obtain a token; one with a stale number is dropped. A
    /// token that was issued is offered with [`Self::handle_token`] first.
    pub fn handle_minted(&mut self, command: MintCommand, outcome: &MintOutcome, now: Instant) {
        let MintCommand { session, number } = command;
        let renewals = &mut self.renewals;
        let kind = renewals.handle_outcome(session, number, outcome, now, &mut self.shared);
        if let (Some(kind), Some(known)) = (kind, self.sessions.get(&session)) {
            known.emit_about_renewal(kind, now, &mut self.shared);
        }
        self.reschedule(session, now);
    }

    /// Announces the expiries that are near enough.
    fn announce(&mut self, now: Instant) {
        while let Some(&(_, id)) = self.announcements.first().filter(|(at, _)| *at <= now) {
            if let Some(session) = self.sessions.get_mut(&id) {
                session.announce(now, &mut self.shared);
            }
            self.update_place(id, now);
        }
    }

    /// Handles the outcome of a request. An outcome with a stale ticket is dropped.
    pub fn handle_outcome(&mut self, ticket: Ticket, outcome: &Outcome, now: Instant) {
        if let Some(session) = self.sessions.get_mut(&ticket.session) {
            session.receive(ticket, outcome, now, &mut self.shared);
            self.reschedule(ticket.session, now);
        }
    }

    /// Handles a change of the network: sessions whose last failure may be due to the network
    /// retry within a second, however long their delay was. Returns the number of these sessions.
    pub fn handle_network_changed(&mut self, now: Instant) -> usize {
        let mut sooner = 0;
        for id in self.ids() {
            if let Some(session) = self.sessions.get_mut(&id)
                && session.network_changed(now, &mut self.shared)
            {
                sooner += 1;
                self.reschedule(id, now);
            }
        }
        sooner
    }

    /// Handles the end of a suspension of the machine. Requests in flight are dropped, by the
    /// daemon as well, and tokens whose margin passed meanwhile are peeked at before they are
    /// touched.
    pub fn handle_resume(&mut self, slept: Duration, now: Instant) {
        for id in self.ids() {
            if let Some(session) = self.sessions.get_mut(&id) {
                session.handle_wake(slept, now, &mut self.shared);
                self.reschedule(id, now);
            }
        }
    }

    /// Ends all sessions: with [`OnShutdown::Revoke`] each token is revoked or left as its policy
    /// specifies, with [`OnShutdown::Leave`] all tokens are left. Revocations are tried until
    /// `until`.
    pub fn handle_shutdown(&mut self, on_shutdown: OnShutdown, until: Instant, now: Instant) {
        for id in self.ids() {
            if let Some(session) = self.sessions.get_mut(&id) {
                let on_shutdown = match on_shutdown {
                    OnShutdown::Revoke => session.policy.on_shutdown,
                    OnShutdown::Leave => OnShutdown::Leave,
                };
                session.stop(on_shutdown, until, now, &mut self.shared);
                self.stopping.limit(id, until);
            }
            self.reschedule(id, now);
        }
    }

    /// Returns the next request if one is due. The daemon calls this until it returns `None`.
    pub fn poll_command(&mut self, now: Instant) -> Option<Command> {
        self.expire_revocations(now);
        self.announce(now);
        while let Some((due_at, id)) = self.queues.first_waiting(now) {
            let Some(session) = self.sessions.get_mut(&id) else {
                debug_assert!(false, "a session that is due exists");
                return None;
            };
            let lost_at = session.lost_at(now);
            let place = Some(QueuePlace::Ready { due_at, lost_at });
            self.queues.set(id, session.host, session.place, place);
            session.place = place;
        }
        let in_flight_max = self.shared.limits.in_flight_max;
        while let Some(id) = self.queues.first_ready(now, in_flight_max) {
            let Some(session) = self.sessions.get_mut(&id) else {
                debug_assert!(false, "a session that is due exists");
                return None;
            };
            let command = session.send(now, &mut self.shared);
            self.reschedule(id, now);
            if command.is_some() {
                return command;
            }
        }
        None
    }

    /// Gives up the revocations whose time limit has passed.
    fn expire_revocations(&mut self, now: Instant) {
        while let Some(id) = self.stopping.pop_due(now) {
            if let Some(session) = self.sessions.get_mut(&id) {
                session.give_up(now, &mut self.shared);
            }
            self.reschedule(id, now);
        }
    }

    /// Returns the oldest event that was not returned yet. The daemon calls this until it returns
    /// `None`.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.shared.events.pop_front();
        if event.is_none() {
            // The start of many sessions queues an event of each at once.
            self.shared.events.shrink_to(EVENTS_KEPT);
        }
        event
    }

    /// Returns the instant at which [`Self::poll_command`] is to be called again.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = self.queues.next_at(self.shared.limits.in_flight_max);
        let stop_limit = self.stopping.first_at();
        let announcement = self.announcements.first().map(|&(at, _)| at);
        let renewal = self.renewals.poll_timeout();
        let instants = [due, stop_limit, announcement, renewal];
        instants.into_iter().flatten().min()
    }

    /// Returns true if every ending session has ended.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopping.is_empty()
    }

    /// Returns true if the session exists, which includes an ending one.
    #[must_use]
    pub fn knows(&self, id: SessionId) -> bool {
        self.sessions.contains_key(&id)
    }

    /// Returns true if a request with this token of the session may follow.
    #[must_use]
    pub fn holds(&self, id: SessionId, generation: Generation) -> bool {
        let session = self.sessions.get(&id);
        session.is_some_and(|session| session.holds(generation))
    }

    /// Returns the view of one session for observers.
    #[must_use]
    pub fn view(&self, id: SessionId, now: Instant) -> Option<SessionView> {
        self.sessions
            .get(&id)
            .map(|session| session.view(now, &self.shared, &self.renewals))
    }

    /// Returns the views of all sessions for observers, in the order in which they were added.
    pub fn views(&self, now: Instant) -> impl Iterator<Item = SessionView> {
        self.sessions
            .values()
            .map(move |session| session.view(now, &self.shared, &self.renewals))
    }

    fn ids(&self) -> Vec<SessionId> {
        self.sessions.keys().copied().collect()
    }

    /// Computes again the places in the queue of a session and of those sessions that its last
    /// change affects.
    fn reschedule(&mut self, id: SessionId, now: Instant) {
        while let Some(change) = self.shared.changed.pop() {
            let members: Vec<_> = self
                .shared
                .organisations
                .of(change.organisation)
                .members()
                .collect();
            for member in members {
                if let Some(session) = self.sessions.get_mut(&member) {
                    session.update_timeout(change.update, &self.shared);
                    self.update_place(member, now);
                }
            }
        }
        while let Some(reader) = self.shared.organisations.poll_new_reader() {
            self.update_place(reader, now);
        }
        self.update_place(id, now);
        self.forget(id);
    }

    fn update_place(&mut self, id: SessionId, now: Instant) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let place = session.queue_place(now, &self.shared);
        self.queues.set(id, session.host, session.place, place);
        session.place = place;
        self.renewals.set(id, session.need(&self.shared));
        let announce_at = session.next_announcement(&self.shared);
        if announce_at != session.announce_at {
            if let Some(at) = session.announce_at {
                self.announcements.remove(&(at, id));
            }
            self.announcements.extend(announce_at.map(|at| (at, id)));
            session.announce_at = announce_at;
        }
    }

    fn forget(&mut self, id: SessionId) {
        if !self
            .sessions
            .get(&id)
            .is_some_and(|session| session.is_stopped())
        {
            return;
        }
        self.stopping.cancel(id);
        if self.removed.remove(&id)
            && let Some(session) = self.sessions.remove(&id)
        {
            self.shared.organisations.forget(id, session.host);
            self.renewals.forget(id);
            self.shared.client_ends.remove(&id);
            if let Some(at) = session.announce_at {
                self.announcements.remove(&(at, id));
            }
        }
    }
}
