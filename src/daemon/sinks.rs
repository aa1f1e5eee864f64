//! Writes the tokens of sessions to their sinks, the files from which applications read them.
//!
//! # Invariants
//!
//! *Only living tokens*: a token is written after it was proven alive, never before. A sink that
//! holds something else than the present token is corrected with the next answer about the token.
//!
//! *The loop never waits for a file*: each write is a task on a thread of its own, one at a time for
//! each sink. A write that fails is logged once per reason and retried ever later.
//!
//! *A token that this daemon revoked is removed from its sinks*, unless another process has replaced
//! the content. A token that is left stays in them.
//!
//! *An event costs what its session has*: nothing walks over the sinks of all sessions but the stop.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::hooks::SessionPart;
use super::session_table::ManagedSession;
use super::{Daemon, next_result};
use crate::config::{ApiBase, Region, SessionName};
use crate::keeper::{
    EarlierEnding, Event, EventKind, ExpirySource, Generation, SessionId, Timers, Verdict,
};
use crate::log::{LogEvent, SinkEvent, log_event};
use crate::metrics::SinkOutcome;
use crate::status::phrases::Chain;
use crate::sys::files::{self, NoAnswer, TOKEN_LIMIT};
use crate::time::Instant;
use crate::token::{Fingerprint, Sink, SinkContent, SinkError, SinkState, Token};

/// The delay of the first retry, which doubles up to the maximum.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// The sinks that were written, and the writes in progress.
#[derive(Default)]
pub(super) struct Sinks {
    by_file: BTreeMap<PathBuf, SinkRecord>,
    /// The files of each session.
    by_session: BTreeMap<SessionId, BTreeSet<PathBuf>>,
    /// The sessions with sinks that are to be written again, by the instant of the first retry.
    retries: Timers,
    /// The number of sinks whose token is not written yet, of each session that has any.
    waiting: BTreeMap<SessionId, u64>,
    waiting_total: u64,
    tasks: JoinSet<SinkDone>,
    /// The rotations that wait until every sink of the session holds the new token.
    rotations: BTreeMap<SessionId, Rotation>,
    /// The end of the lifetime of each session's present token, as it stands in the files.
    expiries: BTreeMap<SessionId, (Generation, Timestamp)>,
    is_stopping: bool,
}

/// The state of one sink.
struct SinkRecord {
    session: SessionId,
    name: SessionName,
    sink: Sink,
    /// The token to write; `None` once it is written, so that no copy of a dead token stays.
    pending: Option<Publication>,
    /// The last token that was written, and the fingerprint of the whole content.
    written: Option<(Fingerprint, Fingerprint)>,
    is_busy: bool,
    /// True if the file is to be removed, since its token was revoked.
    is_to_remove: bool,
    attempts: u32,
    retry_at: Option<Instant>,
    /// The reason of the last failure, as it was logged.
    trouble: Option<String>,
}

impl SinkRecord {
    fn new(session: SessionId, name: &SessionName, sink: Sink) -> Self {
        Self {
            session,
            name: name.clone(),
            sink,
            pending: None,
            written: None,
            is_busy: false,
            is_to_remove: false,
            attempts: 0,
            retry_at: None,
            trouble: None,
        }
    }
}

/// A token for a sink.
#[derive(Clone)]
struct Publication {
    token: Arc<Token>,
    generation: Generation,
    expires_at: Option<Timestamp>,
    api: ApiBase,
}

/// A new token of a session was proven alive.
pub(super) struct Rotation {
    /// The event that proved it.
    pub(super) event: Event,
    /// The token that was proven before it.
    pub(super) previous: Fingerprint,
}

/// The result of a task.
pub(super) struct SinkDone {
    file: PathBuf,
    token: Option<Fingerprint>,
    result: SinkResult,
}

enum SinkResult {
    Written(Result<SinkState, SinkFailure>),
    Removed(Result<bool, SinkFailure>),
}

/// The reason for a failed task.
#[derive(Debug, thiserror::Error)]
enum SinkFailure {
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error(transparent)]
    Thread(#[from] NoAnswer),
}

