//! Decides which connections the next request to an API uses.
//!
//! An HTTP client cannot drop a single connection, so each API has a client of its own, which is
//! replaced with all its connections when they are suspect. Requests in flight finish on the old
//! ones, and the connections to other APIs are not affected.
//!
//! # Invariants
//!
//! *A connection on which a request got no answer is not used for the next one.* The transport and
//! its probes may work for ever while requests do not: after a failover behind it, with a NAT that
//! forgot it, with a server that allows no stream.
//!
//! *A retry of a session uses another connection* than the failed attempt, unless a request of any
//! session succeeded over that one since. This holds for a revocation and for the last attempt
//! before a deadline as well. The sessions share the new connection, so a failing API does not get
//! one from each of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::Client;
use crate::config::ApiBase;
use crate::keeper::{BlockReason, Failure, SessionId, Verdict};

/// The number of the connections to an API; new ones get another number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ConnectionsNumber(u64);

/// The connections to all APIs.
pub(super) struct Connections {
    /// The client from which those of the APIs are made. It has no connections itself.
    client: Client,
    by_api: BTreeMap<ApiBase, ApiConnections>,
    last_number: u64,
}

/// The connections to one API that new requests use.
struct ApiConnections {
    client: Client,
    number: ConnectionsNumber,
    /// The sessions whose last request over them failed, unless one succeeded since.
    failed: BTreeSet<SessionId>,
}

/// The result of a request for the connection that it used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ConnectionOutcome {
    /// The connection carries requests and answers.
    Works,
    /// The connection carried an answer, but another one may lead to a server that works better.
    Doubtful,
    /// The connection carried no answer.
    Dead,
    /// There was no connection.
    None,
}

impl Connections {
    /// Creates an empty set of connections, which are made as this client makes them.
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            by_api: BTreeMap::new(),
            last_number: 0,
        }
    }

    /// Returns the connections for a session's request.
    pub(super) fn for_request(
        &mut self,
        api: &ApiBase,
        session: SessionId,
    ) -> (Client, ConnectionsNumber) {
        self.unless_suspect(api, |connections| connections.failed.contains(&session))
    }

    /// Returns a client with connections of its own, which are closed with it: a connection keeps the
    /// last request, and with it a secret.
    pub(super) fn of_their_own(&self) -> Client {
        self.client.with_new_connections()
    }

    /// Returns connections over which no request failed.
    pub(super) fn without_failures(&mut self, api: &ApiBase) -> (Client, ConnectionsNumber) {
        self.unless_suspect(api, |connections| !connections.failed.is_empty())
    }

    /// Handles the end of a session's request.
    pub(super) fn handle_verdict(
        &mut self,
        api: &ApiBase,
        number: ConnectionsNumber,
        session: SessionId,
        verdict: &Verdict,
    ) {
        // A request over replaced connections says nothing about the present ones.
        let current = self
            .by_api
            .get_mut(api)
            .filter(|connections| connections.number == number);
        let Some(connections) = current else {
            return;
        };
        match connection_outcome(verdict) {
            ConnectionOutcome::Works => connections.failed.clear(),
            ConnectionOutcome::Doubtful => {
                connections.failed.insert(session);
            }
            ConnectionOutcome::Dead => drop(self.by_api.remove(api)),
            ConnectionOutcome::None => {}
        }
    }

    /// Handles a request that was dropped before it had an answer.
    pub(super) fn handle_unanswered(&mut self, api: &ApiBase, number: ConnectionsNumber) {
        let current = self.by_api.get(api);
        if current.is_some_and(|connections| connections.number == number) {
            self.by_api.remove(api);
        }
    }

    /// Uses new connections for all further requests. Requests in flight keep theirs.
    pub(super) fn replace_all(&mut self) {
        self.by_api.clear();
    }

    /// Replaces the connections to all APIs by those that this client makes.
    pub(super) fn replace_client(&mut self, client: Client) {
        self.client = client;
        self.replace_all();
    }

    /// Returns the present connections, or new ones if the present ones are suspect.
    fn unless_suspect(
        &mut self,
        api: &ApiBase,
        is_suspect: impl FnOnce(&ApiConnections) -> bool,
    ) -> (Client, ConnectionsNumber) {
        let connections = match self.by_api.remove(api) {
            Some(connections) if !is_suspect(&connections) => connections,
            Some(_) | None => {
                self.last_number += 1;
                ApiConnections {
                    client: self.client.with_new_connections(),
                    number: ConnectionsNumber(self.last_number),
                    failed: BTreeSet::new(),
                }
            }
        };
        let found = (connections.client.clone(), connections.number);
        self.by_api.insert(api.clone(), connections);
        found
    }
}

