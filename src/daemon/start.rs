//! Starts the daemon. Every failure that prevents a start is found here, before the first request.

use std::collections::BTreeSet;
use std::future::pending;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::listeners::Listeners;
use super::machine::Machine;
use super::minting::Minting;
use super::other_daemons::{OtherDaemons, StartRefusal};
use super::pools::{ListingExtent, Listings};
use super::reload::Reloads;
use super::reporter::Reporter;
use super::requests::Requests;
use super::rotation_signals::RotationSignals;
use super::session_table::SessionTable;
use super::sinks::Sinks;
use super::sources::{SourceEvent, Sources};
use super::{Daemon, Setup};
use crate::api::{BuildError, Client};
use crate::config::{Config, HttpConfig, SessionName, StatusConfig, StatusSocket};
use crate::http::BindError;
use crate::keeper::{Keeper, Limits, SessionId};
use crate::status::QuerySender;
use crate::sys::files;
use crate::sys::files::{CONFIG_LIMIT, NoAnswer};
use crate::token::Fingerprint;

/// The time for which the start waits for directories and files, so that the first log lines show
/// the tokens that exist and two sessions with one token are refused. Slower readings are
/// completed while the daemon runs, because the other tokens go on idling.
const START_WAIT: Duration = Duration::from_secs(2);

/// The reason for a failed start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be built")]
    Client(#[from] BuildError),
    /// The certificates cannot be read in time.
    #[error("reading the certificate authorities in {} takes longer than {}s", place.display(), CONFIG_LIMIT.as_secs())]
    Certificates {
        /// The configured file, or the directory of the system's certificates.
        place: PathBuf,
        /// The reason.
        #[source]
        cause: NoAnswer,
    },
    /// The directory of the status socket does not answer.
    #[error("the status socket {} cannot be looked at within {}s", path.display(), CONFIG_LIMIT.as_secs())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// The reason.
        #[source]
        cause: NoAnswer,
    },
    /// A configured listener cannot be bound.
    #[error(transparent)]
    Endpoints(#[from] BindError),
    /// The runtime cannot wait for a timer.
    #[error("cannot create a timer")]
    Timer(#[source] io::Error),
    /// Two sessions hold one and the same token.
    #[error(
        "sessions {first} and {second} have one and the same token ({fingerprint}): a token belongs to one session"
    )]
    SharedToken {
        /// One of the two sessions.
        first: SessionName,
        /// The other session.
        second: SessionName,
        /// The fingerprint of the token.
        fingerprint: Fingerprint,
    },
    /// Another daemon holds a token, and one of the two would revoke it.
    #[error("{0}")]
    HeldElsewhere(Box<StartRefusal>),
}

impl Daemon {
    /// Adds the configured sessions and reads their tokens.
    ///
    /// # Errors
    ///
    /// [`StartError`]. An absent token is not an error: the daemon waits for it.
    ///
    /// # Panics
    ///
    /// If called outside a tokio runtime with its drivers enabled.
    pub async fn start(config: Config, setup: Setup) -> Result<(Self, QuerySender), StartError> {
        let client = client(&config.http).await?;
        probe_socket(&config.status).await?;
        let listeners = Listeners::new(setup.places);
        let bound = listeners.bind(&config.status)?;
        let limits = limits(&config);
        let machine = Machine::new(setup.clock, limits.backoff.cap).map_err(StartError::Timer)?;
        let began = machine.read_clock();
        let now = began.boot;
        let mut daemon = Self {
            sessions: SessionTable::new(Keeper::new(limits, setup.seed)),
            sources: Sources::default(),
            requests: Requests::new(client),
            minting: Minting::default(),
            machine,
            reporter: Reporter::new(setup.log, setup.systemd, setup.revocations, &began),
            sinks: Sinks::default(),
            rotation_signals: RotationSignals::default(),
            listeners,
            reloads: Reloads::new(setup.load),
            others: OtherDaemons::new(setup.other_daemons),
            started_at: now,
            stop: None,
            config,
        };
        let config = &daemon.config;
        daemon.reporter.hooks.handle_config(config);
        daemon
            .reporter
            .systemd
            .handle_start(config.ready_after, now);
        let mut until = Box::pin(tokio::time::timeout(START_WAIT, pending::<()>()));
        let mut listings = daemon.list_first(until.as_mut()).await;
        let find = |directory: &Path| listings.remove(directory);
        let now = daemon.machine.now();
        let pools = &mut daemon.sources.pools;
        let sessions = pools.complete(&daemon.config, find, now);
        daemon.listeners.change(bound, now);
        // If two sessions have the same token, a session of the configuration gets it before a
        // pool's session, so the former are added first.
        let (members, own): (Vec<_>, Vec<_>) = sessions
            .into_iter()
            .partition(|(name, _)| daemon.sources.pools.of(name).is_some());
        for (name, session) in own.into_iter().chain(members) {
            daemon.sessions.add(name, session, now);
        }
        // A source that changes between this reading and the first probe of its path is read again.
        daemon.sources.watch(&daemon.sessions);
        daemon.read_first(until.as_mut()).await?;
        let now = daemon.machine.now();
        daemon.reporter.report_sessions(&daemon.sessions, now);
        let query_sender = daemon.listeners.query_sender.clone();
        Ok((daemon, query_sender))
    }

