//! Runs the requests that are in flight, at most one for each session.
//!
//! The outcome of each decides which connections the next ones use: see [`Connections`].
//!
//! *Invariant*: no copy of a token outlives it by much. The allocator wipes the token itself, its
//! header and everything else that was allocated for a request when they are freed. An HTTP/1.1
//! connection, however, keeps the buffer of its last request for the next one; closing the
//! connection frees and wipes that buffer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};

use super::connections::{Connections, ConnectionsNumber};
use super::next_result;
use crate::api::Client;
use crate::config::ApiBase;
use crate::keeper::{Command, Operation, Outcome, SessionId, Ticket};
use crate::time::Instant;
use crate::token::Token;

/// The time for which a connection may outlive a token. Tokens that end together, or shortly one
/// after the other as in a large installation, then cost a single handshake.
const CLOSE_AFTER: Duration = Duration::from_secs(2);

/// The requests that are in flight.
pub(super) struct Requests {
    pub(super) connections: Connections,
    tasks: JoinSet<(Ticket, Outcome)>,
    by_session: BTreeMap<SessionId, InFlightRequest>,
    /// The instant at which the connections that carried ended tokens are closed.
    close_at: Option<Instant>,
}

/// A request that is in flight.
struct InFlightRequest {
    api: ApiBase,
    /// The connections to the API that it uses.
    connections: ConnectionsNumber,
    ticket: Ticket,
    operation: Operation,
    task: AbortHandle,
}

impl Requests {
    /// Creates an empty set of requests. Each API gets connections of its own.
    pub(super) fn new(client: Client) -> Self {
        Self {
            connections: Connections::new(client),
            tasks: JoinSet::new(),
            by_session: BTreeMap::new(),
            close_at: None,
        }
    }

    /// Sends a request, and drops an earlier one of the same session.
    pub(super) fn start(&mut self, command: Command, api: ApiBase, token: Arc<Token>) {
        let Command {
            ticket,
            operation,
            time_limit,
            ..
        } = command;
        let session = ticket.session;
        if let Some(earlier) = self.by_session.remove(&session) {
            earlier.task.abort();
            // The earlier request got no answer in the time that it had.
            self.connections
                .handle_unanswered(&earlier.api, earlier.connections);
        }
        let (client, connections) = match operation {
            // A revocation has few attempts, and a token that is not revoked lives on, so it never
            // uses a connection over which a request failed.
            Operation::Revoke => self.connections.without_failures(&api),
            Operation::Peek | Operation::Touch(_) | Operation::ReadTimeout => {
                self.connections.for_request(&api, session)
            }
        };
        let task = self.tasks.spawn({
            let api = api.clone();
            async move {
                let outcome = client.ask(&api, &token, operation, time_limit).await;
                (ticket, outcome)
            }
        });
        let in_flight = InFlightRequest {
            api,
            connections,
            ticket,
            operation,
            task,
        };
        self.by_session.insert(session, in_flight);
    }

    /// Returns the outcome of the next request that ends. Waits for ever if there is none.
    /// Cancel-safe.
    pub(super) async fn next(&mut self) -> (Ticket, Outcome) {
        let (ticket, outcome) = next_result(&mut self.tasks).await;
        let session = ticket.session;
        // A request may be replaced at the moment at which it ends.
        let is_current = |request: &&mut InFlightRequest| request.ticket == ticket;
        if let Some(ended) = self.by_session.get_mut(&session).filter(is_current) {
            self.connections.handle_verdict(
                &ended.api,
                ended.connections,
                session,
                &outcome.verdict,
            );
            self.by_session.remove(&session);
        }
        (ticket, outcome)
    }

    /// Drops the request of one session.
    pub(super) fn drop_of(&mut self, session: SessionId) {
        if let Some(request) = self.by_session.remove(&session) {
            request.task.abort();
        }
    }

    /// Drops all requests but revocations, which a reload may have begun. The connections of the
    /// dropped requests are not used again.
    pub(super) fn drop_all_but_revocations(&mut self) {
        self.by_session.retain(|_, in_flight| {
            let is_revocation = in_flight.operation == Operation::Revoke;
            if !is_revocation {
                in_flight.task.abort();
                self.connections
                    .handle_unanswered(&in_flight.api, in_flight.connections);
            }
            is_revocation
        });
    }

    /// Drops all requests. Their connections are not used again.
    pub(super) fn drop_all(&mut self) {
        // Unlike abort_all, this frees the tasks at once: an aborted task stays in its set until it
        // is joined.
        self.tasks = JoinSet::new();
        for (_, dropped) in std::mem::take(&mut self.by_session) {
            self.connections
                .handle_unanswered(&dropped.api, dropped.connections);
        }
    }

    /// Handles the end of a token: the connections are closed soon. Requests in flight keep theirs
    /// until they end.
    pub(super) fn handle_token_dropped(&mut self, now: Instant) {
        self.close_at.get_or_insert(now + CLOSE_AFTER);
    }

    /// Closes the connections, if that is due.
    pub(super) fn turn(&mut self, now: Instant) {
        if self.close_at.take_if(|at| *at <= now).is_some() {
            self.connections.replace_all();
        }
    }

    /// Returns the instant at which [`Self::turn`] is to be called again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.close_at
    }
}
