//! The queues that determine the next session: ordered queues for each host, so that an operation
//! takes logarithmic time and a host that never answers delays no other.

use std::collections::{BTreeMap, BTreeSet};

use super::{HostId, SessionId};
use crate::time::Instant;

/// The place of a session in the queues of its host. A session has at most one place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum QueuePlace {
    /// A request is in flight and is given up at this instant.
    InFlight(Instant),
    /// A request becomes due at this instant.
    Waiting(Instant),
    /// A request is due, for a token that is lost at this instant without it.
    Ready(Instant),
}

/// The queues of all hosts.
#[derive(Default, Debug)]
pub(super) struct Due {
    hosts: BTreeMap<HostId, Queues>,
}

/// The queues of one host, each ordered by the instant of the places.
#[derive(Default, Debug)]
struct Queues {
    in_flight: BTreeSet<(Instant, SessionId)>,
    waiting: BTreeSet<(Instant, SessionId)>,
    ready: BTreeSet<(Instant, SessionId)>,
}

impl Due {
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
        let queues = self.hosts.entry(host).or_default();
        if let Some(from) = from {
            let (queue, at) = queues.queue(from);
            queue.remove(&(at, session));
        }
        if let Some(to) = to {
            let (queue, at) = queues.queue(to);
            queue.insert((at, session));
        }
    }

    /// Returns the session in the waiting queues whose request became due first.
    pub(super) fn first_waiting(&self, now: Instant) -> Option<SessionId> {
        let firsts = self
            .hosts
            .values()
            .filter_map(|queues| queues.waiting.first());
        firsts
            .filter(|(at, _)| *at <= now)
            .min()
            .map(|&(_, session)| session)
    }

    /// Returns a session whose request in flight is overdue; or else, of the sessions whose request
    /// is due at a host with fewer than `in_flight_max` requests in flight, the one whose token is
    /// lost first.
    pub(super) fn first_until(&self, now: Instant, in_flight_max: usize) -> Option<SessionId> {
        let overdue = self
            .hosts
            .values()
            .filter_map(|queues| queues.in_flight.first().filter(|(at, _)| *at <= now));
        let ready = self
            .hosts
            .values()
            .filter(|queues| queues.has_room(in_flight_max))
            .filter_map(|queues| queues.ready.first());
        let first = overdue.min().or_else(|| ready.min());
        first.map(|&(_, session)| session)
    }

    /// Returns the instant from which [`Self::first_waiting`] or [`Self::first_until`] returns a
    /// session.
    pub(super) fn first_at(&self, in_flight_max: usize) -> Option<Instant> {
        let firsts = self.hosts.values().flat_map(|queues| {
            let has_room = queues.has_room(in_flight_max);
            let ready = queues.ready.first().map(|_| Instant::BOOT);
            let waiting = queues.waiting.first().map(|&(at, _)| at);
            let in_flight = queues.in_flight.first().map(|&(at, _)| at);
            [
                in_flight,
                ready.filter(|_| has_room),
                waiting.filter(|_| has_room),
            ]
        });
        firsts.flatten().min()
    }
}

impl Queues {
    fn queue(&mut self, place: QueuePlace) -> (&mut BTreeSet<(Instant, SessionId)>, Instant) {
        match place {
            QueuePlace::InFlight(at) => (&mut self.in_flight, at),
            QueuePlace::Waiting(at) => (&mut self.waiting, at),
            QueuePlace::Ready(at) => (&mut self.ready, at),
        }
    }

    fn has_room(&self, in_flight_max: usize) -> bool {
        self.in_flight.len() < in_flight_max
    }
}
