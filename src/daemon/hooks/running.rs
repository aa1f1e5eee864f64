//! Runs a hook's program once: tells it what happened, listens to its complaints, and ends it in time.

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

use crate::config::clean;
use crate::program::{self, Program};

/// A program that was told to end is killed after this.
const KILLED_AFTER: Duration = Duration::from_secs(2);
/// What is still to be heard of a program that has ended is waited for no longer than this.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// Standard error is closed after this many bytes.
const HEARD_MAX: usize = 1 << 20;
/// So many of its last bytes are kept: more than are shown, so that what is cut off is not the
/// beginning of a word that has to be hidden.
const KEPT_MAX: usize = 16 << 10;
/// So many of its last characters are shown.
const SHOWN_MAX: usize = 1000;

/// What is to be run.
pub(super) struct Order {
    pub(super) words: Vec<String>,
    pub(super) inherited: Vec<(&'static str, OsString)>,
    pub(super) variables: Vec<(String, OsString)>,
    pub(super) input: Vec<u8>,
    pub(super) time_limit: Duration,
}

/// How it ended, and what it said on standard error, fit to be shown.
#[derive(Debug)]
pub(in crate::daemon) struct Report {
    pub(super) end: End,
    pub(super) said: String,
}

/// How a program ended.
#[derive(Debug)]
pub(in crate::daemon) enum End {
    Succeeded,
    /// The system would not run it.
    NotRun(String, io::Error),
    Failed(ExitStatus),
    /// It was ended for taking too long.
    TimedOut(Duration),
    /// It was ended because the daemon stops.
    Stopped,
}

/// Runs the program to its end. What it leaves of its process group is killed; `stop` ends it early.
pub(super) async fn run(order: Order, stop: oneshot::Receiver<()>) -> Report {
    let mut command = program::command(&order.words);
    command
        .envs(order.inherited)
        .envs(order.variables)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped());
    let path = order.words.first().cloned().unwrap_or_default();
    let mut program = match Program::start(command) {
        Ok(program) => program,
        Err(error) => {
            return Report {
                end: End::NotRun(path, error),
                said: String::new(),
            };
        }
    };
    let (input, errors) = (program.take_input(), program.take_errors());
    let mut heard = Heard::default();
    let end = {
        let talk = async {
            tokio::join!(tell(input, &order.input), heard.listen(errors));
        };
        let mut talk = pin!(talk.fuse());
        let end = attend(&mut program, talk.as_mut(), order.time_limit, stop).await;
        let end = end.unwrap_or_else(|error| End::NotRun(path, error));
        if !talk.is_terminated() {
            // Who left the group may hold the stream open.
            let _held_open = timeout(LAST_WORDS, talk).await;
        }
        end
    };
    Report {
        end,
        said: heard.shown(),
    }
}

async fn attend<T: Future<Output = ()>>(
    program: &mut Program,
    mut talk: Pin<&mut Fuse<T>>,
    time_limit: Duration,
    stop: oneshot::Receiver<()>,
) -> io::Result<End> {
    let early = tokio::select! {
        ended = timeout(time_limit, wait(program, talk.as_mut())) => match ended {
            Ok(status) => return status.map(as_end),
            Err(_elapsed) => End::TimedOut(time_limit),
        },
        Ok(()) = stop => End::Stopped,
    };
    program.signal(Signal::TERM);
    if timeout(KILLED_AFTER, wait(program, talk)).await.is_err() {
        program.signal(Signal::KILL);
        // What cannot even be killed hangs in the system, and is left to it.
        let _left = timeout(KILLED_AFTER, program.wait_and_clear()).await;
    }
    Ok(early)
}

/// Waits for the program's end, and talks with it meanwhile.
async fn wait<T: Future<Output = ()>>(
    program: &mut Program,
    mut talk: Pin<&mut Fuse<T>>,
) -> io::Result<ExitStatus> {
    loop {
        tokio::select! {
            ended = program.wait_and_clear() => return ended,
            () = talk.as_mut(), if !talk.is_terminated() => {}
        }
    }
}

fn as_end(status: ExitStatus) -> End {
    if status.success() {
        End::Succeeded
    } else {
        End::Failed(status)
    }
}

async fn tell(pipe: Option<ChildStdin>, input: &[u8]) {
    if let Some(mut pipe) = pipe {
        // A program need not listen.
        let _not_listening = pipe.write_all(input).await;
    }
}

