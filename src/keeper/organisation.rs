//! The knowledge about organisations: their idle timeouts, the effect of touches, and the session
//! that reads the timeouts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::proof::KnownTouches;
use super::schedule::IDLE_TIMEOUT_MAX;
use super::{SessionId, TimeoutReport};
use crate::time::Instant;

/// The reason for which an [`OrganisationId`] always refers to an organisation.
const KNOWN: &str =
    "a session that has a living token is not forgotten, and so is its organisation";

/// The number of a configured API host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HostId(pub u32);

/// The number of an organisation at a host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct OrganisationId(usize);

/// The state known of one organisation.
#[derive(Debug)]
pub(super) struct Organisation {
    /// `organization.id`, if the tokens name it.
    pub(super) id: Option<Arc<str>>,
    /// The organisation's name, for people.
    pub(super) name: Option<Arc<str>>,
    /// The last answer to `GET /tokens/timeout`.
    pub(super) report: Option<TimeoutReport>,
    /// The instant at which the timeouts are read again.
    pub(super) read_at: Instant,
    /// True if the timeouts could not be read and are not known from an earlier reading.
    pub(super) is_unreadable: bool,
    /// The knowledge about the two touches.
    pub(super) touches: KnownTouches,
    members: BTreeSet<SessionId>,
    /// The kept sessions whose tokens may read the timeouts, as far as is known.
    readers: BTreeSet<SessionId>,
}

impl Organisation {
    /// Returns the one session that reads the timeouts for all members.
    pub(super) fn reader(&self) -> Option<SessionId> {
        self.readers.first().copied()
    }

    /// Returns the sessions whose tokens belong to the organisation.
    pub(super) fn members(&self) -> impl Iterator<Item = SessionId> {
        self.members.iter().copied()
    }

    /// Returns the shortest of the enabled timeouts, since the API does not document which group's
    /// timeout applies to a token.
    pub(super) fn idle_timeout(&self) -> Option<Duration> {
        self.values().min()
    }

    /// Returns the enabled timeouts of at least one second, limited to [`IDLE_TIMEOUT_MAX`].
    pub(super) fn values(&self) -> impl Iterator<Item = Duration> {
        let report = self.report.iter();
        let values = report.flat_map(|report| report.organisation.iter().chain(&report.groups));
        let valid = values
            .copied()
            .filter(|value| *value >= Duration::from_secs(1));
        valid.map(|value| value.min(IDLE_TIMEOUT_MAX))
    }

    /// Returns true if the organisation is known to have no idle timeout.
    pub(super) fn is_disabled(&self) -> bool {
        self.report
            .as_ref()
            .is_some_and(|report| report.organisation.is_none() && report.groups.is_empty())
    }
}

/// The key that distinguishes the organisations of a host.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum OrganisationKey {
    /// `organization.id`.
    Named(Arc<str>),
    /// The session of a token that names no organisation, and which has one of its own.
    OfSession(SessionId),
}

/// The organisations of all tokens.
///
/// An organisation with an `organization.id` is never deleted: their number is limited, and their
/// timeouts outlive a token. A session's own organisation is deleted with the session.
#[derive(Default, Debug)]
pub(super) struct Organisations {
    by_key: BTreeMap<(HostId, OrganisationKey), OrganisationId>,
    all: BTreeMap<OrganisationId, Organisation>,
    next_id: usize,
    /// The sessions that have become readers, or whose next reading has moved, since the last call
    /// of [`Self::poll_new_reader`].
    new_readers: Vec<SessionId>,
}

