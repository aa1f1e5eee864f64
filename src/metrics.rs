//! Renders the sessions and counters as metrics, in either of the two forms that Prometheus reads.
//!
//! The metrics must never show a token. The values of a label must never come from a server or the
//! content of a file, which could multiply them: they are constants, session names and APIs.
//!
//! This module writes the text itself, from a [`Snapshot`]. The crate `prometheus-client` writes
//! only one of the forms (OpenMetrics) and requires collectors in a registry that outlive the
//! request; it would contribute only the escaping of labels.
//!
//! Counters have no `_created`, because it would be `session_keepalive_start_time_seconds` for each
//! of them. There are no metrics of the process, because systemd or the container runtime already
//! provides them.

mod counters;
mod daemon;
mod form;
mod measure;
mod sessions;
mod text;
mod totals;

pub use counters::{Counters, Histogram};
pub use form::MetricsFormat;

use self::text::Text;
use crate::status::Snapshot;

/// The typical size of the metrics of one session, in bytes.
const SESSION_SIZE: usize = 2000;

/// The typical size of all other metrics, in bytes.
const REST_SIZE: usize = 16 * 1024;

/// Returns all metrics of a snapshot.
///
/// Metrics of each session are included only if there are at most
/// [`per_session_max`](Snapshot::per_session_max) sessions.
#[must_use]
pub fn render(snapshot: &Snapshot, form: MetricsFormat) -> Vec<u8> {
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

/// Returns the metrics for a loop that does not answer: only that fact and the version.
#[must_use]
pub fn render_silent(form: MetricsFormat) -> Vec<u8> {
    let mut text = Text::new(form, REST_SIZE);
    daemon::write_silent(&mut text);
    text.end()
}

#[cfg(test)]
mod tests;
