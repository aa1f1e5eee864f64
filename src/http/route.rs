//! Routes requests by method and path, and carries out commands over the Unix socket.
//!
//! A command must never be accepted from any user but root and the daemon's own user.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::Method;
use hyper::http::request::Parts;
use rustix::process::geteuid;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::yield_now;

use super::reply::{HttpReply, TEXT};
use super::{ServerState, page};
use crate::config::SessionName;
use crate::keeper::{Intent, OnShutdown};
use crate::metrics::{MetricsFormat, Totals, render, render_silent};
use crate::status::report::{HistoryReport, SessionReport, StatusSums};
use crate::status::{
    COPIED_MAX, CommandResult, Peer, Readiness, ReadinessSums, Selection, SessionCommand,
    SessionSums as _, incident_lines, line, readiness_of,
};

/// The list of paths, for people.
const PATHS: &str = "/\n/livez\n/readyz\n/readyz?verbose\n/readyz/NAME\n/metrics\n/status\n/status?session=NAME\n/status/NAME\n";

/// The list of commands, for people.
const ORDERS: &str = "POST /sessions/NAME/touch
POST /sessions/NAME/keep
POST /sessions/NAME/lapse
POST /reload
POST /stop
POST /stop?leave
";

/// The transport of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Transport {
    /// TCP, with the local address.
    Tcp(SocketAddr),
    /// The Unix socket, with the peer if it is known.
    Unix(Option<Peer>),
}

pub(crate) async fn answer(head: &Parts, transport: Transport, state: &ServerState) -> HttpReply {
    if let (&Method::POST, Transport::Unix(Some(by))) = (&head.method, transport) {
        return handle(head, by, state).await;
    }
    if head.method != Method::GET && head.method != Method::HEAD {
        return HttpReply::not_allowed();
    }
    match head.uri.path() {
        "/livez" => live(state).await,
        "/readyz" => ready(head, state).await,
        "/metrics" => metrics(head, state).await,
        "/status" => status(head, state).await,
        path => {
            if let Some(name) = path.strip_prefix("/readyz/") {
                ready_of(name, state).await
            } else if let Some(name) = path.strip_prefix("/status/") {
                history_of(name, state).await
            } else {
                page::file(path).unwrap_or_else(|| {
                    HttpReply::text(
                        404,
                        format!("no such path: {path}; the paths are:\n{PATHS}"),
                    )
                })
            }
        }
    }
}

