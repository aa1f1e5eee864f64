//! The bodies of the API, read so that no single field can spoil the rest.
//!
//! Each is the JSON object as it came, with names for the fields we know:
//! what we do not know is neither lost nor in the way.

mod error_body;
mod idle_token_timeout;
mod token_info;

pub use error_body::ErrorBody;
pub use idle_token_timeout::{Group, IdleTokenTimeout};
pub use token_info::{Named, OAuthClient, TokenInfo};
