//! Finds other running daemons of this machine that hold the same tokens: when one of two daemons
//! revokes a shared token, the other one loses it too.
//!
//! Each daemon answers on an abstract Unix socket for each API that it uses; the names are a fixed
//! list. The kernel frees the name with the process, so no name is stale, and every user of the
//! machine sees it. A container with a network of its own has daemons of its own.
//!
//! It must never reveal a token or its fingerprint. A question contains a keyed hash for each
//! token, and only a process that holds the same token can recognise it and prove so in its answer.
//! All other processes that listen or connect learn nothing and can claim nothing.
//!
//! # Invariants
//!
//! *Another process cannot delay the loop*: connections are tasks, limited in number, size and
//! time.

mod asking;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use self::asking::{ANSWER_WITHIN, find_overlaps, serve};
use super::machine::Machine;
use super::next_result;
use super::session_table::{ManagedSession, SessionTable};
use super::start::StartError;
use crate::config::{ApiBase, SessionName};
use crate::keeper::{OnShutdown, SessionId};
use crate::log::{LogEvent, TokenEvent, log_event};
use crate::time::Instant;
use crate::token::{Fingerprint, printable};

/// The longest text of another daemon that a message shows, in characters.
const TEXT_LENGTH_MAX: usize = 256;

/// The time for which the start waits for a running daemon to begin its stop, since a stop may just
/// have been requested. After that the start is refused.
const RUNNING_WAIT: Duration = Duration::from_secs(2);

/// The time for which the start waits for a stopping daemon to end.
const STOPPING_WAIT: Duration = Duration::from_secs(30);

/// The time between two searches during the start.
const SEARCH_EVERY: Duration = Duration::from_millis(250);

/// The time limit for answers during the start. A daemon that is slower is asked again while this
/// one runs.
const START_WITHIN: Duration = Duration::from_secs(2);

/// The number of APIs for which this daemon answers.
const APIS_MAX: usize = 64;

/// The number of questions that may wait for an answer.
const QUESTIONS_MAX: usize = 8;

/// The identity of a daemon, which it sends to daemons that hold the same token.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct DaemonIdentity {
    /// The path of its configuration file.
    pub config: Option<PathBuf>,
    /// The name of its unit, if a service manager started it.
    pub unit: Option<String>,
}

/// The policy for other daemons that hold the same tokens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OtherDaemonPolicy {
    /// The daemon neither looks for others nor answers them.
    Ignored,
    /// The daemon does not start if it or another daemon would revoke a shared token.
    Respected(DaemonIdentity),
    /// The daemon starts in any case. Its configuration must revoke nothing.
    Forced(DaemonIdentity),
}

/// The stage of a daemon's life.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum DaemonStage {
    Starting,
    Running,
    Stopping,
}

/// A token that a daemon holds.
#[derive(Clone, Debug)]
struct Claim {
    token: Fingerprint,
    api: ApiBase,
    session: SessionName,
    /// True if it is revoked when the daemon stops.
    is_revoked: bool,
}

/// The tokens that this daemon holds.
pub(super) struct Holdings {
    stage: DaemonStage,
    claims: Vec<Claim>,
}

type Question = oneshot::Sender<Holdings>;

/// An event of another daemon.
pub(super) enum OtherDaemonEvent {
    /// Another daemon asks for the tokens that this one holds.
    Question(Question),
    /// A search for other daemons ended.
    Found(Vec<Overlap>),
}

/// A token that another daemon holds as well.
#[derive(Debug)]
pub(super) struct Overlap {
    claim: Claim,
    other: DaemonIdentity,
    pid: Option<i32>,
    /// The session of the other daemon.
    session: String,
    /// True if the other daemon revokes it when it stops.
    is_revoked_there: bool,
    stage: DaemonStage,
    /// The number of the other daemon's socket name.
    number: usize,
}

impl Overlap {
    fn is_harmful(&self) -> bool {
        self.claim.is_revoked || self.is_revoked_there
    }

    fn log(&self) {
        log_event(&LogEvent::Token(TokenEvent::HeldElsewhere {
            session: &self.claim.session,
            fingerprint: self.claim.token,
            other: &self.to_string(),
            is_revoked_there: self.is_revoked_there,
        }));
    }
}

/// Describes the other daemon:
/// `pid 712 (session-keepalive.service, configuration /etc/…, session kiosk)`.
impl fmt::Display for Overlap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(formatter, "pid {pid} (")?,
            None => formatter.write_str("another daemon (")?,
        }
        if let Some(unit) = &self.other.unit {
            write!(formatter, "{}, ", printable(unit, TEXT_LENGTH_MAX))?;
        }
        if let Some(config) = &self.other.config {
            write!(
                formatter,
                "configuration {}, ",
                printable(&config.to_string_lossy(), TEXT_LENGTH_MAX)
            )?;
        }
        write!(
            formatter,
            "session {})",
            printable(&self.session, TEXT_LENGTH_MAX)
        )
    }
}

