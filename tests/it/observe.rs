//! The daemon as observers see it: the binary, real sockets, and what is answered there.

mod commands;
mod documented;
mod endpoints;
mod explain;
mod metrics;
mod names;
mod orders;
mod page;
mod ready;
mod slow;

use std::net::SocketAddr;
use std::time::Duration;

use super::support::keepalive::Keepalive;
use super::support::simulation::Simulation;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The part of a configuration that is the same for all tests: observers are let in over TCP.
fn head(simulation: &Simulation) -> String {
    format!(
        "api = \"{}\"\n[log]\nformat = \"json\"\n[status]\nlisten = \"0\"\n",
        simulation.base()
    )
}

/// The part that is about a session; its token is the content of a file of the same name.
fn session(name: &str, more: &str) -> String {
    format!("[sessions.{name}]\ntoken = {{ file = \"{name}\" }}\n{more}\n")
}

/// Where the daemon says that it listens.
fn address(keepalive: &mut Keepalive) -> SocketAddr {
    let line = keepalive.wait_for(&["\"event\":\"listening\""]);
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    line["place"].as_str().unwrap().parse().unwrap()
}
