//! What a person can do for a session that is not as it should be.

use super::{new_token, remedy};
use crate::keeper::{Failure, Intent, Obstacle, Reset, SessionView, State};
use crate::token::Source;

/// Who can let touches count again.
pub(in crate::observe) const OF_EXCLUSION: &str = "an administrator removes /api/v2/tokens/me from the excluded API calls, or the application is active by itself, or a new token comes before each deadline";

/// What can be done; `None` if nothing has to be or nothing is known to help.
#[must_use]
pub fn advice(view: &SessionView, source: &Source) -> Option<String> {
    let is_kept = view.policy.intent == Intent::Keep;
    let known = match view.state {
        State::Lost => return Some(new_token(source)),
        State::Absent if is_kept => return Some(new_token(source)),
        State::Blocked => remedy(&Obstacle::Blocked(view.blocked.clone()?)),
        State::Held if is_kept && is_excluded(view) => Some(OF_EXCLUSION),
        State::Unproven | State::AtRisk | State::Held if view.failures > 0 => of_failures(view),
        State::NotRevoked => Some("the token lives on until it idles out: log its user out"),
        State::Absent
        | State::Unproven
        | State::Held
        | State::AtRisk
        | State::Lapsed
        | State::Revoked
        | State::Left => None,
    };
    known.map(str::to_owned)
}

/// Whether no touch moves its deadline.
pub(in crate::observe) fn is_excluded(view: &SessionView) -> bool {
    let held = view.held.as_ref();
    held.is_some_and(|held| held.reset == Reset::Excluded)
}

/// Of the last answer no more than its status is known.
fn of_failures(view: &SessionView) -> Option<&'static str> {
    match view.last_answer.as_ref()?.status {
        None => remedy(&Obstacle::Unreachable(Failure::TimedOut)),
        Some(429) => remedy(&Obstacle::Throttled { retry_after: None }),
        Some(status @ (408 | 500..)) => {
            remedy(&Obstacle::Unreachable(Failure::ServerError(status)))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::super::fixture::{held, lost, now, view, waiting};
    use super::*;
    use crate::keeper::{Blockage, LastAnswer, Operation, Policy, Touch};

    fn said(view: &SessionView) -> Option<String> {
        advice(view, &Source::File(PathBuf::from("/run/token")))
    }

    fn answered(status: Option<u16>) -> SessionView {
        SessionView {
            failures: 2,
            last_answer: Some(LastAnswer {
                operation: Operation::Touch(Touch::Head),
                verdict: "unreachable",
                status,
                at: now(),
            }),
            ..waiting(State::AtRisk, Operation::Touch(Touch::Head), 4)
        }
    }

    #[test]
    fn who_needs_a_token_is_told_where_to_put_it() {
        let place = "a new token in file /run/token takes over at once";
        assert_eq!(said(&lost()).as_deref(), Some(place));
        let mut absent = view(State::Absent);
        assert_eq!(said(&absent).as_deref(), Some(place));
        absent.policy = Policy {
            intent: Intent::Lapse,
            ..absent.policy
        };
        assert_eq!(said(&absent), None);
    }

    #[test]
    fn what_is_in_the_way_is_told_with_where_to_look() {
        let blocked = SessionView {
            blocked: Some(Blockage::AddressNotAllowed),
            ..view(State::Blocked)
        };
        let mut excluded = held();
        if let Some(held) = &mut excluded.held {
            held.reset = Reset::Excluded;
        }
        for (view, part) in [
            (blocked, "administrator adds the address"),
            (excluded, "removes /api/v2/tokens/me"),
            (answered(None), "network and the proxy"),
            (answered(Some(429)), "300 requests a minute"),
            (answered(Some(503)), "status page of Genesys Cloud"),
        ] {
            let said = said(&view).unwrap();
            assert!(said.contains(part), "{part} in {said}");
        }
    }

    #[test]
    fn who_is_well_needs_nothing() {
        assert_eq!(said(&held()), None);
        assert_eq!(said(&view(State::Lapsed)), None);
    }
}
