//! Logs the state of the daemon's control socket.
//!
//! A line must never show a token, so errors are logged only through [`redacted`].

use std::error::Error;

use tracing::{info, warn};

use crate::config::clean;
use crate::log::TARGET;
use crate::status::phrases::Chain;

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
pub(super) fn redacted(cause: &dyn Error) -> String {
    clean(&Chain(cause).to_string())
}
