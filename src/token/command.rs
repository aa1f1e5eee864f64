//! Runs the program that prints a token and returns its output.
//!
//! The output is never shown, and standard error is never read.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use zeroize::Zeroizing;

use super::file::READ_MAX;
use super::{Source, SourceError, TOKEN_LENGTH_MAX};
use crate::sys::program;
use crate::sys::program::Program;

/// Returns the output of the program, if it succeeds in time.
///
/// The program gets the `variables` as its environment and no input. Its standard error is
/// dropped: it may hold anything, tokens included. If this future is dropped or fails, the
/// program and its children are killed; children that close the output and outlive the program
/// are left alone.
pub(super) async fn output(
    place: &Source,
    words: &[String],
    variables: impl IntoIterator<Item = (&'static str, OsString)>,
    time_limit: Duration,
) -> Result<Zeroizing<Vec<u8>>, SourceError> {
    let mut command = program::command(words);
    command.envs(variables).stdout(Stdio::piped());
    let program = Program::start(command).await;
    let program = program.map_err(|cause| SourceError::NotStarted {
        place: place.clone(),
        cause,
    })?;
    tokio::time::timeout(time_limit, read(program, place))
        .await
        .unwrap_or_else(|_| {
            Err(SourceError::TimedOut {
                place: place.clone(),
                time_limit,
            })
        })
}

async fn read(mut program: Program, place: &Source) -> Result<Zeroizing<Vec<u8>>, SourceError> {
    let stdout = program.take_output().expect("standard output is piped");
    // The spare capacity keeps the buffer in place, so that no unwiped copy stays behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(READ_MAX + 64));
    let unreadable = |cause| SourceError::NotReadable {
        place: place.clone(),
        cause,
    };
    stdout
        .take(READ_MAX as u64)
        .read_to_end(&mut bytes)
        .await
        .map_err(unreadable)?;
    if bytes.len() > TOKEN_LENGTH_MAX + 2 {
        return Err(SourceError::TooMuchOutput(place.clone()));
    }
    let status = program.wait().await.map_err(unreadable)?;
    if !status.success() {
        return Err(SourceError::Failed {
            place: place.clone(),
            status,
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;
    use std::path::Path;

    use rustix::fs::{CWD, FileType, Mode};

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
        // The program has ended, but its child holds the output open.
        assert_eq!(failure("sleep 60 & echo abc", limit).await, expected);
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
        assert_eq!(
            String::from_utf8(environment).unwrap(),
            "PATH=/usr/bin:/bin\n"
        );
    }

    #[tokio::test(flavor = "current_thread")]
    async fn children_do_not_outlive_a_program_that_is_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let script = format!(
            "(printf x; sleep 20; printf survived) >{} & wait",
            pipe.display()
        );
        let mut child = tokio::select! {
            ended = shell(&script, LONG) => panic!("the program ended: {ended:?}"),
            child = open_after_first_byte(&pipe) => child,
        };
        // The pipe ends only when every process that holds it has ended.
        let mut output = String::new();
        child.read_to_string(&mut output).unwrap();
        assert_eq!(output, "");
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
