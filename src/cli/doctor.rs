//! `doctor`: looks at everything that a configuration needs to work, one line a check.
//!
//! It never disturbs a token that is to lapse: that one is only peeked at.

mod check;
mod daemon;
mod host;
mod pool;
mod session;
mod touch;

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use futures_util::stream::{self, StreamExt};

use self::check::{Check, Report};
use super::Settings;
use super::check::complain_of;
use super::exit::{Exit, complain};
use super::operate;
use super::run::runtime;
use super::socket::Socket;
use crate::api::Client;
use crate::config::{self, Config, SessionConfig, SessionName};
use crate::daemon::harden;

pub(super) const HELP: &str = "\
Example: session-keepalive doctor --config /etc/session-keepalive/config.toml

It asks the running daemon as well, where one is, whether it does what this configuration says. Run it as the daemon's user, or as root, or it cannot read the tokens. A token's command is run once. The \
idle timers of kept tokens may be reset by it, those of lapsing ones never.

Exit status: 0 nothing is broken, 1 something is, 70 a bug, 74 no input or output.";

/// So many sessions are looked at at once.
const AT_ONCE: usize = 8;

/// What to look at.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    settings: Settings,
    /// Prove that touches of kept tokens move their idle deadline.
    #[arg(long)]
    touch: bool,
    /// Print one JSON object, for machines.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: Socket,
}

pub(super) fn run(doctor: &Doctor) -> Exit {
    // What the system refuses is no reason not to look.
    let _refused = harden::harden();
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&error);
            return Exit::Io;
        }
    };
    let checks = runtime.block_on(look(doctor));
    // A name that is still being resolved is nothing to wait for.
    runtime.shutdown_background();
    Report(checks).print(doctor.json, operate::VERSION)
}

async fn look(doctor: &Doctor) -> Vec<Check> {
    const NAME: &str = "configuration";
    let place = doctor.settings.config.as_deref();
    let place = place.map_or_else(
        || "flags and variables".to_owned(),
        |path| path.display().to_string(),
    );
    let config = match config::load(doctor.settings.layers()) {
        Ok(loaded) => loaded.config,
        Err(errors) => {
            complain_of(&errors);
            let finding = format!("wrong: {} to mend", errors.len());
            let check = Check::failure(&place, NAME, finding);
            return vec![check.advise("session-keepalive check shows what is wrong")];
        }
    };
    let count = match config.sessions.len() {
        1 => "1 session".to_owned(),
        several => format!("{several} sessions"),
    };
    let found = Check::ok(&place, NAME, format!("right, with {count}"));
    let client = match Client::new(&config.http) {
        Ok(client) => client,
        Err(error) => {
            let why = crate::observe::words::Chain(&error).to_string();
            let check = Check::failure(&place, "http", why);
            return vec![found, check.advise("look at [http] of the configuration")];
        }
    };
    let mut checks = vec![found];
    checks.append(&mut pool::examine(&config));
    let all = pool::with_files(&config);
    checks.append(&mut hosts(&config, &all).await);
    let examined = stream::iter(&all)
        .map(|(name, session)| session::examine(name, session, &client, doctor.touch));
    let mut examined: Vec<_> = examined.buffered(AT_ONCE).collect().await;
    for session in &mut examined {
        checks.append(&mut session.checks);
    }
    checks.append(&mut session::twins(&examined));
    // Last, so that it is compared with what was found.
    let (status, socket) = (&config.status, &doctor.socket);
    checks.append(&mut daemon::examine(status, socket, &all, &examined).await);
    checks
}

async fn hosts(config: &Config, all: &BTreeMap<SessionName, SessionConfig>) -> Vec<Check> {
    let hosts: BTreeSet<_> = all.values().map(|it| it.api.clone()).collect();
    let examined = stream::iter(hosts).map(|api| host::examine(api, &config.http));
    let examined: Vec<_> = examined.buffered(AT_ONCE).collect().await;
    examined.into_iter().flatten().collect()
}
