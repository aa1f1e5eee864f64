//! How the daemon begins: everything that can fail fails here, before a single request.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use super::care::{Care, Cares};
use super::clock::{Alarm, Jumps, Timer};
use super::control::Waiters;
use super::doors::Doors;
use super::hooks::Hooks;
use super::network::Network;
use super::pools::Pools;
use super::requests::Requests;
use super::residue::Residue;
use super::sources::Sources;
use super::{Daemon, Ended, Setup};
use crate::api::{BuildError, Client};
use crate::config::{ApiBase, Config, SessionConfig, SessionName};
use crate::keeper::{HostId, Intent, Keeper, Limits, Policy, SessionId};
use crate::observe::endpoints::BindError;
use crate::observe::{Log, Looks, Notice, Stories, Tallies, looks, tell_notice};
use crate::token::Fingerprint;

/// Why the daemon cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be built")]
    Client(#[from] BuildError),
    /// Observers cannot be let in where the configuration says.
    #[error(transparent)]
    Endpoints(#[from] BindError),
    /// The runtime cannot wait for a timer.
    #[error("no timer is to be had")]
    Timer(#[source] io::Error),
    /// Two sessions hold one and the same token.
    #[error(
        "sessions {first} and {second} have one and the same token ({fingerprint}): a token belongs to one session"
    )]
    SharedToken {
        /// One of them.
        first: SessionName,
        /// The other.
        second: SessionName,
        /// The token.
        fingerprint: Fingerprint,
    },
}

impl Daemon {
    /// Takes the sessions under care and reads their tokens.
    ///
    /// # Errors
    ///
    /// [`StartError`]; a token that is not there is none.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its drivers enabled.
    pub fn start(config: Config, setup: Setup) -> Result<(Self, Looks), StartError> {
        let (looks_in, looks) = looks();
        let doors = Doors::new(setup.places, looks_in.clone());
        let bound = doors.bind_first(&config.status)?;
        let began = (setup.clock)();
        let mut daemon = Self {
            client: Client::new(&config.http)?,
            keeper: Keeper::new(limits(&config), setup.seed),
            clock: setup.clock,
            jumps: Jumps::new(&began),
            alarm: Alarm::new(),
            timer: Timer::new().map_err(StartError::Timer)?,
            network: watch_network(limits(&config).backoff.cap),
            systemd: setup.systemd,
            hooks: Hooks::default(),
            load: setup.load,
            log: Log::new(),
            stories: Stories::default(),
            log_handle: setup.log,
            cares: Cares::default(),
            hosts: Vec::new(),
            requests: Requests::default(),
            residue: Residue::default(),
            sources: Sources::default(),
            pools: Pools::default(),
            looks,
            doors,
            tallies: Tallies::new(began.wall_at(began.boot)),
            started_at: began.boot,
            leaving: Vec::new(),
            waiting_for_token: BTreeSet::new(),
            touch_waiters: Waiters::default(),
            ended: Ended::default(),
            is_stopping: false,
            is_answer_awaited: false,
            config,
        };
        daemon.hooks.handle_config(&daemon.config);
        let now = daemon.now();
        daemon.systemd.handle_start(daemon.config.ready_after, now);
        let before = daemon.config.clone();
        daemon.pools.complete(&mut daemon.config, &before, now);
        let sessions = daemon.config.sessions.clone();
        let kept = sessions
            .values()
            .filter(|it| it.intent == Intent::Keep)
            .count();
        tell_notice(&Notice::Started {
            version: env!("CARGO_PKG_VERSION"),
            kept,
            lapsing: sessions.len() - kept,
        });
        daemon.doors.change(bound);
        // Of two sessions with one token, one of the configuration comes before a pool's.
        let (members, own): (Vec<_>, Vec<_>) = sessions
            .into_iter()
            .partition(|(name, _)| daemon.pools.of(name).is_some());
        for (name, session) in own.into_iter().chain(members) {
            daemon.add(name, session);
        }
        // Watched first, read then: no change is missed in between.
        daemon.watch_sources();
        daemon.read_first()?;
        daemon.account_for_sessions(daemon.now());
        Ok((daemon, looks_in))
    }

    /// Takes a session under care.
    pub(super) fn add(&mut self, name: SessionName, session: SessionConfig) -> SessionId {
        let host = self.host(&session.api);
        let id = self.keeper.handle_added(host, policy(&session));
        self.cares.by_name.insert(name.clone(), id);
        self.cares.by_id.insert(id, Care::new(name, session));
        id
    }

    /// Watches the files of all sessions and the directories of all pools.
    pub(super) fn watch_sources(&mut self) {
        let pools = self.config.pools.values();
        let directories = pools.map(|pool| pool.token_dir().to_owned()).collect();
        self.sources.watch(&self.cares, directories);
    }

    fn read_first(&mut self) -> Result<(), StartError> {
        let now = self.now();
        let sessions: Vec<_> = self
            .cares
            .by_id
            .iter()
            .map(|(&id, care)| (id, care.config.token.clone()))
            .collect();
        for (id, source) in sessions {
            let Some(result) = self.sources.read_first(id, &source) else {
                continue;
            };
            match result {
                Ok(read) => {
                    self.refuse_shared(id, read.token.fingerprint())?;
                    self.handle_read(id, read, now);
                }
                Err(error) => self.handle_unreadable(id, &error, now),
            }
        }
        Ok(())
    }

    fn refuse_shared(&self, id: SessionId, fingerprint: Fingerprint) -> Result<(), StartError> {
        let name = |id| self.cares.by_id.get(&id).map(|care| care.name.clone());
        let other = self.cares.other_holder(id, fingerprint);
        match (other.and_then(name), name(id)) {
            // What a pool's files hold is not ours to refuse.
            (Some(first), Some(second))
                if self.pools.of(&first).or(self.pools.of(&second)).is_none() =>
            {
                Err(StartError::SharedToken {
                    first,
                    second,
                    fingerprint,
                })
            }
            _ => Ok(()),
        }
    }

    fn host(&mut self, api: &ApiBase) -> HostId {
        let position = self
            .hosts
            .iter()
            .position(|known| known == api)
            .unwrap_or_else(|| {
                self.hosts.push(api.clone());
                self.hosts.len() - 1
            });
        HostId(u32::try_from(position).unwrap_or(u32::MAX))
    }
}

/// Without a watcher, tries are made as often as without a change.
fn watch_network(retry_within: Duration) -> Network {
    Network::watch().unwrap_or_else(|error| {
        tell_notice(&Notice::NetworkNotWatched {
            cause: &error,
            retry_within,
        });
        Network::default()
    })
}

/// What a session is to get.
pub(crate) fn policy(session: &SessionConfig) -> Policy {
    Policy {
        intent: session.intent,
        margin: session.margin,
        idle_timeout: session.idle_timeout,
        touch: session.touch,
        verify_every: session.verify_every.get(),
        on_shutdown: session.on_shutdown,
    }
}

/// The limits that hold for all.
pub(crate) fn limits(config: &Config) -> Limits {
    Limits {
        request_timeout: config.http.request_timeout,
        timeout_refresh: config.timeout_refresh.max(Duration::from_secs(1)),
        ..Limits::default()
    }
}
