//! Passes queries and commands from observers to the loop, and its answers back, without locks.
//!
//! # Invariants
//!
//! *An observer never delays the loop.* The queue is bounded, and each query has a time limit. A
//! query about all sessions reads them in slices: each slice is a short borrow of the loop's state,
//! and between two slices, of whichever observers, the loop does everything else that is ready.
//!
//! *Sessions are read by name.* A slice begins after the last name of the slice before it, so that
//! sessions that come and go in between hide no others. Each session is shown as it is when its slice
//! is read.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::yield_now;

use super::{NamedHistory, NamedView, Snapshot};
use crate::config::SessionName;
use crate::keeper::{Intent, OnShutdown, SessionView};
use crate::time::Instant;

/// The maximum number of queries in the queue. Senders of further queries wait for a place.
const WAITING_MAX: usize = 16;

/// The time limit of an answer. A loop that runs answers within milliseconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The time limit of a command, which may have to wait for the API to answer a touch.
const DONE_WITHIN: Duration = Duration::from_secs(20);

/// The number of sessions that one slice counts. A slice takes about half a millisecond.
const COUNTED_MAX: usize = 500;

/// The number of sessions that one slice copies. Copying and writing them takes about a
/// millisecond.
pub(crate) const COPIED_MAX: usize = 100;

/// A query to the loop, with the channel for its answer.
#[derive(Debug)]
pub enum Query {
    /// A check that the loop runs.
    Ping(oneshot::Sender<()>),
    /// A slice of the state.
    Slice(SliceReader),
    /// The history of the session with this name, if there is one.
    History(SessionName, oneshot::Sender<Option<Box<NamedHistory>>>),
    /// A command, its sender, and its result.
    Control(SessionCommand, Peer, oneshot::Sender<CommandResult>),
}

/// A command for the daemon, which it accepts over its Unix socket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SessionCommand {
    /// Touches this session's token at once.
    Touch(SessionName),
    /// Gives this session another intent, until a command or a changed configuration replaces it.
    Intend(SessionName, Intent),
    /// Reads the configuration again.
    Reload,
    /// Stops the daemon, which revokes tokens as configured or leaves all of them.
    Stop(OnShutdown),
}

/// The sender of a command, as the kernel reports it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// The user id.
    pub uid: u32,
    /// The process id, if it is known.
    pub pid: Option<i32>,
}

/// The result of a command, in words for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CommandResult {
    /// The command was carried out.
    Done(String),
    /// The command was not carried out, for this reason.
    Refused(String),
    /// There is no session with that name.
    NoSuchSession,
}

/// A function that reads a slice of the loop's state and sends what it has read. It takes less than
/// 5 ms.
pub struct SliceReader(Box<ReadSlice>);

type ReadSlice = dyn FnOnce(&dyn LoopState) + Send;

/// The state that the loop lends to a [`SliceReader`].
pub trait LoopState {
    /// Returns the present instant.
    fn at(&self) -> Instant;

    /// Returns a snapshot without sessions.
    fn overview(&self) -> Snapshot;

    /// Shows at most `max` sessions, those after the name `after` by their order. Returns the name
    /// after which the rest follows, or `None` if the last session was shown.
    fn visit(
        &self,
        after: Option<&SessionName>,
        max: usize,
        visitor: &mut dyn FnMut(SessionEntry<'_>),
    ) -> Option<SessionName>;

    /// Returns a copy of the session with this name.
    fn session(&self, name: &SessionName) -> Option<NamedView>;
}

/// The parts of a session by which sessions are counted, selected and sorted.
#[derive(Clone, Copy, Debug)]
pub struct SessionEntry<'a> {
    /// The name of the session.
    pub name: &'a SessionName,
    /// The problem with the source of the token, if there is one.
    pub trouble: Option<&'a str>,
    /// The session's state in the keeper.
    pub view: &'a SessionView,
}

/// Sums over sessions that are added one by one, by name.
pub trait SessionSums: Send + 'static {
    /// Adds a session as it is at this instant.
    fn add(&mut self, session: &SessionEntry<'_>, at: Instant);
}

/// Sends queries to the loop.
#[derive(Clone, Debug)]
pub struct QuerySender {
    queries: mpsc::Sender<Query>,
    /// The permission to read a slice. There is one, so that slices of several observers do not
    /// follow each other without a pause.
    turn: Arc<Semaphore>,
}

/// Creates the channel for queries: the observers' end and the loop's end.
#[must_use]
pub fn queries() -> (QuerySender, mpsc::Receiver<Query>) {
    let (queries, receiver) = mpsc::channel(WAITING_MAX);
    let turn = Arc::new(Semaphore::new(1));
    (QuerySender { queries, turn }, receiver)
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "user {}", self.uid)?;
        match self.pid {
            Some(pid) => write!(formatter, " (process {pid})"),
            None => Ok(()),
        }
    }
}

