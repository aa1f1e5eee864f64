//! Reloads the configuration by applying the difference between the old and the new one. It must
//! never disturb a session that did not change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::control::Waiters;
use super::pools::{self, Listings};
use super::session_table::ManagedSession;
use super::start::{self, limits};
use super::{Daemon, LoadConfig};
use crate::api::Client;
use crate::config::{Config, Difference, HttpConfig, SessionConfig, SessionName, StatusSocket};
use crate::keeper::{OnShutdown, SessionId};
use crate::log::{LogEvent, log_event};
use crate::status::CommandResult;
use crate::status::phrases::Chain;
use crate::sys::files;
use crate::sys::files::CONFIG_LIMIT;
use crate::time::Instant;

/// The requested reloads. One is in progress at a time; all requests meanwhile become one more.
pub(super) struct Reloads {
    load: LoadConfig,
    /// The reload in progress.
    pub(super) reading: JoinSet<Result<Gathered, String>>,
    /// The requesters that wait for the reload in progress.
    waiting: Waiters,
    /// The requesters that wait for the next reload, if one was requested.
    next: Option<Waiters>,
}

/// The files that a reload needs, as they were read.
pub(super) struct Gathered {
    config: Config,
    /// The new HTTP client; `None` if the present one stays.
    client: Option<Client>,
    listings: Listings,
}

impl Reloads {
    /// Creates an empty set of reloads, each of which reads the configuration by `load`.
    pub(super) fn new(load: LoadConfig) -> Self {
        Self {
            load,
            reading: JoinSet::new(),
            waiting: Waiters::default(),
            next: None,
        }
    }

    /// Abandons all reloads, because the daemon stops.
    pub(super) fn stop(&mut self) {
        self.reading = JoinSet::new();
        let stopping = CommandResult::Refused("the daemon is stopping".to_owned());
        self.waiting.answer(&stopping);
        self.next.take().unwrap_or_default().answer(&stopping);
    }
}

impl Daemon {
    /// Starts a reload. Once the configuration is read, it becomes active; if that fails, the old
    /// one stays. A failure is logged and sent to the requester.
    pub(super) fn reload(&mut self, answer: Option<oneshot::Sender<CommandResult>>) {
        let is_reading = !self.reloads.reading.is_empty();
        let waiting = if is_reading {
            self.reloads.next.get_or_insert_default()
        } else {
            &mut self.reloads.waiting
        };
        if let Some(answer) = answer {
            waiting.add(answer, "a reload");
        }
        if !is_reading {
            self.begin_reload();
        }
    }

    fn begin_reload(&mut self) {
        let reading = self.machine.read_clock();
        self.reporter.systemd.handle_reload(&reading);
        let gathering = gather(
            Arc::clone(&self.reloads.load),
            self.config.http.clone(),
            self.config.status.socket.clone(),
        );
        self.reloads.reading.spawn(gathering);
    }

    /// Handles the files that were read for a reload.
    pub(super) fn handle_gathered(&mut self, gathered: Result<Gathered, String>) {
        let result = gathered.and_then(|gathered| self.apply_gathered(gathered));
        self.reporter.systemd.handle_reloaded(result.is_err());
        self.reporter.counters.handle_reloaded(result.is_ok());
        let done = match result {
            Ok(()) => CommandResult::Done("reloaded".to_owned()),
            Err(why) => {
                log_event(&LogEvent::ReloadRefused(&why));
                CommandResult::Refused(format!(
                    "reload refused, the earlier configuration stays in force:\n{why}"
                ))
            }
        };
        self.reloads.waiting.answer(&done);
        if let Some(next) = self.reloads.next.take() {
            self.reloads.waiting = next;
            self.begin_reload();
        }
    }

    /// Applies a reload.
    ///
    /// # Errors
    ///
    /// The reason for a refused reload, as a text for people.
    fn apply_gathered(&mut self, gathered: Gathered) -> Result<(), String> {
        let Gathered {
            config,
            client,
            mut listings,
        } = gathered;
        let bound = self.listeners.bind(&config.status);
        let bound = bound.map_err(|error| Chain(&error).to_string())?;
        if let Some(client) = client {
            self.requests.connections.replace_client(client);
        }
        let now = self.machine.now();
        self.listeners.change(bound, now);
        let find = |directory: &Path| listings.remove(directory);
        let sessions = self.sources.pools.complete(&config, find, now);
        if config.log != self.config.log
            && let Some(log) = &self.reporter.log_handle
        {
            log.reload(config.log);
        }
        self.sessions.keeper.handle_limits(limits(&config), now);
        self.reporter.hooks.handle_config(&config);
        let before = std::mem::replace(&mut self.config, config);
        let difference = Difference::between(&self.sessions.configs(), &sessions);
        let to_read = self.change_sessions(&difference, &sessions, &before, now);
        self.reporter.report_sessions(&self.sessions, now);
        self.sources.watch(&self.sessions);
        for id in to_read {
            if let Some(managed) = self.sessions.by_id.get_mut(&id) {
                self.sources.read_anew(id, managed);
            }
        }
        self.publish_all();
        log_event(&LogEvent::Reloaded {
            added: difference.added.len(),
            removed: difference.removed.len(),
            changed: difference.changed.len() + difference.token_moved.len(),
        });
        Ok(())
    }

