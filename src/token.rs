//! Tokens: the secret, its fingerprint, and the sources that provide it.
//!
//! A [`Reader`] reads the token from its [`Source`]; a [`Watch`] reports the files to be read
//! again; a [`Listing`] names the files of a directory. None of them depends on the use of a
//! token, and none ever shows one: errors name the place and the reason.

mod command;
mod content;
mod debounce;
mod file;
mod listing;
mod profile;
mod read;
mod secret;
mod shape;
mod sink;
mod source;
mod watch;

pub use content::ReportedExpiry;
pub(crate) use content::seconds as lifetime;
pub use debounce::{DEBOUNCE, PATIENCE, ReadState};
pub use file::{FileState, Warning};
pub use listing::{DirectoryId, LISTED_MAX, Listing, ListingError};
pub(crate) use profile::printable;
pub use profile::{Environment, Profile, ProfileProblem, environment};
pub use read::{COMMAND_TIME_LIMIT, ClientCredentials, Read, Reader};
pub(crate) use secret::wipe_stack;
pub use secret::{Fingerprint, NotAToken, TOKEN_LENGTH_MAX, Token};
pub use shape::Shape;
pub use sink::{SESSION_PLACEHOLDER, Sink, SinkContent, SinkError, SinkFormat, SinkState};
pub(crate) use source::{CLIENT_ID_LENGTH_MAX, is_client_id};
pub use source::{ClientSource, Denied, MintSource, Source, SourceError};
pub use watch::{FileChange, ProbeJob, ProbedPath, Settled, Watch, WatchTrouble, Watched};

pub use crate::sys::files::NoAnswer;