impl SliceReader {
    /// Reads the slice and sends it.
    pub fn read(self, state: &dyn LoopState) {
        // A panic ends only this query: the state is not changed, and the channel for the answer is
        // dropped. The panic hook has already logged it.
        let _ended = catch_unwind(AssertUnwindSafe(|| self.0(state)));
    }
}

impl fmt::Debug for SliceReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SliceReader")
            .finish_non_exhaustive()
    }
}

impl QuerySender {
    /// Adds all sessions to the sums. Returns the sums, and a snapshot without sessions of the moment
    /// of the last slice.
    ///
    /// Returns `None` if the loop has ended or does not answer within 5s.
    pub async fn sums<S: SessionSums>(&self, mut sums: S) -> Option<(S, Snapshot)> {
        let mut after = None;
        loop {
            let read = move |state: &dyn LoopState| {
                let at = state.at();
                let mut add = |session: SessionEntry<'_>| sums.add(&session, at);
                let rest = state.visit(after.as_ref(), COUNTED_MAX, &mut add);
                let overview = rest.is_none().then(|| state.overview());
                (sums, rest, overview)
            };
            let (added, rest, overview) = self.slice(read).await?;
            if let Some(overview) = overview {
                return Some((added, overview));
            }
            (sums, after) = (added, rest);
        }
    }

    /// Returns copies of the next sessions by name, and a snapshot without sessions of the same
    /// moment. Returns at most 100 sessions, and the name after which the rest follows if there are
    /// more.
    ///
    /// Returns `None` if the loop has ended or does not answer within 5s.
    pub async fn page(
        &self,
        after: Option<SessionName>,
    ) -> Option<(Vec<NamedView>, Option<SessionName>, Snapshot)> {
        self.slice(move |state| {
            let mut names = Vec::new();
            let mut add = |session: SessionEntry<'_>| names.push(session.name.clone());
            let rest = state.visit(after.as_ref(), COPIED_MAX, &mut add);
            let sessions = names.iter().filter_map(|name| state.session(name));
            (sessions.collect(), rest, state.overview())
        })
        .await
    }

    /// Returns copies of those of these sessions that exist, at most 100 of them.
    ///
    /// Returns `None` if the loop has ended or does not answer within 5s.
    pub async fn sessions(&self, names: Vec<SessionName>) -> Option<Vec<NamedView>> {
        self.slice(move |state| {
            let names = names.iter().take(COPIED_MAX);
            names.filter_map(|name| state.session(name)).collect()
        })
        .await
    }

    /// Returns the session with this name and a snapshot without sessions, or `Some(None)` if there
    /// is no such session.
    ///
    /// Returns `None` if the loop has ended or does not answer within 5s.
    pub async fn session(&self, name: SessionName) -> Option<Option<(NamedView, Snapshot)>> {
        self.slice(move |state| Some((state.session(&name)?, state.overview())))
            .await
    }

    /// Returns a snapshot with copies of all sessions.
    ///
    /// Returns `None` if the loop has ended or does not answer within 5s.
    pub async fn snapshot(&self) -> Option<Snapshot> {
        let (mut sessions, mut rest, mut overview) = self.page(None).await?;
        while rest.is_some() {
            let (more, after, later) = self.page(rest).await?;
            sessions.extend(more);
            (rest, overview) = (after, later);
        }
        Some(Snapshot {
            sessions,
            ..overview
        })
    }

    /// Returns the history of the session with this name, or `Some(None)` if there is no such
    /// session.
    ///
    /// Returns `None` if the loop has ended or does not answer within 5s.
    pub async fn history(&self, name: SessionName) -> Option<Option<Box<NamedHistory>>> {
        self.ask(|answer| Query::History(name, answer)).await
    }

    /// Returns true if the loop answers within 5s.
    pub async fn is_turning(&self) -> bool {
        self.ask(Query::Ping).await.is_some()
    }

    /// Sends a command and returns its result, or `None` if the loop has ended or the result does
    /// not arrive within 20s. The command may still be carried out after that.
    pub async fn control(&self, command: SessionCommand, by: Peer) -> Option<CommandResult> {
        let query = |answer| Query::Control(command, by, answer);
        tokio::time::timeout(DONE_WITHIN, self.send(query))
            .await
            .ok()?
    }

