//! The proof that touches reset the idle timer, for each of the two touches.

use std::time::Duration;

use super::{Touch, TouchPreference};
use crate::time::{Instant, ServerTime};

/// The shortest difference of two `dateTokenIdles` that counts as a movement.
const MOVEMENT_MIN: Duration = Duration::from_millis(500);
/// The time after the answer to the last peek before which a touch may move the deadline too
/// little for a proof: the application may have been active just before the peek.
pub(super) const CONCLUSIVE_AFTER: Duration = Duration::from_millis(1500);
/// The largest difference of two instants of the server that are considered equal.
const AGREEMENT: Duration = Duration::from_secs(1);

/// The time after which a touch that does not count or is refused is tried again, since
/// administrators change exclusions and repair proxies.
pub(super) const TOUCH_MEMORY: Duration = Duration::from_secs(6 * 3600);

/// The number of touches that their own answers may prove before a peek confirms one.
pub(super) const OWN_PROOFS_MAX: u32 = 10;

/// The knowledge about the two touches in one organisation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct KnownTouches {
    head: KnownTouch,
    get: KnownTouch,
    /// The touch that was last excluded or refused.
    last: Option<Touch>,
    /// A touch that failed once while the other was accepted at once, which may be coincidence.
    suspect: Option<Touch>,
    own_answer: OwnAnswer,
}

/// The knowledge about the deadline in the answer to a `GET` touch itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum OwnAnswer {
    /// Nothing is known.
    #[default]
    Unknown,
    /// The answer shows the deadline that the touch set, as a peek confirmed.
    Trusted,
    /// The answer showed another deadline than the peek after it.
    Distrusted(Instant),
}

/// The knowledge about one touch, with the instant at which it was gained.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct KnownTouch {
    excluded_at: Option<Instant>,
    refused_at: Option<Instant>,
}

impl KnownTouches {
    /// Returns true if the touch did not move the deadline when it was last verified.
    pub(super) fn is_excluded(&self, touch: Touch, now: Instant) -> bool {
        is_recent(self.known(touch).excluded_at, now)
    }

    /// Returns true if the touch is neither excluded nor refused, as far as is known.
    pub(super) fn works(&self, touch: Touch, now: Instant) -> bool {
        !self.is_excluded(touch, now) && !self.is_refused(touch, now)
    }

    /// Returns true if each of the touches is excluded or refused.
    pub(super) fn neither_works(&self, now: Instant) -> bool {
        !self.works(Touch::Head, now) && !self.works(Touch::Get, now)
    }

    /// Returns true if the touch was refused although the token is alive.
    pub(super) fn is_refused(&self, touch: Touch, now: Instant) -> bool {
        is_recent(self.known(touch).refused_at, now)
    }

    /// Records that the touch was accepted and did not move the deadline.
    pub(super) fn exclude(&mut self, touch: Touch, now: Instant) {
        self.last = Some(touch);
        self.known_mut(touch).excluded_at = Some(now);
    }

    /// Records that the touch was refused although the token is alive.
    pub(super) fn refuse(&mut self, touch: Touch, now: Instant) {
        self.last = Some(touch);
        self.suspect.take_if(|suspect| *suspect == touch);
        self.known_mut(touch).refused_at = Some(now);
    }

    /// Records that the touch moved the deadline.
    pub(super) fn include(&mut self, touch: Touch) {
        *self.known_mut(touch) = KnownTouch::default();
    }

    /// Records that the touch was accepted; it may be excluded all the same.
    pub(super) fn accept(&mut self, touch: Touch) {
        self.suspect.take_if(|suspect| *suspect == touch);
        self.known_mut(touch).refused_at = None;
    }

    /// Records that the touch failed while the other was accepted at once. Returns true if that
    /// happened for the second time in a row.
    pub(super) fn suspect(&mut self, touch: Touch) -> bool {
        self.suspect.replace(touch) == Some(touch)
    }

    /// Returns true if the answer to a `GET` touch proves the reset without a peek.
    pub(super) fn trusts_own_answer(&self) -> bool {
        self.own_answer == OwnAnswer::Trusted
    }

