//! Proof of reset: whether touches move the deadline, and which of the two does.

use std::time::Duration;

use super::{ServerTime, Touch};

/// `dateTokenIdles` that moved by less than this did not move.
const MOVEMENT_MIN: Duration = Duration::from_millis(500);
/// A touch sooner than this after the last look was answered may move the deadline too little
/// to tell: the application may have been active just before the look.
pub(super) const TELLING_AFTER: Duration = Duration::from_millis(1500);
/// What two instants of the server may differ by and still agree.
const AGREEMENT: Duration = Duration::from_secs(1);

/// What is known of the organisation's exclusions, as far as this session found out.
///
/// It outlives a token: the next one of the same session belongs to the same organisation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Exclusions {
    pub(super) head: bool,
    pub(super) get: bool,
    /// The touch that was found not to count last.
    last: Option<Touch>,
}

impl Exclusions {
    pub(super) fn both(self) -> bool {
        self.head && self.get
    }

    pub(super) fn has(self, touch: Touch) -> bool {
        match touch {
            Touch::Head => self.head,
            Touch::Get => self.get,
        }
    }

    pub(super) fn exclude(&mut self, touch: Touch) {
        self.last = Some(touch);
        match touch {
            Touch::Head => self.head = true,
            Touch::Get => self.get = true,
        }
    }

    /// Takes in that this touch counts.
    pub(super) fn include(&mut self, touch: Touch) {
        match touch {
            Touch::Head => self.head = false,
            Touch::Get => self.get = false,
        }
    }

    /// The touch to use: the preferred one unless only the other is known to work.
    /// Where neither does they take turns: an exclusion may end for one of them alone.
    pub(super) fn choose(self, preferred: Touch) -> Touch {
        match (self.head, self.get, self.last) {
            (true, false, _) | (true, true, Some(Touch::Head)) => Touch::Get,
            (false, true, _) | (true, true, Some(Touch::Get)) => Touch::Head,
            (false, false, _) | (true, true, None) => preferred,
        }
    }
}

/// What is known of whether touches count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reset {
    /// Nothing yet.
    Unproven,
    /// A touch moved the deadline.
    Proven,
    /// Neither touch does.
    Excluded,
    /// The server does not tell when the token idles out.
    Unprovable,
}

impl Reset {
    /// Every one.
    pub const ALL: [Self; 4] = [
        Self::Unproven,
        Self::Proven,
        Self::Excluded,
        Self::Unprovable,
    ];

    /// The word for logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unproven => "unproven",
            Self::Proven => "proven",
            Self::Excluded => "excluded",
            Self::Unprovable => "unprovable",
        }
    }
}

/// An accepted touch whose effect is to be seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    pub(super) touch: Touch,
    /// `dateTokenIdles` as last seen before the touch.
    pub(super) before: Option<ServerTime>,
    /// How long before the touch the answer that showed it came.
    pub(super) before_age: Duration,
    /// The `Date` of the touch's answer.
    pub(super) date: Option<ServerTime>,
    /// Whether other calls of ours came between that look and the touch.
    pub(super) is_confounded: bool,
}

/// What a peek after a touch shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Finding {
    /// The deadline moved, and this is what it shows of the idle timeout.
    Moved(Option<Shown>),
    /// It did not.
    Stayed,
    /// It came nearer: the timeout was made shorter.
    Shortened,
    /// There is nothing to compare.
    Inconclusive,
    /// The server does not tell.
    Untold,
}

/// An idle timeout as far as two dates show it.
///
/// The deadline was set between the touch and the peek, by the touch or by the
/// application that shares the token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shown {
    at_least: Duration,
    at_most: Duration,
}

impl Trial {
    /// Compares `dateTokenIdles` after the touch with what it was before.
    pub(super) fn judge(self, after: Option<ServerTime>, date: Option<ServerTime>) -> Finding {
        let Some(after) = after else {
            return Finding::Untold;
        };
        let Some(before) = self.before else {
            return Finding::Inconclusive;
        };
        match after.since(before) {
            Some(moved) if moved >= MOVEMENT_MIN => Finding::Moved(self.shown(after, date)),
            Some(_) if self.before_age < TELLING_AFTER => Finding::Inconclusive,
            None if before.since(after) > Some(AGREEMENT) => Finding::Shortened,
            Some(_) | None => Finding::Stayed,
        }
    }

