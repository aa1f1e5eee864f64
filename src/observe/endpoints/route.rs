//! Which answer belongs to which path.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::Method;
use hyper::http::request::Parts;
use tokio::sync::OwnedSemaphorePermit;

use super::reply::{Reply, TEXT};
use super::{Desk, orders, page};
use crate::config::SessionName;
use crate::observe::metrics::{Form, render, render_silent};
use crate::observe::report::{Report, StoryReport};
use crate::observe::{Peer, Readiness, Selection, Snapshot, readiness, readiness_of};

/// What there is to ask for.
const PATHS: &str = "/\n/livez\n/readyz\n/readyz?verbose\n/readyz/NAME\n/metrics\n/status\n/status?session=NAME\n/status/NAME\n";

/// The door through which a request came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Door {
    /// TCP, at this address of ours.
    Tcp(SocketAddr),
    /// The Unix socket, and who came in.
    Unix(Option<Peer>),
}

/// Answers a request.
pub(super) async fn answer(head: &Parts, door: Door, desk: &Desk) -> Reply {
    if let (&Method::POST, Door::Unix(Some(by))) = (&head.method, door) {
        return orders::obey(head, by, desk).await;
    }
    if head.method != Method::GET && head.method != Method::HEAD {
        return Reply::not_allowed();
    }
    match head.uri.path() {
        "/livez" => live(desk).await,
        "/readyz" => ready(head, desk).await,
        "/metrics" => metrics(head, desk).await,
        "/status" => status(head, desk).await,
        path => {
            if let Some(name) = path.strip_prefix("/readyz/") {
                ready_of(name, desk).await
            } else if let Some(name) = path.strip_prefix("/status/") {
                story_of(name, desk).await
            } else {
                page::file(path).unwrap_or_else(|| {
                    Reply::text(404, format!("there is no {path} here, but:\n{PATHS}"))
                })
            }
        }
    }
}

async fn live(desk: &Desk) -> Reply {
    if desk.looks.is_turning().await {
        Reply::text(200, "live\n")
    } else {
        Reply::text(503, "not live: the loop does not turn\n")
    }
}

async fn ready(head: &Parts, desk: &Desk) -> Reply {
    let verbose = asks_for(head.uri.query(), "verbose");
    let Ok(room) = verbose
        .then(|| Arc::clone(&desk.large).try_acquire_owned())
        .transpose()
    else {
        return Reply::busy();
    };
    match desk.looks.snapshot().await {
        Some(snapshot) => of_readiness(readiness(&snapshot, verbose), room),
        None => nobody(),
    }
}

async fn ready_of(name: &str, desk: &Desk) -> Reply {
    let Some(snapshot) = desk.looks.snapshot().await else {
        return nobody();
    };
    match snapshot.session(name) {
        Some(session) => of_readiness(readiness_of(session, &snapshot), None),
        None => no_such_session(),
    }
}

async fn status(head: &Parts, desk: &Desk) -> Reply {
    match Selection::read(head.uri.query()) {
        Ok(selection) => {
            large(desk, "application/json", |snapshot| {
                Report::selected(snapshot, &selection).to_json()
            })
            .await
        }
        Err(error) => Reply::text(400, format!("{error}\n")),
    }
}

async fn story_of(name: &str, desk: &Desk) -> Reply {
    let Ok(name) = SessionName::new(name) else {
        return no_such_session();
    };
    match desk.looks.story(name).await {
        Some(Some(story)) => {
            let body = StoryReport::of(&story).to_json();
            Reply::new(200, "application/json", body, None)
        }
        Some(None) => no_such_session(),
        None => nobody(),
    }
}

fn no_such_session() -> Reply {
    Reply::text(404, "there is no such session\n")
}

fn of_readiness(readiness: Readiness, room: Option<OwnedSemaphorePermit>) -> Reply {
    let status = if readiness.is_ready { 200 } else { 503 };
    Reply::new(status, TEXT, readiness.said, room)
}

async fn metrics(head: &Parts, desk: &Desk) -> Reply {
    let form = Form::accepted_by(&head.headers);
    let Ok(room) = Arc::clone(&desk.scrapes).try_acquire_owned() else {
        return Reply::busy();
    };
    let text = match desk.looks.snapshot().await {
        Some(snapshot) => render(&snapshot, form),
        None => render_silent(form),
    };
    Reply::new(200, form.content_type(), text, Some(room))
}

/// An answer that grows with the number of sessions: only so many are under way at a time.
async fn large(
    desk: &Desk,
    content_type: &'static str,
    body: impl FnOnce(&Snapshot) -> Vec<u8>,
) -> Reply {
    let Ok(room) = Arc::clone(&desk.large).try_acquire_owned() else {
        return Reply::busy();
    };
    match desk.looks.snapshot().await {
        Some(snapshot) => Reply::new(200, content_type, body(&snapshot), Some(room)),
        None => nobody(),
    }
}

/// The loop has ended or does not turn.
fn nobody() -> Reply {
    Reply::text(503, "not ready: the loop does not answer\n")
}

/// Whether the query has this key, with or without a value.
fn asks_for(query: Option<&str>, key: &str) -> bool {
    let pairs = query.unwrap_or_default().split('&');
    let mut keys = pairs.map(|pair| pair.split_once('=').map_or(pair, |(key, _)| key));
    keys.any(|it| it == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_asks_by_its_key() {
        for query in ["verbose", "verbose=1", "a=b&verbose", "verbose&x"] {
            assert!(asks_for(Some(query), "verbose"), "{query}");
        }
        for query in ["", "verbos", "a=verbose", "verbosely=1"] {
            assert!(!asks_for(Some(query), "verbose"), "{query}");
        }
        assert!(!asks_for(None, "verbose"));
    }

    #[tokio::test]
    async fn a_loop_that_ended_is_told_of_and_not_waited_for() {
        let (looks, loops_end) = crate::observe::looks();
        drop(loops_end);
        let large = Arc::new(tokio::sync::Semaphore::new(1));
        let desk = Desk {
            looks,
            scrapes: Arc::clone(&large),
            large,
        };
        let request = hyper::Request::get("/metrics").body(()).unwrap();
        let reply = answer(&request.into_parts().0, Door::Unix(None), &desk)
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
            let reply = answer(&request.into_parts().0, Door::Unix(None), &desk).await;
            assert_eq!(reply.into_response().status(), 503, "{path}");
        }
    }
}
