//! Phrases the entries of a session's history.

use std::time::Duration;

use jiff::SignedDuration;

use super::{append, client_end, counted, counted_as, death_of, human_duration, reason};
use crate::keeper::{Intent, Operation, Policy, Touch};
use crate::status::history::{Answers, HostChange, TimelineEntry, TimelineEvent, TokenEnd};

/// Returns a timeline entry in words: `touch by HEAD failed 12 times: no connection to the API`.
#[must_use]
pub fn timeline_event(entry: &TimelineEntry) -> String {
    match &entry.timeline_event {
        TimelineEvent::Answered(answers) => answered(*answers),
        TimelineEvent::Failed(operation, why) => format!(
            "{} failed{}: {}",
            request(*operation),
            times(entry.count),
            reason(why)
        ),
        TimelineEvent::Refused(operation) => {
            format!(
                "{} was answered with 401{}",
                request(*operation),
                times(entry.count)
            )
        }
        TimelineEvent::Unanswered => {
            "unproven: the API has not answered about the token, which may be alive".to_owned()
        }
        TimelineEvent::AtRisk => {
            "at risk: requests fail, and the idle deadline is nearer than the margin".to_owned()
        }
        TimelineEvent::PastDeadline => {
            "past its idle deadline: the token is not refused and may still live".to_owned()
        }
        TimelineEvent::Blocked => "blocked: the API answers, but not about the token".to_owned(),
        TimelineEvent::Recovered(failures) => format!(
            "well again after {}",
            counted_as(*failures, "failed try", "failed tries")
        ),
        TimelineEvent::Unconfirmed => "the 401 was not confirmed: the token lives".to_owned(),
        TimelineEvent::TouchRefused(touch) => format!(
            "{} does not get through although the token lives: {} is used for touches",
            method(*touch),
            method(touch.other())
        ),
        TimelineEvent::TouchExcluded(touch) => format!(
            "{} was accepted and did not move the idle deadline: {} is used for touches",
            method(*touch),
            method(touch.other())
        ),
        TimelineEvent::Excluded => {
            "excluded: neither HEAD nor GET moves the idle deadline".to_owned()
        }
        TimelineEvent::ResetProven(touch) => format!(
            "proven: a touch by {} moves the idle deadline",
            method(*touch)
        ),
        TimelineEvent::TimeoutRead(organisation, group) => timeout_read(*organisation, *group),
        TimelineEvent::TimeoutNotPermitted => {
            "the token may not read the organisation's idle timeout, which is no failure".to_owned()
        }
        TimelineEvent::Expiring => "the expiry of the token was announced".to_owned(),
        TimelineEvent::ClientEnding(end) => client_end(*end),
        TimelineEvent::Minted => "a new token was issued".to_owned(),
        TimelineEvent::MintFailed(failure) => {
            format!("no new token was issued{}: {failure}", times(entry.count))
        }
        TimelineEvent::EarlierInUse => {
            "the application used the earlier token after the renewal".to_owned()
        }
    }
}

/// Returns the end of a token in words, for a session with this policy.
///
/// `revoked` is the time, in words, at which this daemon revoked the token earlier, if it did.
#[must_use]
pub fn end(end: &TokenEnd, policy: &Policy, revoked: Option<&str>) -> String {
    match end {
        TokenEnd::Replaced => "replaced by a newer token while it lived".to_owned(),
        TokenEnd::Overtaken => "a newer token came before the API answered about it".to_owned(),
        TokenEnd::NewerRefused(cause) => format!(
            "{}; the earlier token stayed",
            death_of(cause, Intent::Keep, policy.idle_timeout, revoked)
        ),
        TokenEnd::NewerMismatched(mismatch) => {
            format!(
                "not used: {}; the earlier token stayed",
                super::issuer_mismatch(mismatch)
            )
        }
        TokenEnd::Lost(cause) => format!(
            "lost: {}",
            death_of(cause, Intent::Keep, policy.idle_timeout, revoked)
        ),
        TokenEnd::Lapsed(cause) => {
            format!(
                "lapsed: {}",
                death_of(cause, Intent::Lapse, policy.idle_timeout, revoked)
            )
        }
        TokenEnd::Revoked { was_gone: false } => "revoked by us".to_owned(),
        TokenEnd::Revoked { was_gone: true } => {
            "a revocation was not needed: the API no longer knew it".to_owned()
        }
        TokenEnd::NotRevoked(why) => format!(
            "not revoked: {}; if it lives, it does until it idles out or expires",
            reason(why)
        ),
        TokenEnd::Left => {
            "left as it is: if it lives, it does until it idles out or expires".to_owned()
        }
    }
}

