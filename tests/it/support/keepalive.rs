//! Runs the binary as an operator does: with a configuration in a folder, a log and signals.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The time limit of a wait, longer than any working daemon needs on a busy machine.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// A temporary folder for a configuration and token files.
pub(crate) struct Folder(TempDir);

/// A running binary, which is killed when dropped.
pub(crate) struct Keepalive {
    child: Child,
    lines: Receiver<String>,
    /// The lines on standard error that have been received so far.
    pub(crate) log: Vec<String>,
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

    /// Writes a file atomically, readable for this user alone.
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

    /// Writes a program that this user may run.
    pub(crate) fn program(&self, name: &str, text: &str) -> PathBuf {
        let path = self.write(name, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    /// Returns the command for the binary with these arguments and a clean environment.
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

    /// Writes the configuration and starts the binary with `run --config config.toml`.
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
            log: Vec::new(),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line that contains all these parts and returns it.
    ///
    /// # Panics
    ///
    /// If the line does not come in time, with all received lines.
    pub(crate) fn wait_for(&mut self, parts: &[&str]) -> String {
        let until = now() + TIME_LIMIT;
        loop {
            match self
                .lines
                .recv_timeout(until.saturating_duration_since(now()))
            {
                Ok(line) => {
                    let is_match = parts.iter().all(|part| line.contains(part));
                    self.log.push(line.clone());
                    if is_match {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("no line with {parts:?}, but:\n{}", self.log.join("\n"))
                }
            }
        }
    }

    /// Returns the first received line that contains this text.
    pub(crate) fn received(&self, part: &str) -> &str {
        let mut lines = self.log.iter();
        lines.find(|line| line.contains(part)).unwrap()
    }

    /// Receives lines for this time and returns all lines so far.
    pub(crate) fn listen_for(&mut self, time: Duration) -> &[String] {
        let until = now() + time;
        while let Ok(line) = self
            .lines
            .recv_timeout(until.saturating_duration_since(now()))
        {
            self.log.push(line);
        }
        &self.log
    }

    /// Receives lines until the predicate holds.
    ///
    /// # Panics
    ///
    /// If it does not hold in time or the binary ends, with all received lines.
    pub(crate) fn listen_until(&mut self, has_happened: impl Fn(&Self) -> bool) {
        let until = now() + TIME_LIMIT;
        while !has_happened(self) {
            let output = || self.log.join("\n");
            assert!(now() < until, "it never happened, but:\n{}", output());
            assert!(
                self.child.try_wait().unwrap().is_none(),
                "ended:\n{}",
                output()
            );
            self.listen_for(Duration::from_millis(50));
        }
    }

    /// Waits until there is a line for each of these lists of parts, in any order.
    ///
    /// # Panics
    ///
    /// If one of the lines does not come in time, with all received lines.
    pub(crate) fn wait_for_all<'a>(&mut self, lines: &[impl AsRef<[&'a str]>]) {
        self.listen_until(|keepalive| {
            let mut lines = lines.iter();
            lines.all(|parts| keepalive.count(parts.as_ref()) > 0)
        });
    }

    /// Returns the number of received lines that contain all these parts.
    pub(crate) fn count(&self, parts: &[&str]) -> usize {
        let is_match = |line: &&String| parts.iter().all(|part| line.contains(part));
        self.log.iter().filter(is_match).count()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for the binary to end; returns its exit status and the time that it took.
    pub(crate) fn wait(&mut self) -> (ExitStatus, Duration) {
        let began = now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                began.elapsed_by(now()) < TIME_LIMIT,
                "did not end:\n{}",
                self.log.join("\n")
            );
            self.listen_for(Duration::from_millis(5));
        };
        let took = began.elapsed_by(now());
        self.listen_for(Duration::from_millis(50));
        (status, took)
    }

    /// Sends SIGTERM and waits; returns the exit code and the time that it took.
    pub(crate) fn stop(&mut self) -> (Option<i32>, Duration) {
        self.signal(Signal::TERM);
        let (status, took) = self.wait();
        (status.code(), took)
    }
}

/// Calculates the elapsed time from a given instant; the lints forbid `Instant::elapsed`.
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

/// Returns a path as text.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
