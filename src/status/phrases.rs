//! Turns facts into phrases for people, with pure functions.
//!
//! A phrase must never claim more than is known. It names the remedy where there is one. It begins
//! in lower case and has no full stop, so that it reads well after a colon.

mod advice;
mod death;
mod duration;
mod incident;
mod known;
mod next;
mod remedy;
mod renewal;
mod standing;
mod timeline;

use std::error::Error;
use std::fmt::{self, Write as _};

pub(crate) use advice::OF_EXCLUSION;
pub use advice::advice;
pub use death::{death, death_of, refused_by, region_question};
pub use duration::{HumanDuration, human_duration};
pub use incident::{cause, incident, incident_over, incident_remedy, incident_worse, title};
pub use known::{known, remedies};
pub use next::next;
pub use remedy::{Pickup, after_death, new_token, reason, remedy};
pub(crate) use renewal::{
    OF_CLIENT_END, client_end, earlier_ended, issuer_mismatch, mint_failure, mint_remedy,
};
pub use standing::{standing, standing_of};
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