/// The reason for not starting beside another daemon.
#[derive(Debug)]
pub struct StartRefusal {
    first: Overlap,
    others: usize,
}

impl fmt::Display for StartRefusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, others } = self;
        let who = match (first.claim.is_revoked, first.is_revoked_there) {
            (true, true) => "each of the two would revoke it when it stops",
            (true, false) => "this daemon would revoke it when it stops",
            (false, _) => "that daemon would revoke it when it stops",
        };
        write!(
            formatter,
            "another daemon holds the token of session {} ({}): {first}; {who}",
            first.claim.session, first.claim.token
        )?;
        if *others > 0 {
            write!(formatter, " (and {others} more such tokens)")?;
        }
        formatter.write_str(
            ". Stop one of the two, or set on_shutdown = \"leave\" for the session in both configurations, or start with --force, which never revokes",
        )
    }
}

/// The state of finding other daemons and answering them.
pub(super) struct OtherDaemons {
    policy: OtherDaemonPolicy,
    stage: DaemonStage,
    /// The number of this daemon's socket name for each API.
    numbers: BTreeMap<ApiBase, usize>,
    /// The questions of other daemons.
    questions: mpsc::Receiver<Question>,
    question_sender: mpsc::Sender<Question>,
    /// The tasks that answer, one for each socket name.
    serving: JoinSet<()>,
    /// The search for other daemons that is in progress.
    lookup: JoinSet<Vec<Overlap>>,
    /// The tokens that were added since the last search, and their sessions.
    new: BTreeMap<Fingerprint, SessionId>,
    /// True if this daemon stops and leaves every token.
    leaves_all: bool,
}

impl OtherDaemons {
    pub(super) fn new(policy: OtherDaemonPolicy) -> Self {
        let (question_sender, questions) = mpsc::channel(QUESTIONS_MAX);
        Self {
            policy,
            stage: DaemonStage::Starting,
            numbers: BTreeMap::new(),
            questions,
            question_sender,
            serving: JoinSet::new(),
            lookup: JoinSet::new(),
            new: BTreeMap::new(),
            leaves_all: false,
        }
    }

    /// Handles a new token of a session at this API, which other daemons may hold.
    ///
    /// # Panics
    ///
    /// If called outside a tokio runtime with its drivers enabled.
    pub(super) fn handle_token(&mut self, id: SessionId, token: Fingerprint, api: &ApiBase) {
        let (OtherDaemonPolicy::Respected(identity) | OtherDaemonPolicy::Forced(identity)) =
            &self.policy
        else {
            return;
        };
        if !self.numbers.contains_key(api)
            && self.numbers.len() < APIS_MAX
            && let Some((number, listener)) = asking::bind(api)
        {
            self.numbers.insert(api.clone(), number);
            let question_sender = self.question_sender.clone();
            self.serving
                .spawn(serve(listener, identity.clone(), question_sender));
        }
        self.new.insert(token, id);
    }

    /// Handles the end of the daemon's start.
    pub(super) fn handle_started(&mut self) {
        self.stage = DaemonStage::Running;
    }

    /// Handles the beginning of the daemon's stop.
    pub(super) fn handle_stop(&mut self, on_shutdown: OnShutdown) {
        self.stage = DaemonStage::Stopping;
        self.leaves_all = on_shutdown == OnShutdown::Leave;
    }

    /// Refuses the start if another running daemon holds a token of this one and one of the two
    /// would revoke it. Waits for a daemon that is about to end, and logs that it waits.
    ///
    /// # Errors
    ///
    /// [`StartError::HeldElsewhere`] if the other daemon does not end in time.
    pub(super) async fn respect(
        &mut self,
        sessions: &SessionTable,
        machine: &Machine,
    ) -> Result<(), StartError> {
        if self.policy == OtherDaemonPolicy::Ignored {
            return Ok(());
        }
        let began = machine.now();
        let mut logged = None;
        loop {
            let overlaps = self.overlaps(sessions).await;
            let is_ending = overlaps
                .iter()
                .all(|overlap| overlap.stage == DaemonStage::Stopping);
            let others = overlaps.len().saturating_sub(1);
            let first = overlaps.into_iter().next();
            // A forced daemon logs its overlaps once it runs.
            let is_forced = matches!(self.policy, OtherDaemonPolicy::Forced(_));
            let Some(first) = first.filter(|_| !is_forced) else {
                return Ok(());
            };
            let wait = if is_ending {
                STOPPING_WAIT
            } else {
                RUNNING_WAIT
            };
            if machine.now().since(began) >= wait {
                let refusal = StartRefusal { first, others };
                return Err(StartError::HeldElsewhere(Box::new(refusal)));
            }
            // The other daemon may begin its stop while this one waits.
            if logged.replace(wait) != Some(wait) {
                log_event(&LogEvent::WaitingForDaemon {
                    session: &first.claim.session,
                    fingerprint: first.claim.token,
                    other: &first.to_string(),
                    is_stopping: is_ending,
                    at_most: wait,
                });
            }
            let pause = tokio::time::timeout(SEARCH_EVERY, std::future::pending::<()>());
            self.answer_until(pause, sessions).await.ok();
        }
    }

