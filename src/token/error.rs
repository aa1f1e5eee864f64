//! Why no token came from its source: one variant for each thing someone can act on.
//!
//! Every message names the place and none shows what was found there.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use super::{NotAToken, Source};

/// Why no token came from its source.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file or credential does not exist, or not yet.
    #[error("{0} does not exist")]
    Absent(Source),
    /// The file is there, but not for us.
    #[error("{place} cannot be read")]
    NotReadable {
        /// Where the token was looked for.
        place: Source,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// A directory, pipe, socket or device.
    #[error("{0} is not a regular file")]
    NotAFile(Source),
    /// Something was found that cannot be a token.
    #[error("the token from {place} {reason}")]
    NotAToken {
        /// Where it was found.
        place: Source,
        /// What is wrong with it.
        reason: NotAToken,
    },
    /// The environment variable is missing; it will not appear while the process runs.
    #[error("{0} is not set")]
    NotSet(Source),
    /// The process was started without any credentials.
    #[error("{0}: CREDENTIALS_DIRECTORY is not set; the unit needs LoadCredential= for it")]
    NoCredentials(Source),
    /// A credential's name that could lead out of the credentials' directory.
    #[error("{0} must be named by a plain file name")]
    NotAFileName(Source),
    /// The program could not be started.
    #[error("{place} could not be started")]
    NotStarted {
        /// The program.
        place: Source,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// The program says by its exit status that it failed, or was killed by a signal.
    #[error("{place} failed: {status}")]
    Failed {
        /// The program.
        place: Source,
        /// Its exit status, or the signal.
        status: ExitStatus,
    },
    /// The program did not end in time, or a child of it kept its output open; it was killed.
    #[error("{place} did not end within {time_limit:?}")]
    TimedOut {
        /// The program.
        place: Source,
        /// How long it was given.
        time_limit: Duration,
    },
    /// The program printed more than a token and a line ending can be; it was killed.
    #[error("{0} printed more than 8192 bytes")]
    TooMuchOutput(Source),
}

impl SourceError {
    /// Whether there is simply nothing at the place, or not yet.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent(_))
    }

    /// Whether a writer in the middle of its work leaves the place like this:
    /// no file for a moment, an empty one, or half a token and some padding.
    #[must_use]
    pub fn may_be_unfinished(&self) -> bool {
        matches!(self, Self::Absent(_) | Self::NotAToken { .. })
    }
}
