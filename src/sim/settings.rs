//! What an organisation has set up, and how its server behaves.

use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{Operation, Permission};
use crate::keeper::ServerTime;

/// What an organisation has set up, and how its server behaves.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// The organisation's name.
    pub organisation: String,
    /// When tokens idle out.
    pub timeout: IdleTimeout,
    /// Which bundle counts for a user who is in several.
    pub precedence: Precedence,
    /// What becomes of group bundles that a `PUT /tokens/timeout` omits.
    pub omitted_bundles: OmittedBundles,
    /// Further fields of the `IdleTokenTimeout`, which this model gives no meaning.
    pub unknown_fields: Map<String, Value>,
    /// How long a token lives at the most, unless it was added with a lifetime of its own.
    pub lifetime: Duration,
    /// Operations that do not reset the idle timer. A peek never does.
    pub excluded: Vec<Operation>,
    /// Whether `TokenInfo` says when the token will idle out.
    pub idle_date: IdleDate,
    /// What the server's wall clock shows at boot; it keeps time with the instants.
    pub wall_at_boot: ServerTime,
    /// How far the `Date` header is ahead of the wall clock, in milliseconds.
    pub date_skew: i64,
    /// How many calls a minute a token may make, its application's included; `None` for no limit.
    pub calls_per_minute: Option<NonZeroU32>,
    /// How many tokens a user may have; one more and the oldest is evicted.
    pub tokens_per_user_max: usize,
    /// Whether the organisation is bound to HIPAA: timeouts of at most 900 s.
    pub hipaa: bool,
    /// Whether our address is on the organisation's list.
    pub address_allowed: bool,
    /// Whether revoking one token of a user revokes them all.
    pub universal_logout: bool,
    /// The permissions of tokens that are minted.
    pub minted_permissions: Vec<Permission>,
}

/// When tokens idle out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdleTimeout {
    /// The organisation's timeout; `None` if it is disabled.
    pub organisation: Option<Duration>,
    /// Whether the bundles count at all.
    pub groups_enabled: bool,
    /// Timeouts for members of groups.
    pub bundles: Vec<GroupBundle>,
}

/// A timeout for the members of some groups.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupBundle {
    /// 1 to 5; decides between bundles, see [`Precedence`].
    pub priority: u8,
    /// The idle timeout.
    pub timeout: Duration,
    /// The groups' ids.
    pub groups: Vec<String>,
}

/// Which of several bundles counts: the documentation does not say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Precedence {
    /// The one with the lowest number.
    #[default]
    LowestNumber,
    /// The one with the highest number.
    HighestNumber,
}

/// What becomes of group bundles that a PUT omits: the documentation does not say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OmittedBundles {
    /// They are gone.
    #[default]
    Dropped,
    /// They stay as they were.
    Kept,
}

/// Whether `TokenInfo` says when the token will idle out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum IdleDate {
    /// With `dateTokenIdles`.
    #[default]
    Shown,
    /// Without.
    Absent,
}

impl Default for Settings {
    /// An organisation with an idle timeout of 15 minutes and nothing unusual.
    fn default() -> Self {
        Self {
            organisation: "Example".to_owned(),
            timeout: IdleTimeout::of_organisation(Duration::from_secs(900)),
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
            minted_permissions: vec![
                Permission::OauthTokenDelete,
                Permission::DirectoryOrganizationAdmin,
            ],
        }
    }
}

impl IdleTimeout {
    /// One timeout for everybody.
    #[must_use]
    pub fn of_organisation(timeout: Duration) -> Self {
        Self {
            organisation: Some(timeout),
            groups_enabled: false,
            bundles: Vec::new(),
        }
    }

    /// No token idles out.
    #[must_use]
    pub fn disabled() -> Self {
        Self {
            organisation: None,
            groups_enabled: false,
            bundles: Vec::new(),
        }
    }

    /// The timeout that counts for a member of these groups; `None` if none does.
    #[must_use]
    pub fn effective(&self, groups: &[String], precedence: Precedence) -> Option<Duration> {
        if !self.groups_enabled || groups.is_empty() {
            return self.organisation;
        }
        let concerned = self.bundles.iter().filter(|bundle| {
            let mut members = bundle.groups.iter();
            members.any(|group| groups.contains(group))
        });
        let bundle = match precedence {
            Precedence::LowestNumber => concerned.min_by_key(|bundle| bundle.priority),
            Precedence::HighestNumber => concerned.max_by_key(|bundle| bundle.priority),
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
        let mut timeout = IdleTimeout {
            organisation: None,
            groups_enabled: true,
            bundles: vec![bundle(2, 600, "a"), bundle(1, 1200, "b")],
        };
        let both = ["a".to_owned(), "b".to_owned()];
        let seconds = |timeout: &IdleTimeout, groups: &[String], precedence| {
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
