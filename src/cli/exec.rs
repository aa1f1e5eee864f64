//! `exec`: runs a command beneath the daemon, for as long as the command runs.
//!
//! The command starts when the tokens are proven alive and written to their sinks. Signals are
//! passed on to it, and its exit status is the one of this process. It must never get a token in
//! its arguments or its environment, only the path of a file.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueHint};
use futures_util::StreamExt as _;
use rustix::process::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::low_level::signal_name;
use signal_hook_tokio::Signals;
use tokio::process::Command;
use tokio::sync::mpsc;

use super::exit::{Exit, failed, print_error};
use super::run::{self, Run};
use super::{Refused, duration};
use crate::config::{self, Config};
use crate::daemon::{Daemon, DaemonCommand, LoadConfig, Setup};
use crate::keeper::OnShutdown;
use crate::log::{LogEvent, log_event};
use crate::status::phrases::human_duration;
use crate::status::{QuerySender, ReadinessSums};
use crate::sys::clock;
use crate::sys::program::Program;
use crate::token::{Sink, SinkFormat};

pub(super) const HELP: &str = "\
Examples:
  session-keepalive exec --region eu-central-1 --token-file /run/secrets/token -- ./integration
  session-keepalive exec --config kiosk.toml --sink /run/kiosk/token -- chromium --kiosk

The command starts when every kept token is proven alive. With one session, SESSION_KEEPALIVE_TOKEN_FILE is the path of its token file: the first sink, or the file that the token is read from. Variables that contain tokens are not passed on; signals are. When the command exits, the daemon stops and revokes tokens as configured. As PID 1 of a container it reaps orphans.

Exit status: that of the command, or 128 plus the number of the signal that ended it; 126 the command cannot be run, 127 it was not found, 75 the tokens are not ready in time or another daemon uses one; otherwise as run.";

/// The interval between two looks at the sessions before the command starts.
const EVERY: Duration = Duration::from_millis(50);

/// The signals that are passed on to the command.
const PASSED_ON: [i32; 7] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH];

/// The variable with the path of the token's file.
const TOKEN_FILE: &str = "SESSION_KEEPALIVE_TOKEN_FILE";

/// The variables of the service manager, which are for the daemon alone.
const OF_THE_DAEMON: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

#[derive(Debug, Args)]
pub(super) struct Exec {
    #[command(flatten)]
    run: Run,
    /// A file to write the token to for the command: FILE or FILE,FORMAT (bare, env, json, gc-profile).
    #[arg(long, value_name = "FILE[,FORMAT]", value_parser = sink)]
    sink: Vec<Sink>,
    /// The time to wait for live tokens before giving up.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    wait: Duration,
    /// The command and its arguments.
    #[arg(required = true, last = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    command: Vec<OsString>,
}

/// Parses the value of `--sink`.
pub(super) fn sink(text: &str) -> Result<Sink, String> {
    let of_word = |word| {
        let mut formats = SinkFormat::ALL.into_iter();
        formats.find(|format| format.as_str() == word)
    };
    let (file, format) = match text.rsplit_once(',') {
        Some((file, word)) if !word.contains('/') => {
            let format = of_word(word);
            let unknown = || "the format is one of bare, env, json and gc-profile".to_owned();
            (file, format.ok_or_else(unknown)?)
        }
        Some(_) | None => (text, SinkFormat::default()),
    };
    let path = Path::new(file);
    if file.ends_with('/') || path.file_name().is_none() {
        return Err("a sink is a file".to_owned());
    }
    let file = std::path::absolute(path).map_err(|error| error.to_string())?;
    Ok(Sink {
        file,
        format,
        mode: 0o600,
        owner: None,
        group: None,
    })
}

pub(super) fn run(exec: &Exec, refused: &[Refused]) -> Exit {
    run::with_runtime(|runtime| {
        let signals = runtime.block_on(async { Signals::new(PASSED_ON) });
        let begun = signals.map_err(failed(Exit::Io)).and_then(|signals| {
            Ok((
                signals,
                run::prepare(&exec.run, load(exec), refused, runtime)?,
            ))
        });
        match begun {
            Ok((signals, (config, setup))) => {
                runtime.block_on(run::cleaned_up(supervise(exec, config, setup, signals)))
            }
            Err(exit) => exit,
        }
    })
}

/// Returns a function that reads the configuration and adds the sinks of the command line.
fn load(exec: &Exec) -> LoadConfig {
    let (load, sinks) = (run::load_again(&exec.run), exec.sink.clone());
    Arc::new(move || {
        let mut config = load()?;
        config
            .add_sinks(&sinks)
            .map_err(config::Errors::of_command_line)?;
        Ok(config)
    })
}

async fn supervise(exec: &Exec, config: Config, setup: Setup, mut signals: Signals) -> Exit {
    let environment = environment(&config);
    let setup = run::with_revocations(setup).await;
    let (mut daemon, queries) = match Daemon::start(config, setup).await {
        Ok(started) => started,
        Err(error) => return run::not_started(&error),
    };
    tokio::select! {
        respected = daemon.respect_other_daemons() => if let Err(error) = respected {
            return run::not_started(&error);
        },
        signal = ending(&mut signals) => {
            let name = signal_name(signal).unwrap_or("a signal");
            log_event(&LogEvent::StoppedBeforeStart { signal: name });
            return of_signal(signal);
        }
    }
    let (stop, stops) = mpsc::channel(1);
    let commands = futures_util::stream::unfold(stops, |mut stops| async {
        stops.recv().await.map(|command| (command, stops))
    });
    let drive = async {
        let exit = drive(exec, environment, &queries, signals).await;
        let command = DaemonCommand::Stop {
            on_shutdown: OnShutdown::Revoke,
            why: "the end of the command",
        };
        // A closed channel means that the daemon has stopped already.
        let _stopping = stop.send(command).await;
        exit
    };
    let (_stopped, exit) = tokio::join!(Box::pin(daemon.run(Box::pin(commands))), drive);
    exit
}

