//! `status`: shows the state of the sessions, as a table for people or as JSON.

mod table;

use std::io::{IsTerminal as _, stdout};
use std::time::Duration;

use clap::Args;
use table::TableStyle;
use tokio::time::MissedTickBehavior;

use super::exit::{Exit, Written, print, write_out};
use super::socket::{self, ALL_SESSIONS, DaemonError, SocketOptions};
use super::text::{TextStyle, height};
use crate::status::phrases::Chain;
use crate::status::report::StatusReport;

pub(super) const HELP: &str = "\
Examples:
  session-keepalive status               all sessions, those with problems first
  session-keepalive status wallboard     one session
  session-keepalive status --watch       refreshed every second until Ctrl-C
  session-keepalive status --json wallboard
  session-keepalive status --json | jq '.sessions[] | select(.ready | not)'

Exit status: 0 all sessions are OK, 64 no such session, 69 no daemon answers, 75 a session is not ready.";

/// The interval between two drawings of `--watch`.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// The escape code that moves the cursor to the top left corner.
const HOME: &str = "\x1b[H";
const WIPE_LINE: &str = "\x1b[K";
const WIPE_REST: &str = "\x1b[J";
const WIPE_ALL: &str = "\x1b[2J";

/// The options of `status`.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// The sessions; all by default.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Print the daemon's answer as JSON.
    #[arg(long, conflicts_with = "watch")]
    json: bool,
    /// Refresh every second.
    #[arg(long)]
    watch: bool,
    /// List every session, however many there are.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    socket: SocketOptions,
}

pub(super) fn run(status: &Status) -> Exit {
    socket::run(async {
        if status.watch {
            watch(status).await
        } else {
            show_once(status).await
        }
    })
}

async fn show_once(status: &Status) -> Result<Exit, DaemonError> {
    let (report, json) = fetch_report(status).await?;
    let printed = print(&if status.json {
        json + "\n"
    } else {
        table::draw(&report, &style(status, None))
    });
    Ok(if printed == Exit::Success {
        exit_status(&report)
    } else {
        printed
    })
}

/// Draws every second until it is interrupted or standard output is closed. While the daemon does
/// not answer, a notice is drawn in place of the table.
async fn watch(status: &Status) -> Result<Exit, DaemonError> {
    let mut ticks = tokio::time::interval(WATCH_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let is_terminal = stdout().is_terminal();
    if is_terminal {
        print(WIPE_ALL);
    }
    let mut exit = Exit::Unavailable;
    loop {
        ticks.tick().await;
        let drawing = match fetch_report(status).await {
            Ok((report, _)) => {
                exit = exit_status(&report);
                let height = height(&stdout()).filter(|_| !status.all);
                table::draw(&report, &style(status, height))
            }
            Err(error @ DaemonError::NoSuchSession { .. }) => return Err(error),
            Err(error) => format!("session-keepalive: {}; it is waited for\n", Chain(&error)),
        };
        let drawn = if is_terminal {
            HOME.to_owned() + &drawing.replace('\n', &format!("{WIPE_LINE}\n")) + WIPE_REST
        } else {
            drawing + "\n"
        };
        match write_out(&drawn) {
            Written::Whole => {}
            Written::ReaderGone => return Ok(exit),
            Written::Failed => return Ok(Exit::Io),
        }
    }
}

fn style(status: &Status, height: Option<usize>) -> TableStyle {
    let out = stdout();
    TableStyle {
        text: TextStyle::of(&out),
        is_named: !status.names.is_empty(),
        rows_max: (!status.all && out.is_terminal()).then_some(table::ROWS_MAX),
        height,
    }
}

/// Returns the report and its JSON, both reduced to the sessions that the command line names.
async fn fetch_report(status: &Status) -> Result<(StatusReport, String), DaemonError> {
    let (mut report, mut json) = status.socket.report::<StatusReport>(ALL_SESSIONS).await?;
    let names = &status.names;
    for name in names {
        if !report.sessions.iter().any(|session| session.name == *name) {
            return Err(DaemonError::no_such_session(name, &report));
        }
    }
    if !names.is_empty() {
        report
            .sessions
            .retain(|session| names.contains(&session.name));
        let is_named =
            |session: &Option<String>| session.as_ref().is_some_and(|name| names.contains(name));
        report.events.retain(|event| is_named(&event.session));
        report.matching = report.sessions.len();
        json = report.to_json();
        // In the JSON this is about all sessions, as in the daemon's own answer about some.
        report.ready = !report.stopping && report.sessions.iter().all(|session| session.ready);
    }
    Ok((report, json))
}

fn exit_status(report: &StatusReport) -> Exit {
    if report.ready {
        Exit::Success
    } else {
        Exit::TryAgain
    }
}
