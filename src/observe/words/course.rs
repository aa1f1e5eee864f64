//! What a session went through, entry by entry.

use jiff::SignedDuration;

use super::{append, death, lasting, obstacle};
use crate::keeper::{Intent, Operation, Policy, Touch};
use crate::observe::story::{Answers, Change, End, Entry, Fact};

/// What happened to a token: `touch by HEAD failed 12 times: no connection to the API`.
#[must_use]
pub fn fact(entry: &Entry) -> String {
    match &entry.fact {
        Fact::Answered(answers) => answered(*answers),
        Fact::Failed(operation, why) => format!(
            "{} failed{}: {}",
            asked(*operation),
            times(entry.count),
            obstacle(why)
        ),
        Fact::Refused(operation) => {
            format!(
                "{} was answered with 401{}",
                asked(*operation),
                times(entry.count)
            )
        }
        Fact::Unanswered => {
            "unproven: nothing was heard about the token, which may live".to_owned()
        }
        Fact::AtRisk => {
            "at risk: tries fail, and the idle deadline is nearer than the margin allows".to_owned()
        }
        Fact::PastDeadline => {
            "past its idle deadline: the token is not refused and may still live".to_owned()
        }
        Fact::Blocked => "blocked: the API answers, but not about the token".to_owned(),
        Fact::Recovered(failures) => format!(
            "well again after {}",
            count(*failures, "failed try", "failed tries")
        ),
        Fact::Unconfirmed => "the 401 was not confirmed: the token lives".to_owned(),
        Fact::TouchExcluded(touch) => format!(
            "{} was accepted and did not move the idle deadline: {} is used for touches",
            method(*touch),
            method(touch.other())
        ),
        Fact::Excluded => "excluded: neither HEAD nor GET moves the idle deadline".to_owned(),
        Fact::ResetProven(touch) => format!(
            "proven: a touch by {} moves the idle deadline",
            method(*touch)
        ),
        Fact::TimeoutRead(organisation, group) => {
            let mut said = "the organisation's idle timeout is ".to_owned();
            match organisation {
                Some(timeout) => append(&mut said, format_args!("{}", lasting(*timeout))),
                None => said.push_str("disabled"),
            }
            if let Some(group) = group {
                append(
                    &mut said,
                    format_args!(", the shortest of its groups {}", lasting(*group)),
                );
            }
            said
        }
        Fact::TimeoutNotPermitted => {
            "the token may not read the organisation's idle timeout, which is no failure".to_owned()
        }
    }
}

/// How a token ended, for a session that is to get this.
#[must_use]
pub fn end(end: &End, policy: &Policy) -> String {
    match end {
        End::Replaced => "replaced by a newer token while it lived".to_owned(),
        End::Overtaken => "a newer token came before anything was heard about it".to_owned(),
        End::NewerRefused(cause) => format!(
            "{}; the earlier token stayed",
            death(cause, Intent::Keep, policy.idle_timeout)
        ),
        End::Lost(cause) => format!("lost: {}", death(cause, Intent::Keep, policy.idle_timeout)),
        End::Lapsed(cause) => {
            format!(
                "lapsed: {}",
                death(cause, Intent::Lapse, policy.idle_timeout)
            )
        }
        End::Revoked => "revoked by us".to_owned(),
        End::NotRevoked(why) => format!(
            "not revoked: {}; it lives until it idles out or expires",
            obstacle(why)
        ),
        End::Left => "left as it is: it lives until it idles out or expires".to_owned(),
    }
}

/// That a token ended, where the cause is told elsewhere.
#[must_use]
pub fn ended(end: &End) -> &'static str {
    match end {
        End::Replaced => "was replaced by a newer one",
        End::Overtaken => "was given up: a newer one came",
        End::NewerRefused(_) => "was refused; the earlier one stayed",
        End::Lost(_) => "was lost",
        End::Lapsed(_) => "lapsed, as intended",
        End::Revoked => "was revoked by us",
        End::NotRevoked(_) => "was to be revoked, and was not",
        End::Left => "was left as it is",
    }
}

/// What befell the machine.
#[must_use]
pub fn change(change: &Change) -> String {
    match change {
        Change::Slept(slept) => {
            format!(
                "the machine slept for {}: tokens went on idling",
                lasting(*slept)
            )
        }
        Change::ClockStepped(by) => {
            let to = if *by < SignedDuration::ZERO {
                "back"
            } else {
                "forward"
            };
            format!(
                "the wall clock was set {to} by {}",
                lasting(by.unsigned_abs())
            )
        }
        Change::NetworkChanged(sooner) => format!(
            "the network changed: {} without an answer asked again",
            count(
                u32::try_from(*sooner).unwrap_or(u32::MAX),
                "session",
                "sessions"
            )
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
            "look at the organisation's idle timeout",
            "looks at the organisation's idle timeout",
        ),
    ];
    let parts = parts.into_iter().filter(|(number, ..)| *number > 0);
    let parts: Vec<_> = parts
        .map(|(number, one, many)| count(number, one, many))
        .collect();
    format!("answered: {}", parts.join(", "))
}

fn asked(operation: Operation) -> &'static str {
    match operation {
        Operation::Peek => "peek",
        Operation::Touch(Touch::Head) => "touch by HEAD",
        Operation::Touch(Touch::Get) => "touch by GET",
        Operation::ReadTimeout => "look at the organisation's idle timeout",
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

/// So many of something.
pub(in crate::observe) fn count(count: u32, one: &str, many: &str) -> String {
    let what = if count == 1 { one } else { many };
    format!("{count} {what}")
}
