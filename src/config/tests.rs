//! Tests of whole configurations: descriptions, errors, the example files, and arbitrary bytes.

mod examples;
mod faults;
mod hooks;
mod layers;
mod outside;
mod pools;
mod rules;
mod secrets;

use std::path::Path;

use super::load::load_text;
use super::{Errors, Flags, Layers, Loaded};

/// Loads a text as if it were `/etc/session-keepalive/config.toml`.
fn load(text: &str, environment: &[(&str, &str)]) -> Result<Loaded, Errors> {
    let layers = Layers {
        file: Some(Path::new("/etc/session-keepalive/config.toml")),
        environment: variables(environment),
        flags: Flags::default(),
    };
    load_text(layers, text)
}

/// Returns the errors of a text as they are shown.
fn rendered_errors(text: &str) -> String {
    rendered_errors_with(text, &[])
}

fn rendered_errors_with(text: &str, environment: &[(&str, &str)]) -> String {
    load(text, environment)
        .map(|loaded| loaded.describe())
        .expect_err("the configuration is wrong")
        .render(false)
}

fn variables(environment: &[(&str, &str)]) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    environment
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}
