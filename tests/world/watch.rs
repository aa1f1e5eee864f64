//! The invariants of the keeper, checked after every step of a world.
//!
//! 1. A token with the intent `lapse` gets only peeks, and a revocation only if that is
//!    configured.
//! 2. Every kept token that idles out has a [`LossReason`](super::loss_reason::LossReason), and
//!    a token that the keeper reports as lost or lapsed is dead at the server.
//! 3. Two requests of a session are at least the floor apart, except before the first attempt
//!    of a revocation. At most one request is in flight, except for a revocation and its check,
//!    and for the last attempt before a deadline.
//! 4. The keeper sends no request with a token that was refused for good.
//! 5. The keeper sends no request with a token that was revoked, and none after the deadline of
//!    the shutdown.
//! 6. An outcome that arrives too late changes nothing.
//! 7. No hour has more requests than the schedule and failing attempts explain.
//! 8. The keeper stops in time and, if nothing fails, has revoked every token that is to be
//!    revoked.
//! 9. Nothing false is told about the cause of a death ([`told`](super::told)).
//! 10. No action that observers see is due before the instant of `Keeper::poll_timeout`.

use std::time::Duration;

use session_keepalive::keeper::{Command, Event, EventKind, Intent, OnShutdown, Operation};
use session_keepalive::sim::Fate;
use session_keepalive::time::Instant;

use super::World;
use super::event::SimEvent;
use super::session::SimAttemptResult;

/// The tolerance for the end of the shutdown.
const STOP_SLACK: Duration = Duration::from_millis(1);

/// The number of refused peeks that end a token that was proven alive: the first and two
/// confirmations.
const REFUSALS_OF_LIVING_MAX: u32 = 3;
/// The number of refused peeks that end a token that was never proven alive: the keeper peeks for
/// 15s.
const REFUSALS_OF_NEW_MAX: u32 = 4;

/// The maximum time between the last attempt and the deadline.
const RESERVE_MAX: Duration = Duration::from_secs(5);

impl World {
    /// Checks that a command is allowed, and returns the numbers of its session and its token.
    pub(super) fn check_command(&mut self, command: &Command) -> (usize, usize) {
        let number = self.by_id[&command.ticket.session];
        let generation = command.ticket.generation;
        let session = &self.sessions[number];
        let Some(&token) = session.generations.get(&generation) else {
            self.fail(number, "asks with a token that it was never given");
        };
        let is_revocation = command.operation == Operation::Revoke;
        let is_first_revocation = is_revocation && session.tokens[token].revoke_attempts == 0;
        let was_refused =
            session.refused.contains(&generation) || session.refused_last == Some(token);
        let refusals_max = if session.tokens[token].was_alive {
            REFUSALS_OF_LIVING_MAX
        } else {
            REFUSALS_OF_NEW_MAX
        };
        let is_check = session.stop.is_some_and(|stop| stop.revokes)
            && command.operation == Operation::Peek
            && session.tokens[token].revoke_attempts > 0;
        let violation = if was_refused {
            Some("asks with a token that was refused")
        } else if session.stop.is_none()
            && session.tokens[token].refusals >= refusals_max
            && self.now.since(session.tokens[token].refused_at) < Duration::from_secs(60)
        {
            Some("asks although the refusal was confirmed")
        } else if !is_revocation
            && !session.tokens[token].was_used
            && command.operation != Operation::Peek
        {
            Some("begins with something else than a peek")
        } else if let Some(until) = self.throttled_until(number, token)
            && self.now < until
            && !is_revocation
            && !self.is_near_or_past_deadline(number)
        {
            Some("does not wait as long as it was asked to")
        } else if session.tokens[token].is_revoked {
            Some("asks with a token that was revoked")
        } else if self.stop_until.is_some_and(|until| self.now >= until) {
            Some("asks after the end")
        } else if !is_check && is_revocation != session.stop.is_some() {
            Some("revokes without being stopped, or asks although it is")
        } else if is_revocation && !session.stop.is_some_and(|stop| stop.revokes) {
            Some("revokes what is to be left")
        } else if !is_revocation && !session.keeps() && command.operation != Operation::Peek {
            Some("disturbs a token that is to lapse")
        } else if !is_first_revocation
            && session
                .last_sent_at
                .is_some_and(|sent_at| self.now < sent_at + self.limits.floor)
        {
            Some("asks again within the floor")
        } else if !is_revocation
            && !is_check
            && !self.is_near_or_past_deadline(number)
            && session
                .in_flight
                .is_some_and(|in_flight| self.now < in_flight.overdue_at)
        {
            Some("asks while another request is in flight")
        } else if command.time_limit > self.limits.request_timeout
            || command.time_limit < Duration::from_millis(500)
        {
            Some("sets a time limit out of bounds")
        } else {
            None
        };
        if let Some(violation) = violation {
            self.fail(number, &format!("{violation}: {command:?}"));
        }
        if is_revocation {
            self.sessions[number].tokens[token].revoke_attempts += 1;
        }
        (number, token)
    }

