//! Decides which session holds a token, and how the tokens of a session end that has left the
//! configuration.
//!
//! This module is pure: it receives facts and the time, and returns [`Decision`]s. It must never
//! read a clock or a file. Names, files and folders come and go; a token is identified by its
//! fingerprint alone. Every change (a reload, a listed pool, a hand-over, a changed source) is
//! reported here, and nothing else in the daemon ends a token before the stop.
//!
//! # Invariants
//!
//! *A named token is not revoked.* A token is revoked only while no configured session holds it or
//! has it in its source, and not before the sources that are new have been read.
//!
//! *No gap.* A session that left the configuration is kept alive until its tokens are decided on:
//! another session takes them over, another session has proven them alive itself, or no session
//! names them.

mod decide;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::keeper::{HostId, OnShutdown, SessionId, Timers};
use crate::time::Instant;
use crate::token::Fingerprint;

/// The time for which decisions wait for a new source that gives no token: a file may be written,
/// and a command succeed, shortly after the reload that names them.
pub(super) const GIVES_WITHIN: Duration = Duration::from_secs(10);

/// The time for which the token of a pool's session is kept while some pool cannot be listed.
pub(super) const LISTED_WITHIN: Duration = Duration::from_secs(60);

/// The facts about all sessions, and the decisions that follow from them.
#[derive(Debug, Default)]
pub(super) struct Ownership {
    sessions: BTreeMap<SessionId, Box<OwnershipRecord>>,
    /// The sessions that have a token in use.
    holders: ByToken,
    /// The configured sessions whose source gave a token when it was last read.
    namers: ByToken,
    /// Configured sessions whose source has not been read since it was configured.
    unread: BTreeSet<SessionId>,
    /// Configured sessions whose new source gave no token so far, by the instant until which
    /// decisions wait for it.
    empty: Timers,
    /// Sessions that left the configuration and still have their tokens.
    departed: BTreeSet<SessionId>,
    /// The departed sessions of pools, by the instant until which their tokens may turn up in a
    /// pool.
    unlisted: Timers,
    /// The departed sessions that each session replaces.
    predecessors: BTreeMap<SessionId, BTreeSet<SessionId>>,
    /// Sessions on which to decide again.
    changed: BTreeSet<SessionId>,
    is_pool_away: bool,
}

/// A decision about the tokens of a session. Polling it records it as carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Decision {
    /// The holder replaces the claimant, which has no token of its own, and gets its name, source
    /// and options. A pending revocation is cancelled.
    TakeOver {
        /// The session that has the token.
        holder: SessionId,
        /// The configured session whose source gave it.
        claimant: SessionId,
        /// The fingerprint of the token.
        token: Fingerprint,
    },
    /// The pending revocation is cancelled: the session is kept until another one has proven its
    /// token alive.
    CancelRevocation(SessionId),
    /// The session ends and its tokens are revoked.
    Revoke(SessionId),
    /// The session ends and its tokens are left. A pending revocation is cancelled.
    Leave(SessionId),
    /// A departed session drops its newest token, which another session has proven alive. Its other
    /// tokens have no heir and are decided on after that.
    DropNewest {
        /// The departed session.
        holder: SessionId,
        /// The token that the holder last proved alive.
        proven: Fingerprint,
    },
}

#[derive(Debug)]
struct OwnershipRecord {
    host: HostId,
    standing: SessionStanding,
    /// The tokens in use, the newest one last.
    tokens: Vec<Fingerprint>,
    /// The token that was last proven alive.
    proven: Option<Fingerprint>,
    content: SourceContent,
    /// The token that its source last gave before the source was changed.
    content_before: Option<Box<Fingerprint>>,
    /// The sessions that replaced it when it left the configuration.
    successors: BTreeSet<SessionId>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SessionStanding {
    Configured,
    Departed(Departure),
    Revoking,
}

/// The circumstances in which a session left the configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Departure {
    on_shutdown: OnShutdown,
    /// The instant until which its token may turn up in a pool that cannot be listed; `None` if
    /// the session was not of a pool.
    listed_by: Option<Instant>,
}

/// The content of a session's source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SourceContent {
    /// The source has not been read. If it gives nothing, decisions wait for it until this instant.
    Unread(Instant),
    /// The source gave no token, and decisions wait for it until this instant.
    Empty(Instant),
    /// The source gave no token, and decisions do not wait for it.
    Nothing,
    /// The source is a file of a pool that is missing and has not been read.
    Missing,
    Token(Fingerprint),
}

impl Ownership {
    /// Handles a new configured session, whose source is to be read.
    pub(super) fn handle_added(&mut self, id: SessionId, host: HostId, now: Instant) {
        let entry = OwnershipRecord {
            host,
            standing: SessionStanding::Configured,
            tokens: Vec::new(),
            proven: None,
            content: SourceContent::Unread(now + GIVES_WITHIN),
            content_before: None,
            successors: BTreeSet::new(),
        };
        self.sessions.insert(id, Box::new(entry));
        self.unread.insert(id);
    }

