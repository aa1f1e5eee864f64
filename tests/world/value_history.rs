//! A value together with its past values.

use session_keepalive::time::Instant;

/// A value and its past values, each with the instant from which it was in force.
#[derive(Clone, Debug)]
pub(super) struct ValueHistory<T>(Vec<(Instant, T)>);

impl<T> ValueHistory<T> {
    /// Returns the history of a value that has been in force since boot.
    pub(super) fn new(value: T) -> Self {
        Self(vec![(Instant::BOOT, value)])
    }

    /// Sets the value that is in force from `now` on.
    pub(super) fn change(&mut self, value: T, now: Instant) {
        self.0.push((now, value));
    }

    /// Returns the current value.
    pub(super) fn last(&self) -> &T {
        &self.0.last().expect("a chronicle has a beginning").1
    }

    /// Returns every value that was in force at an instant from `from` to `until`.
    pub(super) fn between(&self, from: Instant, until: Instant) -> impl Iterator<Item = &T> {
        let first_later = self.0.partition_point(|(since, _)| *since <= from);
        let first = first_later.saturating_sub(1);
        let values = self.0[first..].iter();
        values
            .take_while(move |(since, _)| *since <= until)
            .map(|(_, value)| value)
    }

    /// Returns the changes from `from` to `until`: the instant, the previous value and the new one.
    pub(super) fn changes(
        &self,
        from: Instant,
        until: Instant,
    ) -> impl Iterator<Item = (Instant, &T, &T)> {
        let pairs = self.0.windows(2);
        let pairs = pairs.map(|pair| (pair[1].0, &pair[0].1, &pair[1].1));
        pairs.filter(move |(at, _, _)| (from..=until).contains(at))
    }
}
