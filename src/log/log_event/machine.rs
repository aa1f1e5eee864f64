//! Logs the events of the machine that the daemon runs on, and of the daemon's control socket.
//!
//! A line must never show a token, so errors that may name a path of the configuration are logged
//! only through [`redacted`].

use std::error::Error;
use std::io;
use std::time::Duration;

use jiff::SignedDuration;
use tracing::{debug, error, info, warn};

use crate::config::clean;
use crate::log::TARGET;
use crate::status::phrases::{Chain, counted, human_duration};

pub(super) fn slept(slept: Duration) {
    info!(target: TARGET, event = "slept", seconds = slept.as_secs(),
        "the machine slept for {}: tokens continued to idle", human_duration(slept));
}

pub(super) fn clock_stepped(by: SignedDuration) {
    let direction = if by.is_negative() { "back" } else { "forward" };
    info!(target: TARGET, event = "clock_stepped", milliseconds = i64::try_from(by.as_millis()).unwrap_or_default(),
        "the clock was set {direction} by {}: no deadline changes", human_duration(by.unsigned_abs()));
}

pub(super) fn network_changed(sooner: usize) {
    debug!(target: TARGET, event = "network_changed", sooner,
        "the network changed: {} without an answer asked again", counted(sooner, "session"));
}

pub(super) fn network_not_watched(cause: &io::Error, retry_within: Duration) {
    info!(target: TARGET, event = "network_not_watched",
        "the network may not be watched (netlink: {}): after an outage the next attempt comes within {} instead of at once",
        Chain(cause), human_duration(retry_within));
}

pub(super) fn manager_not_told(cause: &io::Error) {
    warn!(target: TARGET, event = "manager_not_told",
        "the service manager cannot be reached at NOTIFY_SOCKET: {}", Chain(cause));
}

pub(super) fn not_started(cause: &dyn Error) {
    error!(target: TARGET, event = "not_started", "not started: {}", redacted(cause));
}

pub(super) fn socket_back(place: &str) {
    let place = clean(place);
    info!(target: TARGET, event = "socket_back", place,
        "the control socket {place} was gone and was created again");
}

pub(super) fn socket_gone(cause: &dyn Error) {
    warn!(target: TARGET, event = "socket_gone",
        "the control socket is gone, so no command reaches this daemon: {}; retried every minute and on SIGHUP",
        redacted(cause));
}

pub(super) fn no_socket(cause: &dyn Error) {
    info!(target: TARGET, event = "no_socket",
        "no status socket, so the commands status, wait and health find no daemon: {}; set status.socket to a path or to \"off\"",
        redacted(cause));
}

/// Returns the error with its causes, in one line.
///
/// A token that was pasted where a path belongs would appear in the error, so text that looks like
/// a token is hidden.
fn redacted(cause: &dyn Error) -> String {
    clean(&Chain(cause).to_string())
}
