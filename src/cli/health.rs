//! `health`: probes a running daemon, for container images without a shell.

use clap::Args;

use super::exit::{Exit, print, print_error};
use super::socket::{self, SocketOptions};

pub(super) const HELP: &str = "\
Examples:
  session-keepalive health           does the daemon's loop turn? for a liveness probe
  session-keepalive health --ready   is every kept token proven and within its margin?

Exit status: 0 yes, 69 nobody answers, 75 no.";

/// What is asked.
#[derive(Debug, Args)]
pub(super) struct Health {
    /// Ask whether every kept token is proven alive and within its margin.
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