    /// Returns the shared tokens that this daemon or another one would revoke.
    async fn overlaps(&mut self, sessions: &SessionTable) -> Vec<Overlap> {
        let search = find_overlaps(
            self.numbers.clone(),
            self.claims(sessions.managed()),
            START_WITHIN,
        );
        let mut overlaps = self.answer_until(search, sessions).await;
        // If two daemons start at the same time, the one with the lower number goes on.
        overlaps.retain(|overlap| {
            let own = self.numbers.get(&overlap.claim.api);
            let gives_way = overlap.stage == DaemonStage::Starting
                && own.is_some_and(|own| overlap.number > *own);
            overlap.is_harmful() && !gives_way
        });
        overlaps
    }

    /// Waits for the future, and answers other daemons meanwhile.
    async fn answer_until<T>(
        &mut self,
        waiting: impl Future<Output = T>,
        sessions: &SessionTable,
    ) -> T {
        let mut waiting = std::pin::pin!(waiting);
        loop {
            tokio::select! {
                done = &mut waiting => return done,
                Some(question) = self.questions.recv() => self.answer(question, sessions),
            }
        }
    }

    fn answer(&self, question: Question, sessions: &SessionTable) {
        let holdings = Holdings {
            stage: self.stage,
            claims: self.claims(sessions.managed()),
        };
        // Sending fails if the connection has ended.
        drop(question.send(holdings));
    }

    fn claims<'a>(&self, sessions: impl Iterator<Item = &'a ManagedSession>) -> Vec<Claim> {
        let mut claims = Vec::new();
        for managed in sessions {
            let is_revoked = managed.policy().on_shutdown == OnShutdown::Revoke && !self.leaves_all;
            claims.extend(managed.fingerprints().map(|token| Claim {
                token,
                api: managed.config.api.clone(),
                session: managed.name.clone(),
                is_revoked,
            }));
        }
        claims
    }

    /// Starts a search for other daemons that hold the added tokens, unless one is in progress.
    pub(super) fn turn(&mut self, sessions: &SessionTable) {
        let is_searching = !self.lookup.is_empty() || self.stage == DaemonStage::Stopping;
        if self.new.is_empty() || is_searching {
            return;
        }
        let new = std::mem::take(&mut self.new);
        let mut holders: Vec<_> = new.values().collect();
        holders.sort_unstable();
        holders.dedup();
        let holders = holders
            .into_iter()
            .filter_map(|id| sessions.by_id.get(id).map(Box::as_ref));
        let mut claims = self.claims(holders);
        claims.retain(|claim| new.contains_key(&claim.token));
        self.lookup
            .spawn(find_overlaps(self.numbers.clone(), claims, ANSWER_WITHIN));
    }

    /// Returns the next event of another daemon. Cancel-safe.
    pub(super) async fn next(&mut self) -> OtherDaemonEvent {
        tokio::select! {
            biased;
            Some(question) = self.questions.recv() => OtherDaemonEvent::Question(question),
            overlaps = next_result(&mut self.lookup) => OtherDaemonEvent::Found(overlaps),
        }
    }

    /// Handles an event of another daemon. Tokens that another daemon holds as well are not
    /// revoked.
    pub(super) fn handle(
        &self,
        event: OtherDaemonEvent,
        sessions: &mut SessionTable,
        now: Instant,
    ) {
        let overlaps = match event {
            OtherDaemonEvent::Question(question) => return self.answer(question, sessions),
            OtherDaemonEvent::Found(overlaps) => overlaps,
        };
        // A starting daemon finds this one and does not start, and a stopping one is about to end.
        let is_running = |overlap: &&Overlap| overlap.stage == DaemonStage::Running;
        let running = overlaps.iter().filter(is_running);
        for overlap in running.filter(|overlap| overlap.is_harmful()) {
            let token = overlap.claim.token;
            for (&id, managed) in &mut sessions.by_id {
                let has_token = managed.fingerprints().any(|own| own == token);
                if has_token && managed.held_elsewhere.insert(token) {
                    overlap.log();
                    sessions.keeper.handle_policy(id, managed.policy(), now);
                }
            }
        }
    }
}
