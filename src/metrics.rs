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
mod sessions;
mod text;
mod totals;

pub use counters::{Counters, Exemplar, Histogram, SinkOutcome};
pub use text::MetricsFormat;
pub use totals::Totals;

use std::iter::once_with;

use self::text::Text;
use crate::status::Snapshot;

/// The typical size of all metrics but those of each session, in bytes.
const REST_SIZE: usize = 16 * 1024;

/// Returns all metrics of a snapshot and of the sums over all sessions, in pieces.
///
/// Metrics of each session are included only if there are at most
/// [`per_session_max`](Snapshot::per_session_max) sessions; only then does the snapshot need sessions.
pub fn render<'a>(
    snapshot: &'a Snapshot,
    totals: &'a Totals,
    form: MetricsFormat,
) -> impl Iterator<Item = Vec<u8>> + 'a {
    let is_each_shown = totals.is_each_shown(snapshot);
    let of_all = once_with(move || {
        let mut text = Text::new(form, REST_SIZE);
        daemon::write(&mut text, snapshot, totals);
        totals::write(&mut text, totals, is_each_shown);
        text.into_bytes()
    });
    let of_each = is_each_shown.then(|| sessions::pieces(snapshot, form));
    let end = once_with(move || Text::new(form, 0).end());
    of_all.chain(of_each.into_iter().flatten()).chain(end)
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
