//! A `TokenInfo`, with what we make of it.

use serde_json::{Map, Value, json};

use crate::api::{Named, Reply, TokenInfo};
use crate::cli::operate::{Done, Hand, Lines, duration_with_seconds, shown, stamped};
use crate::keeper::ServerTime;
use crate::observe::words::lasting;

/// What the call did to the token's idle timer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum IdleTimer {
    /// Nothing.
    Untouched,
    /// It was reset, unless the organisation excludes the call.
    Reset,
}

impl IdleTimer {
    /// The word for machines.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Untouched => "untouched",
            Self::Reset => "reset_unless_excluded",
        }
    }

    /// The words for people.
    pub(super) fn for_people(self) -> &'static str {
        match self {
            Self::Untouched => "not reset by this call",
            Self::Reset => "reset by this call, unless the organisation excludes it",
        }
    }
}

/// What came back, for people and machines.
pub(super) fn described(hand: &mut Hand, reply: &Reply<TokenInfo>, timer: IdleTimer) -> Done {
    let info = &reply.value;
    let mut lines = hand.lines(reply);
    lines.append(facts(info));
    let mut derived = hand.derived(reply);
    idleness(hand, reply, &mut lines, &mut derived);
    lines.add("idle timer", timer.for_people());
    derived.insert("idle_timer".to_owned(), json!(timer.as_str()));
    Done {
        lines,
        body: Value::Object(info.fields().clone()),
        derived,
        notes: std::mem::take(&mut hand.notes),
    }
}

fn facts(info: &TokenInfo) -> Lines {
    let mut lines = Lines::default();
    let organisation = info.organisation();
    lines.add_some("organisation", organisation.map(name_and_id));
    let home = info.home_organisation();
    let is_elsewhere = home.map(|home| home.id) != organisation.map(|it| it.id);
    lines.add_some("home", home.filter(|_| is_elsewhere).map(name_and_id));
    let client = info.client().map(|client| {
        let grant = client.grant_type.unwrap_or("grant not told");
        format!("{}, {grant}", name_and_id(client.named))
    });
    lines.add_some("client", client);
    let scopes = info.scopes();
    lines.add(
        "scopes",
        match scopes.len() {
            0 => "none, as with client credentials".to_owned(),
            _ => scopes.join(", "),
        },
    );
    lines
}

fn name_and_id(named: Named<'_>) -> String {
    match (named.name, named.id) {
        (Some(name), Some(id)) => format!("{name} ({id})"),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) => "not named".to_owned(),
    }
}

/// When the token idles out, by the server's clock alone.
fn idleness(
    hand: &Hand,
    reply: &Reply<TokenInfo>,
    lines: &mut Lines,
    derived: &mut Map<String, Value>,
) {
    let idles_at = reply.value.idles_at();
    let left = idles_at
        .zip(reply.date)
        .map(|(idles_at, date)| seconds(idles_at, date));
    lines.add(
        "idles out",
        match (idles_at, reply.date) {
            (None, _) => "not told by the API (no dateTokenIdles)".to_owned(),
            (Some(at), None) => format!("{}; the answer has no Date to compare it with", shown(at)),
            (Some(at), Some(date)) => match (at.since(date), date.since(at)) {
                (Some(left), _) => format!("{}, in {}", shown(at), lasting(left)),
                (None, passed) => {
                    format!("{}, {} ago", shown(at), lasting(passed.unwrap_or_default()))
                }
            },
        },
    );
    let remaining = idles_at
        .zip(reply.date)
        .and_then(|(at, date)| at.since(date));
    let configured = hand.configured.as_ref().and_then(|it| it.idle_timeout);
    let effective = match (configured, remaining) {
        (Some(timeout), _) => {
            lines.add(
                "idle timeout",
                format!("{}, as configured", duration_with_seconds(timeout)),
            );
            json!({ "seconds": timeout.as_secs(), "source": "configured", "is_at_least": false })
        }
        (None, Some(left)) => {
            lines.add(
                "idle timeout",
                format!("at least {}", duration_with_seconds(left)),
            );
            json!({ "seconds": left.as_secs(), "source": "token", "is_at_least": true })
        }
        (None, None) => Value::Null,
    };
    derived.insert("idles_at".to_owned(), json!(idles_at.map(stamped)));
    derived.insert("seconds_left".to_owned(), json!(left));
    derived.insert("effective_idle_timeout".to_owned(), effective);
}

/// Whole seconds, below zero if the deadline has passed.
fn seconds(idles_at: ServerTime, date: ServerTime) -> i64 {
    let (at, now) = (idles_at.unix_milliseconds(), date.unix_milliseconds());
    at.saturating_sub(now).div_euclid(1000)
}
