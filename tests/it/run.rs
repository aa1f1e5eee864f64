//! Tests of the daemon as an operator runs it: the binary, real files, real signals, a server over
//! HTTP.

mod connections;
mod echoes;
mod ending;
mod exec;
mod handing_over;
mod hanging;
mod hooks;
mod incidents;
mod inherited;
mod keeping;
mod memory;
mod minting;
mod network;
mod other_daemons;
mod output;
mod own_memory;
mod pools;
mod quiet;
mod reloading;
mod revoked_before;
mod secrets;
mod sinks;
mod systemd;
mod tokens;
mod waking;

use std::time::Duration;

use super::support::keepalive::Folder;
use super::support::simulation::Simulation;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Returns a folder with a token file and the text of a configuration for one kept session of that
/// name.
fn one_session(simulation: &Simulation, name: &str) -> (Folder, String) {
    let folder = Folder::new();
    simulation.token(name);
    folder.write(name, name);
    (folder, head(simulation) + &session(name, ""))
}

/// Returns the part of a configuration that is common to all tests.
fn head(simulation: &Simulation) -> String {
    format!(
        "api = \"{}\"\n[log]\nformat = \"json\"\n",
        simulation.base()
    )
}

/// Returns the part about a session, whose token is the content of a file of the same name.
fn session(name: &str, more: &str) -> String {
    format!("[sessions.{name}]\ntoken = {{ file = \"{name}\" }}\n{more}\n")
}
