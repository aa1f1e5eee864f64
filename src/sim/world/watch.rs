//! The invariants that hold after every step.
//!
//! 1. A lapsing token is only peeked at, and revoked only if that is configured.
//! 2. A kept token that idles out has an [`excuse`](super::excuse), and a token that is
//!    told to be lost or lapsed is dead at the server.
//! 3. A second lies between two requests of a session, but for a revocation's first
//!    try, and one is in flight, but for a revocation that takes its place.
//! 4. Nothing is asked with a token that was refused for good.
//! 5. Nothing is asked with a token that was revoked, and nothing once all is stopped.
//! 6. An outcome that comes too late changes nothing.
//! 7. No hour has more requests than the schedule and failing tries explain.
//! 8. Everything is stopped in time, and what was to be revoked is, if nothing fails.
//! 9. What observers see is due no earlier than the keeper wants to be asked again.

use std::time::Duration;

use crate::keeper::{Command, Event, EventKind, Intent, OnShutdown, Operation};
use crate::sim::Fate;

use super::World;
use super::happening::Happening;

/// How much later than promised everything may be stopped.
const STOP_SLACK: Duration = Duration::from_millis(1);

impl World {
    /// Whose command it is and with which token, if it is one that may be.
    pub(super) fn check_command(&mut self, command: &Command) -> (usize, usize) {
        let number = self.by_id[&command.ticket.session];
        let generation = command.ticket.generation;
        let care = &self.cares[number];
        let Some(&token) = care.generations.get(&generation) else {
            self.fail(number, "asks with a token that it was never given");
        };
        let is_revocation = command.operation == Operation::Revoke;
        let is_first_revocation = is_revocation && care.tokens[token].revoke_tries == 0;
        let was_refused = care.refused.contains(&generation) || care.refused_last == Some(token);
        let broken = if was_refused {
            Some("asks with a token that was refused")
        } else if care.tokens[token].is_revoked {
            Some("asks with a token that was revoked")
        } else if self.stop_until.is_some_and(|until| self.now >= until) {
            Some("asks after the end")
        } else if is_revocation != care.stop.is_some() {
            Some("revokes without being stopped, or asks although it is")
        } else if is_revocation && !care.stop.is_some_and(|stop| stop.revokes) {
            Some("revokes what is to be left")
        } else if !is_revocation && !care.keeps() && command.operation != Operation::Peek {
            Some("disturbs a token that is to lapse")
        } else if !is_first_revocation
            && care
                .last_sent_at
                .is_some_and(|sent_at| self.now < sent_at + self.limits.floor)
        {
            Some("asks again within the floor")
        } else if !is_revocation
            && care
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
        if let Some(broken) = broken {
            self.fail(number, &format!("{broken}: {command:?}"));
        }
        if is_revocation {
            self.cares[number].tokens[token].revoke_tries += 1;
        }
        (number, token)
    }

    /// Whether what the keeper tells is true.
    pub(super) fn check_event(&mut self, event: &Event) {
        let number = self.by_id[&event.session];
        let token = event.token.and_then(|token| {
            let generations = &self.cares[number].generations;
            generations.get(&token.generation).copied()
        });
        let Some(token) = token else {
            return;
        };
        match &event.kind {
            EventKind::Held { .. } => {
                self.release(number);
                self.cares[number].held = Some((token, self.now));
            }
            EventKind::Lost(_) | EventKind::Lapsed(_) | EventKind::NewerRefused(_) => {
                let was_held = self.cares[number]
                    .held
                    .is_some_and(|(held, _)| held == token);
                self.check_death(number, token, was_held);
                if was_held {
                    self.release(number);
                }
                let longest = if self.cares[number].keeps() {
                    Duration::from_secs(1800)
                } else {
                    self.scenario.calm / 4
                };
                let after = longest.mul_f64(self.random.f64());
                self.arrange(self.now + after, Happening::Replace(number));
            }
            EventKind::Revoked | EventKind::NotRevoked(_) | EventKind::Left => {
                self.release(number);
            }
            EventKind::Answered { .. }
            | EventKind::Found
            | EventKind::Unanswered(_)
            | EventKind::AtRisk(_)
            | EventKind::PastDeadline(_)
            | EventKind::Blocked(_)
            | EventKind::Recovered { .. }
            | EventKind::Unconfirmed
            | EventKind::TouchExcluded(_)
            | EventKind::Excluded
            | EventKind::ResetProven { .. }
            | EventKind::TimeoutRead(_)
            | EventKind::TimeoutNotPermitted(_) => {}
        }
    }

    /// The session's token is not held any more.
    fn release(&mut self, number: usize) {
        if let Some((_, since)) = self.cares[number].held.take() {
            self.tally.held += self.now.since(since);
        }
    }

