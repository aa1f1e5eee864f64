//! Derives the decisions from the facts: the session that takes a token over, and the time at which
//! a token is revoked or left.

use std::collections::BTreeSet;

use super::{Decision, Departure, Ownership, OwnershipRecord, SessionStanding, SourceContent};
use crate::keeper::{OnShutdown, SessionId};
use crate::time::Instant;
use crate::token::Fingerprint;

impl Ownership {
    /// Returns the other configured session that has this token in use.
    pub(in crate::daemon) fn other_holder(
        &self,
        id: SessionId,
        token: Fingerprint,
    ) -> Option<SessionId> {
        self.other_holders(id, token)
            .next()
            .map(|(holder, _)| holder)
    }

    /// Returns the other configured session that keeps this token, so that this session has to wait
    /// until it is dropped. A session at another host counts only once it has proven the token
    /// alive.
    pub(in crate::daemon) fn other_keeper(
        &self,
        id: SessionId,
        token: Fingerprint,
    ) -> Option<SessionId> {
        let host = self.sessions.get(&id)?.host;
        self.other_holders(id, token)
            .find(|(_, entry)| entry.host == host || entry.proven == Some(token))
            .map(|(keeper, _)| keeper)
    }

    fn other_holders(
        &self,
        id: SessionId,
        token: Fingerprint,
    ) -> impl Iterator<Item = (SessionId, &OwnershipRecord)> {
        let holders = self.holders.of(token).filter(move |&holder| holder != id);
        holders
            .filter_map(|holder| Some((holder, &**self.sessions.get(&holder)?)))
            .filter(|(_, entry)| entry.standing == SessionStanding::Configured)
    }

    /// Returns the treatment of a departed session's tokens if the daemon stops at this moment;
    /// `None` for all other sessions. `is_left` returns true for a configured session whose token
    /// is left at the stop.
    pub(in crate::daemon) fn on_shutdown_at_stop(
        &self,
        id: SessionId,
        is_left: impl Fn(SessionId) -> bool,
    ) -> Option<OnShutdown> {
        let entry = self.sessions.get(&id)?;
        let SessionStanding::Departed(departure) = entry.standing else {
            return (entry.standing == SessionStanding::Revoking).then_some(OnShutdown::Revoke);
        };
        // If a configured session names the token, that session revokes it or leaves it.
        let is_named = self.heirs(id, entry).next().is_some();
        let may_be_left = self.pending_sources().any(is_left);
        let may_be_listed = departure.listed_by.is_some() && self.is_pool_away;
        Some(if is_named || may_be_left || may_be_listed {
            OnShutdown::Leave
        } else {
            departure.on_shutdown
        })
    }

    pub(super) fn decide(
        &self,
        id: SessionId,
        is_missing: impl Fn(SessionId) -> bool,
        now: Instant,
    ) -> Option<Decision> {
        let entry = self.sessions.get(&id)?;
        if entry.standing == SessionStanding::Configured && !is_missing(id) {
            return None;
        }
        if let Some((token, claimant)) = self.claimant(id, entry) {
            return Some(Decision::TakeOver {
                holder: id,
                claimant,
                token,
            });
        }
        let is_named = self.heirs(id, entry).next().is_some();
        match entry.standing {
            SessionStanding::Departed(_) if entry.tokens.is_empty() => Some(Decision::Leave(id)),
            SessionStanding::Departed(_) | SessionStanding::Revoking if is_named => {
                let is_certain = self.are_named_tokens_proven(id, entry);
                match (is_certain, entry.standing) {
                    (true, SessionStanding::Departed(departure))
                        if departure.on_shutdown == OnShutdown::Revoke =>
                    {
                        let drop_newest = self.drop_newest(id, entry);
                        Some(drop_newest.unwrap_or(Decision::Leave(id)))
                    }
                    (true, _) => Some(Decision::Leave(id)),
                    (false, SessionStanding::Revoking) => Some(Decision::CancelRevocation(id)),
                    (false, SessionStanding::Configured | SessionStanding::Departed(_)) => None,
                }
            }
            SessionStanding::Configured | SessionStanding::Revoking => None,
            SessionStanding::Departed(departure) => self.decide_unnamed(id, departure, now),
        }
    }

