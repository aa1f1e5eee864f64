//! Handles commands over the Unix socket.
//!
//! A command must never be accepted from any user but root and the daemon's own user.

use hyper::http::request::Parts;
use rustix::process::geteuid;

use super::ServerState;
use super::reply::HttpReply;
use crate::config::SessionName;
use crate::keeper::{Intent, OnShutdown};
use crate::status::{CommandResult, Peer, SessionCommand};

/// The list of commands, for people.
const ORDERS: &str = "POST /sessions/NAME/touch
POST /sessions/NAME/keep
POST /sessions/NAME/lapse
POST /reload
POST /stop
POST /stop?leave
";

/// Passes a command to the loop and answers when it has been carried out.
pub(crate) async fn handle(head: &Parts, by: Peer, state: &ServerState) -> HttpReply {
    if by.uid != 0 && by.uid != geteuid().as_raw() {
        return HttpReply::text(
            403,
            format!(
                "only root and the daemon's own user may change anything, not user {}\n",
                by.uid
            ),
        );
    }
    let Some(command) = command(head) else {
        return HttpReply::text(404, format!("no such command; the commands are:\n{ORDERS}"));
    };
    match state.queries.control(command, by).await {
        Some(CommandResult::Yes(text)) => HttpReply::text(200, text + "\n"),
        Some(CommandResult::No(text)) => HttpReply::text(409, text + "\n"),
        Some(CommandResult::NoSuchSession) => HttpReply::text(404, "there is no such session\n"),
        None => HttpReply::text(
            504,
            "no answer in time; the command may still be carried out\n",
        ),
    }
}

fn command(head: &Parts) -> Option<SessionCommand> {
    match (head.uri.path(), head.uri.query()) {
        ("/reload", None) => Some(SessionCommand::Reload),
        ("/stop", None) => Some(SessionCommand::Stop(OnShutdown::Revoke)),
        ("/stop", Some("leave")) => Some(SessionCommand::Stop(OnShutdown::Leave)),
        (path, None) => {
            let (name, action) = path.strip_prefix("/sessions/")?.split_once('/')?;
            let name = SessionName::new(name).ok()?;
            match action {
                "touch" => Some(SessionCommand::Touch(name)),
                "keep" => Some(SessionCommand::Intend(name, Intent::Keep)),
                "lapse" => Some(SessionCommand::Intend(name, Intent::Lapse)),
                _ => None,
            }
        }
        _ => None,
    }
}
