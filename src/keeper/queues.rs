//! The queues that determine the next session: ordered queues for each host, so that an operation
//! takes logarithmic time and a host that never answers delays no other.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{HostId, SessionId};
use crate::time::Instant;

/// The place of a session in the queues of its host. A session has at most one place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum QueuePlace {
    /// A request is in flight and is given up at this instant.
    InFlight(Instant),
    /// A request becomes due at this instant.
    Waiting(Instant),
    /// A request is due.
    Ready {
        /// The instant at which the request became due.
        due_at: Instant,
        /// The instant at which the token is lost without the request. The earliest goes first.
        lost_at: Instant,
    },
}

/// The time before a token is lost from which its request may take a further place: as many requests
/// again may be in flight at a host, so that a last attempt does not wait for those that hang.
const URGENT: Duration = Duration::from_secs(5);

/// The queues of all hosts, ordered by host. There are few hosts, and each poll visits them all.
#[derive(Default, Debug)]
pub(super) struct RequestQueues {
    hosts: Vec<(HostId, HostQueues)>,
    /// The instant of the last call of [`Self::first_ready`].
    polled_at: Instant,
}

/// The queues of one host, each ordered by the instant of the places.
#[derive(Default, Debug)]
struct HostQueues {
    in_flight: BTreeSet<(Instant, SessionId)>,
    waiting: BTreeSet<(Instant, SessionId)>,
    ready: BTreeSet<(Instant, SessionId)>,
}

impl RequestQueues {
    /// Moves a session from one place to another.
    pub(super) fn set(
        &mut self,
        session: SessionId,
        host: HostId,
        from: Option<QueuePlace>,
        to: Option<QueuePlace>,
    ) {
        if from == to {
            return;
        }
        let queues = self.queues(host);
        if let Some(from) = from {
            let (queue, at) = queues.queue(from);
            queue.remove(&(at, session));
        }
        if let Some(to) = to {
            let (queue, at) = queues.queue(to);
            queue.insert((at, session));
        }
    }

    /// Returns the session in the waiting queues whose request became due first, and when it did.
    pub(super) fn first_waiting(&self, now: Instant) -> Option<(Instant, SessionId)> {
        let firsts = self
            .hosts
            .iter()
            .filter_map(|(_, queues)| queues.waiting.first());
        firsts.filter(|(at, _)| *at <= now).min().copied()
    }

    /// Returns a session whose request in flight is overdue; or else, of the sessions whose request
    /// is due at a host with fewer than `in_flight_max` requests in flight, the one whose token is
    /// lost first. For a token that is lost within [`URGENT`] the limit is twice that.
    pub(super) fn first_ready(&mut self, now: Instant, in_flight_max: usize) -> Option<SessionId> {
        self.polled_at = now;
        let overdue = self
            .hosts
            .iter()
            .filter_map(|(_, queues)| queues.in_flight.first().filter(|(at, _)| *at <= now));
        let ready = self.hosts.iter().filter_map(|(_, queues)| {
            let (room_at, first) = queues.next_ready(now, in_flight_max)?;
            (room_at <= now).then_some(first)
        });
        let first = overdue.min().or_else(|| ready.min());
        first.map(|&(_, session)| session)
    }

    /// Returns the instant from which [`Self::first_waiting`] or [`Self::first_ready`] returns a
    /// session.
    pub(super) fn next_at(&self, in_flight_max: usize) -> Option<Instant> {
        let firsts = self.hosts.iter().flat_map(|(_, queues)| {
            let waiting = queues.waiting.first().map(|&(at, _)| at);
            let in_flight = queues.in_flight.first().map(|&(at, _)| at);
            let is_full = queues.in_flight.len() >= in_flight_max.saturating_mul(2);
            [
                in_flight,
                queues
                    .next_ready(self.polled_at, in_flight_max)
                    .map(|(room_at, _)| room_at),
                waiting.filter(|_| !is_full),
            ]
        });
        firsts.flatten().min()
    }

    fn queues(&mut self, host: HostId) -> &mut HostQueues {
        let index = match self.hosts.binary_search_by_key(&host, |&(host, _)| host) {
            Ok(index) => index,
            Err(index) => {
                self.hosts.insert(index, (host, HostQueues::default()));
                index
            }
        };
        &mut self.hosts[index].1
    }
}

impl HostQueues {
    fn queue(&mut self, place: QueuePlace) -> (&mut BTreeSet<(Instant, SessionId)>, Instant) {
        match place {
            QueuePlace::InFlight(at) => (&mut self.in_flight, at),
            QueuePlace::Waiting(at) => (&mut self.waiting, at),
            QueuePlace::Ready { lost_at, .. } => (&mut self.ready, lost_at),
        }
    }

    /// Returns the request that is due and goes next, and the instant from which it has a place:
    /// the one whose token is lost first, or, if only the further places are free, the one whose
    /// token is lost first after `now`.
    fn next_ready(
        &self,
        now: Instant,
        in_flight_max: usize,
    ) -> Option<(Instant, &(Instant, SessionId))> {
        match self.in_flight.len() {
            count if count < in_flight_max => Some((Instant::BOOT, self.ready.first()?)),
            count if count < in_flight_max.saturating_mul(2) => {
                let first = self.ready.range((now, SessionId(0))..).next()?;
                Some((first.0 - URGENT, first))
            }
            _ => None,
        }
    }
}
