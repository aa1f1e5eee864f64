//! Phrases incidents: their beginning, their course and their end.

use jiff::{SignedDuration, Timestamp};

use super::{append, counted, human_duration, reason, remedy};
use crate::config::SessionName;
use crate::keeper::{FailureReason, IncidentCause, IncidentClass};
use crate::status::IncidentView;
use crate::time::Instant;

/// Returns the incident in one line: the cause, since when, the sessions, and the time that is left.
#[must_use]
pub fn incident(view: &IncidentView, now: Instant) -> String {
    let mut phrase = format!("{}: {}", title(view), cause(view));
    append(&mut phrase, format_args!(" since {}", clock(view.began)));
    if let Some(at) = view.answered_at.filter(|_| !view.is_acute()) {
        let after = human_duration(at.since(view.began_at));
        append(&mut phrase, format_args!(", well again after {after}"));
    }
    append(&mut phrase, format_args!("; {}", subject(view)));
    if let Some(first) = first_loss(view, now) {
        append(&mut phrase, format_args!("; {first}"));
    }
    phrase
}

/// Returns the report of an incident that has become worse.
#[must_use]
pub fn incident_worse(view: &IncidentView, now: Instant) -> String {
    let lasts = human_duration(now.since(view.began_at));
    let of = counted(view.sessions, "session");
    let mut parts = Vec::new();
    if view.lost > 0 {
        let lost = counted(view.lost, "token");
        parts.push(format!("{lost} lost{}", bracketed(&view.lost_names)));
    }
    if view.at_risk > 0 || view.lost == 0 {
        let names = bracketed(&view.at_risk_names);
        parts.push(format!("{} of {of} at risk{names}", view.at_risk));
    }
    parts.extend(first_loss(view, now));
    format!("{} for {lasts}: {}", title(view), parts.join("; "))
}

/// Returns the report of an incident that is over: its length and its cost.
#[must_use]
pub fn incident_over(view: &IncidentView) -> String {
    let until_at = view.answered_at.or(view.ended_at).unwrap_or(view.began_at);
    let lasted = until_at.since(view.began_at);
    let until = SignedDuration::try_from(lasted)
        .ok()
        .and_then(|lasted| view.began.checked_add(lasted).ok())
        .unwrap_or(view.began);
    let of = counted(view.sessions, "session");
    let risk = match view.ever_at_risk {
        0 => format!("none of {of} was at risk"),
        1 => format!("1 of {of} was at risk"),
        many => format!("{many} of {of} were at risk"),
    };
    let lost = match view.lost {
        0 => "no token was lost".to_owned(),
        1 => format!(
            "1 token was lost{}, the session needs a new one",
            bracketed(&view.lost_names)
        ),
        lost => format!(
            "{lost} tokens were lost{}, each session needs a new one",
            bracketed(&view.lost_names)
        ),
    };
    format!(
        "{}: over after {}, from {} to {}; {risk}, {lost}",
        title(view),
        human_duration(lasted),
        clock(view.began),
        clock(until)
    )
}

/// Returns the advice for an incident, if there is any.
#[must_use]
pub fn incident_remedy(view: &IncidentView) -> Option<&'static str> {
    match &view.cause {
        // The limit that one token shares is not the reason where many are throttled.
        IncidentCause::Failure(FailureReason::Throttled { .. }) if view.sessions > 1 => {
            Some("check what else uses the OAuth client or the tokens")
        }
        IncidentCause::Failure(reason) => remedy(reason),
        IncidentCause::Excluded => Some(super::OF_EXCLUSION),
        IncidentCause::Timeout {
            present: Some(_), ..
        } => Some("tokens that idled for longer are refused from now on"),
        IncidentCause::Timeout { present: None, .. } => None,
    }
}

/// Returns the subject and the trouble, such as `API unreachable`.
#[must_use]
pub fn title(view: &IncidentView) -> String {
    let organisation = view.organisation.as_deref().unwrap_or("the organisation");
    // One outage can fail in several ways, of which the latest is shown.
    let class = match &view.cause {
        IncidentCause::Failure(reason) => IncidentClass::of(reason).unwrap_or(view.class),
        IncidentCause::Excluded | IncidentCause::Timeout { .. } => view.class,
    };
    match class {
        IncidentClass::Unreachable => "API unreachable".to_owned(),
        IncidentClass::TimingOut => "API not answering".to_owned(),
        IncidentClass::Failing => "API failing".to_owned(),
        IncidentClass::Certificate => "API without a trusted certificate".to_owned(),
        IncidentClass::Throttling => "API throttling".to_owned(),
        IncidentClass::AddressNotAllowed => "API rejecting this machine's address".to_owned(),
        IncidentClass::NotTheApi => "API not reached".to_owned(),
        IncidentClass::Excluded => format!("touches excluded by {organisation}"),
        IncidentClass::TimeoutShortened => format!("idle timeout of {organisation} shortened"),
        IncidentClass::TimeoutDisabled => format!("idle timeout of {organisation} disabled"),
    }
}

