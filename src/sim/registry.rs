//! The tokens and users of an organisation, indexed by token value and by user id.

use std::collections::{HashMap, VecDeque};

use super::ApiOperation;
use super::server::TimeoutHistory;
use crate::time::Instant;
use std::time::Duration;

/// The number of a token, never reused for another token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TokenNumber(usize);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct UserNumber(usize);

#[derive(Default)]
pub(super) struct Registry {
    tokens: Vec<SimToken>,
    users: Vec<SimUser>,
    // The maps are never iterated: the order of a hash map differs between runs with equal seeds.
    by_value: HashMap<Box<str>, TokenNumber>,
    by_user: HashMap<Box<str>, UserNumber>,
}

pub(super) struct SimToken {
    pub(super) value: Box<str>,
    pub(super) holder: Holder,
    pub(super) permissions: Vec<Permission>,
    pub(super) expires_at: Instant,
    /// The start of the current minute of the rate limit.
    pub(super) minute_began_at: Instant,
    pub(super) calls_in_minute: u32,
    pub(super) record: Record,
    /// The timeout period in which the token's fate was last updated.
    period: usize,
}

pub(super) enum Holder {
    User {
        number: UserNumber,
        scopes: Vec<String>,
    },
    Client {
        id: String,
    },
}

struct SimUser {
    groups: Vec<String>,
    /// The tokens that may be alive, oldest first.
    tokens: VecDeque<TokenNumber>,
}

impl Registry {
    /// Adds a token; revokes an earlier token with the same value.
    pub(super) fn add(
        &mut self,
        spec: TokenSpec,
        expires_at: Instant,
        timeout_history: &TimeoutHistory,
        now: Instant,
    ) {
        if let Some(number) = self.find(&spec.value) {
            self.end(number, Fate::Revoked(now), timeout_history, now);
        }
        let number = TokenNumber(self.tokens.len());
        let holder = match spec.grant {
            Grant::Client { id } => Holder::Client { id },
            Grant::User { id, groups, scopes } => {
                let user = self.user(&id);
                self.join(user, groups, timeout_history, now);
                self.users[user.0].tokens.push_back(number);
                Holder::User {
                    number: user,
                    scopes,
                }
            }
        };
        let value = spec.value.into_boxed_str();
        self.by_value.insert(value.clone(), number);
        self.tokens.push(SimToken {
            value,
            holder,
            permissions: spec.permissions,
            expires_at,
            minute_began_at: now,
            calls_in_minute: 0,
            record: Record::new(now),
            period: timeout_history.current(),
        });
    }

    fn user(&mut self, id: &str) -> UserNumber {
        if let Some(number) = self.by_user.get(id) {
            return *number;
        }
        let number = UserNumber(self.users.len());
        self.users.push(SimUser {
            groups: Vec::new(),
            tokens: VecDeque::new(),
        });
        self.by_user.insert(id.into(), number);
        number
    }

    fn join(
        &mut self,
        user: UserNumber,
        groups: Vec<String>,
        timeout_history: &TimeoutHistory,
        now: Instant,
    ) {
        // The fates are updated under the old groups first: a token that has idled out stays dead
        // even if the new groups have a longer timeout.
        self.prune(user, timeout_history, now);
        for group in groups {
            if !self.users[user.0].groups.contains(&group) {
                self.users[user.0].groups.push(group);
            }
        }
    }

    /// Evicts the user's oldest tokens until fewer than `tokens_max` are alive.
    pub(super) fn make_room(
        &mut self,
        user: &str,
        tokens_max: usize,
        timeout_history: &TimeoutHistory,
        now: Instant,
    ) {
        let user = self.user(user);
        self.prune(user, timeout_history, now);
        while self.users[user.0].tokens.len() >= tokens_max.max(1)
            && let Some(oldest) = self.users[user.0].tokens.pop_front()
        {
            self.end(oldest, Fate::Evicted(now), timeout_history, now);
        }
    }

    fn prune(&mut self, user: UserNumber, timeout_history: &TimeoutHistory, now: Instant) {
        let mut tokens = std::mem::take(&mut self.users[user.0].tokens);
        tokens.retain(|number| self.update_fate(*number, timeout_history, now).is_living());
        self.users[user.0].tokens = tokens;
    }

    /// Returns the number of all tokens that were added, dead ones included.
    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    pub(super) fn find(&self, value: &str) -> Option<TokenNumber> {
        self.by_value.get(value).copied()
    }

    pub(super) fn find_user(&self, id: &str) -> Option<UserNumber> {
        self.by_user.get(id).copied()
    }

    pub(super) fn token(&self, number: TokenNumber) -> &SimToken {
        &self.tokens[number.0]
    }

