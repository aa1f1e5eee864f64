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
    /// Nobody is there to do it.
    Unavailable,
    /// A bug in the program.
    Bug,
    /// Input or output failed.
    Io,
    /// The configuration is wrong.
    Config,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Usage => 64,
            Exit::Unavailable => 69,
            Exit::Bug => 70,
            Exit::Io => 74,
            Exit::Config => 78,
        })
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
