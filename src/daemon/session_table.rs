//! Stores all sessions: the keeper's part of each, and the daemon's part, which is its name, source
//! and secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use super::ownership::Ownership;
use crate::config::{ApiBase, SessionConfig, SessionName};
use crate::keeper::{
    Event, EventKind, Generation, HostId, Intent, Keeper, LoginId, MintCommand, OnShutdown, Policy,
    Renewal, SessionId, SessionView,
};
use crate::log::SessionNames;
use crate::status::phrases::Pickup;
use crate::time::Instant;
use crate::token::{FileState, Fingerprint, Source, Token};

/// The daemon's state of a session.
pub(super) struct ManagedSession {
    pub(super) name: SessionName,
    pub(super) config: SessionConfig,
    /// The login host that issues its tokens.
    pub(super) login: Option<LoginId>,
    /// The intent that a user set in place of the configured one.
    pub(super) intent: Option<Intent>,
    /// The tokens that requests may still use: the present one and a newer one.
    tokens: Vec<(Generation, Arc<Token>)>,
    /// The generation that was proven alive last.
    present: Option<Generation>,
    /// The token that was proven alive last, even if it has ended.
    pub(super) proven: Option<Fingerprint>,
    /// Tokens that another daemon holds as well. They are not revoked, since that daemon would
    /// lose them too.
    pub(super) held_elsewhere: BTreeSet<Fingerprint>,
    /// The newest token if this daemon revoked it earlier, and a text that tells when.
    pub(super) revoked: Option<Box<(Fingerprint, Arc<str>)>>,
    pub(super) reading: ReadingState,
    /// True if its file was removed from its pool, which is reported when the session ends.
    pub(super) is_file_gone: bool,
}

/// The state of reading a session's source.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is set by one event and cleared by another"
)]
pub(super) struct ReadingState {
    /// The state of the file when it last gave a token.
    pub(super) seen_as: Option<FileState>,
    /// True if the file counts as changed since then, whatever its state is.
    pub(super) counts_as_changed: bool,
    /// The token that was last read.
    pub(super) fingerprint: Option<Fingerprint>,
    /// True if the file was read ahead of the next request.
    pub(super) is_ahead: bool,
    /// True if the program did not end in time when it last ran.
    pub(super) is_slow: bool,
    /// The problem of the source that was last logged.
    pub(super) trouble: Option<Arc<str>>,
    /// The token that was not adopted because another session holds it.
    pub(super) shared: Option<Box<Fingerprint>>,
    /// The number of retries that were scheduled since the session last had a living token.
    pub(super) attempts: u32,
    /// True if the next token is tried although it was refused before, as a user requested.
    pub(super) is_tried_again: bool,
    /// The keeper's request for a new token, for which the program runs.
    pub(super) renewal: Option<MintCommand>,
}

impl ReadingState {
    /// Returns the state of the file when it was last read; `None` if it counts as changed.
    pub(super) fn identity(&self) -> Option<FileState> {
        self.seen_as.filter(|_| !self.counts_as_changed)
    }
}

impl ManagedSession {
    pub(super) fn new(name: SessionName, config: SessionConfig) -> Self {
        Self {
            name,
            config,
            login: None,
            intent: None,
            tokens: Vec::new(),
            present: None,
            proven: None,
            held_elsewhere: BTreeSet::new(),
            revoked: None,
            reading: ReadingState::default(),
            is_file_gone: false,
        }
    }

    /// Returns the text that tells when this daemon revoked the token earlier, if it did.
    pub(super) fn revoked_as(&self, token: Option<Fingerprint>) -> Option<Arc<str>> {
        let (revoked, when) = self.revoked.as_deref()?;
        (Some(*revoked) == token).then(|| Arc::clone(when))
    }

