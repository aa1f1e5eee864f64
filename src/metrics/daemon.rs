//! Writes the metrics of the daemon and its counters.

use std::collections::BTreeMap;

use super::Totals;
use super::text::{Family, Text};
use crate::keeper::IncidentClass;
use crate::status::{IncidentView, Snapshot};

const BUILD: Family = Family::info(
    "session_keepalive_build_info",
    "Always 1; the label is the version of the program.",
);
const SHARD: Family = Family::info(
    "session_keepalive_shard_info",
    "Always 1: the shard of this daemon, counted from 0, the number of shards, and how many of them manage each session.",
);
const SHARDS: Family = Family::gauge(
    "session_keepalive_shards",
    "The configured number of shards.",
);
const LIVE: Family = Family::gauge(
    "session_keepalive_live",
    "1 while the daemon's loop responds; 0 if it does not, and no other metric is then known.",
);
const START_TIME: Family = Family::gauge(
    "session_keepalive_start_time_seconds",
    "Start of the daemon in seconds since 1970, by the wall clock at that time. All counters started then.",
);
const READY: Family = Family::gauge(
    "session_keepalive_ready",
    "1 if every kept session is proven alive and within its margin, and the daemon is not stopping.",
);
const STOPPING: Family = Family::gauge(
    "session_keepalive_stopping",
    "1 while the daemon stops and revokes tokens.",
);
const REQUESTS: Family = Family::counter(
    "session_keepalive_requests_total",
    "Requests to the API by operation and by the meaning of the answer or of its absence.",
);
const TOUCH_DURATION: Family = Family::histogram(
    "session_keepalive_touch_duration_seconds",
    "Time until a touch was answered with any status, including connecting; touches without an answer are not counted.",
);
const TOUCH_DELAY: Family = Family::histogram(
    "session_keepalive_touch_delay_seconds",
    "Time for which a touch was due before it was sent: it waited for a place among the requests in flight, or the daemon was late.",
);
const EVENTS: Family = Family::counter(
    "session_keepalive_events_total",
    "Events of sessions, by the name that they have in the log.",
);
const RELOADS: Family = Family::counter(
    "session_keepalive_reloads_total",
    "Reloads of the configuration by result.",
);
const RELOADED: Family = Family::gauge(
    "session_keepalive_last_reload_accepted",
    "0 if the last reload was refused and the earlier configuration is in force.",
);
const SINKS: Family = Family::counter(
    "session_keepalive_sink_writes_total",
    "Writes of tokens to the files from which applications read them, by result.",
);
const SINKS_WAITING: Family = Family::gauge(
    "session_keepalive_sinks_waiting",
    "Files for applications that do not hold the present token of their session yet.",
);
const SUSPENDS: Family = Family::counter(
    "session_keepalive_suspends_total",
    "Number of times that the machine slept while the daemon ran.",
);
const SUSPENDED: Family = Family::counter(
    "session_keepalive_suspended_seconds_total",
    "Total time that the machine slept while the daemon ran.",
);
const CLOCK_STEPS: Family = Family::counter(
    "session_keepalive_clock_steps_total",
    "Number of times that the wall clock was set while the daemon ran.",
);

const INCIDENT: Family = Family::gauge(
    "session_keepalive_incident",
    "1 while an incident of an API or an organisation is open, by its class.",
);
const INCIDENT_SESSIONS: Family = Family::gauge(
    "session_keepalive_incident_sessions",
    "Sessions of the API or organisation of an open incident.",
);
const INCIDENT_FIRST_LOSS: Family = Family::gauge(
    "session_keepalive_incident_first_loss_timestamp_seconds",
    "Time at which the first kept token idles out if the incident continues, in seconds since 1970.",
);

/// Writes the open incidents. Several organisations of one API are added up.
fn incidents(text: &mut Text, snapshot: &Snapshot) {
    let mut open: BTreeMap<_, Vec<&IncidentView>> = BTreeMap::new();
    // No token is in danger where timeouts are disabled.
    let known = snapshot.incidents.iter();
    for incident in known.filter(|known| known.class != IncidentClass::TimeoutDisabled) {
        let labels = [
            ("host", incident.api.as_str()),
            ("class", incident.class.as_str()),
        ];
        open.entry(labels).or_default().push(incident);
    }
    let mut samples = text.family(&INCIDENT);
    for labels in open.keys() {
        samples.sample(labels, 1);
    }
    let mut samples = text.family(&INCIDENT_SESSIONS);
    for (labels, incidents) in &open {
        let sessions = incidents.iter().map(|incident| incident.sessions);
        samples.sample(labels, sessions.sum::<usize>());
    }
    let mut samples = text.family(&INCIDENT_FIRST_LOSS);
    for (labels, incidents) in &open {
        let first = incidents
            .iter()
            .filter_map(|incident| incident.first_loss_at)
            .min();
        let first = first.map(|at| snapshot.wall_at(at).as_duration().as_secs_f64());
        samples.known(labels, first);
    }
}

/// Writes the metrics of the daemon.
pub(crate) fn write(text: &mut Text, snapshot: &Snapshot, totals: &Totals) {
    let counters = &snapshot.counters;
    build(text);
    if let Some(shard) = snapshot.shard {
        let [index, count, copies] =
            [shard.index, shard.count, shard.copies].map(|number| number.to_string());
        text.family(&SHARD).sample(
            &[("index", &index), ("count", &count), ("copies", &copies)],
            1,
        );
        text.family(&SHARDS).sample(&[], shard.count);
    }
    text.family(&LIVE).sample(&[], 1);
    text.family(&START_TIME)
        .sample(&[], counters.began.as_duration().as_secs_f64());
    text.family(&READY)
        .sample(&[], u8::from(totals.is_ready(snapshot)));
    text.family(&STOPPING)
        .sample(&[], u8::from(snapshot.is_stopping));
    incidents(text, snapshot);
    let mut requests = text.family(&REQUESTS);
    for (operation, verdict, count) in counters.requests() {
        let operation = ("operation", operation.as_str());
        requests.sample(&[operation, ("verdict", verdict)], count);
    }
    text.family(&TOUCH_DURATION)
        .histogram(&counters.touch_durations);
    text.family(&TOUCH_DELAY).histogram(&counters.touch_delays);
    let mut events = text.family(&EVENTS);
    for (event, count) in counters.events() {
        events.sample(&[("event", event)], count);
    }
    let mut reloads = text.family(&RELOADS);
    reloads.sample(&[("result", "accepted")], counters.reloads);
    reloads.sample(&[("result", "refused")], counters.reloads_refused);
    text.family(&RELOADED)
        .sample(&[], u8::from(!counters.is_last_reload_refused));
    let mut sinks = text.family(&SINKS);
    sinks.sample(&[("result", "written")], counters.sinks_written);
    sinks.sample(&[("result", "failed")], counters.sinks_failed);
    text.family(&SINKS_WAITING)
        .sample(&[], counters.sinks_waiting);
    text.family(&SUSPENDS).sample(&[], counters.suspends);
    text.family(&SUSPENDED)
        .sample(&[], counters.suspended.as_secs_f64());
    text.family(&CLOCK_STEPS).sample(&[], counters.clock_steps);
}

/// Writes the metrics for a loop that does not answer.
pub(crate) fn write_silent(text: &mut Text) {
    build(text);
    text.family(&LIVE).sample(&[], 0);
    text.family(&READY).sample(&[], 0);
}

fn build(text: &mut Text) {
    text.family(&BUILD)
        .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
}
