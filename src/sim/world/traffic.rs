//! Requests and what comes back: sent, on the road, answered, given up, too late.

use std::time::Duration;

use crate::keeper::{
    Command, Failure, Instant, Intent, Operation, Outcome, Refusal, Ticket, Verdict,
};

use super::World;
use super::care::{InFlight, Try, TryResult};
use super::happening::Happening;
use super::history::Entry;
use super::road::{self, Return, Way};

/// How long after its time limit the keeper waits for an outcome.
const OVERDUE_AFTER: Duration = Duration::from_secs(5);

/// One request on the road.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    pub(super) ticket: Ticket,
    pub(super) operation: Operation,
    pub(super) care: usize,
    pub(super) token: usize,
    pub(super) gives_up_at: Instant,
    /// What was wanted for the session when it was sent.
    pub(super) intent: Intent,
}

impl World {
    pub(super) fn send(&mut self, command: Command) {
        let (care, token) = self.check_command(&command);
        self.history.note(self.now, Entry::Sent(command));
        self.tally.requests += 1;
        let number = command.ticket.number;
        let gives_up_at = self.now + command.time_limit;
        let concerned = &mut self.cares[care];
        concerned.requests += 1;
        concerned.hour.requests += 1;
        concerned.last_sent_at = Some(self.now);
        concerned.in_flight = Some(InFlight {
            number,
            overdue_at: gives_up_at + OVERDUE_AFTER,
        });
        concerned.note_try(Try {
            number,
            token,
            operation: command.operation,
            sent_at: self.now,
            result: TryResult::Pending,
        });
        let flight = Flight {
            ticket: command.ticket,
            operation: command.operation,
            care,
            token,
            gives_up_at,
            intent: concerned.policy().intent,
        };
        self.open.insert(number);
        let weather = self.sites[concerned.site].weather;
        match weather.way(&mut self.random) {
            Way::Arrives(after) => self.arrange(self.now + after, Happening::Arrive(flight)),
            Way::Fails(after, failure) => {
                let outcome = Box::new(road::failed(failure));
                self.arrange(self.now + after, Happening::Reply(flight, outcome));
            }
            Way::Lost => {}
        }
        // Now and then the daemon itself loses a request.
        let is_forgotten = self.is_chaotic() && self.random.u8(0..200) == 0;
        let patience = if is_forgotten {
            OVERDUE_AFTER * 3
        } else {
            Duration::ZERO
        };
        self.arrange(gives_up_at + patience, Happening::GiveUp(flight));
    }

    /// A request reaches the server, whether anyone still waits for the answer or not.
    pub(super) fn arrive(&mut self, flight: Flight) {
        let care = &self.cares[flight.care];
        let site = &mut self.sites[care.site];
        let value = &care.tokens[flight.token].value;
        let resets = |record: crate::sim::Record| record.resets;
        let before = site.server.record(value, self.now).map(resets);
        let answer = road::arrive(site, flight.operation, value, self.now, &mut self.random);
        let after = site.server.record(value, self.now).map(resets);
        if flight.intent == Intent::Lapse && before != after {
            self.fail(flight.care, "reset a token that is to lapse");
        }
        if let Return::Arrives(after, outcome) = answer {
            self.arrange(self.now + after, Happening::Reply(flight, outcome));
        }
    }

    /// An answer comes back; past its time limit nobody waits for it.
    pub(super) fn reply(&mut self, flight: Flight, outcome: Box<Outcome>) {
        if self.is_asleep() {
            self.postpone(Happening::Reply(flight, outcome));
            return;
        }
        if self.now <= flight.gives_up_at && self.open.remove(&flight.ticket.number) {
            self.hand_in(flight, &outcome);
        } else if self.random.bool() {
            self.hand_in_late(flight, &outcome);
        }
    }

    /// The time limit is over.
    pub(super) fn give_up(&mut self, flight: Flight) {
        if !self.open.contains(&flight.ticket.number) {
            return;
        }
        if self.is_asleep() {
            return self.postpone(Happening::GiveUp(flight));
        }
        self.open.remove(&flight.ticket.number);
        self.hand_in(flight, &road::failed(Failure::TimedOut));
    }

    /// Nothing reaches the keeper while the machine sleeps.
    fn postpone(&mut self, happening: Happening) {
        if let Some(&(_, wakes)) = self.sleeps.last() {
            self.arrange(wakes, happening);
        }
    }

    fn hand_in(&mut self, flight: Flight, outcome: &Outcome) {
        let number = flight.ticket.number;
        let awaited = self.cares[flight.care].in_flight;
        if awaited.is_none_or(|awaited| awaited.number != number) {
            return self.hand_in_late(flight, outcome);
        }
        let result = match outcome.verdict {
            Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) => {
                TryResult::Good(self.now)
            }
            Verdict::Throttled { retry_after } => {
                TryResult::Throttled(self.now + retry_after.unwrap_or_default())
            }
            Verdict::Refused(_) | Verdict::Blocked(_) | Verdict::Unreachable(_) => {
                TryResult::Failed
            }
        };
        self.keeper.handle_outcome(flight.ticket, outcome, self.now);
        let care = &mut self.cares[flight.care];
        care.in_flight = None;
        care.note_result(number, result);
        let token = &mut care.tokens[flight.token];
        let was_doubted = token.is_doubted;
        match outcome.verdict {
            Verdict::Refused(refusal) => {
                token.is_doubted = true;
                if was_doubted
                    && flight.operation == Operation::Peek
                    && refusal == Refusal::BadCredentials
                {
                    care.refused.insert(flight.ticket.generation);
                    care.refused_last = Some(flight.token);
                }
            }
            Verdict::Accepted if flight.operation == Operation::Revoke => token.is_revoked = true,
            Verdict::Accepted | Verdict::Alive(_) | Verdict::Timeout(_) => {
                token.is_doubted = false;
            }
            Verdict::Blocked(_) | Verdict::Throttled { .. } | Verdict::Unreachable(_) => {}
        }
        self.listen();
    }

    /// What comes too late changes nothing.
    fn hand_in_late(&mut self, flight: Flight, outcome: &Outcome) {
        let id = flight.ticket.session;
        if self.cares[flight.care]
            .in_flight
            .is_some_and(|it| it.number == flight.ticket.number)
        {
            // The keeper still waits: then it is not late at all.
            return;
        }
        self.listen();
        self.tally.late += 1;
        self.history.note(self.now, Entry::Late(flight.ticket));
        let before = self.keeper.view(id, self.now);
        self.keeper.handle_outcome(flight.ticket, outcome, self.now);
        let after = self.keeper.view(id, self.now);
        if before != after || self.keeper.poll_event().is_some() {
            self.fail(flight.care, "was changed by an outcome that came too late");
        }
    }

    /// The keeper may have dropped what was under way.
    pub(super) fn sync(&mut self, care: usize) {
        let view = self.keeper.view(self.cares[care].id, self.now);
        let next = view.and_then(|view| view.next);
        if next.is_none_or(|next| !next.is_under_way) {
            self.cares[care].in_flight = None;
        }
    }
}
