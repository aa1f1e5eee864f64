//! The tokens and users of an organisation, indexed by token value and by user id.

use std::collections::{HashMap, VecDeque};

use super::timeout_history::TimeoutHistory;
use super::{Fate, Grant, Permission, Record, TokenSpec};
use crate::time::Instant;

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
