//! A reload is a difference between two configurations: what did not change is not disturbed.

use std::collections::BTreeSet;

use super::Daemon;
use super::care::{Care, Reading};
use super::start::limits;
use crate::api::Client;
use crate::config::{Config, Difference, SessionName};
use crate::keeper::{Instant, OnShutdown, SessionId};
use crate::observe::words::Chain;
use crate::observe::{Notice, tell_notice};
use crate::token::Source;

impl Daemon {
    /// Reads the configuration again; if that fails the old one stays.
    ///
    /// # Errors
    ///
    /// Why, in words for people; it is logged as well.
    pub(super) fn reload(&mut self) -> Result<(), String> {
        self.systemd.handle_reload(&(self.clock)());
        let result = self.try_reload();
        self.systemd.handle_reloaded(result.is_err());
        self.tallies.handle_reloaded(result.is_ok());
        if let Err(why) = &result {
            tell_notice(&Notice::ReloadRefused(why));
        }
        result
    }

    /// Why not, in words for people.
    fn try_reload(&mut self) -> Result<(), String> {
        let mut config = (self.load)().map_err(|errors| errors.render(false))?;
        let bound = self.doors.bind(&self.config.status, &config.status);
        let bound = bound.map_err(|error| Chain(&error).to_string())?;
        if config.http != self.config.http {
            self.client = Client::new(&config.http).map_err(|error| Chain(&error).to_string())?;
        }
        self.doors.change(bound);
        let now = self.now();
        self.pools.complete(&mut config, &self.config, now);
        let difference = Difference::between(&self.config, &config);
        self.apply(&difference, config, now);
        tell_notice(&Notice::Reloaded {
            added: difference.added.len(),
            removed: difference.removed.len(),
            changed: difference.changed.len() + difference.token_moved.len(),
        });
        Ok(())
    }

    fn apply(&mut self, difference: &Difference, config: Config, now: Instant) {
        if difference.log_changed
            && let Some(log) = &self.log_handle
        {
            log.reload(config.log);
        }
        self.keeper.handle_limits(limits(&config), now);
        self.hooks.handle_config(&config);
        let before = std::mem::replace(&mut self.config, config);
        let to_read = self.change_sessions(difference, &before, now);
        self.account_for_sessions(now);
        self.watch_sources();
        for id in to_read {
            if let Some(care) = self.cares.by_id.get_mut(&id) {
                self.sources.do_not_read_again(id, care);
                care.reading = Reading::default();
                self.sources.read(id, &care.config.token);
            }
        }
    }

    /// Lets sessions come, go and change; says whose tokens are to be read.
    fn change_sessions(
        &mut self,
        difference: &Difference,
        before: &Config,
        now: Instant,
    ) -> Vec<SessionId> {
        let api = |config: &Config, name| config.sessions.get(name).map(|it| it.api.clone());
        let (moved, elsewhere): (Vec<_>, Vec<_>) = difference
            .token_moved
            .iter()
            .partition(|name| api(before, name) == api(&self.config, name));
        let mut to_go = difference.removed.iter().cloned().collect();
        let mut to_come = difference.added.clone();
        self.rename_those_who_stay(&mut to_go, &mut to_come);
        // A token of another API is another token.
        to_go.extend(elsewhere.iter().copied().cloned());
        to_come.extend(elsewhere.into_iter().cloned());
        let needed: BTreeSet<_> = moved
            .iter()
            .filter_map(|name| self.found_at(self.config.sessions.get(*name)?))
            .map(|(fingerprint, _)| fingerprint)
            .collect();
        let until = now + self.config.shutdown.grace;
        for (name, id) in self.in_order_of_end(to_go) {
            let wanted = match self.cares.by_id.get(&id) {
                Some(_) if self.cares.holds_any(id, &needed) => OnShutdown::Leave,
                // It may be in a directory that cannot be listed for now.
                Some(care) if self.pools.is_any_away() && is_of_a_pool(care, before) => {
                    OnShutdown::Leave
                }
                Some(care) => self.unless_claimed(id, care.config.on_shutdown),
                None => OnShutdown::Leave,
            };
            self.remove(&name, wanted, until);
        }
        let mut to_read = Vec::new();
        for name in moved {
            to_read.extend(self.change(name));
        }
        for name in &difference.changed {
            self.change(name);
        }
        for name in to_come {
            if let Some(session) = self.config.sessions.get(&name).cloned() {
                to_read.push(self.add(name, session));
            }
        }
        to_read
    }

    /// Changes what a session is to get.
    fn change(&mut self, name: &SessionName) -> Option<SessionId> {
        let &id = self.cares.by_name.get(name)?;
        let session = self.config.sessions.get(name)?;
        let care = self.cares.by_id.get_mut(&id)?;
        care.configure(session.clone());
        let policy = care.policy();
        self.sources.read_unless_held(id, care);
        self.keeper.handle_policy(id, policy, (self.clock)().boot);
        Some(id)
    }
}

/// Whether the session's token is a file of a pool's directory.
fn is_of_a_pool(care: &Care, config: &Config) -> bool {
    let Source::File(path) = &care.config.token else {
        return false;
    };
    let mut pools = config.pools.values();
    pools.any(|pool| path.parent() == Some(pool.token_dir()))
}
