//! Obtains tokens from login hosts, and from programs before their present tokens expire, when the
//! keeper asks for it.
//!
//! The client's id and secret are read for each attempt, so that replaced ones are used at once.
//!
//! *Invariant*: a token that was issued belongs to its session or is revoked. The daemon's stop waits
//! for the answers of login hosts within the grace, since a token that is issued meanwhile would
//! live without being known to anyone.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Daemon, next_result};
use crate::api::{Client, Minted};
use crate::config::{ApiBase, SessionName};
use crate::keeper::{
    Event, EventKind, Expiry, ExpirySource, MintCommand, MintFailure, MintOutcome, Offer,
    Operation, SessionId, Verdict,
};
use crate::log::{LogEvent, TokenEvent, UnwantedReason, log_event};
use crate::status::phrases::Chain;
use crate::time::Instant;
use crate::token::{
    ClientCredentials, Fingerprint, MintSource, Reader, ReportedExpiry, Source, Token, Warning,
};

/// The number of attempts to revoke a token that no session wants, and the delay between them: a new
/// token takes time to reach all servers of the API.
const REVOCATIONS: u32 = 3;
const REVOKE_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The longest time that the revocation of such a token takes.
const REVOKE_LIMIT_MAX: Duration = Duration::from_secs(30);

/// The attempts in flight, and the revocations of tokens that came too late.
#[derive(Default)]
pub(super) struct Minting {
    attempts: JoinSet<MintAttempt>,
    revocations: JoinSet<UnwantedToken>,
    /// The defects of the files of clients' secrets that were logged last.
    exposed: BTreeMap<SessionId, Warning>,
    /// The end of the time for which the daemon's stop waits.
    until: Option<Instant>,
}

/// The end of an attempt or of a revocation.
pub(super) enum MintingEvent {
    Ended(MintAttempt),
    Revoked(UnwantedToken),
}

/// An attempt that has ended.
pub(super) struct MintAttempt {
    command: MintCommand,
    session: SessionName,
    api: ApiBase,
    source: MintSource,
    sent_at: Instant,
    result: Result<Minted, MintFailure>,
    /// The warning about the file of the client's secret.
    warning: Option<Warning>,
}

/// A token that was issued for a session and that the session does not use, after the attempts to
/// revoke it.
pub(super) struct UnwantedToken {
    session: SessionName,
    fingerprint: Fingerprint,
    reason: UnwantedReason,
    verdict: Verdict,
}

impl Minting {
    /// Returns the next attempt or revocation that ends. Waits for ever if there is none.
    /// Cancel-safe.
    pub(super) async fn next(&mut self) -> MintingEvent {
        tokio::select! {
            biased;
            attempt = next_result(&mut self.attempts) => MintingEvent::Ended(attempt),
            token = next_result(&mut self.revocations) => MintingEvent::Revoked(token),
        }
    }

    /// Returns true if neither an attempt nor a revocation is in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.attempts.is_empty() && self.revocations.is_empty()
    }

    /// Handles the beginning of the daemon's stop, which waits until this instant at most.
    pub(super) fn handle_stop(&mut self, until: Instant) {
        self.until = Some(until);
    }

    /// Returns the instant at which [`Self::turn`] is to be called again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.until.filter(|_| !self.attempts.is_empty())
    }

    /// Gives up the attempts if the time of the stop is over.
    pub(super) fn turn(&mut self, now: Instant) {
        if !self.attempts.is_empty() && self.until.is_some_and(|until| until <= now) {
            log_event(&LogEvent::Token(TokenEvent::MintUnanswered));
            // This frees the tasks at once: an aborted task stays in its set until it is joined.
            self.attempts = JoinSet::new();
        }
    }

    /// Revokes a token that no session uses.
    fn revoke(
        &mut self,
        session: SessionName,
        client: Client,
        api: ApiBase,
        token: Arc<Token>,
        reason: UnwantedReason,
        now: Instant,
    ) {
        let limit = self.until.map_or(Duration::MAX, |until| until.until(now));
        let limit = limit.min(REVOKE_LIMIT_MAX) / REVOCATIONS;
        self.revocations.spawn(async move {
            UnwantedToken {
                session,
                fingerprint: token.fingerprint(),
                reason,
                verdict: revoke(&client, &api, &token, limit).await,
            }
        });
    }
}

/// Obtains a token. Returns a warning about the file of the client's secret as well.
async fn mint(
    client: &Client,
    source: &MintSource,
) -> (Result<Minted, MintFailure>, Option<Warning>) {
    let credentials = match Reader::default().client(source).await {
        Ok(credentials) => credentials,
        Err(error) => {
            let reason = Chain(&error).to_string().into();
            return (Err(MintFailure::SecretUnreadable(reason)), None);
        }
    };
    let ClientCredentials {
        id,
        secret,
        warning,
    } = credentials;
    let result = match ApiBase::new(&source.login) {
        Ok(login) => client.mint(&login, &id, &secret).await,
        Err(_) => Err(MintFailure::NotTheLoginHost),
    };
    (result, warning)
}

