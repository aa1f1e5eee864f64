//! The binary as an operator runs it: a configuration in a folder of its own, its log, signals and exit.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Longer than anything takes on a busy machine, unless it is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder with a configuration and token files.
pub(crate) struct Folder(TempDir);

/// The running binary; killed when dropped.
pub(crate) struct Keepalive {
    child: Child,
    lines: Receiver<String>,
    /// Everything that it said so far.
    pub(crate) said: Vec<String>,
}

#[expect(clippy::disallowed_methods, reason = "tests measure real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file whole, readable for us alone, by renaming.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let (new, path) = (self.path(".new"), self.path(name));
        let mut options = fs::OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        options
            .open(&new)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        fs::rename(&new, &path).unwrap();
        path
    }

    /// The binary with these arguments, in a clean environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_session-keepalive"));
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("RUNTIME_DIRECTORY", self.0.path());
        command
    }

    /// `run --config config.toml`.
    pub(crate) fn run(&self, config: &str) -> Keepalive {
        self.write("config.toml", config);
        Keepalive::start(self.command(&["run", "--config", "config.toml"]))
    }
}

impl Keepalive {
    pub(crate) fn start(mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            lines,
            said: Vec::new(),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line that holds all of these; panics with everything said if it does not come.
    pub(crate) fn wait_for(&mut self, parts: &[&str]) -> String {
        let until = now() + PATIENCE;
        loop {
            match self
                .lines
                .recv_timeout(until.saturating_duration_since(now()))
            {
                Ok(line) => {
                    let is_it = parts.iter().all(|part| line.contains(part));
                    self.said.push(line.clone());
                    if is_it {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("never said {parts:?}, but:\n{}", self.said.join("\n"))
                }
            }
        }
    }

    /// Takes in what was said meanwhile.
    pub(crate) fn listen_for(&mut self, time: Duration) -> &[String] {
        let until = now() + time;
        while let Ok(line) = self
            .lines
            .recv_timeout(until.saturating_duration_since(now()))
        {
            self.said.push(line);
        }
        &self.said
    }

    /// How many lines hold all of these.
    pub(crate) fn count(&self, parts: &[&str]) -> usize {
        let is_it = |line: &&String| parts.iter().all(|part| line.contains(part));
        self.said.iter().filter(is_it).count()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for the end; says how it ended and how long that took.
    pub(crate) fn wait(&mut self) -> (ExitStatus, Duration) {
        let began = now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                began.elapsed_by(now()) < PATIENCE,
                "did not end:\n{}",
                self.said.join("\n")
            );
            self.listen_for(Duration::from_millis(5));
        };
        let took = began.elapsed_by(now());
        self.listen_for(Duration::from_millis(50));
        (status, took)
    }

    /// SIGTERM, and the exit code and time that follow.
    pub(crate) fn stop(&mut self) -> (Option<i32>, Duration) {
        self.signal(Signal::TERM);
        let (status, took) = self.wait();
        (status.code(), took)
    }
}

/// How long ago, without the clock that the lints forbid.
trait ElapsedBy {
    fn elapsed_by(&self, now: Instant) -> Duration;
}

impl ElapsedBy for Instant {
    fn elapsed_by(&self, now: Instant) -> Duration {
        now.saturating_duration_since(*self)
    }
}

impl Drop for Keepalive {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A path as text.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
