//! `wait`: waits until the tokens are proven alive.

use std::time::Duration;

use clap::Args;

use super::duration;
use super::exit::{Exit, print, print_error};
use super::socket::{self, DaemonError, NotFound, SocketOptions};
use crate::status::phrases::{Chain, human_duration};
use crate::sys::clock;

pub(super) const HELP: &str = "\
Examples:
  session-keepalive wait                        until every kept token is proven alive
  session-keepalive wait --timeout 60s crm      the session crm, for at most 60 seconds
  session-keepalive wait && exec integration    starts the application with live tokens

A daemon that has not started yet is waited for as well.

Exit status: 0 ready, 64 no such session, 69 no daemon answered in time, 75 not ready in time.";

/// The interval between two requests.
const EVERY: Duration = Duration::from_millis(250);

/// The options of `wait`.
#[derive(Debug, Args)]
pub(super) struct Wait {
    /// The maximum time to wait, such as 60s; unlimited by default.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
    /// The sessions; all by default.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    socket: SocketOptions,
}

pub(super) fn run(wait: &Wait) -> Exit {
    socket::run(async {
        for name in &wait.names {
            socket::check_name(name)?;
        }
        until_ready(wait).await
    })
}

async fn until_ready(wait: &Wait) -> Result<Exit, DaemonError> {
    let began = clock::now();
    let mut ticks = tokio::time::interval(EVERY);
    let mut printed = String::new();
    loop {
        ticks.tick().await;
        let unready = query_unready(wait).await;
        let waited = clock::now().since(began);
        let is_over = wait.timeout.is_some_and(|timeout| waited >= timeout);
        let waited = human_duration(waited);
        let line = match unready {
            Ok(None) => return Ok(print(&format!("ready after {waited}\n"))),
            Ok(Some(text)) if is_over => {
                print_error(&format!("not ready after {waited}:\n{text}"));
                return Ok(Exit::TryAgain);
            }
            Ok(Some(text)) => {
                let first = text.lines().next().unwrap_or_default();
                // The rest of the line is the time of the next attempt, which changes constantly.
                let first = first.split("; ").next().unwrap_or(first);
                format!("waiting: {first}\n")
            }
            Err(error) if is_over || !is_worth_waiting(&error) => return Err(error),
            Err(error) => format!("waiting: {}\n", Chain(&error)),
        };
        if printed != line {
            print_error(&line);
            printed = line;
        }
    }
}

/// Returns the daemon's text on the sessions that are not ready, or `None` if all are.
async fn query_unready(wait: &Wait) -> Result<Option<String>, DaemonError> {
    let paths = match wait.names.as_slice() {
        [] => vec!["/readyz".to_owned()],
        names => names.iter().map(|name| format!("/readyz/{name}")).collect(),
    };
    let mut unready: Option<String> = None;
    for path in paths {
        let answer = wait.socket.get(&path).await?;
        match (answer.status, path.strip_prefix("/readyz/")) {
            (200, _) => {}
            (404, Some(name)) => {
                return Err(DaemonError::NoSuchSession {
                    name: name.to_owned(),
                    suggestion: None,
                });
            }
            _ => unready = Some(unready.unwrap_or_default() + &answer.text()),
        }
    }
    Ok(unready)
}

/// Returns true if the daemon may still start and answer.
fn is_worth_waiting(error: &DaemonError) -> bool {
    match error {
        DaemonError::NotFound(why) => matches!(why, NotFound::Nowhere(_)),
        DaemonError::NotConnected { .. }
        | DaemonError::Broken { .. }
        | DaemonError::TooSlow { .. } => true,
        DaemonError::Stranger { .. }
        | DaemonError::Refused(..)
        | DaemonError::NotUnderstood(_)
        | DaemonError::OtherVersion(_)
        | DaemonError::NoSuchSession { .. }
        | DaemonError::NotASession(_) => false,
    }
}
