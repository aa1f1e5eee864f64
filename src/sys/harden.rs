//! Protects this process, before it does anything else.
//!
//! Prevents other processes from reading its memory, and the system from dumping it to disk. Resets
//! the signal state that the parent process passed on: a blocked SIGTERM never arrives, and the
//! daemon is killed before it can revoke anything. With SIGCHLD ignored the kernel drops the exit
//! status of every child. Both survive `exec`, so the programs that the daemon runs would inherit
//! them as well.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nix::sys::signal::SigSet;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use signal_hook::consts::{FORBIDDEN, SIGCHLD, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU};
use signal_hook::flag;

/// The first file descriptor after standard error.
const FIRST_INHERITED: i32 = 3;

/// The highest signal that is not a real-time one.
const SIGNAL_MAX: i32 = 31;

/// Signals that stay ignored if they are ignored. The standard library ignores SIGPIPE on purpose,
/// and restores it in children; a handler for the job-control signals would make a background
/// process repeat its access to the terminal for ever.
const LEFT_ALONE: [i32; 4] = [SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU];

/// Disables core dumps and reading the memory by processes of the same user, and closes the files
/// that were open at the start in the programs that this process runs.
///
/// Must be called before the process reads anything, since every command may come to hold a token.
/// Returns the measures that the system refused, which are best effort.
#[must_use]
pub fn harden() -> Vec<(&'static str, io::Error)> {
    close_fds::set_fds_cloexec(FIRST_INHERITED, &[]);
    let no_core = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    [
        (
            "PR_SET_DUMPABLE",
            set_dumpable_behavior(DumpableBehavior::NotDumpable),
        ),
        ("RLIMIT_CORE", setrlimit(Resource::Core, no_core)),
    ]
    .into_iter()
    .filter_map(|(measure, result)| result.err().map(|errno| (measure, errno.into())))
    .collect()
}

/// Unblocks every signal, and makes children start with the default action of each.
///
/// Must be called before the first thread is started, since threads inherit the mask. A signal that
/// the parent ignored gets a handler without an effect: this process goes on ignoring it, and
/// `exec` resets handlers to the default action.
///
/// Returns the measures that the system refused, which are best effort.
#[must_use]
pub fn reset_signals() -> Vec<(&'static str, io::Error)> {
    let mut refused = Vec::new();
    if let Err(errno) = SigSet::empty().thread_set_mask() {
        refused.push(("the signal mask", errno.into()));
    }
    let ignored = std::fs::read_to_string("/proc/self/status")
        .map(|status| ignored_signals(&status))
        .unwrap_or_default();
    let arrived = Arc::new(AtomicBool::new(false));
    // SIGCHLD gets the handler in any case: its default action has no effect either.
    for signal in ignored.into_iter().chain([SIGCHLD]) {
        if let Err(error) = flag::register(signal, Arc::clone(&arrived)) {
            refused.push(("the default action of a signal", error));
        }
    }
    refused
}

/// Returns the ignored signals that a `/proc/PID/status` lists and that can have a handler.
fn ignored_signals(status: &str) -> Vec<i32> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0);
    (1..=SIGNAL_MAX)
        .filter(|signal| mask & (1 << (signal - 1)) != 0)
        .filter(|signal| !LEFT_ALONE.contains(signal) && !FORBIDDEN.contains(signal))
        .collect()
}

#[cfg(test)]
mod tests {
    use signal_hook::consts::{SIGHUP, SIGUSR1};

    use super::*;

    #[test]
    fn only_ignored_signals_that_can_have_a_handler_are_listed() {
        // SIGHUP, SIGILL, SIGUSR1, SIGPIPE and SIGTTOU.
        let status = "Name:\tx\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000201209\n";
        assert_eq!(ignored_signals(status), [SIGHUP, SIGUSR1]);
        assert_eq!(ignored_signals("SigIgn:\tnonsense\n"), [0_i32; 0]);
        assert_eq!(ignored_signals(""), [0_i32; 0]);
    }
}
