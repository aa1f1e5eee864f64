//! Routes requests by method and path.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::Method;
use hyper::http::request::Parts;
use tokio::sync::OwnedSemaphorePermit;

use super::reply::{HttpReply, TEXT};
use super::{ServerState, orders, page};
use crate::config::SessionName;
use crate::metrics::{MetricsFormat, render, render_silent};
use crate::status::report::{HistoryReport, StatusReport};
use crate::status::{Peer, Readiness, Selection, Snapshot, readiness, readiness_of};

/// The list of paths, for people.
const PATHS: &str = "/\n/livez\n/readyz\n/readyz?verbose\n/readyz/NAME\n/metrics\n/status\n/status?session=NAME\n/status/NAME\n";

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
        return orders::handle(head, by, state).await;
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
                    HttpReply::text(404, format!("there is no {path} here, but:\n{PATHS}"))
                })
            }
        }
    }
}

async fn live(state: &ServerState) -> HttpReply {
    if state.queries.is_turning().await {
        HttpReply::text(200, "live\n")
    } else {
        HttpReply::text(503, "not live: the loop does not turn\n")
    }
}

async fn ready(head: &Parts, state: &ServerState) -> HttpReply {
    let verbose = has_key(head.uri.query(), "verbose");
    let Ok(room) = verbose
        .then(|| Arc::clone(&state.large).try_acquire_owned())
        .transpose()
    else {
        return HttpReply::busy();
    };
    match state.queries.snapshot().await {
        Some(snapshot) => of_readiness(readiness(&snapshot, verbose), room),
        None => no_answer(),
    }
}

async fn ready_of(name: &str, state: &ServerState) -> HttpReply {
    let Some(snapshot) = state.queries.snapshot().await else {
        return no_answer();
    };
    match snapshot.session(name) {
        Some(session) => of_readiness(readiness_of(session, &snapshot), None),
        None => no_such_session(),
    }
}

async fn status(head: &Parts, state: &ServerState) -> HttpReply {
    match Selection::read(head.uri.query()) {
        Ok(selection) => {
            large(state, "application/json", |snapshot| {
                StatusReport::selected(snapshot, &selection).to_json()
            })
            .await
        }
        Err(error) => HttpReply::text(400, format!("{error}\n")),
    }
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
    let text = match state.queries.snapshot().await {
        Some(snapshot) => render(&snapshot, form),
        None => render_silent(form),
    };
    HttpReply::new(200, form.content_type(), text, Some(room))
}

/// Returns an answer whose size grows with the number of sessions, or 503 if too many such answers
/// are under way.
async fn large(
    state: &ServerState,
    content_type: &'static str,
    body: impl FnOnce(&Snapshot) -> Vec<u8>,
) -> HttpReply {
    let Ok(room) = Arc::clone(&state.large).try_acquire_owned() else {
        return HttpReply::busy();
    };
    match state.queries.snapshot().await {
        Some(snapshot) => HttpReply::new(200, content_type, body(&snapshot), Some(room)),
        None => no_answer(),
    }
}

/// Returns the reply for a loop that has ended or does not answer.
fn no_answer() -> HttpReply {
    HttpReply::text(503, "not ready: the loop does not answer\n")
}

/// Returns true if the query has this key, with or without a value.
fn has_key(query: Option<&str>, key: &str) -> bool {
    let pairs = query.unwrap_or_default().split('&');
    let mut keys = pairs.map(|pair| pair.split_once('=').map_or(pair, |(key, _)| key));
    keys.any(|known| known == key)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        };
        let request = hyper::Request::get("/metrics").body(()).unwrap();
        let reply = answer(&request.into_parts().0, Transport::Unix(None), &state)
            .await
            .into_response();
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
            assert_eq!(reply.into_response().status(), 503, "{path}");
        }
    }
}
