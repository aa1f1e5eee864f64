//! `check`: describes a valid configuration with the flaws of its plan, or lists the errors of an
//! invalid one. The verdict comes last.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use clap::Args;

use super::exit::{Exit, failed, print, print_error};
use super::run::runtime;
use super::text::{TextStyle, is_coloured, wrap};
use super::{ConfigOptions, plan};
use crate::api::BuildError;
use crate::config::{self, Config, PoolConfig, SessionName, clean};
use crate::daemon::{StartError, client};
use crate::status::phrases::{Chain, counted};
use crate::sys::files::OpenError;
use crate::token::{Listing, Source};

pub(super) const HELP: &str = "Example: session-keepalive check\n\nWithout --config, /etc/session-keepalive/config.toml is read. Settings that cannot work or leave little margin (see plan) and missing programs are listed at the end; the last line is the verdict.\n\nExit status: 0 the configuration is valid, 78 it is invalid.";

/// The configuration, and what to print of it.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Print only the names of the sessions, one a line, with those of the files in pools.
    #[arg(long)]
    names: bool,
    #[command(flatten)]
    settings: ConfigOptions,
}

/// Returns the names of the sessions, and of the files of pools that can be listed.
fn names(config: &Config) -> BTreeSet<SessionName> {
    let listings = config.pools.values().map(PoolConfig::token_dir);
    let files = listings.filter_map(|directory| Listing::of(directory).ok());
    let files = files.flat_map(|listing| listing.names);
    let files = files.filter_map(|name| SessionName::new(&name).ok());
    files.chain(config.sessions.keys().cloned()).collect()
}

pub(super) fn run(check: &CheckArgs) -> Exit {
    let settings = &check.settings;
    let place = settings.file().map_or_else(
        || "flags and variables".to_owned(),
        |path| path.display().to_string(),
    );
    let wrong = |errors: &config::Errors| {
        let exit = print_config_errors(errors);
        let count = counted(errors.len(), "error");
        print_error(&format!("\nwrong: {count} in {}\n", clean(&place)));
        exit
    };
    let loaded = match config::load(settings.layers()) {
        Ok(loaded) => loaded,
        Err(errors) => return wrong(&errors),
    };
    if check.names {
        let names = names(&loaded.config);
        let names = names.iter().flat_map(|name| [name.as_str(), "\n"]);
        return print(&names.collect::<String>());
    }
    let config = &loaded.config;
    let style = TextStyle::of(&std::io::stdout());
    let mut warnings = plan::warnings(&loaded, style);
    let programs = missing_programs(config);
    warnings.extend(programs.map(|warning| wrap("", &warning, 2, style.width)));
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return failed(Exit::Io)(error),
    };
    if let Err(error) = runtime.block_on(client(&config.http)) {
        let reason = Chain(&error).to_string();
        if !is_hidden_from_this_user(&error) {
            return wrong(&loaded.unusable_authorities(&reason));
        }
        let warning = format!("cannot be checked by this user: {reason}");
        warnings.push(wrap("", &warning, 2, style.width));
    }
    let verdict = verdict(config, &place, warnings.len());
    let warnings = warnings.iter().flat_map(|warning| ["\n", warning]);
    print(&(loaded.describe() + &warnings.collect::<String>() + "\n" + &verdict + "\n"))
}

/// Returns true if the daemon's user may see more of the certificate authorities than this one.
fn is_hidden_from_this_user(error: &StartError) -> bool {
    let StartError::Client(BuildError::CaFileUnreadable { source, .. }) = error else {
        return false;
    };
    matches!(
        source.downcast_ref(),
        Some(OpenError::Failed(error)) if error.kind() == ErrorKind::PermissionDenied
    )
}

/// Prints the errors of a configuration to standard error, each on lines of its own; returns
/// [`Exit::Config`].
pub(super) fn print_config_errors(errors: &config::Errors) -> Exit {
    let text = errors.render(is_coloured(&std::io::stderr()));
    print_error(&format!("{}\n", text.trim_end()));
    Exit::Config
}

fn verdict(config: &Config, place: &str, warnings: usize) -> String {
    let sessions = (!config.sessions.is_empty()).then(|| counted(config.sessions.len(), "session"));
    let pools = (!config.pools.is_empty()).then(|| counted(config.pools.len(), "pool"));
    let parts: Vec<_> = sessions.into_iter().chain(pools).collect();
    let but = match warnings {
        0 => String::new(),
        _ => format!("; {} above", counted(warnings, "warning")),
    };
    format!("right: {} in {}{but}", parts.join(" and "), clean(place))
}

/// Returns a warning for each program of a hook or a token that cannot be run.
fn missing_programs(config: &Config) -> impl Iterator<Item = String> {
    let hooks = config
        .hooks
        .iter()
        .filter_map(|(name, hook)| Some((format!("hooks.{name}"), hook.command.words().first()?)));
    let commands = config.sessions.iter().filter_map(|(name, session)| {
        let Source::Command(words) = &session.token else {
            return None;
        };
        Some((format!("sessions.{name}"), words.first()?))
    });
    hooks.chain(commands).filter_map(|(key, program)| {
        let problem = problem(Path::new(program))?;
        Some(format!("cannot work: {key}: {} {problem}", clean(program)))
    })
}

/// Returns the reason for which a program cannot be run, as far as this user can see.
fn problem(program: &Path) -> Option<&'static str> {
    match std::fs::metadata(program) {
        Ok(file) if !file.is_file() => Some("is not a program"),
        Ok(file) if file.permissions().mode() & 0o111 == 0 => Some("is not executable"),
        Err(error) if error.kind() == ErrorKind::NotFound => Some("does not exist"),
        // The daemon's user may see more than this one.
        Ok(_) | Err(_) => None,
    }
}
