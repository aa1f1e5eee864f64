//! Tests of the daemon's endpoints and of the commands that use them, with the binary and sockets.

mod commands;
mod control;
mod documented;
mod endpoints;
mod explain;
mod many;
mod metrics;
mod names;
mod page;
mod ready;
mod slow;
mod socket;

use std::net::SocketAddr;
use std::time::Duration;

use super::support::keepalive::Keepalive;
use super::support::simulation::Simulation;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Returns the common part of the configurations: JSON logs, and the endpoints over TCP.
fn head(simulation: &Simulation) -> String {
    format!(
        "api = \"{}\"\n[log]\nformat = \"json\"\n[status]\nlisten = \"0\"\n",
        simulation.base()
    )
}

/// Returns the part of a configuration for a session, whose token is in a file of its name.
fn session(name: &str, more: &str) -> String {
    format!("[sessions.{name}]\ntoken = {{ file = \"{name}\" }}\n{more}\n")
}

/// Waits for the address on which the daemon listens.
fn address(keepalive: &mut Keepalive) -> SocketAddr {
    let line = keepalive.wait_for(&["\"event\":\"listening\""]);
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    line["place"].as_str().unwrap().parse().unwrap()
}