/// Waits for the tokens and runs the command to its end.
async fn drive(
    exec: &Exec,
    environment: Vec<(OsString, OsString)>,
    queries: &QuerySender,
    mut signals: Signals,
) -> Exit {
    tokio::select! {
        ready = until_ready(exec.wait, queries) => if let Err(exit) = ready {
            return exit;
        },
        signal = ending(&mut signals) => return of_signal(signal),
    }
    let (program, arguments) = exec.command.split_first().expect("clap requires a command");
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(environment)
        .kill_on_drop(true);
    let mut program = match Program::start(command).await {
        Ok(program) => program,
        Err(error) => {
            let name = config::quoted(&program.to_string_lossy());
            print_error(&format!(
                "session-keepalive: {name} cannot be run: {error}\n"
            ));
            return Exit::Of(if error.kind() == std::io::ErrorKind::NotFound {
                127
            } else {
                126
            });
        }
    };
    loop {
        tokio::select! {
            status = program.wait() => return of_status(status),
            Some(signal) = signals.next() => if let Some(signal) = Signal::from_named_raw(signal) {
                program.signal_alone(signal);
            },
        }
    }
}

/// Waits until every kept token is proven alive and every sink holds its token.
async fn until_ready(wait: Duration, queries: &QuerySender) -> Result<(), Exit> {
    let began = clock::now();
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        let Some((sums, overview)) = queries.sums(ReadinessSums::default()).await else {
            return Err(Exit::Failure);
        };
        let waiting = overview.counters.sinks_waiting;
        if sums.is_ready(overview.is_stopping) && waiting == 0 {
            return Ok(());
        }
        if clock::now().since(began) >= wait {
            let summary = sums.summary(&overview);
            let sinks = match waiting {
                0 => String::new(),
                _ => format!("; {waiting} sinks are not written"),
            };
            let waited = human_duration(wait);
            print_error(&format!(
                "session-keepalive: the command was not started, since after {waited} the tokens were {summary}{sinks}: \
                 see the log above, or wait longer with --wait\n"
            ));
            return Err(Exit::TryAgain);
        }
    }
}

/// Waits for a signal that ends the process if there is no command yet.
async fn ending(signals: &mut Signals) -> i32 {
    loop {
        match signals.next().await {
            Some(signal @ (SIGINT | SIGQUIT | SIGTERM | SIGHUP)) => return signal,
            Some(_) => {}
            None => std::future::pending().await,
        }
    }
}

fn of_status(status: std::io::Result<ExitStatus>) -> Exit {
    match status.map(|status| (status.code(), status.signal())) {
        Ok((Some(code), _)) => Exit::Of(u8::try_from(code).unwrap_or(u8::MAX)),
        Ok((None, Some(signal))) => of_signal(signal),
        Ok((None, None)) | Err(_) => Exit::Bug,
    }
}

fn of_signal(signal: i32) -> Exit {
    Exit::Of(u8::try_from(128 + signal).unwrap_or(u8::MAX))
}

/// Returns the environment of the command: that of this process without the tokens in it, and the
/// path of the token's file.
fn environment(config: &Config) -> Vec<(OsString, OsString)> {
    let holds_a_secret = |name: &OsString| {
        let mut sessions = config.sessions.values();
        sessions.any(|session| {
            session
                .token
                .variable()
                .is_some_and(|secret| name == secret)
        })
    };
    let is_passed_on = |name: &OsString| {
        !holds_a_secret(name) && name != TOKEN_FILE && !OF_THE_DAEMON.iter().any(|own| name == own)
    };
    let variables = std::env::vars_os().filter(|(name, _)| is_passed_on(name));
    let file = token_file(config).map(|file| (TOKEN_FILE.into(), file.into_os_string()));
    variables.chain(file).collect()
}

/// Returns the file that holds the token, if there is one session and it has a file.
fn token_file(config: &Config) -> Option<PathBuf> {
    let mut sessions = config.sessions.values();
    let session = sessions.next()?;
    if sessions.next().is_some() || !config.pools.is_empty() {
        return None;
    }
    let sink = session.sinks.first().map(|sink| sink.file.clone());
    let source = || std::path::absolute(session.token.file()?).ok();
    sink.or_else(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_is_a_path_and_maybe_a_format() {
        let parsed = |text| sink(text).map(|sink| (sink.file, sink.format));
        assert_eq!(parsed("/run/a"), Ok(("/run/a".into(), SinkFormat::Bare)));
        assert_eq!(
            parsed("/run/a,json"),
            Ok(("/run/a".into(), SinkFormat::Json))
        );
        assert_eq!(
            parsed("/run/a,b/c"),
            Ok(("/run/a,b/c".into(), SinkFormat::Bare))
        );
        assert!(parsed("a").unwrap().0.is_absolute());
        assert!(parsed("/run/a,xml").is_err() && parsed("/run/").is_err());
    }
}