/// Passes a command to the loop and answers when it has been carried out.
async fn handle(head: &Parts, by: Peer, state: &ServerState) -> HttpReply {
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
        Some(CommandResult::Done(text)) => HttpReply::text(200, text + "\n"),
        Some(CommandResult::Refused(text)) => HttpReply::text(409, text + "\n"),
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

async fn live(state: &ServerState) -> HttpReply {
    if state.queries.is_turning().await {
        HttpReply::text(200, "live\n")
    } else {
        HttpReply::text(503, "not live: the daemon's loop does not respond\n")
    }
}

async fn ready(head: &Parts, state: &ServerState) -> HttpReply {
    if has_key(head.uri.query(), "verbose") {
        return ready_verbose(state).await;
    }
    match state.queries.sums(ReadinessSums::default()).await {
        Some((sums, overview)) => of_readiness(sums.readiness(&overview, ""), None),
        None => no_answer(),
    }
}

async fn ready_verbose(state: &ServerState) -> HttpReply {
    let Ok(room) = Arc::clone(&state.large).try_acquire_owned() else {
        return HttpReply::busy();
    };
    let (mut sums, mut lines) = (ReadinessSums::default(), String::new());
    let mut after = None;
    loop {
        let Some((sessions, rest, overview)) = state.queries.page(after).await else {
            return no_answer();
        };
        for session in &sessions {
            sums.add(&session.entry(), overview.at);
            line(&mut lines, session, overview.at);
        }
        if rest.is_none() {
            let lines = incident_lines(&overview) + &lines;
            return of_readiness(sums.readiness(&overview, &lines), Some(room));
        }
        after = rest;
    }
}

async fn ready_of(name: &str, state: &ServerState) -> HttpReply {
    let Ok(name) = SessionName::new(name) else {
        return no_such_session();
    };
    match state.queries.session(name).await {
        Some(Some((session, overview))) => of_readiness(readiness_of(&session, &overview), None),
        Some(None) => no_such_session(),
        None => no_answer(),
    }
}

async fn status(head: &Parts, state: &ServerState) -> HttpReply {
    let selection = match Selection::read(head.uri.query()) {
        Ok(selection) => selection,
        Err(error) => return HttpReply::text(400, format!("{error}\n")),
    };
    let Ok(room) = Arc::clone(&state.large).try_acquire_owned() else {
        return HttpReply::busy();
    };
    match status_json(selection, state).await {
        Some(json) => HttpReply::in_pieces(200, "application/json", json, Some(room)),
        None => no_answer(),
    }
}

/// Returns the pieces of the status report. No session stays in memory longer than its piece is
/// written.
async fn status_json(selection: Selection, state: &ServerState) -> Option<Vec<Bytes>> {
    let (sums, overview) = state.queries.sums(StatusSums::new(selection)).await?;
    let (report, names) = sums.report(&overview);
    let (head, tail) = report.to_json_around_sessions();
    let mut json = vec![head.into()];
    for names in names.chunks(COPIED_MAX) {
        let mut piece = String::new();
        for session in state.queries.sessions(names.to_vec()).await? {
            if !(json.len() == 1 && piece.is_empty()) {
                piece.push(',');
            }
            piece.push_str(&SessionReport::of(&session, &overview).to_json());
        }
        json.push(piece.into());
    }
    json.push(tail.into());
    Some(json)
}

async fn history_of(name: &str, state: &ServerState) -> HttpReply {
    let Ok(name) = SessionName::new(name) else {
        return no_such_session();
    };
    match state.queries.history(name).await {
        Some(Some(history)) => {
            let body = HistoryReport::of(&history).to_json();
            HttpReply::new(200, "application/json", body, None)
        }
        Some(None) => no_such_session(),
        None => no_answer(),
    }
}

fn no_such_session() -> HttpReply {
    HttpReply::text(404, "there is no such session\n")
}

fn of_readiness(readiness: Readiness, room: Option<OwnedSemaphorePermit>) -> HttpReply {
    let status = if readiness.is_ready { 200 } else { 503 };
    HttpReply::new(status, TEXT, readiness.text, room)
}

async fn metrics(head: &Parts, state: &ServerState) -> HttpReply {
    let form = MetricsFormat::accepted_by(&head.headers);
    let Ok(room) = Arc::clone(&state.scrapes).try_acquire_owned() else {
        return HttpReply::busy();
    };
    let text = match metrics_text(form, state).await {
        Some(text) => text,
        None => vec![render_silent(form).into()],
    };
    HttpReply::in_pieces(200, form.content_type(), text, Some(room))
}

/// Returns the pieces of the metrics.
async fn metrics_text(form: MetricsFormat, state: &ServerState) -> Option<Vec<Bytes>> {
    let (totals, mut snapshot) = state.queries.sums(Totals::default()).await?;
    if totals.is_each_shown(&snapshot) {
        snapshot = state.queries.snapshot().await?;
    }
    let mut text = Vec::new();
    for piece in render(&snapshot, &totals, form) {
        text.push(piece.into());
        yield_now().await;
    }
    Some(text)
}

/// Returns the reply for a loop that has ended or does not answer.
fn no_answer() -> HttpReply {
    HttpReply::text(503, "not ready: the daemon's loop does not respond\n")
}

/// Returns true if the query has this key, with or without a value.
fn has_key(query: Option<&str>, key: &str) -> bool {
    let pairs = query.unwrap_or_default().split('&');
    let mut keys = pairs.map(|pair| pair.split_once('=').map_or(pair, |(key, _)| key));
    keys.any(|known| known == key)
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;
    use crate::config::FrameAncestors;

    #[test]
    fn a_query_asks_by_its_key() {
        for query in ["verbose", "verbose=1", "a=b&verbose", "verbose&x"] {
            assert!(has_key(Some(query), "verbose"), "{query}");
        }
        for query in ["", "verbos", "a=verbose", "verbosely=1"] {
            assert!(!has_key(Some(query), "verbose"), "{query}");
        }
        assert!(!has_key(None, "verbose"));
    }

    #[tokio::test]
    async fn a_loop_that_ended_is_told_of_and_not_waited_for() {
        let (queries, receiver) = crate::status::queries();
        drop(receiver);
        let large = Arc::new(tokio::sync::Semaphore::new(1));
        let state = ServerState {
            queries,
            scrapes: Arc::clone(&large),
            large,
            frame_ancestors: watch::channel(FrameAncestors::default()).1,
        };
        let request = hyper::Request::get("/metrics").body(()).unwrap();
        let reply = answer(&request.into_parts().0, Transport::Unix(None), &state)
            .await
            .into_response(&FrameAncestors::default());
        assert_eq!(reply.status(), 200);
        let text = http_body_util::BodyExt::collect(reply.into_body()).await;
        let text = text.unwrap().to_bytes();
        assert!(text.ends_with(b"session_keepalive_ready 0\n"));
        for path in [
            "/livez",
            "/readyz",
            "/readyz/wallboard",
            "/status",
            "/status/wallboard",
        ] {
            let request = hyper::Request::get(path).body(()).unwrap();
            let reply = answer(&request.into_parts().0, Transport::Unix(None), &state).await;
            let response = reply.into_response(&FrameAncestors::default());
            assert_eq!(response.status(), 503, "{path}");
        }
    }
}
