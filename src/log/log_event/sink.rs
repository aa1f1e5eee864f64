//! Logs the writes of tokens to the files from which applications read them.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use tracing::{info, warn};

use crate::config::{RotationSignal, SessionName};
use crate::log::TARGET;
use crate::status::phrases::{Chain, human_duration};
use crate::token::Fingerprint;

/// An event of a sink.
#[derive(Debug)]
pub enum SinkEvent<'a> {
    /// A token was written.
    Written {
        /// The session.
        session: &'a SessionName,
        /// The token.
        fingerprint: Fingerprint,
        /// The file.
        file: &'a Path,
    },
    /// A token could not be written; the earlier content stays.
    NotWritten {
        /// The session.
        session: &'a SessionName,
        /// The file.
        file: &'a Path,
        /// The reason.
        cause: &'a dyn Error,
        /// The longest time until the next attempt.
        retry_within: Duration,
    },
    /// The file of a revoked token was removed.
    Removed {
        /// The session.
        session: &'a SessionName,
        /// The file.
        file: &'a Path,
    },
    /// The file of a revoked token could not be removed.
    NotRemoved {
        /// The session.
        session: &'a SessionName,
        /// The file.
        file: &'a Path,
        /// The reason.
        cause: &'a dyn Error,
    },
    /// A process got a signal after a rotation.
    Signalled {
        /// The session.
        session: &'a SessionName,
        /// The process and the signal.
        signal: &'a RotationSignal,
        /// The id of the process, if it is known.
        pid: Option<i32>,
    },
    /// A process got no signal after a rotation.
    NotSignalled {
        /// The session.
        session: &'a SessionName,
        /// The process and the signal.
        signal: &'a RotationSignal,
        /// The reason.
        cause: &'a dyn Error,
    },
}

pub(super) fn log(event: &SinkEvent<'_>) {
    match *event {
        SinkEvent::Written {
            session,
            fingerprint,
            file,
        } => {
            info!(target: TARGET, event = "sink_written", session = session.as_str(), %fingerprint,
                file = %file.display(), "{session}: the token {fingerprint} was written to {}", file.display());
        }
        SinkEvent::NotWritten {
            session,
            file,
            cause,
            retry_within,
        } => {
            warn!(target: TARGET, event = "sink_not_written", session = session.as_str(), file = %file.display(),
                "{session}: the token could not be written to {}: {}; tried again at least every {}",
                file.display(), Chain(cause), human_duration(retry_within));
        }
        SinkEvent::Removed { session, file } => {
            info!(target: TARGET, event = "sink_removed", session = session.as_str(), file = %file.display(),
                "{session}: {} was removed, since its token was revoked", file.display());
        }
        SinkEvent::NotRemoved {
            session,
            file,
            cause,
        } => {
            warn!(target: TARGET, event = "sink_not_removed", session = session.as_str(), file = %file.display(),
                "{session}: {} holds a revoked token and could not be removed: {}", file.display(), Chain(cause));
        }
        SinkEvent::Signalled {
            session,
            signal,
            pid,
        } => {
            info!(target: TARGET, event = "rotation_signalled", session = session.as_str(), pid,
                "{session}: {signal} was sent, since its sinks hold another token");
        }
        SinkEvent::NotSignalled {
            session,
            signal,
            cause,
        } => {
            warn!(target: TARGET, event = "rotation_not_signalled", session = session.as_str(),
                "{session}: {signal} was not sent, so its application may not know the new token: {}", Chain(cause));
        }
    }
}
