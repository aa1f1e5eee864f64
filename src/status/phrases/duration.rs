//! Formats durations for people, with two units at most.
//!
//! A displayed duration is never longer than the actual one.

use std::fmt;
use std::time::Duration;

/// A duration that is displayed as `7m 12s`, `1h 5m`, `under 1s` or `2d 3h`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HumanDuration(Duration);

/// Returns the duration in its display form, which is cut after the second unit and not rounded.
#[must_use]
pub fn human_duration(duration: Duration) -> HumanDuration {
    HumanDuration(duration)
}

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

#[cfg(test)]
mod tests {
    use super::*;

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