    /// Handles the change of a configured session's source, which is to be read.
    pub(super) fn handle_moved(&mut self, id: SessionId, now: Instant) {
        if let Some(entry) = self.sessions.get_mut(&id)
            && let SourceContent::Token(token) = entry.content
        {
            entry.content_before = Some(Box::new(token));
        }
        self.set_content(id, SourceContent::Unread(now + GIVES_WITHIN));
    }

    /// Handles a reading of a configured session's source, which gave this token or none.
    pub(super) fn handle_read(&mut self, id: SessionId, token: Option<Fingerprint>) {
        let Some(entry) = self.sessions.get(&id) else {
            return;
        };
        if entry.standing != SessionStanding::Configured {
            return;
        }
        let content = match (token, entry.content) {
            (Some(token), _) => SourceContent::Token(token),
            (None, SourceContent::Unread(until) | SourceContent::Empty(until)) => {
                SourceContent::Empty(until)
            }
            (None, SourceContent::Token(_) | SourceContent::Nothing | SourceContent::Missing) => {
                SourceContent::Nothing
            }
        };
        self.set_content(id, content);
    }

    /// Handles a missing file of a configured session, which may come back. If the path of its pool
    /// was changed, the file is assumed to hold the same token as before.
    pub(super) fn handle_missing(&mut self, id: SessionId) {
        let Some(entry) = self.sessions.get(&id) else {
            return;
        };
        let is_new = matches!(
            entry.content,
            SourceContent::Unread(_) | SourceContent::Empty(_)
        );
        if is_new {
            let before = entry.content_before.as_deref();
            let content =
                before.map_or(SourceContent::Missing, |token| SourceContent::Token(*token));
            self.set_content(id, content);
        }
    }

    /// Handles the replacement of a departed session by a successor, whose source probably has the
    /// same token.
    pub(super) fn handle_succeeded(&mut self, id: SessionId, successor: SessionId) {
        self.replace_successor(id, id, &BTreeSet::from([successor]));
    }

    /// Handles a token that a session has in use from now on.
    pub(super) fn handle_taken_on(&mut self, id: SessionId, token: Fingerprint) {
        if let Some(entry) = self.sessions.get_mut(&id) {
            entry.tokens.retain(|known| *known != token);
            // Most sessions have one token.
            entry.tokens.reserve_exact(1);
            entry.tokens.push(token);
            self.holders.insert(token, id);
        }
    }

    /// Handles a token that a session has proven alive.
    pub(super) fn handle_proven(&mut self, id: SessionId, token: Fingerprint) {
        if let Some(entry) = self.sessions.get_mut(&id) {
            entry.proven = Some(token);
            self.recheck_holders(token);
        }
    }

    /// Handles a token that a session has dropped.
    pub(super) fn handle_released(&mut self, id: SessionId, token: Fingerprint) {
        if let Some(entry) = self.sessions.get_mut(&id) {
            entry.tokens.retain(|known| *known != token);
            entry.proven.take_if(|proven| *proven == token);
            self.holders.remove(token, id);
            self.recheck_holders(token);
            self.changed.insert(id);
        }
    }

    /// Handles a session that left the configuration. Its tokens are treated as `on_shutdown` says,
    /// once it is certain that no session names them.
    pub(super) fn handle_departed(
        &mut self,
        id: SessionId,
        on_shutdown: OnShutdown,
        is_of_pool: bool,
        now: Instant,
    ) {
        self.set_content(id, SourceContent::Nothing);
        let listed_by = is_of_pool.then_some(now + LISTED_WITHIN);
        self.set_standing(
            id,
            SessionStanding::Departed(Departure {
                on_shutdown,
                listed_by,
            }),
        );
        // It may itself have been an heir of other sessions, which lose it.
        let tokens = self.sessions.get(&id).map(|entry| entry.tokens.clone());
        for token in tokens.into_iter().flatten() {
            self.recheck_holders(token);
        }
    }

    /// Removes a session.
    pub(super) fn forget(&mut self, id: SessionId) {
        self.set_content(id, SourceContent::Nothing);
        self.set_standing(id, SessionStanding::Configured);
        let predecessors = self.predecessors.remove(&id).unwrap_or_default();
        if let Some(entry) = self.sessions.remove(&id) {
            for successor in &entry.successors {
                if let Some(predecessors) = self.predecessors.get_mut(successor) {
                    predecessors.remove(&id);
                }
            }
            for predecessor in predecessors {
                self.replace_successor(predecessor, id, &entry.successors);
            }
            for token in entry.tokens {
                self.holders.remove(token, id);
                self.recheck_holders(token);
            }
        }
        self.changed.remove(&id);
    }

    /// Handles the state of the pools: `is_any_away` is true if the content of some pool is
    /// unknown.
    pub(super) fn handle_pools(&mut self, is_any_away: bool) {
        if std::mem::replace(&mut self.is_pool_away, is_any_away) != is_any_away {
            self.changed.extend(&self.departed);
        }
    }