    /// Records that a peek confirmed the deadline in the answer to a `GET` touch.
    pub(super) fn trust_own_answer(&mut self) {
        self.own_answer = OwnAnswer::Trusted;
    }

    /// Records that the answer to a `GET` touch did not show the deadline that the touch set.
    pub(super) fn distrust_own_answer(&mut self, now: Instant) {
        self.own_answer = OwnAnswer::Distrusted(now);
    }

    /// Forgets what is known about the answers to `GET` touches.
    pub(super) fn forget_own_answer(&mut self) {
        self.own_answer = OwnAnswer::Unknown;
    }

    /// Returns the touch that the preference names. With [`TouchPreference::Auto`] `GET` is tried
    /// once another touch has proven that the deadline moves and is reported.
    pub(super) fn preferred(
        &self,
        preference: TouchPreference,
        reset: Reset,
        now: Instant,
    ) -> Touch {
        let shows_own_reset = match self.own_answer {
            OwnAnswer::Unknown => reset == Reset::Proven,
            OwnAnswer::Trusted => true,
            OwnAnswer::Distrusted(at) => reset == Reset::Proven && !is_recent(Some(at), now),
        };
        let is_auto = preference == TouchPreference::Auto;
        if is_auto && shows_own_reset && self.works(Touch::Get, now) {
            Touch::Get
        } else {
            preference.first()
        }
    }

    /// Returns the touch to use: the preferred one, unless only the other works. If neither works,
    /// both are used in turn, since one of them may work again.
    pub(super) fn choose(&self, preferred: Touch, now: Instant) -> Touch {
        if self.works(preferred, now) {
            preferred
        } else if self.works(preferred.other(), now) {
            preferred.other()
        } else {
            self.last.map_or(preferred, Touch::other)
        }
    }

    fn known(&self, touch: Touch) -> &KnownTouch {
        match touch {
            Touch::Head => &self.head,
            Touch::Get => &self.get,
        }
    }

    fn known_mut(&mut self, touch: Touch) -> &mut KnownTouch {
        match touch {
            Touch::Head => &mut self.head,
            Touch::Get => &mut self.get,
        }
    }
}

fn is_recent(since: Option<Instant>, now: Instant) -> bool {
    since.is_some_and(|at| now < at + TOUCH_MEMORY)
}

/// The knowledge about the effect of touches on the idle timer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reset {
    /// No touch was verified yet.
    Unproven,
    /// A touch moved the deadline.
    Proven,
    /// Neither touch moves the deadline.
    Excluded,
    /// The server does not report when the token idles out.
    Unprovable,
}

impl Reset {
    /// All values.
    pub const ALL: [Self; 4] = [
        Self::Unproven,
        Self::Proven,
        Self::Excluded,
        Self::Unprovable,
    ];

    /// Returns the word for logs and metrics.
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

/// An accepted touch whose effect is not verified yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verification {
    pub(super) touch: Touch,
    /// The last `dateTokenIdles` that was reported before the touch.
    pub(super) before: Option<ServerTime>,
    /// The time from the answer with that report to the touch.
    pub(super) before_age: Duration,
    /// The `Date` of the touch's answer.
    pub(super) date: Option<ServerTime>,
    /// True if other requests of ours were sent between that report and the touch.
    pub(super) is_confounded: bool,
    /// The number of peeks that were sent to show the effect.
    pub(super) attempts: u32,
    /// The instant of the last such peek.
    pub(super) attempted_at: Option<Instant>,
    /// The effect that the answer to the touch itself showed, if it showed any.
    pub(super) shown: Option<ShownEffect>,
}

/// The effect of a `GET` touch that its own answer shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ShownEffect {
    /// The deadline is where the touch alone moves it.
    Moved,
    /// The deadline is the one from before the touch. The server may have written the answer before
    /// it reset the timer.
    Stayed,
}

/// The result of a peek after a touch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Evidence {
    /// The deadline moved; the bounds of the idle timeout follow from the dates, if both are known.
    Moved(Option<TimeoutBounds>),
    /// The deadline did not move.
    Stayed,
    /// The deadline came nearer: the timeout was made shorter.
    Shortened,
    /// There is no earlier deadline to compare, or it was reported just before the touch.
    Inconclusive,
    /// The server does not report the deadline.
    NotReported,
}

