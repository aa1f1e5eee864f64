//! How observers ask the loop: a question goes in, an answer comes out, and nobody holds a lock.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::{Control, Done, NamedStory, Peer, Snapshot};
use crate::config::SessionName;

/// How many questions may wait for the loop; further ones wait to be put.
const WAITING_MAX: usize = 16;

/// How long an answer is waited for: a loop that turns answers within milliseconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// How long it is waited for that a touch is answered.
const DONE_WITHIN: Duration = Duration::from_secs(20);

/// A question to the loop, and where its answer goes.
#[derive(Debug)]
pub enum Look {
    /// Whether the loop turns.
    Pulse(oneshot::Sender<()>),
    /// How all sessions do.
    Snapshot(oneshot::Sender<Snapshot>),
    /// What the session of this name went through, if there is one.
    Story(SessionName, oneshot::Sender<Option<Box<NamedStory>>>),
    /// Something that is to be done, by whom, and what became of it.
    Control(Control, Peer, oneshot::Sender<Done>),
}

/// Puts questions to the loop.
#[derive(Clone, Debug)]
pub struct Looks(mpsc::Sender<Look>);

/// A way into the loop, and the loop's end of it.
#[must_use]
pub fn looks() -> (Looks, mpsc::Receiver<Look>) {
    let (into, from) = mpsc::channel(WAITING_MAX);
    (Looks(into), from)
}

impl Looks {
    /// The sessions as they are; `None` if the loop has ended or does not answer in time.
    pub async fn snapshot(&self) -> Option<Snapshot> {
        self.ask(Look::Snapshot).await
    }

    /// What the session of this name went through; `None` within if there is none.
    pub async fn story(&self, name: SessionName) -> Option<Option<Box<NamedStory>>> {
        self.ask(|answer| Look::Story(name, answer)).await
    }

    /// Whether the loop turns.
    pub async fn is_turning(&self) -> bool {
        self.ask(Look::Pulse).await.is_some()
    }

    /// Has something done; `None` if the loop has ended or it takes too long.
    pub async fn control(&self, control: Control, by: Peer) -> Option<Done> {
        let within = DONE_WITHIN;
        self.ask_within(within, |answer| Look::Control(control, by, answer))
            .await
    }

    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Look) -> Option<T> {
        self.ask_within(ANSWER_WITHIN, question).await
    }

    async fn ask_within<T>(
        &self,
        within: Duration,
        question: impl FnOnce(oneshot::Sender<T>) -> Look,
    ) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let asked = async {
            self.0.send(question(answer)).await.ok()?;
            answered.await.ok()
        };
        tokio::time::timeout(within, asked).await.ok()?
    }
}