impl Sinks {
    /// Writes a token that was proven alive to the sinks of its session, unless they hold it.
    ///
    /// `expires_at` is the end of the token's lifetime, if it is known; the first value for a token
    /// stays, since the wall clock may be set later. The call returns at once. A
    /// token that is still waiting to be written is replaced. Does nothing during the stop.
    pub(super) fn publish(
        &mut self,
        session: SessionId,
        managed: &ManagedSession,
        generation: Generation,
        expires_at: Option<Timestamp>,
    ) {
        let Some(token) = managed.token(generation) else {
            return;
        };
        let has_sinks = !managed.config.sinks.is_empty() || self.by_session.contains_key(&session);
        if self.is_stopping || !has_sinks {
            return;
        }
        let known = self.expiries.get(&session).copied();
        let known = known.filter(|(known, _)| *known == generation);
        let expires_at = known.map(|(_, expires_at)| expires_at).or(expires_at);
        if let Some(expires_at) = expires_at {
            self.expiries.insert(session, (generation, expires_at));
        }
        self.cancel_unconfigured(session, &managed.config.sinks);
        for sink in &managed.config.sinks {
            let file = sink.file.clone();
            let holder = self.by_file.get(&file).map(|record| record.session);
            if let Some(holder) = holder.filter(|holder| *holder != session) {
                self.detach_file(holder, &file);
            }
            let files = self.by_session.entry(session).or_default();
            files.insert(file.clone());
            let record = self.by_file.entry(file.clone());
            let record =
                record.or_insert_with(|| SinkRecord::new(session, &managed.name, sink.clone()));
            record.session = session;
            record.name.clone_from(&managed.name);
            record.sink.clone_from(sink);
            record.is_to_remove = false;
            record.pending = Some(Publication {
                token: Arc::clone(&token),
                generation,
                expires_at,
                api: managed.config.api.clone(),
            });
            // After a failure, the retry takes the newest token.
            if record.retry_at.is_none() {
                self.begin(&file);
            }
            if let Some(holder) = holder {
                self.reschedule(holder);
            }
        }
        self.reschedule(session);
    }

    /// Cancels the writes to files of a session that are not among its configured sinks.
    fn cancel_unconfigured(&mut self, session: SessionId, configured: &[Sink]) {
        for file in self.by_session.get(&session).into_iter().flatten() {
            let is_configured = configured.iter().any(|sink| sink.file == *file);
            if let Some(record) = self.by_file.get_mut(file)
                && !is_configured
            {
                record.pending = None;
                record.retry_at = None;
            }
        }
    }

    /// Removes a file from those of a session.
    fn detach_file(&mut self, session: SessionId, file: &PathBuf) {
        if let Some(files) = self.by_session.get_mut(&session) {
            files.remove(file);
            if files.is_empty() {
                self.by_session.remove(&session);
            }
        }
    }

    /// Derives from a session's sinks when they are retried and how many wait. To be called after
    /// every change of a sink.
    fn reschedule(&mut self, session: SessionId) {
        let files = self.by_session.get(&session).into_iter().flatten();
        let records = files.filter_map(|file| self.by_file.get(file));
        let (mut waiting, mut retry_at) = (0, None);
        for record in records {
            waiting += u64::from(record.pending.is_some());
            retry_at = retry_at.into_iter().chain(record.retry_at).min();
        }
        match retry_at {
            Some(retry_at) => self.retries.set(session, retry_at),
            None => self.retries.cancel(session),
        }
        let before = if waiting == 0 {
            self.waiting.remove(&session)
        } else {
            self.waiting.insert(session, waiting)
        };
        self.waiting_total = self.waiting_total + waiting - before.unwrap_or(0);
    }

    /// Remembers that another token than `previous` was proven alive, to announce it.
    fn handle_rotated(&mut self, event: &Event, previous: Fingerprint) {
        let earlier = self.rotations.remove(&event.session);
        let previous = earlier.map_or(previous, |earlier| earlier.previous);
        let rotation = Rotation {
            event: event.clone(),
            previous,
        };
        self.rotations.insert(event.session, rotation);
    }

    /// Returns a rotation that is to be announced: every sink of the session holds the new token.
    fn poll_rotation(&mut self) -> Option<Rotation> {
        let mut sessions = self.rotations.keys();
        let session = *sessions.find(|session| !self.waiting.contains_key(session))?;
        self.rotations.remove(&session)
    }

    /// Handles the end of a token: it is not written any more, and the files that hold it are
    /// removed if it was revoked.
    pub(super) fn handle_ended(&mut self, event: &Event) {
        let Some(token) = event.token else {
            return;
        };
        let is_revoked = matches!(
            event.kind,
            EventKind::Revoked { .. } | EventKind::EarlierEnded(EarlierEnding::Revoked)
        );
        let rotation = self.rotations.get(&event.session);
        if rotation.is_some_and(|rotation| rotation.event.token == Some(token)) {
            self.rotations.remove(&event.session);
        }
        let mut to_remove = Vec::new();
        let files = self.by_session.get(&event.session).into_iter().flatten();
        for file in files {
            let Some(record) = self.by_file.get_mut(file) else {
                continue;
            };
            let pending = record.pending.as_ref();
            if pending.is_some_and(|pending| pending.generation == token.generation) {
                record.pending = None;
                record.retry_at = None;
            }
            let holds = record
                .written
                .is_some_and(|(written, _)| written == token.fingerprint);
            if is_revoked && record.pending.is_none() && (holds || record.is_busy) {
                record.is_to_remove = true;
                to_remove.push(file.clone());
            }
        }
        for file in to_remove {
            self.begin(&file);
        }
        self.reschedule(event.session);
    }

