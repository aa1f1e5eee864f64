//! The secret, its fingerprint, and where it comes from.
//!
//! A [`Reader`] brings the token from its [`Source`]. It does not know what a
//! token is used for and never shows one: errors name the place and the reason.

mod command;
mod error;
mod file;
mod fingerprint;
mod read;
mod secret;
mod source;

pub use error::SourceError;
pub use file::{Identity, Warning};
pub use fingerprint::Fingerprint;
pub use read::{COMMAND_TIME_LIMIT, Read, Reader};
pub use secret::{NotAToken, TOKEN_LENGTH_MAX, Token};
pub use source::Source;
