//! `demo`: the real daemon against the simulator, over loopback, in about a minute.

mod report;
mod stage;
mod table;

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;
use futures_util::stream::{self, Stream};
use tokio::sync::mpsc;

use self::stage::Stage;
use self::table::Table;
use super::exit::{Exit, complain, print};
use super::run::runtime;
use crate::daemon::systemd::Systemd;
use crate::daemon::{Daemon, Order, Places, Setup, clock, signals};
use crate::keeper::OnShutdown;
use crate::observe::{self, Looks, Surroundings};

pub(super) const HELP: &str = "Example: session-keepalive demo\n\nCtrl-C ends it early. Exit status: 0 all went as told, 1 something did not.";

/// The idle timeout of the simulated organisations.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// How often the application that is active by itself uses its token.
const APPLICATION_EVERY: u64 = 4;
/// When the token of one session is replaced.
const REPLACED_AFTER: u64 = 25;

/// What to show.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// How long it runs, in seconds; shorter than 30 shows less than it tells.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=3600))]
    seconds: u64,
}

pub(super) fn run(demo: &Demo) -> Exit {
    match runtime().and_then(|runtime| runtime.block_on(show(demo))) {
        Ok(exit) => exit,
        Err(error) => {
            complain(&error);
            Exit::Io
        }
    }
}

async fn show(demo: &Demo) -> std::io::Result<Exit> {
    let stage = Stage::build().await?;
    let is_terminal = std::io::stdout().is_terminal();
    let config = stage.config().map_err(std::io::Error::other)?;
    // On a terminal the table takes the place of the log.
    let log = if is_terminal {
        None
    } else {
        let surroundings = Surroundings::of_stderr(|name| std::env::var_os(name));
        let log = observe::install(config.log, surroundings, clock::wall);
        Some(log.map_err(std::io::Error::other)?)
    };
    print(&stage::introduction(demo.seconds));
    let load = Box::new({
        let config = config.clone();
        move || Ok(config.clone())
    });
    let setup = Setup {
        load,
        log,
        seed: fastrand::u64(..),
        clock: clock::read,
        systemd: Systemd::default(),
        places: Places::default(),
    };
    let started = Daemon::start(config, setup);
    let (daemon, looks) = started.map_err(std::io::Error::other)?;
    let (stop, stops) = mpsc::channel(1);
    let mut table = is_terminal.then(Table::default);
    let (stopped, seconds) = tokio::join!(
        daemon.run(orders(stops)?),
        play(&stage, looks, stop, table.as_mut(), demo.seconds),
    );
    if let Some(table) = &mut table {
        print(&table.draw(&stopped.snapshot, "the daemon has stopped"));
    }
    let report = stage.report(&stopped, seconds, demo.seconds);
    print(&report.text);
    Ok(if report.is_as_told {
        Exit::Success
    } else {
        Exit::Failure
    })
}

/// What signals order, and the end of the demo.
fn orders(stops: mpsc::Receiver<Order>) -> std::io::Result<impl Stream<Item = Order> + Unpin> {
    let stops = stream::unfold(stops, |mut stops| async {
        stops.recv().await.map(|order| (order, stops))
    });
    Ok(stream::select(signals::orders()?, Box::pin(stops)))
}

/// Lets things happen until the daemon has stopped; says after how many seconds that was.
async fn play(
    stage: &Stage,
    looks: Looks,
    stop: mpsc::Sender<Order>,
    mut table: Option<&mut Table>,
    end: u64,
) -> u64 {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    for second in 0.. {
        ticks.tick().await;
        if second == end {
            let order = Order::Stop {
                wanted: OnShutdown::Revoke,
                why: "the end of its time",
            };
            // If it is full or closed, the daemon is stopping already.
            let _stopping = stop.try_send(order);
        }
        if second % APPLICATION_EVERY == 1 {
            stage.application_is_active();
        }
        if second == REPLACED_AFTER {
            stage.replace_token();
        }
        let Some(snapshot) = looks.snapshot().await else {
            return second;
        };
        if let Some(table) = &mut table {
            let left = end.saturating_sub(second);
            print(&table.draw(&snapshot, &format!("ends in {left} s, or with Ctrl-C")));
        }
    }
    end
}