/// Revokes a token with several attempts, each of which takes at most `limit` with the delay before
/// the next one. Returns the last verdict.
async fn revoke(client: &Client, api: &ApiBase, token: &Token, limit: Duration) -> Verdict {
    let delay = REVOKE_AGAIN_AFTER.min(limit / 4);
    let mut verdict = Verdict::Accepted;
    for attempt in 0..REVOCATIONS {
        if attempt > 0 {
            let _over = timeout(delay, pending::<()>()).await;
        }
        let outcome = client.ask(api, token, Operation::Revoke, limit.saturating_sub(delay));
        verdict = outcome.await.verdict;
        if verdict == Verdict::Accepted {
            break;
        }
    }
    verdict
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
                    let (session, api) = (managed.name.clone(), managed.config.api.clone());
                    let source = (**source).clone();
                    self.minting.attempts.spawn(async move {
                        let (result, warning) = mint(&client, &source).await;
                        MintAttempt {
                            result,
                            warning,
                            command,
                            session,
                            api,
                            source,
                            sent_at: now,
                        }
                    });
                }
                Source::Command(_) => {
                    managed.reading.renewal = Some(command);
                    self.sources.read(command.session, &managed.config.token);
                }
                Source::File(_) | Source::Credential(_) | Source::Env(_) => {}
            }
        }
    }

    /// Handles the end of an attempt or of a revocation.
    pub(super) fn handle_minting(&mut self, event: MintingEvent) {
        match event {
            MintingEvent::Ended(attempt) => self.handle_minted(attempt),
            MintingEvent::Revoked(token) => self.handle_unwanted_revoked(&token),
        }
    }

    /// Handles the end of an attempt: offers the token to the keeper, or revokes it if its session
    /// has ended, has another source by now or is ending with the daemon.
    fn handle_minted(&mut self, attempt: MintAttempt) {
        let now = self.machine.now();
        let MintAttempt {
            command,
            session,
            api,
            source,
            sent_at,
            result,
            warning,
        } = attempt;
        let id = command.session;
        let managed = self.sessions.by_id.get(&id);
        let mint = managed.and_then(|managed| managed.config.token.mint());
        let is_wanted = self.stop.is_none()
            && self.sessions.is_configured(id)
            && mint.is_some_and(|mint| *mint == source);
        if is_wanted {
            self.log_exposed_secret(id, warning);
        }
        let outcome = match result {
            Ok(Minted { token, lifetime }) if is_wanted => {
                let fingerprint = token.fingerprint();
                self.offer_token(id, token, Offer::Seen, now);
                if let Some(lifetime) = lifetime {
                    let expiry = Expiry {
                        at: sent_at + lifetime,
                        lifetime,
                        source: ExpirySource::Reported,
                    };
                    self.sessions
                        .keeper
                        .handle_expiry(id, fingerprint, expiry, now);
                }
                MintOutcome::Minted
            }
            Ok(Minted { token, .. }) => {
                let client = self.requests.connections.of_their_own();
                let reason = UnwantedReason::TooLate;
                self.minting
                    .revoke(session, client, api, Arc::new(token), reason, now);
                MintOutcome::Minted
            }
            Err(failure) => MintOutcome::Failed(failure),
        };
        if self.stop.is_none() {
            self.sessions.keeper.handle_minted(command, &outcome, now);
        }
    }

    /// Revokes a token of another issuer than the living one if it was issued to this daemon, since
    /// nobody else has it. The event ends it for its session.
    pub(super) fn revoke_mismatched(&mut self, event: &Event, now: Instant) {
        let (EventKind::NewerMismatched(_), Some(token)) = (&event.kind, event.token) else {
            return;
        };
        let Some(managed) = self.sessions.by_id.get(&event.session) else {
            return;
        };
        let keeper = self
            .sessions
            .ownership
            .other_keeper(event.session, token.fingerprint);
        if managed.config.token.mint().is_some()
            && keeper.is_none()
            && let Some(secret) = managed.token(token.generation)
        {
            let client = self.requests.connections.of_their_own();
            let (session, api) = (managed.name.clone(), managed.config.api.clone());
            let reason = UnwantedReason::OtherIssuer;
            self.minting
                .revoke(session, client, api, secret, reason, now);
        }
    }

    /// Logs a defect of the file of a client's secret, unless it was the last one logged.
    fn log_exposed_secret(&mut self, id: SessionId, warning: Option<Warning>) {
        let Some(warning) = warning else {
            self.minting.exposed.remove(&id);
            return;
        };
        if self.minting.exposed.get(&id) != Some(&warning)
            && let Some(managed) = self.sessions.by_id.get(&id)
        {
            let names = self.sources.names(managed);
            log_event(&LogEvent::SourceExposed(&names, &warning));
            self.minting.exposed.insert(id, warning);
        }
    }

    /// Forgets a session that has ended.
    pub(super) fn forget_minting(&mut self, id: SessionId) {
        self.minting.exposed.remove(&id);
    }

    fn handle_unwanted_revoked(&mut self, token: &UnwantedToken) {
        let UnwantedToken {
            session,
            fingerprint,
            reason,
            verdict,
        } = token;
        let is_revoked = *verdict == Verdict::Accepted;
        if let Some(ended) = &mut self.stop {
            if is_revoked {
                ended.revoked += 1;
            } else {
                ended.not_revoked += 1;
            }
        }
        log_event(&LogEvent::Token(TokenEvent::Unwanted {
            session,
            fingerprint: *fingerprint,
            reason: *reason,
            failure: (!is_revoked).then(|| verdict.as_str()),
        }));
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
