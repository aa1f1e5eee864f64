//! When a touch is due: the margin before the idle deadline, and the jitter that draws it earlier.

use std::time::Duration;

/// How long before the idle deadline we act.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Margin {
    /// A share of the idle timeout in percent, 1 to 90.
    Percent(u8),
    /// A fixed time, shorter than the idle timeout.
    Time(Duration),
}

impl Default for Margin {
    fn default() -> Self {
        Self::Percent(50)
    }
}