    /// Lists the directories of the pools that answer in time.
    async fn list_first(&mut self, mut until: impl Future + Unpin) -> Listings {
        let directories = self.config.pools.values();
        let directories: BTreeSet<_> = directories
            .map(|pool| pool.token_dir().to_owned())
            .collect();
        let count = directories.len();
        for directory in directories {
            self.sources.list(directory, ListingExtent::everything());
        }
        let mut listings = Listings::new();
        while listings.len() < count {
            tokio::select! {
                biased;
                event = self.sources.next() => if let SourceEvent::Listed(found) = event {
                    listings.insert(found.folder.path.clone(), found);
                },
                _ = &mut until => break,
            }
        }
        listings
    }

    /// Reads the tokens that can be read in time; the loop handles the others.
    async fn read_first(&mut self, mut until: impl Future + Unpin) -> Result<(), StartError> {
        for (id, managed) in &self.sessions.by_id {
            self.sources.read(*id, &managed.config.token);
        }
        let mut readings = Vec::new();
        while self.sources.readings.is_reading_files() {
            tokio::select! {
                biased;
                event = self.sources.next() => match event {
                    SourceEvent::Read(reading) => readings.push(reading),
                    event @ (SourceEvent::Changed(_) | SourceEvent::Probed(..) | SourceEvent::Listed(_)) => {
                        self.handle_source_event(event);
                    }
                },
                _ = &mut until => break,
            }
        }
        // If two sessions have the same token, the one that was added first gets it.
        readings.sort_by_key(|reading| reading.id);
        let now = self.machine.now();
        for reading in readings {
            // The start does not wait for writers to finish, unlike the loop: the first log lines
            // must show the tokens that exist.
            match reading.result {
                Ok(read) => {
                    self.refuse_shared(reading.id, read.token.fingerprint())?;
                    self.handle_read(reading.id, read, now);
                }
                Err(error) => self.handle_unreadable(reading.id, &error, now),
            }
        }
        Ok(())
    }

    fn refuse_shared(&self, id: SessionId, fingerprint: Fingerprint) -> Result<(), StartError> {
        let name = |id| {
            self.sessions
                .by_id
                .get(&id)
                .map(|managed| managed.name.clone())
        };
        let holder = self.sessions.ownership.other_holder(id, fingerprint);
        match (holder.and_then(name), name(id)) {
            // The content of a pool must not prevent the start.
            (Some(first), Some(second))
                if self
                    .sources
                    .pools
                    .of(&first)
                    .or(self.sources.pools.of(&second))
                    .is_none() =>
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
}

/// Builds the HTTP client on a thread of its own, since reading the certificates may hang.
pub(crate) async fn client(config: &HttpConfig) -> Result<Client, StartError> {
    let http = config.clone();
    // The certificates of the system are read as well; their usual directory stands for all of
    // their places.
    let file = config.trust.ca_file.clone();
    let place = file.clone().unwrap_or_else(|| "/etc/ssl/certs".into());
    match files::run(&place, CONFIG_LIMIT, move || Client::new(&http)).await {
        Ok(client) => Ok(client?),
        Err(cause) => Err(StartError::Certificates { place, cause }),
    }
}

/// Checks that the directory of the Unix socket answers, so that binding there does not hang.
pub(super) async fn probe_socket(config: &StatusConfig) -> Result<(), StartError> {
    let StatusSocket::At(path) = &config.socket else {
        return Ok(());
    };
    let place = path.clone();
    let probe = move || drop(place.symlink_metadata());
    let probed = files::run(path, CONFIG_LIMIT, probe).await;
    probed.map_err(|cause| StartError::Socket {
        path: path.clone(),
        cause,
    })
}

/// Returns the keeper's limits, which apply to all sessions.
pub(crate) fn limits(config: &Config) -> Limits {
    Limits {
        request_timeout: config.http.request_timeout,
        timeout_refresh: config.timeout_refresh.max(Duration::from_secs(1)),
        in_flight_max: config.http.in_flight_max.get() as usize,
        ..Limits::default()
    }
}
