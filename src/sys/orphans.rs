//! Collects processes that outlive the program that started them, and kills those of hooks.
//!
//! The command `run` is the subreaper of its descendants, so orphans become its children. Otherwise
//! a process that left its hook's group with `setsid` could not be found again; as the first
//! process of a container the daemon inherits orphans anyway. Orphans of a hook are recognised by
//! the variable that names the hook, and are killed. All other orphans, such as those of token
//! commands, may run on; their exit statuses are collected when they end.
//!
//! A process that empties its environment or changes its user is not found. Only the service
//! manager's control group limits it.

use std::collections::HashSet;
use std::time::Duration;
use std::{fs, io};

use futures_util::StreamExt as _;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use rustix::process::{
    Pid, PidfdFlags, Signal, child_subreaper, getpgid, getpid, pidfd_open, pidfd_send_signal,
    set_child_subreaper,
};
use signal_hook::consts::SIGCHLD;
use signal_hook_tokio::Signals;

use crate::config::PREFIX;
use crate::sys::program;

/// The number of descendants that are examined.
const DESCENDANTS_MAX: usize = 4096;

/// The number of rounds of killing, which find processes that were started during an earlier round.
const ROUNDS_MAX: usize = 4;

/// The time after which to look again while an ended program of the daemon hides the orphans behind
/// it.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// Makes this process the parent of its orphaned descendants, and collects their exit statuses.
/// Returns only if signals cannot be received.
///
/// *Invariant*: it never collects the status of a program that the daemon runs itself, for which
/// another task waits.
///
/// # Errors
///
/// If no signal handler can be registered.
pub async fn adopt() -> io::Result<()> {
    let _refused = set_child_subreaper(Some(getpid()));
    let mut changes = Signals::new([SIGCHLD])?;
    loop {
        match reap_ended() {
            Reaped::All => {
                if changes.next().await.is_none() {
                    return Ok(());
                }
            }
            Reaped::UpToOurs => {
                let _over = tokio::time::timeout(RETRY_AFTER, changes.next()).await;
            }
        }
    }
}

/// The result of collecting exit statuses.
enum Reaped {
    /// No ended child is left.
    All,
    /// The next ended child is a program of the daemon, whose status another task will collect.
    UpToOurs,
}

fn reap_ended() -> Reaped {
    let options = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    while let Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..)) =
        waitid(Id::All, options)
    {
        if program::may_be_running(pid.as_raw()) {
            return Reaped::UpToOurs;
        }
        if waitpid(pid, Some(WaitPidFlag::WNOHANG)).is_err() {
            break;
        }
    }
    Reaped::All
}

/// Sends a signal to the processes that are left of this hook's program, or of all hooks, except to
/// those in the process group `except`, which was signalled as a whole.
///
/// Does nothing unless [`adopt`] runs. To be called on a thread that may block: the environment of
/// a process that hangs in a system call can take long to read.
pub(crate) fn signal_left_behind(hook: Option<&str>, except: Option<Pid>, signal: Signal) {
    if !child_subreaper().is_ok_and(|is_set| is_set.is_some()) {
        return;
    }
    let name = format!("{PREFIX}HOOK=");
    let is_left = |pid: Pid| {
        if except.is_some() && getpgid(Some(pid)).ok() == except {
            return false;
        }
        let path = format!("/proc/{}/environ", pid.as_raw_nonzero());
        let environment = fs::read(path).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        let value = variables.find_map(|variable| variable.strip_prefix(name.as_bytes()));
        value.is_some_and(|value| hook.is_none_or(|hook| value == hook.as_bytes()))
    };
    for _ in 0..ROUNDS_MAX {
        let left: Vec<_> = descendants()
            .into_iter()
            .filter(|pid| is_left(*pid))
            .collect();
        if left.is_empty() {
            break;
        }
        for pid in left {
            // Another process may have this id by now, so the process is checked again once its
            // handle is open.
            if let Ok(process) = pidfd_open(pid, PidfdFlags::empty())
                && is_left(pid)
            {
                let _gone = pidfd_send_signal(&process, signal);
            }
        }
        if signal != Signal::KILL {
            break;
        }
    }
}

/// Returns the descendants of this process.
fn descendants() -> HashSet<Pid> {
    let mut found = HashSet::new();
    let mut to_visit = vec![getpid()];
    while let Some(parent) = to_visit.pop() {
        for child in children(parent) {
            if found.len() < DESCENDANTS_MAX && found.insert(child) {
                to_visit.push(child);
            }
        }
    }
    found
}

/// Returns the children of a process, including zombies; none if the kernel does not list them.
fn children(parent: Pid) -> Vec<Pid> {
    let tasks = fs::read_dir(format!("/proc/{}/task", parent.as_raw_nonzero()));
    let tasks = tasks.into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| {
            let ids = list.split_whitespace().map(str::parse::<i32>);
            ids.flatten().filter_map(Pid::from_raw).collect::<Vec<_>>()
        })
        .collect()
}