    /// Removes a session that has ended. Its files stay.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.rotations.remove(&session);
        self.expiries.remove(&session);
        for file in self.by_session.get(&session).cloned().into_iter().flatten() {
            if self
                .by_file
                .get(&file)
                .is_some_and(|record| !record.is_busy)
            {
                self.by_file.remove(&file);
                self.detach_file(session, &file);
            }
        }
        self.reschedule(session);
    }

    /// Begins the retries that are due.
    pub(super) fn turn(&mut self, now: Instant) {
        while let Some(session) = self.retries.pop_due(now) {
            for file in self.by_session.get(&session).cloned().into_iter().flatten() {
                let Some(record) = self.by_file.get_mut(&file) else {
                    continue;
                };
                if record
                    .retry_at
                    .take_if(|retry_at| *retry_at <= now)
                    .is_some()
                {
                    self.begin(&file);
                }
            }
            self.reschedule(session);
        }
    }

    /// Returns the number of sinks whose token is not written yet. A sink that is only checked
    /// counts until the check is done.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting_total
    }

    /// Returns the instant of the next retry.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.retries.first_at()
    }

    /// Handles the beginning of the daemon's stop: nothing further is written.
    pub(super) fn handle_stop(&mut self) {
        self.is_stopping = true;
        self.rotations.clear();
        for record in self.by_file.values_mut() {
            record.pending = None;
            record.retry_at = None;
        }
        self.retries = Timers::default();
        self.waiting.clear();
        self.waiting_total = 0;
    }

    /// Waits for the end of a write or a removal. Cancel-safe.
    pub(super) async fn next(&mut self) -> SinkDone {
        next_result(&mut self.tasks).await
    }

    /// Waits for all writes and removals, each of which has a time limit.
    pub(super) async fn finish(&mut self, now: Instant) {
        while !self.tasks.is_empty() {
            let done = self.next().await;
            self.handle_done(done, now);
        }
    }

    /// Handles the end of a write or a removal.
    pub(super) fn handle_done(&mut self, done: SinkDone, now: Instant) -> SinkOutcome {
        let SinkDone {
            file,
            token,
            result,
        } = done;
        let Some(record) = self.by_file.get_mut(&file) else {
            return SinkOutcome::NothingWritten;
        };
        record.is_busy = false;
        let outcome = match result {
            SinkResult::Written(Ok(state)) => record.handle_written(token, state),
            SinkResult::Written(Err(error)) => {
                record.handle_failed(&error, self.is_stopping, now);
                SinkOutcome::Failed
            }
            SinkResult::Removed(result) => {
                record.written = None;
                record.log_removed(result);
                SinkOutcome::NothingWritten
            }
        };
        let session = record.session;
        if record.retry_at.is_none() {
            self.begin(&file);
        }
        self.reschedule(session);
        outcome
    }

    /// Starts the task that the sink needs, if none runs.
    fn begin(&mut self, file: &PathBuf) {
        let Some(record) = self.by_file.get_mut(file) else {
            return;
        };
        if record.is_busy {
            return;
        }
        let (path, sink) = (file.clone(), record.sink.clone());
        if std::mem::take(&mut record.is_to_remove)
            && let Some((_, content)) = record.written
        {
            record.is_busy = true;
            self.tasks.spawn(async move {
                let removed = files::run(&path, TOKEN_LIMIT, move || sink.remove(content)).await;
                let removed = removed
                    .map_err(Into::into)
                    .and_then(|done| done.map_err(Into::into));
                SinkDone {
                    file: path,
                    token: None,
                    result: SinkResult::Removed(removed),
                }
            });
        } else if let Some(publication) = record.pending.clone() {
            record.is_busy = true;
            self.tasks.spawn(async move {
                let token = publication.token.fingerprint();
                let write = move || write(&sink, &publication);
                let written = files::run(&path, TOKEN_LIMIT, write).await;
                let written = written
                    .map_err(Into::into)
                    .and_then(|done| done.map_err(Into::into));
                SinkDone {
                    file: path,
                    token: Some(token),
                    result: SinkResult::Written(written),
                }
            });
        }
    }
}

impl SinkRecord {
    fn handle_written(&mut self, token: Option<Fingerprint>, state: SinkState) -> SinkOutcome {
        let (SinkState::Written(content) | SinkState::Unchanged(content)) = state;
        let pending = self
            .pending
            .as_ref()
            .map(|pending| pending.token.fingerprint());
        if pending == token {
            self.pending = None;
        }
        self.attempts = 0;
        self.trouble = None;
        self.written = token.map(|token| (token, content));
        if let SinkState::Unchanged(_) = state {
            return SinkOutcome::NothingWritten;
        }
        if let Some(fingerprint) = token {
            log_event(&LogEvent::Sink(SinkEvent::Written {
                session: &self.name,
                fingerprint,
                file: &self.sink.file,
            }));
        }
        SinkOutcome::Written
    }

