//! `run`: starts the daemon and runs it until a signal stops it.
//!
//! *Invariant*: signals are handled from before the configuration is read, so that a reload that
//! is requested during the start does not end the process.

use std::io::IsTerminal as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use futures_util::{Stream, StreamExt as _, stream};
use rustix::process::Signal;
use tokio::runtime::Runtime;

use super::check::print_config_errors;
use super::exit::{Exit, failed};
use super::{ConfigOptions, Refused};
use crate::config::{self, Config, PoolConfig};
use crate::daemon::systemd::Systemd;
use crate::daemon::{
    Daemon, DaemonCommand, DaemonIdentity, LoadConfig, OtherDaemonPolicy, Revocations, Setup,
    SocketPlaces, StartError, signals,
};
use crate::keeper::OnShutdown;
use crate::log::{LogEnvironment, LogEvent, log_event};
use crate::sys::files::{CONFIG_LIMIT, NoAnswer};
use crate::sys::{clock, files, orphans};

pub(super) const HELP: &str = "\
Examples:
  session-keepalive run      uses /etc/session-keepalive/config.toml
  session-keepalive run --config config.toml
  session-keepalive run --region eu-central-1 --token-file /run/secrets/token

Signals: TERM and INT stop the daemon and revoke tokens as configured; a second one exits at once. QUIT stops the daemon without revoking. HUP reloads the configuration.

Exit status: 0 stopped, 1 a revocation failed, 74 cannot listen on an address, 75 another daemon uses a token that one of the two would revoke, 78 configuration error.";

/// The time limit, at the end, for ending processes that hooks and token commands left
/// behind.
const CLEANUP_LIMIT: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    settings: ConfigOptions,
    /// Obtain tokens for a session called "default" with the OAuth client in
    /// GENESYSCLOUD_OAUTHCLIENT_ID, GENESYSCLOUD_OAUTHCLIENT_SECRET and GENESYSCLOUD_REGION,
    /// or without a client use the token in GENESYSCLOUD_ACCESS_TOKEN.
    #[arg(long, conflicts_with = "token_file")]
    #[expect(clippy::doc_markdown, reason = "the text is for a terminal")]
    mint: bool,
    /// Start although another daemon uses the same tokens, and never revoke any.
    #[arg(long)]
    force: bool,
}

/// The configuration could not be read in time.
#[derive(Debug, thiserror::Error)]
#[error("reading the configuration takes longer than {}s", CONFIG_LIMIT.as_secs())]
struct NotLoaded(#[source] NoAnswer);

pub(super) fn run(run: &Run, refused: &[Refused]) -> Exit {
    with_runtime(|runtime| begin(run, refused, runtime).unwrap_or_else(|exit| exit))
}

/// Starts and runs the daemon; the error is the exit status of a failure that is printed already.
fn begin(run: &Run, refused: &[Refused], runtime: &Runtime) -> Result<Exit, Exit> {
    // Signals come first, before anything that takes time: the default action of SIGHUP would end
    // the process.
    let commands = runtime.block_on(async { signals::commands() });
    let commands = commands.map_err(failed(Exit::Io))?;
    let (config, setup) = prepare(run, load_again(run), refused, runtime)?;
    Ok(runtime.block_on(cleaned_up(async {
        let setup = with_revocations(setup).await;
        Box::pin(serve(config, setup, commands)).await
    })))
}

/// Reads the configuration, begins the log and makes this process the parent of orphans; the error
/// is the exit status of a failure that is printed already.
pub(super) fn prepare(
    run: &Run,
    load: LoadConfig,
    refused: &[Refused],
    runtime: &Runtime,
) -> Result<(Config, Setup), Exit> {
    let first = Arc::clone(&load);
    let loaded = files::run_blocking(CONFIG_LIMIT, move || first())
        .map_err(NotLoaded)
        .map_err(failed(Exit::Config))?;
    let config = loaded.map_err(|errors| print_config_errors(&errors))?;
    let log_environment = LogEnvironment::of_stderr(|name| std::env::var_os(name));
    let log =
        crate::log::install(config.log, log_environment, clock::wall).map_err(failed(Exit::Bug))?;
    for (measure, error) in refused {
        tracing::debug!(measure, %error, "the system refused a protection of this process");
    }
    let setup = Setup {
        load,
        log: Some(log),
        seed: fastrand::u64(..),
        clock: clock::read,
        systemd: Systemd::of(|name| std::env::var_os(name)),
        places: SocketPlaces::of(|name| std::env::var_os(name)),
        revocations: Revocations::default(),
        other_daemons: other_daemon_policy(run),
    };
    // This comes before the daemon, which starts programs. Without it their orphans become children
    // of an ancestor process, and the daemon cannot end them.
    runtime.spawn(orphans::adopt());
    Ok((config, setup))
}

/// Reads the tokens that earlier processes revoked.
pub(super) async fn with_revocations(setup: Setup) -> Setup {
    let directory = state_directory().or_else(|| {
        let is_attended = std::io::stderr().is_terminal();
        is_attended.then(own_state_directory).flatten()
    });
    let revocations = Revocations::read(directory).await;
    Setup {
        revocations,
        ..setup
    }
}

/// Waits for the result, then ends the processes that hooks and token commands left behind.
pub(super) async fn cleaned_up(served: impl Future<Output = Exit>) -> Exit {
    let exit = served.await;
    orphans::signal_left_behind(None, None, Signal::KILL, CLEANUP_LIMIT).await;
    exit
}

fn other_daemon_policy(run: &Run) -> OtherDaemonPolicy {
    let config = run.settings.file();
    let identity = DaemonIdentity {
        config: config.and_then(|path| std::path::absolute(path).ok()),
        unit: std::fs::read_to_string("/proc/self/cgroup")
            .ok()
            .and_then(|groups| unit(&groups)),
    };
    if run.force {
        OtherDaemonPolicy::Forced(identity)
    } else {
        OtherDaemonPolicy::Respected(identity)
    }
}

/// Returns the systemd service of the process, from the text of `/proc/PID/cgroup`.
fn unit(groups: &str) -> Option<String> {
    let mut names = groups.lines().filter_map(|line| line.rsplit('/').next());
    let is_service =
        |name: &&str| name.ends_with(".service") && name.starts_with("session-keepalive");
    names.find(is_service).map(str::to_owned)
}

/// Returns the service's state directory, whose files outlive it, if systemd provides one.
fn state_directory() -> Option<PathBuf> {
    let directories = std::env::var_os("STATE_DIRECTORY")?;
    // The variable holds several directories, separated by colons, if the unit has several.
    let first = PathBuf::from(directories.to_str()?.split(':').next()?);
    first.is_absolute().then_some(first)
}

/// Returns the directory in which this user's programs keep their state, created if necessary.
/// `None` if there is no place for it.
fn own_state_directory() -> Option<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    let directory = state.join("session-keepalive");
    let create = {
        let directory = directory.clone();
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        move || builder.create(directory)
    };
    files::run_blocking(CONFIG_LIMIT, create).ok()?.ok()?;
    Some(directory)
}

