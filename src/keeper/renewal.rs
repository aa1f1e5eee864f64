//! When a new token is obtained: before the present one expires, when there is none, and never more
//! often than the limits allow, whatever the answers are.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::event::EventKind;
use super::outcome::Failure;
use super::session::KeeperState;
use super::{Expiry, SessionId};
use crate::time::Instant;

/// The tokens that a login host is asked for at once before the rate limit applies. The measured
/// limit of the vendor's host is ten in a second.
pub const MINT_BURST: u32 = 5;

/// The interval at which a login host is asked for further tokens: half of the measured rate of 50
/// tokens in a minute.
pub const MINT_INTERVAL: Duration = Duration::from_secs(2);

/// The shortest time between two tokens of a session, unless a quarter of the lifetime is shorter.
const TOKENS_APART: Duration = Duration::from_secs(60);

/// The shortest time between two attempts of a session.
const ATTEMPTS_APART_MIN: Duration = Duration::from_secs(5);

/// The largest number of attempts of a session in [`HOUR`].
const ATTEMPTS_AN_HOUR: usize = 60;
const HOUR: Duration = Duration::from_secs(3600);

/// The interval of attempts with credentials that were refused twice.
const REFUSED_EVERY: Duration = Duration::from_secs(15 * 60);

/// The longest delay after failures that pass.
const RETRY_MAX: Duration = Duration::from_secs(300);

/// The time after which an attempt is given up, should the daemon never report its outcome.
const GIVE_UP_AFTER: Duration = Duration::from_secs(120);

/// The least time before the expiry at which a new token is obtained.
const RENEW_BEFORE_MIN: Duration = Duration::from_secs(600);

/// The number of a login host, which the daemon assigns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LoginId(pub u32);

/// The way in which a session obtains new tokens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Renewal {
    /// The login host that mints the tokens; `None` if a program prints them.
    pub login: Option<LoginId>,
    /// The configured age at which a token is replaced, if its expiry does not come first.
    pub every: Option<Duration>,
    /// The time for which the earlier token must not be used before it is released.
    pub overlap: Duration,
}

/// An attempt to obtain a token, to be made at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MintCommand {
    /// The session that needs the token.
    pub session: SessionId,
    /// The number that is returned with the outcome.
    pub number: u64,
}

/// The outcome of an attempt to obtain a token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MintOutcome {
    /// A token was issued. The daemon offers it to the keeper as well.
    Minted,
    /// No token was issued.
    Failed(MintFailure),
}

/// The reason for which no token was issued.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MintFailure {
    /// The login host does not know the client or its secret, or belongs to another region.
    InvalidClient,
    /// The client may not use the client credentials grant.
    WrongGrant,
    /// Another error of the login host, with its status and code.
    Rejected(u16, Arc<str>),
    /// The login host limits the rate.
    Throttled(Option<Duration>),
    /// The answer is not the login host's: a portal or a gateway.
    NotTheLoginHost,
    /// No usable answer arrived.
    Unreachable(Failure),
    /// The secret of the client cannot be read; the text names the place and the reason.
    SecretUnreadable(Arc<str>),
    /// The program printed the token that the session has.
    NothingNew,
}

impl MintFailure {
    /// Returns true if only a change of the configuration or the client can help.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::InvalidClient | Self::WrongGrant | Self::Rejected(..) => true,
            Self::Throttled(_)
            | Self::NotTheLoginHost
            | Self::Unreachable(_)
            | Self::SecretUnreadable(_)
            | Self::NothingNew => false,
        }
    }

    /// Returns the word for machines.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::InvalidClient => "invalid_client",
            Self::WrongGrant => "wrong_grant",
            Self::Rejected(..) => "rejected",
            Self::Throttled(_) => "throttled",
            Self::NotTheLoginHost => "not_the_login_host",
            Self::Unreachable(_) => "unreachable",
            Self::SecretUnreadable(_) => "secret_unreadable",
            Self::NothingNew => "nothing_new",
        }
    }
}

