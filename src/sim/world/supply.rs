//! Tokens: issued, shown to the keeper, used by their applications, revoked by administrators.

use std::time::Duration;

use crate::sim::TokenSpec;
use crate::token::Fingerprint;

use super::World;
use super::care::Token;
use super::happening::Happening;

impl World {
    pub(super) fn rotate(&mut self, number: usize) {
        if self.is_at_rest(number) {
            return;
        }
        match self.random.u8(0..10) {
            0 => {
                let token = self.invent(number);
                self.offer(number, token);
            }
            1 | 2 => {
                let tokens = self.cares[number].tokens.len();
                if tokens > 0 {
                    let token = self.random.usize(tokens.saturating_sub(3)..tokens);
                    self.offer(number, token);
                }
            }
            _ => self.issue(number),
        }
    }

    /// A value that the server does not know.
    fn invent(&mut self, number: usize) -> usize {
        self.values += 1;
        let value = format!("token-{}-of-session-{number}", self.values);
        let tokens = &mut self.cares[number].tokens;
        tokens.push(Token::new(value));
        tokens.len() - 1
    }

    /// The server issues a token, and sooner or later the keeper sees it.
    pub(super) fn issue(&mut self, number: usize) {
        if self.is_at_rest(number) {
            return;
        }
        let token = self.invent(number);
        let care = &self.cares[number];
        let mut spec = TokenSpec::user(&care.tokens[token].value, &care.user);
        for group in &care.groups {
            spec = spec.in_group(group);
        }
        if self.random.u8(0..6) == 0 {
            spec = spec.scoped(&["user-basic-info"]);
        }
        let site = care.site;
        self.sites[site].server.add_token(spec, self.now);
        let at = self.now + Duration::from_secs(self.random.u64(0..100));
        self.arrange(at, Happening::Offer(number, token));
    }

    pub(super) fn offer(&mut self, number: usize, token: usize) {
        if self.is_at_rest(number) {
            return;
        }
        let care = &mut self.cares[number];
        let Some(shown) = care.tokens.get_mut(token) else {
            return;
        };
        let fingerprint = Fingerprint::of(shown.value.as_bytes());
        let generation = self.keeper.handle_token(care.id, fingerprint, self.now);
        if let Some(generation) = generation {
            shown.cared_since = Some(self.now);
            shown.is_doubted = false;
            care.generations.insert(generation, token);
            care.hour.disturbances += 1;
        }
        self.note(
            Some(number),
            format!("is shown token {token}: {generation:?}"),
        );
        self.sync(number);
    }

    pub(super) fn application(&mut self, number: usize) {
        let care = &mut self.cares[number];
        if self.now >= care.busy_until {
            let length = Duration::from_secs(self.random.u64(60..7200));
            care.busy_until = self.now + length;
        }
        let token = care.held.map(|(token, _)| token);
        let is_over = self.random.u8(0..20) == 0;
        if is_over {
            return self.arrange_after(2.0, Happening::Application(number));
        }
        if let Some(token) = token {
            let value = &care.tokens[token].value;
            self.sites[care.site]
                .server
                .touch_by_application(value, self.now);
        }
        let after = Duration::from_secs(self.random.u64(1..600));
        self.arrange(self.now + after, Happening::Application(number));
    }

    pub(super) fn kill(&mut self, number: usize) {
        let care = &self.cares[number];
        if let Some((token, _)) = care.held {
            let value = &care.tokens[token].value;
            self.sites[care.site].server.revoke(value, self.now);
            self.note(
                Some(number),
                "an administrator revokes the token".to_owned(),
            );
        }
    }
}
