//! Whole configurations: what is shown to people, the example files, and any bytes at all.

mod examples;
mod faults;
mod hooks;
mod layers;
mod outside;
mod pools;
mod rules;
mod secrets;

use std::path::Path;

use super::load::interpret;
use super::{Errors, Flags, Layers, Loaded, file};

/// Loads a text as if it were `/etc/session-keepalive/config.toml`.
fn load(text: &str, environment: &[(&str, &str)]) -> Result<Loaded, Errors> {
    let layers = Layers {
        file: Some(Path::new("/etc/session-keepalive/config.toml")),
        environment: variables(environment),
        flags: Flags::default(),
    };
    interpret(layers, Some(file::parse(text)))
}

/// What is wrong with a text, as shown.
fn complaints(text: &str) -> String {
    complaints_with(text, &[])
}

fn complaints_with(text: &str, environment: &[(&str, &str)]) -> String {
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
