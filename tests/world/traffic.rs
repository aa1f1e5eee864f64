//! The transport of requests and answers, including timeouts and late answers.

use std::time::Duration;

use session_keepalive::keeper::{
    Command, Failure, Intent, Operation, Outcome, Refusal, Ticket, Verdict,
};
use session_keepalive::time::Instant;

use super::World;
use super::answers::failed;
use super::event::SimEvent;
use super::history::HistoryEntry;
use super::network::{self, RequestFate, ResponseFate};
use super::session::{SimAttempt, SimAttemptResult, SimRequest};

/// The time after its time limit for which the keeper waits for an outcome.
const OVERDUE_AFTER: Duration = Duration::from_secs(5);

/// The maximum time between two consecutive refusals that count as one series.
const REFUSALS_APART_MAX: Duration = Duration::from_secs(60);

/// A request in transit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    pub(super) ticket: Ticket,
    pub(super) operation: Operation,
    pub(super) session: usize,
    pub(super) token: usize,
    pub(super) gives_up_at: Instant,
    /// The intent of the session when the request was sent.
    pub(super) intent: Intent,
}

impl World {
    /// Checks a command, records it and sends its request.
    pub(super) fn send(&mut self, command: Command) {
        let (session, token) = self.check_command(&command);
        self.history.record(self.now, HistoryEntry::Sent(command));
        self.summary.requests += 1;
        let number = command.ticket.number;
        let gives_up_at = self.now + command.time_limit;
        let sim_session = &mut self.sessions[session];
        sim_session.requests += 1;
        sim_session.hour.requests += 1;
        sim_session.last_sent_at = Some(self.now);
        sim_session.in_flight = Some(SimRequest {
            number,
            overdue_at: gives_up_at + OVERDUE_AFTER,
        });
        sim_session.record_attempt(SimAttempt {
            number,
            token,
            operation: command.operation,
            sent_at: self.now,
            result: SimAttemptResult::Pending,
        });
        let flight = Flight {
            ticket: command.ticket,
            operation: command.operation,
            session,
            token,
            gives_up_at,
            intent: sim_session.policy().intent,
        };
        self.open_requests.insert(number);
        sim_session.tokens[token].was_used = true;
        let site = &mut self.sites[sim_session.site];
        let fate = site.request_fate(self.now, &mut self.random);
        self.summary.count_fault(site.weather.request_fault(&fate));
        match fate {
            RequestFate::Arrives(after) => {
                self.schedule(self.now + after, SimEvent::Arrive(flight));
            }
            RequestFate::Fails(after, failure) => {
                let outcome = Box::new(failed(failure));
                self.schedule(self.now + after, SimEvent::Reply(flight, outcome));
            }
            RequestFate::Lost => {}
        }
        // The daemon itself may lose a request: then its timeout arrives only after the keeper has
        // stopped waiting for the outcome.
        let is_forgotten = self.is_chaotic() && self.random.u8(0..200) == 0;
        if is_forgotten {
            self.summary
                .count_fault(Some("request forgotten by the daemon"));
        }
        let delay = if is_forgotten {
            OVERDUE_AFTER * 3
        } else {
            Duration::ZERO
        };
        self.schedule(gives_up_at + delay, SimEvent::GiveUp(flight));
    }

    /// Handles the arrival of a request at the server, even if its time limit is over.
    pub(super) fn arrive(&mut self, flight: Flight) {
        let session = &self.sessions[flight.session];
        let site = &mut self.sites[session.site];
        let value = &session.tokens[flight.token].value;
        let resets = |record: session_keepalive::sim::Record| record.resets;
        let before = site.server.record(value, self.now).map(resets);
        let answer = network::arrive(site, flight.operation, value, self.now, &mut self.random);
        self.summary.count_fault(site.fault.take());
        let after = site.server.record(value, self.now).map(resets);
        if flight.intent == Intent::Lapse && before != after {
            self.fail(flight.session, "reset a token that is to lapse");
        }
        let site = &self.sites[session.site];
        if site.is_wedged {
            return;
        }
        if let ResponseFate::Arrives(after, outcome) = answer {
            self.schedule(self.now + after, SimEvent::Reply(flight, outcome));
        }
    }

