//! `run`: the daemon.

use futures_util::Stream;
use tokio::runtime::Runtime;

use super::Settings;
use super::check::complain_of;
use super::exit::{Exit, complain};
use crate::config::{self, Config};
use crate::daemon::systemd::Systemd;
use crate::daemon::{Daemon, Load, Order, Places, Setup, StartError, clock, harden, signals};
use crate::observe::{self, Notice, Surroundings, tell_notice};

pub(super) const HELP: &str = "\
Examples:
  session-keepalive run --config /etc/session-keepalive/config.toml
  session-keepalive run --region eu-central-1 --token-file /run/secrets/token

Signals: TERM and INT stop and revoke as configured, a second one ends at once; \
QUIT stops and leaves every token; HUP reads the configuration again.

Exit status: 0 stopped, 1 something that was to be revoked was not, 74 no place to listen, 78 wrong configuration.";

pub(super) fn run(settings: &Settings) -> Exit {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&error);
            return Exit::Io;
        }
    };
    let exit = begin(settings, &runtime);
    // A name that is still being resolved is nothing to wait for.
    runtime.shutdown_background();
    exit
}

fn begin(settings: &Settings, runtime: &Runtime) -> Exit {
    // Before anything that takes time: a reload that is asked for meanwhile ends nobody.
    let orders = match runtime.block_on(async { signals::orders() }) {
        Ok(orders) => orders,
        Err(error) => {
            complain(&error);
            return Exit::Io;
        }
    };
    let mut load = load_again(settings);
    let config = match load() {
        Ok(config) => config,
        Err(errors) => {
            complain_of(&errors);
            return Exit::Config;
        }
    };
    let refused = harden::harden();
    let surroundings = Surroundings::of_stderr(|name| std::env::var_os(name));
    let log = match observe::install(config.log, surroundings, clock::wall) {
        Ok(log) => log,
        Err(error) => {
            complain(&error);
            return Exit::Bug;
        }
    };
    for (measure, errno) in refused {
        tracing::debug!(measure, %errno, "the system refused a protection of this process's memory");
    }
    let setup = Setup {
        load,
        log: Some(log),
        seed: fastrand::u64(..),
        clock: clock::read,
        systemd: Systemd::of(|name| std::env::var_os(name)),
        places: Places::of(|name| std::env::var_os(name)),
    };
    runtime.block_on(serve(config, setup, orders))
}

async fn serve(config: Config, setup: Setup, orders: impl Stream<Item = Order> + Unpin) -> Exit {
    match Daemon::start(config, setup) {
        Ok((daemon, _looks)) => match daemon.run(orders).await.not_revoked {
            0 => Exit::Success,
            _ => Exit::Failure,
        },
        Err(error) => {
            tell_notice(&Notice::NotStarted(&error));
            match error {
                StartError::Client(_) | StartError::SharedToken { .. } => Exit::Config,
                StartError::Timer(_) | StartError::Endpoints(_) => Exit::Io,
            }
        }
    }
}

/// How many host names may be resolved at once: one that takes long holds up no other.
const RESOLVERS_MAX: usize = 8;

/// One thread, and others that come for name resolution and go.
pub(super) fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(RESOLVERS_MAX)
        .thread_keep_alive(std::time::Duration::from_secs(1))
        .build()
}

/// Waits for a command that asks something; that there is no runtime is its end.
pub(super) fn block_on(command: impl Future<Output = Exit>) -> Exit {
    match runtime() {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => {
            complain(&error);
            Exit::Io
        }
    }
}

/// Reads the same layers again. The variables are asked for anew and not kept, since one of
/// them may hold a token.
fn load_again(settings: &Settings) -> Load {
    let settings = settings.clone();
    Box::new(move || config::load(settings.layers()).map(|loaded| loaded.config))
}
