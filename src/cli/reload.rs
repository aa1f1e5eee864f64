//! `reload`: tells a running daemon to read its configuration again, where there is no kill(1).

use std::fs;
use std::os::unix::fs::MetadataExt;

use clap::Args;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use super::exit::{Exit, complain};

pub(super) const HELP: &str = "\
A systemd unit has it as ExecReload, where systemd sets MAINPID. Whether the new configuration was
taken is in the daemon's log: a faulty one is refused and the old one stays.

Exit status: 0 the daemon was told, 64 no process was named, 69 it is not there or not ours.";

/// Which daemon is told.
#[derive(Debug, Args)]
pub(super) struct Reload {
    /// The daemon's process.
    #[arg(long, value_name = "PID", env = "MAINPID")]
    pid: i32,
}

/// Why a daemon cannot be told.
#[derive(Debug, thiserror::Error)]
enum NotTold {
    #[error("there is no process {0}")]
    NoProcess(i32),
    #[error("process {0} is not a session-keepalive: nothing was sent to it")]
    AnotherProgram(i32),
    #[error("process {0} may not be signalled by this user: try it as root")]
    NotPermitted(i32),
    #[error("process {0} cannot be signalled")]
    NotSignalled(i32, #[source] Errno),
}

pub(super) fn run(reload: &Reload) -> Exit {
    match tell(reload.pid) {
        Ok(()) => Exit::Success,
        Err(error) => {
            complain(&error);
            Exit::Unavailable
        }
    }
}

fn tell(number: i32) -> Result<(), NotTold> {
    let pid = Pid::from_raw(number).ok_or(NotTold::NoProcess(number))?;
    if !is_ours(number).ok_or(NotTold::NoProcess(number))? {
        return Err(NotTold::AnotherProgram(number));
    }
    kill_process(pid, Signal::HUP).map_err(|errno| match errno {
        Errno::SRCH => NotTold::NoProcess(number),
        Errno::PERM => NotTold::NotPermitted(number),
        errno => NotTold::NotSignalled(number, errno),
    })
}

/// Whether a process runs this program; `None` if there is no such process.
///
/// A process number that is not ours is never signalled: SIGHUP ends most programs. The daemon's
/// memory is not dumpable, so its `exe` may be closed to us; then its name decides.
fn is_ours(pid: i32) -> Option<bool> {
    let process = format!("/proc/{pid}");
    let name = fs::read_to_string(format!("{process}/comm")).ok()?;
    let ours = fs::read_to_string("/proc/self/comm").ok()?;
    let same_file = |theirs: fs::Metadata, mine: fs::Metadata| {
        (theirs.dev(), theirs.ino()) == (mine.dev(), mine.ino())
    };
    let is_same_file = fs::metadata(format!("{process}/exe"))
        .and_then(|theirs| fs::metadata("/proc/self/exe").map(|mine| same_file(theirs, mine)));
    Some(name == ours || is_same_file.unwrap_or(false))
}