impl fmt::Display for MintFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidClient => formatter.write_str("the login host refuses the client"),
            Self::WrongGrant => {
                formatter.write_str("the client may not use the client credentials grant")
            }
            Self::Rejected(status, code) => {
                write!(
                    formatter,
                    "the login host refuses the request ({status} {code})"
                )
            }
            Self::Throttled(_) => formatter.write_str("the login host limits the rate of tokens"),
            Self::NotTheLoginHost => {
                formatter.write_str("something other than the login host answers")
            }
            Self::Unreachable(failure) => failure.fmt(formatter),
            Self::SecretUnreadable(reason) => {
                write!(formatter, "the client's secret cannot be read: {reason}")
            }
            Self::NothingNew => formatter.write_str("the program prints the present token again"),
        }
    }
}

/// Returns the instant at which the token with this expiry is replaced: at the largest of a tenth
/// of its lifetime, twice the margin and ten minutes before the expiry, but not before half of the
/// lifetime. `jitter`, 0 to 1, makes it earlier by up to a twentieth of the lifetime.
pub(super) fn renew_at(expiry: Expiry, margin: Duration, jitter: f64) -> Instant {
    let half = expiry.lifetime / 2;
    let before = (expiry.lifetime / 10)
        .max(margin.saturating_mul(2))
        .max(RENEW_BEFORE_MIN);
    let earlier = (expiry.lifetime / 20).mul_f64(jitter.clamp(0.0, 1.0));
    expiry.at - before.saturating_add(earlier).min(half)
}

/// Returns the shortest time between two tokens of a session whose tokens have this lifetime.
pub(super) fn tokens_apart(lifetime: Option<Duration>) -> Duration {
    lifetime.map_or(TOKENS_APART, |lifetime| {
        (lifetime / 4).clamp(ATTEMPTS_APART_MIN, TOKENS_APART)
    })
}

/// The need of a session for a new token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Need {
    /// The instant from which a new token is needed.
    pub(super) at: Instant,
    /// The login host.
    pub(super) login: Option<LoginId>,
    /// The lifetime of the session's last token, if it is known.
    pub(super) lifetime: Option<Duration>,
}

/// The attempts of all sessions to obtain tokens.
#[derive(Debug, Default)]
pub(super) struct Renewals {
    logins: BTreeMap<LoginId, Login>,
    sessions: BTreeMap<SessionId, Attempts>,
    /// The instants at which the next attempts are allowed as far as each session is concerned,
    /// and at which those in flight are given up.
    queue: BTreeSet<(Instant, SessionId)>,
    numbers: u64,
}

/// The rate limit of a login host, and the session whose attempt is in flight there.
#[derive(Debug)]
struct Login {
    in_flight: Option<SessionId>,
    /// The instant at which the burst is available again as a whole.
    full_at: Instant,
}

/// The attempts of one session.
#[derive(Debug, Default)]
struct Attempts {
    need: Option<Need>,
    /// The place in the queue.
    queued_at: Option<Instant>,
    in_flight: Option<InFlightAttempt>,
    /// The instant at which the last token was issued.
    minted_at: Option<Instant>,
    /// The instants of the attempts in the last hour.
    recent: VecDeque<Instant>,
    /// The number of consecutive failures, and the earliest instant of the next attempt after them.
    failures: u32,
    retry_at: Instant,
    /// The kind of failure that was reported last since a token was issued.
    reported: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
struct InFlightAttempt {
    number: u64,
    login: Option<LoginId>,
    give_up_at: Instant,
}

impl Attempts {
    /// Returns the earliest instant at which the session may make the attempt that it needs.
    fn next_at(&self) -> Option<Instant> {
        let need = self.need?;
        let after_minted = self.minted_at.map(|at| at + tokens_apart(need.lifetime));
        let after_last = self.recent.back().map(|&at| at + ATTEMPTS_APART_MIN);
        let is_hour_full = self.recent.len() >= ATTEMPTS_AN_HOUR;
        let hour_at = self.recent.front().filter(|_| is_hour_full);
        let hour_at = hour_at.map(|&at| at + HOUR);
        let limits = [after_minted, after_last, hour_at, Some(self.retry_at)];
        limits.into_iter().flatten().max().map(|at| at.max(need.at))
    }