/// The bounds of an idle timeout that follow from two dates.
///
/// The deadline was set between the touch and the peek, by the touch or by the application that
/// shares the token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TimeoutBounds {
    at_least: Duration,
    at_most: Duration,
}

impl Verification {
    /// Compares `dateTokenIdles` after the touch with what it was before.
    pub(super) fn evaluate(self, after: Option<ServerTime>, date: Option<ServerTime>) -> Evidence {
        let Some(after) = after else {
            return Evidence::NotReported;
        };
        let Some(before) = self.before else {
            return Evidence::Inconclusive;
        };
        match after.since(before) {
            Some(_) if has_moved(before, after) => {
                Evidence::Moved(self.timeout_bounds(after, date))
            }
            Some(_) if self.before_age < CONCLUSIVE_AFTER => Evidence::Inconclusive,
            None if before.since(after) > Some(AGREEMENT) => Evidence::Shortened,
            Some(_) | None => Evidence::Stayed,
        }
    }

    /// Returns the effect that the answer to the touch itself shows, or `None` if that cannot be
    /// distinguished from the activity of the application or from a changed timeout.
    pub(super) fn shown_by(
        self,
        report: Option<ServerTime>,
        date: Option<ServerTime>,
        idle_timeout: Duration,
    ) -> Option<ShownEffect> {
        match self.evaluate(report, date) {
            Evidence::Moved(_) if self.matches_touch(report, idle_timeout) => {
                Some(ShownEffect::Moved)
            }
            Evidence::Stayed => Some(ShownEffect::Stayed),
            Evidence::Moved(_)
            | Evidence::Shortened
            | Evidence::Inconclusive
            | Evidence::NotReported => None,
        }
    }

    /// Returns true if the deadline moved to the instant to which the touch moves it. Activity of
    /// the application moves it as well, but rarely to that instant.
    pub(super) fn matches_touch(self, after: Option<ServerTime>, idle_timeout: Duration) -> bool {
        match (after, self.date) {
            (Some(after), Some(touched)) => after
                .since(touched)
                .is_some_and(|distance| distance + AGREEMENT >= idle_timeout),
            _ => false,
        }
    }

    fn timeout_bounds(self, after: ServerTime, date: Option<ServerTime>) -> Option<TimeoutBounds> {
        let at_least = after.since(date?)?;
        let at_most = after.since(self.date?)?;
        // Dates are truncated to whole seconds and idle timeouts are whole seconds, so the whole
        // seconds from the peek's date to the deadline are never more than the timeout.
        let at_least = Duration::from_secs(at_least.as_secs());
        (at_least >= Duration::from_secs(1) && at_most >= at_least)
            .then_some(TimeoutBounds { at_least, at_most })
    }
}

/// Returns true if a deadline moved from `before` to `after`.
pub(super) fn has_moved(before: ServerTime, after: ServerTime) -> bool {
    after
        .since(before)
        .is_some_and(|moved| moved >= MOVEMENT_MIN)
}

