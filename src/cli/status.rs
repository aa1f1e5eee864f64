//! `status`: how the sessions do, as a table for people or as JSON.

mod table;
mod watch;

use std::io::IsTerminal as _;

use clap::Args;

use super::check::is_coloured;
use super::exit::{Exit, print};
use super::run::block_on;
use super::socket::{NotShown, Socket};
use super::width::{height, width};
use crate::observe::report::Report;

pub(super) const HELP: &str = "\
Examples:
  session-keepalive status               those that are not well first, the verdict last
  session-keepalive status wallboard     one session
  session-keepalive status --watch       drawn again every second, until Ctrl-C
  session-keepalive status --json | jq '.sessions[] | select(.ready | not)'

Exit status: 0 all is as it should be, 64 there is no such session, 69 nobody answers, 75 something is not ready.";

/// What is shown, and how.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// The sessions; all by default.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// What the daemon says as JSON.
    #[arg(long, conflicts_with_all = ["watch", "names"])]
    json: bool,
    /// Draw it again every second.
    #[arg(long)]
    watch: bool,
    /// Every session, however many there are.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    socket: Socket,
}

pub(super) fn run(status: &Status) -> Exit {
    block_on(async {
        let shown = if status.json {
            json(status).await
        } else if status.watch {
            watch::watch(status).await
        } else {
            once(status).await
        };
        shown.unwrap_or_else(|error| error.complain())
    })
}

async fn json(status: &Status) -> Result<Exit, NotShown> {
    let (report, text) = status.socket.report::<Report>("/status").await?;
    Ok(shown(&(text + "\n"), &report))
}

async fn once(status: &Status) -> Result<Exit, NotShown> {
    let report = ask(status).await?;
    let out = std::io::stdout();
    let look = table::Look {
        width: width(&out),
        is_coloured: is_coloured(&out),
        rows_max: (!status.all && out.is_terminal()).then_some(table::ROWS_MAX),
        height: None,
    };
    Ok(shown(&table::draw(&report, &look), &report))
}

/// The report, cut to the sessions that are asked for.
async fn ask(status: &Status) -> Result<Report, NotShown> {
    let (mut report, _) = status.socket.report::<Report>("/status").await?;
    if status.names.is_empty() {
        return Ok(report);
    }
    for name in &status.names {
        if !report.sessions.iter().any(|it| it.name == *name) {
            return Err(NotShown::no_such_session(name, &report));
        }
    }
    report.sessions.retain(|it| status.names.contains(&it.name));
    report
        .events
        .retain(|it| status.names.contains(&it.session));
    report.ready = !report.stopping && report.sessions.iter().all(|it| it.ready);
    Ok(report)
}

/// Prints, and says with the exit status what was printed.
fn shown(text: &str, report: &Report) -> Exit {
    if print(text) == Exit::Success {
        exit_of(report)
    } else {
        Exit::Io
    }
}

fn exit_of(report: &Report) -> Exit {
    if report.ready {
        Exit::Success
    } else {
        Exit::TryAgain
    }
}

/// Says that nobody answers, where a drawing was.
fn gone(error: &NotShown) -> String {
    format!(
        "session-keepalive: {}; it is waited for\n",
        crate::observe::words::Chain(error)
    )
}
