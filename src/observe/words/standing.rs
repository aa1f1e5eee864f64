//! How a session stands, and why: what is said to who asks for one session.

use super::{death, lasting, next};
use crate::keeper::{Instant, Intent, SessionView, State};

/// How a session stands: `held: touch in 7 m 12 s, outage budget 7 m 30 s`.
///
/// `trouble` is what is wrong with the source of its token, if something is.
#[must_use]
pub fn standing(view: &SessionView, trouble: Option<&str>, now: Instant) -> String {
    let state = view.state.as_str();
    match why(view, trouble, now) {
        Some(why) => format!("{state}: {why}; {}", next(view, now)),
        None => format!("{state}: {}", next(view, now)),
    }
}

fn why(view: &SessionView, trouble: Option<&str>, now: Instant) -> Option<String> {
    match view.state {
        State::Absent => Some(trouble.unwrap_or("no token was found yet").to_owned()),
        State::Unproven => Some(match (view.failures, &view.last_answer) {
            (0, _) | (_, None) => "nothing was heard about the token yet".to_owned(),
            (failures, Some(last)) => {
                format!("{} in vain, the last one {}", tries(failures), last.verdict)
            }
        }),
        State::Held if view.policy.intent == Intent::Keep => view
            .held
            .as_ref()
            .and_then(|held| held.margin_at)
            .filter(|margin_at| *margin_at <= now)
            .map(|margin_at| format!("past its margin for {}", lasting(now.since(margin_at)))),
        State::AtRisk => Some(match view.last_answer.and_then(|last| last.status) {
            Some(status) => {
                format!(
                    "{} in vain, the last one answered with {status}",
                    tries(view.failures)
                )
            }
            None => format!(
                "{} in vain, the last one without an answer",
                tries(view.failures)
            ),
        }),
        State::Blocked => view.blocked.as_ref().map(ToString::to_string),
        State::Lost | State::Lapsed => view
            .death
            .as_ref()
            .map(|it| death(it, view.policy.intent, view.policy.idle_timeout)),
        State::Held | State::Revoked | State::NotRevoked | State::Left => None,
    }
}

fn tries(failures: u32) -> String {
    match failures {
        1 => "1 try".to_owned(),
        _ => format!("{failures} tries"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::{held, lost, now, seconds, view, waiting};
    use super::*;
    use crate::keeper::{Blockage, Operation, Touch};

    #[test]
    fn a_session_that_is_well_says_what_is_next() {
        assert_eq!(
            standing(&held(), None, now()),
            "held: touch in 7 m 12 s, outage budget 7 m 48 s"
        );
    }

    #[test]
    fn a_session_that_is_not_says_why() {
        assert_eq!(
            standing(
                &view(State::Absent),
                Some("file /run/token: not there"),
                now()
            ),
            "absent: file /run/token: not there; nothing until there is a token"
        );
        let unproven = waiting(State::Unproven, Operation::Peek, 2);
        assert_eq!(
            standing(&unproven, None, now()),
            "unproven: nothing was heard about the token yet; peek in 2 s"
        );
        let blocked = SessionView {
            blocked: Some(Blockage::AddressNotAllowed),
            ..waiting(State::Blocked, Operation::Peek, 30)
        };
        assert_eq!(
            standing(&blocked, None, now()),
            "blocked: this machine's address is not on the organisation's list (ip.not.authorized); peek in 30 s"
        );
        let at_risk = SessionView {
            failures: 3,
            ..waiting(State::AtRisk, Operation::Touch(Touch::Head), 4)
        };
        assert_eq!(
            standing(&at_risk, None, now()),
            "at risk: 3 tries in vain, the last one without an answer; touch in 4 s"
        );
        let said = standing(&lost(), None, now());
        assert!(said.starts_with("lost: refused "), "{said}");
        assert!(
            said.ends_with("; nothing until the token is replaced"),
            "{said}"
        );
    }

    #[test]
    fn a_session_past_its_margin_says_for_how_long() {
        let held = held();
        let margin_at = held.held.as_ref().and_then(|held| held.margin_at).unwrap();
        let said = standing(&held, None, margin_at + seconds(3));
        assert!(
            said.starts_with("held: past its margin for 3 s; "),
            "{said}"
        );
    }
}
