//! A server with the part of the API that one token needs: healthy, except for configured answers.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::json;
use session_keepalive::sys::clock;
use tokio::net::TcpSocket;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::it::support::keepalive::now;

pub(super) const TOKEN: &str = "the-token-of-the-kiosk";

pub(super) const PEEK: &str = "GET /api/v2/tokens/me?preserveIdleTTL=true";
pub(super) const HEAD: &str = "HEAD /api/v2/tokens/me";
pub(super) const GET: &str = "GET /api/v2/tokens/me";
pub(super) const TIMEOUT: &str = "GET /api/v2/tokens/timeout";
pub(super) const DELETE: &str = "DELETE /api/v2/tokens/me";

/// The idle timeout, which is so short that a touch comes after about three seconds.
const IDLE_TIMEOUT: Duration = Duration::from_secs(8);

/// The API. It can go down and come back with the same configured answers.
pub(super) struct Api {
    address: SocketAddr,
    state: SharedState,
    /// The socket that reserves the port while the server is down, so that no other test gets it.
    closed: Option<TcpSocket>,
    open: Option<MockServer>,
}

/// A received request.
#[derive(Clone, Debug)]
pub(super) struct ReceivedRequest {
    /// Method, path and query.
    pub(super) target: String,
    pub(super) authorization: Option<String>,
    pub(super) at: Instant,
}

#[derive(Clone)]
struct SharedState(Arc<Mutex<ScriptState>>);

struct ScriptState {
    rules: Vec<ScriptedAnswer>,
    requests: Vec<ReceivedRequest>,
    reset_at: Timestamp,
}

/// The answer to a number of requests of one kind.
struct ScriptedAnswer {
    to: &'static str,
    times: usize,
    answer: ResponseTemplate,
}

impl Api {
    /// Creates a server that is up.
    pub(super) fn new() -> Self {
        let mut api = Self::that_is_down();
        api.up();
        api
    }

    /// Creates a server that refuses connections.
    pub(super) fn that_is_down() -> Self {
        let port = TcpSocket::new_v4().unwrap();
        port.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        // The option is set after `bind`: with it, two sockets could be bound to the same port.
        port.set_reuseaddr(true).unwrap();
        Self {
            address: port.local_addr().unwrap(),
            state: SharedState(Arc::new(Mutex::new(ScriptState {
                rules: Vec::new(),
                requests: Vec::new(),
                reset_at: clock::wall(),
            }))),
            closed: Some(port),
            open: None,
        }
    }

    /// Answers the next requests of a kind with this, after the answers that were added before.
    pub(super) fn answers(self, to: &'static str, times: usize, answer: ResponseTemplate) -> Self {
        self.add_rule(to, times, answer);
        self
    }

    /// Answers all requests of a kind with this, after the answers that were added before.
    pub(super) fn always(self, to: &'static str, answer: ResponseTemplate) -> Self {
        self.answers(to, usize::MAX, answer)
    }

    pub(super) fn add_rule(&self, to: &'static str, times: usize, answer: ResponseTemplate) {
        self.state
            .lock()
            .rules
            .push(ScriptedAnswer { to, times, answer });
    }

    /// Removes all configured answers.
    pub(super) fn heal(&self) {
        self.state.lock().rules.clear();
    }

    pub(super) fn requests(&self) -> Vec<ReceivedRequest> {
        self.state.lock().requests.clone()
    }

    pub(super) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Starts the server at its address.
    pub(super) fn up(&mut self) {
        let port = self.closed.take().unwrap();
        let state = self.state.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build();
        self.open = Some(runtime.unwrap().block_on(async move {
            let listener = port.listen(1024).unwrap().into_std().unwrap();
            let server = MockServer::builder().listener(listener).start().await;
            let everything = Mock::given(any()).respond_with(state);
            everything.mount(&server).await;
            server
        }));
    }

    /// Stops the server, so that connections are refused.
    pub(super) fn down(&mut self) {
        self.open = None;
        // The server's own thread closes its socket some time later.
        while self.closed.is_none() {
            let port = TcpSocket::new_v4().unwrap();
            port.set_reuseaddr(true).unwrap();
            self.closed = port.bind(self.address).is_ok().then_some(port);
        }
    }
}

impl SharedState {
    fn lock(&self) -> MutexGuard<'_, ScriptState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Respond for SharedState {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut target = format!("{} {}", request.method, request.url.path());
        if let Some(query) = request.url.query() {
            target.push('?');
            target.push_str(query);
        }
        let authorization = request.headers.get("authorization");
        let received = ReceivedRequest {
            target,
            authorization: authorization.map(|value| value.to_str().unwrap().to_owned()),
            at: now(),
        };
        let wall = clock::wall();
        let mut state = self.lock();
        let answer = state.answer(&received.target, wall);
        state.requests.push(received);
        let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&wall);
        answer.insert_header("Date", date.unwrap())
    }
}

impl ScriptState {
    fn answer(&mut self, target: &str, wall: Timestamp) -> ResponseTemplate {
        let mut rules = self.rules.iter_mut();
        if let Some(rule) = rules.find(|rule| rule.to == target && rule.times > 0) {
            rule.times -= 1;
            return rule.answer.clone();
        }
        match target {
            HEAD => self.reset_at = wall,
            GET => {
                self.reset_at = wall;
                return self.token_info();
            }
            PEEK => return self.token_info(),
            TIMEOUT => {
                self.reset_at = wall;
                return ResponseTemplate::new(200).set_body_json(json!({
                    "idleTokenTimeoutSeconds": IDLE_TIMEOUT.as_secs(),
                    "enableIdleTokenTimeout": true,
                }));
            }
            // Every answer of the API has a correlation id.
            DELETE => {
                return ResponseTemplate::new(200).insert_header("ININ-Correlation-Id", "c-0815");
            }
            _ => return ResponseTemplate::new(404),
        }
        ResponseTemplate::new(200)
    }

    fn token_info(&self) -> ResponseTemplate {
        let idles_at = self.reset_at + IDLE_TIMEOUT;
        ResponseTemplate::new(200).set_body_json(json!({
            "organization": { "id": "o-1", "name": "Acme" },
            "dateTokenIdles": format!("{idles_at:.3}"),
        }))
    }
}