    fn handle_failed(&mut self, error: &SinkFailure, is_stopping: bool, now: Instant) {
        let delay = RETRY
            .saturating_mul(1 << self.attempts.min(6))
            .min(RETRY_MAX);
        self.attempts += 1;
        if self.pending.is_some() && !is_stopping {
            self.retry_at = Some(now + delay);
        }
        let text = Chain(error).to_string();
        if self.trouble.as_ref() != Some(&text) {
            log_event(&LogEvent::Sink(SinkEvent::NotWritten {
                session: &self.name,
                file: &self.sink.file,
                cause: error,
                retry_within: RETRY_MAX,
            }));
            self.trouble = Some(text);
        }
    }

    fn log_removed(&self, result: Result<bool, SinkFailure>) {
        match result {
            Ok(false) => {}
            Ok(true) => log_event(&LogEvent::Sink(SinkEvent::Removed {
                session: &self.name,
                file: &self.sink.file,
            })),
            Err(error) => log_event(&LogEvent::Sink(SinkEvent::NotRemoved {
                session: &self.name,
                file: &self.sink.file,
                cause: &error,
            })),
        }
    }
}

fn write(sink: &Sink, publication: &Publication) -> Result<SinkState, SinkError> {
    let api = publication.api.as_str();
    let region = Region::of_api(api);
    let Generation(generation) = publication.generation;
    sink.write(&SinkContent {
        token: &publication.token,
        generation,
        expires_at: publication.expires_at,
        api,
        region: region.map(|region| (region.name, region.domain)),
    })
}

impl Daemon {
    /// Writes a session's present token to its sinks, if an event shows that it is alive, and
    /// handles the end of a token.
    pub(super) fn publish_after(&mut self, event: &Event) {
        if event.kind.ends_token() {
            self.sinks.handle_ended(event);
            return;
        }
        let is_answered = if let EventKind::Answered { outcome, .. } = &event.kind {
            // Another process may have changed or removed the file.
            matches!(outcome.verdict, Verdict::Accepted | Verdict::Alive(_))
        } else {
            false
        };
        if is_answered || matches!(event.kind, EventKind::Alive { .. }) {
            self.publish_session(event.session);
        }
        if let EventKind::Alive { .. } = event.kind
            && let Some(token) = event.token
            && let Some(managed) = self.sessions.by_id.get_mut(&event.session)
        {
            let previous = managed.proven.replace(token.fingerprint);
            if let Some(previous) = previous.filter(|previous| *previous != token.fingerprint) {
                self.sinks.handle_rotated(event, previous);
            }
        }
    }

    /// Queues the rotations whose sinks are written for the hooks, and signals the processes.
    pub(super) fn announce_rotations(&mut self, now: Instant) {
        while let Some(Rotation { event, previous }) = self.sinks.poll_rotation() {
            let Some(managed) = self.sessions.by_id.get(&event.session) else {
                continue;
            };
            let names = self.sources.names(managed);
            let view = self.sessions.keeper.view(event.session, now);
            let view = view.as_ref();
            let at = self.machine.wall_at(event.at);
            let text = self.reporter.log.text(&event, &names, view, now);
            let hooks = &mut self.reporter.hooks;
            let part = SessionPart::of_event(&event, &names, view, text, at);
            hooks.handle_rotated(event.session, names.name, part, previous, now);
            let signals = &managed.config.signals;
            self.rotation_signals.send(
                &managed.name,
                signals,
                hooks.inherited(),
                &self.machine.wall_settings,
            );
        }
    }

    /// Writes the present token of every configured session to its sinks, after a reload.
    pub(super) fn publish_all(&mut self) {
        let ids: Vec<_> = self.sessions.by_name.values().copied().collect();
        for id in ids {
            self.publish_session(id);
        }
    }

    fn publish_session(&mut self, id: SessionId) {
        if !self.sessions.is_configured(id) {
            return;
        }
        let Some(managed) = self.sessions.by_id.get(&id) else {
            return;
        };
        if let Some(generation) = managed.present()
            && !managed.config.sinks.is_empty()
        {
            let view = self.sessions.keeper.view(id, self.machine.now());
            let expiry = view.and_then(|view| view.live?.expiry);
            let expiry = expiry.filter(|expiry| expiry.source == ExpirySource::Reported);
            let expires_at = expiry.map(|expiry| self.machine.wall_at(expiry.at));
            self.sinks.publish(id, managed, generation, expires_at);
        }
    }
}
