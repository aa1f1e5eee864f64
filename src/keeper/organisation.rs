//! What is known of the organisations: their configured idle timeouts, and which session asks for them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::schedule::IDLE_TIMEOUT_MAX;
use super::{Instant, SessionId, TimeoutReport};

/// Who has an organisation's number.
const KNOWN: &str =
    "a session that has a living token is not forgotten, and so is its organisation";

/// Names one API host among those that are configured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HostId(pub u32);

/// Names one organisation at one host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct OrganisationId(usize);

/// What is known of one organisation.
#[derive(Debug)]
pub(super) struct Organisation {
    /// Its name, for people.
    pub(super) name: Option<Arc<str>>,
    /// The last answer to `GET /tokens/timeout`.
    pub(super) report: Option<TimeoutReport>,
    /// When to ask again.
    pub(super) read_at: Instant,
    members: BTreeSet<SessionId>,
    /// Kept sessions whose tokens were not refused the reading.
    readers: BTreeSet<SessionId>,
}

impl Organisation {
    /// The one session that asks for all of them.
    pub(super) fn reader(&self) -> Option<SessionId> {
        self.readers.first().copied()
    }

    /// The sessions whose tokens belong here.
    pub(super) fn members(&self) -> impl Iterator<Item = SessionId> {
        self.members.iter().copied()
    }

    /// The least of the enabled values: which group's wins is not documented.
    pub(super) fn idle_timeout(&self) -> Option<Duration> {
        self.values().min()
    }

    /// The enabled values that make sense.
    pub(super) fn values(&self) -> impl Iterator<Item = Duration> {
        let report = self.report.iter();
        let values = report.flat_map(|report| report.organisation.iter().chain(&report.groups));
        let sensible = values
            .copied()
            .filter(|value| *value >= Duration::from_secs(1));
        sensible.map(|value| value.min(IDLE_TIMEOUT_MAX))
    }

    /// Whether the organisation said that nothing idles out.
    pub(super) fn is_disabled(&self) -> bool {
        self.report
            .as_ref()
            .is_some_and(|report| report.organisation.is_none() && report.groups.is_empty())
    }
}

/// What tells one organisation of a host from another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Key {
    /// `organization.id`.
    Named(Arc<str>),
    /// The token names no organisation: the session has one of its own.
    OfSession(SessionId),
}

/// All organisations that a session's token belongs to.
///
/// Those that have a name are never forgotten: there are as many as the tokens belong to, and
/// their timeouts outlive a token. One that is a session's own goes with the session.
#[derive(Default, Debug)]
pub(super) struct Organisations {
    by_key: BTreeMap<(HostId, Key), OrganisationId>,
    all: BTreeMap<OrganisationId, Organisation>,
    next_id: usize,
    /// Sessions that came to be readers, or are to read at another time, since somebody asked.
    new_readers: Vec<SessionId>,
}

impl Organisations {
    /// Takes a session in.
    pub(super) fn enter(
        &mut self,
        session: SessionId,
        may_read: bool,
        host: HostId,
        id: Option<&Arc<str>>,
        now: Instant,
    ) -> OrganisationId {
        let key = id.map_or(Key::OfSession(session), |id| Key::Named(id.clone()));
        let next = OrganisationId(self.next_id);
        let organisation = *self.by_key.entry((host, key)).or_insert(next);
        if organisation == next {
            self.next_id += 1;
            let new = Organisation {
                name: None,
                report: None,
                read_at: now,
                members: BTreeSet::new(),
                readers: BTreeSet::new(),
            };
            self.all.insert(next, new);
        }
        self.change(organisation, |found| {
            found.members.insert(session);
            if may_read {
                found.readers.insert(session);
            }
        });
        organisation
    }

    /// Lets a session go.
    pub(super) fn leave(&mut self, session: SessionId, organisation: OrganisationId) {
        self.change(organisation, |found| {
            found.members.remove(&session);
            found.readers.remove(&session);
        });
    }

    /// Forgets a session, which has left.
    pub(super) fn forget(&mut self, session: SessionId, host: HostId) {
        if let Some(own) = self.by_key.remove(&(host, Key::OfSession(session))) {
            self.all.remove(&own);
        }
    }

    /// A session's intent changed: only a kept token may be used to read.
    pub(super) fn set_reading(
        &mut self,
        session: SessionId,
        organisation: OrganisationId,
        may_read: bool,
    ) {
        self.change(organisation, |found| {
            if may_read {
                found.readers.insert(session);
            } else {
                found.readers.remove(&session);
            }
        });
    }

    /// A session's token is not permitted to read the timeout: another one asks.
    pub(super) fn forbid_reading(&mut self, session: SessionId, organisation: OrganisationId) {
        self.change(organisation, |found| {
            found.readers.remove(&session);
        });
    }

    /// A session that came to be a reader and does not know it yet.
    pub(super) fn poll_new_reader(&mut self) -> Option<SessionId> {
        self.new_readers.pop()
    }

    /// What is known of an organisation.
    pub(super) fn of(&self, organisation: OrganisationId) -> &Organisation {
        &self.all[&organisation]
    }

    /// Its timeouts are to be read at `read_at`: its reader, who may be another than who asked
    /// last, is to look up anew when that is.
    pub(super) fn read_again(&mut self, organisation: OrganisationId, read_at: Instant) {
        let found = self.of_mut(organisation);
        found.read_at = read_at;
        let reader = found.reader();
        self.new_readers.extend(reader);
    }

    /// What is known of an organisation, to be changed.
    pub(super) fn of_mut(&mut self, organisation: OrganisationId) -> &mut Organisation {
        self.all.get_mut(&organisation).expect(KNOWN)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.all.len().max(self.by_key.len())
    }

    fn change(&mut self, organisation: OrganisationId, change: impl FnOnce(&mut Organisation)) {
        let found = self.all.get_mut(&organisation).expect(KNOWN);
        let reader = found.reader();
        change(found);
        if found.reader() != reader {
            self.new_readers.extend(found.reader());
        }
    }
}
