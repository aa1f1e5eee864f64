//! Passes queries from observers to the loop, and its answers back, without locks.
//!
//! An observer must never delay the loop: the queue is bounded, and each query has a time limit.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::{CommandResult, NamedHistory, Peer, SessionCommand, Snapshot};
use crate::config::SessionName;

/// The maximum number of queries in the queue. Senders of further queries wait for a place.
const WAITING_MAX: usize = 16;

/// The time limit of an answer. A loop that runs answers within milliseconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The time limit of a command, which may have to wait for the API to answer a touch.
const DONE_WITHIN: Duration = Duration::from_secs(20);

/// A query to the loop, with the channel for its answer.
#[derive(Debug)]
pub enum Query {
    /// A check that the loop runs.
    Pulse(oneshot::Sender<()>),
    /// The state of all sessions.
    Snapshot(oneshot::Sender<Snapshot>),
    /// The history of the session with this name, if there is one.
    Story(SessionName, oneshot::Sender<Option<Box<NamedHistory>>>),
    /// A command, its sender, and its result.
    Control(SessionCommand, Peer, oneshot::Sender<CommandResult>),
}

/// Sends queries to the loop.
#[derive(Clone, Debug)]
pub struct QuerySender(mpsc::Sender<Query>);

/// Creates the channel for queries: the observers' end and the loop's end.
#[must_use]
pub fn queries() -> (QuerySender, mpsc::Receiver<Query>) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    (QuerySender(sender), receiver)
}

impl QuerySender {
    /// Returns the state of all sessions, or `None` if the loop has ended or does not answer within
    /// 5s.
    pub async fn snapshot(&self) -> Option<Snapshot> {
        self.ask(Query::Snapshot).await
    }

    /// Returns the history of the session with this name, or `Some(None)` if there is no such
    /// session.
    ///
    /// Returns `None` if the loop has ended or does not answer within 5s.
    pub async fn history(&self, name: SessionName) -> Option<Option<Box<NamedHistory>>> {
        self.ask(|answer| Query::Story(name, answer)).await
    }

    /// Returns true if the loop answers within 5s.
    pub async fn is_turning(&self) -> bool {
        self.ask(Query::Pulse).await.is_some()
    }

    /// Sends a command and returns its result, or `None` if the loop has ended or the result does
    /// not arrive within 20s. The command may still be carried out after that.
    pub async fn control(&self, command: SessionCommand, by: Peer) -> Option<CommandResult> {
        let within = DONE_WITHIN;
        self.ask_within(within, |answer| Query::Control(command, by, answer))
            .await
    }

    async fn ask<T>(&self, query: impl FnOnce(oneshot::Sender<T>) -> Query) -> Option<T> {
        self.ask_within(ANSWER_WITHIN, query).await
    }

    async fn ask_within<T>(
        &self,
        within: Duration,
        query: impl FnOnce(oneshot::Sender<T>) -> Query,
    ) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let asked = async {
            self.0.send(query(answer)).await.ok()?;
            answered.await.ok()
        };
        tokio::time::timeout(within, asked).await.ok()?
    }
}