    /// Checks that an event of the keeper is true, and updates the session.
    pub(super) fn check_event(&mut self, event: &Event) {
        let number = self.by_id[&event.session];
        let token = event.token.and_then(|token| {
            let generations = &self.sessions[number].generations;
            generations.get(&token.generation).copied()
        });
        let Some(token) = token else {
            return;
        };
        if let EventKind::Alive { .. } = event.kind {
            self.release(number);
            self.sessions[number].live = Some((token, self.now));
            self.sessions[number].tokens[token].was_alive = true;
        } else if let Some(death) = event.kind.death() {
            let was_alive = self.sessions[number]
                .live
                .is_some_and(|(live, _)| live == token);
            self.check_death(number, token, was_alive);
            self.check_told(number, token, death);
            if let Some(refused) = event.token {
                self.sessions[number].refused.insert(refused.generation);
                self.sessions[number].refused_last = Some(token);
            }
            if was_alive {
                self.release(number);
            }
            let delay_max = if self.sessions[number].keeps() {
                Duration::from_secs(1800)
            } else {
                self.scenario.mean_interval / 4
            };
            let after = delay_max.mul_f64(self.random.f64());
            self.schedule(self.now + after, SimEvent::Replace(number));
        } else if event.kind.ends_token() {
            self.release(number);
        }
    }

    /// Records that the keeper has stopped holding the session's token.
    fn release(&mut self, number: usize) {
        if let Some((_, since)) = self.sessions[number].live.take() {
            self.summary.live += self.now.since(since);
        }
    }

    fn check_death(&mut self, number: usize, token: usize, was_alive: bool) {
        let session = &self.sessions[number];
        let site = &self.sites[session.site];
        let Some(record) = site.server.record(&session.tokens[token].value, self.now) else {
            return;
        };
        match record.fate {
            Fate::Living => self.fail(number, "takes a living token for dead"),
            Fate::Lapsed(at) if !session.keeps() || session.tokens[token].kept_since > Some(at) => {
                self.summary.lapsed += 1;
            }
            Fate::Lapsed(_) if was_alive => self.check_lapse(number, token),
            Fate::Lapsed(_) | Fate::Expired(_) | Fate::Revoked(_) | Fate::Evicted(_) => {
                self.summary.ended += 1;
            }
        }
    }

    /// Checks that there is a reason if the living token has idled out.
    pub(super) fn check_alive(&mut self, number: usize) {
        let session = &self.sessions[number];
        let Some((token, _)) = session
            .live
            .filter(|_| session.keeps() && session.stop.is_none())
        else {
            return;
        };
        let record = self.sites[session.site]
            .server
            .record(&session.tokens[token].value, self.now);
        let lapsed_at = record.and_then(|record| record.lapsed_at());
        if lapsed_at.is_some() && lapsed_at >= session.tokens[token].kept_since {
            self.check_lapse(number, token);
        }
    }

    /// Counts the reason for the lapse of a kept token; fails if there is none, and always in a
    /// healthy world.
    fn check_lapse(&mut self, number: usize, token: usize) {
        match self.loss_reason(number, token) {
            Some(loss_reason) if self.is_chaotic() => {
                *self.summary.loss_reasons.entry(loss_reason).or_default() += 1;
            }
            loss_reason => {
                let session = &self.sessions[number];
                let value = &session.tokens[token].value;
                let record = self.sites[session.site].server.record(value, self.now);
                let at = record.and_then(|record| record.lapsed_at());
                let violation =
                    format!("lets a token idle out, excused by {loss_reason:?}: {record:?}");
                self.fail_at(number, &violation, at.unwrap_or(self.now));
            }
        }
    }

    /// Checks that the keeper's views agree with its next timeout, and checks every session.
    pub(super) fn check_views(&mut self) {
        let stop_of = |number: usize| self.sessions[number].stop;
        let mut earliest = None;
        for view in self.keeper.views(self.now) {
            let number = self.by_id[&view.id];
            let Some(next) = view.next else {
                continue;
            };
            let at = stop_of(number).map_or(next.at, |stop| next.at.min(stop.until));
            earliest =
                Some(earliest.map_or((at, number), |earliest: (_, _)| earliest.min((at, number))));
        }
        let timeout = self.keeper.poll_timeout();
        // The timeout may be earlier than every view: a session that stops reading the timeout for
        // the others can cause a wake-up without an action.
        if let Some((earliest, number)) = earliest
            && timeout.is_none_or(|at| at > earliest)
        {
            self.fail(
                number,
                &format!("is shown to act at {earliest:?}, and {timeout:?} is due,"),
            );
        }
        for number in 0..self.sessions.len() {
            self.check_request_rate(number);
            self.check_last_attempt(number);
        }
    }