fn connection_outcome(verdict: &Verdict) -> ConnectionOutcome {
    match verdict {
        Verdict::Accepted
        | Verdict::Alive(_)
        | Verdict::Timeout(_)
        | Verdict::Refused(_)
        | Verdict::Throttled { .. }
        | Verdict::Blocked(
            BlockReason::AddressNotAllowed
            | BlockReason::HeaderMissing
            | BlockReason::Forbidden(_)
            | BlockReason::Rejected(..),
        ) => ConnectionOutcome::Works,
        Verdict::Blocked(BlockReason::NotTheApi(_)) => ConnectionOutcome::Doubtful,
        Verdict::Unreachable(failure) => match failure {
            Failure::TimedOut | Failure::Broken => ConnectionOutcome::Dead,
            Failure::ServerError(_)
            | Failure::BodyTooLarge
            | Failure::HeaderTooLarge
            | Failure::TouchRefused(_) => ConnectionOutcome::Doubtful,
            Failure::NameNotResolved
            | Failure::NotConnected
            | Failure::Tls
            | Failure::NotSent(_) => ConnectionOutcome::None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Layers, load_for_guest};

    const FIRST: SessionId = SessionId(1);
    const SECOND: SessionId = SessionId(2);
    const TIMED_OUT: Verdict = Verdict::Unreachable(Failure::TimedOut);
    const FAILED: Verdict = Verdict::Unreachable(Failure::ServerError(503));

    fn connections() -> Connections {
        let config = load_for_guest(Layers::default()).unwrap().config;
        Connections::new(Client::new(&config.http).unwrap())
    }

    fn api(port: u16) -> ApiBase {
        ApiBase::new(&format!("http://127.0.0.1:{port}")).unwrap()
    }

    #[test]
    fn after_a_timeout_the_next_request_of_that_api_alone_uses_new_connections() {
        let mut connections = connections();
        let (_, bad) = connections.for_request(&api(1), FIRST);
        let (_, good) = connections.for_request(&api(2), SECOND);
        connections.handle_verdict(&api(1), bad, FIRST, &TIMED_OUT);
        let (_, new) = connections.for_request(&api(1), SECOND);
        assert_ne!(new, bad);
        assert_eq!(connections.for_request(&api(2), SECOND).1, good);
        // The other requests that waited on the old connections change nothing.
        connections.handle_verdict(&api(1), bad, SECOND, &TIMED_OUT);
        connections.handle_unanswered(&api(1), bad);
        assert_eq!(connections.for_request(&api(1), FIRST).1, new);
    }

    #[test]
    fn a_request_that_was_given_up_counts_as_unanswered() {
        let mut connections = connections();
        let (_, number) = connections.for_request(&api(1), FIRST);
        connections.handle_unanswered(&api(1), number);
        assert_ne!(connections.for_request(&api(1), FIRST).1, number);
    }

    #[test]
    fn whoever_failed_tries_again_over_new_connections_and_the_others_join_them() {
        let mut connections = connections();
        let (_, first) = connections.for_request(&api(1), FIRST);
        for session in [FIRST, SECOND] {
            connections.handle_verdict(&api(1), first, session, &FAILED);
        }
        assert_eq!(connections.for_request(&api(1), SessionId(3)).1, first);
        let (_, second) = connections.for_request(&api(1), FIRST);
        assert_ne!(second, first);
        assert_eq!(connections.for_request(&api(1), SECOND).1, second);
    }

    #[test]
    fn a_success_clears_the_connections_of_suspicion() {
        let mut connections = connections();
        let (_, number) = connections.for_request(&api(1), FIRST);
        connections.handle_verdict(&api(1), number, FIRST, &FAILED);
        connections.handle_verdict(&api(1), number, SECOND, &Verdict::Accepted);
        assert_eq!(connections.for_request(&api(1), FIRST).1, number);
        assert_eq!(connections.without_failures(&api(1)).1, number);
    }

    #[test]
    fn a_revocation_uses_no_connections_over_which_any_request_failed() {
        let mut connections = connections();
        let (_, number) = connections.for_request(&api(1), FIRST);
        connections.handle_verdict(&api(1), number, FIRST, &FAILED);
        assert_ne!(connections.without_failures(&api(1)).1, number);
    }

    #[test]
    fn a_connection_that_was_never_made_is_not_replaced() {
        let mut connections = connections();
        let (_, number) = connections.for_request(&api(1), FIRST);
        let not_connected = Verdict::Unreachable(Failure::NotConnected);
        connections.handle_verdict(&api(1), number, FIRST, &not_connected);
        assert_eq!(connections.for_request(&api(1), FIRST).1, number);
    }
}