    /// Returns the next decision. To be called until it returns `None`. `is_missing` returns true
    /// for a configured session whose file is missing.
    pub(super) fn poll_decision(
        &mut self,
        is_missing: impl Fn(SessionId) -> bool,
        now: Instant,
    ) -> Option<Decision> {
        self.expire(now);
        while let Some(id) = self.changed.pop_first() {
            if let Some(decision) = self.decide(id, &is_missing, now) {
                self.record(decision);
                return Some(decision);
            }
        }
        None
    }

    /// Returns the instant at which [`Self::poll_decision`] is to be called again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if self.departed.is_empty() {
            return None;
        }
        let given_by = self.empty.first_at();
        let listed_by = self.unlisted.first_at();
        given_by.into_iter().chain(listed_by).min()
    }

    /// Returns true if the source of some session may still give any token.
    fn is_any_pending(&self) -> bool {
        !self.unread.is_empty() || !self.empty.is_empty()
    }

    /// Returns the sessions whose source may still give any token.
    fn pending_sources(&self) -> impl Iterator<Item = SessionId> {
        self.unread.iter().copied().chain(self.empty.ids())
    }

    fn set_standing(&mut self, id: SessionId, standing: SessionStanding) {
        let Some(entry) = self.sessions.get_mut(&id) else {
            return;
        };
        match std::mem::replace(&mut entry.standing, standing) {
            SessionStanding::Configured => {}
            SessionStanding::Revoking => _ = self.departed.remove(&id),
            SessionStanding::Departed(_) => {
                self.departed.remove(&id);
                self.unlisted.cancel(id);
            }
        }
        match standing {
            SessionStanding::Configured => {}
            SessionStanding::Revoking => _ = self.departed.insert(id),
            SessionStanding::Departed(departure) => {
                self.departed.insert(id);
                if let Some(listed_by) = departure.listed_by {
                    self.unlisted.set(id, listed_by);
                }
            }
        }
        self.changed.insert(id);
    }

    fn set_content(&mut self, id: SessionId, content: SourceContent) {
        let was_waiting = self.is_any_pending();
        let Some(entry) = self.sessions.get_mut(&id) else {
            return;
        };
        let before = std::mem::replace(&mut entry.content, content);
        match before {
            SourceContent::Unread(_) => _ = self.unread.remove(&id),
            SourceContent::Empty(_) => self.empty.cancel(id),
            SourceContent::Nothing | SourceContent::Missing => {}
            SourceContent::Token(token) => self.namers.remove(token, id),
        }
        match content {
            SourceContent::Unread(_) => _ = self.unread.insert(id),
            SourceContent::Empty(until) => self.empty.set(id, until),
            SourceContent::Nothing | SourceContent::Missing => {}
            SourceContent::Token(token) => self.namers.insert(token, id),
        }
        for content in [before, content] {
            if let SourceContent::Token(token) = content {
                self.recheck_holders(token);
            }
        }
        let predecessors = self.predecessors.get(&id).into_iter().flatten();
        self.changed.extend(predecessors);
        // The departed sessions are checked only when the last pending source is read, since a
        // large installation reads many sources.
        if was_waiting && !self.is_any_pending() {
            self.changed.extend(&self.departed);
        }
    }

    /// Adds these successors to those of a session, in place of the successor `gone`.
    fn replace_successor(
        &mut self,
        id: SessionId,
        gone: SessionId,
        successors: &BTreeSet<SessionId>,
    ) {
        if let Some(entry) = self.sessions.get_mut(&id) {
            entry.successors.remove(&gone);
            entry.successors.extend(successors);
            self.changed.insert(id);
            for &successor in successors {
                self.predecessors.entry(successor).or_default().insert(id);
            }
        }
    }

    /// Ends the waits whose time is over.
    fn expire(&mut self, now: Instant) {
        while let Some(id) = self.empty.pop_due(now) {
            self.set_content(id, SourceContent::Nothing);
            // set_content does not see that this was the last pending source, since it was removed
            // from the index before.
            if !self.is_any_pending() {
                self.changed.extend(&self.departed);
            }
        }
        while let Some(id) = self.unlisted.pop_due(now) {
            self.changed.insert(id);
        }
    }

    fn recheck_holders(&mut self, token: Fingerprint) {
        self.changed.extend(self.holders.of(token));
    }
}

/// Sessions by token.
#[derive(Debug, Default)]
struct ByToken(BTreeSet<(Fingerprint, SessionId)>);

impl ByToken {
    fn insert(&mut self, token: Fingerprint, id: SessionId) {
        self.0.insert((token, id));
    }

    fn remove(&mut self, token: Fingerprint, id: SessionId) {
        self.0.remove(&(token, id));
    }

    fn of(&self, token: Fingerprint) -> impl Iterator<Item = SessionId> {
        let of_token = self
            .0
            .range((token, SessionId(0))..=(token, SessionId(u32::MAX)));
        of_token.map(|&(_, id)| id)
    }
}