    /// Returns a configured session without a token whose source gave a token of this session.
    fn claimant(&self, id: SessionId, entry: &OwnershipRecord) -> Option<(Fingerprint, SessionId)> {
        let mut heirs = self.heirs(id, entry).filter(|(token, _, heir)| {
            // A missing file of a configured session may have been renamed, unless it held a newer
            // token than the one that was found elsewhere.
            let is_given_up = entry.standing != SessionStanding::Configured
                || entry.content == SourceContent::Token(*token);
            is_given_up && heir.tokens.is_empty() && heir.host == entry.host
        });
        heirs.next().map(|(token, claimant, _)| (token, claimant))
    }

    /// Returns the decision to drop the newest token if it is the only one that has an heir, and
    /// the session has proven another one alive.
    fn drop_newest(&self, id: SessionId, entry: &OwnershipRecord) -> Option<Decision> {
        let proven = entry.proven?;
        let newest = *entry.tokens.last()?;
        let is_only_heirloom = self.heirs(id, entry).all(|(token, _, _)| token == newest);
        (is_only_heirloom && proven != newest && entry.tokens.contains(&proven))
            .then_some(Decision::DropNewest { holder: id, proven })
    }

    /// Decides on a departed session whose tokens no configured session is known to name.
    fn decide_unnamed(
        &self,
        id: SessionId,
        departure: Departure,
        now: Instant,
    ) -> Option<Decision> {
        if self.is_any_pending() || self.is_successor_unread(id) {
            return None;
        }
        if self.is_pool_away
            && let Some(listed_by) = departure.listed_by
        {
            return (listed_by <= now).then_some(Decision::Leave(id));
        }
        Some(match departure.on_shutdown {
            OnShutdown::Revoke => Decision::Revoke(id),
            OnShutdown::Leave => Decision::Leave(id),
        })
    }

    /// Returns true if the content of a successor's source is unknown.
    fn is_successor_unread(&self, id: SessionId) -> bool {
        let successors = self.sessions.get(&id).map(|entry| &entry.successors);
        // The recursion ends, since the successors of a session are newer than the session.
        successors.into_iter().flatten().any(|successor| {
            let entry = self.sessions.get(successor);
            entry.is_some_and(|entry| entry.content == SourceContent::Missing)
                || self.is_successor_unread(*successor)
        })
    }

    /// Returns true if each token that an heir names was proven alive by an heir, and no unread
    /// source can name another. An heir's API may refuse the token although it lives at the API of
    /// this session, so naming it is not enough.
    fn are_named_tokens_proven(&self, id: SessionId, entry: &OwnershipRecord) -> bool {
        let named: BTreeSet<_> = self.heirs(id, entry).map(|(token, _, _)| token).collect();
        let may_be_named = named.len() < entry.tokens.len() && self.is_any_pending();
        let is_proven = |token| {
            let mut heirs = self.heirs(id, entry);
            heirs.any(|(_, _, heir)| heir.proven == Some(token))
        };
        !may_be_named && named.into_iter().all(is_proven)
    }

    /// Records that a decision is carried out.
    pub(super) fn record(&mut self, decision: Decision) {
        match decision {
            Decision::TakeOver {
                holder, claimant, ..
            } => {
                let content = self.sessions.get(&claimant).map(|entry| entry.content);
                self.forget(claimant);
                self.set_standing(holder, SessionStanding::Configured);
                if let Some(content) = content {
                    self.set_content(holder, content);
                }
            }
            Decision::CancelRevocation(id) => self.set_standing(
                id,
                SessionStanding::Departed(Departure {
                    on_shutdown: OnShutdown::Revoke,
                    listed_by: None,
                }),
            ),
            Decision::Revoke(id) => self.set_standing(id, SessionStanding::Revoking),
            Decision::Leave(id) => self.forget(id),
            // The drop itself is reported by handle_released.
            Decision::DropNewest { .. } => {}
        }
    }

    /// Returns the heirs of the session: the configured sessions that have one of its tokens, in
    /// use or in their source.
    fn heirs(
        &self,
        id: SessionId,
        entry: &OwnershipRecord,
    ) -> impl Iterator<Item = (Fingerprint, SessionId, &OwnershipRecord)> {
        let heirs = entry.tokens.iter().flat_map(move |token| {
            let heirs = self.holders.of(*token).chain(self.namers.of(*token));
            heirs.map(move |heir| (*token, heir))
        });
        heirs.filter_map(move |(token, heir)| {
            let found = &**self.sessions.get(&heir)?;
            let is_heir = heir != id && found.standing == SessionStanding::Configured;
            is_heir.then_some((token, heir, found))
        })
    }
}
