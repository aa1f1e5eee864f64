//! The applications that read tokens from sinks, at once, late or never.

use std::time::Duration;

use fastrand::Rng;
use session_keepalive::sim::Fate;
use session_keepalive::time::Instant;

use super::{MINUTE, MintingWorld, RECOVERY};

/// The time by which an application follows its sink late.
const LATE: Duration = Duration::from_secs(20 * 60);

/// The way in which an application follows its sink.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in super::super) enum Habit {
    /// It reads a new token within a minute.
    Prompt,
    /// It reads a new token 20 minutes late.
    Late,
    /// It reads its token once, and again only after a 401.
    Never,
    /// No application uses the tokens of the session.
    Absent,
}

/// The application of a session.
pub(super) struct Application {
    pub(super) habit: Habit,
    /// The number of the token that it uses.
    pub(super) token: Option<usize>,
}

impl Habit {
    pub(super) fn of(number: usize) -> Self {
        [Self::Prompt, Self::Late, Self::Never, Self::Absent][number % 4]
    }

    /// Returns the time after which a token that was published is read, if it is read.
    pub(super) fn follows_after(self, is_first: bool, random: &mut Rng) -> Option<Duration> {
        match self {
            Self::Absent => None,
            Self::Prompt => Some(MINUTE.mul_f64(random.f64())),
            _ if is_first => Some(Duration::ZERO),
            Self::Late => Some(LATE),
            Self::Never => None,
        }
    }
}

impl Application {
    pub(super) fn new(habit: Habit) -> Self {
        Self { habit, token: None }
    }
}

impl MintingWorld {
    pub(super) fn follow(&mut self, number: usize) {
        let session = &mut self.sessions[number];
        session.application.token = session.published;
    }

    /// Calls the API with the application's token, and reads the sink after a 401.
    pub(super) fn use_token(&mut self, number: usize) {
        self.read_sink(number);
        let session = &self.sessions[number];
        let Some(token) = session.application.token.filter(|_| !self.is_stopping) else {
            return;
        };
        let value = &session.tokens[token].value;
        let server = &mut self.hosts[session.host].server;
        if server.touch_by_application(value, self.now) {
            return;
        }
        let (habit, replaced_at) = (session.application.habit, session.tokens[token].replaced_at);
        *self.summary.refused.entry(habit).or_default() += 1;
        let fate = self.fate(number, token);
        let is_unavoidable = match fate {
            // The token ended while it was in the sink, which `read_sink` judges.
            Fate::Expired(at) if replaced_at.is_none_or(|replaced_at| at <= replaced_at) => true,
            Fate::Expired(_) if habit == Habit::Never => true,
            // The next token could not be had so early that the application could follow.
            Fate::Expired(at) => self.was_unable(number, at, at - LATE),
            Fate::Living | Fate::Lapsed(_) | Fate::Revoked(_) | Fate::Evicted(_) => false,
        };
        if !is_unavoidable {
            let violation = format!(
                "ends a token that its application uses ({habit:?}): {fate:?}, replaced at {replaced_at:?}"
            );
            self.fail(number, &violation);
        }
        self.follow(number);
    }

    /// Checks that the sink holds a living token if the login host gave one.
    fn read_sink(&mut self, number: usize) {
        let session = &self.sessions[number];
        let Some(token) = session.published.filter(|_| !self.is_stopping) else {
            return;
        };
        self.summary.readings += 1;
        let ended_at = match self.fate(number, token) {
            Fate::Living => return,
            Fate::Expired(at) => at,
            fate @ (Fate::Lapsed(_) | Fate::Revoked(_) | Fate::Evicted(_)) => self.fail(
                number,
                &format!("has a token in its sink that ended: {fate:?}"),
            ),
        };
        self.summary.dead_readings += 1;
        if !self.was_unable(number, ended_at, self.now) {
            let violation = format!("has a token in its sink that expired at {ended_at:?}");
            self.fail(number, &violation);
        }
    }

    /// Returns true if the login host gave no token from a tenth of the lifetime before the expiry
    /// until `until`, but for the time in which the session recovers.
    fn was_unable(&mut self, number: usize, expires_at: Instant, until: Instant) -> bool {
        let host = &self.hosts[self.sessions[number].host];
        let able = host.longest_able(expires_at - host.lifetime() / 10, until);
        self.summary.recovered_after = self.summary.recovered_after.max(able);
        able <= RECOVERY
    }
}
