//! Runs a hook's program once: writes the event to its input, reads its standard error, and ends it
//! in time.

use std::ffi::OsString;
use std::io;
use std::pin::{Pin, pin};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Fuse, FusedFuture};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::config::program_output;
use crate::sys::orphans::{self, Ancestor};
use crate::sys::program::{self, Program};

/// The time between terminating and killing a program.
const KILLED_AFTER: Duration = Duration::from_secs(2);
/// The time limit for reading the rest of standard error after the program has ended.
const STDERR_WITHIN: Duration = Duration::from_millis(100);
/// The number of bytes after which standard error is closed.
const STDERR_MAX: usize = 1 << 20;
/// The number of last bytes that are kept. It exceeds the number that is shown, so that a token is
/// not cut in a way that keeps it from being recognised and redacted.
const KEPT_MAX: usize = 16 << 10;
/// The number of last characters that are shown.
const SHOWN_MAX: usize = 1000;

/// The parameters of a run.
pub(super) struct ProgramRun {
    /// The hook's name.
    pub(super) hook: String,
    pub(super) words: Vec<String>,
    pub(super) inherited: Vec<(&'static str, OsString)>,
    pub(super) variables: Vec<(String, OsString)>,
    pub(super) input: Vec<u8>,
    pub(super) time_limit: Duration,
}

impl ProgramRun {
    /// Returns the ancestor of the processes that the program starts.
    fn ancestor(&self) -> Ancestor {
        Ancestor::Hook(self.hook.clone())
    }
}

/// The end of a run, and the redacted text of standard error.
#[derive(Debug)]
pub(in crate::daemon) struct RunReport {
    pub(super) end: RunEnd,
    pub(super) stderr: String,
}

/// The way in which a program ended.
#[derive(Debug)]
pub(in crate::daemon) enum RunEnd {
    Succeeded,
    /// The system could not run it.
    NotRun(String, io::Error),
    Failed(ExitStatus),
    /// It exceeded the time limit and was ended.
    TimedOut(Duration),
    /// It was ended because the daemon stops.
    Stopped,
}

/// Runs the program to its end, and kills the processes that it leaves behind; `stop` ends it
/// early.
pub(super) async fn run(mut program_run: ProgramRun, stop: oneshot::Receiver<()>) -> RunReport {
    let mut command = program::command(&program_run.words);
    command
        .envs(std::mem::take(&mut program_run.inherited))
        .envs(std::mem::take(&mut program_run.variables))
        .current_dir("/")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped());
    let path = program_run.words.first().cloned().unwrap_or_default();
    let mut program = match Program::start(command).await {
        Ok(program) => program,
        Err(error) => {
            return RunReport {
                end: RunEnd::NotRun(path, error),
                stderr: String::new(),
            };
        }
    };
    let (input, errors) = (program.take_input(), program.take_errors());
    let mut output = ErrorOutput::default();
    let end = {
        let streams = async {
            tokio::join!(write_input(input, &program_run.input), output.read(errors));
        };
        let mut streams = pin!(streams.fuse());
        let end = supervise(&mut program, streams.as_mut(), &program_run, stop).await;
        orphans::signal_left_behind(
            Some(program_run.ancestor()),
            None,
            Signal::KILL,
            KILLED_AFTER,
        )
        .await;
        let end = end.unwrap_or_else(|error| RunEnd::NotRun(path, error));
        if !streams.is_terminated() {
            // A process that left the group may hold the stream open.
            let _held_open = timeout(STDERR_WITHIN, streams).await;
        }
        end
    };
    RunReport {
        end,
        stderr: output.shown(),
    }
}

async fn supervise<T: Future<Output = ()>>(
    program: &mut Program,
    mut streams: Pin<&mut Fuse<T>>,
    program_run: &ProgramRun,
    stop: oneshot::Receiver<()>,
) -> io::Result<RunEnd> {
    let early = tokio::select! {
        ended = timeout(program_run.time_limit, wait(program, streams.as_mut())) => match ended {
            Ok(status) => return status.map(as_end),
            Err(_elapsed) => RunEnd::TimedOut(program_run.time_limit),
        },
        Ok(()) = stop => RunEnd::Stopped,
    };
    program.signal(Signal::TERM);
    let (ancestor, group) = (Some(program_run.ancestor()), program.group());
    orphans::signal_left_behind(ancestor, group, Signal::TERM, KILLED_AFTER).await;
    if timeout(KILLED_AFTER, wait(program, streams)).await.is_err() {
        program.signal(Signal::KILL);
        // A process that cannot even be killed hangs in a system call. The daemon does not
        // wait for it.
        let _left = timeout(KILLED_AFTER, program.wait_and_clear()).await;
    }
    Ok(early)
}

/// Waits for the program's end, and serves its streams meanwhile.
async fn wait<T: Future<Output = ()>>(
    program: &mut Program,
    mut streams: Pin<&mut Fuse<T>>,
) -> io::Result<ExitStatus> {
    loop {
        tokio::select! {
            ended = program.wait_and_clear() => return ended,
            () = streams.as_mut(), if !streams.is_terminated() => {}
        }
    }
}

