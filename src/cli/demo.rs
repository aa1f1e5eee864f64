//! `demo`: runs the real daemon against the simulator, over loopback, in about a minute. At the end
//! it compares the records of the servers with the introduction.
//!
//! It must never contact a real API: its configuration holds simulated organisations only.

mod stage;

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use futures_util::stream::{self, Stream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use self::stage::{DemoServers, ROLES, Role};
use super::exit::{Exit, failed, print};
use super::run::block_on;
use super::simulate::{record_row, record_table};
use super::text::{Column, Table, truncated};
use crate::config::{FrameAncestors, listen_address};
use crate::daemon::systemd::Systemd;
use crate::daemon::{
    Daemon, DaemonCommand, OtherDaemonPolicy, Revocations, Setup, SocketPlaces, Stopped, signals,
};
use crate::http::{Listener, serve};
use crate::keeper::OnShutdown;
use crate::log::LogEnvironment;
use crate::sim::{ApiOperation, Fate, Record};
use crate::status::{NamedView, QuerySender, Snapshot, phrases};
use crate::sys::clock;
use crate::time::Instant;

pub(super) const HELP: &str = "Examples:\n  session-keepalive demo\n  session-keepalive demo --listen 9464 --seconds 600\n\nPress Ctrl-C to end it early. Exit status: 0 every step succeeded, 1 a step failed.";

/// The idle timeout of the simulated organisations.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// The lifetime of the tokens that the simulated login host issues.
const LIFETIME: Duration = Duration::from_secs(45);
/// The interval, in seconds, at which the simulated applications use their tokens.
const APPLICATION_EVERY: u64 = 4;
/// The second at which the token of one session is replaced.
const REPLACED_AFTER: u64 = 25;

/// The shortest demo, in seconds, in which everything that the introduction announces happens.
const WHOLE_AFTER: u64 = 50;

/// The options of `demo`.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// The duration in seconds; below 30, some steps are not shown.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=3600))]
    seconds: u64,
    /// Serve the web page on this port of 127.0.0.1, or at this address.
    #[arg(long, value_name = "PORT|ADDRESS", value_parser = listen_address)]
    listen: Option<SocketAddr>,
}

/// The course of a session that the introduction announces.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DemoReportStyle {
    /// The session is kept, and its token revoked at the end.
    Kept,
    /// The token idles out undisturbed.
    Lapses,
    /// The first token idles out, and the second is revoked at the end.
    Replaced,
    /// Each token is replaced before it expires and then revoked, and so is the last at the end.
    Minted,
    /// The session is kept by GET, since HEAD does not reset the idle timer.
    KeptByGet,
}

pub(super) fn run(demo: &Demo) -> Exit {
    block_on(async { Box::pin(show(demo)).await.unwrap_or_else(failed(Exit::Io)) })
}

async fn show(demo: &Demo) -> std::io::Result<Exit> {
    let listener = demo.listen.map(Listener::tcp).transpose();
    let listener = listener.map_err(std::io::Error::other)?;
    let servers = DemoServers::build().await?;
    let is_terminal = std::io::stdout().is_terminal();
    let config = servers.config().map_err(std::io::Error::other)?;
    // On a terminal the live table is drawn where the log would appear.
    let log = if is_terminal {
        None
    } else {
        let log_environment = LogEnvironment::of_stderr(|name| std::env::var_os(name));
        let log = crate::log::install(config.log, log_environment, clock::wall);
        Some(log.map_err(std::io::Error::other)?)
    };
    print(&stage::introduction(demo.seconds));
    if let Some(listener) = &listener {
        print(&format!("The web page: http://{}/\n\n", listener.place()));
    }
    let load = Arc::new({
        let config = config.clone();
        move || Ok(config.clone())
    });
    let setup = Setup {
        load,
        log,
        seed: fastrand::u64(..),
        clock: clock::read,
        systemd: Systemd::default(),
        places: SocketPlaces::default(),
        revocations: Revocations::default(),
        other_daemons: OtherDaemonPolicy::Ignored,
    };
    let started = Daemon::start(config, setup).await;
    let (daemon, queries) = started.map_err(std::io::Error::other)?;
    let (stop, stops) = mpsc::channel(1);
    let mut table = is_terminal.then(LiveTable::default);
    // Dropping the set ends the listener.
    let mut serving = JoinSet::new();
    if let Some(listener) = listener {
        let (_, nobody) = watch::channel(FrameAncestors::default());
        serving.spawn(serve(listener, queries.clone(), nobody));
    }
    let (stopped, seconds) = tokio::join!(
        daemon.run(commands(stops)?),
        drive(&servers, queries, stop, table.as_mut(), demo.seconds),
    );
    if let Some(table) = &mut table {
        print(&table.draw(&stopped.snapshot, "the daemon has stopped"));
    }
    let (text, is_as_expected) = report(&servers, &stopped, seconds, demo.seconds);
    print(&text);
    Ok(if is_as_expected {
        Exit::Success
    } else {
        Exit::Failure
    })
}

/// Returns the commands that signals give, and those that end the demo.
fn commands(
    stops: mpsc::Receiver<DaemonCommand>,
) -> std::io::Result<impl Stream<Item = DaemonCommand> + Unpin> {
    let stops = stream::unfold(stops, |mut stops| async {
        stops.recv().await.map(|command| (command, stops))
    });
    Ok(stream::select(signals::commands()?, Box::pin(stops)))
}