/// Returns the end of a token in words, without its cause.
#[must_use]
pub fn ended(end: &TokenEnd) -> &'static str {
    match end {
        TokenEnd::Replaced => "was replaced by a newer one",
        TokenEnd::Overtaken => "was given up: a newer one came",
        TokenEnd::NewerRefused(_) => "was refused; the earlier one stayed",
        TokenEnd::NewerMismatched(_) => "was not used: it has another issuer",
        TokenEnd::Lost(_) => "was lost",
        TokenEnd::Lapsed(_) => "lapsed, as intended",
        TokenEnd::Revoked { was_gone: false } => "was revoked by the daemon",
        TokenEnd::Revoked { was_gone: true } => "was gone when it was to be revoked",
        TokenEnd::NotRevoked(_) => "was to be revoked, and was not",
        TokenEnd::Left => "was left as it is",
    }
}

/// Returns a host event in words.
#[must_use]
pub fn change(change: &HostChange) -> String {
    match change {
        HostChange::Slept(slept) => {
            format!(
                "the machine slept for {}: tokens continued to idle",
                human_duration(*slept)
            )
        }
        HostChange::ClockStepped(by) => {
            let direction = if *by < SignedDuration::ZERO {
                "back"
            } else {
                "forward"
            };
            format!(
                "the wall clock was set {direction} by {}",
                human_duration(by.unsigned_abs())
            )
        }
        HostChange::NetworkChanged(sooner) => format!(
            "the network changed: {} without an answer asked again",
            counted(*sooner, "session")
        ),
    }
}

fn answered(answers: Answers) -> String {
    let Answers {
        heads,
        gets,
        peeks,
        reads,
    } = answers;
    let parts = [
        (heads, "touch by HEAD", "touches by HEAD"),
        (gets, "touch by GET", "touches by GET"),
        (peeks, "peek", "peeks"),
        (
            reads,
            "read the organisation's idle timeout",
            "reads the organisation's idle timeout",
        ),
    ];
    let parts = parts.into_iter().filter(|(number, ..)| *number > 0);
    let parts: Vec<_> = parts
        .map(|(number, singular, plural)| counted_as(number, singular, plural))
        .collect();
    format!("answered: {}", parts.join(", "))
}

fn timeout_read(organisation: Option<Duration>, group: Option<Duration>) -> String {
    let mut phrase = "the organisation's idle timeout is ".to_owned();
    match organisation {
        Some(timeout) => append(&mut phrase, format_args!("{}", human_duration(timeout))),
        None => phrase.push_str("disabled"),
    }
    if let Some(group) = group {
        append(
            &mut phrase,
            format_args!(", the shortest of its groups {}", human_duration(group)),
        );
    }
    phrase
}

fn request(operation: Operation) -> &'static str {
    match operation {
        Operation::Peek => "peek",
        Operation::Touch(Touch::Head) => "touch by HEAD",
        Operation::Touch(Touch::Get) => "touch by GET",
        Operation::ReadTimeout => "read the organisation's idle timeout",
        Operation::Revoke => "revocation",
    }
}

fn method(touch: Touch) -> &'static str {
    match touch {
        Touch::Head => "HEAD",
        Touch::Get => "GET",
    }
}

fn times(count: u32) -> String {
    match count {
        0 | 1 => String::new(),
        2 => " twice".to_owned(),
        _ => format!(" {count} times"),
    }
}