    /// Reads a slice when it is this observer's turn.
    async fn slice<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn LoopState) -> T + Send + 'static,
    ) -> Option<T> {
        let read = async {
            let _turn = self.turn.acquire().await.ok()?;
            // Lets the loop and the network go first: without a pause the runtime would ask the
            // kernel for new events only after dozens of slices.
            yield_now().await;
            self.send(|answer| {
                // Sending fails if the observer has gone.
                let read = move |state: &dyn LoopState| drop(answer.send(read(state)));
                Query::Slice(SliceReader(Box::new(read)))
            })
            .await
        };
        tokio::time::timeout(ANSWER_WITHIN, read).await.ok()?
    }

    async fn ask<T>(&self, query: impl FnOnce(oneshot::Sender<T>) -> Query) -> Option<T> {
        tokio::time::timeout(ANSWER_WITHIN, self.send(query))
            .await
            .ok()?
    }

    async fn send<T>(&self, query: impl FnOnce(oneshot::Sender<T>) -> Query) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.queries.send(query(answer)).await.ok()?;
        answered.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::super::fixture::{alive_view, named_view, now, snapshot};
    use super::super::{ReadinessSums, Selection};
    use super::*;
    use crate::status::report::StatusSums;

    /// A loop that has these sessions, and counts those that it shows in the present slice.
    struct TestState {
        snapshot: Snapshot,
        shown: std::cell::Cell<usize>,
    }

    impl LoopState for TestState {
        fn at(&self) -> Instant {
            now()
        }

        fn overview(&self) -> Snapshot {
            snapshot(Vec::new())
        }

        fn visit(
            &self,
            after: Option<&SessionName>,
            max: usize,
            visitor: &mut dyn FnMut(SessionEntry<'_>),
        ) -> Option<SessionName> {
            let sessions = &self.snapshot.sessions;
            let from = sessions.partition_point(|known| Some(&known.name) <= after);
            let until = sessions.len().min(from + max);
            for session in &sessions[from..until] {
                self.shown.set(self.shown.get() + 1);
                visitor(session.entry());
            }
            (until < sessions.len()).then(|| sessions[until - 1].name.clone())
        }

        fn session(&self, name: &SessionName) -> Option<NamedView> {
            self.snapshot.session(name.as_str()).cloned()
        }
    }

    /// Answers until all observers are done; calls `between` after each slice.
    async fn answer(
        observers: impl Future<Output = ()>,
        mut queries: mpsc::Receiver<Query>,
        state: &mut TestState,
        mut between: impl FnMut(&mut TestState),
    ) {
        let mut observers = std::pin::pin!(observers);
        loop {
            let next = tokio::select! {
                () = &mut observers => ControlFlow::Break(()),
                query = queries.recv() => ControlFlow::Continue(query),
            };
            let ControlFlow::Continue(Some(Query::Slice(reader))) = next else {
                return;
            };
            assert!(queries.try_recv().is_err(), "one slice at a time");
            state.shown.set(0);
            reader.read(state);
            assert!(state.shown.get() <= COUNTED_MAX);
            between(state);
        }
    }

    fn state(sessions: usize) -> TestState {
        let names = (0..sessions).map(|number| format!("kiosk-{number:05}"));
        let sessions = names.map(|name| named_view(&name, alive_view()));
        TestState {
            snapshot: snapshot(sessions.collect()),
            shown: std::cell::Cell::new(0),
        }
    }

    #[tokio::test]
    async fn several_observers_read_in_short_slices_one_after_the_other() {
        const SESSIONS: usize = 2 * COUNTED_MAX + 1;
        let (sender, receiver) = queries();
        let observers = async {
            let selection = Selection::read(Some("limit=2000")).unwrap();
            let (ready, status, all) = tokio::join!(
                sender.sums(ReadinessSums::default()),
                sender.sums(StatusSums::new(selection)),
                sender.snapshot(),
            );
            assert_eq!(ready.unwrap().0.kept(), SESSIONS);
            let (sums, overview) = status.unwrap();
            assert_eq!(sums.report(&overview).1.len(), SESSIONS);
            assert_eq!(all.unwrap().sessions.len(), SESSIONS);
        };
        answer(observers, receiver, &mut state(SESSIONS), |_| {}).await;
    }

    #[tokio::test]
    async fn a_query_that_fails_ends_no_other() {
        struct Failing;
        impl SessionSums for Failing {
            fn add(&mut self, _session: &SessionEntry<'_>, _at: Instant) {
                panic!("a broken sum");
            }
        }
        let (sender, receiver) = queries();
        let observers = async {
            assert!(sender.sums(Failing).await.is_none());
            assert!(sender.sums(ReadinessSums::default()).await.is_some());
        };
        answer(observers, receiver, &mut state(1), |_| {}).await;
    }

    #[tokio::test]
    async fn sessions_that_go_between_two_slices_hide_no_others() {
        let (sender, receiver) = queries();
        let observers = async {
            let (sums, _) = sender.sums(ReadinessSums::default()).await.unwrap();
            assert_eq!(sums.kept(), 2 * COUNTED_MAX);
        };
        let mut state = state(2 * COUNTED_MAX);
        // Also the session is gone after whose name the next slice begins.
        let remove_shown =
            |state: &mut TestState| drop(state.snapshot.sessions.drain(..COUNTED_MAX));
        answer(observers, receiver, &mut state, remove_shown).await;
    }
}
