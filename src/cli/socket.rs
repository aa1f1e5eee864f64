//! Finds the daemon's socket, makes requests over it and parses the reports.
//!
//! It must never trust another user's socket: the socket belongs to root, to this user, or to the
//! owner of a directory that is not writable by everyone.

mod find;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
pub(super) use find::NotFound;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::exit::{Exit, print_error_chain};
use super::run::block_on;
use crate::config::{SessionName, clean, nearest, quoted};
use crate::log::{escape_json, is_harmful};
use crate::status::report::{StatusReport, VERSION};

/// The time limit for a whole answer.
const WITHIN: Duration = Duration::from_secs(10);

/// The time limit for the answer to a command, which the daemon carries out before it answers.
const COMMAND_WITHIN: Duration = Duration::from_secs(25);

/// The interval of the attempts to connect while the socket's queue is full.
const RETRY_EVERY: Duration = Duration::from_millis(50);

/// The path of a status report with all sessions on one page.
pub(super) const ALL_SESSIONS: &str = "/status?limit=4294967295";

/// The largest accepted answer, in bytes; the status of 100,000 sessions fits.
const BODY_SIZE_MAX: usize = 256 * 1024 * 1024;

/// The options that select a daemon.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct SocketOptions {
    /// The daemon's socket; detected automatically if one daemon runs.
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    socket: Option<PathBuf>,
    /// The instance of the systemd service: NAME of session-keepalive@NAME.
    #[arg(long, value_name = "NAME", conflicts_with = "socket")]
    instance: Option<String>,
}

/// The daemon's answer: the HTTP status and the body.
pub(super) struct DaemonAnswer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// The reason for which the daemon did not do what a command asks for.
#[derive(Debug, thiserror::Error)]
pub(super) enum DaemonError {
    /// There is no trusted socket.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// No process listens on the socket.
    #[error("no daemon answers on {}", path.display())]
    NotConnected { path: PathBuf, source: io::Error },
    /// The listening process belongs to an untrusted user, although the file was trusted before.
    #[error("user {uid} answers on {}: neither root, nor you, nor the owner of its directory", path.display())]
    Stranger { path: PathBuf, uid: u32 },
    /// The connection ended early, or the peer does not speak HTTP.
    #[error("the daemon on {} broke off", path.display())]
    Broken {
        path: PathBuf,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer did not come in time.
    #[error("the daemon on {} does not answer within {}s", path.display(), within.as_secs())]
    TooSlow { path: PathBuf, within: Duration },
    /// The daemon answered with an error.
    #[error("the daemon answered with status {0}: {1}")]
    Refused(u16, String),
    /// The report is not of the expected form.
    #[error("the daemon's answer is not understood")]
    NotUnderstood(#[source] serde_json::Error),
    /// The daemon is of another version.
    #[error("the daemon speaks version {0} of the status, this program version {ours}: use the same program for both", ours = VERSION)]
    OtherVersion(u32),
    /// The daemon has no session of this name; a similar name may be known.
    #[error("the daemon has no session {}{}", clean(name), suggestion.as_ref().map_or_else(String::new, |name| format!(": did you mean {name}?")))]
    NoSuchSession {
        name: String,
        suggestion: Option<String>,
    },
    /// The name cannot be that of a session.
    #[error("{} is not the name of a session", quoted(.0))]
    NotASession(String),
}

impl DaemonError {
    /// Returns the error for a name that the report lacks, with a similar name if there is one.
    pub(super) fn no_such_session(name: &str, report: &StatusReport) -> Self {
        let known = report.sessions.iter().map(|session| session.name.as_str());
        Self::NoSuchSession {
            name: name.to_owned(),
            suggestion: nearest(name, known).map(str::to_owned),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::NoSuchSession { .. } | Self::NotASession(_) => Exit::Usage,
            Self::NotFound(_)
            | Self::NotConnected { .. }
            | Self::Stranger { .. }
            | Self::Broken { .. }
            | Self::TooSlow { .. }
            | Self::Refused(..)
            | Self::NotUnderstood(_)
            | Self::OtherVersion(_) => Exit::Unavailable,
        }
    }
}

/// Runs a command that talks to the daemon; prints the error if it fails.
pub(super) fn run(command: impl Future<Output = Result<Exit, DaemonError>>) -> Exit {
    block_on(async {
        command.await.unwrap_or_else(|error| {
            print_error_chain(&error);
            error.exit()
        })
    })
}

/// Checks a name that becomes a part of the request's path, which another name could change.
pub(super) fn check_name(name: &str) -> Result<(), DaemonError> {
    match SessionName::new(name) {
        Ok(_) => Ok(()),
        Err(_) => Err(DaemonError::NotASession(name.to_owned())),
    }
}

/// The field that a report has in every version.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl DaemonAnswer {
    /// Returns the body as text, with harmful control characters replaced by `?`.
    pub(super) fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        text.replace(|char: char| is_harmful(char) && char != '\n', "?")
    }

