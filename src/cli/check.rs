//! `check`: says what is wrong with the configuration, or what it means.

use std::io::IsTerminal;

use super::Settings;
use super::exit::{Exit, print, print_error};
use crate::config;

pub(super) const HELP: &str = "Example: session-keepalive check --config /etc/session-keepalive/config.toml\n\nExit status: 0 the configuration is right, 78 it is wrong.";

pub(super) fn run(settings: &Settings) -> Exit {
    match config::load(settings.layers()) {
        Ok(loaded) => print(&loaded.describe()),
        Err(errors) => {
            complain_of(&errors);
            Exit::Config
        }
    }
}

/// Shows what is wrong with a configuration, as lines of their own.
pub(super) fn complain_of(errors: &config::Errors) {
    let text = errors.render(is_coloured(&std::io::stderr()));
    print_error(&format!("{}\n", text.trim_end()));
}

/// Whether colour is wanted there: a terminal, and nobody said no (see no-color.org).
pub(super) fn is_coloured(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