impl TimeoutBounds {
    /// Returns the idle timeout: the shortest known value of the organisation within the bounds,
    /// or the lower bound if there is none.
    pub(super) fn resolve(self, known: impl Iterator<Item = Duration>) -> Duration {
        let is_within = |value: &Duration| (self.at_least..=self.at_most).contains(value);
        known.filter(is_within).min().unwrap_or(self.at_least)
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

    fn verification() -> Verification {
        Verification {
            touch: Touch::Head,
            before: Some(at(900)),
            before_age: seconds(450),
            date: Some(at(450)),
            is_confounded: false,
            attempts: 0,
            attempted_at: None,
            shown: None,
        }
    }

    #[test]
    fn a_deadline_that_moved_is_proof_and_shows_the_timeout() {
        let Evidence::Moved(Some(bounds)) = verification().evaluate(Some(at(1350)), Some(at(452)))
        else {
            panic!("moved and shown");
        };
        assert_eq!(
            bounds.resolve([seconds(300), seconds(900)].into_iter()),
            seconds(900)
        );
        assert_eq!(bounds.resolve([seconds(300)].into_iter()), seconds(898));
    }

    #[test]
    fn a_deadline_that_stayed_is_none() {
        assert_eq!(
            verification().evaluate(Some(at(900)), Some(at(451))),
            Evidence::Stayed
        );
        let soon = Verification {
            before_age: Duration::from_millis(800),
            ..verification()
        };
        assert_eq!(
            soon.evaluate(Some(at(900)), Some(at(451))),
            Evidence::Inconclusive
        );
    }

    #[test]
    fn a_deadline_that_came_nearer_is_a_shorter_timeout() {
        assert_eq!(
            verification().evaluate(Some(at(750)), Some(at(451))),
            Evidence::Shortened
        );
    }

    #[test]
    fn what_the_server_does_not_tell_is_not_judged() {
        assert_eq!(
            verification().evaluate(None, Some(at(451))),
            Evidence::NotReported
        );
        let first = Verification {
            before: None,
            ..verification()
        };
        assert_eq!(
            first.evaluate(Some(at(1350)), Some(at(451))),
            Evidence::Inconclusive
        );
    }

    #[test]
    fn the_applications_activity_is_told_from_ours() {
        assert!(verification().matches_touch(Some(at(1350)), seconds(900)));
        assert!(!verification().matches_touch(Some(at(1200)), seconds(900)));
    }

    #[test]
    fn absurd_dates_show_no_timeout() {
        let last = ServerTime::from_unix_milliseconds(i64::MAX);
        let first = ServerTime::from_unix_milliseconds(i64::MIN);
        assert!(matches!(
            verification().evaluate(Some(last), Some(first)),
            Evidence::Moved(_)
        ));
        assert_eq!(
            verification().evaluate(Some(at(1350)), Some(at(5000))),
            Evidence::Moved(None)
        );
    }

    #[test]
    fn a_deadline_that_came_a_second_nearer_stayed() {
        for milliseconds in [899_000, 899_600] {
            let after = ServerTime::from_unix_milliseconds(milliseconds);
            assert_eq!(
                verification().evaluate(Some(after), Some(at(451))),
                Evidence::Stayed
            );
        }
    }

    #[test]
    fn dates_that_go_back_or_leave_no_second_show_no_timeout() {
        let back = verification().evaluate(Some(at(1350)), Some(at(448)));
        assert_eq!(back, Evidence::Moved(None));
        let none_left = verification().evaluate(Some(at(1350)), Some(at(1350)));
        assert_eq!(none_left, Evidence::Moved(None));
        let one_left = verification().evaluate(Some(at(1350)), Some(at(1349)));
        assert!(matches!(one_left, Evidence::Moved(Some(_))));
    }

    #[test]
    fn a_touch_is_suspected_when_it_fails_twice_in_a_row_and_the_other_does_not() {
        let mut known = KnownTouches::default();
        assert!(!known.suspect(Touch::Head));
        assert!(known.suspect(Touch::Head));
        assert!(!known.suspect(Touch::Get));
        // What is known of one of them says nothing of the other.
        known.refuse(Touch::Head, Instant::BOOT);
        known.accept(Touch::Head);
        assert!(known.suspect(Touch::Get));
        known.refuse(Touch::Get, Instant::BOOT);
        assert!(!known.suspect(Touch::Get));
        known.accept(Touch::Get);
        assert!(!known.suspect(Touch::Get));
    }

    #[test]
    fn what_is_known_of_a_touch_is_forgotten_after_six_hours() {
        let mut known = KnownTouches::default();
        known.exclude(Touch::Head, Instant::BOOT);
        known.refuse(Touch::Get, Instant::BOOT);
        let later = Instant::BOOT + TOUCH_MEMORY;
        let before = later - seconds(1);
        assert!(known.is_excluded(Touch::Head, before) && known.is_refused(Touch::Get, before));
        assert!(known.neither_works(before) && !known.neither_works(later));
        assert!(known.works(Touch::Head, later) && known.works(Touch::Get, later));
        // Where neither is left they take turns.
        assert_eq!(known.choose(Touch::Get, before), Touch::Head);
        assert_eq!(known.choose(Touch::Get, later), Touch::Get);
    }
}
