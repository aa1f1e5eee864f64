//! A keeper that lives through virtual time, with the simulated server at the other end.

use std::time::Duration;

use crate::keeper::{
    Command, Failure, HeldView, HostId, Instant, Keeper, Limits, Operation, Policy, SessionId,
    State, Touch,
};
use crate::sim::{IdleTimeout, Request, Server, Settings, TokenSpec, failed, understood};
use crate::token::Fingerprint;

/// One request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    operation: Operation,
    pub(super) at: Instant,
}

/// A keeper of sessions that all got a fresh token at once, and the organisation's server.
pub(super) struct Life {
    keeper: Keeper,
    server: Server,
    pub(super) now: Instant,
    sessions: Vec<SessionId>,
    pub(super) sent: Vec<Sent>,
    /// Connections are refused from the first of these moments to the second.
    refused: (Instant, Instant),
    /// How long a request is under way at the most; of use with one session alone.
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
                timeout: IdleTimeout::of_organisation(idle_timeout),
                lifetime: hours(1000),
                ..Settings::default()
            },
            seed,
        );
        // Not a whole second: what the server says is cut to those.
        let now = Instant::BOOT + Duration::from_millis(1000 * seed + 137 * seed);
        let mut keeper = Keeper::new(Limits::default(), seed);
        let ids = (0..sessions).map(|number| {
            let name = number.to_string();
            server.add_token(TokenSpec::user(&name, &name), now);
            let id = keeper.handle_added(HostId(0), policy);
            keeper.handle_token(id, Fingerprint::of(name.as_bytes()), now);
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

    /// Lets time pass; requests are answered at once, or after the latency.
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
            let number = self.sessions.iter().position(|it| *it == session).unwrap();
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

    /// Refuses connections for so long.
    pub(super) fn outage(&mut self, time: Duration) -> &mut Self {
        self.refused = (self.now, self.now + time);
        self
    }

    /// The application uses the token.
    pub(super) fn application(&mut self) -> &mut Self {
        self.server.answer(&Request::get_me("0"), self.now);
        self
    }

    /// Lets time pass until two seconds before the next touch, and forgets what was sent.
    pub(super) fn pass_until_a_touch_is_near(&mut self) {
        let touch_at = self.held().touch_at.unwrap();
        let wait = touch_at.until(self.now).saturating_sub(seconds(2));
        self.pass(wait).sent.clear();
    }

    /// What is known of the first session's token.
    pub(super) fn held(&self) -> HeldView {
        let view = self.keeper.view(self.sessions[0], self.now).unwrap();
        view.held.unwrap()
    }

    pub(super) fn state(&self) -> State {
        self.keeper.view(self.sessions[0], self.now).unwrap().state
    }

    /// When this was asked.
    pub(super) fn times(&self, is_it: impl Fn(Operation) -> bool) -> Vec<Instant> {
        let asked = self.sent.iter().filter(|sent| is_it(sent.operation));
        asked.map(|sent| sent.at).collect()
    }

    pub(super) fn touches(&self, touch: Touch) -> Vec<Instant> {
        self.times(|operation| operation == Operation::Touch(touch))
    }
}
