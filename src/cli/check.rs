//! `check`: describes a valid configuration with the flaws of its plan, or lists the errors of an
//! invalid one.

use super::exit::{Exit, print, print_error};
use super::text::{TextStyle, is_coloured};
use super::{ConfigOptions, plan};
use crate::config;

pub(super) const HELP: &str = "Example: session-keepalive check --config /etc/session-keepalive/config.toml\n\nWhat cannot work or is weak, as plan finds it, comes last.\n\nExit status: 0 the configuration is right, 78 it is wrong.";

pub(super) fn run(settings: &ConfigOptions) -> Exit {
    match config::load(settings.layers()) {
        Ok(loaded) => {
            let warnings = plan::warnings(&loaded, TextStyle::of(&std::io::stdout()));
            print(&(loaded.describe() + &warnings))
        }
        Err(errors) => print_config_errors(&errors),
    }
}

/// Prints the errors of a configuration to standard error, each on lines of its own; returns
/// [`Exit::Config`].
pub(super) fn print_config_errors(errors: &config::Errors) -> Exit {
    let text = errors.render(is_coloured(&std::io::stderr()));
    print_error(&format!("{}\n", text.trim_end()));
    Exit::Config
}
