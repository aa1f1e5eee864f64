//! Obtains tokens from login hosts, and from programs before their present tokens expire, when the
//! keeper asks for it.
//!
//! The client's secret is read for each attempt, so that a replaced one is used at once.

use tokio::task::JoinSet;

use super::{Daemon, next_result};
use crate::api::{Client, Minted};
use crate::config::ApiBase;
use crate::keeper::{
    Expiry, ExpirySource, MintCommand, MintFailure, MintOutcome, Offer, SessionId,
};
use crate::status::phrases::Chain;
use crate::time::Instant;
use crate::token::{MintSource, Reader, ReportedExpiry, Source};

/// The attempts in flight.
#[derive(Default)]
pub(super) struct Minting {
    tasks: JoinSet<MintAttempt>,
}

/// An attempt that has ended.
pub(super) struct MintAttempt {
    command: MintCommand,
    sent_at: Instant,
    result: Result<Minted, MintFailure>,
}

impl Minting {
    /// Returns the next attempt that ends. Waits for ever if there is none. Cancel-safe.
    pub(super) async fn next(&mut self) -> MintAttempt {
        next_result(&mut self.tasks).await
    }

    fn start(&mut self, command: MintCommand, client: Client, source: MintSource, now: Instant) {
        self.tasks.spawn(async move {
            MintAttempt {
                command,
                sent_at: now,
                result: mint(&client, &source).await,
            }
        });
    }

    /// Drops all attempts.
    pub(super) fn stop(&mut self) {
        self.tasks = JoinSet::new();
    }
}

async fn mint(client: &Client, source: &MintSource) -> Result<Minted, MintFailure> {
    let secret = Reader::default().read(&source.client_secret).await;
    let secret =
        secret.map_err(|error| MintFailure::SecretUnreadable(Chain(&error).to_string().into()))?;
    let login = ApiBase::new(&source.login).map_err(|_| MintFailure::NotTheLoginHost)?;
    client.mint(&login, &source.client_id, &secret.token).await
}

impl Daemon {
    /// Begins the attempts to obtain tokens that are due.
    pub(super) fn begin_minting(&mut self, now: Instant) {
        while let Some(command) = self.sessions.keeper.poll_mint(now) {
            let Some(managed) = self.sessions.by_id.get_mut(&command.session) else {
                continue;
            };
            match &managed.config.token {
                Source::Mint(source) => {
                    let client = self.requests.connections.of_their_own();
                    self.minting.start(command, client, (**source).clone(), now);
                }
                Source::Command(_) => {
                    managed.reading.renewal = Some(command);
                    self.sources.read(command.session, &managed.config.token);
                }
                Source::File(_) | Source::Credential(_) | Source::Env(_) => {}
            }
        }
    }

    /// Handles the end of an attempt: offers the token to the keeper.
    pub(super) fn handle_minted(&mut self, attempt: MintAttempt) {
        let now = self.machine.now();
        let MintAttempt {
            command,
            sent_at,
            result,
        } = attempt;
        let outcome = match result {
            Ok(Minted { token, lifetime }) => {
                let fingerprint = token.fingerprint();
                self.offer_token(command.session, token, Offer::Seen, now);
                if let Some(lifetime) = lifetime {
                    let expiry = Expiry {
                        at: sent_at + lifetime,
                        lifetime,
                        source: ExpirySource::Reported,
                    };
                    let keeper = &mut self.sessions.keeper;
                    keeper.handle_expiry(command.session, fingerprint, expiry, now);
                }
                MintOutcome::Minted
            }
            Err(failure) => MintOutcome::Failed(failure),
        };
        self.sessions.keeper.handle_minted(command, &outcome, now);
    }

    /// Handles the end of a program that the keeper asked to run. `is_new` is true if it printed a
    /// token that the session did not have.
    pub(super) fn handle_program_ended(&mut self, id: SessionId, is_new: bool, now: Instant) {
        let managed = self.sessions.by_id.get_mut(&id);
        if let Some(command) = managed.and_then(|managed| managed.reading.renewal.take()) {
            let outcome = if is_new {
                MintOutcome::Minted
            } else {
                MintOutcome::Failed(MintFailure::NothingNew)
            };
            self.sessions.keeper.handle_minted(command, &outcome, now);
        }
    }

    /// Returns the expiry that a source reports, on the clock of the daemon.
    pub(super) fn expiry(&self, reported: ReportedExpiry, now: Instant) -> Expiry {
        let (at, lifetime) = match reported {
            ReportedExpiry::In(lifetime) => (now + lifetime, Some(lifetime)),
            ReportedExpiry::At(at, lifetime) => {
                let left = at.duration_since(self.machine.wall_at(now));
                let at = if left.is_negative() {
                    now - left.unsigned_abs()
                } else {
                    now + left.unsigned_abs()
                };
                (at, lifetime)
            }
        };
        Expiry {
            at,
            lifetime: lifetime.unwrap_or(at.until(now)),
            source: ExpirySource::Reported,
        }
    }
}
