//! What waits for a hook: in order, at most so much, and what finds no room is counted.

use std::collections::VecDeque;

/// What may wait for one hook.
pub(super) const WAITING_MAX: usize = 64;

/// What waits for one hook.
#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: VecDeque<T>,
    dropped: usize,
}

/// What became of something that is to wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pushed {
    /// It waits.
    Waits,
    /// It is the first that found no room since the queue was empty.
    FirstDropped,
    /// Another that found no room.
    Dropped,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            dropped: 0,
        }
    }
}

impl<T> Queue<T> {
    /// Puts something at the end, if there is room.
    pub(super) fn push(&mut self, occurrence: T) -> Pushed {
        // Once something was dropped all is, until the queue is empty: what comes through is
        // what came first, and it is told in one piece how much did not.
        if self.dropped == 0 && self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(occurrence);
            return Pushed::Waits;
        }
        self.dropped += 1;
        match self.dropped {
            1 => Pushed::FirstDropped,
            _ => Pushed::Dropped,
        }
    }

    /// Takes out what waits longest.
    pub(super) fn pop(&mut self) -> Option<T> {
        self.waiting.pop_front()
    }

    /// How many were dropped, once nothing waits any more.
    pub(super) fn poll_dropped(&mut self) -> Option<usize> {
        let is_over = self.waiting.is_empty() && self.dropped > 0;
        is_over.then(|| std::mem::take(&mut self.dropped))
    }

    /// Empties it; how many never had their turn, those included that were dropped.
    pub(super) fn clear(&mut self) -> usize {
        let waited = self.waiting.len();
        self.waiting.clear();
        waited + std::mem::take(&mut self.dropped)
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_counted_and_told_when_the_rest_has_had_its_turn() {
        let mut queue = Queue::default();
        let pushed: Vec<_> = (0..1000).map(|number| queue.push(number)).collect();
        let count = |what| pushed.iter().filter(|pushed| **pushed == what).count();
        assert_eq!(count(Pushed::Waits), WAITING_MAX);
        assert_eq!(count(Pushed::FirstDropped), 1);
        assert_eq!(count(Pushed::Dropped), 1000 - WAITING_MAX - 1);
        assert_eq!(queue.pop(), Some(0));
        assert_eq!(queue.poll_dropped(), None);
        assert_eq!(queue.push(1000), Pushed::Dropped);
        while queue.pop().is_some() {}
        assert_eq!(queue.poll_dropped(), Some(1001 - WAITING_MAX));
        assert_eq!(queue.poll_dropped(), None);
        assert_eq!(queue.push(1001), Pushed::Waits);
    }

    #[test]
    fn what_never_had_its_turn_is_counted_at_the_end() {
        let mut queue = Queue::default();
        for number in 0..100 {
            queue.push(number);
        }
        queue.pop();
        assert_eq!(queue.clear(), 99);
        assert!(queue.is_empty() && queue.clear() == 0);
    }
}
