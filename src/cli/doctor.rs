//! `doctor`: checks everything that a configuration needs to work, and prints one line per check.
//!
//! It must never reset the idle timer of a token that is to lapse: such a token is only peeked at.

mod check;
mod daemon;
mod exposed;
mod host;
mod service;
mod session;
mod user;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::Args;
use futures_util::stream::{self, StreamExt};

use self::check::{Check, DoctorReport};
use self::service::{CredentialRefresh, ServiceUser};
use self::session::{Examined, Proofs};
use super::check::print_config_errors;
use super::exit::Exit;
use super::run::block_on;
use super::socket::SocketOptions;
use super::{ConfigOptions, STANDARD_CONFIG, operate};
use crate::api::Client;
use crate::config::{self, Config, PoolConfig, SessionConfig, SessionName};
use crate::token::Source;

pub(super) const HELP: &str = "\
Example: session-keepalive doctor

doctor also asks a running daemon whether it uses this configuration. Run it as the daemon's user or as root; otherwise it cannot read the tokens. As root, it switches to the user of the daemon, of session-keepalive.service or of the token files, and reads the credentials of the running service. Each token command is run once. The idle timers of kept tokens may be reset, those of lapsing tokens never.

Exit status: 0 no failure found, 1 a failure found, 70 internal error, 74 input/output error.";

/// The packaged service.
const STANDARD_UNIT: &str = "session-keepalive.service";

/// The number of sessions, or hosts, that are checked concurrently.
const CONCURRENT_MAX: usize = 8;

/// The options of `doctor`.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    settings: ConfigOptions,
    #[command(flatten)]
    proofs: Proofs,
    /// As root, read tokens and run token commands as root, even those of other users.
    #[arg(long)]
    as_root: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketOptions,
}

pub(super) fn run(doctor: &Doctor) -> Exit {
    block_on(async {
        let checks = run_checks(doctor).await;
        DoctorReport(checks).print(doctor.json, operate::VERSION)
    })
}

async fn run_checks(doctor: &Doctor) -> Vec<Check> {
    const NAME: &str = "configuration";
    let place = doctor.settings.file();
    let place = place.map_or_else(
        || "flags and variables".to_owned(),
        |path| path.display().to_string(),
    );
    let config = match config::load(doctor.settings.layers()) {
        Ok(loaded) => loaded.config,
        Err(errors) => {
            print_config_errors(&errors);
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
            let why = crate::status::phrases::Chain(&error).to_string();
            let check = Check::failure(&place, "http", why);
            return vec![found, check.advise("check [http] of the configuration")];
        }
    };
    let mut checks = vec![found];
    let socket = daemon::socket(&config.status, &doctor.socket);
    // Only the packaged service is known to read a configuration: another may belong to anybody.
    let unit =
        (doctor.settings.file() == Some(Path::new(STANDARD_CONFIG))).then_some(STANDARD_UNIT);
    let refresh = credential_refresh(&config, socket.as_ref(), unit).await;
    let became = user::become_owner(socket.as_ref(), &config, unit, doctor.as_root);
    let commands = match became.await {
        Ok((mut user_checks, commands)) => {
            checks.append(&mut user_checks);
            commands
        }
        Err(refused) => {
            checks.push(refused);
            return checks;
        }
    };
    checks.extend(refresh);
    checks.extend(config.pools.iter().map(pool));
    let all = sessions_with_files(&config);
    let file = doctor.settings.file();
    checks.append(&mut exposed::examine(file, &config, &all));
    let of_hosts = hosts(&config, &all).await;
    let examined = stream::iter(&all)
        .map(|(name, session)| session::examine(name, session, &client, commands, doctor.proofs));
    let mut examined: Vec<_> = examined.buffered(CONCURRENT_MAX).collect().await;
    checks.extend(redact_tokens(of_hosts, &examined));
    for session in &mut examined {
        checks.append(&mut session.checks);
    }
    checks.append(&mut session::duplicate_tokens(&examined));
    // The daemon comes last, since its report is compared with the tokens that were read above.
    checks.append(&mut daemon::examine(socket.as_ref(), &all, &examined).await);
    checks
}

/// Removes the tokens of the sessions from the checks of the hosts: a server that received a token
/// may repeat it, even in a certificate.
fn redact_tokens(mut of_hosts: Vec<Check>, examined: &[Examined]) -> Vec<Check> {
    let redactors = examined
        .iter()
        .filter_map(|session| session.redactor.as_ref());
    for redactor in redactors {
        for check in &mut of_hosts {
            check.redact(redactor);
        }
    }
    of_hosts
}

/// Checks how the unit takes on changed credentials, if a session has one: that of the running daemon,
/// or else `unit`.
async fn credential_refresh(
    config: &Config,
    socket: Option<&SocketOptions>,
    unit: Option<&str>,
) -> Option<Check> {
    let is_credential = |source: &Source| matches!(source, Source::Credential(_));
    let has_credential = config.sessions.values().any(|session| {
        let secret = session.token.mint().and_then(|mint| mint.client.secret());
        is_credential(&session.token) || secret.is_some_and(is_credential)
    });
    if !has_credential {
        return None;
    }
    let daemon = match socket {
        Some(socket) => socket.peer().await,
        None => None,
    };
    let running = daemon.and_then(|(uid, gid, pid)| ServiceUser::of_process(uid, gid, pid).unit);
    let unit = running.or(unit.map(str::to_owned))?;
    let refresh = CredentialRefresh::of_unit(&unit).await?;
    Some(refresh.check(&unit))
}

async fn hosts(config: &Config, all: &BTreeMap<SessionName, SessionConfig>) -> Vec<Check> {
    let hosts: BTreeSet<_> = all.values().map(|session| session.api.clone()).collect();
    let examined = stream::iter(hosts).map(|api| host::examine(api, &config.http));
    let examined: Vec<_> = examined.buffered(CONCURRENT_MAX).collect().await;
    examined.into_iter().flatten().collect()
}

/// Returns the configured sessions and one for each file that a pool's directory holds.
fn sessions_with_files(config: &Config) -> BTreeMap<SessionName, SessionConfig> {
    let mut sessions = crate::daemon::sessions_now(config);
    // `sessions_now` returns a pool without files as one session of the pool's name.
    sessions.retain(|name, session| {
        let is_pool = config.pools.contains_key(name) && !config.sessions.contains_key(name);
        let is_missing = matches!(&session.token, Source::File(path) if !path.exists());
        !(is_pool && is_missing)
    });
    sessions
}

/// Checks a pool: its directory must be listable.
fn pool((name, pool): (&SessionName, &PoolConfig)) -> Check {
    const NAME: &str = "directory";
    let directory = pool.token_dir();
    let shown = directory.display();
    match std::fs::read_dir(directory) {
        Ok(_) => Check::ok(name.as_str(), NAME, format!("{shown} can be listed")),
        Err(error) => Check::failure(name.as_str(), NAME, format!("{shown}: {error}"))
            .advise("the daemon waits for it: check whether it is mounted, or mend token_dir"),
    }
}
