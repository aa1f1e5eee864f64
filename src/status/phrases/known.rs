//! Phrases the known facts about the cause of a session's state, and the remedies.

use super::{
    advice, after_death, client_end, counted_as, human_duration, new_token, reason, remedy,
};
use crate::keeper::{Death, ExpirySource, FailureReason, Idleness, SessionView, State};
use crate::status::NamedView;
use crate::status::history::{HostChange, NamedHistory, TokenHistory};
use crate::time::Instant;

/// Returns the known facts that the [standing](super::standing()) of the session does not contain.
#[must_use]
pub fn known(named_history: &NamedHistory) -> Vec<String> {
    let view = &named_history.session.view;
    let now = named_history.snapshot.at;
    let Some(token_history) = present(named_history) else {
        return Vec::new();
    };
    match view.state {
        State::Lost | State::Lapsed => token_history
            .end
            .as_ref()
            .and_then(|(end, at)| Some((end.death()?, *at)))
            .map_or_else(Vec::new, |(death, at)| of_death(death, at, named_history)),
        State::Unproven | State::Alive | State::Excluded | State::AtRisk | State::Blocked => {
            let mut known = vec![of_life(token_history, last_failure(named_history), now)];
            known.extend(of_expiry(view, now));
            known
        }
        State::Absent | State::Revoked | State::NotRevoked | State::Left => Vec::new(),
    }
}

/// Returns the remedies: first those that protect the next token from the same death, then those
/// for the session.
#[must_use]
pub fn remedies(named_history: &NamedHistory) -> Vec<String> {
    let NamedView {
        view,
        source,
        pickup,
        ..
    } = &named_history.session;
    let mut remedies = Vec::new();
    match view.state {
        State::Lost => {
            let death = view.death.as_ref().and_then(after_death);
            remedies.extend(death.map(str::to_owned));
            remedies.extend(advice(view, source, *pickup));
        }
        State::Lapsed => remedies.push(new_token(source, *pickup)),
        State::Unproven | State::Alive | State::Excluded | State::AtRisk | State::Blocked => {
            let known = last_failure(named_history)
                .and_then(remedy)
                .map(str::to_owned);
            remedies.extend(known.or_else(|| advice(view, source, *pickup)));
        }
        State::Absent | State::NotRevoked | State::Revoked | State::Left => {
            remedies.extend(advice(view, source, *pickup));
        }
    }
    remedies
}

/// Returns the history of the token that the view of the session shows.
fn present(named_history: &NamedHistory) -> Option<&TokenHistory> {
    let token = named_history.session.view.token?;
    let mut tokens = named_history.history.tokens.iter().rev();
    tokens.find(|history| history.token.generation == token.generation)
}

fn of_expiry(view: &SessionView, now: Instant) -> Vec<String> {
    let mut known = Vec::new();
    if let Some(expiry) = view.live.as_ref().and_then(|live| live.expiry) {
        let left = human_duration(expiry.at.until(now));
        let origin = match expiry.source {
            ExpirySource::Reported => "",
            ExpirySource::Estimated => ", as estimated from the configured lifetime",
        };
        let renewal = view.renew_at.map_or_else(String::new, |at| {
            format!(
                "; a new token is obtained in {}",
                human_duration(at.until(now))
            )
        });
        known.push(format!("the token expires in {left}{origin}{renewal}"));
    }
    let client = view.live.as_ref().and_then(|live| live.client_end);
    known.extend(client.map(client_end));
    if let Some((token, is_in_use)) = view.earlier {
        let how = if is_in_use {
            "the application still uses it"
        } else {
            "it is observed until it is known to be unused"
        };
        known.push(format!(
            "the earlier token {} is alive: {how}",
            token.fingerprint
        ));
    }
    known
}

fn last_failure(named_history: &NamedHistory) -> Option<&FailureReason> {
    let token = named_history.session.view.token?;
    named_history
        .history
        .timeline
        .last_failure(token.generation)
}

fn of_death(death: &Death, at: Instant, named_history: &NamedHistory) -> Vec<String> {
    let mut known = Vec::new();
    if let Idleness::After(_) = death.idle {
        let alive_at = death.since_touch.map_or(at - death.age, |since| at - since);
        known.extend(slept(named_history, alive_at, at));
    }
    if let Some(id) = &death.correlation_id {
        known.push(format!(
            "support can look up the refusal by its correlation id {id}"
        ));
    }
    known
}

/// Returns the longest suspension of the machine that ended in this period.
fn slept(named_history: &NamedHistory, from: Instant, until: Instant) -> Option<String> {
    let within = named_history
        .host_events
        .iter()
        .filter(|event| event.at >= from && event.at <= until);
    let slept = within.filter_map(|event| match event.change {
        HostChange::Slept(slept) => Some((slept, event.at)),
        HostChange::ClockStepped(_) | HostChange::NetworkChanged(_) => None,
    });
    let (slept, woken_at) = slept.max()?;
    Some(format!(
        "the machine slept for {} and woke {} before the refusal",
        human_duration(slept),
        human_duration(until.since(woken_at))
    ))
}

fn of_life(
    token_history: &TokenHistory,
    last_failure: Option<&FailureReason>,
    now: Instant,
) -> String {
    let why = last_failure.map_or_else(String::new, |failure| format!(": {}", reason(failure)));
    match (token_history.failing(), token_history.failed_at) {
        (Some((since, 1)), _) => {
            format!(
                "a request failed {} ago{why}",
                human_duration(now.since(since))
            )
        }
        (Some((since, failures)), _) => format!(
            "{failures} requests in a row have failed for {}{why}",
            human_duration(now.since(since))
        ),
        (None, Some(failed_at)) => {
            format!(
                "no request has failed for {}",
                human_duration(now.since(failed_at))
            )
        }
        (None, None) if token_history.refusals > 0 => {
            let ago = token_history.refused_at.map_or_else(String::new, |at| {
                format!(", the last {} ago", human_duration(now.since(at)))
            });
            format!(
                "{} answered with 401 although the token lives{ago}; no other request has failed",
                counted_as(token_history.refusals, "touch was", "touches were")
            )
        }
        (None, None) => format!(
            "no request has failed since it was first seen, {} ago",
            human_duration(now.since(token_history.found_at))
        ),
    }
}