    fn check_death(&mut self, number: usize, token: usize, was_held: bool) {
        let care = &self.cares[number];
        let site = &self.sites[care.site];
        let Some(record) = site.server.record(&care.tokens[token].value, self.now) else {
            return;
        };
        match record.fate {
            Fate::Living => self.fail(number, "takes a living token for dead"),
            Fate::Lapsed(at) if !care.keeps() || care.tokens[token].cared_since > Some(at) => {
                self.tally.lapsed += 1;
            }
            Fate::Lapsed(_) if was_held => self.check_lapse(number, token),
            Fate::Lapsed(_) | Fate::Expired(_) | Fate::Revoked(_) | Fate::Evicted(_) => {
                self.tally.ended += 1;
            }
        }
    }

    /// If the token that is held has idled out, that needs an excuse.
    pub(super) fn check_held(&mut self, number: usize) {
        let care = &self.cares[number];
        let Some((token, _)) = care.held.filter(|_| care.keeps() && care.stop.is_none()) else {
            return;
        };
        let record = self.sites[care.site]
            .server
            .record(&care.tokens[token].value, self.now);
        let lapsed_at = record.and_then(|record| record.lapsed_at());
        if lapsed_at.is_some() && lapsed_at >= care.tokens[token].cared_since {
            self.check_lapse(number, token);
        }
    }

    fn check_lapse(&mut self, number: usize, token: usize) {
        match self.excuse(number, token) {
            Some(excuse) if self.is_chaotic() => {
                *self.tally.excused.entry(excuse).or_default() += 1;
            }
            excuse => {
                let care = &self.cares[number];
                let value = &care.tokens[token].value;
                let record = self.sites[care.site].server.record(value, self.now);
                let at = record.and_then(|record| record.lapsed_at());
                let what = format!("lets a token idle out, excused by {excuse:?}: {record:?}");
                self.fail_at(number, &what, at.unwrap_or(self.now));
            }
        }
    }

    /// What observers see is consistent.
    pub(super) fn look(&mut self) {
        let stops = |number: usize| self.cares[number].stop;
        let mut soonest = None;
        for view in self.keeper.views(self.now) {
            let number = self.by_id[&view.id];
            let Some(next) = view.next else {
                continue;
            };
            let at = stops(number).map_or(next.at, |stop| next.at.min(stop.until));
            soonest = Some(soonest.map_or((at, number), |it: (_, _)| it.min((at, number))));
        }
        let timeout = self.keeper.poll_timeout();
        // A session that ceases to read for the others may be looked at too early.
        if let Some((soonest, number)) = soonest
            && timeout.is_none_or(|at| at > soonest)
        {
            self.fail(
                number,
                &format!("is shown to act at {soonest:?}, and {timeout:?} is due,"),
            );
        }
        for number in 0..self.cares.len() {
            self.check_hour(number);
        }
    }

    /// Everything is stopped in time.
    pub(super) fn check_stop(&self) {
        if let Some(until) = self.stop_until {
            assert!(
                self.now <= until + STOP_SLACK || self.keeper.is_stopped(),
                "{} is not stopped in time",
                self.place()
            );
        }
    }

    /// What was to be revoked is, and nothing else.
    pub(super) fn check_end(&mut self) {
        self.listen();
        assert_eq!(self.keeper.poll_command(self.now), None, "{}", self.place());
        for number in 0..self.cares.len() {
            let care = &self.cares[number];
            let Some(stop) = care.stop else {
                continue;
            };
            let site = &self.sites[care.site];
            for token in care.generations.values() {
                let token = &care.tokens[*token];
                let record = site.server.record(&token.value, self.now);
                let is_living = record.is_some_and(|record| record.fate == Fate::Living);
                if token.revoke_tries > 0 && !stop.revokes {
                    self.fail(number, "revoked what was to be left");
                }
                if token.revoke_tries > 0 && is_living && !self.is_chaotic() {
                    self.fail(number, "left a token alive that was to be revoked");
                }
            }
        }
    }

    /// Whether the session is to be revoked when everything is stopped with this wish.
    pub(super) fn is_to_be_revoked(&self, number: usize, wanted: OnShutdown) -> bool {
        let policy = self.cares[number].policy();
        wanted == OnShutdown::Revoke && policy.on_shutdown == OnShutdown::Revoke
    }

    /// Since when the tokens of a session are to be kept: since it was said so.
    pub(super) fn note_intent(&mut self, number: usize, before: Intent) {
        let care = &mut self.cares[number];
        if before == Intent::Lapse && care.keeps() {
            for token in &mut care.tokens {
                token.cared_since = token.cared_since.map(|_| self.now);
            }
        }
    }
}
