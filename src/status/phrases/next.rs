//! Phrases the next step of a session.

use super::{append, human_duration};
use crate::keeper::{LiveTokenView, Next, Operation, Reset, SessionView, State};
use crate::time::Instant;

/// Returns the next step: `touch in 7m 12s, outage budget 7m 30s`.
///
/// While requests fail, or if touches do not move the deadline, the outage budget has no meaning.
/// The phrase then names the idle deadline.
#[must_use]
pub fn next(view: &SessionView, now: Instant) -> String {
    let Some(next) = &view.next else {
        let needs_token = matches!(view.state, State::Absent | State::Lost);
        return match view.renew_at.filter(|_| needs_token) {
            Some(at) => format!("a new token is obtained {}", when(at, now)),
            None => nothing(view.state).to_owned(),
        };
    };
    let mut phrase = step(next, now);
    if let Some(live) = &view.live {
        append_prospect(&mut phrase, next, live, view.failures, now);
    }
    // Reading the organisation's timeout changes nothing for the token, so the phrase names what
    // comes after it, if anything.
    let is_read = next.operation == Operation::ReadTimeout && !next.is_under_way;
    match phrase.split_once(", ") {
        Some((_, rest)) if is_read => rest.to_owned(),
        Some(_) | None => phrase,
    }
}

fn nothing(state: State) -> &'static str {
    match state {
        State::Absent => "nothing until there is a token",
        State::Lost | State::Lapsed => "nothing until the token is replaced",
        State::Revoked => "nothing: revoked",
        State::NotRevoked => "nothing: not revoked",
        State::Left => "none: left as it is",
        State::Unproven | State::Alive | State::Excluded | State::AtRisk | State::Blocked => {
            "nothing"
        }
    }
}

fn step(next: &Next, now: Instant) -> String {
    if next.is_under_way {
        return "waiting for an answer".to_owned();
    }
    let what = match next.operation {
        Operation::Peek => "peek",
        Operation::Touch(_) => "touch",
        Operation::ReadTimeout => "read the organisation's idle timeout",
        Operation::Revoke => "revocation",
    };
    format!("{what} {}", when(next.at, now))
}

/// Appends the next touch and the outage budget of a living token, or its idle deadline.
fn append_prospect(
    phrase: &mut String,
    next: &Next,
    live: &LiveTokenView,
    failures: u32,
    now: Instant,
) {
    let is_touch = matches!(next.operation, Operation::Touch(_)) && !next.is_under_way;
    let is_revoked_next = next.operation == Operation::Revoke;
    let is_smooth = failures == 0 && live.reset != Reset::Excluded;
    match live.touch_at.filter(|_| is_smooth && !is_revoked_next) {
        Some(touch_at) => {
            if !is_touch && touch_at > now {
                append(phrase, format_args!(", touch {}", when(touch_at, now)));
            }
            if let Some(budget) = live.outage_budget {
                append(
                    phrase,
                    format_args!(", outage budget {}", human_duration(budget)),
                );
            }
        }
        None => match live.deadline {
            Some(deadline) if deadline > now => {
                let left = human_duration(deadline.until(now));
                append(phrase, format_args!(", idle deadline in {left}"));
            }
            Some(deadline) => {
                let ago = human_duration(now.since(deadline));
                append(phrase, format_args!(", idle deadline passed {ago} ago"));
            }
            None => {}
        },
    }
}

fn when(at: Instant, now: Instant) -> String {
    if at <= now {
        "now".to_owned()
    } else {
        format!("in {}", human_duration(at.until(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::{alive_view, now, seconds, view, waiting};
    use super::*;
    use crate::keeper::Touch;

    #[test]
    fn a_living_token_is_touched_with_so_much_to_spare() {
        assert_eq!(
            next(&alive_view(), now()),
            "touch in 7m 12s, outage budget 7m 48s"
        );
        let read = SessionView {
            next: waiting(State::Alive, Operation::ReadTimeout, 0).next,
            ..alive_view()
        };
        assert_eq!(next(&read, now()), "touch in 7m 12s, outage budget 7m 48s");
    }

    #[test]
    fn a_failing_session_is_told_its_deadline() {
        let failing = SessionView {
            failures: 3,
            next: waiting(State::AtRisk, Operation::Touch(Touch::Head), 4).next,
            ..alive_view()
        };
        assert_eq!(next(&failing, now()), "touch in 4s, idle deadline in 15m");
        assert_eq!(
            next(&failing, now() + seconds(912)),
            "touch now, idle deadline passed 12s ago"
        );
    }

    #[test]
    fn a_session_without_a_living_token_has_less_to_say() {
        let unproven = waiting(State::Unproven, Operation::Peek, 12);
        assert_eq!(next(&unproven, now()), "peek in 12s");
        let mut asking = unproven;
        asking.next = asking.next.map(|next| Next {
            is_under_way: true,
            ..next
        });
        assert_eq!(next(&asking, now()), "waiting for an answer");
        for (state, phrase) in [
            (State::Absent, "nothing until there is a token"),
            (State::Lost, "nothing until the token is replaced"),
            (State::Lapsed, "nothing until the token is replaced"),
            (State::Revoked, "nothing: revoked"),
            (State::NotRevoked, "nothing: not revoked"),
            (State::Left, "none: left as it is"),
        ] {
            assert_eq!(next(&view(state), now()), phrase);
        }
    }
}
