//! Exit statuses, after sysexits(3).

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use crate::observe::words::Chain;

/// How the process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Exit {
    /// All went as it should.
    Success,
    /// Something that should have happened did not: a token was not revoked, a demo went wrong.
    Failure,
    /// The command line is wrong.
    Usage,
    /// A value or a token that was given is wrong.
    Data,
    /// Nobody is there to do it.
    Unavailable,
    /// A bug in the program.
    Bug,
    /// Input or output failed.
    Io,
    /// It may be done later.
    TryAgain,
    /// Whoever asked may not have it done.
    NotPermitted,
    /// The configuration is wrong.
    Config,
}

impl Exit {
    /// The exit status.
    pub(super) fn status(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 64,
            Self::Data => 65,
            Self::Unavailable => 69,
            Self::Bug => 70,
            Self::Io => 74,
            Self::TryAgain => 75,
            Self::NotPermitted => 77,
            Self::Config => 78,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.status())
    }
}

/// Prints an error with all its causes, once.
pub(super) fn complain(error: &dyn Error) {
    print_error(&format!("session-keepalive: {}\n", Chain(error)));
}

/// Prints to standard error; that nobody reads it is no reason to fail.
pub(super) fn print_error(text: &str) {
    let _unread = std::io::stderr().write_all(text.as_bytes());
}

/// Prints to standard output.
pub(super) fn print(text: &str) -> Exit {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Exit::Success,
        Err(_) => Exit::Io,
    }
}
