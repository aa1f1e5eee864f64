//! The expiry of a session's token, the need for a new one, and the overlap of the two.

use std::time::Duration;

use super::super::candidate::Issuer;
use super::super::event::{EarlierEnding, EventKind, IssuerMismatch, TokenId};
use super::super::expiry::{Expiry, ExpirySource};

use super::super::overlap::{EarlierToken, EarlierUse};
use super::super::renewal::{Need, renew_at};
use super::super::{ClientEnd, Generation, Intent, OnShutdown, Operation, Outcome};
use super::stop::PendingRevocations;
use super::{
    AnnouncedEnd, Choice, InFlight, KeeperState, RequestPurpose, Session, TokenEnding, TokenState,
};
use crate::time::Instant;
use crate::token::Fingerprint;

/// The time for which the revocation of an earlier token is tried.
const RELEASE_TIME: Duration = Duration::from_secs(60);

/// The interval of attempts while the new tokens are of another issuer than the living one.
const MISMATCHED_EVERY: Duration = Duration::from_secs(15 * 60);

impl Session {
    /// Returns the difference between the issuers of the living token and of a new one, if the
    /// session obtains its tokens and both come from the same place. Tokens that people provide may
    /// be of any issuer.
    pub(super) fn mismatch(&self, newer: &Issuer) -> Option<IssuerMismatch> {
        match &self.present {
            TokenState::Alive(live) if self.policy.renewal.is_some() => live.issuer.mismatch(newer),
            TokenState::Alive(_) | TokenState::Absent | TokenState::Ended(_) => None,
        }
    }

    /// Allows the next token to be of another issuer.
    pub(in crate::keeper) fn forget_issuer(&mut self) {
        self.mismatched = None;
        if let TokenState::Alive(live) = &mut self.present {
            live.issuer = Issuer::default();
        }
        if let Some(candidate) = &mut self.candidate {
            candidate.is_from_elsewhere = true;
        }
    }

    /// Records the expiry of the token with this fingerprint.
    pub(in crate::keeper) fn set_expiry(&mut self, fingerprint: Fingerprint, expiry: Expiry) {
        match (&mut self.candidate, &mut self.present) {
            (Some(candidate), _) if candidate.token.fingerprint == fingerprint => {
                candidate.expiry = Some(expiry);
            }
            (_, TokenState::Alive(live)) if live.token.fingerprint == fingerprint => {
                live.expiry = Some(expiry);
            }
            _ => return,
        }
        self.lifetime = Some(expiry.lifetime);
    }

    /// Estimates the expiry of the living token from the configured lifetime, unless its source
    /// reports it.
    pub(in crate::keeper) fn estimate_expiry(&mut self) {
        let TokenState::Alive(live) = &mut self.present else {
            return;
        };
        if live
            .expiry
            .is_none_or(|expiry| expiry.source == ExpirySource::Estimated)
        {
            live.expiry = self.policy.lifetime.map(|lifetime| Expiry {
                at: live.seen_at + lifetime,
                lifetime,
                source: ExpirySource::Estimated,
            });
        }
    }

    /// Returns the need for a new token, if the session obtains tokens.
    pub(in crate::keeper) fn need(&self, shared: &KeeperState) -> Option<Need> {
        let renewal = self.policy.renewal?;
        if self.stopping.is_some() || self.candidate.is_some() || !self.is_source_known {
            return None;
        }
        let at = match &self.present {
            // The daemon itself runs the programs of sessions without a living token.
            TokenState::Absent | TokenState::Ended(_) if renewal.login.is_none() => return None,
            TokenState::Absent => Instant::BOOT,
            TokenState::Ended(ended) => match (&ended.end, self.policy.intent) {
                (TokenEnding::Lost(_), Intent::Keep) => Instant::BOOT,
                _ => return None,
            },
            TokenState::Alive(_) => {
                let mismatched = self.mismatched.as_ref();
                let retry_at = mismatched.map(|known| known.1 + MISMATCHED_EVERY);
                self.renew_at(shared)?
                    .max(retry_at.unwrap_or(Instant::BOOT))
            }
        };
        Some(Need {
            at,
            login: renewal.login,
            lifetime: self.lifetime,
        })
    }

    /// Returns the instant at which the living token is to be replaced.
    fn renew_at(&self, shared: &KeeperState) -> Option<Instant> {
        let renewal = self.policy.renewal?;
        let TokenState::Alive(live) = &self.present else {
            return None;
        };
        if self.policy.intent == Intent::Lapse {
            return None;
        }
        let context = self.context(live.organisation, shared);
        let margin = live.schedule(&context).margin;
        let share = live.token.fingerprint.share();
        let before_expiry = live.expiry.map(|expiry| renew_at(expiry, margin, share));
        let at_age = renewal.every.map(|every| live.seen_at + every);
        // The first token may be one of an earlier run, which ends at any moment if nothing says when.
        let is_end_unknown = live.expiry.is_none() && live.token.generation == Generation::FIRST;
        let at_once = (is_end_unknown && renewal.login.is_some()).then_some(live.proven_at);
        let instants = [before_expiry, at_age, at_once];
        instants.into_iter().flatten().min()
    }

    /// Returns the instant of the next announcement of the expiry. While the token is renewed
    /// before that, there is nothing to announce.
    pub(in crate::keeper) fn next_announcement(&self, shared: &KeeperState) -> Option<Instant> {
        let TokenState::Alive(live) = &self.present else {
            return None;
        };
        if self.policy.intent == Intent::Lapse || self.stopping.is_some() {
            return None;
        }
        let announcements = live.expiry?.announcements();
        let renewed_at = self.renew_at(shared);
        let mut left = announcements.into_iter().skip(live.announced.into());
        left.find(|at| renewed_at.is_none_or(|renewed_at| renewed_at < *at))
    }

