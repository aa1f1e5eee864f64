//! `touch`, `keep`, `lapse` and `stop`: sends commands to a running daemon.

use std::time::Duration;

use clap::Args;
use hyper::Method;

use super::exit::{Exit, print, print_error};
use super::socket::{self, ALL_SESSIONS, DaemonAnswer, DaemonError, SocketOptions};
use crate::status::report::StatusReport;

pub(super) const TOUCH_HELP: &str = "\
Example: session-keepalive touch wallboard

A lapsing session is not touched; run keep first. The daemon logs the user who asked.

Exit status: 0 touched, 64 no such session, 69 no daemon answers, 75 not touched, 77 permission denied.";

pub(super) const INTENT_HELP: &str = "\
Examples:
  session-keepalive lapse crm    let it lapse from now on
  session-keepalive keep crm     keep it alive from now on

The change lasts until it is reversed, the session's configuration changes or the daemon restarts; status shows it. The daemon logs the user who asked.

Exit status: 0 done, 64 no such session, 69 no daemon answers, 77 permission denied.";

pub(super) const STOP_HELP: &str = "\
Examples:
  session-keepalive stop            revokes as configured
  session-keepalive stop --leave    revokes nothing, for a hand-over

Returns when the daemon has exited. Under systemd, use systemctl stop: systemd restarts a daemon that exits by itself, which is the purpose of --leave.

Exit status: 0 stopped, 69 no daemon answers, 75 still running, 77 permission denied.";

/// The interval at which `stop` checks that the daemon still answers.
const STOP_CHECK_EVERY: Duration = Duration::from_millis(50);

/// The longest time that `stop` waits: the largest grace that can be configured, and 10s more.
const STOP_WITHIN: Duration = Duration::from_secs(610);

/// The arguments of a command about one session.
#[derive(Debug, Args)]
pub(super) struct SessionArgs {
    /// The session.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    socket: SocketOptions,
}

/// The arguments of `stop`.
#[derive(Debug, Args)]
pub(super) struct Stop {
    /// Stop without revoking any token.
    #[arg(long)]
    leave: bool,
    #[command(flatten)]
    socket: SocketOptions,
}

/// Sends a command for one session: `touch`, `keep` or `lapse`.
pub(super) fn send_to_session(command: &str, options: &SessionArgs) -> Exit {
    let SessionArgs { name, socket } = options;
    socket::run(async {
        socket::check_name(name)?;
        let path = format!("/sessions/{name}/{command}");
        let answer = socket.request(Method::POST, &path).await?;
        if answer.status != 404 {
            return Ok(print_answer(&answer));
        }
        Err(match socket.report::<StatusReport>(ALL_SESSIONS).await {
            Ok((report, _)) => DaemonError::no_such_session(name, &report),
            Err(_) => DaemonError::NoSuchSession {
                name: name.clone(),
                suggestion: None,
            },
        })
    })
}

pub(super) fn stop(stop: &Stop) -> Exit {
    let path = if stop.leave { "/stop?leave" } else { "/stop" };
    socket::run(async {
        let answer = stop.socket.request(Method::POST, path).await?;
        let exit = print_answer(&answer);
        if exit != Exit::Success {
            return Ok(exit);
        }
        let is_gone = async {
            let mut ticks = tokio::time::interval(STOP_CHECK_EVERY);
            while stop.socket.get("/livez").await.is_ok() {
                ticks.tick().await;
            }
        };
        if tokio::time::timeout(STOP_WITHIN, is_gone).await.is_ok() {
            return Ok(print(
                "stopped; its log reports what happened to the tokens\n",
            ));
        }
        print_error("session-keepalive: the daemon did not stop in time\n");
        Ok(Exit::TryAgain)
    })
}

/// Prints the daemon's answer and returns the exit status that its HTTP status means.
pub(super) fn print_answer(answer: &DaemonAnswer) -> Exit {
    let text = answer.text();
    if answer.status == 200 {
        return print(&text);
    }
    print_error(&format!("session-keepalive: {text}"));
    match answer.status {
        403 => Exit::NotPermitted,
        409 | 504 => Exit::TryAgain,
        404 => Exit::Usage,
        _ => Exit::Unavailable,
    }
}