/// Returns the cause in words.
#[must_use]
pub fn cause(view: &IncidentView) -> String {
    match &view.cause {
        IncidentCause::Failure(failure) => format!("{} ({})", reason(failure), view.api),
        IncidentCause::Excluded => "neither HEAD nor GET moves the idle deadline".to_owned(),
        IncidentCause::Timeout {
            earlier,
            present: Some(present),
        } => format!(
            "{} in place of {}",
            human_duration(*present),
            human_duration(*earlier)
        ),
        IncidentCause::Timeout {
            earlier,
            present: None,
        } => format!(
            "tokens do not idle out, in place of {}",
            human_duration(*earlier)
        ),
    }
}

fn subject(view: &IncidentView) -> String {
    if view.names.is_empty() {
        counted(view.sessions, "session")
    } else {
        listed(&view.names)
    }
}

fn first_loss(view: &IncidentView, now: Instant) -> Option<String> {
    let at = view.first_loss_at?;
    let token = if view.sessions == 1 {
        "the token"
    } else {
        "the first token"
    };
    Some(if at > now {
        format!("{token} dies in {}", human_duration(at.until(now)))
    } else {
        let ago = human_duration(now.since(at));
        format!("the idle deadline of {token} passed {ago} ago")
    })
}

fn listed(names: &[SessionName]) -> String {
    let names: Vec<_> = names.iter().map(SessionName::as_str).collect();
    names.join(", ")
}

fn bracketed(names: &[SessionName]) -> String {
    if names.is_empty() {
        String::new()
    } else {
        format!(" ({})", listed(names))
    }
}

/// Returns the time of day in whole seconds.
fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::{incident_view, now, seconds};
    use super::*;

    #[test]
    fn an_incident_is_told_with_its_cause_its_sessions_and_the_time_that_is_left() {
        let mut view = incident_view();
        insta::assert_snapshot!(incident(&view, now()), @"API unreachable: no connection to the API (https://api.mypurecloud.de) since 07:59:30 UTC; 300 sessions; the first token dies in 2m 24s");
        view.first_loss_at = Some(now() - seconds(10));
        view.names = ["a", "b"]
            .map(|name| SessionName::new(name).unwrap())
            .into();
        insta::assert_snapshot!(incident(&view, now()), @"API unreachable: no connection to the API (https://api.mypurecloud.de) since 07:59:30 UTC; a, b; the idle deadline of the first token passed 10s ago");
    }

    #[test]
    fn an_incident_that_gets_worse_is_told_with_counts() {
        let mut view = incident_view();
        view.at_risk = 12;
        insta::assert_snapshot!(incident_worse(&view, now()), @"API unreachable for 30s: 12 of 300 sessions at risk; the first token dies in 2m 24s");
        view.lost = 2;
        view.lost_names = ["a", "b"]
            .map(|name| SessionName::new(name).unwrap())
            .into();
        insta::assert_snapshot!(incident_worse(&view, now()), @"API unreachable for 30s: 2 tokens lost (a, b); 12 of 300 sessions at risk; the first token dies in 2m 24s");
    }

    #[test]
    fn the_end_of_an_incident_is_told_with_its_length_and_its_cost() {
        let mut view = incident_view();
        view.failing = 0;
        view.first_loss_at = None;
        view.answered_at = Some(now() + seconds(2));
        view.ended_at = Some(now() + seconds(32));
        view.ever_at_risk = 67;
        insta::assert_snapshot!(incident_over(&view), @"API unreachable: over after 32s, from 07:59:30 UTC to 08:00:02 UTC; 67 of 300 sessions were at risk, no token was lost");
        view.lost = 7;
        insta::assert_snapshot!(incident_over(&view), @"API unreachable: over after 32s, from 07:59:30 UTC to 08:00:02 UTC; 67 of 300 sessions were at risk, 7 tokens were lost, each session needs a new one");
        insta::assert_snapshot!(incident(&view, now()), @"API unreachable: no connection to the API (https://api.mypurecloud.de) since 07:59:30 UTC, well again after 32s; 300 sessions");
    }
}
