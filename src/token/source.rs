//! The source of a token: a place, never the token itself. The reason for which it gives no token.
//!
//! Every message names the place, and none ever shows the content found there.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use super::{NotAToken, Profile, ProfileProblem};
use crate::sys::files::NoAnswer;

/// The source of a session's token.
///
/// `Debug` and `Display` leave out a command's arguments, which may be secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A file that holds the token and nothing else.
    File(PathBuf),
    /// An environment variable; it cannot change while the process runs.
    Env(String),
    /// A systemd credential: a file of this name in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
    /// A program that prints the token: the path and its arguments, no shell.
    Command(Vec<String>),
    /// A login host that issues tokens to an OAuth client.
    Mint(Box<MintSource>),
}

/// An OAuth client and the login host that issues its tokens.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MintSource {
    /// The scheme, host and port of the login host.
    pub login: Arc<str>,
    /// The client.
    pub client: ClientSource,
    /// The file that holds the token of an earlier run, with which the session continues.
    pub continues: Option<PathBuf>,
}

/// The source of an OAuth client's id and secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientSource {
    /// The configuration names the client.
    Configured {
        /// The id of the client, which is no secret.
        id: Arc<str>,
        /// The source of the client's secret.
        secret: Source,
    },
    /// A profile of the official command line, which may change.
    Profile(Profile),
}

/// The longest id of an OAuth client; the vendor's ids have 36 characters.
pub(crate) const CLIENT_ID_LENGTH_MAX: usize = 128;

/// Returns true if the text may be the id of an OAuth client, which ends at the first colon of the
/// credentials in a request.
pub(crate) fn is_client_id(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_graphic() && byte != b':';
    !text.is_empty() && text.len() <= CLIENT_ID_LENGTH_MAX && text.bytes().all(is_part)
}

impl ClientSource {
    /// Returns the source of the secret, if the configuration names the client.
    #[must_use]
    pub fn secret(&self) -> Option<&Source> {
        match self {
            Self::Configured { secret, .. } => Some(secret),
            Self::Profile(_) => None,
        }
    }
}

/// Displays the client as it is known without reading anything.
impl fmt::Display for ClientSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configured { id, .. } => write!(formatter, "client {id}"),
            Self::Profile(profile) => write!(formatter, "the client of {profile}"),
        }
    }
}

impl Source {
    /// Returns the path of a file that is not a credential.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Env(_) | Self::Credential(_) | Self::Command(_) | Self::Mint(_) => None,
        }
    }

    /// Returns the variable that holds the token or the client's secret, if it is in one.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        match self {
            Self::Env(name) => Some(name),
            Self::Mint(mint) => mint.client.secret()?.variable(),
            Self::File(_) | Self::Credential(_) | Self::Command(_) => None,
        }
    }

    /// Returns the path of the file that holds the token or the client's secret, if the
    /// configuration names one.
    #[must_use]
    pub fn secret_file(&self) -> Option<&Path> {
        match self {
            Self::Mint(mint) => match &mint.client {
                ClientSource::Configured { secret, .. } => secret.file(),
                ClientSource::Profile(profile) => Some(&profile.file),
            },
            Self::File(_) | Self::Env(_) | Self::Credential(_) | Self::Command(_) => self.file(),
        }
    }

    /// Returns the program that prints the token or the client's secret, and its arguments.
    #[must_use]
    pub fn program(&self) -> Option<&[String]> {
        match self {
            Self::Command(words) => Some(words),
            Self::Mint(mint) => mint.client.secret()?.program(),
            Self::File(_) | Self::Env(_) | Self::Credential(_) => None,
        }
    }

    /// Returns the OAuth client, if the token is issued to one.
    #[must_use]
    pub fn mint(&self) -> Option<&MintSource> {
        match self {
            Self::Mint(mint) => Some(mint),
            Self::File(_) | Self::Env(_) | Self::Credential(_) | Self::Command(_) => None,
        }
    }

    /// Returns the profile of the official command line that names the OAuth client, if there is one.
    #[must_use]
    pub fn profile(&self) -> Option<&Profile> {
        match &self.mint()?.client {
            ClientSource::Profile(profile) => Some(profile),
            ClientSource::Configured { .. } => None,
        }
    }

    /// Returns true for a program that prints the token.
    #[must_use]
    pub fn is_command(&self) -> bool {
        matches!(self, Self::Command(_))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "file {}", path.display()),
            Self::Env(name) => write!(formatter, "environment variable {name}"),
            Self::Credential(name) => write!(formatter, "systemd credential {name}"),
            Self::Command(words) => {
                write!(
                    formatter,
                    "command {}",
                    words.first().map_or("", String::as_str)
                )
            }
            // While the configuration is read, the login host may not be known yet.
            Self::Mint(mint) if mint.login.is_empty() => mint.client.fmt(formatter),
            Self::Mint(mint) => {
                write!(formatter, "login host {} for {}", mint.login, mint.client)
            }
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Source({self})")
    }
}

/// The reason for which the system denied the reading of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Denied {
    /// The owner, the group and the mode of the file.
    ByMode {
        /// The number of the owner.
        owner: u32,
        /// The number of the group.
        group: u32,
        /// The permission bits.
        mode: u32,
    },
    /// A directory above the file must not be searched.
    ByDirectory,
}

impl fmt::Display for Denied {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByMode { owner, group, mode } => write!(
                formatter,
                "it belongs to user {owner} and group {group}, with mode {mode:04o}; "
            )?,
            Self::ByDirectory => {
                formatter.write_str("a folder above it does not let that user through; ")?;
            }
        }
        formatter.write_str(
            "chgrp it to a group, chmod 0640, and put SupplementaryGroups= with that group into the unit, or hand it over with LoadCredential=",
        )
    }
}

