//! Runs the program that prints a token and returns its output.
//!
//! The output is never shown, and standard error is never read.

use std::ffi::OsString;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, Take};
use tokio::process::ChildStdout;
use tokio::runtime::Handle;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::file::READ_MAX;
use super::{NotAToken, Source, SourceError, TOKEN_LENGTH_MAX, content};
use crate::config::COMMAND_VARIABLE;
use crate::sys::orphans::{self, Ancestor};
use crate::sys::program::{self, Program};

/// The time without more output after which a token in the output of an ended program counts as
/// whole, although a process that the program left keeps the output open.
const QUIET: Duration = Duration::from_millis(500);

/// The time limit for killing the processes that a program left behind.
const KILL_LIMIT: Duration = Duration::from_secs(2);

/// Returns the output of the program, if it succeeds in time.
///
/// The program gets the `variables` as its environment, [`COMMAND_VARIABLE`], and no input. Its
/// standard error is dropped: it may hold anything, tokens included.
///
/// A program that has ended with success is not waited for any longer once its output holds a token,
/// even if a process that it started keeps the output open. That process is killed, and so are all
/// processes of the program if this future is dropped or fails. Children that close the output and
/// outlive a program that succeeds are left alone.
pub(super) async fn output(
    place: &Source,
    words: &[String],
    variables: impl IntoIterator<Item = (&'static str, OsString)>,
    time_limit: Duration,
) -> Result<Zeroizing<Vec<u8>>, SourceError> {
    let descendants = Descendants(Some(Ancestor::of_next_command()));
    let mut command = program::command(words);
    command
        .envs(variables)
        .envs(descendants.variable())
        .stdout(Stdio::piped());
    // Without it, the processes that left the program's group would not be found.
    orphans::become_parent();
    let program = Program::start(command).await;
    let program = program.map_err(|cause| SourceError::NotStarted {
        place: place.clone(),
        cause,
    })?;
    let mut run = CommandRun::new(program, place);
    let finished = timeout(time_limit, run.finish()).await;
    let finished = finished.unwrap_or_else(|_| run.handle_time_limit(time_limit));
    if finished.is_ok() && run.is_at_end {
        descendants.leave_alone();
    } else {
        descendants.kill().await;
    }
    finished.map(|()| run.bytes)
}

/// The processes that a program started. They are killed when this is dropped.
struct Descendants(Option<Ancestor>);

impl Descendants {
    /// Returns the variable by which they are recognised.
    fn variable(&self) -> Option<(&'static str, String)> {
        match &self.0 {
            Some(Ancestor::TokenCommand(run)) => Some((COMMAND_VARIABLE, run.clone())),
            Some(Ancestor::Hook(_)) | None => None,
        }
    }

    fn leave_alone(mut self) {
        self.0 = None;
    }

    /// Kills them, and returns when that is done.
    async fn kill(mut self) {
        let ancestor = self.0.take();
        if ancestor.is_some() {
            orphans::signal_left_behind(ancestor, None, Signal::KILL, KILL_LIMIT).await;
        }
    }
}

impl Drop for Descendants {
    fn drop(&mut self) {
        if let Some(ancestor) = self.0.take()
            && Handle::try_current().is_ok()
        {
            drop(orphans::signal_left_behind(
                Some(ancestor),
                None,
                Signal::KILL,
                KILL_LIMIT,
            ));
        }
    }
}

/// A running program and its output so far.
struct CommandRun<'a> {
    place: &'a Source,
    program: Program,
    stdout: Take<ChildStdout>,
    bytes: Zeroizing<Vec<u8>>,
    /// True if no process has the output open any more.
    is_at_end: bool,
    has_succeeded: bool,
}

