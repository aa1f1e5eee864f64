//! What may be asked of the daemon over its Unix socket: orders, who gives them, and what becomes of them.

use std::fmt;

use crate::config::SessionName;
use crate::keeper::{Intent, OnShutdown};

/// An order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Control {
    /// Touch this session's token now.
    Touch(SessionName),
    /// Give this session another intent, until it is changed back or configured anew.
    Intend(SessionName, Intent),
    /// Read the configuration again.
    Reload,
    /// Stop; tokens are revoked as configured, or all are left.
    Stop(OnShutdown),
}

/// Who gives it, as the kernel says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// The user.
    pub uid: u32,
    /// The process, if it is known.
    pub pid: Option<i32>,
}

/// What became of it, in words for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Done {
    /// It was done.
    Yes(String),
    /// It was not done, for this reason.
    No(String),
    /// There is no session of that name.
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