/// The reason for which a source provided no token.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file or credential does not exist, or not yet.
    #[error("{0} does not exist")]
    Absent(Source),
    /// The file exists, but the daemon cannot read it.
    #[error("{place} cannot be read")]
    NotReadable {
        /// The source of the token.
        place: Source,
        /// The error of the system.
        #[source]
        cause: io::Error,
    },
    /// The file exists, but the daemon's user has no permission to read it.
    #[error("{place} cannot be read by user {user}: {denied}")]
    NotPermitted {
        /// The source of the token.
        place: Source,
        /// The number of the user as whom it was read.
        user: u32,
        /// The facts about the file, and the remedy.
        denied: Denied,
    },
    /// A pipe, socket or device.
    #[error("{0} is not a regular file")]
    NotAFile(Source),
    /// A directory. Container engines create one where the file to mount does not exist.
    #[error(
        "{0} is a directory where a file was meant: a container engine creates one where the file to mount is missing, so remove it and put the file there first"
    )]
    Directory(Source),
    /// A file of a pool is a link to a file elsewhere. It is refused: a writer of the pool's folder
    /// must not be able to choose any file that the daemon can read.
    #[error(
        "{0} is a link that leads out of its folder: put the token itself there, or name its file as the token of a session"
    )]
    LeadsOut(Source),
    /// The file system does not answer.
    #[error("reading {place} takes longer than {}s: its file system does not answer", time_limit.as_secs())]
    TooSlow {
        /// The source of the token.
        place: Source,
        /// The time limit of the reading.
        time_limit: Duration,
    },
    /// The file was not read, because too many other files are stuck or no thread is available.
    #[error("{place} is not read for now")]
    NotRead {
        /// The source of the token.
        place: Source,
        /// The reason.
        #[source]
        cause: NoAnswer,
    },
    /// The source holds something that cannot be a token.
    #[error("the token from {place} {reason}")]
    NotAToken {
        /// The source of the token.
        place: Source,
        /// The reason for which it is not a token.
        reason: NotAToken,
    },
    /// The file has no usable profile of the official command line.
    #[error("{place}: {problem}")]
    Profile {
        /// The file.
        place: Source,
        /// The problem.
        problem: ProfileProblem,
    },
    /// The tokens are issued to the daemon, and no token of an earlier run is in a sink.
    #[error("the tokens of {0} are obtained by the daemon, and no sink holds one")]
    NotMinted(Source),
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
        /// The error of the system.
        #[source]
        cause: io::Error,
    },
    /// The program exited with a failure, or was killed by a signal.
    #[error("{place} failed: {status}")]
    Failed {
        /// The program.
        place: Source,
        /// Its exit status, or the signal.
        status: ExitStatus,
    },
    /// The program did not end in time; it was killed.
    #[error("{place} did not end within {time_limit:?}")]
    TimedOut {
        /// The program.
        place: Source,
        /// The time limit of the program.
        time_limit: Duration,
    },
    /// The program ended without having printed a token, and a process that it started kept its
    /// output open until the time limit; that process was killed.
    #[error(
        "{place} ended, but a child of it kept its output open for {time_limit:?}, and the token in the output {reason}: redirect the output of the child"
    )]
    KeptOpen {
        /// The program.
        place: Source,
        /// The time limit of the program.
        time_limit: Duration,
        /// The reason for which the output is not a token.
        reason: NotAToken,
    },
    /// The program printed more than the longest token and a line ending; it was killed.
    #[error("{0} printed more than 8192 bytes")]
    TooMuchOutput(Source),
}

impl SourceError {
    /// Returns true if there is nothing at the place, or not yet.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent(_))
    }

    /// Returns true if the state of the place is unknown, since its file system did not answer or
    /// it was not read.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        matches!(self, Self::TooSlow { .. } | Self::NotRead { .. })
    }

    /// Creates the error of a reading that did not finish.
    pub(crate) fn not_read(place: &Source, cause: NoAnswer) -> Self {
        let place = place.clone();
        match cause {
            NoAnswer::TooSlow(time_limit) => Self::TooSlow { place, time_limit },
            cause @ (NoAnswer::TooMany | NoAnswer::NoThread(_)) => Self::NotRead { place, cause },
        }
    }

    /// Returns true if a writer in the middle of its work can leave the place like this: no file
    /// for a moment, an empty file, or a part of a token and some padding.
    #[must_use]
    pub fn may_be_unfinished(&self) -> bool {
        matches!(self, Self::Absent(_) | Self::NotAToken { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_read_a_file_is_told_how_to_be_let() {
        let denied = |denied| {
            let place = Source::File("/var/lib/wallboard/token".into());
            SourceError::NotPermitted {
                place,
                user: 64_123,
                denied,
            }
            .to_string()
        };
        let of_user = Denied::ByMode {
            owner: 1000,
            group: 1000,
            mode: 0o600,
        };
        insta::assert_snapshot!(denied(of_user), @"file /var/lib/wallboard/token cannot be read by user 64123: it belongs to user 1000 and group 1000, with mode 0600; chgrp it to a group, chmod 0640, and put SupplementaryGroups= with that group into the unit, or hand it over with LoadCredential=");
        insta::assert_snapshot!(denied(Denied::ByDirectory), @"file /var/lib/wallboard/token cannot be read by user 64123: a folder above it does not let that user through; chgrp it to a group, chmod 0640, and put SupplementaryGroups= with that group into the unit, or hand it over with LoadCredential=");
    }

    #[test]
    fn a_commands_arguments_are_not_shown() {
        let source = Source::Command(vec!["/bin/vault".into(), "--password=hunter2".into()]);
        assert_eq!(
            format!("{source} {source:?}"),
            "command /bin/vault Source(command /bin/vault)"
        );
    }
}