fn as_end(status: ExitStatus) -> RunEnd {
    if status.success() {
        RunEnd::Succeeded
    } else {
        RunEnd::Failed(status)
    }
}

async fn write_input(pipe: Option<ChildStdin>, input: &[u8]) {
    if let Some(mut pipe) = pipe {
        // Writing fails if the program does not read its input, which is allowed.
        let _not_read = pipe.write_all(input).await;
    }
}

/// The standard error of a program.
#[derive(Default)]
struct ErrorOutput {
    last: Vec<u8>,
    bytes: usize,
}

impl ErrorOutput {
    /// Reads until the end of the stream or the limit.
    async fn read(&mut self, pipe: Option<ChildStderr>) {
        let Some(mut pipe) = pipe else {
            return;
        };
        let mut chunk = vec![0; 8192];
        while self.bytes < STDERR_MAX
            && let Ok(length @ 1..) = pipe.read(&mut chunk).await
        {
            self.append(chunk.get(..length).unwrap_or_default());
        }
    }

    fn append(&mut self, chunk: &[u8]) {
        self.bytes += chunk.len();
        self.last.extend_from_slice(chunk);
        let excess = self.last.len().saturating_sub(KEPT_MAX);
        self.last.drain(..excess);
    }

    /// Returns its end, with everything redacted that may be a token.
    fn shown(&self) -> String {
        let text = program_output(String::from_utf8_lossy(&self.last).trim());
        let excess = text.chars().count().saturating_sub(SHOWN_MAX);
        let mut shown: String = text.chars().skip(excess).collect();
        if excess > 0 || self.bytes > KEPT_MAX {
            shown.insert(0, '…');
        }
        if self.bytes >= STDERR_MAX {
            shown.push_str(" (closed after 1 MiB)");
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program_run(script: &str, time_limit: Duration) -> ProgramRun {
        ProgramRun {
            hook: "test".to_owned(),
            words: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
            inherited: vec![("PATH", "/usr/bin:/bin".into())],
            variables: vec![("NAME".to_owned(), "value".into())],
            input: b"input\n".to_vec(),
            time_limit,
        }
    }

    async fn report(script: &str, milliseconds: u64) -> RunReport {
        let (_stop, stopped) = oneshot::channel();
        let time_limit = Duration::from_millis(milliseconds);
        run(program_run(script, time_limit), stopped).await
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_program_gets_its_variables_its_input_and_the_root_for_its_folder() {
        let script = "read line; echo $NAME $line $(pwd) >&2; cat; exit 3";
        let report = report(script, 30_000).await;
        assert!(matches!(report.end, RunEnd::Failed(status) if status.code() == Some(3)));
        assert_eq!(report.stderr, "value input /");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_program_that_need_not_listen_succeeds() {
        let report = report("exec true <&-", 30_000).await;
        assert!(matches!(report.end, RunEnd::Succeeded) && report.stderr.is_empty());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_program_that_hangs_is_told_to_end_and_then_killed() {
        let obedient = "trap 'echo bye >&2; exit 0' TERM; sleep 60 & wait";
        let report_of = report(obedient, 300).await;
        assert!(matches!(report_of.end, RunEnd::TimedOut(_)));
        assert_eq!(report_of.stderr, "bye");
        let stubborn = "trap '' TERM; while :; do sleep 0.1; done";
        assert!(matches!(
            report(stubborn, 300).await.end,
            RunEnd::TimedOut(_)
        ));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn of_a_flood_the_end_is_kept_and_the_rest_is_cut_off() {
        let some = report("seq 1 100000 >&2", 30_000).await;
        assert!(matches!(some.end, RunEnd::Succeeded));
        assert!(some.stderr.starts_with('…') && some.stderr.ends_with("\n100000"));
        assert!(some.stderr.chars().count() <= SHOWN_MAX + 1);
        let flood = report("exec cat /dev/zero >&2", 30_000).await;
        assert!(matches!(flood.end, RunEnd::Failed(_)), "{flood:?}");
        assert!(flood.stderr.ends_with(" (closed after 1 MiB)"));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_looks_like_a_token_is_hidden_even_where_it_is_cut() {
        const TOKEN: &str = "x9Rk2mPq_7sT-wYb4NcVh8LdFg3JzKa1";
        let script = format!("for i in $(seq 400); do echo 'Bearer {TOKEN}' >&2; done");
        let stderr = report(&script, 30_000).await.stderr;
        assert!(stderr.contains("Bearer ****"), "{stderr}");
        for piece in TOKEN.as_bytes().windows(8) {
            assert!(!stderr.contains(str::from_utf8(piece).unwrap()), "{stderr}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_stops_does_not_wait_for_the_time_limit() {
        let (stop, stopped) = oneshot::channel();
        stop.send(()).unwrap();
        let program_run = program_run("exec sleep 60", Duration::from_secs(600));
        assert!(matches!(
            run(program_run, stopped).await.end,
            RunEnd::Stopped
        ));
    }
}