    /// Returns the names of the session for log messages.
    pub(super) fn names(&self, pickup: Pickup) -> SessionNames<'_> {
        let revoked = self.revoked.as_deref();
        SessionNames {
            name: &self.name,
            source: &self.config.token,
            api: &self.config.api,
            revoked: revoked.map(|(token, when)| (*token, &**when)),
            pickup,
        }
    }

    /// Applies a new configuration. A changed configured intent ends the override of a user.
    pub(super) fn configure(&mut self, config: SessionConfig) {
        if self.config.policy.intent != config.policy.intent {
            self.intent = None;
        }
        self.config = config;
    }

    /// Returns the session's policy: the configured one, with the overrides that are in effect.
    pub(super) fn policy(&self) -> Policy {
        let configured = *self.config.policy;
        Policy {
            intent: self.intent.unwrap_or(configured.intent),
            on_shutdown: if self.is_held_elsewhere() {
                OnShutdown::Leave
            } else {
                configured.on_shutdown
            },
            renewal: configured.renewal.map(|renewal| Renewal {
                login: renewal.login.and(self.login),
                ..renewal
            }),
            ..configured
        }
    }

    /// Returns the fingerprints of the tokens that requests may still use.
    pub(super) fn fingerprints(&self) -> impl Iterator<Item = Fingerprint> {
        self.tokens.iter().map(|(_, token)| token.fingerprint())
    }

    /// Returns true if another daemon holds a token of the session as well.
    pub(super) fn is_held_elsewhere(&self) -> bool {
        self.fingerprints()
            .any(|token| self.held_elsewhere.contains(&token))
    }

    /// Forgets tokens of other daemons that this session does not hold any more. Returns true if
    /// that changes the policy.
    pub(super) fn forget_held_elsewhere(&mut self) -> bool {
        let had_any = !self.held_elsewhere.is_empty();
        let tokens: BTreeSet<_> = self.fingerprints().collect();
        self.held_elsewhere.retain(|token| tokens.contains(token));
        had_any && self.held_elsewhere.is_empty()
    }

    /// Returns the generation that was proven alive last.
    pub(super) fn present(&self) -> Option<Generation> {
        self.present
    }

    /// Returns the token of a generation.
    pub(super) fn token(&self, generation: Generation) -> Option<Arc<Token>> {
        let mut tokens = self.tokens.iter();
        tokens
            .find(|(known, _)| *known == generation)
            .map(|(_, token)| Arc::clone(token))
    }

    /// Returns the newest token.
    pub(super) fn newest_token(&self) -> Option<Weak<Token>> {
        self.tokens.last().map(|(_, token)| Arc::downgrade(token))
    }

    /// Returns true if the source may be read for another token. A token that is to lapse is not
    /// replaced by one that a configured command creates.
    pub(super) fn may_have_another(&self) -> bool {
        match self.config.token {
            Source::Command(_) => self.policy().intent == Intent::Keep || self.present.is_none(),
            // The keeper decides when a token is minted.
            Source::Mint(_) => false,
            Source::File(_) | Source::Credential(_) | Source::Env(_) => true,
        }
    }

    /// Returns true if there is a token that requests may still use.
    pub(super) fn has_token(&self) -> bool {
        !self.tokens.is_empty()
    }
}

/// The sessions of the configuration and of the pools' files, and those that left the configuration
/// and have not ended yet.
pub(super) struct SessionTable {
    pub(super) keeper: Keeper,
    /// In boxes, because the nodes of a tree are filled by half.
    pub(super) by_id: BTreeMap<SessionId, Box<ManagedSession>>,
    /// The configured sessions and those of the pools' files.
    pub(super) by_name: BTreeMap<SessionName, SessionId>,
    pub(super) ownership: Ownership,
    /// The APIs; the position of each is the number of its host.
    hosts: Vec<ApiBase>,
    /// The login hosts; the position of each is its number.
    logins: Vec<Arc<str>>,
    /// The sessions that the keeper is ending.
    ending: BTreeSet<SessionId>,
    /// True if a token was dropped that requests may have used.
    has_dropped: bool,
}

impl SessionTable {
    /// Creates an empty table.
    pub(super) fn new(keeper: Keeper) -> Self {
        Self {
            keeper,
            by_id: BTreeMap::new(),
            by_name: BTreeMap::new(),
            ownership: Ownership::default(),
            hosts: Vec::new(),
            logins: Vec::new(),
            ending: BTreeSet::new(),
            has_dropped: false,
        }
    }

    /// Adds a configured session.
    pub(super) fn add(
        &mut self,
        name: SessionName,
        config: SessionConfig,
        now: Instant,
    ) -> SessionId {
        let known = self.hosts.iter().position(|known| *known == config.api);
        let position = known.unwrap_or_else(|| {
            self.hosts.push(config.api.clone());
            self.hosts.len() - 1
        });
        let host = HostId(u32::try_from(position).unwrap_or(u32::MAX));
        let login = config.token.mint().map(|mint| self.login_id(&mint.login));
        let managed = ManagedSession {
            login,
            ..ManagedSession::new(name.clone(), config)
        };
        let id = self.keeper.handle_added(host, managed.policy());
        self.by_name.insert(name, id);
        self.by_id.insert(id, Box::new(managed));
        self.ownership.handle_added(id, host, now);
        id
    }

