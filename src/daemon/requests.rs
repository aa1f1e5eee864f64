//! The requests that are in flight: one for each session at the most.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::{AbortHandle, JoinSet};

use super::tasks;
use crate::api::Client;
use crate::config::ApiBase;
use crate::keeper::{Command, Outcome, SessionId, Ticket};
use crate::token::Token;

/// The requests that are in flight.
#[derive(Default)]
pub(super) struct Requests {
    tasks: JoinSet<(Ticket, Outcome)>,
    by_session: BTreeMap<SessionId, AbortHandle>,
}

impl Requests {
    /// Sends a request; an earlier one of the same session is dropped.
    pub(super) fn start(
        &mut self,
        command: Command,
        client: Client,
        api: ApiBase,
        token: Arc<Token>,
    ) {
        let Command {
            ticket,
            operation,
            time_limit,
            ..
        } = command;
        let request = async move {
            let outcome = client.ask(&api, &token, operation, time_limit).await;
            (ticket, outcome)
        };
        let handle = self.tasks.spawn(request);
        if let Some(earlier) = self.by_session.insert(ticket.session, handle) {
            earlier.abort();
        }
    }

    /// How many are in flight.
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// The next that is finished, `None` if it was dropped and has made room; for ever if
    /// there is none. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<(Ticket, Outcome)> {
        let (ticket, outcome) = tasks::next(&mut self.tasks).await?;
        let handle = self.by_session.get(&ticket.session);
        if handle.is_some_and(AbortHandle::is_finished) {
            self.by_session.remove(&ticket.session);
        }
        Some((ticket, outcome))
    }

    /// Drops all of them.
    pub(super) fn drop_all(&mut self) {
        // Not abort_all: what is aborted takes up room until it is waited for.
        self.tasks = JoinSet::new();
        self.by_session.clear();
    }
}
