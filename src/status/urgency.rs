//! Ranks sessions by their need for a person's attention.

use crate::keeper::{Intent, SessionView, State};
use crate::time::Instant;

/// The urgency of a session. The most urgent value is the least.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Urgency {
    /// Requests fail and the idle deadline is near. The token can still be saved.
    AtRisk,
    /// The token was refused.
    Lost,
    /// The token should have been revoked but was not.
    NotRevoked,
    /// The API answers, but not about the token, whose state is unknown.
    Blocked,
    /// Touches do not move the idle deadline.
    Excluded,
    /// The session is past its margin.
    Slipping,
    /// The session has no token.
    Absent,
    /// The API has not answered about the token yet.
    Unproven,
    /// Requests fail, or the source of the token has a problem.
    Ailing,
    /// The session is in its intended state.
    Well,
    /// The daemon has nothing to do for the session.
    Over,
}

impl Urgency {
    pub(crate) fn of(view: &SessionView, trouble: Option<&str>, now: Instant) -> Self {
        let is_kept = view.policy.intent == Intent::Keep;
        match view.state {
            State::Lost => Self::Lost,
            State::AtRisk => Self::AtRisk,
            State::NotRevoked => Self::NotRevoked,
            State::Blocked => Self::Blocked,
            State::Excluded => Self::Excluded,
            State::Alive if is_kept && !view.is_ready(now) => Self::Slipping,
            State::Absent if is_kept => Self::Absent,
            State::Unproven if is_kept => Self::Unproven,
            State::Absent | State::Unproven | State::Alive
                if view.failures > 0 || trouble.is_some() =>
            {
                Self::Ailing
            }
            State::Unproven | State::Alive => Self::Well,
            State::Absent | State::Lapsed | State::Revoked | State::Left => Self::Over,
        }
    }

    /// Returns true if a person should look.
    pub(crate) fn is_warning(self) -> bool {
        self < Self::Well
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{alive_view, excluded_view, lost, now, seconds, view};
    use super::*;
    use crate::keeper::Policy;

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
    fn what_can_still_be_saved_comes_before_what_is_lost() {
        assert!(urgency(&view(State::AtRisk)) < urgency(&lost()));
    }

    #[test]
    fn what_is_to_lapse_worries_nobody_unless_something_is_wrong() {
        for state in [State::Absent, State::Lapsed, State::Left] {
            assert_eq!(urgency(&lapsing(state)), Urgency::Over);
        }
        assert_eq!(urgency(&lapsing(State::Unproven)), Urgency::Well);
        assert_eq!(urgency(&lapsing(State::Blocked)), Urgency::Blocked);
        let exposed = Urgency::of(&lapsing(State::Alive), Some("readable for all"), now());
        assert_eq!(exposed, Urgency::Ailing);
    }

    #[test]
    fn what_is_to_be_kept_is_looked_at_when_it_is_not() {
        assert!(urgency(&lost()).is_warning());
        assert!(urgency(&view(State::Absent)).is_warning());
        assert!(!urgency(&alive_view()).is_warning());
        let late = now() + seconds(899);
        assert_eq!(Urgency::of(&alive_view(), None, late), Urgency::Slipping);
        assert_eq!(urgency(&excluded_view()), Urgency::Excluded);
    }
}