impl<'a> CommandRun<'a> {
    fn new(mut program: Program, place: &'a Source) -> Self {
        let stdout = program.take_output().expect("standard output is piped");
        Self {
            place,
            program,
            stdout: stdout.take(READ_MAX as u64),
            // The spare capacity keeps the buffer in place, so that no unwiped copy stays behind.
            bytes: Zeroizing::new(Vec::with_capacity(READ_MAX + 64)),
            is_at_end: false,
            has_succeeded: false,
        }
    }

    /// Waits for the success of the program, and for the end of its output or a token in it.
    async fn finish(&mut self) -> Result<(), SourceError> {
        while !self.has_succeeded {
            tokio::select! {
                biased;
                read = self.stdout.read_buf(&mut *self.bytes), if !self.is_at_end => {
                    self.handle_read(read)?;
                }
                status = self.program.wait() => {
                    let status = status.map_err(|cause| self.unreadable(cause))?;
                    if !status.success() {
                        let place = self.place.clone();
                        return Err(SourceError::Failed { place, status });
                    }
                    self.has_succeeded = true;
                }
            }
        }
        while !self.is_at_end {
            match timeout(QUIET, self.stdout.read_buf(&mut *self.bytes)).await {
                Ok(read) => self.handle_read(read)?,
                Err(_quiet) if self.token().is_ok() => break,
                Err(_quiet) => {}
            }
        }
        Ok(())
    }

    fn handle_read(&mut self, read: io::Result<usize>) -> Result<(), SourceError> {
        self.is_at_end = read.map_err(|cause| self.unreadable(cause))? == 0;
        if self.bytes.len() > TOKEN_LENGTH_MAX + 2 {
            return Err(SourceError::TooMuchOutput(self.place.clone()));
        }
        Ok(())
    }

    /// Returns the error of a run that has not finished within the time limit, unless its output
    /// holds a token.
    fn handle_time_limit(&self, time_limit: Duration) -> Result<(), SourceError> {
        let place = self.place.clone();
        match self.token() {
            _ if !self.has_succeeded => Err(SourceError::TimedOut { place, time_limit }),
            Ok(()) => Ok(()),
            Err(reason) => Err(SourceError::KeptOpen {
                place,
                time_limit,
                reason,
            }),
        }
    }

    /// Returns the reason for which the output so far is not a token.
    fn token(&self) -> Result<(), NotAToken> {
        content::parse(self.bytes.clone(), None).map(drop)
    }

