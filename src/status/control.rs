//! The commands that the daemon accepts over its Unix socket, their sender and their results.

use std::fmt;

use crate::config::SessionName;
use crate::keeper::{Intent, OnShutdown};

/// A command for the daemon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SessionCommand {
    /// Touches this session's token at once.
    Touch(SessionName),
    /// Gives this session another intent, until a command or a changed configuration replaces it.
    Intend(SessionName, Intent),
    /// Reads the configuration again.
    Reload,
    /// Stops the daemon, which revokes tokens as configured or leaves all of them.
    Stop(OnShutdown),
}

/// The sender of a command, as the kernel reports it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// The user id.
    pub uid: u32,
    /// The process id, if it is known.
    pub pid: Option<i32>,
}

/// The result of a command, in words for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CommandResult {
    /// The command was carried out.
    Yes(String),
    /// The command was not carried out, for this reason.
    No(String),
    /// There is no session with that name.
    NoSuchSession,
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "user {}", self.uid)?;
        match self.pid {
            Some(pid) => write!(formatter, " (process {pid})"),
            None => Ok(()),
        }
    }
}