    /// Adds, removes and changes sessions. Returns those whose tokens are to be read.
    fn change_sessions(
        &mut self,
        difference: &Difference,
        sessions: &BTreeMap<SessionName, SessionConfig>,
        before: &Config,
        now: Instant,
    ) -> Vec<SessionId> {
        let (mut moved, mut elsewhere) = (Vec::new(), Vec::new());
        for name in &difference.token_moved {
            if let (Some(session), Some((_, managed))) =
                (sessions.get(name), self.sessions.find_mut(name))
            {
                if session.api == managed.config.api {
                    moved.push((name, session));
                } else {
                    elsewhere.push(name.clone());
                }
            }
        }
        let mut removed: BTreeSet<_> = difference.removed.iter().cloned().collect();
        let mut added = difference.added.clone();
        self.rename_in_place(&mut removed, &mut added, sessions, now);
        // A session of the keeper belongs to one host, so a session with another API is removed and
        // added. The new address may lead to the same organisation, so the token is kept at the old
        // host until it is proven alive at the new one.
        removed.extend(elsewhere.iter().cloned());
        added.extend(elsewhere);
        let (mut removed_by_source, mut removed_by_name) = (BTreeMap::new(), BTreeMap::new());
        for name in removed {
            if let Some((id, managed)) = self.sessions.find_mut(&name) {
                let is_of_pool = is_of_a_pool(managed, before);
                // A session that moved to another shard is in use there.
                let on_shutdown = if self.config.owns(&name) {
                    managed.policy().on_shutdown
                } else {
                    OnShutdown::Leave
                };
                removed_by_source.insert(managed.config.token.clone(), id);
                self.depart(&name, on_shutdown, is_of_pool, now);
                removed_by_name.insert(name, id);
            }
        }
        let mut to_read = Vec::new();
        for (name, session) in moved {
            if let Some(id) = self.change(name, session, now) {
                self.sessions.ownership.handle_moved(id, now);
                self.sessions.keeper.handle_source_changed(id, now);
                to_read.push(id);
            }
        }
        for name in &difference.changed {
            if let Some(session) = sessions.get(name) {
                self.change(name, session, now);
            }
        }
        for name in added {
            if let Some(session) = sessions.get(&name) {
                let before = removed_by_source
                    .get(&session.token)
                    .or(removed_by_name.get(&name))
                    .copied();
                let id = self.sessions.add(name, session.clone(), now);
                if let Some(before) = before {
                    self.sessions.ownership.handle_succeeded(before, id);
                }
                to_read.push(id);
            }
        }
        to_read
    }

    /// Applies the new configuration to a session that stays.
    fn change(
        &mut self,
        name: &SessionName,
        session: &SessionConfig,
        now: Instant,
    ) -> Option<SessionId> {
        let (id, managed) = self.sessions.find_mut(name)?;
        managed.configure(session.clone());
        self.sources.read_unless_held(id, managed);
        self.sessions.update_policy(id, now);
        Some(id)
    }
}

/// Reads everything that a reload needs, on threads that may hang.
///
/// # Errors
///
/// If the configuration itself hangs. A pool or a token that hangs counts as unknown.
async fn gather(
    load: LoadConfig,
    present_http: HttpConfig,
    present_socket: StatusSocket,
) -> Result<Gathered, String> {
    let config = files::run(Path::new("configuration"), CONFIG_LIMIT, move || load());
    let config = config.await.map_err(|error| {
        let limit = CONFIG_LIMIT.as_secs();
        format!(
            "reading the configuration takes longer than {limit}s: {}",
            Chain(&error)
        )
    })?;
    let config = config.map_err(|errors| errors.render(false))?;
    let client = if config.http == present_http {
        None
    } else {
        let client = start::client(&config.http).await;
        Some(client.map_err(|error| Chain(&error).to_string())?)
    };
    if config.status.socket != present_socket {
        start::probe_socket(&config.status)
            .await
            .map_err(|error| Chain(&error).to_string())?;
    }
    let listings = pools::list_all(&config).await;
    Ok(Gathered {
        config,
        client,
        listings,
    })
}

/// Returns true if the session's token is a file of a pool's directory.
fn is_of_a_pool(managed: &ManagedSession, config: &Config) -> bool {
    let folder = managed.config.token.file().and_then(Path::parent);
    let mut pools = config.pools.values();
    pools.any(|pool| folder == Some(pool.token_dir()))
}
