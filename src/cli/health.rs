//! `health`: probes a running daemon, for container images without a shell.

use clap::Args;

use super::exit::{Exit, print, print_error};
use super::socket::{self, SocketOptions};

pub(super) const HELP: &str = "\
Examples:
  session-keepalive health           liveness: is the daemon responsive?
  session-keepalive health --ready   readiness: is every kept token within its margin?

Exit status: 0 healthy, 69 no daemon answers, 75 unhealthy.";

/// The options of `health`.
#[derive(Debug, Args)]
pub(super) struct Health {
    /// Check that every kept token is proven alive and within its margin.
    #[arg(long)]
    ready: bool,
    #[command(flatten)]
    socket: SocketOptions,
}

pub(super) fn run(health: &Health) -> Exit {
    let path = if health.ready { "/readyz" } else { "/livez" };
    socket::run(async {
        let answer = health.socket.get(path).await?;
        if answer.status == 200 {
            return Ok(print(&answer.text()));
        }
        print_error(&answer.text());
        Ok(Exit::TryAgain)
    })
}
