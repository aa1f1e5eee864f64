//! The command line: parses the arguments and runs one command, each in a file of its own.
//!
//! It must never print an argument that looks like a token: people paste tokens where paths and
//! names belong.
//!
//! *Invariant*: the process is hardened before its arguments are parsed.

mod check;
mod control;
mod demo;
mod doctor;
mod exec;
mod exit;
mod explain;
mod health;
mod help;
mod operate;
mod plan;
mod reload;
mod run;
mod simulate;
mod socket;
mod status;
mod text;
mod timeout;
mod token;
mod user;
mod wait;

use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::error::{ContextKind, ContextValue};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueHint};
use exit::{Exit, Written};

use crate::config::{self, Flags, Layers};
use crate::sys::harden;

/// Keeps Genesys Cloud API tokens alive against their idle timeout, or lets them lapse,
/// and revokes them when it stops.
#[derive(Debug, Parser)]
#[command(
    version,
    long_version = help::LONG_VERSION.as_str(),
    help_template = help::template(&CliCommand::augment_subcommands(clap::Command::new(""))),
    after_help = "Run 'session-keepalive COMMAND --help' for details and examples.\n\nExit status: 0 success, 1 partial failure, 64 usage error, 65 invalid data, 69 service unavailable, 70 internal error, 74 input/output error, 75 temporary failure, 77 permission denied, 78 configuration error."
)]
struct Cli {
    #[command(subcommand)]
    command: CliCommand,
}

#[derive(Debug, Subcommand)]
enum CliCommand {
    /// Show what the daemon does, against a simulator, in about a minute.
    #[command(after_help = demo::HELP)]
    Demo(demo::Demo),
    /// Serve a simulated organisation over HTTP, for testing.
    #[command(after_help = simulate::HELP)]
    Simulate(simulate::Simulate),
    /// Validate the configuration and summarize its effect.
    #[command(after_help = check::HELP)]
    Check(check::CheckArgs),
    /// Predict the request schedule and the longest outage it survives.
    #[command(after_help = plan::HELP)]
    Plan(plan::PlanArgs),
    /// Diagnose the installation and suggest fixes.
    #[command(after_help = doctor::HELP)]
    Doctor(doctor::Doctor),
    /// Run the daemon until a signal stops it.
    #[command(after_help = run::HELP)]
    Run(run::Run),
    /// Run the daemon and, once the tokens are proven alive, a command.
    #[command(after_help = exec::HELP)]
    Exec(exec::Exec),
    /// Show the state of a running daemon's sessions.
    #[command(after_help = status::HELP)]
    Status(status::Status),
    /// Show the history of a session and the cause of its token's death.
    #[command(after_help = explain::HELP)]
    Explain(explain::Explain),
    /// Wait until the tokens are proven alive.
    #[command(after_help = wait::HELP)]
    Wait(wait::Wait),
    /// Report the daemon's health: a probe for images without a shell.
    #[command(after_help = health::HELP)]
    Health(health::Health),
    /// Touch a session's token now.
    #[command(after_help = control::TOUCH_HELP)]
    Touch(control::SessionArgs),
    /// Keep a session's token alive from now on.
    #[command(after_help = control::INTENT_HELP)]
    Keep(control::SessionArgs),
    /// Let a session's token lapse from now on.
    #[command(after_help = control::INTENT_HELP)]
    Lapse(control::SessionArgs),
    /// Reload the configuration of a running daemon.
    #[command(after_help = reload::HELP)]
    Reload(reload::Reload),
    /// Stop a running daemon and wait until it has exited.
    #[command(after_help = control::STOP_HELP)]
    Stop(control::Stop),
    /// Show, touch or revoke a token.
    #[command(
        subcommand,
        after_help = "Example: session-keepalive token show --config /etc/session-keepalive/config.toml --session wallboard"
    )]
    Token(token::TokenCommand),
    /// Show or change the organisation's idle timeout.
    #[command(
        subcommand,
        after_help = "Example: session-keepalive timeout show --config /etc/session-keepalive/config.toml --session wallboard"
    )]
    Timeout(timeout::Timeout),
    /// Revoke all tokens of a user.
    #[command(
        subcommand,
        after_help = "Example: session-keepalive user revoke 8b3a2f0e-6c1d-4b7e-9f25-0d4c1a5e7b90 --region eu-central-1 --token-file /run/secrets/admin-token"
    )]
    User(user::User),
}

/// Where the configuration comes from; flags win over variables, variables over the file.
#[derive(Clone, Debug, Args)]
struct ConfigOptions {
    /// The configuration file; /etc/session-keepalive/config.toml if it exists and no token is named.
    #[arg(
        long,
        value_name = "PATH",
        value_hint = ValueHint::FilePath,
        env = "SESSION_KEEPALIVE_CONFIG",
        hide_env_values = true
    )]
    config: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
}

/// The configuration of the packaged service, which commands find by themselves.
const STANDARD_CONFIG: &str = "/etc/session-keepalive/config.toml";

/// Returns the configuration of the packaged service, if there is one or the system does not say.
fn standard_config() -> Option<&'static Path> {
    let path = Path::new(STANDARD_CONFIG);
    path.try_exists().unwrap_or(true).then_some(path)
}