    /// Handles the arrival of an answer; after the request's time limit it is dropped or delivered
    /// late.
    pub(super) fn reply(&mut self, flight: Flight, outcome: Box<Outcome>) {
        if self.is_asleep() {
            self.postpone(SimEvent::Reply(flight, outcome));
            return;
        }
        if self.now <= flight.gives_up_at && self.open_requests.remove(&flight.ticket.number) {
            self.deliver(flight, &outcome);
        } else if self.random.bool() {
            self.deliver_late(flight, &outcome);
        }
    }

    /// Handles the end of a request's time limit.
    pub(super) fn give_up(&mut self, flight: Flight) {
        if !self.open_requests.contains(&flight.ticket.number) {
            return;
        }
        if self.is_asleep() {
            return self.postpone(SimEvent::GiveUp(flight));
        }
        self.open_requests.remove(&flight.ticket.number);
        // The daemon does not reuse a connection on which a request timed out.
        self.sites[self.sessions[flight.session].site].is_wedged = false;
        self.deliver(flight, &failed(Failure::TimedOut));
    }

    /// Schedules an event for the end of the suspension, because nothing reaches the keeper before.
    fn postpone(&mut self, event: SimEvent) {
        if let Some(&(_, wakes_at)) = self.sleeps.last() {
            self.schedule(wakes_at, event);
        }
    }

    /// Passes an outcome to the keeper and records its result.
    fn deliver(&mut self, flight: Flight, outcome: &Outcome) {
        let number = flight.ticket.number;
        let awaited = self.sessions[flight.session].in_flight;
        if awaited.is_none_or(|awaited| awaited.number != number) {
            return self.deliver_late(flight, outcome);
        }
        let result = match outcome.verdict {
            // A stored answer shows nothing of the token's current state.
            _ if outcome.correlation_id.as_deref() == Some(network::CACHE_CORRELATION_ID) => {
                SimAttemptResult::Failed
            }
            Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) => {
                SimAttemptResult::Good(self.now)
            }
            Verdict::Throttled { retry_after } => {
                let retry_after_max = self.limits.retry_after_max;
                SimAttemptResult::Throttled(
                    self.now + retry_after.unwrap_or_default().min(retry_after_max),
                )
            }
            Verdict::Refused(_) | Verdict::Blocked(_) | Verdict::Unreachable(_) => {
                SimAttemptResult::Failed
            }
        };
        self.keeper.handle_outcome(flight.ticket, outcome, self.now);
        let session = &mut self.sessions[flight.session];
        session.in_flight = None;
        session.record_result(number, result);
        let token = &mut session.tokens[flight.token];
        match outcome.verdict {
            Verdict::Refused(Refusal::BadCredentials) if flight.operation == Operation::Peek => {
                if self.now.since(token.refused_at) > REFUSALS_APART_MAX {
                    token.refusals = 0;
                }
                token.refusals += 1;
                token.refused_at = self.now;
            }
            Verdict::Accepted if flight.operation == Operation::Revoke => {
                token.is_revoked = outcome.correlation_id.is_some();
            }
            Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) => token.refusals = 0,
            Verdict::Refused(_)
            | Verdict::Blocked(_)
            | Verdict::Throttled { .. }
            | Verdict::Unreachable(_) => {}
        }
        self.drain_events();
    }

    /// Passes a late outcome to the keeper, and checks that it changes nothing.
    fn deliver_late(&mut self, flight: Flight, outcome: &Outcome) {
        let id = flight.ticket.session;
        if self.sessions[flight.session]
            .in_flight
            .is_some_and(|request| request.number == flight.ticket.number)
        {
            // The keeper still waits for this outcome, so it is not late.
            return;
        }
        self.drain_events();
        self.summary.late += 1;
        self.history
            .record(self.now, HistoryEntry::Late(flight.ticket));
        let before = self.keeper.view(id, self.now);
        self.keeper.handle_outcome(flight.ticket, outcome, self.now);
        let after = self.keeper.view(id, self.now);
        if before != after || self.keeper.poll_event().is_some() {
            self.fail(
                flight.session,
                "was changed by an outcome that came too late",
            );
        }
    }

    /// Clears the request in flight if the keeper has dropped it.
    pub(super) fn sync(&mut self, session: usize) {
        let view = self.keeper.view(self.sessions[session].id, self.now);
        let next = view.and_then(|view| view.next);
        if next.is_none_or(|next| !next.is_under_way) {
            self.sessions[session].in_flight = None;
        }
    }
}
