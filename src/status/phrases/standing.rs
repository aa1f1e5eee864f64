//! Phrases the state of a session, its reason and the next step.

use super::{append, counted, death, death_of, human_duration, reason, region_question};
use crate::keeper::{Intent, LiveTokenView, Next, Operation, Reset, SessionView, State};
use crate::status::NamedView;
use crate::time::Instant;

/// Returns the state of a session in words: `alive: touch in 7m 12s, outage budget 7m 30s`.
///
/// `trouble` is the problem with the source of the token, if there is one.
#[must_use]
pub fn standing(view: &SessionView, trouble: Option<&str>, now: Instant) -> String {
    let state = view.state.as_str();
    match why(view, trouble, now) {
        Some(why) => format!("{state}: {why}; {}", next(view, now)),
        None => format!("{state}: {}", next(view, now)),
    }
}

/// Returns the state of a session of a snapshot in words.
///
/// Unlike [`standing`], the phrase takes into account that this daemon may have revoked the token
/// earlier, which the keeper does not know.
#[must_use]
pub fn standing_of(session: &NamedView, now: Instant) -> String {
    let view = &session.view;
    if let (Some(death), State::Lost | State::Lapsed) = (&view.death, view.state)
        && !death.was_alive
    {
        let policy = &view.policy;
        let revoked = session.revoked.as_deref();
        let mut why = death_of(death, policy.intent, policy.idle_timeout, revoked);
        if revoked.is_none() && session.is_region_doubtful {
            why = format!("{}; {why}", region_question(&session.api));
        }
        return format!("{}: {why}; {}", view.state.as_str(), next(view, now));
    }
    standing(view, session.trouble.as_deref(), now)
}

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

fn why(view: &SessionView, trouble: Option<&str>, now: Instant) -> Option<String> {
    match view.state {
        State::Absent => Some(trouble.unwrap_or("no token was found yet").to_owned()),
        State::Unproven => Some(
            failed(view)
                .unwrap_or_else(|| "the API has not answered about the token yet".to_owned()),
        ),
        State::Alive if view.policy.intent == Intent::Keep => view
            .live
            .as_ref()
            .and_then(|live| live.margin_at)
            .filter(|margin_at| *margin_at <= now)
            .map(|margin_at| {
                format!(
                    "past its margin for {}",
                    human_duration(now.since(margin_at))
                )
            }),
        State::AtRisk => failed(view),
        State::Excluded => Some(
            "no touch moves its idle deadline, so it ends then unless its application is active"
                .to_owned(),
        ),
        State::Blocked => view.blocked.as_ref().map(ToString::to_string),
        State::Lost | State::Lapsed => view
            .death
            .as_ref()
            .map(|cause| death(cause, view.policy.intent, view.policy.idle_timeout)),
        State::Alive | State::Revoked | State::NotRevoked | State::Left => None,
    }
}

/// Returns the number of failed attempts and the reason of the last one.
fn failed(view: &SessionView) -> Option<String> {
    let failure = view.failure.as_ref().filter(|_| view.failures > 0)?;
    let attempts = counted(view.failures, "attempt");
    let last = if view.failures == 1 {
        ""
    } else {
        ", the last one"
    };
    Some(format!("{attempts} failed{last}: {}", reason(failure)))
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
    use super::super::super::fixture::{alive_view, lost, now, seconds, view, waiting};
    use super::*;
    use crate::keeper::{BlockReason, Failure, FailureReason, Touch};

    #[test]
    fn a_session_that_is_well_says_what_is_next() {
        assert_eq!(
            standing(&alive_view(), None, now()),
            "alive: touch in 7m 12s, outage budget 7m 48s"
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
            "unproven: the API has not answered about the token yet; peek in 2s"
        );
        let blocked = SessionView {
            blocked: Some(BlockReason::AddressNotAllowed),
            ..waiting(State::Blocked, Operation::Peek, 30)
        };
        assert_eq!(
            standing(&blocked, None, now()),
            "blocked: this machine's address is not on the organisation's list (ip.not.authorized); peek in 30s"
        );
        let at_risk = SessionView {
            failures: 3,
            failure: Some(FailureReason::Unreachable(Failure::NotConnected)),
            ..waiting(State::AtRisk, Operation::Touch(Touch::Head), 4)
        };
        assert_eq!(
            standing(&at_risk, None, now()),
            "at risk: 3 attempts failed, the last one: no connection to the API; touch in 4s"
        );
        let phrase = standing(&lost(), None, now());
        assert!(phrase.starts_with("lost: refused "), "{phrase}");
        assert!(
            phrase.ends_with("; nothing until the token is replaced"),
            "{phrase}"
        );
    }

    #[test]
    fn a_session_past_its_margin_says_for_how_long() {
        let view = alive_view();
        let margin_at = view.live.as_ref().and_then(|live| live.margin_at).unwrap();
        let phrase = standing(&view, None, margin_at + seconds(3));
        assert!(
            phrase.starts_with("alive: past its margin for 3s; "),
            "{phrase}"
        );
    }

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