    fn place(&self) -> Option<Instant> {
        match self.in_flight {
            Some(in_flight) => Some(in_flight.give_up_at),
            None => self.next_at(),
        }
    }
}

impl Login {
    /// Returns the instant from which another attempt is allowed.
    fn free_at(&self) -> Instant {
        self.full_at - MINT_INTERVAL * (MINT_BURST - 1)
    }

    fn record(&mut self, session: SessionId, now: Instant) {
        self.in_flight = Some(session);
        self.full_at = self.full_at.max(now) + MINT_INTERVAL;
    }
}

impl Renewals {
    /// Replaces the need of a session.
    pub(super) fn set(&mut self, session: SessionId, need: Option<Need>) {
        if need.is_none() && !self.sessions.contains_key(&session) {
            return;
        }
        let attempts = self.sessions.entry(session).or_default();
        if attempts.need != need {
            attempts.need = need;
            self.place(session);
        }
    }

    /// Removes a session.
    pub(super) fn forget(&mut self, session: SessionId) {
        let Some(attempts) = self.sessions.remove(&session) else {
            return;
        };
        if let Some(at) = attempts.queued_at {
            self.queue.remove(&(at, session));
        }
        if let Some(login) = attempts.in_flight.and_then(|in_flight| in_flight.login) {
            self.release(login, session);
        }
    }

    /// Forgets the failures of a session, since its configuration or an operator says that the next
    /// attempt may succeed. The limits stay.
    pub(super) fn retry_now(&mut self, session: SessionId) {
        if let Some(attempts) = self.sessions.get_mut(&session) {
            attempts.failures = 0;
            attempts.retry_at = Instant::BOOT;
            self.place(session);
        }
    }

    /// Returns the failures of a session since its last token was issued.
    pub(super) fn failures(&self, session: SessionId) -> u32 {
        self.sessions
            .get(&session)
            .map_or(0, |attempts| attempts.failures)
    }

    /// Returns the earliest instant of the session's next attempt.
    pub(super) fn next_at(&self, session: SessionId) -> Option<Instant> {
        let attempts = self.sessions.get(&session)?;
        let login = attempts
            .need?
            .login
            .and_then(|login| self.logins.get(&login));
        let free_at = login.map(Login::free_at).unwrap_or_default();
        attempts.next_at().map(|at| at.max(free_at))
    }

    /// Returns an attempt that is due, and records it.
    pub(super) fn poll(&mut self, now: Instant) -> Option<MintCommand> {
        let due = self.queue.iter().take_while(|(at, _)| *at <= now);
        let due: Vec<_> = due.map(|&(_, session)| session).collect();
        for session in due {
            if self.give_up(session, now) {
                continue;
            }
            let need = self.sessions.get(&session).and_then(|known| known.need);
            let Some(need) = need.filter(|need| self.is_free(need.login, now)) else {
                continue;
            };
            if let Some(login) = need.login {
                let login = self.logins.entry(login).or_insert(Login {
                    in_flight: None,
                    full_at: now,
                });
                login.record(session, now);
            }
            self.numbers += 1;
            let number = self.numbers;
            if let Some(attempts) = self.sessions.get_mut(&session) {
                attempts.recent.retain(|&at| now.since(at) < HOUR);
                attempts.recent.push_back(now);
                attempts.in_flight = Some(InFlightAttempt {
                    number,
                    login: need.login,
                    give_up_at: now + GIVE_UP_AFTER,
                });
            }
            self.place(session);
            return Some(MintCommand { session, number });
        }
        None
    }

