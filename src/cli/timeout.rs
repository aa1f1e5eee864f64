//! `timeout`: shows or changes the organisation's idle timeout.
//!
//! It must never drop a field that this program does not know: a change writes the whole object
//! back.

use std::ops::RangeInclusive;
use std::time::Duration;

use clap::Subcommand;
use serde_json::json;

use super::exit::Exit;
use super::operate::{
    self, Access, ApiCommand, ApiSession, CommandOutput, OperationError, Yes, duration_with_seconds,
};
use super::text::Lines;
use crate::api::{IdleTokenTimeout, Reply};

/// The commands of `timeout`.
#[derive(Debug, Subcommand)]
pub(super) enum Timeout {
    /// Show the organisation's idle timeout and those of its groups; may reset the token's idle timer.
    #[command(after_help = operate::help(
        "Example: session-keepalive timeout show --config /etc/session-keepalive/config.toml --session wallboard\n\nThe call resets the idle timer of the token that makes it; for a lapsing token it requires --yes.",
    ))]
    Show {
        #[command(flatten)]
        yes: Yes,
        #[command(flatten)]
        access: Access,
    },
    /// Set the organisation's idle timeout; nothing else is changed.
    #[command(after_help = operate::help(
        "Example: session-keepalive timeout set 15m --region eu-central-1 --token-file /run/secrets/admin-token\n\nReads the whole object, changes the timeout and writes it back; groups and unknown fields are preserved. Shows the old and the new value and asks for confirmation. Requires the permission directory:organization:admin.",
    ))]
    Set {
        /// The idle timeout, such as 15m: 5m to 8h, at most 15m for organisations under HIPAA.
        #[arg(value_name = "DURATION")]
        timeout: String,
        /// Send a value outside the documented range.
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        yes: Yes,
        #[command(flatten)]
        access: Access,
    },
    /// Disable the organisation's idle timeout; group timeouts are not changed.
    #[command(after_help = operate::help(
        "Example: session-keepalive timeout disable --region eu-central-1 --token-file /run/secrets/admin-token\n\nReads the whole object, disables the timeout and writes it back: groups and unknown fields are preserved. Shows the old and the new value and asks for confirmation. Requires the permission directory:organization:admin.",
    ))]
    Disable {
        #[command(flatten)]
        yes: Yes,
        #[command(flatten)]
        access: Access,
    },
}

const SHOW: ApiCommand = ApiCommand {
    words: "timeout show",
    permission: None,
    scopes: Some("authorization:readonly or organization:readonly"),
};
const SET: ApiCommand = ApiCommand {
    words: "timeout set",
    permission: Some("directory:organization:admin"),
    scopes: Some("authorization or organization"),
};
const DISABLE: ApiCommand = ApiCommand {
    words: "timeout disable",
    ..SET
};

/// The range that the API documents, in seconds.
const SECONDS: RangeInclusive<u64> = 300..=28_800;

/// The number of groups that are shown to people; the body in JSON has them all.
const GROUPS_SHOWN_MAX: usize = 20;

const WHY: &str = "This changes the idle timeout of the whole organisation.";
const WHY_SHORTER: &str = "This shortens the idle timeout of the whole organisation: tokens that have idled for longer may end at once.";

pub(super) fn run(timeout: &Timeout) -> Exit {
    match timeout {
        Timeout::Show { yes, access } => operate::run(&SHOW, access, *yes, async |session| {
            session.consent_to_reset("this call")?;
            let reply = session.client.timeout(&session.api, &session.token).await?;
            let mut answer = begin(session, &reply);
            describe(&mut answer, &reply.value);
            Ok(answer)
        }),
        Timeout::Set {
            timeout,
            force,
            yes,
            access,
        } => match seconds(timeout, *force) {
            Ok(seconds) => operate::run(&SET, access, *yes, async |session| {
                change(session, TimeoutEdit::Set(seconds)).await
            }),
            Err(why) => operate::wrong_argument(&SET, access, why),
        },
        Timeout::Disable { yes, access } => operate::run(&DISABLE, access, *yes, async |session| {
            change(session, TimeoutEdit::Disable).await
        }),
    }
}

fn seconds(text: &str, force: bool) -> Result<u32, String> {
    let duration = super::duration(text)?;
    if duration.subsec_nanos() > 0 {
        return Err("an idle timeout has whole seconds".to_owned());
    }
    let seconds = duration.as_secs();
    if !force && !SECONDS.contains(&seconds) {
        return Err(format!(
            "{seconds}s is outside the range of the API: 300 to 28800s (5m to 8h), and at most 900s (15m) for organisations under HIPAA; --force sends it anyway"
        ));
    }
    u32::try_from(seconds).map_err(|_| "no idle timeout is that long".to_owned())
}

/// A change of the timeout.
#[derive(Clone, Copy)]
enum TimeoutEdit {
    /// Sets the timeout to this number of seconds.
    Set(u32),
    /// Disables the timeout.
    Disable,
}

