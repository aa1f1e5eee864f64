//! The life of tokens outside the keeper: their issue, their offer to the keeper, their use by
//! applications and their revocation by administrators.

use std::time::Duration;

use session_keepalive::keeper::Offer;
use session_keepalive::sim::TokenSpec;
use session_keepalive::token::Fingerprint;

use super::World;
use super::event::SimEvent;
use super::session::WorldToken;

impl World {
    pub(super) fn rotate(&mut self, number: usize) {
        if self.is_inactive(number) {
            return;
        }
        match self.random.u8(0..10) {
            0 => {
                let token = self.add_unknown_token(number);
                self.offer(number, token);
            }
            1 | 2 => {
                let tokens = self.sessions[number].tokens.len();
                if tokens > 0 {
                    let token = self.random.usize(tokens.saturating_sub(3)..tokens);
                    self.offer(number, token);
                }
            }
            _ => self.issue(number),
        }
    }

    /// Adds a token that the server does not know to a session, and returns its number.
    fn add_unknown_token(&mut self, number: usize) -> usize {
        self.token_values += 1;
        let value = format!("token-{}-of-session-{number}", self.token_values);
        let tokens = &mut self.sessions[number].tokens;
        tokens.push(WorldToken::new(value));
        tokens.len() - 1
    }

    /// Issues a token at the server, and schedules its offer to the keeper.
    pub(super) fn issue(&mut self, number: usize) {
        if self.is_inactive(number) {
            return;
        }
        let token = self.add_unknown_token(number);
        let session = &self.sessions[number];
        let mut spec = TokenSpec::user(&session.tokens[token].value, &session.user);
        for group in &session.groups {
            spec = spec.in_group(group);
        }
        if self.random.u8(0..6) == 0 {
            spec = spec.scoped(&["user-basic-info"]);
        }
        let site = session.site;
        self.sites[site].server.add_token(spec, self.now);
        let mut after = Duration::from_secs(self.random.u64(0..100));
        // Some tokens are offered only when they have at most a minute left before they idle out.
        let idle_timeout = self.sites[site].idle_timeout(&self.sessions[number].groups);
        if let Some(idle_timeout) = idle_timeout
            && self.random.u8(0..8) == 0
        {
            let least = if self.is_chaotic() { 0 } else { 25_000 };
            let remaining = Duration::from_millis(self.random.u64(least..60_000));
            after = idle_timeout.saturating_sub(remaining);
        }
        self.schedule(self.now + after, SimEvent::Offer(number, token));
    }

    pub(super) fn offer(&mut self, number: usize, token: usize) {
        if self.is_inactive(number) {
            return;
        }
        let session = &mut self.sessions[number];
        let Some(sim_token) = session.tokens.get_mut(token) else {
            return;
        };
        let fingerprint = Fingerprint::of(sim_token.value.as_bytes());
        let generation = self
            .keeper
            .handle_token(session.id, fingerprint, Offer::Seen, self.now);
        if let Some(generation) = generation {
            sim_token.kept_since = Some(self.now);
            sim_token.refusals = 0;
            sim_token.was_alive = false;
            session.generations.insert(generation, token);
            session.hour.disturbances += 1;
        }
        self.record_event(
            Some(number),
            format!("is shown token {token}: {generation:?}"),
        );
        self.sync(number);
    }

    pub(super) fn run_application(&mut self, number: usize) {
        let session = &mut self.sessions[number];
        if self.now >= session.busy_until {
            let length = Duration::from_secs(self.random.u64(60..7200));
            session.busy_until = self.now + length;
        }
        let token = session.live.map(|(token, _)| token);
        let is_pausing = self.random.u8(0..20) == 0;
        if is_pausing {
            return self.schedule_after(2.0, SimEvent::Application(number));
        }
        if let Some(token) = token {
            let value = &session.tokens[token].value;
            self.sites[session.site]
                .server
                .touch_by_application(value, self.now);
        }
        let after = Duration::from_secs(self.random.u64(1..600));
        self.schedule(self.now + after, SimEvent::Application(number));
    }

    pub(super) fn revoke_token(&mut self, number: usize) {
        let session = &self.sessions[number];
        if let Some((token, _)) = session.live {
            let value = &session.tokens[token].value;
            self.sites[session.site].server.revoke(value, self.now);
            self.record_event(
                Some(number),
                "an administrator revokes the token".to_owned(),
            );
        }
    }
}
