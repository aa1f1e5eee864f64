//! Reads the organisation's idle timeout, modifies it and writes it back whole.

use serde_json::{Value, json};

use super::describe::{derived, differing, summary};
use crate::api::IdleTokenTimeout;
use crate::cli::operate::{Done, Failure, Hand, Lines, Yes};

/// What is to become of the timeout.
#[derive(Clone, Copy)]
pub(super) enum Change {
    /// So many seconds.
    Set(u32),
    /// None.
    Disable,
}

impl Change {
    /// What becomes of this; the same if it is that already.
    fn of(self, before: &IdleTokenTimeout) -> IdleTokenTimeout {
        let mut after = before.clone();
        match self {
            Self::Set(seconds) => after.set(seconds),
            Self::Disable if before.is_enabled() == Some(false) => {}
            Self::Disable => after.disable(),
        }
        after
    }

    /// An answer, without what the API may add by itself: it can remember the seconds of a
    /// timeout that it disabled.
    fn as_written(self, answer: &IdleTokenTimeout) -> IdleTokenTimeout {
        let mut written = answer.clone();
        match self {
            Self::Set(_) => {}
            Self::Disable => written.disable(),
        }
        written
    }
}

const WHY: &str = "This changes the idle timeout of the whole organisation.";
const WHY_SHORTER: &str = "This shortens the idle timeout of the whole organisation: tokens that have idled for longer may end at once.";

/// Makes the change; asks before it writes.
pub(super) async fn change(hand: &mut Hand, yes: Yes, change: Change) -> Result<Done, Failure> {
    hand.consent_is_possible(yes, WHY)?;
    hand.consent_to_reset(yes, "this call")?;
    let read = hand.client.timeout(&hand.api, &hand.token).await?;
    let before = read.value.clone();
    let after = change.of(&before);
    let mut both = Lines::default();
    both.add("before", summary(&before));
    both.add("after", summary(&after));
    let is_change = after != before;
    let reply = if is_change {
        let why = if is_shorter(&before, &after) {
            WHY_SHORTER
        } else {
            WHY
        };
        hand.consent_shown(yes, why, &both.render())?;
        hand.client
            .put_timeout(&hand.api, &hand.token, &after)
            .await?
    } else {
        hand.notes
            .push("it is that already: nothing was written".to_owned());
        read
    };
    let others = differing(&after, &change.as_written(&reply.value));
    if is_change && !others.is_empty() {
        hand.notes.push(format!(
            "the API answered with something else than was written, in {}",
            others.join(", ")
        ));
    }
    let mut lines = hand.lines(&reply);
    lines.append(both);
    lines.add("written", if is_change { "yes" } else { "no" });
    let mut known = hand.derived(&reply);
    known.append(&mut derived(&reply.value));
    known.insert("written".to_owned(), json!(is_change));
    known.insert("before".to_owned(), Value::Object(before.fields().clone()));
    known.insert("after".to_owned(), Value::Object(after.fields().clone()));
    Ok(Done {
        lines,
        body: Value::Object(reply.value.fields().clone()),
        derived: known,
        notes: std::mem::take(&mut hand.notes),
    })
}

fn is_shorter(before: &IdleTokenTimeout, after: &IdleTokenTimeout) -> bool {
    match (before.report().organisation, after.report().organisation) {
        (Some(before), Some(after)) => after < before,
        (None, Some(_)) => true,
        (Some(_) | None, None) => false,
    }
}
