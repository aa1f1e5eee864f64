//! `explain`: shows the history of a session, as a page for people or as JSON.

mod page;

use clap::Args;

use super::exit::{Exit, print};
use super::socket::{self, ALL_SESSIONS, DaemonError, SocketOptions};
use super::text::TextStyle;
use crate::status::report::{HistoryReport, StatusReport};

pub(super) const HELP: &str = "\
Examples:
  session-keepalive explain wallboard          its history and, if its token died, the cause
  session-keepalive explain wallboard --json   the same as JSON

The history begins when the daemon starts; the oldest entries are dropped first.

Exit status: 0 success, 64 no such session, 69 no daemon answers.";

/// Which story is told, and how.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The session.
    #[arg(value_name = "NAME")]
    name: String,
    /// Print the daemon's answer as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketOptions,
}

pub(super) fn run(explain: &Explain) -> Exit {
    socket::run(async {
        let (history, json) = fetch_history(explain).await?;
        Ok(print(&if explain.json {
            json + "\n"
        } else {
            page::draw(&history, TextStyle::of(&std::io::stdout()).width)
        }))
    })
}

/// Returns the history, parsed and as received.
async fn fetch_history(explain: &Explain) -> Result<(HistoryReport, String), DaemonError> {
    let name = &explain.name;
    if socket::check_name(name).is_ok() {
        match explain.socket.report(&format!("/status/{name}")).await {
            Err(DaemonError::Refused(404, _)) => {}
            result => return result,
        }
    }
    let (report, _) = explain.socket.report::<StatusReport>(ALL_SESSIONS).await?;
    if report.sessions.iter().any(|session| session.name == *name) {
        let older = "it is older than this program and has no histories".to_owned();
        return Err(DaemonError::Refused(404, older));
    }
    Err(DaemonError::no_such_session(name, &report))
}
