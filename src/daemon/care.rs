//! What the daemon knows of a session beside what the keeper decides: its name, its source, its secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::start::policy;
use crate::config::{SessionConfig, SessionName};
use crate::keeper::{Event, EventKind, Generation, Instant, Intent, Policy, SessionId};
use crate::observe::Named;
use crate::token::{Fingerprint, Identity, Source, Token};

/// What the daemon knows of a session.
pub(super) struct Care {
    pub(super) name: SessionName,
    pub(super) config: SessionConfig,
    /// What somebody wants in place of the configured intent.
    pub(super) intent: Option<Intent>,
    /// The tokens that may still be asked with: the present one and a newer one.
    tokens: Vec<(Generation, Arc<Token>)>,
    /// The generation that was proven alive last.
    present: Option<Generation>,
    pub(super) reading: Reading,
}

/// Where the reading of a session's source stands.
#[derive(Default)]
pub(super) struct Reading {
    /// The file as it was when it was read last.
    pub(super) identity: Option<Identity>,
    /// What was told last of the source's trouble.
    pub(super) told: Option<Arc<str>>,
    /// The token that was not taken on because another session holds it.
    pub(super) shared: Option<Fingerprint>,
    /// How often it was read in vain.
    pub(super) attempts: u32,
    /// When it is read again though nothing said that it changed.
    pub(super) again_at: Option<Instant>,
}

impl Care {
    pub(super) fn new(name: SessionName, config: SessionConfig) -> Self {
        Self {
            name,
            config,
            intent: None,
            tokens: Vec::new(),
            present: None,
            reading: Reading::default(),
        }
    }

    /// The session as it is named to people.
    pub(super) fn named(&self) -> Named<'_> {
        Named {
            name: &self.name,
            source: &self.config.token,
            api: &self.config.api,
        }
    }

    /// Takes in what is configured. An intent that is configured anew ends what somebody wanted.
    pub(super) fn configure(&mut self, config: SessionConfig) {
        if self.config.intent != config.intent {
            self.intent = None;
        }
        self.config = config;
    }

    /// What the session is to get: what is configured, but for what somebody wants for now.
    pub(super) fn policy(&self) -> Policy {
        let configured = policy(&self.config);
        Policy {
            intent: self.intent.unwrap_or(configured.intent),
            ..configured
        }
    }

    /// The secret of a generation.
    pub(super) fn token(&self, generation: Generation) -> Option<Arc<Token>> {
        let mut tokens = self.tokens.iter();
        tokens
            .find(|(of, _)| *of == generation)
            .map(|(_, token)| Arc::clone(token))
    }

    /// Whether a token of the session was ever proven alive.
    pub(super) fn had_living_token(&self) -> bool {
        self.present.is_some()
    }

    /// Whether the source may be asked for a token: a lapsing one is not replaced by one of our
    /// own making.
    pub(super) fn may_have_another(&self) -> bool {
        match self.config.token {
            Source::Command(_) => self.policy().intent == Intent::Keep || !self.had_living_token(),
            Source::File(_) | Source::Credential(_) | Source::Env(_) => true,
        }
    }

    /// Whether there is a token that may still be asked with.
    pub(super) fn has_token(&self) -> bool {
        !self.tokens.is_empty()
    }
}

/// All sessions, and which of them holds which token.
#[derive(Default)]
pub(super) struct Cares {
    pub(super) by_id: BTreeMap<SessionId, Care>,
    pub(super) by_name: BTreeMap<SessionName, SessionId>,
    holders: BTreeMap<Fingerprint, SessionId>,
    /// Whether a token has gone that may have been asked with.
    has_gone: bool,
}

impl Cares {
    /// The other session that holds the same token.
    pub(super) fn other_holder(
        &self,
        id: SessionId,
        fingerprint: Fingerprint,
    ) -> Option<SessionId> {
        self.holder(fingerprint).filter(|holder| *holder != id)
    }

    /// The session that holds the token.
    pub(super) fn holder(&self, fingerprint: Fingerprint) -> Option<SessionId> {
        self.holders.get(&fingerprint).copied()
    }

    /// Whether the session has one of these tokens.
    pub(super) fn holds_any(&self, id: SessionId, tokens: &BTreeSet<Fingerprint>) -> bool {
        self.by_id.get(&id).is_some_and(|care| {
            let mut own = care.tokens.iter();
            own.any(|(_, token)| tokens.contains(&token.fingerprint()))
        })
    }

    /// Takes in a token that the keeper gave a generation; older ones than the present go.
    pub(super) fn take(&mut self, id: SessionId, generation: Generation, token: Token) {
        let present = self.by_id.get(&id).and_then(|care| care.present);
        self.retain(id, |it| Some(it) == present);
        self.holders.insert(token.fingerprint(), id);
        if let Some(care) = self.by_id.get_mut(&id) {
            care.tokens.push((generation, Arc::new(token)));
        }
    }

    /// Lets go of tokens that an event makes useless.
    pub(super) fn handle_event(&mut self, event: &Event) {
        let (id, Some(token)) = (event.session, event.token) else {
            return;
        };
        let generation = token.generation;
        match event.kind {
            EventKind::Held { .. } => {
                if let Some(care) = self.by_id.get_mut(&id) {
                    care.present = Some(generation);
                }
                self.retain(id, |it| it >= generation);
            }
            EventKind::NewerRefused(_)
            | EventKind::Lost(_)
            | EventKind::Lapsed(_)
            | EventKind::Revoked
            | EventKind::NotRevoked(_)
            | EventKind::Left => self.retain(id, |it| it != generation),
            EventKind::Answered { .. }
            | EventKind::Found
            | EventKind::Unanswered(_)
            | EventKind::AtRisk(_)
            | EventKind::PastDeadline(_)
            | EventKind::Blocked(_)
            | EventKind::Recovered { .. }
            | EventKind::Unconfirmed
            | EventKind::TouchExcluded(_)
            | EventKind::Excluded
            | EventKind::ResetProven { .. }
            | EventKind::TimeoutRead(_)
            | EventKind::TimeoutNotPermitted(_) => {}
        }
    }

    /// Whether a token has gone since this was asked last.
    pub(super) fn take_gone(&mut self) -> bool {
        std::mem::take(&mut self.has_gone)
    }

    /// Forgets a session with all its tokens.
    pub(super) fn forget(&mut self, id: SessionId) {
        self.retain(id, |_| false);
        self.by_id.remove(&id);
    }

    /// Frees a session's tokens for others: it is about to end.
    pub(super) fn release(&mut self, id: SessionId) {
        let tokens = self
            .by_id
            .get(&id)
            .into_iter()
            .flat_map(|care| &care.tokens);
        for (_, token) in tokens {
            if self.holders.get(&token.fingerprint()) == Some(&id) {
                self.holders.remove(&token.fingerprint());
            }
        }
    }

    fn retain(&mut self, id: SessionId, keep: impl Fn(Generation) -> bool) {
        let Some(care) = self.by_id.get_mut(&id) else {
            return;
        };
        let (kept, gone) = care
            .tokens
            .drain(..)
            .partition(|(generation, _)| keep(*generation));
        care.tokens = kept;
        let gone: Vec<(Generation, Arc<Token>)> = gone;
        self.has_gone |= !gone.is_empty();
        for (_, token) in gone {
            if self.holders.get(&token.fingerprint()) == Some(&id) {
                self.holders.remove(&token.fingerprint());
            }
        }
    }
}
