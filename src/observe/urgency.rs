//! Which session a person should look at first.

use super::words::is_excluded;
use crate::keeper::{Instant, Intent, SessionView, State};

/// How urgent a session is, the most urgent first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Urgency {
    /// Its token is gone.
    Lost,
    /// Its token will be gone.
    AtRisk,
    /// Its token lives on and should not.
    NotRevoked,
    /// It is not known how its token does.
    Blocked,
    /// A touch is overdue, or touches do not count.
    Slipping,
    /// There is no token.
    Absent,
    /// Nothing was heard of its token.
    Unproven,
    /// Tries fail, or something is wrong with the source of its token.
    Ailing,
    /// It is as it should be.
    Well,
    /// Nothing is done for it.
    Over,
}

impl Urgency {
    pub(super) fn of(view: &SessionView, trouble: Option<&str>, now: Instant) -> Self {
        let is_kept = view.policy.intent == Intent::Keep;
        match view.state {
            State::Lost => Self::Lost,
            State::AtRisk => Self::AtRisk,
            State::NotRevoked => Self::NotRevoked,
            State::Blocked => Self::Blocked,
            State::Held if is_kept && (is_excluded(view) || !view.is_ready(now)) => Self::Slipping,
            State::Absent if is_kept => Self::Absent,
            State::Unproven if is_kept => Self::Unproven,
            State::Absent | State::Unproven | State::Held
                if view.failures > 0 || trouble.is_some() =>
            {
                Self::Ailing
            }
            State::Unproven | State::Held => Self::Well,
            State::Absent | State::Lapsed | State::Revoked | State::Left => Self::Over,
        }
    }

    /// Whether a person should look.
    pub(super) fn is_warning(self) -> bool {
        self < Self::Well
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{held, lost, now, seconds, view};
    use super::*;
    use crate::keeper::{Policy, Reset};

    fn urgency(view: &SessionView) -> Urgency {
        Urgency::of(view, None, now())
    }

    fn lapsing(state: State) -> SessionView {
        let kept = view(state);
        SessionView {
            policy: Policy {
                intent: Intent::Lapse,
                ..kept.policy
            },
            ..kept
        }
    }

    #[test]
    fn what_is_to_lapse_worries_nobody_unless_something_is_wrong() {
        for state in [State::Absent, State::Lapsed, State::Left] {
            assert_eq!(urgency(&lapsing(state)), Urgency::Over);
        }
        assert_eq!(urgency(&lapsing(State::Unproven)), Urgency::Well);
        assert_eq!(urgency(&lapsing(State::Blocked)), Urgency::Blocked);
        let exposed = Urgency::of(&lapsing(State::Held), Some("readable for all"), now());
        assert_eq!(exposed, Urgency::Ailing);
    }

    #[test]
    fn what_is_to_be_kept_is_looked_at_when_it_is_not() {
        assert!(urgency(&lost()).is_warning());
        assert!(urgency(&view(State::Absent)).is_warning());
        assert!(!urgency(&held()).is_warning());
        let late = now() + seconds(899);
        assert_eq!(Urgency::of(&held(), None, late), Urgency::Slipping);
        let mut excluded = held();
        if let Some(held) = &mut excluded.held {
            held.reset = Reset::Excluded;
        }
        assert_eq!(urgency(&excluded), Urgency::Slipping);
    }
}