    pub(super) fn token_mut(&mut self, number: TokenNumber) -> &mut SimToken {
        &mut self.tokens[number.0]
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = &SimToken> {
        self.tokens.iter()
    }

    pub(super) fn groups(&self, token: &SimToken) -> &[String] {
        match &token.holder {
            Holder::User { number, .. } => &self.users[number.0].groups,
            Holder::Client { .. } => &[],
        }
    }

    /// Returns the token's idle deadline under the current timeout.
    pub(super) fn idles_at(
        &self,
        token: &SimToken,
        timeout_history: &TimeoutHistory,
    ) -> Option<Instant> {
        timeout_history.idles_at(token.record.last_reset_at, self.groups(token))
    }

    /// Returns the token's fate by `now`.
    pub(super) fn fate(
        &self,
        token: &SimToken,
        timeout_history: &TimeoutHistory,
        now: Instant,
    ) -> Fate {
        if !token.record.fate.is_living() {
            return token.record.fate;
        }
        let reset_at = token.record.last_reset_at;
        let lapsed_at = timeout_history.lapsed_at(token.period, reset_at, self.groups(token), now);
        match lapsed_at {
            Some(at) if at <= token.expires_at => Fate::Lapsed(at),
            _ if token.expires_at <= now => Fate::Expired(token.expires_at),
            _ => Fate::Living,
        }
    }

    /// Records and returns the token's fate by `now`.
    pub(super) fn update_fate(
        &mut self,
        number: TokenNumber,
        timeout_history: &TimeoutHistory,
        now: Instant,
    ) -> Fate {
        let fate = self.fate(self.token(number), timeout_history, now);
        let token = self.token_mut(number);
        token.record.fate = fate;
        token.period = timeout_history.current();
        fate
    }

    /// Updates the fate of every token and sets its period to zero, so that the past periods can be
    /// dropped.
    pub(super) fn update_all_fates(&mut self, timeout_history: &TimeoutHistory, now: Instant) {
        for number in 0..self.tokens.len() {
            self.update_fate(TokenNumber(number), timeout_history, now);
            self.tokens[number].period = 0;
        }
    }

    /// Ends the token with `fate`; has no effect on a dead token.
    pub(super) fn end(
        &mut self,
        number: TokenNumber,
        fate: Fate,
        timeout_history: &TimeoutHistory,
        now: Instant,
    ) {
        if self.update_fate(number, timeout_history, now).is_living() {
            self.token_mut(number).record.fate = fate;
        }
    }

    /// Ends all tokens of a user with `fate`.
    pub(super) fn end_all(
        &mut self,
        user: UserNumber,
        fate: Fate,
        timeout_history: &TimeoutHistory,
        now: Instant,
    ) {
        for number in std::mem::take(&mut self.users[user.0].tokens) {
            self.end(number, fate, timeout_history, now);
        }
    }
}

/// The specification of a token to add. It has no `Debug`, because its value is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenSpec {
    /// The secret.
    pub value: String,
    /// The user or client to which the token is granted.
    pub grant: Grant,
    /// The permissions of the token.
    pub permissions: Vec<Permission>,
    /// The maximum lifetime; `None` for the organisation's lifetime.
    pub lifetime: Option<Duration>,
}

/// The user or client to which a token is granted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Grant {
    /// A user, through an application.
    User {
        /// The user's id.
        id: String,
        /// The user's groups, in addition to those that earlier tokens named.
        groups: Vec<String>,
        /// The scopes that the application may use.
        scopes: Vec<String>,
    },
    /// An OAuth client that acts for itself: it has no user and no groups, and scopes do not apply.
    Client {
        /// The client's id.
        id: String,
    },
}

/// A permission that an operation requires.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Permission {
    /// `oauth:token:delete`, required to revoke the tokens of a user.
    OauthTokenDelete,
    /// `directory:organization:admin`, required to set the idle timeout.
    DirectoryOrganizationAdmin,
}

impl Permission {
    /// Returns the permission's name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OauthTokenDelete => "oauth:token:delete",
            Self::DirectoryOrganizationAdmin => "directory:organization:admin",
        }
    }
}