/// What a program says on standard error.
#[derive(Default)]
struct Heard {
    last: Vec<u8>,
    bytes: usize,
}

impl Heard {
    /// Listens until there is nothing more to hear, or too much was.
    async fn listen(&mut self, pipe: Option<ChildStderr>) {
        let Some(mut pipe) = pipe else {
            return;
        };
        let mut chunk = vec![0; 8192];
        while self.bytes < HEARD_MAX
            && let Ok(length @ 1..) = pipe.read(&mut chunk).await
        {
            self.take(chunk.get(..length).unwrap_or_default());
        }
    }

    fn take(&mut self, chunk: &[u8]) {
        self.bytes += chunk.len();
        self.last.extend_from_slice(chunk);
        let excess = self.last.len().saturating_sub(KEPT_MAX);
        self.last.drain(..excess);
    }

    /// The end of it, without what looks like a token.
    fn shown(&self) -> String {
        let text = clean(String::from_utf8_lossy(&self.last).trim());
        let excess = text.chars().count().saturating_sub(SHOWN_MAX);
        let mut shown: String = text.chars().skip(excess).collect();
        if excess > 0 || self.bytes > KEPT_MAX {
            shown.insert(0, '…');
        }
        if self.bytes >= HEARD_MAX {
            shown.push_str(" (closed after 1 MiB)");
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(script: &str, time_limit: Duration) -> Order {
        Order {
            words: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
            inherited: vec![("PATH", "/usr/bin:/bin".into())],
            variables: vec![("NAME".to_owned(), "value".into())],
            input: b"input\n".to_vec(),
            time_limit,
        }
    }

    async fn report(script: &str, milliseconds: u64) -> Report {
        let (_stop, stopped) = oneshot::channel();
        run(order(script, Duration::from_millis(milliseconds)), stopped).await
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_program_gets_its_variables_its_input_and_the_root_for_its_folder() {
        let script = "read line; echo $NAME $line $(pwd) >&2; cat; exit 3";
        let report = report(script, 30_000).await;
        assert!(matches!(report.end, End::Failed(status) if status.code() == Some(3)));
        assert_eq!(report.said, "value input /");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_program_that_need_not_listen_succeeds() {
        let report = report("exec true <&-", 30_000).await;
        assert!(matches!(report.end, End::Succeeded) && report.said.is_empty());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_program_that_hangs_is_told_to_end_and_then_killed() {
        let obedient = "trap 'echo bye >&2; exit 0' TERM; sleep 60 & wait";
        let report_of = report(obedient, 300).await;
        assert!(matches!(report_of.end, End::TimedOut(_)));
        assert_eq!(report_of.said, "bye");
        let stubborn = "trap '' TERM; while :; do sleep 0.1; done";
        assert!(matches!(report(stubborn, 300).await.end, End::TimedOut(_)));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn of_a_flood_the_end_is_kept_and_the_rest_is_cut_off() {
        let some = report("seq 1 100000 >&2", 30_000).await;
        assert!(matches!(some.end, End::Succeeded));
        assert!(some.said.starts_with('…') && some.said.ends_with("\n100000"));
        assert!(some.said.chars().count() <= SHOWN_MAX + 1);
        let flood = report("exec cat /dev/zero >&2", 30_000).await;
        assert!(matches!(flood.end, End::Failed(_)), "{flood:?}");
        assert!(flood.said.ends_with(" (closed after 1 MiB)"));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_looks_like_a_token_is_hidden_even_where_it_is_cut() {
        const TOKEN: &str = "x9Rk2mPq_7sT-wYb4NcVh8LdFg3JzKa1";
        let script = format!("for i in $(seq 400); do echo 'Bearer {TOKEN}' >&2; done");
        let said = report(&script, 30_000).await.said;
        assert!(said.contains("Bearer ****"), "{said}");
        for piece in TOKEN.as_bytes().windows(8) {
            assert!(!said.contains(str::from_utf8(piece).unwrap()), "{said}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_stops_does_not_wait_for_the_time_limit() {
        let (stop, stopped) = oneshot::channel();
        stop.send(()).unwrap();
        let order = order("exec sleep 60", Duration::from_secs(600));
        assert!(matches!(run(order, stopped).await.end, End::Stopped));
    }
}
