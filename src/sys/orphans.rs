//! Collects processes that outlive the program that started them, and kills those of hooks and of
//! token commands.
//!
//! The command `run` is the subreaper of its descendants, so orphans become its children. Otherwise
//! a process that left its program's group with `setsid` could not be found again; as the first
//! process of a container the daemon inherits orphans anyway. Orphans are recognised by the variable
//! that names their hook or the run of their token command. Those of a hook are killed when it ends,
//! and those of a token command unless it printed a token and they closed its output, as agents do;
//! these are killed when the daemon ends. The exit statuses of all orphans are collected.
//!
//! A process that empties its environment or changes its user is not found. Only the service
//! manager's control group limits it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fs, io, process};

use futures_util::StreamExt as _;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use rustix::process::{
    Pid, PidfdFlags, Signal, child_subreaper, getpgid, getpid, pidfd_open, pidfd_send_signal,
    set_child_subreaper,
};
use signal_hook::consts::SIGCHLD;
use signal_hook_tokio::Signals;
use tokio::task::spawn_blocking;

use crate::config::{COMMAND_VARIABLE, PREFIX};
use crate::sys::program;

/// The number of descendants that are examined.
const DESCENDANTS_MAX: usize = 4096;

/// The number of rounds of killing, which find processes that were started during an earlier round.
const ROUNDS_MAX: usize = 4;

/// The time after which to look again while an ended program of the daemon hides the orphans behind
/// it.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// The program for which a process was started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ancestor {
    /// The hook with this name.
    Hook(String),
    /// One run of a token command; the value of its [`COMMAND_VARIABLE`].
    TokenCommand(String),
}

impl Ancestor {
    /// Returns the ancestor for another run of a token command.
    pub(crate) fn of_next_command() -> Self {
        static RUNS: AtomicU64 = AtomicU64::new(1);
        // A descendant may run token commands itself and count them from 1 as well.
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        Self::TokenCommand(format!("{}-{run}", process::id()))
    }

    /// Returns the ancestor that the environment of a process reveals.
    fn of(environment: &[u8]) -> Option<Self> {
        let hook = format!("{PREFIX}HOOK=");
        let command = format!("{COMMAND_VARIABLE}=");
        let text = |value| String::from_utf8_lossy(value).into_owned();
        environment.split(|byte| *byte == 0).find_map(|variable| {
            let hook = variable.strip_prefix(hook.as_bytes()).map(text);
            let command = || variable.strip_prefix(command.as_bytes()).map(text);
            hook.map(Self::Hook)
                .or_else(|| command().map(Self::TokenCommand))
        })
    }
}

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
    become_parent();
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

/// Makes this process the parent of its orphaned descendants, so that they can be found.
pub(crate) fn become_parent() {
    let _refused = set_child_subreaper(Some(getpid()));
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

/// Sends a signal to the processes that are left of this ancestor, or of all hooks and token commands,
/// except to those in the process group `except`, which was signalled as a whole.
///
/// Does nothing unless [`adopt`] or [`become_parent`] was called. It begins at once, on a thread that
/// may block; the future ends after `time_limit`, since the environment of a process that hangs in a
/// system call can take long to read.
///
/// # Panics
///
/// If called outside a tokio runtime.
pub(crate) fn signal_left_behind(
    ancestor: Option<Ancestor>,
    except: Option<Pid>,
    signal: Signal,
    time_limit: Duration,
) -> impl Future<Output = ()> {
    let signalled = spawn_blocking(move || signal_here(ancestor.as_ref(), except, signal));
    async move {
        let _left = tokio::time::timeout(time_limit, signalled).await;
    }
}

fn signal_here(ancestor: Option<&Ancestor>, except: Option<Pid>, signal: Signal) {
    if !child_subreaper().is_ok_and(|is_set| is_set.is_some()) {
        return;
    }
    let is_left = |pid: Pid| {
        if except.is_some() && getpgid(Some(pid)).ok() == except {
            return false;
        }
        let path = format!("/proc/{}/environ", pid.as_raw_nonzero());
        let environment = fs::read(path).unwrap_or_default();
        Ancestor::of(&environment)
            .is_some_and(|found| ancestor.is_none_or(|ancestor| found == *ancestor))
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
