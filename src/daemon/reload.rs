//! A reload is a difference between two configurations: what did not change is not disturbed.

use super::Daemon;
use super::start::{limits, policy};
use crate::api::Client;
use crate::config::{Config, Difference, SessionName};
use crate::keeper::{Instant, SessionId};
use crate::observe::words::Chain;
use crate::observe::{Notice, tell_notice};

impl Daemon {
    /// Reads the configuration again; if that fails the old one stays.
    pub(super) fn reload(&mut self) {
        self.systemd.handle_reload(&(self.clock)());
        let result = self.try_reload();
        self.systemd.handle_reloaded(result.is_err());
        self.tallies.handle_reloaded(result.is_ok());
        if let Err(why) = result {
            tell_notice(&Notice::ReloadRefused(&why));
        }
    }

    /// Why not, in words for people.
    fn try_reload(&mut self) -> Result<(), String> {
        let config = (self.load)().map_err(|errors| errors.render(false))?;
        let difference = Difference::between(&self.config, &config);
        let bound = self.doors.bind(&self.config.status, &config.status);
        let bound = bound.map_err(|error| Chain(&error).to_string())?;
        if difference.http_changed {
            self.client = Client::new(&config.http).map_err(|error| Chain(&error).to_string())?;
        }
        self.doors.change(bound);
        self.apply(&difference, config);
        tell_notice(&Notice::Reloaded {
            added: difference.added.len(),
            removed: difference.removed.len(),
            changed: difference.changed.len() + difference.token_moved.len(),
        });
        Ok(())
    }

    fn apply(&mut self, difference: &Difference, config: Config) {
        let now = self.now();
        if difference.log_changed
            && let Some(log) = &self.log_handle
        {
            log.reload(config.log);
        }
        self.keeper.handle_limits(limits(&config), now);
        let until = now + config.shutdown.grace;
        let mut added = difference.added.clone();
        for name in &difference.removed {
            match self.new_name(name, &added, &config) {
                Some(new) => {
                    added.retain(|name| *name != new);
                    self.rename(name, &new, &config);
                }
                None => self.remove(name, until),
            }
        }
        let mut to_read = Vec::new();
        for name in &difference.token_moved {
            let (Some(old), Some(new)) =
                (self.config.sessions.get(name), config.sessions.get(name))
            else {
                continue;
            };
            if old.api == new.api {
                to_read.extend(self.change(name, &config));
            } else {
                // A token of another API is another token.
                self.remove(name, until);
                to_read.push(self.add(name.clone(), new.clone()));
            }
        }
        for name in &difference.changed {
            self.change(name, &config);
        }
        for name in &added {
            if let Some(session) = config.sessions.get(name) {
                to_read.push(self.add(name.clone(), session.clone()));
            }
        }
        self.hooks.handle_config(&config);
        self.config = config;
        self.account_for_sessions(now);
        self.sources.watch(&self.cares);
        for id in to_read {
            if let Some(care) = self.cares.by_id.get_mut(&id) {
                self.sources.do_not_read_again(id, care);
                care.reading = super::care::Reading::default();
                self.sources.read(id, &care.config.token);
            }
        }
    }

    /// The new name of a session that only has another one: the token's place and API are the same.
    fn new_name(
        &self,
        old: &SessionName,
        added: &[SessionName],
        config: &Config,
    ) -> Option<SessionName> {
        let old = self.config.sessions.get(old)?;
        let is_it = |name: &&SessionName| {
            let new = config.sessions.get(*name);
            new.is_some_and(|new| new.token == old.token && new.api == old.api)
        };
        added.iter().find(is_it).cloned()
    }

    /// Gives a session another name; its token goes on living.
    fn rename(&mut self, old: &SessionName, new: &SessionName, config: &Config) {
        if let Some(id) = self.cares.by_name.remove(old) {
            self.cares.by_name.insert(new.clone(), id);
            if let Some(care) = self.cares.by_id.get_mut(&id) {
                care.name = new.clone();
            }
            self.change(new, config);
        }
    }

    /// Ends a session; its name is free at once.
    fn remove(&mut self, name: &SessionName, until: Instant) {
        if let Some(id) = self.cares.by_name.remove(name) {
            self.keeper.handle_removed(id, until, self.now());
            self.cares.release(id);
            self.leaving.push(id);
        }
    }

    /// Changes what a session is to get.
    fn change(&mut self, name: &SessionName, config: &Config) -> Option<SessionId> {
        let &id = self.cares.by_name.get(name)?;
        let session = config.sessions.get(name)?;
        let care = self.cares.by_id.get_mut(&id)?;
        care.config = session.clone();
        if !care.has_token() {
            self.sources.read(id, &session.token);
        }
        self.keeper.handle_policy(id, policy(session), self.now());
        Some(id)
    }
}