impl TokenSpec {
    /// Returns a user's token with the scopes `user-basic-info` and `authorization` and no
    /// permissions.
    #[must_use]
    pub fn user(value: impl Into<String>, user: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            grant: Grant::User {
                id: user.into(),
                groups: Vec::new(),
                scopes: vec!["user-basic-info".to_owned(), "authorization".to_owned()],
            },
            permissions: Vec::new(),
            lifetime: None,
        }
    }

    /// Returns an OAuth client's token without permissions.
    #[must_use]
    pub fn client(value: impl Into<String>, client: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            grant: Grant::Client { id: client.into() },
            permissions: Vec::new(),
            lifetime: None,
        }
    }

    /// Adds a permission.
    #[must_use]
    pub fn permitting(mut self, permission: Permission) -> Self {
        self.permissions.push(permission);
        self
    }

    /// Sets the lifetime.
    #[must_use]
    pub fn living_for(self, lifetime: Duration) -> Self {
        Self {
            lifetime: Some(lifetime),
            ..self
        }
    }

    /// Adds the user to a group; has no effect on a client's token.
    #[must_use]
    pub fn in_group(mut self, group: impl Into<String>) -> Self {
        if let Grant::User { groups, .. } = &mut self.grant {
            groups.push(group.into());
        }
        self
    }

    /// Replaces the scopes; has no effect on a client's token.
    #[must_use]
    pub fn scoped(mut self, names: &[&str]) -> Self {
        if let Grant::User { scopes, .. } = &mut self.grant {
            *scopes = names.iter().map(|&name| name.to_owned()).collect();
        }
        self
    }
}

/// The state of a token, and the instant of its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// The token is alive.
    Living,
    /// The token idled out.
    Lapsed(Instant),
    /// The token reached the end of its lifetime.
    Expired(Instant),
    /// The token was revoked, by a request with the token itself, by an administrator or by a newer
    /// token with the same value.
    Revoked(Instant),
    /// The server ended the token to make room for a newer token of its user.
    Evicted(Instant),
}

/// The server's record of one token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    calls: [u32; ApiOperation::COUNT],
    /// The number of calls that the API answered with 2xx.
    pub accepted: u32,
    /// The number of calls that the API answered with 401 `bad.credentials`.
    pub refused: u32,
    /// The number of calls that arrived when the token was dead, whatever the answer.
    pub after_death: u32,
    /// The number of calls that exceeded the rate limit.
    pub throttled: u32,
    /// The number of calls over HTTP that reset the idle timer.
    pub resets: u32,
    /// The number of times that the application that shares the token reset the idle timer.
    pub resets_by_application: u32,
    /// The instant at which the token was added.
    pub added_at: Instant,
    /// The instant of the last activity that reset the idle timer; initially `added_at`.
    pub last_reset_at: Instant,
    /// The instant at which the last call over HTTP arrived.
    pub last_call_at: Option<Instant>,
    /// The shortest time between two consecutive calls over HTTP.
    pub shortest_gap: Option<Duration>,
    /// The state of the token.
    pub fate: Fate,
}

impl Fate {
    /// Returns true if the token is alive.
    #[must_use]
    pub fn is_living(self) -> bool {
        self == Self::Living
    }
}

impl Record {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            calls: [0; ApiOperation::COUNT],
            accepted: 0,
            refused: 0,
            after_death: 0,
            throttled: 0,
            resets: 0,
            resets_by_application: 0,
            added_at: now,
            last_reset_at: now,
            last_call_at: None,
            shortest_gap: None,
            fate: Fate::Living,
        }
    }

    /// Returns the number of calls of this operation that arrived, processed or not.
    #[must_use]
    pub fn calls(&self, operation: ApiOperation) -> u32 {
        self.calls[operation as usize]
    }

    /// Returns the number of calls of all operations that arrived.
    #[must_use]
    pub fn calls_in_all(&self) -> u32 {
        self.calls
            .iter()
            .fold(0, |sum, calls| sum.saturating_add(*calls))
    }

    /// Returns the instant at which the token idled out; `None` if it did not.
    #[must_use]
    pub fn lapsed_at(&self) -> Option<Instant> {
        match self.fate {
            Fate::Lapsed(at) => Some(at),
            Fate::Living | Fate::Expired(_) | Fate::Revoked(_) | Fate::Evicted(_) => None,
        }
    }

    /// Returns the instant at which the token was revoked; `None` if it was not.
    #[must_use]
    pub fn revoked_at(&self) -> Option<Instant> {
        match self.fate {
            Fate::Revoked(at) => Some(at),
            Fate::Living | Fate::Expired(_) | Fate::Lapsed(_) | Fate::Evicted(_) => None,
        }
    }

    pub(super) fn record_arrival(&mut self, operation: ApiOperation, now: Instant) {
        let calls = &mut self.calls[operation as usize];
        *calls = calls.saturating_add(1);
        if let Some(last) = self.last_call_at {
            let gap = now.since(last);
            self.shortest_gap = Some(self.shortest_gap.map_or(gap, |least| least.min(gap)));
        }
        self.last_call_at = Some(now);
        if !self.fate.is_living() {
            self.after_death = self.after_death.saturating_add(1);
        }
    }
}