impl Organisations {
    /// Adds a session to the organisation of its token, which is created if it is not known.
    pub(super) fn enter(
        &mut self,
        session: SessionId,
        may_read: bool,
        host: HostId,
        id: Option<&Arc<str>>,
        now: Instant,
    ) -> OrganisationId {
        let key = id.map_or(OrganisationKey::OfSession(session), |id| {
            OrganisationKey::Named(id.clone())
        });
        let next = OrganisationId(self.next_id);
        let organisation = *self.by_key.entry((host, key)).or_insert(next);
        if organisation == next {
            self.next_id += 1;
            let new = Organisation {
                id: id.cloned(),
                name: None,
                report: None,
                read_at: now,
                is_unreadable: false,
                touches: KnownTouches::default(),
                members: BTreeSet::new(),
                readers: BTreeSet::new(),
            };
            self.all.insert(next, new);
        }
        self.add_member(session, may_read, organisation);
        organisation
    }

    /// Adds a session to an organisation that exists. `may_read` is true if its token may be used
    /// to read the timeouts.
    pub(super) fn add_member(
        &mut self,
        session: SessionId,
        may_read: bool,
        organisation: OrganisationId,
    ) {
        self.change(organisation, |entry| {
            entry.members.insert(session);
            if may_read {
                entry.readers.insert(session);
            }
        });
    }

    /// Removes a session from its organisation.
    pub(super) fn leave(&mut self, session: SessionId, organisation: OrganisationId) {
        self.change(organisation, |entry| {
            entry.members.remove(&session);
            entry.readers.remove(&session);
        });
    }

    /// Deletes the own organisation of a session that has left.
    pub(super) fn forget(&mut self, session: SessionId, host: HostId) {
        if let Some(own) = self
            .by_key
            .remove(&(host, OrganisationKey::OfSession(session)))
        {
            self.all.remove(&own);
        }
    }

    /// Records a change of a session's intent: only a kept token may be used to read the timeouts.
    pub(super) fn set_reading(
        &mut self,
        session: SessionId,
        organisation: OrganisationId,
        may_read: bool,
    ) {
        self.change(organisation, |entry| {
            if may_read {
                entry.readers.insert(session);
            } else {
                entry.readers.remove(&session);
            }
        });
    }

    /// Records that a session's token is not permitted to read the timeouts; another session reads
    /// them.
    pub(super) fn forbid_reading(&mut self, session: SessionId, organisation: OrganisationId) {
        self.change(organisation, |entry| {
            entry.readers.remove(&session);
        });
    }

    /// Returns a session that has become a reader, or whose next reading has moved.
    pub(super) fn poll_new_reader(&mut self) -> Option<SessionId> {
        self.new_readers.pop()
    }

    /// Returns the state known of an organisation.
    pub(super) fn of(&self, organisation: OrganisationId) -> &Organisation {
        &self.all[&organisation]
    }

    /// Sets the instant of the next reading. The reader, which may differ from the session that
    /// read last, has its place in the queue computed again.
    pub(super) fn read_again(&mut self, organisation: OrganisationId, read_at: Instant) {
        let entry = self.of_mut(organisation);
        entry.read_at = read_at;
        let reader = entry.reader();
        self.new_readers.extend(reader);
    }

    /// Returns the state known of an organisation for changes.
    pub(super) fn of_mut(&mut self, organisation: OrganisationId) -> &mut Organisation {
        self.all.get_mut(&organisation).expect(KNOWN)
    }

    fn change(&mut self, organisation: OrganisationId, change: impl FnOnce(&mut Organisation)) {
        let entry = self.all.get_mut(&organisation).expect(KNOWN);
        let reader = entry.reader();
        change(entry);
        if entry.reader() != reader {
            self.new_readers.extend(entry.reader());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_organisation_of_a_session_is_deleted_with_it() {
        let mut organisations = Organisations::default();
        let host = HostId(0);
        let named = Some("o".into());
        for number in 0..20 {
            let session = SessionId(number);
            let own = organisations.enter(session, true, host, None, Instant::BOOT);
            organisations.leave(session, own);
            let shared = organisations.enter(session, true, host, named.as_ref(), Instant::BOOT);
            organisations.leave(session, shared);
            organisations.forget(session, host);
        }
        assert_eq!(organisations.all.len(), 1);
        assert_eq!(organisations.by_key.len(), 1);
    }
}
