//! `reload`: tells a running daemon to read its configuration again: over its socket, or by a signal where
//! a process is named and there is no kill(1).

use std::fs;
use std::io;

use clap::Args;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::exit::{Exit, complain};
use super::orders;
use super::socket::Socket;

pub(super) const HELP: &str = "\
Examples:
  session-keepalive reload              says whether it was taken
  session-keepalive reload --pid 4711   sends SIGHUP; the log says what became of it

Over the socket, which is found by itself, it says whether the new configuration was taken: a faulty one \
is refused and the old one stays. Where a process is named, as systemd does with MAINPID for ExecReload, \
that one is sent SIGHUP, and its log says what became of it.

Exit status: 0 reloaded, or told; 69 it is not there or not ours; 77 not permitted; 78 refused.";

/// The variable in which systemd names the daemon's process.
const MAINPID: &str = "MAINPID";

/// Which daemon is told.
#[derive(Debug, Args)]
pub(super) struct Reload {
    /// The daemon's process; by default what the variable MAINPID says, else it is asked over its socket.
    #[arg(long, value_name = "PID", value_parser = pid, conflicts_with_all = ["socket", "instance"])]
    pid: Option<Pid>,
    #[command(flatten)]
    socket: Socket,
}

/// Who says that this is the daemon's process.
#[derive(Clone, Copy)]
enum Teller {
    /// systemd, which started it.
    Systemd,
    /// Whoever typed it.
    Person,
}

/// Why a daemon cannot be told.
#[derive(Debug, thiserror::Error)]
enum NotTold {
    #[error("there is no process {0}")]
    NoProcess(Pid),
    #[error("process {0} is not a session-keepalive: nothing was sent to it")]
    AnotherProgram(Pid),
    #[error("process {0} does not listen for a reload, or not yet: nothing was sent to it")]
    NotListening(Pid),
    #[error("process {0} is hidden from this user: try it as root")]
    Hidden(Pid),
    #[error("process {0} may not be signalled by this user: try it as root")]
    NotPermitted(Pid),
    #[error("process {0} cannot be looked at")]
    NotSeen(Pid, #[source] io::Error),
    #[error("process {0} cannot be signalled")]
    NotSignalled(Pid, #[source] Errno),
}

pub(super) fn run(reload: &Reload) -> Exit {
    let Some((pid, teller)) = named(reload) else {
        return orders::reload(&reload.socket);
    };
    match tell(pid, teller) {
        Ok(()) => Exit::Success,
        Err(error) => {
            complain(&error);
            match error {
                NotTold::NoProcess(_)
                | NotTold::AnotherProgram(_)
                | NotTold::NotListening(_)
                | NotTold::Hidden(_)
                | NotTold::NotPermitted(_)
                | NotTold::NotSeen(..)
                | NotTold::NotSignalled(..) => Exit::Unavailable,
            }
        }
    }
}

fn named(reload: &Reload) -> Option<(Pid, Teller)> {
    if let Some(pid) = reload.pid {
        return Some((pid, Teller::Person));
    }
    let told = std::env::var(MAINPID).ok();
    let pid = told.and_then(|text| pid(&text).ok());
    pid.map(|pid| (pid, Teller::Systemd))
}

fn pid(text: &str) -> Result<Pid, String> {
    let number = text.parse().ok().filter(|&number| number > 0);
    number
        .and_then(Pid::from_raw)
        .ok_or_else(|| "not the number of a process".to_owned())
}

/// A process that is not ours is never signalled: SIGHUP ends most programs.
fn tell(pid: Pid, teller: Teller) -> Result<(), NotTold> {
    let not_told = |errno| match errno {
        Errno::SRCH => NotTold::NoProcess(pid),
        Errno::PERM => NotTold::NotPermitted(pid),
        errno => NotTold::NotSignalled(pid, errno),
    };
    // Held before the look: what is signalled is what was looked at, even if
    // the process ends meanwhile and another one gets its number.
    let process = pidfd_open(pid, PidfdFlags::empty()).map_err(not_told)?;
    match (Status::read(&pid.as_raw_nonzero().to_string()), teller) {
        (Ok(status), _) => status.of_a_daemon(pid)?,
        // The daemon's memory is not dumpable: ProtectProc=invisible hides it
        // even from a command of its own unit. systemd knows whom it started.
        (Err(cause), Teller::Systemd) if cause.kind() == io::ErrorKind::NotFound => {}
        (Err(cause), Teller::Person) if cause.kind() == io::ErrorKind::NotFound => {
            return Err(NotTold::Hidden(pid));
        }
        (Err(cause), _) => return Err(NotTold::NotSeen(pid, cause)),
    }
    pidfd_send_signal(process, Signal::HUP).map_err(not_told)
}

/// What everyone who sees a process may know of it.
struct Status {
    name: String,
    listens_for_reload: bool,
}

impl Status {
    fn read(process: &str) -> io::Result<Self> {
        fs::read_to_string(format!("/proc/{process}/status")).map(|text| Self::of(&text))
    }

    fn of(text: &str) -> Self {
        let field = |key: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(key));
            value.unwrap_or_default().trim()
        };
        let caught = u64::from_str_radix(field("SigCgt:"), 16).unwrap_or_default();
        Self {
            name: field("Name:").to_owned(),
            // The lowest bit is signal 1, SIGHUP.
            listens_for_reload: caught & 1 == 1,
        }
    }

    fn of_a_daemon(&self, pid: Pid) -> Result<(), NotTold> {
        let ours = Self::read("self").map_err(|cause| NotTold::NotSeen(pid, cause))?;
        if self.name != ours.name {
            Err(NotTold::AnotherProgram(pid))
        } else if self.listens_for_reload {
            Ok(())
        } else {
            Err(NotTold::NotListening(pid))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_caught_signals_says_who_listens() {
        let status = |mask| Status::of(&format!("Name:\tsession-keepali\nSigCgt:\t{mask}\n"));
        assert_eq!(status("0000000000004007").name, "session-keepali");
        assert!(status("0000000000004007").listens_for_reload);
        assert!(!status("0000000000004006").listens_for_reload);
        assert!(!Status::of("").listens_for_reload);
    }

    #[test]
    fn a_process_has_a_number_above_zero() {
        for text in ["0", "-1", "1x", "", "99999999999"] {
            assert!(pid(text).is_err(), "{text}");
        }
        assert_eq!(pid("7").unwrap().as_raw_nonzero().get(), 7);
    }
}
