//! Turns facts into phrases for people, with pure functions.
//!
//! A phrase must never claim more than is known. It names the remedy where there is one. It begins
//! in lower case and has no full stop, so that it reads well after a colon.

mod death;
mod incident;
mod known;
mod remedy;
mod renewal;
mod standing;
mod timeline;

use std::error::Error;
use std::fmt::{self, Write as _};
use std::time::Duration;

pub use death::{death, death_of, refused_by, region_question};
pub use incident::{cause, incident, incident_over, incident_remedy, incident_worse, title};
pub use known::{known, remedies};
pub(crate) use remedy::OF_EXCLUSION;
pub use remedy::{Pickup, advice, after_death, new_token, reason, remedy};
pub(crate) use renewal::{
    OF_CLIENT_END, client_end, earlier_ended, issuer_mismatch, mint_failure, mint_remedy,
};
pub use standing::{next, standing, standing_of};
pub use timeline::{change, end, ended, timeline_event};

/// Displays an error and its causes in one line.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a>(pub &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0, formatter)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(formatter, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// A duration that is displayed with two units at most: `7m 12s`, `1h 5m`, `under 1s` or `2d 3h`.
///
/// A displayed duration is never longer than the actual one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HumanDuration(Duration);

const DAY: Duration = Duration::from_secs(86_400);

/// The units with their lengths in seconds.
const UNITS: [(u64, char); 4] = [(86_400, 'd'), (3600, 'h'), (60, 'm'), (1, 's')];

impl fmt::Display for HumanDuration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let Some(first) = UNITS.iter().position(|(length, _)| *length <= seconds) else {
            return formatter.write_str(if self.0.is_zero() { "0s" } else { "under 1s" });
        };
        let (length, unit) = UNITS[first];
        write!(formatter, "{}{unit}", seconds / length)?;
        match UNITS.get(first + 1) {
            Some((smaller, unit)) if seconds % length >= *smaller => {
                write!(formatter, " {}{unit}", seconds % length / smaller)
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Returns the duration in its display form, which is cut after the second unit and not rounded.
#[must_use]
pub fn human_duration(duration: Duration) -> HumanDuration {
    HumanDuration(duration)
}

/// Returns for how long a rate limit lasts, by the wait that the API asks for: `for another 42s`,
/// `for more than a day`, or `for now` if it asks for none.
pub(crate) fn for_how_long(retry_after: Option<Duration>) -> String {
    match retry_after {
        None | Some(Duration::ZERO) => "for now".to_owned(),
        // No limit of the API is longer than a day, so a longer wait is not to be taken literally.
        Some(wait) if wait > DAY => "for more than a day".to_owned(),
        Some(wait) => format!("for another {}", human_duration(wait)),
    }
}

/// Returns the number with its noun, in the plural unless it is one.
pub(crate) fn counted<N>(count: N, noun: &str) -> String
where
    N: Copy + fmt::Display + PartialEq + From<u8>,
{
    counted_as(count, noun, &format!("{noun}s"))
}

/// Returns the number with its noun, whose plural does not merely add an `s`.
pub(crate) fn counted_as<N>(count: N, singular: &str, plural: &str) -> String
where
    N: Copy + fmt::Display + PartialEq + From<u8>,
{
    let noun = if count == N::from(1) {
        singular
    } else {
        plural
    };
    format!("{count} {noun}")
}

/// Appends formatted text to a string.
pub(crate) fn append(text: &mut String, more: fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _always = text.write_fmt(more);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_of_zero_is_not_named_and_one_beyond_a_day_is_not_counted() {
        for (seconds, text) in [
            (0, "for now"),
            (42, "for another 42s"),
            (86_400, "for another 1d"),
            (86_401, "for more than a day"),
            (u64::MAX, "for more than a day"),
        ] {
            let wait = Duration::from_secs(seconds);
            assert_eq!(for_how_long(Some(wait)), text);
        }
        assert_eq!(for_how_long(None), "for now");
    }

    #[test]
    fn a_duration_has_two_units_at_the_most() {
        for (milliseconds, text) in [
            (0, "0s"),
            (1, "under 1s"),
            (999, "under 1s"),
            (1_999, "1s"),
            (59_999, "59s"),
            (60_000, "1m"),
            (432_000, "7m 12s"),
            (3_599_999, "59m 59s"),
            (3_605_000, "1h"),
            (3_900_000, "1h 5m"),
            (86_399_000, "23h 59m"),
            (86_400_000, "1d"),
            (183_600_000, "2d 3h"),
        ] {
            let duration = Duration::from_millis(milliseconds);
            assert_eq!(human_duration(duration).to_string(), text);
        }
        assert_eq!(
            human_duration(Duration::MAX).to_string(),
            "213503982334601d 7h"
        );
    }
}
