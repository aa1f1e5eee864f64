//! Shows the sessions and what was counted as metrics, in either of the two forms that Prometheus reads.
//!
//! It must never show a token, and no label may take values that a server or a file could
//! multiply: labels are words of ours, and names and APIs of the configuration.
//!
//! The text is written from a [`Snapshot`] by our own hand. `prometheus-client` would write one
//! of the two forms alone (OpenMetrics), and wants collectors that outlive the request in a
//! registry; what is left of it is the escaping of labels.
//!
//! Counters have no `_created`: it would be `session_keepalive_start_time_seconds` for each.
//! There are no metrics of the process, which whoever runs it (systemd, the container's
//! runtime) counts without a file of ours.

mod daemon;
mod form;
mod measure;
mod sessions;
mod text;
mod totals;

use self::text::Text;
use super::Snapshot;

pub use form::Form;

/// What the metrics of a session take, in bytes, as a rule.
const SESSION_SIZE: usize = 2000;

/// What everything else takes.
const REST_SIZE: usize = 16 * 1024;

/// All metrics of this moment.
#[must_use]
pub fn render(snapshot: &Snapshot, form: Form) -> Vec<u8> {
    let is_each_shown = snapshot.sessions.len() <= snapshot.per_session_max;
    let shown = if is_each_shown {
        snapshot.sessions.len()
    } else {
        0
    };
    let mut text = Text::new(form, REST_SIZE + shown * SESSION_SIZE);
    daemon::write(&mut text, snapshot);
    totals::write(&mut text, snapshot, is_each_shown);
    if is_each_shown {
        sessions::write(&mut text, snapshot);
    }
    text.end()
}

/// What is left to say when the loop does not answer: that it does not.
#[must_use]
pub fn render_silent(form: Form) -> Vec<u8> {
    let mut text = Text::new(form, REST_SIZE);
    daemon::write_silent(&mut text);
    text.end()
}

#[cfg(test)]
mod tests;