    /// Returns the instant at which [`Self::poll`] is to be called again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let at = |&(at, session): &(Instant, SessionId)| {
            let attempts = self.sessions.get(&session)?;
            if attempts.in_flight.is_some() {
                return Some(at);
            }
            let login = attempts
                .need?
                .login
                .and_then(|login| self.logins.get(&login));
            match login {
                // The outcome of the attempt in flight wakes the daemon.
                Some(login) if login.in_flight.is_some() => None,
                Some(login) => Some(at.max(login.free_at())),
                None => Some(at),
            }
        };
        let mut first: Option<Instant> = None;
        for entry in &self.queue {
            if first.is_some_and(|first| first <= entry.0) {
                break;
            }
            first = first.into_iter().chain(at(entry)).min();
        }
        first
    }

    /// Handles the outcome of an attempt; one with a stale number is dropped. Returns the event for
    /// people, if there is one.
    pub(super) fn handle_outcome(
        &mut self,
        session: SessionId,
        number: u64,
        outcome: &MintOutcome,
        now: Instant,
        shared: &mut KeeperState,
    ) -> Option<EventKind> {
        let attempts = self.sessions.get_mut(&session)?;
        let in_flight = attempts
            .in_flight
            .take_if(|in_flight| in_flight.number == number)?;
        let kind = match outcome {
            MintOutcome::Minted => {
                attempts.failures = 0;
                attempts.retry_at = Instant::BOOT;
                attempts.reported = None;
                attempts.minted_at = Some(now);
                Some(EventKind::Minted)
            }
            MintOutcome::Failed(failure) => {
                attempts.failures = attempts.failures.saturating_add(1);
                let delay = delay(failure, attempts.failures);
                let jitter = delay.mul_f64(shared.rng.f64() / 4.0);
                attempts.retry_at = now + delay.saturating_add(jitter);
                let is_new = attempts.reported.replace(failure.as_str()) != Some(failure.as_str());
                is_new.then(|| EventKind::MintFailed(failure.clone()))
            }
        };
        if let Some(login) = in_flight.login {
            self.release(login, session);
        }
        self.place(session);
        kind
    }

    /// Gives up an attempt whose outcome never came. Returns true if there was one.
    fn give_up(&mut self, session: SessionId, now: Instant) -> bool {
        let Some(attempts) = self.sessions.get_mut(&session) else {
            return true;
        };
        let Some(given_up) = attempts
            .in_flight
            .take_if(|attempt| attempt.give_up_at <= now)
        else {
            return attempts.in_flight.is_some();
        };
        attempts.failures = attempts.failures.saturating_add(1);
        if let Some(login) = given_up.login {
            self.release(login, session);
        }
        self.place(session);
        true
    }

    fn is_free(&self, login: Option<LoginId>, now: Instant) -> bool {
        login
            .and_then(|login| self.logins.get(&login))
            .is_none_or(|login| login.in_flight.is_none() && login.free_at() <= now)
    }

    fn release(&mut self, login: LoginId, session: SessionId) {
        if let Some(login) = self.logins.get_mut(&login) {
            login.in_flight.take_if(|current| *current == session);
        }
    }

    fn place(&mut self, session: SessionId) {
        let Some(attempts) = self.sessions.get_mut(&session) else {
            return;
        };
        let at = attempts.place();
        if attempts.queued_at == at {
            return;
        }
        if let Some(earlier) = attempts.queued_at {
            self.queue.remove(&(earlier, session));
        }
        if let Some(at) = at {
            self.queue.insert((at, session));
        }
        attempts.queued_at = at;
    }
}

/// Returns the delay after this many consecutive failures.
fn delay(failure: &MintFailure, failures: u32) -> Duration {
    let growing = Duration::from_secs(5).saturating_mul(1 << failures.clamp(1, 7));
    if let MintFailure::Throttled(after) = failure {
        after.unwrap_or_default().clamp(growing, HOUR)
    } else if !failure.is_permanent() {
        growing.min(RETRY_MAX)
    } else if failures == 1 {
        // The secret may just have been replaced, so it is read once more.
        ATTEMPTS_APART_MIN
    } else {
        REFUSED_EVERY
    }
}
