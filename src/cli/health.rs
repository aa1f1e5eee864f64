//! `health`: a probe for images without a shell.

use clap::Args;

use super::exit::{Exit, complain, print, print_error};
use super::run::block_on;
use super::socket::Socket;

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
    socket: Socket,
}

pub(super) fn run(health: &Health) -> Exit {
    let path = if health.ready { "/readyz" } else { "/livez" };
    block_on(async {
        match health.socket.get(path).await {
            Ok(answer) if answer.status == 200 => print(&answer.text()),
            Ok(answer) => {
                print_error(&answer.text());
                Exit::TryAgain
            }
            Err(error) => {
                complain(&error);
                Exit::Unavailable
            }
        }
    })
}
