//! Signals the processes that are to learn of another token.
//!
//! *Invariants*: the loop waits for no process and no file, each signal is a task with a time
//! limit. A process gets one signal at a time; rotations that come meanwhile are one further
//! signal, since it reads the newest token anyway.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::io::AsyncReadExt as _;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::next_result;
use crate::config::{RotationSignal, SessionName, SignalName, SignalTarget, clean};
use crate::log::{LogEvent, SinkEvent, log_event};
use crate::sys::clock::{self, WallSettings};
use crate::sys::files::{self, NoAnswer};
use crate::sys::pid_file;
use crate::sys::program::{self, Program};

/// The time limit of each signal.
const LIMIT: Duration = Duration::from_secs(5);

/// The number of signals that are sent at the same time.
const TASKS_MAX: usize = 4;

/// The number of bytes of systemctl's errors that are read.
const ERRORS_MAX: u64 = 1000;

/// The signals that are to be sent.
#[derive(Default)]
pub(super) struct RotationSignals {
    /// Each with the session whose token was replaced last.
    waiting: BTreeMap<RotationSignal, SessionName>,
    running: BTreeSet<RotationSignal>,
    tasks: JoinSet<SignalDone>,
    /// The variables of this process that systemctl may see.
    inherited: Vec<(&'static str, OsString)>,
    settings: Option<WallSettings>,
}

/// The result of a task.
pub(super) struct SignalDone {
    session: SessionName,
    signal: RotationSignal,
    /// The process, if it is known.
    result: Result<Option<Pid>, SignalFailure>,
}

/// The reason for which no signal was sent.
#[derive(Debug, thiserror::Error)]
enum SignalFailure {
    #[error(transparent)]
    PidFile(#[from] pid_file::NotSignalled),
    #[error(transparent)]
    Thread(#[from] NoAnswer),
    #[error("systemctl cannot be run: it must be in the PATH of the daemon; or use `pid_file`")]
    NotRun(#[source] io::Error),
    #[error("systemctl did not end within {}s: look at the journal of dbus", LIMIT.as_secs())]
    TooSlow,
    #[error(
        "systemctl failed ({status}): {errors}; the unit must run, and polkit must allow the daemon's user, which must not be a dynamic one, to signal it"
    )]
    Failed {
        status: ExitStatus,
        /// The error output of systemctl.
        errors: String,
    },
}

impl RotationSignals {
    /// Sends the signals of a session after a rotation of its token. `inherited` are the variables
    /// that a program may see, `settings` those of the wall clock. The call returns at once.
    pub(super) fn send(
        &mut self,
        session: &SessionName,
        signals: &[RotationSignal],
        inherited: &[(&'static str, OsString)],
        settings: &WallSettings,
    ) {
        self.settings = Some(settings.clone());
        inherited.clone_into(&mut self.inherited);
        let signals = signals.iter();
        self.waiting
            .extend(signals.map(|signal| (signal.clone(), session.clone())));
        self.begin();
    }

    /// Drops the signals that wait, since the daemon stops.
    pub(super) fn handle_stop(&mut self) {
        self.waiting.clear();
    }

    /// Waits for the end of a signal, or for ever if none is sent. Cancel-safe.
    pub(super) async fn next(&mut self) {
        let done = next_result(&mut self.tasks).await;
        self.running.remove(&done.signal);
        log_event(&LogEvent::Sink(match &done.result {
            Ok(pid) => SinkEvent::Signalled {
                session: &done.session,
                signal: &done.signal,
                pid: pid.map(|pid| pid.as_raw_nonzero().get()),
            },
            Err(cause) => SinkEvent::NotSignalled {
                session: &done.session,
                signal: &done.signal,
                cause,
            },
        }));
        self.begin();
    }

    /// Waits for all signals, each of which has a time limit.
    pub(super) async fn finish(&mut self) {
        while !self.tasks.is_empty() {
            self.next().await;
        }
    }

    fn begin(&mut self) {
        while self.tasks.len() < TASKS_MAX {
            let mut free = self.waiting.keys();
            let Some(signal) = free.find(|signal| !self.running.contains(signal)) else {
                return;
            };
            let signal = signal.clone();
            let Some(session) = self.waiting.remove(&signal) else {
                return;
            };
            self.running.insert(signal.clone());
            let inherited = self.inherited.clone();
            let settings = self.settings.clone();
            self.tasks.spawn(async move {
                let result = send(&signal, inherited, settings).await;
                SignalDone {
                    session,
                    signal,
                    result,
                }
            });
        }
    }
}

async fn send(
    RotationSignal { target, signal }: &RotationSignal,
    inherited: Vec<(&'static str, OsString)>,
    settings: Option<WallSettings>,
) -> Result<Option<Pid>, SignalFailure> {
    match target {
        SignalTarget::PidFile(path) => {
            let (file, number) = (path.clone(), number(*signal));
            let settings = settings.unwrap_or_else(|| WallSettings::new(&clock::read()));
            let send = move || pid_file::signal(&file, number, &settings);
            Ok(files::run(path, LIMIT, send).await?.map(Some)?)
        }
        SignalTarget::Unit(unit) => {
            let sent = timeout(LIMIT, signal_unit(unit, *signal, inherited)).await;
            sent.map_err(|_elapsed| SignalFailure::TooSlow)?
                .map(|()| None)
        }
    }
}

async fn signal_unit(
    unit: &str,
    signal: SignalName,
    inherited: Vec<(&'static str, OsString)>,
) -> Result<(), SignalFailure> {
    let words = [
        "systemctl",
        "kill",
        "--no-ask-password",
        "--kill-whom=main",
        &format!("--signal={}", signal.as_str()),
        "--",
        unit,
    ];
    let mut command = program::command(&words.map(str::to_owned));
    command
        .envs(inherited)
        .current_dir("/")
        .stderr(Stdio::piped());
    let program = Program::start(command).await;
    let mut program = program.map_err(SignalFailure::NotRun)?;
    let mut errors = Vec::new();
    if let Some(stream) = program.take_errors() {
        let read = stream.take(ERRORS_MAX).read_to_end(&mut errors).await;
        read.map_err(SignalFailure::NotRun)?;
    }
    let status = program.wait_and_clear().await;
    let status = status.map_err(SignalFailure::NotRun)?;
    if status.success() {
        return Ok(());
    }
    let errors = clean(String::from_utf8_lossy(&errors).trim()).replace(['\n', '\r', '\t'], " ");
    Err(SignalFailure::Failed { status, errors })
}

fn number(signal: SignalName) -> Signal {
    match signal {
        SignalName::Hup => Signal::HUP,
        SignalName::Int => Signal::INT,
        SignalName::Term => Signal::TERM,
        SignalName::Usr1 => Signal::USR1,
        SignalName::Usr2 => Signal::USR2,
    }
}