    /// Returns the body as JSON, with harmful control characters escaped.
    pub(super) fn json(&self) -> String {
        escape_json(String::from_utf8_lossy(&self.body).into_owned())
    }
}

impl SocketOptions {
    /// Names the socket at this path.
    pub(super) fn at(path: PathBuf) -> Self {
        Self {
            socket: Some(path),
            instance: None,
        }
    }

    /// Returns true if the command line names the socket or the instance.
    pub(super) fn is_named(&self) -> bool {
        self.socket.is_some() || self.instance.is_some()
    }

    /// Returns the user, the group and the process of the daemon, if a trusted one listens.
    pub(super) async fn peer(&self) -> Option<(u32, u32, Option<i32>)> {
        let path = find::find(self.socket.as_deref(), self.instance.as_deref()).ok()?;
        let connected = tokio::time::timeout(WITHIN, connect(&path)).await;
        let peer = connected.ok()?.ok()?.peer_cred().ok()?;
        Some((peer.uid(), peer.gid(), peer.pid()))
    }

    /// Makes the request `GET path`.
    pub(super) async fn get(&self, path: &str) -> Result<DaemonAnswer, DaemonError> {
        self.request(Method::GET, path).await
    }

    /// Makes the request `GET path`; returns the report, parsed and as received.
    pub(super) async fn report<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<(T, String), DaemonError> {
        let answer = self.get(path).await?;
        if answer.status != 200 {
            let message = answer.text().trim().to_owned();
            return Err(DaemonError::Refused(answer.status, message));
        }
        let Version { version } =
            serde_json::from_slice(&answer.body).map_err(DaemonError::NotUnderstood)?;
        if version != VERSION {
            return Err(DaemonError::OtherVersion(version));
        }
        let report = serde_json::from_slice(&answer.body).map_err(DaemonError::NotUnderstood)?;
        Ok((report, answer.json()))
    }

    /// Makes a request and waits for the whole answer.
    pub(super) async fn request(
        &self,
        method: Method,
        path: &str,
    ) -> Result<DaemonAnswer, DaemonError> {
        let socket = find::find(self.socket.as_deref(), self.instance.as_deref())?;
        let within = match method {
            Method::POST => COMMAND_WITHIN,
            _ => WITHIN,
        };
        let answer = request(&socket, method, path);
        match tokio::time::timeout(within, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(DaemonError::TooSlow {
                path: socket,
                within,
            }),
        }
    }
}

/// Connects to a trusted process; retries while the socket's queue of unaccepted connections is full.
async fn connect(socket: &Path) -> Result<UnixStream, DaemonError> {
    let path = socket.to_owned();
    let mut again = tokio::time::interval(RETRY_EVERY);
    let stream = loop {
        again.tick().await;
        match UnixStream::connect(socket).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(source) => return Err(DaemonError::NotConnected { path, source }),
            Ok(stream) => break stream,
        }
    };
    match stream.peer_cred() {
        Ok(peer) if !find::is_trusted(socket, peer.uid()) => {
            let uid = peer.uid();
            Err(DaemonError::Stranger { path, uid })
        }
        Ok(_) | Err(_) => Ok(stream),
    }
}

async fn request(socket: &Path, method: Method, path: &str) -> Result<DaemonAnswer, DaemonError> {
    let broken = |source: Box<dyn std::error::Error + Send + Sync>| DaemonError::Broken {
        path: socket.to_owned(),
        source,
    };
    let stream = connect(socket).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(error.into()))?;
    let http_request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "session-keepalive")
        .body(Empty::<&[u8]>::new())
        .map_err(|error| broken(error.into()))?;
    let answered = async {
        let response = sender.send_request(http_request).await?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), BODY_SIZE_MAX);
        let body = body.collect().await?.to_bytes().into();
        Ok(DaemonAnswer { status, body })
    };
    let driven = async {
        // The error is dropped, since the request fails with it as well.
        let _ended = connection.await;
        std::future::pending().await
    };
    tokio::select! {
        answered = answered => answered.map_err(broken),
        never = driven => never,
    }
}