    /// Returns the instant before which the server asked for no request with a token.
    fn throttled_until(&self, number: usize, token: usize) -> Option<Instant> {
        let mut attempts = self.sessions[number].attempts.iter().rev();
        let last = attempts.find(|attempt| attempt.token == token)?;
        match last.result {
            SimAttemptResult::Throttled(until) => Some(until),
            SimAttemptResult::Pending | SimAttemptResult::Failed | SimAttemptResult::Good(_) => {
                None
            }
        }
    }

    /// Returns true if the keeper's deadline is so near that the last attempt is due.
    fn is_near_or_past_deadline(&self, number: usize) -> bool {
        let session = &self.sessions[number];
        let view = self.keeper.view(session.id, self.now);
        let deadline = view
            .and_then(|view| view.live)
            .and_then(|live| live.deadline);
        session.keeps() && deadline.is_some_and(|deadline| deadline <= self.now + RESERVE_MAX)
    }

    /// Checks that the keeper makes the last attempt before a deadline, whatever else happens.
    fn check_last_attempt(&mut self, number: usize) {
        let session = &self.sessions[number];
        let view = self.keeper.view(session.id, self.now);
        let deadline = view
            .filter(|_| session.keeps() && session.stop.is_none())
            .and_then(|view| view.live)
            .and_then(|live| live.deadline);
        let before = session.deadline;
        if before.map(|(deadline, _)| deadline) != deadline {
            let known = deadline.map(|deadline| (deadline, self.now));
            self.sessions[number].deadline = known;
            return;
        }
        let (Some((deadline, since)), Some((token, _))) = (before, session.live) else {
            return;
        };
        let begins = deadline - RESERVE_MAX;
        let was_asleep = self
            .sleeps
            .iter()
            .any(|&(from, wakes_at)| from < deadline && begins - RESERVE_MAX < wakes_at);
        // The check needs a deadline and a policy that the keeper has known for some time.
        let has_time = since + RESERVE_MAX <= begins
            && session
                .policies
                .changes(begins - RESERVE_MAX, self.now)
                .next()
                .is_none();
        if self.now < deadline || was_asleep || !has_time {
            return;
        }
        let was_made = session
            .attempts_between(token, begins, deadline)
            .any(|attempt| matches!(attempt.operation, Operation::Touch(_)));
        if !was_made {
            self.fail(
                number,
                &format!("makes no last attempt before {deadline:?}"),
            );
        }
        self.sessions[number].deadline = None;
    }

    /// Checks that the shutdown ends in time.
    pub(super) fn check_stop(&self) {
        if let Some(until) = self.stop_until {
            assert!(
                self.now <= until + STOP_SLACK || self.keeper.is_stopped(),
                "{} is not stopped in time",
                self.location()
            );
        }
    }

    /// Checks that no token was revoked that was to be left, and, in a healthy world, that every
    /// revocation has ended its token.
    pub(super) fn check_end(&mut self) {
        self.drain_events();
        assert_eq!(
            self.keeper.poll_command(self.now),
            None,
            "{}",
            self.location()
        );
        for number in 0..self.sessions.len() {
            let session = &self.sessions[number];
            let Some(stop) = session.stop else {
                continue;
            };
            let site = &self.sites[session.site];
            for token in session.generations.values() {
                let token = &session.tokens[*token];
                let record = site.server.record(&token.value, self.now);
                let is_living = record.is_some_and(|record| record.fate == Fate::Living);
                if token.revoke_attempts > 0 && !stop.revokes {
                    self.fail(number, "revoked what was to be left");
                }
                if token.revoke_attempts > 0 && is_living && !self.is_chaotic() {
                    self.fail(number, "left a token alive that was to be revoked");
                }
            }
        }
    }

    /// Returns true if a stop with `on_shutdown` is to revoke the session's token.
    pub(super) fn is_to_be_revoked(&self, number: usize, on_shutdown: OnShutdown) -> bool {
        let policy = self.sessions[number].policy();
        on_shutdown == OnShutdown::Revoke && policy.on_shutdown == OnShutdown::Revoke
    }

    /// Sets the instant from which the session's tokens must be kept, if its intent has changed to
    /// `keep`.
    pub(super) fn update_kept_since(&mut self, number: usize, before: Intent) {
        let session = &mut self.sessions[number];
        if before == Intent::Lapse && session.keeps() {
            for token in &mut session.tokens {
                token.kept_since = token.kept_since.map(|_| self.now);
            }
        }
    }
}
