//! The API as far as one token needs it: healthy, but for the answers that it is told to give.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::json;
use session_keepalive::daemon::clock;
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

/// So short that a touch comes after some three seconds.
const IDLE_TIMEOUT: Duration = Duration::from_secs(8);

/// The API; it can go down and come back with what it was told.
pub(super) struct Api {
    address: SocketAddr,
    told: Told,
    /// The port, while nobody listens: it must not become another test's.
    closed: Option<TcpSocket>,
    open: Option<MockServer>,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Method, path and query.
    pub(super) what: String,
    pub(super) authorization: Option<String>,
    pub(super) at: Instant,
}

#[derive(Clone)]
struct Told(Arc<Mutex<State>>);

struct State {
    rules: Vec<Rule>,
    asked: Vec<Asked>,
    reset_at: Timestamp,
}

/// An answer to the next so many requests of a kind.
struct Rule {
    to: &'static str,
    times: usize,
    answer: ResponseTemplate,
}

impl Api {
    /// One that is served.
    pub(super) fn new() -> Self {
        let mut api = Self::that_is_down();
        api.up();
        api
    }

    /// One that refuses connections.
    pub(super) fn that_is_down() -> Self {
        let port = TcpSocket::new_v4().unwrap();
        port.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        // Not sooner: what is bound like this from the start may be given to two.
        port.set_reuseaddr(true).unwrap();
        Self {
            address: port.local_addr().unwrap(),
            told: Told(Arc::new(Mutex::new(State {
                rules: Vec::new(),
                asked: Vec::new(),
                reset_at: clock::wall(),
            }))),
            closed: Some(port),
            open: None,
        }
    }

    /// The next so many requests of a kind are answered with this, after those that were told earlier.
    pub(super) fn answers(self, to: &'static str, times: usize, answer: ResponseTemplate) -> Self {
        self.tell(to, times, answer);
        self
    }

    /// All requests of a kind are answered with this, after those that were told earlier.
    pub(super) fn always(self, to: &'static str, answer: ResponseTemplate) -> Self {
        self.answers(to, usize::MAX, answer)
    }

    pub(super) fn tell(&self, to: &'static str, times: usize, answer: ResponseTemplate) {
        self.told.state().rules.push(Rule { to, times, answer });
    }

    /// It is healthy from now on.
    pub(super) fn heal(&self) {
        self.told.state().rules.clear();
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.told.state().asked.clone()
    }

    pub(super) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves, at the address that it has had all along.
    pub(super) fn up(&mut self) {
        let port = self.closed.take().unwrap();
        let told = self.told.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build();
        self.open = Some(runtime.unwrap().block_on(async move {
            let listener = port.listen(1024).unwrap().into_std().unwrap();
            let server = MockServer::builder().listener(listener).start().await;
            let everything = Mock::given(any()).respond_with(told);
            everything.mount(&server).await;
            server
        }));
    }

    /// Refuses connections.
    pub(super) fn down(&mut self) {
        self.open = None;
        // The server ends when its own thread gets round to it.
        while self.closed.is_none() {
            let port = TcpSocket::new_v4().unwrap();
            port.set_reuseaddr(true).unwrap();
            self.closed = port.bind(self.address).is_ok().then_some(port);
        }
    }
}

impl Told {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Respond for Told {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut what = format!("{} {}", request.method, request.url.path());
        if let Some(query) = request.url.query() {
            what.push('?');
            what.push_str(query);
        }
        let authorization = request.headers.get("authorization");
        let asked = Asked {
            what,
            authorization: authorization.map(|value| value.to_str().unwrap().to_owned()),
            at: now(),
        };
        let wall = clock::wall();
        let mut state = self.state();
        let answer = state.answer(&asked.what, wall);
        state.asked.push(asked);
        let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&wall);
        answer.insert_header("Date", date.unwrap())
    }
}

impl State {
    fn answer(&mut self, what: &str, wall: Timestamp) -> ResponseTemplate {
        let mut rules = self.rules.iter_mut();
        if let Some(rule) = rules.find(|rule| rule.to == what && rule.times > 0) {
            rule.times -= 1;
            return rule.answer.clone();
        }
        match what {
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
            DELETE => {}
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
