//! The client of the Genesys Cloud Tokens API: the only place that knows URLs, headers and status
//! codes.
//!
//! It never decides on the next request, never retries and never follows a redirect. An answer
//! becomes a verdict in [`verdict`](fn@verdict), which is pure; [`Client`] fetches answers and
//! passes them there, so that the answers of a simulated server and a real one are evaluated by
//! the same code.
//!
//! Invariant: neither a token nor a URL is in any error, log line or `Debug` of this module. A
//! token leaves it in one place, the `Authorization` header.

mod verdict;

mod bodies;
mod field;
mod time;

mod addresses;
mod call;
mod client;
mod failure;
mod receive;
mod redact;
mod route;
mod trust;

mod login;
mod operations;
mod probe;

pub use bodies::{ErrorBody, Group, IdleTokenTimeout, NamedEntity, OAuthClient, TokenInfo};
pub use call::{NotAUserId, Preserve, UserId};
pub use client::Client;
pub use login::{Minted, minted};
pub use operations::{CallError, Reply};
pub use probe::{Certificate, HostProbe, Prober, TrustSource};
pub use receive::BODY_MAX;
pub use redact::Redactor;
pub use route::{ConnectError, Route, reach, resolve, route};
pub use trust::BuildError;
pub use verdict::{Answer, verdict};

#[cfg(fuzzing)]
pub(crate) use time::http_date;