    fn login_id(&mut self, login: &Arc<str>) -> LoginId {
        let known = self.logins.iter().position(|known| known == login);
        let position = known.unwrap_or_else(|| {
            self.logins.push(Arc::clone(login));
            self.logins.len() - 1
        });
        LoginId(u32::try_from(position).unwrap_or(u32::MAX))
    }

    /// Returns all sessions, including those that are ending.
    pub(super) fn managed(&self) -> impl Iterator<Item = &ManagedSession> {
        self.by_id.values().map(Box::as_ref)
    }

    /// Returns the API of a host.
    pub(super) fn api(&self, host: HostId) -> Option<&ApiBase> {
        self.hosts.get(usize::try_from(host.0).ok()?)
    }

    /// Returns the configured session with this name.
    pub(super) fn find_mut(
        &mut self,
        name: &SessionName,
    ) -> Option<(SessionId, &mut ManagedSession)> {
        let &id = self.by_name.get(name)?;
        Some((id, self.by_id.get_mut(&id)?))
    }

    /// Returns the configurations of all configured sessions.
    pub(super) fn configs(&self) -> BTreeMap<SessionName, SessionConfig> {
        let configs = self.by_name.iter().filter_map(|(name, id)| {
            let managed = self.by_id.get(id)?;
            Some((name.clone(), managed.config.clone()))
        });
        configs.collect()
    }

    /// Returns the states of all configured sessions.
    pub(super) fn views(&self, now: Instant) -> impl Iterator<Item = (&SessionName, SessionView)> {
        let sessions = self.by_name.iter();
        sessions.filter_map(move |(name, id)| Some((name, self.keeper.view(*id, now)?)))
    }

    /// Passes the present policy of a session to the keeper, after a change.
    pub(super) fn update_policy(&mut self, id: SessionId, now: Instant) {
        let mint = self
            .by_id
            .get(&id)
            .and_then(|managed| managed.config.token.mint());
        let login = mint.map(|mint| Arc::clone(&mint.login));
        let login = login.map(|login| self.login_id(&login));
        if let Some(managed) = self.by_id.get_mut(&id) {
            managed.login = login;
            self.keeper.handle_policy(id, managed.policy(), now);
        }
    }

    fn set_on_shutdown(&mut self, id: SessionId, on_shutdown: OnShutdown, now: Instant) {
        if let Some(managed) = self.by_id.get_mut(&id) {
            Arc::make_mut(&mut managed.config.policy).on_shutdown = on_shutdown;
            self.update_policy(id, now);
        }
    }

    /// Ends a session until `until` at the latest, and revokes or leaves its tokens.
    pub(super) fn end(
        &mut self,
        id: SessionId,
        on_shutdown: OnShutdown,
        until: Instant,
        now: Instant,
    ) {
        // A stop of the daemon meanwhile must treat the tokens in the same way.
        self.set_on_shutdown(id, on_shutdown, now);
        self.keeper.handle_removed(id, on_shutdown, until, now);
        self.ending.insert(id);
    }

    /// Cancels the end of a session. Returns false if the session is not ending.
    pub(super) fn cancel_end(&mut self, id: SessionId, now: Instant) -> bool {
        let is_ending = self.ending.remove(&id);
        if is_ending {
            self.keeper.handle_removal_cancelled(id, now);
        }
        is_ending
    }

    /// Removes the sessions that have ended. Returns them.
    pub(super) fn remove_ended(&mut self) -> Vec<SessionId> {
        let ending = self.ending.iter().copied();
        let ended: Vec<_> = ending.filter(|id| !self.keeper.knows(*id)).collect();
        for id in &ended {
            self.ending.remove(id);
            self.forget(*id);
        }
        ended
    }

    /// Decides on the tokens of the sessions that left the configuration, before the daemon stops.
    pub(super) fn decide_at_stop(&mut self, now: Instant) {
        let is_left = |id| {
            let managed = self.by_id.get(&id);
            managed.is_some_and(|managed| managed.config.policy.on_shutdown == OnShutdown::Leave)
        };
        let decisions = self.by_id.keys().filter_map(|&id| {
            let on_shutdown = self.ownership.on_shutdown_at_stop(id, is_left)?;
            Some((id, on_shutdown))
        });
        for (id, on_shutdown) in decisions.collect::<Vec<_>>() {
            self.set_on_shutdown(id, on_shutdown, now);
        }
    }

