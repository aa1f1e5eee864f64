//! The secret, its fingerprint, and where it comes from.

mod fingerprint;
mod secret;
mod source;

pub use fingerprint::Fingerprint;
pub use secret::{NotAToken, TOKEN_LENGTH_MAX, Token};
pub use source::Source;
