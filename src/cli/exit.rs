//! Exit statuses, after sysexits(3), and the output of errors.
//!
//! *Invariant*: an error is printed without what looks like a token.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::config::clean;
use crate::status::phrases::Chain;

/// The result of a command, as an exit status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Exit {
    /// Success.
    Success,
    /// Something that should have happened did not: a token was not revoked, or a demo went wrong.
    Failure,
    /// The command line is wrong.
    Usage,
    /// A value or a token is wrong.
    Data,
    /// The daemon or the API cannot be reached.
    Unavailable,
    /// A bug in the program.
    Bug,
    /// Input or output failed.
    Io,
    /// The command may succeed later.
    TryAgain,
    /// The user or the token lacks a permission.
    NotPermitted,
    /// The configuration is wrong.
    Config,
    /// The exit status of the command that `exec` ran.
    Of(u8),
}

impl Exit {
    /// Returns the number of the exit status.
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
            Self::Of(status) => status,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.status())
    }
}

/// Prints an error with all its causes to standard error.
pub(super) fn print_error_chain(error: &dyn Error) {
    // The error may repeat a token that was pasted where a path or a name belongs.
    let message = clean(&Chain(error).to_string());
    print_error(&format!("session-keepalive: {message}\n"));
}

/// Returns a function that prints an error with all its causes and returns this exit status.
pub(super) fn failed<E: Error>(exit: Exit) -> impl FnOnce(E) -> Exit {
    move |error| {
        print_error_chain(&error);
        exit
    }
}

/// Prints to standard error. A write that fails is ignored, since there is no better place for it.
pub(super) fn print_error(text: &str) {
    let _unread = io::stderr().write_all(text.as_bytes());
}

/// The result of a write to standard output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Written {
    /// Everything was written.
    Whole,
    /// The reader has gone, as `head` does.
    ReaderGone,
    /// The write failed; the reason is on standard error.
    Failed,
}

impl Written {
    /// Flushes standard output after a write; prints the reason if one of the two failed.
    pub(super) fn of(written: io::Result<()>) -> Self {
        match written.and_then(|()| io::stdout().flush()) {
            Ok(()) => Self::Whole,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Self::ReaderGone,
            Err(error) => {
                let why = format!("session-keepalive: cannot write to standard output: {error}\n");
                print_error(&why);
                Self::Failed
            }
        }
    }
}

/// Writes to standard output.
pub(super) fn write_out(text: &str) -> Written {
    Written::of(io::stdout().write_all(text.as_bytes()))
}

/// Prints to standard output; returns [`Exit::Io`] if not everything could be written.
pub(super) fn print(text: &str) -> Exit {
    match write_out(text) {
        Written::Whole => Exit::Success,
        Written::ReaderGone | Written::Failed => Exit::Io,
    }
}
