//! The secret, its fingerprint, and where it comes from.
//!
//! A [`Reader`] brings the token from its [`Source`]; a [`Watch`] says when a
//! file should be read again; a [`Listing`] names the files of a directory. Neither knows what a token is used for, and
//! neither ever shows one: errors name the place and the reason.

mod command;
mod error;
mod file;
mod fingerprint;
mod listing;
mod read;
mod route;
mod secret;
mod settle;
mod source;
mod watch;

pub use error::SourceError;
pub use file::{Identity, Warning};
pub use fingerprint::Fingerprint;
pub use listing::{DirectoryId, LISTED_MAX, Listing, ListingError};
pub use read::{COMMAND_TIME_LIMIT, Read, Reader};
pub use secret::{NotAToken, TOKEN_LENGTH_MAX, Token};
pub use settle::{DEBOUNCE, Finding, PATIENCE};
pub use source::Source;
pub use watch::{Change, Watch, WatchTrouble, Watched};
