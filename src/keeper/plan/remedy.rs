//! The changes of settings that make a plan work.

use std::time::Duration;

/// A setting on which a plan depends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Setting {
    /// `margin` of a session.
    Margin,
    /// `verify_every` of a session.
    VerifyEvery,
    /// `idle_timeout` of a session.
    IdleTimeout,
    /// `http.request_timeout`.
    RequestTimeout,
    /// `http.in_flight_max`.
    InFlightMax,
    /// `shutdown.grace`.
    Grace,
    /// The organisation's own idle timeout.
    OrganisationTimeout,
}

/// The value of a setting.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SettingValue {
    /// A duration.
    Time(Duration),
    /// A number.
    Count(u32),
}

/// The values that are enough.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// This value and less.
    AtMost(SettingValue),
    /// This value and more.
    AtLeast(SettingValue),
}

/// A change of one setting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Remedy {
    /// The setting to change.
    pub setting: Setting,
    /// The values that are enough.
    pub bound: Bound,
}

impl Remedy {
    /// Returns the change that satisfies both remedies; `None` if they are of different kinds.
    #[must_use]
    pub fn and(self, other: Self) -> Option<Self> {
        let bound = match (self.bound, other.bound) {
            (Bound::AtMost(one), Bound::AtMost(two)) => Bound::AtMost(one.min(two)),
            (Bound::AtLeast(one), Bound::AtLeast(two)) => Bound::AtLeast(one.max(two)),
            (Bound::AtMost(_), Bound::AtLeast(_)) | (Bound::AtLeast(_), Bound::AtMost(_)) => {
                return None;
            }
        };
        (self.setting == other.setting).then_some(Self { bound, ..self })
    }
}
