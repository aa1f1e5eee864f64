//! Where a token comes from: a place, never the token itself.

use std::fmt;
use std::path::PathBuf;

/// Where a session's token is to be found.
///
/// `Debug` and `Display` leave out a command's arguments: they are not ours to show.
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
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Source({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commands_arguments_are_not_shown() {
        let source = Source::Command(vec!["/bin/vault".into(), "--password=hunter2".into()]);
        assert_eq!(
            format!("{source} {source:?}"),
            "command /bin/vault Source(command /bin/vault)"
        );
    }
}
