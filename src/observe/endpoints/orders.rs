//! What may be asked for over the Unix socket beside looking: by root and by the daemon's own user.

use hyper::http::request::Parts;
use rustix::process::geteuid;

use super::Desk;
use super::reply::Reply;
use crate::config::SessionName;
use crate::keeper::{Intent, OnShutdown};
use crate::observe::{Control, Done, Peer};

/// What there is to ask for.
const ORDERS: &str = "POST /sessions/NAME/touch
POST /sessions/NAME/keep
POST /sessions/NAME/lapse
POST /reload
POST /stop
POST /stop?leave
";

/// Has an order carried out; answers when that is done.
pub(super) async fn obey(head: &Parts, by: Peer, desk: &Desk) -> Reply {
    if by.uid != 0 && by.uid != geteuid().as_raw() {
        return Reply::text(
            403,
            format!(
                "only root and the daemon's own user may change anything, not user {}\n",
                by.uid
            ),
        );
    }
    let Some(order) = order(head) else {
        return Reply::text(404, format!("there is no such order, but:\n{ORDERS}"));
    };
    match desk.looks.control(order, by).await {
        Some(Done::Yes(said)) => Reply::text(200, said + "\n"),
        Some(Done::No(said)) => Reply::text(409, said + "\n"),
        Some(Done::NoSuchSession) => Reply::text(404, "there is no such session\n"),
        None => Reply::text(504, "there was no answer in time; it may still be done\n"),
    }
}

fn order(head: &Parts) -> Option<Control> {
    match (head.uri.path(), head.uri.query()) {
        ("/reload", None) => Some(Control::Reload),
        ("/stop", None) => Some(Control::Stop(OnShutdown::Revoke)),
        ("/stop", Some("leave")) => Some(Control::Stop(OnShutdown::Leave)),
        (path, None) => {
            let (name, what) = path.strip_prefix("/sessions/")?.split_once('/')?;
            let name = SessionName::new(name).ok()?;
            match what {
                "touch" => Some(Control::Touch(name)),
                "keep" => Some(Control::Intend(name, Intent::Keep)),
                "lapse" => Some(Control::Intend(name, Intent::Lapse)),
                _ => None,
            }
        }
        _ => None,
    }
}
