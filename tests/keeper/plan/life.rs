//! A keeper and the simulated server in virtual time.

use std::time::Duration;

use session_keepalive::keeper::{
    Command, Failure, HostId, Keeper, Limits, LiveTokenView, Operation, Policy, SessionId, State,
    Touch,
};
use session_keepalive::sim::{IdleSettings, Request, Server, Settings, TokenSpec};

use crate::keeper::answers::{failed, understood};
use session_keepalive::time::Instant;
use session_keepalive::token::Fingerprint;

/// A request of the keeper.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    operation: Operation,
    pub(super) at: Instant,
}

/// A keeper whose sessions all got a new token at the same time, and the organisation's server.
pub(super) struct Life {
    keeper: Keeper,
    server: Server,
    pub(super) now: Instant,
    sessions: Vec<SessionId>,
    pub(super) sent: Vec<Sent>,
    /// The instants from and until which connections are refused.
    refused: (Instant, Instant),
    /// The longest time from a request to its answer. It moves the clock, so that it suits tests
    /// with one session only.
    pub(super) latency: Duration,
    random: fastrand::Rng,
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn hours(hours: u64) -> Duration {
    seconds(3600 * hours)
}

impl Life {
    pub(super) fn new(policy: Policy, sessions: u32, idle_timeout: Duration, seed: u64) -> Self {
        let mut server = Server::new(
            Settings {
                timeout: IdleSettings::of_organisation(idle_timeout),
                lifetime: hours(1000),
                ..Settings::default()
            },
            seed,
        );
        // The start is not a whole second, since the server truncates its times to whole seconds.
        let now = Instant::BOOT + Duration::from_millis(1000 * seed + 137 * seed);
        let mut keeper = Keeper::new(Limits::default(), seed);
        let ids = (0..sessions).map(|number| {
            let name = number.to_string();
            server.add_token(TokenSpec::user(&name, &name), now);
            let id = keeper.handle_added(HostId(0), policy);
            keeper.handle_token(
                id,
                Fingerprint::of(name.as_bytes()),
                session_keepalive::keeper::Offer::Seen,
                now,
            );
            id
        });
        let ids = ids.collect();
        Self {
            keeper,
            server,
            now,
            sessions: ids,
            sent: Vec::new(),
            refused: (Instant::BOOT, Instant::BOOT),
            latency: Duration::ZERO,
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// Moves the clock by `time`; requests are answered at once, or after the latency.
    pub(super) fn pass(&mut self, time: Duration) -> &mut Self {
        let end = self.now + time;
        loop {
            while let Some(command) = self.keeper.poll_command(self.now) {
                self.answer(command);
            }
            while self.keeper.poll_event().is_some() {}
            match self.keeper.poll_timeout() {
                Some(at) if at <= end => self.now = at,
                _ => break,
            }
        }
        self.now = end;
        self
    }

    fn answer(&mut self, command: Command) {
        let (operation, session) = (command.operation, command.ticket.session);
        self.sent.push(Sent {
            operation,
            at: self.now,
        });
        self.now = self.now + self.latency.mul_f64(self.random.f64());
        let outcome = if self.refused.0 <= self.now && self.now < self.refused.1 {
            failed(Failure::NotConnected)
        } else {
            let number = self.sessions.iter().position(|id| *id == session).unwrap();
            let token = number.to_string();
            let request = match operation {
                Operation::Peek => Request::peek_me(&token),
                Operation::Touch(Touch::Head) => Request::head_me(&token),
                Operation::Touch(Touch::Get) => Request::get_me(&token),
                Operation::ReadTimeout => Request::get_timeout(&token),
                Operation::Revoke => Request::delete_me(&token),
            };
            let answer = self.server.answer(&request, self.now);
            understood(operation, &answer.response)
        };
        self.keeper
            .handle_outcome(command.ticket, &outcome, self.now);
    }

    /// Refuses connections for `time`.
    pub(super) fn outage(&mut self, time: Duration) -> &mut Self {
        self.refused = (self.now, self.now + time);
        self
    }

    /// Resets the first token's idle timer, as a request of the application does.
    pub(super) fn application(&mut self) -> &mut Self {
        self.server.answer(&Request::get_me("0"), self.now);
        self
    }

    /// Moves the clock to two seconds before the next touch, and drops the sent requests.
    pub(super) fn pass_until_a_touch_is_near(&mut self) {
        let touch_at = self.alive().touch_at.unwrap();
        let wait = touch_at.until(self.now).saturating_sub(seconds(2));
        self.pass(wait).sent.clear();
    }

    /// Returns the knowledge about the first session's token.
    pub(super) fn alive(&self) -> LiveTokenView {
        let view = self.keeper.view(self.sessions[0], self.now).unwrap();
        view.live.unwrap()
    }

    pub(super) fn state(&self) -> State {
        self.keeper.view(self.sessions[0], self.now).unwrap().state
    }

    /// Returns the instants of the sent requests whose operation matches.
    pub(super) fn times(&self, is_match: impl Fn(Operation) -> bool) -> Vec<Instant> {
        let matches = self.sent.iter().filter(|sent| is_match(sent.operation));
        matches.map(|sent| sent.at).collect()
    }

    pub(super) fn touches(&self, touch: Touch) -> Vec<Instant> {
        self.times(|operation| operation == Operation::Touch(touch))
    }
}