    /// Returns the numbers of configured sessions to keep alive and to let lapse.
    pub(super) fn count_intents(&self) -> (usize, usize) {
        let kept = self
            .configured()
            .filter(|managed| managed.policy().intent == Intent::Keep);
        let kept = kept.count();
        (kept, self.by_name.len() - kept)
    }

    fn configured(&self) -> impl Iterator<Item = &ManagedSession> {
        let ids = self.by_name.values();
        ids.filter_map(|id| self.by_id.get(id)).map(Box::as_ref)
    }

    /// Returns the number of tokens that requests may still use.
    pub(super) fn count_tokens(&self) -> usize {
        let sessions = self.by_id.values();
        sessions.map(|managed| managed.tokens.len()).sum()
    }

    /// Returns the tokens that are revoked at the stop.
    pub(super) fn tokens_to_revoke(&self) -> Vec<Fingerprint> {
        self.managed()
            .filter(|managed| managed.policy().on_shutdown == OnShutdown::Revoke)
            .flat_map(ManagedSession::fingerprints)
            .collect()
    }

    /// Returns true if the active configuration, or a file of one of its pools, defines the
    /// session.
    pub(super) fn is_configured(&self, id: SessionId) -> bool {
        let managed = self.by_id.get(&id);
        managed.is_some_and(|managed| self.by_name.get(&managed.name) == Some(&id))
    }

    /// Drops a newer token if the source gives the present one again. The keeper has dropped the
    /// newer one already. Returns false if another token is the present one.
    pub(super) fn handle_given_again(&mut self, id: SessionId, fingerprint: Fingerprint) -> bool {
        let present = self.by_id.get(&id).and_then(|managed| {
            let present = managed.present?;
            let token = managed.token(present)?;
            (token.fingerprint() == fingerprint).then_some(present)
        });
        if let Some(present) = present {
            self.retain(id, |generation| generation <= present);
        }
        present.is_some()
    }

    /// Adds a token to which the keeper gave a generation. Beside it, the present token is kept, and
    /// an earlier one that the application may still use.
    pub(super) fn add_token(&mut self, id: SessionId, generation: Generation, token: Token) {
        let present = self.by_id.get(&id).and_then(|managed| managed.present);
        self.retain(id, |generation| Some(generation) <= present);
        self.ownership.handle_taken_on(id, token.fingerprint());
        if let Some(managed) = self.by_id.get_mut(&id) {
            // Most sessions have one token.
            managed.tokens.reserve_exact(1);
            managed.tokens.push((generation, Arc::new(token)));
        }
    }

    /// Drops the tokens that an event makes useless.
    pub(super) fn handle_event(&mut self, event: &Event) {
        let (id, Some(token)) = (event.session, event.token) else {
            return;
        };
        let generation = token.generation;
        if let EventKind::Alive { .. } = event.kind {
            if let Some(managed) = self.by_id.get_mut(&id) {
                managed.present = Some(generation);
            }
            self.ownership.handle_proven(id, token.fingerprint);
            // The keeper may still ask with replaced tokens: the application may use them until it
            // changes over.
            let known = self.by_id.get(&id).map(|managed| &managed.tokens);
            let known = known.into_iter().flatten().map(|(known, _)| *known);
            let held: Vec<_> = known
                .filter(|known| self.keeper.holds(id, *known))
                .collect();
            self.retain(id, |known| held.contains(&known));
        } else if event.kind.ends_token() {
            self.retain(id, |known| known != generation);
        }
    }

    /// Returns true if a token was dropped since the last call.
    pub(super) fn take_dropped(&mut self) -> bool {
        std::mem::take(&mut self.has_dropped)
    }

    /// Removes a session and all its tokens.
    pub(super) fn forget(&mut self, id: SessionId) {
        self.retain(id, |_| false);
        self.by_id.remove(&id);
        self.ownership.forget(id);
    }

    fn retain(&mut self, id: SessionId, keep: impl Fn(Generation) -> bool) {
        let Some(managed) = self.by_id.get_mut(&id) else {
            return;
        };
        let dropped: Vec<_> = managed
            .tokens
            .extract_if(.., |(generation, _)| !keep(*generation))
            .collect();
        self.has_dropped |= !dropped.is_empty();
        for (_, token) in dropped {
            self.ownership.handle_released(id, token.fingerprint());
        }
    }
}
