//! What happens next with a session.

use super::{append, lasting};
use crate::keeper::{HeldView, Instant, Next, Operation, Reset, SessionView, State};

/// What happens next: `touch in 7 m 12 s, outage budget 7 m 30 s`.
///
/// When tries fail, or touches do not count, the outage budget says nothing: then it
/// is the idle deadline that is named.
#[must_use]
pub fn next(view: &SessionView, now: Instant) -> String {
    let Some(next) = &view.next else {
        return nothing(view.state).to_owned();
    };
    let mut said = step(next, now);
    if let Some(held) = &view.held {
        further(&mut said, next, held, view.failures, now);
    }
    // To look at the timeout is nothing that anybody waits for.
    let is_look = next.operation == Operation::ReadTimeout && !next.is_under_way;
    match said.split_once(", ") {
        Some((_, rest)) if is_look => rest.to_owned(),
        Some(_) | None => said,
    }
}

fn nothing(state: State) -> &'static str {
    match state {
        State::Absent => "nothing until there is a token",
        State::Lost | State::Lapsed => "nothing until the token is replaced",
        State::Revoked => "nothing: revoked",
        State::NotRevoked => "nothing: not revoked",
        State::Left => "nothing: left as it is",
        State::Unproven | State::Held | State::AtRisk | State::Blocked => "nothing",
    }
}

fn step(next: &Next, now: Instant) -> String {
    if next.is_under_way {
        return "waiting for an answer".to_owned();
    }
    let what = match next.operation {
        Operation::Peek => "peek",
        Operation::Touch(_) => "touch",
        Operation::ReadTimeout => "look at the organisation's idle timeout",
        Operation::Revoke => "revocation",
    };
    format!("{what} {}", when(next.at, now))
}

/// What is known of a token that lives beyond the next step.
fn further(said: &mut String, next: &Next, held: &HeldView, failures: u32, now: Instant) {
    let is_touch = matches!(next.operation, Operation::Touch(_)) && !next.is_under_way;
    let is_revoked_next = next.operation == Operation::Revoke;
    let is_smooth = failures == 0 && held.reset != Reset::Excluded;
    match held.touch_at.filter(|_| is_smooth && !is_revoked_next) {
        Some(touch_at) => {
            if !is_touch && touch_at > now {
                append(said, format_args!(", touch {}", when(touch_at, now)));
            }
            if let Some(budget) = held.outage_budget {
                append(said, format_args!(", outage budget {}", lasting(budget)));
            }
        }
        None => match held.deadline {
            Some(deadline) if deadline > now => {
                let left = lasting(deadline.until(now));
                append(said, format_args!(", idle deadline in {left}"));
            }
            Some(deadline) => {
                let ago = lasting(now.since(deadline));
                append(said, format_args!(", idle deadline passed {ago} ago"));
            }
            None => {}
        },
    }
}

fn when(at: Instant, now: Instant) -> String {
    if at <= now {
        "now".to_owned()
    } else {
        format!("in {}", lasting(at.until(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::{held, now, seconds, view, waiting};
    use super::*;
    use crate::keeper::Touch;

    #[test]
    fn a_held_token_is_touched_with_so_much_to_spare() {
        assert_eq!(
            next(&held(), now()),
            "touch in 7 m 12 s, outage budget 7 m 48 s"
        );
        let read = SessionView {
            next: waiting(State::Held, Operation::ReadTimeout, 0).next,
            ..held()
        };
        assert_eq!(
            next(&read, now()),
            "touch in 7 m 12 s, outage budget 7 m 48 s"
        );
    }

    #[test]
    fn a_failing_session_is_told_its_deadline() {
        let failing = SessionView {
            failures: 3,
            next: waiting(State::AtRisk, Operation::Touch(Touch::Head), 4).next,
            ..held()
        };
        assert_eq!(next(&failing, now()), "touch in 4 s, idle deadline in 15 m");
        assert_eq!(
            next(&failing, now() + seconds(912)),
            "touch now, idle deadline passed 12 s ago"
        );
    }

    #[test]
    fn a_session_without_a_living_token_has_less_to_say() {
        let unproven = waiting(State::Unproven, Operation::Peek, 12);
        assert_eq!(next(&unproven, now()), "peek in 12 s");
        let mut asking = unproven;
        asking.next = asking.next.map(|next| Next {
            is_under_way: true,
            ..next
        });
        assert_eq!(next(&asking, now()), "waiting for an answer");
        for (state, said) in [
            (State::Absent, "nothing until there is a token"),
            (State::Lost, "nothing until the token is replaced"),
            (State::Lapsed, "nothing until the token is replaced"),
            (State::Revoked, "nothing: revoked"),
            (State::NotRevoked, "nothing: not revoked"),
            (State::Left, "nothing: left as it is"),
        ] {
            assert_eq!(next(&view(state), now()), said);
        }
    }
}