impl ConfigOptions {
    /// Returns the configuration file: the named one, or that of the packaged service. A command
    /// line or environment that names a token needs no file, and must not take up the tokens of a
    /// service that happens to be installed.
    fn file(&self) -> Option<&Path> {
        let names_token = self.flags.token_file.is_some()
            || self.flags.mint
            || std::env::vars_os().any(|(name, _)| config::names_token(&name));
        let standard = || standard_config().filter(|_| !names_token);
        self.config.as_deref().or_else(standard)
    }

    fn layers(&self) -> Layers<'_> {
        Layers {
            file: self.file(),
            environment: std::env::vars_os().collect(),
            flags: self.flags.clone(),
        }
    }
}

/// Parses a duration with units, such as `30s` or `1h 30m`.
fn duration(text: &str) -> Result<Duration, String> {
    let parsed: jiff::SignedDuration = text
        .parse()
        .map_err(|_| "a duration has units, such as 30s, 15m or 1h 30m".to_owned())?;
    Duration::try_from(parsed).map_err(|_| "a duration is not negative".to_owned())
}

/// Returns the definition of the command line, from which manual pages and completions are made.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Returns the definition for completions, which names the values of arguments that are checked
/// with the rest of the configuration.
#[must_use]
pub fn completed_command() -> clap::Command {
    with_values(command())
}

fn with_values(command: clap::Command) -> clap::Command {
    let subcommands = command.get_subcommands();
    let names: Vec<_> = subcommands
        .map(|command| command.get_name().to_owned())
        .collect();
    let command = names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, with_values)
    });
    command.mut_args(|argument| {
        let values: Vec<_> = match argument.get_id().as_str() {
            "region" => config::REGIONS.iter().map(|region| region.name).collect(),
            "log_level" => config::LogLevel::ALL.map(config::LogLevel::as_str).to_vec(),
            "log_format" => config::LogFormat::ALL
                .map(config::LogFormat::as_str)
                .to_vec(),
            "intent" => ["keep", "lapse"].to_vec(),
            _ => return argument,
        };
        argument.value_parser(PossibleValuesParser::new(values))
    })
}

/// Runs the command line of this process and returns its exit status.
#[must_use]
pub fn main() -> ExitCode {
    // This comes before the arguments are parsed: any command may come to hold a token, and a
    // signal that the parent process blocked would not stop the command.
    let mut refused = harden::harden();
    refused.extend(harden::reset_signals());
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| match Cli::try_parse() {
        Ok(cli) => dispatch(cli.command, &refused),
        Err(error) => {
            let error = without_tokens(error);
            let is_wrong = error.use_stderr();
            if is_wrong && std::env::args_os().any(|argument| argument == "--json") {
                operate::print_usage_error(&error.to_string());
            }
            let printed = error.print();
            if is_wrong {
                // A closed standard error changes nothing about the exit status.
                return Exit::Usage;
            }
            match Written::of(printed) {
                Written::Whole | Written::ReaderGone => Exit::Success,
                Written::Failed => Exit::Io,
            }
        }
    }));
    // The panic hook has already written the panic's message to standard error.
    outcome.unwrap_or(Exit::Bug).into()
}

/// Returns the error without arguments that look like tokens, one of which may have been pasted.
fn without_tokens(mut error: clap::Error) -> clap::Error {
    let suspects: Vec<_> = error
        .context()
        .filter_map(|(kind, value)| {
            if let ContextValue::String(word) = value {
                Some((kind, config::clean(word)))
            } else {
                None
            }
        })
        .collect();
    for (kind, cleaned) in suspects {
        if let Some(ContextValue::String(word)) =
            error.insert(kind, ContextValue::String(cleaned.clone()))
            && word != cleaned
        {
            // The suggestion would repeat the argument.
            error.remove(ContextKind::Suggested);
        }
    }
    error
}

/// A protection of the process that the system refused, and the reason.
type Refused = (&'static str, std::io::Error);

fn dispatch(command: CliCommand, refused: &[Refused]) -> Exit {
    match command {
        CliCommand::Run(run) => run::run(&run, refused),
        CliCommand::Exec(exec) => exec::run(&exec, refused),
        CliCommand::Check(check) => check::run(&check),
        CliCommand::Plan(plan) => plan::run(&plan),
        CliCommand::Doctor(doctor) => doctor::run(&doctor),
        CliCommand::Touch(options) => control::send_to_session("touch", &options),
        CliCommand::Keep(options) => control::send_to_session("keep", &options),
        CliCommand::Lapse(options) => control::send_to_session("lapse", &options),
        CliCommand::Stop(stop) => control::stop(&stop),
        CliCommand::Reload(reload) => reload::run(&reload),
        CliCommand::Token(token) => token::run(&token),
        CliCommand::Timeout(timeout) => timeout::run(&timeout),
        CliCommand::User(user) => user::run(&user),
        CliCommand::Status(status) => status::run(&status),
        CliCommand::Explain(explain) => explain::run(&explain),
        CliCommand::Wait(wait) => wait::run(&wait),
        CliCommand::Health(health) => health::run(&health),
        CliCommand::Demo(demo) => demo::run(&demo),
        CliCommand::Simulate(simulate) => simulate::run(&simulate),
    }
}
