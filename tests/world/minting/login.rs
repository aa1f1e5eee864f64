//! A login host with its organisation, its faults and the rate at which it is asked.

use std::collections::VecDeque;
use std::time::Duration;

use fastrand::Rng;
use session_keepalive::api::{Answer, minted};
use session_keepalive::keeper::{Failure, MintFailure, SessionId};
use session_keepalive::sim::{
    ClientSecret, IdleSettings, Method, Request, Response, RuleSpan, Server, Settings, SimFault,
};
use session_keepalive::time::Instant;

use super::MINUTE;

const CLIENT: &str = "client";
const SECRET: &str = "secret";

/// The burst and the interval of the attempts that a login host may get.
pub(super) const BURST: u32 = 5;
pub(super) const INTERVAL: Duration = Duration::from_secs(2);

/// The fault of a login host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LoginFault {
    None,
    /// It issues this number of tokens in a minute.
    Limited(usize),
    /// It answers with this status.
    Failing(u16),
    /// It answers nothing.
    Outage,
    /// Every second answer is lost, and with it a token that was issued.
    Lossy,
    /// A portal answers in its place.
    Portal,
    /// The secret of the client is wrong.
    WrongSecret,
}

impl LoginFault {
    /// Returns a random fault, other than the planned ones.
    pub(super) fn random(random: &mut Rng) -> Self {
        match random.u8(0..6) {
            0 | 1 => Self::Limited(random.usize(5..=20)),
            2 | 3 => Self::Failing([500, 502, 503, 504, 429][random.usize(0..5)]),
            4 => Self::Lossy,
            _ => Self::Portal,
        }
    }

    /// Returns true if a token can be had.
    fn is_able(self) -> bool {
        match self {
            Self::None | Self::Limited(_) => true,
            Self::Failing(_) | Self::Outage | Self::Lossy | Self::Portal | Self::WrongSecret => {
                false
            }
        }
    }
}

/// A login host and the API of its organisation.
pub(super) struct LoginHost {
    pub(super) server: Server,
    /// The session whose attempt is in flight.
    pub(super) in_flight: Option<SessionId>,
    fault: LoginFault,
    planned: Option<LoginFault>,
    /// The instants from which tokens can be had, or cannot.
    changes: Vec<(Instant, bool)>,
    /// The instant at which the whole burst is available again.
    full_at: Instant,
    /// The instants of the attempts in the last minute.
    recent: VecDeque<Instant>,
}

impl LoginHost {
    pub(super) fn new(lifetime: Duration, idle_timeout: Duration, seed: u64) -> Self {
        let settings = Settings {
            timeout: IdleSettings::of_organisation(idle_timeout),
            lifetime,
            clients: vec![(CLIENT.to_owned(), SECRET.to_owned())],
            ..Settings::default()
        };
        Self {
            server: Server::new(settings, seed),
            in_flight: None,
            fault: LoginFault::None,
            planned: None,
            changes: vec![(Instant::BOOT, true)],
            full_at: Instant::BOOT,
            recent: VecDeque::new(),
        }
    }

    pub(super) fn lifetime(&self) -> Duration {
        self.server.settings().lifetime
    }

    pub(super) fn fault(&self) -> LoginFault {
        self.planned.unwrap_or(self.fault)
    }

    pub(super) fn has_fault(&self) -> bool {
        self.fault() != LoginFault::None
    }

    pub(super) fn set_fault(&mut self, fault: LoginFault, now: Instant) {
        self.fault = fault;
        let limit = if let LoginFault::Limited(limit) = fault {
            Some(limit)
        } else {
            None
        };
        self.server
            .alter(now, |settings| settings.mints_a_minute = limit);
        self.record_change(now);
    }

    pub(super) fn begin_planned(&mut self, fault: LoginFault, now: Instant) {
        self.planned = Some(fault);
        self.record_change(now);
    }

    /// Ends the planned fault, and returns which one it was.
    pub(super) fn end_planned(&mut self, now: Instant) -> Option<LoginFault> {
        let ended = self.planned.take();
        self.record_change(now);
        ended
    }

    fn record_change(&mut self, now: Instant) {
        let is_able = self.fault().is_able();
        if self.changes.last().is_none_or(|&(_, last)| last != is_able) {
            self.changes.push((now, is_able));
        }
    }

    /// Returns the longest time between two instants for which tokens could be had all along.
    pub(super) fn longest_able(&self, from: Instant, until: Instant) -> Duration {
        let ends = self.changes.iter().skip(1).map(|&(at, _)| at);
        let ends = ends.chain([until]);
        let spans = self.changes.iter().zip(ends);
        let able = spans.filter(|((_, is_able), _)| *is_able);
        let able =
            able.map(|((began_at, _), end_at)| end_at.min(until).since(*began_at.max(&from)));
        able.max().unwrap_or_default()
    }

    /// Returns true if another attempt is within the rate, and counts it.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        let is_within = self.full_at <= now + INTERVAL * (BURST - 1);
        self.full_at = self.full_at.max(now) + INTERVAL;
        self.recent.retain(|&at| now.since(at) < MINUTE);
        self.recent.push_back(now);
        is_within
    }

    /// Returns the number of attempts in the last second and in the last minute.
    pub(super) fn attempts(&self) -> (usize, usize) {
        let Some(&last_at) = self.recent.back() else {
            return (0, 0);
        };
        let second = Duration::from_secs(1);
        let in_second = self.recent.iter().filter(|at| last_at.since(**at) < second);
        (in_second.count(), self.recent.len())
    }

    /// Answers a request for a token: with the token and its lifetime, or the failure.
    pub(super) fn mint(
        &mut self,
        now: Instant,
        random: &mut Rng,
    ) -> Result<(String, Option<Duration>), MintFailure> {
        let timed_out = MintFailure::Unreachable(Failure::TimedOut);
        let response = match self.fault() {
            LoginFault::Failing(status) => self.answer(SECRET, Some(SimFault::empty(status)), now),
            LoginFault::Portal => self.answer(SECRET, Some(SimFault::Page), now),
            LoginFault::Outage => return Err(timed_out),
            LoginFault::WrongSecret => self.answer("another", None, now),
            LoginFault::None | LoginFault::Limited(_) => self.answer(SECRET, None, now),
            LoginFault::Lossy => {
                let response = self.answer(SECRET, None, now);
                if random.bool() {
                    return Err(timed_out);
                }
                response
            }
        };
        let answer = Answer {
            status: response.status,
            date: None,
            retry_after: response.header("Retry-After"),
            correlation_id: None,
            content_type: response.header("Content-Type"),
            content_encoding: None,
            age: None,
            body: &response.body,
        };
        let minted = minted(&answer)?;
        let value = String::from_utf8(minted.token.expose().to_vec());
        Ok((value.expect("the simulator issues text"), minted.lifetime))
    }

    fn answer(&mut self, secret: &str, fault: Option<SimFault>, now: Instant) -> Response {
        if let Some(fault) = fault {
            self.server.script().befall_all(RuleSpan::Times(1), fault);
        }
        let request = Request {
            client: Some(ClientSecret { id: CLIENT, secret }),
            content_type: Some("application/x-www-form-urlencoded"),
            body: b"grant_type=client_credentials",
            ..Request::new(Method::Post, "/oauth/token")
        };
        self.server.answer(&request, now).response
    }
}
