//! Changes to the organisation other than by requests, and access to its state for observers.

use super::Server;
use crate::sim::registry::SimToken;
use crate::sim::{Fate, Grant, Record, Script, Settings, TokenSpec};
use crate::time::Instant;

impl Server {
    /// Returns the organisation's settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Changes the organisation's settings from `now` on.
    pub fn alter(&mut self, now: Instant, change: impl FnOnce(&mut Settings)) {
        let timeout = self.settings.timeout.clone();
        change(&mut self.settings);
        if self.settings.timeout != timeout {
            self.timeout.update(&self.settings);
        }
        self.begin_timeout_period(now);
    }

    pub(super) fn begin_timeout_period(&mut self, now: Instant) {
        if self.timeout_history.is_full() {
            self.registry.update_all_fates(&self.timeout_history, now);
            self.timeout_history.drop_past();
        }
        let timeout = self.settings.timeout.clone();
        self.timeout_history
            .begin(timeout, self.settings.precedence, now);
    }

    /// Returns the script of injected faults.
    pub fn script(&mut self) -> &mut Script {
        &mut self.script
    }

    /// Adds a token; its issue counts as activity. Revokes an earlier token with the same value.
    ///
    /// The oldest tokens of a user are evicted as [`Settings::tokens_per_user_max`] requires.
    pub fn add_token(&mut self, spec: TokenSpec, now: Instant) {
        let expires_at = now + spec.lifetime.unwrap_or(self.settings.lifetime);
        if let Grant::User { id, .. } = &spec.grant {
            let tokens_max = self.settings.tokens_per_user_max;
            self.registry
                .make_room(id, tokens_max, &self.timeout_history, now);
        }
        self.registry
            .add(spec, expires_at, &self.timeout_history, now);
    }

    /// Simulates a call by the application that shares the token; returns true if it was accepted.
    pub fn touch_by_application(&mut self, value: &str, now: Instant) -> bool {
        let Some(number) = self.registry.find(value) else {
            return false;
        };
        if !self
            .registry
            .update_fate(number, &self.timeout_history, now)
            .is_living()
            || self.admit(number, now).is_err()
        {
            return false;
        }
        let record = &mut self.registry.token_mut(number).record;
        record.last_reset_at = now;
        record.resets_by_application = record.resets_by_application.saturating_add(1);
        true
    }

    /// Revokes the token, as an administrator; has no effect on an unknown or dead token.
    pub fn revoke(&mut self, value: &str, now: Instant) {
        if let Some(number) = self.registry.find(value) {
            let fate = Fate::Revoked(now);
            self.registry.end(number, fate, &self.timeout_history, now);
        }
    }

    /// Returns the record by `now` of the token with this value; `None` if it is unknown.
    #[must_use]
    pub fn record(&self, value: &str, now: Instant) -> Option<Record> {
        let token = self.registry.token(self.registry.find(value)?);
        Some(self.record_of(token, now))
    }

    /// Returns the values and records of all tokens by `now`, in the order of their addition.
    pub fn records(&self, now: Instant) -> impl Iterator<Item = (&str, Record)> {
        let tokens = self.registry.tokens();
        tokens.map(move |token| (&*token.value, self.record_of(token, now)))
    }

    fn record_of(&self, token: &SimToken, now: Instant) -> Record {
        let mut record = token.record;
        record.fate = self.registry.fate(token, &self.timeout_history, now);
        record
    }

    /// Returns the idle deadline of the token with this value, under the current timeout.
    ///
    /// `None` if the token is unknown or does not idle out.
    #[must_use]
    pub fn idles_at(&self, value: &str) -> Option<Instant> {
        let token = self.registry.token(self.registry.find(value)?);
        self.registry.idles_at(token, &self.timeout_history)
    }

    /// Returns the number of calls with a token that was never added.
    #[must_use]
    pub fn strangers(&self) -> u64 {
        self.strangers
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sim::fixture::{at, server, server_with, status};
    use crate::sim::{GroupBundle, Request};

    #[test]
    fn a_group_may_have_a_timeout_of_its_own() {
        let mut server = server_with(|settings| {
            settings.timeout.groups_enabled = true;
            settings.timeout.bundles = vec![GroupBundle {
                priority: 1,
                timeout: Duration::from_secs(300),
                groups: vec!["kiosks".to_owned()],
            }];
        });
        server.add_token(TokenSpec::user("b", "bob").in_group("kiosks"), at(0));
        assert_eq!(server.idles_at("a"), Some(at(900)));
        assert_eq!(server.idles_at("b"), Some(at(300)));
        server.alter(at(10), |settings| settings.timeout.organisation = None);
        assert_eq!(server.idles_at("a"), None);
        assert_eq!(
            server.record("b", at(301)).unwrap().lapsed_at(),
            Some(at(300))
        );
    }

    #[test]
    fn no_call_extends_the_lifetime() {
        let mut server = server();
        let spec = TokenSpec::user("b", "bob").living_for(Duration::from_secs(1000));
        server.add_token(spec, at(0));
        assert_eq!(status(&mut server, &Request::head_me("b"), 500), 200);
        assert_eq!(status(&mut server, &Request::head_me("b"), 999), 200);
        assert_eq!(status(&mut server, &Request::head_me("b"), 1000), 401);
        let fate = server.record("b", at(5000)).unwrap().fate;
        assert_eq!(fate, Fate::Expired(at(1000)));
    }

    #[test]
    fn the_eleventh_token_of_a_user_evicts_the_oldest_that_lives() {
        let mut server = server();
        for number in 1..=9 {
            server.add_token(TokenSpec::user(format!("a{number}"), "ann"), at(1));
        }
        server.revoke("a", at(2));
        server.add_token(TokenSpec::user("a10", "ann"), at(3));
        assert!(server.record("a1", at(3)).unwrap().fate.is_living());
        server.add_token(TokenSpec::user("a11", "ann"), at(4));
        let fate = |value| server.record(value, at(4)).unwrap().fate;
        assert_eq!(fate("a"), Fate::Revoked(at(2)));
        assert_eq!(fate("a1"), Fate::Evicted(at(4)));
        assert_eq!(fate("a2"), Fate::Living);
    }

    #[test]
    fn the_application_that_shares_the_token_keeps_it_too() {
        let mut server = server();
        assert!(server.touch_by_application("a", at(800)));
        assert_eq!(server.idles_at("a"), Some(at(1700)));
        assert!(!server.touch_by_application("a", at(1700)));
        assert!(!server.touch_by_application("unknown", at(0)));
        let record = server.record("a", at(1700)).unwrap();
        assert_eq!(
            (record.resets_by_application, record.calls_in_all()),
            (1, 0)
        );
    }
}