    /// Whether a deadline that moved was moved by the touch alone: activity of the
    /// application moves it as well, but seldom to where the touch would.
    pub(super) fn is_own_doing(self, after: Option<ServerTime>, idle_timeout: Duration) -> bool {
        match (after, self.date) {
            (Some(after), Some(touched)) => after
                .since(touched)
                .is_some_and(|distance| distance + AGREEMENT >= idle_timeout),
            _ => false,
        }
    }

    fn shown(self, after: ServerTime, date: Option<ServerTime>) -> Option<Shown> {
        let at_least = after.since(date?)?;
        let at_most = after.since(self.date?)?;
        // Dates are cut to whole seconds and idle timeouts are whole seconds, so
        // the whole seconds to the peek's date are never more than the timeout.
        let at_least = Duration::from_secs(at_least.as_secs());
        (at_least >= Duration::from_secs(1) && at_most >= at_least)
            .then_some(Shown { at_least, at_most })
    }
}

impl Shown {
    /// The idle timeout: a value that the organisation is known to use, if one fits.
    pub(super) fn settle(self, known: impl Iterator<Item = Duration>) -> Duration {
        let fits = |value: &Duration| (self.at_least..=self.at_most).contains(value);
        known.filter(fits).min().unwrap_or(self.at_least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> ServerTime {
        ServerTime::from_unix_milliseconds(seconds * 1000)
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn trial() -> Trial {
        Trial {
            touch: Touch::Head,
            before: Some(at(900)),
            before_age: seconds(450),
            date: Some(at(450)),
            is_confounded: false,
        }
    }

    #[test]
    fn a_deadline_that_moved_is_proof_and_shows_the_timeout() {
        let Finding::Moved(Some(shown)) = trial().judge(Some(at(1350)), Some(at(452))) else {
            panic!("moved and shown");
        };
        assert_eq!(
            shown.settle([seconds(300), seconds(900)].into_iter()),
            seconds(900)
        );
        assert_eq!(shown.settle([seconds(300)].into_iter()), seconds(898));
    }

    #[test]
    fn a_deadline_that_stayed_is_none() {
        assert_eq!(trial().judge(Some(at(900)), Some(at(451))), Finding::Stayed);
        let soon = Trial {
            before_age: Duration::from_millis(800),
            ..trial()
        };
        assert_eq!(
            soon.judge(Some(at(900)), Some(at(451))),
            Finding::Inconclusive
        );
    }

    #[test]
    fn a_deadline_that_came_nearer_is_a_shorter_timeout() {
        assert_eq!(
            trial().judge(Some(at(750)), Some(at(451))),
            Finding::Shortened
        );
    }

    #[test]
    fn what_the_server_does_not_tell_is_not_judged() {
        assert_eq!(trial().judge(None, Some(at(451))), Finding::Untold);
        let first = Trial {
            before: None,
            ..trial()
        };
        assert_eq!(
            first.judge(Some(at(1350)), Some(at(451))),
            Finding::Inconclusive
        );
    }

    #[test]
    fn the_applications_activity_is_told_from_ours() {
        assert!(trial().is_own_doing(Some(at(1350)), seconds(900)));
        assert!(!trial().is_own_doing(Some(at(1200)), seconds(900)));
    }

    #[test]
    fn absurd_dates_show_no_timeout() {
        let last = ServerTime::from_unix_milliseconds(i64::MAX);
        let first = ServerTime::from_unix_milliseconds(i64::MIN);
        assert!(matches!(
            trial().judge(Some(last), Some(first)),
            Finding::Moved(_)
        ));
        assert_eq!(
            trial().judge(Some(at(1350)), Some(at(5000))),
            Finding::Moved(None)
        );
    }
}
