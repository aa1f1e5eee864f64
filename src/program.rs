//! Runs other people's programs: no shell, next to no environment, and an end to everything.
//!
//! A program leads a process group of its own, so that what it starts ends with it. It gets
//! the variables that it is given and no others: one of ours may hold a token. It is given no
//! open file but its three streams, for which the process sees to it that what it inherited
//! itself goes no further (`daemon::harden`).

use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

/// The variables of ours that a program may see.
const INHERITED: [&str; 2] = ["PATH", "HOME"];

/// The variables of ours that a program may see, as far as they are set.
pub(crate) fn inherited(
    variable: impl Fn(&str) -> Option<OsString>,
) -> impl Iterator<Item = (&'static str, OsString)> {
    INHERITED
        .into_iter()
        .filter_map(move |name| Some((name, variable(name)?)))
}

/// A program that is ready to start, given its path and arguments: without variables and streams.
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

/// A program that runs; if this is dropped, it is killed together with its group.
pub(crate) struct Program {
    child: Child,
    group: Option<Pid>,
}

impl Program {
    /// Starts a program that [`command`] made.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn start(mut command: Command) -> io::Result<Self> {
        let child = command.spawn()?;
        let group = child.id().and_then(|id| i32::try_from(id).ok());
        let group = group.and_then(Pid::from_raw);
        Ok(Self { child, group })
    }

    /// Its standard input, if that is a pipe and was not taken.
    pub(crate) fn take_input(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Its standard output, if that is a pipe and was not taken.
    pub(crate) fn take_output(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Its standard error, if that is a pipe and was not taken.
    pub(crate) fn take_errors(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Waits for its end; what is left of its group goes on. Cancel-safe.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Waits for its end and kills what is left of its group. Cancel-safe.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) async fn wait_and_clear(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        // The group keeps its number while somebody is in it. If nobody is, the number has just
        // become free, and the system gives free numbers out in turn: it is nobody else's yet.
        self.signal_group(Signal::KILL);
        status
    }

    /// Sends a signal to the program and its group, if it has not been waited for.
    pub(crate) fn signal(&self, signal: Signal) {
        // There is an id for as long as the child has not been waited for, and
        // so long nothing else can have its number.
        if self.child.id().is_some() {
            self.signal_group(signal);
        }
    }

    fn signal_group(&self, signal: Signal) {
        if let Some(group) = self.group {
            // The group may have gone.
            let _gone = rustix::process::kill_process_group(group, signal);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
