//! Finds the daemon's socket and asks there.
//!
//! It must never believe somebody else's: the socket belongs to root, to us, or to the owner
//! of a directory that not everybody can write to.

mod find;
mod report;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

pub(super) use find::NotFound;
pub(super) use report::NotShown;

/// How long the daemon has for a whole answer.
const WITHIN: Duration = Duration::from_secs(10);

/// How long it has where it does something first.
const DONE_WITHIN: Duration = Duration::from_secs(25);

/// A larger answer than this is nobody's: 100,000 sessions fit.
const BODY_SIZE_MAX: usize = 256 * 1024 * 1024;

/// Which daemon is asked.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Socket {
    /// The daemon's socket; found by itself where there is one daemon.
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    socket: Option<PathBuf>,
    /// The instance of the systemd service: NAME of session-keepalive@NAME.
    #[arg(long, value_name = "NAME", conflicts_with = "socket")]
    instance: Option<String>,
}

/// What the daemon answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    /// There is no socket that can be believed.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// Nobody listens.
    #[error("no daemon answers on {}", path.display())]
    NotConnected {
        path: PathBuf,
        source: std::io::Error,
    },
    /// Somebody put it there after it was looked at.
    #[error("user {uid} answers on {}: neither root, nor you, nor the owner of its directory", path.display())]
    Stranger { path: PathBuf, uid: u32 },
    /// It went away, or is something else.
    #[error("the daemon on {} broke off", path.display())]
    Broken {
        path: PathBuf,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It does not answer in time.
    #[error("the daemon on {} does not answer within {} s", path.display(), within.as_secs())]
    TooSlow { path: PathBuf, within: Duration },
}

impl Answer {
    /// The body as text that does nothing to a terminal.
    pub(super) fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        text.replace(|it: char| it.is_control() && it != '\n', "?")
    }
}

impl Socket {
    /// The socket at this path.
    pub(super) fn at(path: PathBuf) -> Self {
        Self {
            socket: Some(path),
            instance: None,
        }
    }

    /// Whether somebody said which one.
    pub(super) fn is_named(&self) -> bool {
        self.socket.is_some() || self.instance.is_some()
    }

    /// `GET path`.
    pub(super) async fn get(&self, path: &str) -> Result<Answer, NoAnswer> {
        self.ask(Method::GET, path).await
    }

    /// Asks, and waits for the whole answer.
    pub(super) async fn ask(&self, method: Method, path: &str) -> Result<Answer, NoAnswer> {
        let socket = find::find(self.socket.as_deref(), self.instance.as_deref())?;
        let within = match method {
            Method::POST => DONE_WITHIN,
            _ => WITHIN,
        };
        let asked = ask(&socket, method, path);
        match tokio::time::timeout(within, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(NoAnswer::TooSlow {
                path: socket,
                within,
            }),
        }
    }
}

async fn ask(socket: &std::path::Path, method: Method, path: &str) -> Result<Answer, NoAnswer> {
    let broken = |source: Box<dyn std::error::Error + Send + Sync>| NoAnswer::Broken {
        path: socket.to_owned(),
        source,
    };
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|source| NoAnswer::NotConnected {
            path: socket.to_owned(),
            source,
        })?;
    if let Ok(peer) = stream.peer_cred()
        && !find::is_trusted(socket, peer.uid())
    {
        return Err(NoAnswer::Stranger {
            path: socket.to_owned(),
            uid: peer.uid(),
        });
    }
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(error.into()))?;
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "session-keepalive")
        .body(Empty::<&[u8]>::new())
        .map_err(|error| broken(error.into()))?;
    let answered = async {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), BODY_SIZE_MAX);
        let body = body.collect().await?.to_bytes().into();
        Ok(Answer { status, body })
    };
    let driven = async {
        // Its end is seen by the request as well.
        let _ended = connection.await;
        std::future::pending().await
    };
    tokio::select! {
        answered = answered => answered.map_err(broken),
        never = driven => never,
    }
}
