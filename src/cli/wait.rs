//! `wait`: returns when the tokens are proven alive.

use std::time::Duration;

use clap::Args;

use super::exit::{Exit, complain, print, print_error};
use super::parse::duration;
use super::run::block_on;
use super::socket::{NoAnswer, NotFound, NotShown, Socket};
use crate::config::{SessionName, quoted};
use crate::daemon::clock;
use crate::observe::words::{Chain, lasting};

pub(super) const HELP: &str = "\
Examples:
  session-keepalive wait                        until every kept token is proven alive
  session-keepalive wait --timeout 60s crm      until the session crm is, but no longer
  session-keepalive wait && exec integration    the application starts with tokens that live

A daemon that is not there yet is waited for as well.

Exit status: 0 ready, 64 there is no such session, 69 nobody answered in time, 75 not ready in time.";

/// How often it is asked.
const EVERY: Duration = Duration::from_millis(250);

/// What is waited for.
#[derive(Debug, Args)]
pub(super) struct Wait {
    /// How long to wait at the most, such as 60s; for ever by default.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
    /// The sessions; all by default.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    socket: Socket,
}

/// How it stands when it was asked last.
enum Standing {
    Ready,
    /// What is said of what is not.
    NotReady(String),
    NoSuchSession(String),
    NobodyThere(NoAnswer),
}

pub(super) fn run(wait: &Wait) -> Exit {
    if let Some(wrong) = wait.names.iter().find(|it| SessionName::new(it).is_err()) {
        print_error(&format!(
            "session-keepalive: {} is not the name of a session\n",
            quoted(wrong)
        ));
        return Exit::Usage;
    }
    block_on(until_ready(wait))
}

async fn until_ready(wait: &Wait) -> Exit {
    let began = clock::now();
    let mut ticks = tokio::time::interval(EVERY);
    let mut told = String::new();
    loop {
        ticks.tick().await;
        let standing = standing(wait).await;
        let waited = clock::now().since(began);
        let is_over = wait.timeout.is_some_and(|timeout| waited >= timeout);
        match standing {
            Standing::Ready => return print(&format!("ready after {}\n", lasting(waited))),
            Standing::NoSuchSession(name) => {
                return NotShown::NoSuchSession { name, near: None }.complain();
            }
            Standing::NobodyThere(error) if is_over || !is_worth_waiting(&error) => {
                complain(&error);
                return Exit::Unavailable;
            }
            Standing::NotReady(said) if is_over => {
                print_error(&format!("not ready after {}:\n{said}", lasting(waited)));
                return Exit::TryAgain;
            }
            Standing::NobodyThere(error) => {
                tell(&mut told, format!("waiting: {}\n", Chain(&error)));
            }
            Standing::NotReady(said) => {
                let first = said.lines().next().unwrap_or_default();
                // What is told of the next try changes all the time.
                let first = first.split("; ").next().unwrap_or(first);
                tell(&mut told, format!("waiting: {first}\n"));
            }
        }
    }
}

/// Says what is waited for when that changes.
fn tell(told: &mut String, said: String) {
    if *told != said {
        print_error(&said);
        *told = said;
    }
}

async fn standing(wait: &Wait) -> Standing {
    if wait.names.is_empty() {
        return match wait.socket.get("/readyz").await {
            Ok(answer) if answer.status == 200 => Standing::Ready,
            Ok(answer) => Standing::NotReady(answer.text()),
            Err(error) => Standing::NobodyThere(error),
        };
    }
    let mut unready = String::new();
    for name in &wait.names {
        match wait.socket.get(&format!("/readyz/{name}")).await {
            Ok(answer) if answer.status == 200 => {}
            Ok(answer) if answer.status == 404 => return Standing::NoSuchSession(name.clone()),
            Ok(answer) => unready += &answer.text(),
            Err(error) => return Standing::NobodyThere(error),
        }
    }
    if unready.is_empty() {
        Standing::Ready
    } else {
        Standing::NotReady(unready)
    }
}

/// Whether the daemon may yet come.
fn is_worth_waiting(error: &NoAnswer) -> bool {
    match error {
        NoAnswer::NotFound(why) => matches!(why, NotFound::Nowhere(_)),
        NoAnswer::Stranger { .. } => false,
        NoAnswer::NotConnected { .. } | NoAnswer::Broken { .. } | NoAnswer::TooSlow { .. } => true,
    }
}