    fn unreadable(&self, cause: io::Error) -> SourceError {
        SourceError::NotReadable {
            place: self.place.clone(),
            cause,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;
    use std::path::{Path, PathBuf};

    use rustix::fs::{CWD, FileType, Mode};
    use tempfile::TempDir;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    async fn shell(script: &str, time_limit: Duration) -> Result<Vec<u8>, SourceError> {
        let words = ["/bin/sh", "-c", script].map(str::to_owned);
        let place = Source::Command(words.to_vec());
        let variables = [("PATH", "/usr/bin:/bin".into())];
        let bytes = output(&place, &words, variables, time_limit).await?;
        Ok(bytes.to_vec())
    }

    async fn failure(script: &str, time_limit: Duration) -> String {
        shell(script, time_limit).await.unwrap_err().to_string()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_the_program_prints_is_taken_whole() {
        assert_eq!(shell("echo abc", LONG).await.unwrap(), b"abc\n");
        let most = "head -c 8192 /dev/zero && echo && echo";
        assert_eq!(shell(most, LONG).await.unwrap().len(), 8194);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_failure_names_the_program_and_its_end_but_nothing_it_said() {
        assert_eq!(
            failure("echo secret; echo secret >&2; exit 3", LONG).await,
            "command /bin/sh failed: exit status: 3"
        );
        assert_eq!(
            failure("kill -TERM $$", LONG).await,
            "command /bin/sh failed: signal: 15 (SIGTERM)"
        );
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_program_that_is_not_there_is_named() {
        let words = ["/no/such/program".to_owned(), "argument".to_owned()];
        let place = Source::Command(words.to_vec());
        let error = output(&place, &words, [], LONG).await.unwrap_err();
        assert!(matches!(error, SourceError::NotStarted { .. }));
        assert_eq!(
            error.to_string(),
            "command /no/such/program could not be started"
        );
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_program_that_hangs_is_ended() {
        let limit = Duration::from_millis(200);
        let expected = "command /bin/sh did not end within 200ms";
        assert_eq!(failure("exec sleep 60", limit).await, expected);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_token_is_taken_although_a_child_keeps_the_output_open_and_the_child_is_killed() {
        let (_keep, pipe) = pipe();
        // The child leaves the process group, and holds the pipe for as long as it lives.
        let script = format!(
            "exec 3>{}; printf x >&3; setsid sleep 600 & echo abc",
            pipe.display()
        );
        let (output, child) = tokio::join!(shell(&script, LONG), open_after_first_byte(&pipe));
        assert_eq!(output.unwrap(), b"abc\n");
        assert_eq!(rest(child), "");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_child_that_keeps_open_an_output_without_a_token_is_named_as_the_cause() {
        let limit = Duration::from_millis(1500);
        for (script, reason) in [
            ("sleep 60 & exit 0", "is empty"),
            (
                "setsid sleep 60 & printf '{\"access_token\":'",
                "is JSON without a text `access_token`",
            ),
        ] {
            assert_eq!(
                failure(script, limit).await,
                format!(
                    "command /bin/sh ended, but a child of it kept its output open for 1.5s, and the token in the output {reason}: redirect the output of the child"
                )
            );
        }
        // A child may still print the token.
        let late = "(sleep 1; echo abc) & exit 0";
        assert_eq!(shell(late, LONG).await.unwrap(), b"abc\n");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_child_that_closes_the_output_outlives_a_program_that_succeeds() {
        let (_keep, pipe) = pipe();
        let script = format!(
            "(printf x; sleep 1; printf survived) >{} & echo abc",
            pipe.display()
        );
        let (output, child) = tokio::join!(shell(&script, LONG), open_after_first_byte(&pipe));
        assert_eq!(output.unwrap(), b"abc\n");
        assert_eq!(rest(child), "survived");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_flood_is_cut_off() {
        assert_eq!(
            failure("exec cat /dev/zero", LONG).await,
            "command /bin/sh printed more than 8192 bytes"
        );
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_environment_and_the_input_are_empty() {
        let script = "/usr/bin/env -u PWD -u SHLVL -u _ -u OLDPWD; cat";
        let environment = shell(script, LONG).await.unwrap();
        let environment = String::from_utf8(environment).unwrap();
        let mut names: Vec<_> = environment
            .lines()
            .map(|line| line.split_once('=').unwrap().0)
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["PATH", COMMAND_VARIABLE]);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn children_do_not_outlive_a_program_that_is_given_up() {
        let (_keep, pipe) = pipe();
        let script = format!(
            "(printf x; sleep 20; printf survived) >{} & wait",
            pipe.display()
        );
        let child = tokio::select! {
            ended = shell(&script, LONG) => panic!("the program ended: {ended:?}"),
            child = open_after_first_byte(&pipe) => child,
        };
        assert_eq!(rest(child), "");
    }

    /// Creates a named pipe.
    fn pipe() -> (TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        (directory, pipe)
    }

    /// Returns what is written to the pipe until every process that holds it has ended.
    fn rest(mut pipe: File) -> String {
        let mut output = String::new();
        pipe.read_to_string(&mut output).unwrap();
        output
    }

    /// Returns the pipe, once a byte was written to it.
    async fn open_after_first_byte(pipe: &Path) -> File {
        let pipe = pipe.to_owned();
        let opened = tokio::task::spawn_blocking(move || {
            let mut file = File::open(pipe).unwrap();
            file.read_exact(&mut [0]).unwrap();
            file
        });
        opened.await.unwrap()
    }
}
