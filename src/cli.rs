//! The command line: one file for each command, and the exit statuses.

mod check;
mod demo;
mod doctor;
mod exit;
mod explain;
mod groups;
mod health;
mod operate;
mod orders;
mod parse;
mod plan;
mod reload;
mod run;
mod seen;
mod simulate;
mod socket;
mod status;
mod timeout;
mod token;
mod user;
mod wait;
mod width;

use std::ffi::OsString;
use std::panic;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueHint};

use crate::config::{Flags, Layers};
use exit::Exit;

/// Keeps Genesys Cloud API tokens alive against their idle timeout, or lets them lapse,
/// and revokes them when it stops.
#[derive(Debug, Parser)]
#[command(
    version,
    help_template = groups::template(&Command::augment_subcommands(clap::Command::new(""))),
    after_help = "session-keepalive COMMAND --help says more of each, with examples.\n\nExit status: 0 success, 1 not all went as it should, 64 wrong usage, 65 wrong data, 69 nobody there, 70 a bug, 74 no input or output, 75 try again, 77 not permitted, 78 wrong configuration."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what the daemon does, against a simulator, in about a minute.
    #[command(after_help = demo::HELP)]
    Demo(demo::Demo),
    /// Serve a simulated organisation over HTTP, to try things against.
    #[command(after_help = simulate::HELP)]
    Simulate(simulate::Simulate),
    /// Check the configuration and say what it means.
    #[command(after_help = check::HELP)]
    Check(Settings),
    /// Foretell when touches come and what an outage may last.
    #[command(after_help = plan::HELP)]
    Plan(plan::Plan),
    /// Look at everything that has to work, and say what to do.
    #[command(after_help = doctor::HELP)]
    Doctor(doctor::Doctor),
    /// Run the daemon until a signal stops it.
    #[command(after_help = run::HELP)]
    Run(Settings),
    /// Show how the sessions of a running daemon do.
    #[command(after_help = status::HELP)]
    Status(status::Status),
    /// Tell what a session went through, and why its token died.
    #[command(after_help = explain::HELP)]
    Explain(explain::Explain),
    /// Wait until the tokens are proven alive.
    #[command(after_help = wait::HELP)]
    Wait(wait::Wait),
    /// Say whether the daemon is well: a probe for images without a shell.
    #[command(after_help = health::HELP)]
    Health(health::Health),
    /// Have a running daemon touch a token now.
    #[command(after_help = orders::TOUCH_HELP)]
    Touch(orders::OfSession),
    /// Have a running daemon keep a token alive from here on.
    #[command(after_help = orders::INTENT_HELP)]
    Keep(orders::OfSession),
    /// Have a running daemon let a token lapse from here on.
    #[command(after_help = orders::INTENT_HELP)]
    Lapse(orders::OfSession),
    /// Tell a running daemon to read its configuration again.
    #[command(after_help = reload::HELP)]
    Reload(reload::Reload),
    /// Stop a running daemon, and return when it has gone.
    #[command(after_help = orders::STOP_HELP)]
    Stop(orders::Stop),
    /// Look at a token, touch it or revoke it.
    #[command(
        subcommand,
        after_help = "Example: session-keepalive token show --config /etc/session-keepalive/config.toml --session wallboard"
    )]
    Token(token::Token),
    /// Look at the organisation's idle timeout, or change it.
    #[command(
        subcommand,
        after_help = "Example: session-keepalive timeout show --config /etc/session-keepalive/config.toml --session wallboard"
    )]
    Timeout(timeout::Timeout),
    /// End every token of a user.
    #[command(
        subcommand,
        after_help = "Example: session-keepalive user revoke 8b3a2f0e-6c1d-4b7e-9f25-0d4c1a5e7b90 --region eu-central-1 --token-file /run/secrets/admin-token"
    )]
    User(user::User),
}

/// Where the configuration comes from; flags win over variables, variables over the file.
#[derive(Clone, Debug, Args)]
struct Settings {
    /// The configuration file.
    #[arg(
        long,
        value_name = "PATH",
        value_hint = ValueHint::FilePath,
        env = "SESSION_KEEPALIVE_CONFIG",
        hide_env_values = true
    )]
    config: Option<std::path::PathBuf>,
    /// The region of the organisation, such as eu-central-1.
    #[arg(long, value_name = "REGION")]
    region: Option<OsString>,
    /// The API instead of a region, such as <https://api.mypurecloud.de>.
    #[arg(long, value_name = "URL")]
    api: Option<OsString>,
    /// A file that holds a token: makes a session called "default" without a configuration file.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    token_file: Option<OsString>,
    /// What sessions are to get unless they say otherwise: keep or lapse.
    #[arg(long, value_name = "INTENT")]
    intent: Option<OsString>,
    /// How long revocations may take when the daemon stops, such as 10s.
    #[arg(long, value_name = "DURATION")]
    grace: Option<OsString>,
    /// What is logged: error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<OsString>,
    /// How it is logged: auto, plain, json or journald.
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<OsString>,
    /// Where to answer /livez, /readyz, /metrics, /status and a page: a port of 127.0.0.1, or an address.
    #[arg(long, value_name = "ADDRESS")]
    status_listen: Option<OsString>,
    /// The same on a Unix socket: auto, off or a path.
    #[arg(long, value_name = "PATH")]
    status_socket: Option<OsString>,
}

impl Settings {
    fn layers(&self) -> Layers<'_> {
        Layers {
            file: self.config.as_deref(),
            environment: std::env::vars_os().collect(),
            flags: Flags {
                region: self.region.clone(),
                api: self.api.clone(),
                token_file: self.token_file.clone(),
                intent: self.intent.clone(),
                log_level: self.log_level.clone(),
                log_format: self.log_format.clone(),
                grace: self.grace.clone(),
                status_listen: self.status_listen.clone(),
                status_socket: self.status_socket.clone(),
            },
        }
    }
}

/// The definition of the command line: what manual pages and completions are written from.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let outcome = panic::catch_unwind(|| match Cli::try_parse() {
        Ok(cli) => dispatch(cli.command),
        Err(error) => {
            let error = parse::without_tokens(error);
            let is_wrong = error.use_stderr();
            if is_wrong && std::env::args_os().any(|word| word == "--json") {
                operate::print_usage_error(&error.to_string());
            }
            // Nobody may be there to read it.
            let _unread = error.print();
            if is_wrong { Exit::Usage } else { Exit::Success }
        }
    });
    // The panic's message is on standard error already.
    outcome.unwrap_or(Exit::Bug).into()
}

fn dispatch(command: Command) -> Exit {
    match command {
        Command::Run(settings) => run::run(&settings),
        Command::Check(settings) => check::run(&settings),
        Command::Plan(plan) => plan::run(&plan),
        Command::Doctor(doctor) => doctor::run(&doctor),
        Command::Touch(order) => orders::of_session("touch", &order),
        Command::Keep(order) => orders::of_session("keep", &order),
        Command::Lapse(order) => orders::of_session("lapse", &order),
        Command::Stop(stop) => orders::stop(&stop),
        Command::Reload(reload) => reload::run(&reload),
        Command::Token(token) => token::run(&token),
        Command::Timeout(timeout) => timeout::run(&timeout),
        Command::User(user) => user::run(&user),
        Command::Status(status) => status::run(&status),
        Command::Explain(explain) => explain::run(&explain),
        Command::Wait(wait) => wait::run(&wait),
        Command::Health(health) => health::run(&health),
        Command::Demo(demo) => demo::run(&demo),
        Command::Simulate(simulate) => simulate::run(&simulate),
    }
}