async fn serve(
    config: Config,
    setup: Setup,
    mut commands: impl Stream<Item = DaemonCommand> + Unpin,
) -> Exit {
    let attended = std::io::stderr().is_terminal().then(|| ctrl_c(&config));
    let mut daemon = match Daemon::start(config, setup).await {
        Ok((daemon, _queries)) => daemon,
        Err(error) => return not_started(&error),
    };
    let mut is_to_reload = false;
    let is_respected = {
        let mut respecting = std::pin::pin!(daemon.respect_other_daemons());
        loop {
            tokio::select! {
                result = &mut respecting => break result,
                Some(command) = commands.next() => match command {
                    DaemonCommand::Stop { why: signal, .. } => {
                        log_event(&LogEvent::StoppedBeforeStart { signal });
                        return Exit::Success;
                    }
                    DaemonCommand::Reload => is_to_reload = true,
                },
            }
        }
    };
    if let Err(error) = is_respected {
        return not_started(&error);
    }
    if let Some(ctrl_c) = attended {
        log_event(&ctrl_c);
    }
    let reload = is_to_reload.then_some(DaemonCommand::Reload);
    let commands = stream::iter(reload).chain(commands);
    match daemon.run(commands).await.not_revoked {
        0 => Exit::Success,
        _ => Exit::Failure,
    }
}

/// Returns the announcement of what Ctrl-C does to the tokens.
fn ctrl_c(config: &Config) -> LogEvent<'static> {
    let pools = config.pools.values().map(PoolConfig::template);
    let sessions = config.sessions.values().chain(pools);
    let (revoked, left): (Vec<_>, Vec<_>) =
        sessions.partition(|session| session.policy.on_shutdown == OnShutdown::Revoke);
    LogEvent::CtrlC {
        revokes: !revoked.is_empty(),
        leaves: !left.is_empty(),
    }
}

pub(super) fn not_started(error: &StartError) -> Exit {
    log_event(&LogEvent::NotStarted(error));
    match error {
        StartError::Client(_)
        | StartError::Certificates { .. }
        | StartError::SharedToken { .. } => Exit::Config,
        StartError::Timer(_) | StartError::Endpoints(_) | StartError::Socket { .. } => Exit::Io,
        // The start may succeed later, when the other daemon has ended.
        StartError::HeldElsewhere(_) => Exit::TryAgain,
    }
}

/// The number of host names that are resolved concurrently, so that a slow one delays no other.
const RESOLVERS_MAX: usize = 8;

/// Builds a runtime of one thread, with short-lived threads for name resolution.
pub(super) fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(RESOLVERS_MAX)
        .thread_keep_alive(Duration::from_secs(1))
        .build()
}

/// Runs a command that makes requests to its end; returns [`Exit::Io`] if there is no runtime.
pub(super) fn block_on(command: impl Future<Output = Exit>) -> Exit {
    with_runtime(|runtime| runtime.block_on(command))
}

pub(super) fn with_runtime(command: impl FnOnce(&Runtime) -> Exit) -> Exit {
    let run = |runtime: Runtime| {
        let exit = command(&runtime);
        // The resolver's threads cannot be cancelled, and a name that is still being looked up
        // would delay the exit.
        runtime.shutdown_background();
        exit
    };
    runtime().map_or_else(failed(Exit::Io), run)
}

/// Returns a function that reads the same layers again. It reads the variables each time, since
/// one of them may hold a token that should not be copied and kept.
pub(super) fn load_again(run: &Run) -> LoadConfig {
    let (mut settings, force) = (run.settings.clone(), run.force);
    settings.flags.mint = run.mint;
    Arc::new(move || {
        let mut config = config::load(settings.layers())?.config;
        if force {
            config.leave_every_token();
        }
        Ok(config)
    })
}
