//! Runs external programs: without a shell, with a minimal environment, and until a definite end.
//!
//! A program must never get a token that it was not given: it sees the variables that it is given
//! and no others, since a variable of this process may hold one.
//!
//! A program leads a process group of its own, so that the processes that it starts end with it. It
//! has no open files but its three streams, since this process passes on no file that it inherited
//! (`sys::harden`). Its signals have their default actions, and none is blocked.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::runtime::Handle;

use crate::sys::files;

/// The time limit for starting a program.
const START_LIMIT: Duration = Duration::from_secs(10);

/// The variables of this process that a program may see.
const INHERITED: [&str; 2] = ["PATH", "HOME"];

/// Returns the variables of this process that a program may see and that are set.
pub(crate) fn inherited(
    variable: impl Fn(&str) -> Option<OsString>,
) -> impl Iterator<Item = (&'static str, OsString)> {
    INHERITED
        .into_iter()
        .filter_map(move |name| Some((name, variable(name)?)))
}

/// Returns a command for the program with this path and arguments, without variables and streams.
pub(crate) fn command(words: &[String]) -> Command {
    let (program, arguments) = words
        .split_first()
        .map_or(("", &[][..]), |(program, rest)| (program.as_str(), rest));
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// The process ids of started programs that have not been waited for. All other children of this
/// process are orphans that it inherited (`sys::orphans`).
static RUNNING: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

fn running() -> MutexGuard<'static, BTreeSet<i32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns true if the process is a program that was started here and has not been waited for, or
/// if it may be a program that starts at this moment.
pub(crate) fn may_be_running(pid: i32) -> bool {
    match RUNNING.try_lock() {
        Ok(running) => running.contains(&pid),
        Err(TryLockError::Poisoned(running)) => running.into_inner().contains(&pid),
        Err(TryLockError::WouldBlock) => true,
    }
}

/// A running program. Dropping it kills the program and its group.
pub(crate) struct Program {
    child: Child,
    group: Option<Pid>,
}

impl Program {
    /// Starts a program that [`command`] made, on another thread: the system returns from the start
    /// only when it has read the program's file, whose file system may hang.
    ///
    /// # Errors
    ///
    /// The error of the system.
    ///
    /// # Panics
    ///
    /// If called outside a tokio runtime with its drivers enabled.
    pub(crate) async fn start(command: Command) -> io::Result<Self> {
        let program = PathBuf::from(command.as_std().get_program());
        let runtime = Handle::current();
        let file = program.clone();
        let start = move || {
            // The file is read first: if its file system hangs, this thread hangs and ends with the
            // process. A child that hangs on the file while the system starts it would not end, and
            // may hold resources that other threads wait for.
            let _may_not_be_readable = files::read_start(&file, None, 1);
            let _context = runtime.enter();
            Self::start_here(command)
        };
        let started = files::run(&program, START_LIMIT, start).await;
        started.unwrap_or_else(|cause| Err(io::Error::new(io::ErrorKind::TimedOut, cause)))
    }

    fn start_here(mut command: Command) -> io::Result<Self> {
        // The lock is held during the start, so that a child that ends at once is registered before
        // orphans are collected.
        let mut running = running();
        let child = command.spawn()?;
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        running.extend(id);
        Ok(Self {
            child,
            group: id.and_then(Pid::from_raw),
        })
    }

    /// Returns the process group that it leads.
    pub(crate) fn group(&self) -> Option<Pid> {
        self.group
    }

    /// Takes its standard input, if that is a pipe and was not taken yet.
    pub(crate) fn take_input(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Takes its standard output, if that is a pipe and was not taken yet.
    pub(crate) fn take_output(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Takes its standard error, if that is a pipe and was not taken yet.
    pub(crate) fn take_errors(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Waits for its end. The rest of its group runs on. Cancel-safe.
    ///
    /// # Errors
    ///
    /// The error of the system.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.unregister();
        status
    }

    /// Waits for its end, and kills the rest of its group. Cancel-safe.
    ///
    /// # Errors
    ///
    /// The error of the system.
    pub(crate) async fn wait_and_clear(&mut self) -> io::Result<ExitStatus> {
        let status = self.wait().await;
        // The id of the group stays taken while a process is in the group. If the group is empty,
        // the id has just become free; the system assigns free ids in turn, so no other process
        // has it yet.
        self.signal_group(Signal::KILL);
        status
    }

    /// Sends a signal to the program and its group, if it has not been waited for.
    pub(crate) fn signal(&self, signal: Signal) {
        // The child has an id until it has been waited for, and until then no other process can
        // have the same id.
        if self.child.id().is_some() {
            self.signal_group(signal);
        }
    }

    /// Sends a signal to the program alone, if it has not been waited for.
    pub(crate) fn signal_alone(&self, signal: Signal) {
        if let (Some(_), Some(pid)) = (self.child.id(), self.group) {
            let _ended = rustix::process::kill_process(pid, signal);
        }
    }

    /// Removes the program from the registered ones, since its process id is free for others.
    fn unregister(&self) {
        if let Some(pid) = self.group {
            running().remove(&pid.as_raw_nonzero().get());
        }
    }

    fn signal_group(&self, signal: Signal) {
        if let Some(group) = self.group {
            // An error means that the group has ended.
            let _gone = rustix::process::kill_process_group(group, signal);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.child.id().is_some() {
            self.signal_group(Signal::KILL);
            // The runtime collects the status of a dropped child, unless the collector of orphans
            // does.
            self.unregister();
        }
    }
}
