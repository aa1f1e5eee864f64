//! `reload`: makes a running daemon read its configuration again, over its socket or by a signal.
//!
//! The signal serves units and containers without kill(1). It must never be sent to another
//! program, since SIGHUP ends most of them.

use std::{fs, io};

use clap::Args;
use hyper::Method;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::control::print_answer;
use super::exit::{Exit, failed};
use super::socket::{self, SocketOptions};
use crate::sys::pid_file::parse_pid;

pub(super) const HELP: &str = "\
Examples:
  session-keepalive reload              reports whether the configuration was accepted
  session-keepalive reload --pid 4711   sends SIGHUP; the log reports the result

Over the socket, the command reports whether the new configuration was accepted: an invalid one is refused and the old one stays in force. With a process ID, which systemd sets in MAINPID for ExecReload, the process is sent SIGHUP and its log reports the result.

Exit status: 0 reloaded or signalled, 69 no such daemon, 77 permission denied, 78 refused.";

/// The variable in which systemd names the daemon's process.
const MAINPID: &str = "MAINPID";

/// The arguments of `reload`.
#[derive(Debug, Args)]
pub(super) struct Reload {
    /// The daemon's process ID; by default the variable MAINPID, otherwise the daemon is reached over its socket.
    #[arg(long, value_name = "PID", value_parser = pid, conflicts_with_all = ["socket", "instance"])]
    pid: Option<Pid>,
    #[command(flatten)]
    socket: SocketOptions,
}

/// The origin of the process id.
#[derive(Clone, Copy)]
enum PidSource {
    /// systemd, which started the daemon, in the variable `MAINPID`.
    Systemd,
    /// A person, on the command line.
    Person,
}

/// The reason for which no signal was sent.
#[derive(Debug, thiserror::Error)]
enum ReloadError {
    #[error("there is no process {0}")]
    NoProcess(Pid),
    #[error("process {0} is not a session-keepalive: no signal was sent")]
    AnotherProgram(Pid),
    #[error("process {0} does not handle a reload, or not yet: no signal was sent")]
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
    let Some((pid, source)) = named_process(reload) else {
        return socket::run(async {
            let answer = reload.socket.request(Method::POST, "/reload").await?;
            let exit = print_answer(&answer);
            // The daemon says so of a configuration that it refuses.
            let is_refused = exit == Exit::TryAgain;
            Ok(if is_refused { Exit::Config } else { exit })
        });
    };
    let sent = send_reload(pid, source);
    sent.map_or_else(failed(Exit::Unavailable), |()| Exit::Success)
}

fn named_process(reload: &Reload) -> Option<(Pid, PidSource)> {
    if let Some(pid) = reload.pid {
        return Some((pid, PidSource::Person));
    }
    let main_pid = std::env::var(MAINPID).ok();
    let pid = main_pid.and_then(|text| pid(&text).ok());
    pid.map(|pid| (pid, PidSource::Systemd))
}

fn pid(text: &str) -> Result<Pid, String> {
    parse_pid(text).ok_or_else(|| "not the number of a process".to_owned())
}

/// Sends SIGHUP to the process, after a check that it is a daemon that handles the signal.
fn send_reload(pid: Pid, source: PidSource) -> Result<(), ReloadError> {
    let not_sent = |errno| match errno {
        Errno::SRCH => ReloadError::NoProcess(pid),
        Errno::PERM => ReloadError::NotPermitted(pid),
        errno => ReloadError::NotSignalled(pid, errno),
    };
    // The descriptor is opened before the check: the signal then reaches the process that was
    // checked, even if that process ends and another one gets its number.
    let process = pidfd_open(pid, PidfdFlags::empty()).map_err(not_sent)?;
    match (
        ProcessStatus::read(&pid.as_raw_nonzero().to_string()),
        source,
    ) {
        (Ok(status), _) => status.of_a_daemon(pid)?,
        // The daemon's process is not dumpable, so ProtectProc=invisible hides it even from a
        // command of its own unit. A process id from systemd is reliable without a check.
        (Err(cause), PidSource::Systemd) if cause.kind() == io::ErrorKind::NotFound => {}
        (Err(cause), PidSource::Person) if cause.kind() == io::ErrorKind::NotFound => {
            return Err(ReloadError::Hidden(pid));
        }
        (Err(cause), _) => return Err(ReloadError::NotSeen(pid, cause)),
    }
    pidfd_send_signal(process, Signal::HUP).map_err(not_sent)
}

/// The public fields of a process in `/proc/PID/status`.
struct ProcessStatus {
    name: String,
    listens_for_reload: bool,
}

impl ProcessStatus {
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

    fn of_a_daemon(&self, pid: Pid) -> Result<(), ReloadError> {
        let ours = Self::read("self").map_err(|cause| ReloadError::NotSeen(pid, cause))?;
        if self.name != ours.name {
            Err(ReloadError::AnotherProgram(pid))
        } else if self.listens_for_reload {
            Ok(())
        } else {
            Err(ReloadError::NotListening(pid))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_caught_signals_says_who_listens() {
        let status =
            |mask| ProcessStatus::of(&format!("Name:\tsession-keepali\nSigCgt:\t{mask}\n"));
        assert_eq!(status("0000000000004007").name, "session-keepali");
        assert!(status("0000000000004007").listens_for_reload);
        assert!(!status("0000000000004006").listens_for_reload);
        assert!(!ProcessStatus::of("").listens_for_reload);
    }

    #[test]
    fn a_process_has_a_number_above_zero() {
        for text in ["0", "-1", "1x", "", "99999999999"] {
            assert!(pid(text).is_err(), "{text}");
        }
        assert_eq!(pid("7").unwrap().as_raw_nonzero().get(), 7);
    }
}
