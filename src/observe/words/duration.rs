//! Durations for people: two units at the most, and never more than there is.

use std::fmt;
use std::time::Duration;

/// A duration that shows itself as `7 m 12 s`, `1 h 5 m`, `450 ms` or `2 d 3 h`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lasting(Duration);

/// The duration for people. What is smaller than the second unit is cut, not rounded.
#[must_use]
pub fn lasting(duration: Duration) -> Lasting {
    Lasting(duration)
}

impl fmt::Display for Lasting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
        if days > 0 {
            two(formatter, (days, "d"), (hours % 24, "h"))
        } else if hours > 0 {
            two(formatter, (hours, "h"), (minutes % 60, "m"))
        } else if minutes > 0 {
            two(formatter, (minutes, "m"), (seconds % 60, "s"))
        } else if seconds > 0 || self.0.is_zero() {
            write!(formatter, "{seconds} s")
        } else if self.0.subsec_millis() > 0 {
            write!(formatter, "{} ms", self.0.subsec_millis())
        } else {
            formatter.write_str("under 1 ms")
        }
    }
}

fn two(
    formatter: &mut fmt::Formatter<'_>,
    (first, first_unit): (u64, &str),
    (second, second_unit): (u64, &str),
) -> fmt::Result {
    write!(formatter, "{first} {first_unit}")?;
    if second > 0 {
        write!(formatter, " {second} {second_unit}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_two_units_at_the_most() {
        for (milliseconds, said) in [
            (0, "0 s"),
            (1, "1 ms"),
            (450, "450 ms"),
            (999, "999 ms"),
            (1_999, "1 s"),
            (59_999, "59 s"),
            (60_000, "1 m"),
            (432_000, "7 m 12 s"),
            (3_599_999, "59 m 59 s"),
            (3_605_000, "1 h"),
            (3_900_000, "1 h 5 m"),
            (86_399_000, "23 h 59 m"),
            (86_400_000, "1 d"),
            (183_600_000, "2 d 3 h"),
        ] {
            let duration = Duration::from_millis(milliseconds);
            assert_eq!(lasting(duration).to_string(), said);
        }
        assert_eq!(
            lasting(Duration::from_nanos(999_999)).to_string(),
            "under 1 ms"
        );
        assert_eq!(lasting(Duration::MAX).to_string(), "213503982334601 d 7 h");
    }
}