/// Drives the simulated applications until the daemon has stopped; returns the seconds it took.
async fn drive(
    servers: &DemoServers,
    queries: QuerySender,
    stop: mpsc::Sender<DaemonCommand>,
    mut table: Option<&mut LiveTable>,
    end: u64,
) -> u64 {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    for second in 0.. {
        ticks.tick().await;
        if second == end {
            let command = DaemonCommand::Stop {
                on_shutdown: OnShutdown::Revoke,
                why: "the end of its time",
            };
            // A full or closed channel means that the daemon is stopping already.
            let _stopping = stop.try_send(command);
        }
        if second % APPLICATION_EVERY == 1 {
            servers.use_token_by_application();
            servers.use_token_of_file();
        }
        if second == REPLACED_AFTER {
            servers.replace_token();
        }
        let Some(snapshot) = queries.snapshot().await else {
            return second;
        };
        if let Some(table) = &mut table {
            let left = end.saturating_sub(second);
            print(&table.draw(&snapshot, &format!("ends in {left}s, or with Ctrl-C")));
        }
    }
    end
}

/// The width, in columns, to which every line of the live table is cut.
const WIDTH: usize = 80;

/// A table on a terminal that is drawn over its previous drawing.
#[derive(Default)]
struct LiveTable {
    lines: usize,
}

impl LiveTable {
    /// Returns the next drawing, preceded by the escape code that moves the cursor back up.
    fn draw(&mut self, snapshot: &Snapshot, last_line: &str) -> String {
        let mut table = Table::new(&[
            Column::left("SESSION").at_least(10),
            Column::left("STATE").at_least(8),
            Column::right("IDLES OUT").at_least(9),
            Column::left("LAST ANSWER").at_least(13),
            Column::left("NEXT"),
        ]);
        for named in &snapshot.sessions {
            table.row(live_row(named, snapshot.at));
        }
        let mut lines = table.lines();
        lines.push(last_line.to_owned());
        let up = match self.lines {
            0 => String::new(),
            lines => format!("\x1b[{lines}A"),
        };
        self.lines = lines.len();
        let drawn = lines.iter().map(|line| {
            let cut = truncated(line, WIDTH);
            format!("\r{cut}\x1b[K\n")
        });
        up + &drawn.collect::<String>()
    }
}

fn live_row(named: &NamedView, now: Instant) -> [String; 5] {
    let view = &named.view;
    let deadline = view.live.as_ref().and_then(|live| live.deadline);
    let answer = view.last_answer.map_or_else(String::new, |answer| {
        let status = answer.status.map(|status| format!("{status} "));
        format!("{}{}", status.unwrap_or_default(), answer.verdict)
    });
    let next = phrases::next(view, now);
    [
        named.name.to_string(),
        view.state.as_str().to_owned(),
        deadline.map_or_else(String::new, |deadline| {
            format!("{}s", deadline.until(now).as_secs())
        }),
        answer,
        // The other columns show what follows the first comma.
        next.split(", ").next().unwrap_or_default().to_owned(),
    ]
}

/// Returns the servers' records as text, and whether all went as the introduction announces.
fn report(servers: &DemoServers, stopped: &Stopped, seconds: u64, planned: u64) -> (String, bool) {
    let is_whole = seconds >= planned && planned >= WHOLE_AFTER;
    let mut table = record_table("\nSESSION");
    let mut is_as_expected = stopped.not_revoked == 0 && servers.refused() == 0;
    for role in &ROLES {
        let records = servers.records(role);
        if role.style == DemoReportStyle::Minted && is_whole && records.len() < 3 {
            is_as_expected = false;
        }
        for (number, record) in (1..).zip(records) {
            let mut row = record_row(name(role, number), &record);
            if !is_as_announced(role.style, number, &record, is_whole) {
                row[6] += ": not as announced";
                is_as_expected = false;
            }
            table.row(row);
        }
    }
    let table = table.render();
    let mut text = format!("\nWhat the server saw in {seconds}s:\n\n{table}");
    text.push_str(match (is_as_expected, is_whole) {
        (true, true) => "\nEverything went as announced.\n",
        (true, false) => "\nEverything went as announced, as far as it went.\n",
        (false, _) => "\nNot everything went as announced.\n",
    });
    (text, is_as_expected)
}

fn name(role: &Role, number: u32) -> String {
    match (role.style, number) {
        (DemoReportStyle::Replaced, 1) => format!("{}, old", role.name),
        (DemoReportStyle::Replaced, _) => format!("{}, new", role.name),
        (DemoReportStyle::Minted, _) => format!("{}, {number}", role.name),
        (DemoReportStyle::Kept | DemoReportStyle::Lapses | DemoReportStyle::KeptByGet, _) => {
            role.name.to_owned()
        }
    }
}

fn is_as_announced(style: DemoReportStyle, number: u32, record: &Record, is_whole: bool) -> bool {
    let is_revoked = matches!(record.fate, Fate::Revoked(_));
    let is_lapsed = matches!(record.fate, Fate::Lapsed(_));
    let touches = record.calls(ApiOperation::HeadMe) + record.calls(ApiOperation::GetMe);
    match (style, number) {
        (DemoReportStyle::Lapses, _) => {
            let is_undisturbed = touches == 0 && record.resets == 0;
            is_undisturbed && !is_revoked && (is_lapsed || !is_whole)
        }
        (DemoReportStyle::Replaced, 1) if is_whole => is_lapsed,
        (DemoReportStyle::KeptByGet, _) if is_whole => {
            is_revoked
                && record.calls(ApiOperation::GetMe) > 0
                && record.calls(ApiOperation::HeadMe) <= 3
        }
        (DemoReportStyle::Kept | DemoReportStyle::KeptByGet, _) => {
            is_revoked && (touches > 0 || !is_whole)
        }
        (DemoReportStyle::Minted, _) => is_revoked,
        (DemoReportStyle::Replaced, _) => is_revoked || !is_whole,
    }
}
