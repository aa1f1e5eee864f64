//! `touch`, `keep`, `lapse` and `stop`: orders to a running daemon, over its socket.

use std::time::Duration;

use clap::Args;
use hyper::Method;

use super::exit::{Exit, complain, print, print_error};
use super::run::block_on;
use super::socket::{NoAnswer, NotShown, Socket};
use crate::config::{SessionName, quoted};
use crate::observe::report::Report;

pub(super) const TOUCH_HELP: &str = "\
Example: session-keepalive touch wallboard

A lapsing session is not touched: say keep first. The daemon's log says who asked.

Exit status: 0 touched, 64 there is no such session, 69 nobody answers, 75 not touched, 77 not permitted.";

pub(super) const INTENT_HELP: &str = "\
Examples:
  session-keepalive lapse crm    watch it lapse from here on
  session-keepalive keep crm     keep it alive from here on

It holds until it is changed back, until the configuration says something new of it, or until the \
daemon is restarted; status shows it. The daemon's log says who asked.

Exit status: 0 so it is, 64 there is no such session, 69 nobody answers, 77 not permitted.";

pub(super) const STOP_HELP: &str = "\
Examples:
  session-keepalive stop            revokes as configured
  session-keepalive stop --leave    leaves every token alive, for a hand-over

Returns when the daemon has gone. Under systemd say systemctl stop: a daemon that ends by itself is \
started again, which is what --leave is for.

Exit status: 0 it has stopped, 69 nobody answers, 75 it did not stop, 77 not permitted.";

/// How often it is looked whether the daemon has gone.
const GONE_EVERY: Duration = Duration::from_millis(50);

/// The longest grace that can be configured, and a little more.
const GONE_WITHIN: Duration = Duration::from_secs(610);

/// An order about one session.
#[derive(Debug, Args)]
pub(super) struct OfSession {
    /// The session.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    socket: Socket,
}

/// The order to stop.
#[derive(Debug, Args)]
pub(super) struct Stop {
    /// Leave every token alive.
    #[arg(long)]
    leave: bool,
    #[command(flatten)]
    socket: Socket,
}

/// What one session is told: `touch`, `keep` or `lapse`.
pub(super) fn of_session(what: &str, order: &OfSession) -> Exit {
    let OfSession { name, socket } = order;
    if SessionName::new(name).is_err() {
        print_error(&format!(
            "session-keepalive: {} is not the name of a session\n",
            quoted(name)
        ));
        return Exit::Usage;
    }
    in_runtime(async {
        let answer = socket
            .ask(Method::POST, &format!("/sessions/{name}/{what}"))
            .await?;
        if answer.status == 404 {
            return Ok(no_such_session(name, socket).await);
        }
        Ok(said(answer.status, &answer.text()))
    })
}

pub(super) fn stop(stop: &Stop) -> Exit {
    let path = if stop.leave { "/stop?leave" } else { "/stop" };
    in_runtime(async {
        let answer = stop.socket.ask(Method::POST, path).await?;
        let exit = said(answer.status, &answer.text());
        if exit != Exit::Success {
            return Ok(exit);
        }
        let gone = async {
            let mut ticks = tokio::time::interval(GONE_EVERY);
            while stop.socket.get("/livez").await.is_ok() {
                ticks.tick().await;
            }
        };
        if tokio::time::timeout(GONE_WITHIN, gone).await.is_ok() {
            return Ok(print("stopped; its log says what became of the tokens\n"));
        }
        print_error("session-keepalive: the daemon did not stop in time\n");
        Ok(Exit::TryAgain)
    })
}

/// `reload` over the socket.
pub(super) fn reload(socket: &Socket) -> Exit {
    in_runtime(async {
        let answer = socket.ask(Method::POST, "/reload").await?;
        let exit = said(answer.status, &answer.text());
        Ok(if exit == Exit::TryAgain {
            Exit::Config
        } else {
            exit
        })
    })
}

fn in_runtime(order: impl Future<Output = Result<Exit, NoAnswer>>) -> Exit {
    block_on(async {
        order.await.unwrap_or_else(|error| {
            complain(&error);
            Exit::Unavailable
        })
    })
}

/// Says what the daemon said, and what that means.
fn said(status: u16, said: &str) -> Exit {
    if status == 200 {
        return print(said);
    }
    print_error(&format!("session-keepalive: {said}"));
    match status {
        403 => Exit::NotPermitted,
        409 | 504 => Exit::TryAgain,
        404 => Exit::Usage,
        _ => Exit::Unavailable,
    }
}

async fn no_such_session(name: &str, socket: &Socket) -> Exit {
    let report = socket.report::<Report>("/status").await;
    report
        .map_or_else(
            |_| NotShown::NoSuchSession {
                name: name.to_owned(),
                near: None,
            },
            |(report, _)| NotShown::no_such_session(name, &report),
        )
        .complain()
}