/// Makes the change, after consent; writes nothing if the timeout has the value already.
async fn change(
    session: &mut ApiSession,
    edit: TimeoutEdit,
) -> Result<CommandOutput, OperationError> {
    session.consent_is_possible(WHY)?;
    session.consent_to_reset("this call")?;
    let mut reply = session.client.timeout(&session.api, &session.token).await?;
    let before = reply.value.clone();
    let mut after = before.clone();
    match edit {
        TimeoutEdit::Set(seconds) => after.set(seconds),
        TimeoutEdit::Disable if before.is_enabled() == Some(false) => {}
        TimeoutEdit::Disable => after.disable(),
    }
    let is_change = after != before;
    if is_change {
        let why = if is_shorter(&before, &after) {
            WHY_SHORTER
        } else {
            WHY
        };
        let mut both = Lines::default();
        both.add("before", summary(&before));
        both.add("after", summary(&after));
        session.consent(&both.render(), why)?;
        let (client, api) = (&session.client, &session.api);
        reply = client.put_timeout(api, &session.token, &after).await?;
        let mut written = reply.value.clone();
        if let TimeoutEdit::Disable = edit {
            // The API can keep the seconds of a timeout that it disabled.
            written.disable();
        }
        let others = differing(&after, &written).join(", ");
        if !others.is_empty() {
            session.notes.push(format!(
                "the API's answer differs from what was written, in {others}"
            ));
        }
    } else {
        let note = "it has this value already: nothing was written";
        session.notes.push(note.to_owned());
    }
    let mut answer = begin(session, &reply);
    answer.line("before", summary(&before));
    answer.value("before", json!(before.fields()));
    answer.line("after", summary(&after));
    answer.value("after", json!(after.fields()));
    answer.line("written", if is_change { "yes" } else { "no" });
    answer.value("written", is_change);
    Ok(answer)
}

fn is_shorter(before: &IdleTokenTimeout, after: &IdleTokenTimeout) -> bool {
    match (before.report().organisation, after.report().organisation) {
        (Some(before), Some(after)) => after < before,
        (None, Some(_)) => true,
        (Some(_) | None, None) => false,
    }
}

/// Returns the names of the fields in which the two differ, sorted.
fn differing(left: &IdleTokenTimeout, right: &IdleTokenTimeout) -> Vec<String> {
    let names = left.fields().keys().chain(right.fields().keys());
    let mut names: Vec<_> = names
        .filter(|name| left.fields().get(*name) != right.fields().get(*name))
        .cloned()
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Returns the beginning of the answer, with the values for machines.
fn begin(session: &ApiSession, reply: &Reply<IdleTokenTimeout>) -> CommandOutput {
    let timeout = &reply.value;
    let own = timeout.report().organisation;
    let mut answer = session.answer(reply, json!(timeout.fields()));
    answer.effective_timeout(least(timeout));
    answer.value(
        "organisation_idle_timeout_seconds",
        own.map(|timeout| timeout.as_secs()),
    );
    answer.value("groups_are_enabled", timeout.groups_are_enabled());
    answer
}

/// Adds the lines for people.
fn describe(answer: &mut CommandOutput, timeout: &IdleTokenTimeout) {
    answer.line("timeout", summary(timeout));
    let groups = timeout.groups();
    let enabled = match (groups.len(), timeout.groups_are_enabled()) {
        (0, _) => "none have a timeout of their own".to_owned(),
        (count, true) => format!("{count} with a timeout of their own, enabled"),
        (count, false) => format!("{count} with a timeout of their own, disabled"),
    };
    answer.line("groups", enabled);
    for group in groups.iter().take(GROUPS_SHOWN_MAX) {
        let key = match group.priority {
            Some(priority) => format!("  priority {priority}"),
            None => "  no priority".to_owned(),
        };
        let timeout = group.timeout.map(duration_with_seconds);
        let timeout = timeout.unwrap_or_else(|| "not told".to_owned());
        answer.line(key, format!("{timeout}: {}", group.groups.join(", ")));
    }
    let effective = match least(timeout) {
        Some((least, "organisation")) => duration_with_seconds(least),
        Some((least, _)) => format!(
            "{} at the least, that of a group; which of several applies is not documented",
            duration_with_seconds(least)
        ),
        None => "no idle timeout".to_owned(),
    };
    answer.line("in effect", effective);
}

/// Returns a summary of all timeouts in one line.
pub(super) fn overview(timeout: &IdleTokenTimeout) -> String {
    let report = timeout.report();
    let groups = report.groups.iter().take(GROUPS_SHOWN_MAX);
    let groups: Vec<_> = groups.map(|&group| duration_with_seconds(group)).collect();
    let own = summary(timeout);
    if groups.is_empty() {
        format!("{own} for all")
    } else {
        format!("{own}, for groups {}", groups.join(", "))
    }
}

/// Returns the organisation's own timeout in words.
fn summary(timeout: &IdleTokenTimeout) -> String {
    match (timeout.timeout(), timeout.is_enabled()) {
        (Some(value), Some(true) | None) => duration_with_seconds(value),
        (Some(value), Some(false)) => format!("disabled, was {}", duration_with_seconds(value)),
        (None, Some(false)) => "disabled".to_owned(),
        (None, Some(true)) => "enabled, and the API does not report its length".to_owned(),
        (None, None) => "not told".to_owned(),
    }
}

/// Returns the shortest enabled timeout and its owner, `organisation` or `group`.
fn least(timeout: &IdleTokenTimeout) -> Option<(Duration, &'static str)> {
    let report = timeout.report();
    let organisation = report.organisation.map(|timeout| (timeout, "organisation"));
    let groups = report.groups.iter().map(|&timeout| (timeout, "group"));
    // `min_by_key` returns the first of equal timeouts, which is the organisation's.
    organisation
        .into_iter()
        .chain(groups)
        .min_by_key(|(timeout, _)| *timeout)
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_of_the_api_is_kept_unless_forced() {
        assert_eq!(seconds("5m", false), Ok(300));
        assert_eq!(seconds("8h", false), Ok(28_800));
        assert!(
            seconds("299s", false)
                .unwrap_err()
                .contains("300 to 28800s")
        );
        assert!(seconds("28801s", false).unwrap_err().contains("HIPAA"));
        assert_eq!(seconds("299s", true), Ok(299));
        assert!(seconds("900", false).unwrap_err().contains("units"));
        assert!(seconds("300500ms", true).unwrap_err().contains("whole"));
        assert!(seconds("99999999h", true).is_err());
    }
}
