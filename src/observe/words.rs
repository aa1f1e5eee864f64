//! How things are said to people: pure functions from what is known to a phrase.
//!
//! A phrase says what is known, does not say what is not, and names what can be
//! done. It begins in lower case and has no full stop, so that it reads well after
//! a colon.

mod advice;
mod course;
mod death;
mod duration;
mod known;
mod next;
mod remedy;
mod standing;

use std::error::Error;
use std::fmt::{self, Write as _};

pub use advice::advice;
pub(super) use advice::{OF_EXCLUSION, is_excluded};
pub use course::{change, end, ended, fact};
pub use death::{death, refused_by};
pub use duration::{Lasting, lasting};
pub use known::{known, remedies};
pub use next::next;
pub use remedy::{after_death, new_token, obstacle, remedy};
pub use standing::standing;

/// An error and what caused it, in one line.
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

/// Says more.
pub(crate) fn append(said: &mut String, more: fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _always = said.write_fmt(more);
}
