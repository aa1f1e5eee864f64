//! The bodies of the API, read in a way that an invalid field never affects the others.
//!
//! Each is the JSON object as received, with methods for the known fields; unknown fields are
//! kept.

mod error_body;
mod idle_token_timeout;
mod token_info;

pub use error_body::ErrorBody;
pub use idle_token_timeout::{Group, IdleTokenTimeout};
pub use token_info::{NamedEntity, OAuthClient, TokenInfo};
