//! Who holds which token: found by value and by user without walking over all of them.

use std::collections::{HashMap, VecDeque};

use super::eras::Eras;
use super::{Fate, Grant, Permission, Record, TokenSpec};
use crate::keeper::Instant;

/// The number of a token; never used again for another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TokenNumber(usize);

/// The number of a user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct UserNumber(usize);

#[derive(Default)]
pub(super) struct Registry {
    tokens: Vec<Token>,
    users: Vec<User>,
    // Looked up, never iterated: the order of a hash map is not ours to depend on.
    by_value: HashMap<Box<str>, TokenNumber>,
    by_user: HashMap<Box<str>, UserNumber>,
}

pub(super) struct Token {
    pub(super) value: Box<str>,
    pub(super) holder: Holder,
    pub(super) permissions: Vec<Permission>,
    pub(super) expires_at: Instant,
    /// When the present minute of the rate limit began.
    pub(super) minute_began_at: Instant,
    pub(super) calls_in_minute: u32,
    pub(super) record: Record,
    /// The era in which the token was last seen alive.
    era: usize,
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

struct User {
    groups: Vec<String>,
    /// Tokens that may live, the oldest first.
    tokens: VecDeque<TokenNumber>,
}

impl Registry {
    /// Adds a token; an earlier one with the same value is revoked.
    pub(super) fn add(&mut self, spec: TokenSpec, expires_at: Instant, eras: &Eras, now: Instant) {
        if let Some(number) = self.find(&spec.value) {
            self.end(number, Fate::Revoked(now), eras, now);
        }
        let number = TokenNumber(self.tokens.len());
        let holder = match spec.grant {
            Grant::Client { id } => Holder::Client { id },
            Grant::User { id, groups, scopes } => {
                let user = self.user(&id);
                self.join(user, groups, eras, now);
                self.users[user.0].tokens.push_back(number);
                Holder::User {
                    number: user,
                    scopes,
                }
            }
        };
        let value = spec.value.into_boxed_str();
        self.by_value.insert(value.clone(), number);
        self.tokens.push(Token {
            value,
            holder,
            permissions: spec.permissions,
            expires_at,
            minute_began_at: now,
            calls_in_minute: 0,
            record: Record::new(now),
            era: eras.present(),
        });
    }

    fn user(&mut self, id: &str) -> UserNumber {
        if let Some(number) = self.by_user.get(id) {
            return *number;
        }
        let number = UserNumber(self.users.len());
        self.users.push(User {
            groups: Vec::new(),
            tokens: VecDeque::new(),
        });
        self.by_user.insert(id.into(), number);
        number
    }

    fn join(&mut self, user: UserNumber, groups: Vec<String>, eras: &Eras, now: Instant) {
        // What has idled out under the old groups stays so under the new ones.
        self.prune(user, eras, now);
        for group in groups {
            if !self.users[user.0].groups.contains(&group) {
                self.users[user.0].groups.push(group);
            }
        }
    }

    /// Evicts the oldest tokens of the user until there is room for one more.
    pub(super) fn make_room(&mut self, user: &str, tokens_max: usize, eras: &Eras, now: Instant) {
        let user = self.user(user);
        self.prune(user, eras, now);
        while self.users[user.0].tokens.len() >= tokens_max.max(1)
            && let Some(oldest) = self.users[user.0].tokens.pop_front()
        {
            self.end(oldest, Fate::Evicted(now), eras, now);
        }
    }

    fn prune(&mut self, user: UserNumber, eras: &Eras, now: Instant) {
        let mut tokens = std::mem::take(&mut self.users[user.0].tokens);
        tokens.retain(|number| self.settle(*number, eras, now).is_living());
        self.users[user.0].tokens = tokens;
    }

    /// How many tokens were ever added.
    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    pub(super) fn find(&self, value: &str) -> Option<TokenNumber> {
        self.by_value.get(value).copied()
    }

    pub(super) fn find_user(&self, id: &str) -> Option<UserNumber> {
        self.by_user.get(id).copied()
    }

    pub(super) fn token(&self, number: TokenNumber) -> &Token {
        &self.tokens[number.0]
    }

    pub(super) fn token_mut(&mut self, number: TokenNumber) -> &mut Token {
        &mut self.tokens[number.0]
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.tokens.iter()
    }

    fn groups(&self, token: &Token) -> &[String] {
        match &token.holder {
            Holder::User { number, .. } => &self.users[number.0].groups,
            Holder::Client { .. } => &[],
        }
    }

    /// When the token idles out if nothing changes.
    pub(super) fn idles_at(&self, token: &Token, eras: &Eras) -> Option<Instant> {
        eras.idles_at(token.record.last_reset_at, self.groups(token))
    }

    /// What has become of the token by `now`.
    pub(super) fn fate(&self, token: &Token, eras: &Eras, now: Instant) -> Fate {
        if !token.record.fate.is_living() {
            return token.record.fate;
        }
        let reset_at = token.record.last_reset_at;
        let lapsed_at = eras.lapsed_at(token.era, reset_at, self.groups(token), now);
        match lapsed_at {
            Some(at) if at <= token.expires_at => Fate::Lapsed(at),
            _ if token.expires_at <= now => Fate::Expired(token.expires_at),
            _ => Fate::Living,
        }
    }

    /// Records what has become of the token by `now`.
    pub(super) fn settle(&mut self, number: TokenNumber, eras: &Eras, now: Instant) -> Fate {
        let fate = self.fate(self.token(number), eras, now);
        let token = self.token_mut(number);
        token.record.fate = fate;
        token.era = eras.present();
        fate
    }

    /// Settles every token and puts it into era zero, for the past to be forgotten.
    pub(super) fn settle_all(&mut self, eras: &Eras, now: Instant) {
        for number in 0..self.tokens.len() {
            self.settle(TokenNumber(number), eras, now);
            self.tokens[number].era = 0;
        }
    }

    /// Ends the token, unless it is dead already.
    pub(super) fn end(&mut self, number: TokenNumber, fate: Fate, eras: &Eras, now: Instant) {
        if self.settle(number, eras, now).is_living() {
            self.token_mut(number).record.fate = fate;
        }
    }

    /// Ends all tokens of a user.
    pub(super) fn end_all(&mut self, user: UserNumber, fate: Fate, eras: &Eras, now: Instant) {
        for number in std::mem::take(&mut self.users[user.0].tokens) {
            self.end(number, fate, eras, now);
        }
    }
}