    /// Announces the expiry once, however many announcements are due.
    pub(in crate::keeper) fn announce(&mut self, now: Instant, shared: &mut KeeperState) {
        let TokenState::Alive(live) = &mut self.present else {
            return;
        };
        let Some(expiry) = live.expiry else {
            return;
        };
        let over = expiry.announcements().into_iter().filter(|at| *at <= now);
        live.announced = u8::try_from(over.count()).unwrap_or(u8::MAX);
        let token = live.token;
        self.emit(Some(token), EventKind::Expiring(expiry), now, shared);
    }

    /// Announces the end of the token's OAuth client that an answer reports, unless it was announced
    /// before.
    pub(super) fn announce_client_end(
        &self,
        token: TokenId,
        reported: Option<ClientEnd>,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        let announced = shared.client_ends.get_mut(&self.id);
        let Some(end) = reported else {
            if let Some(announced) = announced {
                announced.is_current = false;
            }
            return;
        };
        match announced {
            Some(announced) if announced.end == end => announced.is_current = true,
            Some(_) | None => {
                let announced = AnnouncedEnd {
                    end,
                    is_current: true,
                };
                shared.client_ends.insert(self.id, announced);
                self.emit(Some(token), EventKind::ClientEnding(end), now, shared);
            }
        }
    }

    /// Emits an event about an attempt to obtain a token.
    pub(in crate::keeper) fn emit_about_renewal(
        &self,
        kind: EventKind,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        let minted = self.candidate.as_ref().map(|candidate| candidate.token);
        self.emit(minted.or(self.token()), kind, now, shared);
    }

    /// Keeps the living token as the earlier one, if the session obtains its tokens: the
    /// application may use it until it changes over.
    pub(super) fn begin_overlap(&mut self, now: Instant, shared: &mut KeeperState) {
        let TokenState::Alive(live) = &self.present else {
            return;
        };
        if self.policy.renewal.is_none() || self.policy.intent == Intent::Lapse {
            return;
        }
        let earlier = EarlierToken::new(live.token, live.expiry, now);
        if let Some(replaced) = self.earlier.replace(Box::new(earlier)) {
            self.end_earlier(&replaced, EarlierEnding::Left, now, shared);
        }
    }

    pub(super) fn choose_for_earlier(
        &self,
        floor_at: Instant,
        now: Instant,
        shared: &KeeperState,
    ) -> Option<Choice> {
        if let Some(release) = &self.release {
            return self
                .choose_revocation(release, now, shared)
                .map(|choice| Choice {
                    at: choice.at.max(floor_at),
                    purpose: RequestPurpose::Release,
                    ..choice
                });
        }
        let earlier = self.earlier.as_ref()?;
        Some(Choice {
            at: earlier.next_at().max(floor_at).max(now),
            token: earlier.token,
            operation: Operation::Peek,
            purpose: RequestPurpose::Overlap,
        })
    }

    pub(super) fn receive_for_earlier(
        &mut self,
        in_flight: &InFlight,
        outcome: &Outcome,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        let Some(mut earlier) = self.earlier.take() else {
            return;
        };
        let overlap = self.policy.renewal.map(|renewal| renewal.overlap);
        let seen = earlier.handle_answer(
            outcome,
            overlap.unwrap_or_default(),
            now,
            &shared.limits,
            &mut shared.rng,
            in_flight.sent_at,
        );
        match seen {
            EarlierUse::Unknown => self.earlier = Some(earlier),
            EarlierUse::InUse => {
                let token = earlier.token;
                self.earlier = Some(earlier);
                self.emit(Some(token), EventKind::EarlierInUse, now, shared);
            }
            EarlierUse::Ended => self.end_earlier(&earlier, EarlierEnding::Ended, now, shared),
            EarlierUse::Unused => match self.policy.on_shutdown {
                OnShutdown::Leave => self.end_earlier(&earlier, EarlierEnding::Left, now, shared),
                OnShutdown::Revoke => {
                    let until = now + RELEASE_TIME;
                    let release = PendingRevocations::new(vec![earlier.token], until, now);
                    self.release = Some(Box::new(release));
                }
            },
        }
    }

    /// Handles the answer to the revocation of an earlier token.
    pub(super) fn receive_release(
        &mut self,
        in_flight: &InFlight,
        outcome: &Outcome,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        let Some(mut release) = self.release.take() else {
            return;
        };
        let token = release.tokens().next();
        let reason = match release.handle_answer(in_flight, outcome, now, shared) {
            Some((_, TokenEnding::Revoked, _)) => {
                let kind = EventKind::EarlierEnded(EarlierEnding::Revoked);
                return self.emit(token, kind, now, shared);
            }
            None if now < release.until => {
                self.release = Some(release);
                return;
            }
            Some(_) | None => release.failure_reason().clone(),
        };
        let kind = EventKind::EarlierEnded(EarlierEnding::NotRevoked(reason));
        self.emit(token, kind, now, shared);
    }

    fn end_earlier(
        &self,
        earlier: &EarlierToken,
        ending: EarlierEnding,
        now: Instant,
        shared: &mut KeeperState,
    ) {
        let kind = EventKind::EarlierEnded(ending);
        self.emit(Some(earlier.token), kind, now, shared);
    }
}
