//! Phrases the advice for a session that needs attention.

use super::{OF_CLIENT_END, Pickup, new_token, remedy};
use crate::keeper::{FailureReason, Intent, SessionView, State};
use crate::token::Source;

/// The remedies for an organisation that excludes touches from its inactivity timeout.
pub(crate) const OF_EXCLUSION: &str = "an administrator removes /api/v2/tokens/me from the excluded API calls, or the application is active itself, or a new token comes before each deadline";

/// Returns the advice for a session, or `None` if there is nothing to do or no known remedy.
#[must_use]
pub fn advice(view: &SessionView, source: &Source, pickup: Pickup) -> Option<String> {
    let is_kept = view.policy.intent == Intent::Keep;
    let known = match view.state {
        State::Lost => return Some(new_token(source, pickup)),
        State::Absent if is_kept => return Some(new_token(source, pickup)),
        State::Blocked => remedy(&FailureReason::Blocked(view.blocked.clone()?)),
        State::Excluded => Some(OF_EXCLUSION),
        State::Unproven | State::AtRisk | State::Alive if view.failures > 0 => {
            remedy(view.failure.as_ref()?)
        }
        State::NotRevoked => {
            Some("if the token lives, it does until it idles out: log its user out")
        }
        State::Absent
        | State::Unproven
        | State::Alive
        | State::AtRisk
        | State::Lapsed
        | State::Revoked
        | State::Left => None,
    };
    let client = view.live.as_ref().and_then(|live| live.client_end);
    known.or(client.map(|_| OF_CLIENT_END)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::super::super::fixture::{alive_view, excluded_view, lost, seconds, view, waiting};
    use super::*;
    use crate::keeper::{BlockReason, Failure, Operation, Policy, Touch};

    fn file_advice(view: &SessionView) -> Option<String> {
        advice(
            view,
            &Source::File(PathBuf::from("/run/token")),
            Pickup::AtOnce,
        )
    }

    fn failing(failure: FailureReason) -> SessionView {
        SessionView {
            failures: 2,
            failure: Some(failure),
            ..waiting(State::AtRisk, Operation::Touch(Touch::Head), 4)
        }
    }

    #[test]
    fn who_needs_a_token_is_told_where_to_put_it() {
        let place = "a new token in file /run/token takes over at once";
        assert_eq!(file_advice(&lost()).as_deref(), Some(place));
        let mut absent = view(State::Absent);
        assert_eq!(file_advice(&absent).as_deref(), Some(place));
        absent.policy = Policy {
            intent: Intent::Lapse,
            ..absent.policy
        };
        assert_eq!(file_advice(&absent), None);
    }

    fn throttled(retry_after: Option<Duration>) -> FailureReason {
        FailureReason::Throttled { retry_after }
    }

    #[test]
    fn what_is_in_the_way_is_told_with_where_to_look() {
        let blocked = SessionView {
            blocked: Some(BlockReason::AddressNotAllowed),
            ..view(State::Blocked)
        };
        for (view, part) in [
            (blocked, "administrator adds the address"),
            (excluded_view(), "removes /api/v2/tokens/me"),
            (
                failing(FailureReason::Unreachable(Failure::NotConnected)),
                "network and the proxy",
            ),
            (failing(throttled(None)), "300 requests a minute"),
            (failing(throttled(Some(seconds(3600)))), "daily limit"),
            (
                failing(FailureReason::Unreachable(Failure::ServerError(503))),
                "status page of Genesys Cloud",
            ),
        ] {
            let advice = file_advice(&view).unwrap();
            assert!(advice.contains(part), "{part} in {advice}");
        }
    }

    #[test]
    fn who_is_well_needs_nothing() {
        assert_eq!(file_advice(&alive_view()), None);
        assert_eq!(file_advice(&view(State::Lapsed)), None);
    }
}
