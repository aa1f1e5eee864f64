//! The settings of a simulated organisation and the behaviour of its server.

use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{ApiOperation, Permission};
use crate::time::ServerTime;

/// The settings of an organisation and the behaviour of its server.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// The organisation's name.
    pub organisation: String,
    /// The idle timeouts of the organisation and its groups.
    pub timeout: IdleSettings,
    /// The rule that selects a bundle for a user to whom several apply.
    pub precedence: Precedence,
    /// The handling of group bundles that a `PUT /tokens/timeout` omits.
    pub omitted_bundles: OmittedBundles,
    /// Additional fields of the `IdleTokenTimeout`, which the model returns but does not interpret.
    pub unknown_fields: Map<String, Value>,
    /// The maximum lifetime of a token that was added without a lifetime of its own.
    pub lifetime: Duration,
    /// Operations that do not reset the idle timer. A peek never does.
    pub excluded: Vec<ApiOperation>,
    /// The idle deadline in `TokenInfo`.
    pub idle_date: IdleDate,
    /// The server's wall-clock time at boot; the wall clock advances with the instants.
    pub wall_at_boot: ServerTime,
    /// The lead of the `Date` header over the wall clock, in milliseconds.
    pub date_skew: i64,
    /// The maximum number of calls per minute and token, including those of the application that
    /// shares the token; `None` for no limit.
    pub calls_per_minute: Option<NonZeroU32>,
    /// The maximum number of tokens per user; a further token evicts the oldest one.
    pub tokens_per_user_max: usize,
    /// True if the organisation is bound to HIPAA, which limits timeouts to 900s.
    pub hipaa: bool,
    /// True if the organisation's list of allowed addresses contains the client's address.
    pub address_allowed: bool,
    /// True if revoking one token of a user revokes all of them.
    pub universal_logout: bool,
    /// The permissions of tokens that `POST /oauth/token` issues.
    pub minted_permissions: Vec<Permission>,
    /// The ids and secrets of the OAuth clients; any client gets tokens if this is empty.
    pub clients: Vec<(String, String)>,
    /// The `state` of every OAuth client.
    pub client_state: String,
    /// The time at which every OAuth client is to be deleted.
    pub client_deleted_at: Option<ServerTime>,
    /// The number of tokens that are issued in a minute; unlimited if absent.
    pub mints_a_minute: Option<usize>,
}

/// The idle timeouts of an organisation and its groups.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdleSettings {
    /// The organisation's timeout; `None` if it is disabled.
    pub organisation: Option<Duration>,
    /// True if the bundles are in effect.
    pub groups_enabled: bool,
    /// The timeouts for members of groups.
    pub bundles: Vec<GroupBundle>,
}

/// A timeout for the members of some groups.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupBundle {
    /// The priority, 1 to 5, by which [`Precedence`] selects a bundle.
    pub priority: u8,
    /// The idle timeout.
    pub timeout: Duration,
    /// The groups' ids.
    pub groups: Vec<String>,
}

/// The rule that selects one of several bundles; the API's documentation leaves it open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Precedence {
    /// The bundle with the lowest priority number applies.
    #[default]
    LowestNumber,
    /// The bundle with the highest priority number applies.
    HighestNumber,
}

/// The handling of group bundles that a PUT omits; the API's documentation leaves it open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OmittedBundles {
    /// The omitted bundles are deleted.
    #[default]
    Dropped,
    /// The omitted bundles remain unchanged.
    Kept,
}

/// The idle deadline in `TokenInfo`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum IdleDate {
    /// `TokenInfo` contains `dateTokenIdles`.
    #[default]
    Shown,
    /// `TokenInfo` contains `dateTokenIdles` as it was before the request: a `GET` that resets the
    /// timer does not show the new deadline. The API's documentation leaves this open.
    Previous,
    /// `TokenInfo` omits `dateTokenIdles`.
    Absent,
}

impl Default for Settings {
    /// Returns an organisation with an idle timeout of 15 minutes and common values for the rest.
    fn default() -> Self {
        Self {
            organisation: "Example".to_owned(),
            timeout: IdleSettings::of_organisation(Duration::from_secs(900)),
            precedence: Precedence::default(),
            omitted_bundles: OmittedBundles::default(),
            unknown_fields: Map::new(),
            lifetime: Duration::from_secs(24 * 60 * 60),
            excluded: Vec::new(),
            idle_date: IdleDate::default(),
            // 24 November 2026, 08:00 UTC.
            wall_at_boot: ServerTime::from_unix_milliseconds(1_795_507_200_000),
            date_skew: 0,
            calls_per_minute: NonZeroU32::new(300),
            tokens_per_user_max: 10,
            hipaa: false,
            address_allowed: true,
            universal_logout: false,
            clients: Vec::new(),
            client_state: "active".to_owned(),
            client_deleted_at: None,
            mints_a_minute: None,
            minted_permissions: vec![
                Permission::OauthTokenDelete,
                Permission::DirectoryOrganizationAdmin,
            ],
        }
    }
}

impl IdleSettings {
    /// Returns one timeout for all users, without group bundles.
    #[must_use]
    pub fn of_organisation(timeout: Duration) -> Self {
        Self {
            organisation: Some(timeout),
            groups_enabled: false,
            bundles: Vec::new(),
        }
    }

    /// Returns a disabled timeout: no token idles out.
    #[must_use]
    pub fn disabled() -> Self {
        Self {
            organisation: None,
            groups_enabled: false,
            bundles: Vec::new(),
        }
    }

    /// Returns the timeout that applies to a member of `groups`; `None` if none applies.
    #[must_use]
    pub fn effective(&self, groups: &[String], precedence: Precedence) -> Option<Duration> {
        if !self.groups_enabled || groups.is_empty() {
            return self.organisation;
        }
        let applicable = self.bundles.iter().filter(|bundle| {
            let mut members = bundle.groups.iter();
            members.any(|group| groups.contains(group))
        });
        let bundle = match precedence {
            Precedence::LowestNumber => applicable.min_by_key(|bundle| bundle.priority),
            Precedence::HighestNumber => applicable.max_by_key(|bundle| bundle.priority),
        };
        bundle.map_or(self.organisation, |bundle| Some(bundle.timeout))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedence_decides_between_bundles() {
        let bundle = |priority, seconds, group: &str| GroupBundle {
            priority,
            timeout: Duration::from_secs(seconds),
            groups: vec![group.to_owned()],
        };
        let mut timeout = IdleSettings {
            organisation: None,
            groups_enabled: true,
            bundles: vec![bundle(2, 600, "a"), bundle(1, 1200, "b")],
        };
        let both = ["a".to_owned(), "b".to_owned()];
        let seconds = |timeout: &IdleSettings, groups: &[String], precedence| {
            let effective = timeout.effective(groups, precedence);
            effective.map(|timeout| timeout.as_secs())
        };
        assert_eq!(
            seconds(&timeout, &both, Precedence::LowestNumber),
            Some(1200)
        );
        assert_eq!(
            seconds(&timeout, &both, Precedence::HighestNumber),
            Some(600)
        );
        assert_eq!(
            seconds(&timeout, &both[..1], Precedence::LowestNumber),
            Some(600)
        );
        assert_eq!(seconds(&timeout, &[], Precedence::LowestNumber), None);
        timeout.groups_enabled = false;
        assert_eq!(seconds(&timeout, &both, Precedence::LowestNumber), None);
    }
}
