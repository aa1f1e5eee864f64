//! What was in force when: a value with its past.

use crate::keeper::Instant;

/// A value, and what it was before.
#[derive(Clone, Debug)]
pub(super) struct Chronicle<T>(Vec<(Instant, T)>);

impl<T> Chronicle<T> {
    /// It has always been `value`.
    pub(super) fn new(value: T) -> Self {
        Self(vec![(Instant::BOOT, value)])
    }

    /// From `now` on it is `value`.
    pub(super) fn change(&mut self, value: T, now: Instant) {
        self.0.push((now, value));
    }

    /// What it is.
    pub(super) fn last(&self) -> &T {
        &self.0.last().expect("a chronicle has a beginning").1
    }

    /// Every value that was in force at some moment from `from` to `until`.
    pub(super) fn between(&self, from: Instant, until: Instant) -> impl Iterator<Item = &T> {
        let later = self.0.partition_point(|(since, _)| *since <= from);
        let first = later.saturating_sub(1);
        let values = self.0[first..].iter();
        values
            .take_while(move |(since, _)| *since <= until)
            .map(|(_, value)| value)
    }

    /// The values that came into force from `from` to `until`, each with the one before it.
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
